import { ascii, type Bytes, concat, uint16 } from "./bytes.ts";
import type { Kdf } from "./symmetric.ts";

/** LabeledExtract and LabeledExpand of HPKE (RFC 9180 §4), for one `suite_id`. */
export interface LabeledKdf {
  extract(salt: Uint8Array, label: string, inputKeyMaterial: Uint8Array): Bytes;
  expand(pseudorandomKey: Uint8Array, label: string, info: Uint8Array, length: number): Bytes;
}

const VERSION = ascii("HPKE-v1");

export function createLabeledKdf(kdf: Kdf, suiteId: Uint8Array): LabeledKdf {
  const heads = new Map<string, Bytes>();
  // The labels are HPKE's own few constants.
  const headOf = (label: string): Bytes => {
    const known = heads.get(label);
    if (known !== undefined) return known;
    const head = concat([VERSION, suiteId, ascii(label)]);
    heads.set(label, head);
    return head;
  };
  return {
    extract(salt, label, inputKeyMaterial) {
      const labeled = concat([headOf(label), inputKeyMaterial]);
      const pseudorandomKey = kdf.extract(salt, labeled);
      labeled.fill(0);
      return pseudorandomKey;
    },
    expand: (pseudorandomKey, label, info, length) =>
      kdf.expand(pseudorandomKey, concat([uint16(length), headOf(label), info]), length),
  };
}
