import type { CipherSuite } from "../crypto/provider.ts";
import type { GroupState } from "../group/state.ts";
import { CRYPTO } from "./members.ts";

interface Seen {
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** What an operation worked with. */
export interface Watch {
  readonly crypto: CipherSuite;
  /** The same state, its operations watched. */
  of(state: GroupState): GroupState;
  /** What is not zeros, and not reachable from what lives on; by the label that it was derived with. */
  leftBehind(...living: readonly unknown[]): readonly string[];
  /** Secrets seen so far. */
  readonly count: number;
}

/**
 * A suite that notes every secret that goes through it: what HKDF takes and gives, private keys,
 * what HPKE opens and exports.
 */
export function watch(): Watch {
  const seen: Seen[] = [];
  const note = <T extends Uint8Array | undefined>(label: string, bytes: T): T => {
    if (bytes !== undefined) seen.push({ label, bytes });
    return bytes;
  };
  const overrides: Partial<CipherSuite> = {
    hkdfExtract(salt, inputKeyMaterial) {
      note("salt", salt);
      note("input key material", inputKeyMaterial);
      return note("extracted", CRYPTO.hkdfExtract(salt, inputKeyMaterial));
    },
    hkdfExpand(pseudorandomKey, info, length) {
      const label = new TextDecoder().decode(info).replace(/[^ -~]/g, "");
      note(`before ${label}`, pseudorandomKey);
      return note(label, CRYPTO.hkdfExpand(pseudorandomKey, info, length));
    },
    async deriveKeyPair(inputKeyMaterial) {
      note("before a key pair", inputKeyMaterial);
      const keyPair = await CRYPTO.deriveKeyPair(inputKeyMaterial);
      note("derived key pair", keyPair.privateKey);
      return keyPair;
    },
    async generateHpkeKeyPair(random) {
      const keyPair = await CRYPTO.generateHpkeKeyPair(random);
      note("key pair", keyPair.privateKey);
      return keyPair;
    },
    async hpkeOpen(privateKey, sealed) {
      return note("opened", await CRYPTO.hpkeOpen(privateKey, sealed));
    },
    async hpkeExportSender(publicKey, exported) {
      const sent = await CRYPTO.hpkeExportSender(publicKey, exported);
      note("exported", sent.secret);
      return sent;
    },
    async hpkeExportReceiver(privateKey, exported) {
      return note("exported", await CRYPTO.hpkeExportReceiver(privateKey, exported));
    },
  };
  const crypto: CipherSuite = Object.assign(Object.create(CRYPTO), overrides);
  return {
    crypto,
    of: (state) => ({ ...state, crypto }),
    leftBehind(...living) {
      const held = reachableFrom(living);
      const left = seen.filter(({ bytes }) => !held.has(bytes) && bytes.some((byte) => byte !== 0));
      return [...new Set(left.map(({ label }) => label))];
    },
    get count() {
      return seen.length;
    },
  };
}

function reachableFrom(roots: readonly unknown[]): ReadonlySet<unknown> {
  const seen = new Set<unknown>(roots);
  for (const each of seen) {
    if (typeof each !== "object" || each === null || each instanceof Uint8Array) continue;
    if ("hkdfExpand" in each) continue;
    const inside = each instanceof Map ? each.values() : Object.values(each);
    for (const value of inside) seen.add(value);
  }
  return seen;
}
