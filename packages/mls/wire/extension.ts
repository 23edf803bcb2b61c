import {
  type Codec,
  limited,
  type NamedCodec,
  opaque,
  struct,
  uint16,
  vector,
} from "../codec/codec.ts";
import { checked, decodeExact, encode } from "../codec/codec.ts";
import { CAPABILITIES_COUNT_MAX, EXTENSION_BYTES_MAX, EXTENSIONS_COUNT_MAX } from "./limits.ts";

/** IANA "MLS Extension Types" (RFC 9420 §17.3, draft-ietf-mls-extensions §7.2). */
export const EXTENSION_TYPE = {
  applicationId: 0x0001,
  ratchetTree: 0x0002,
  requiredCapabilities: 0x0003,
  externalPub: 0x0004,
  externalSenders: 0x0005,
  /** Marks a KeyPackage that may be used more than once (draft-ietf-mls-extensions §5.4). */
  lastResortKeyPackage: 0x000a,
} as const;

/** Every client supports these; capabilities do not list them (RFC 9420 §7.2). */
export const DEFAULT_EXTENSION_TYPES: ReadonlySet<number> = new Set([1, 2, 3, 4, 5]);

/** RFC 9420 §7.2 */
export interface Extension {
  readonly extensionType: number;
  readonly extensionData: Uint8Array;
}

const extension = struct<Extension>("Extension", {
  extensionType: uint16,
  extensionData: opaque,
});

/** Of a leaf, KeyPackage or group context. */
export const extensions = extensionList(limited(extension, { bytesMax: EXTENSION_BYTES_MAX }));

/** Of a GroupInfo: its ratchet tree is as long as the message lets it. */
export const groupInfoExtensions = extensionList(extension);

/** A list of extensions has at most one of each type (RFC 9420 §13.4). */
function extensionList(each: Codec<Extension>): NamedCodec<readonly Extension[]> {
  const list = checked(
    vector(each, { countMax: EXTENSIONS_COUNT_MAX }),
    (list) =>
      new Set(list.map(({ extensionType }) => extensionType)).size === list.length
        ? undefined
        : "an extension type is there twice",
  );
  return { name: "extensions", ...list };
}

/** The data of the extension of that type, or undefined. */
export function findExtension(
  list: readonly Extension[],
  extensionType: number,
): Uint8Array | undefined {
  return list.find((each) => each.extensionType === extensionType)?.extensionData;
}

/** RFC 9420 §11.1 */
export interface RequiredCapabilities {
  readonly extensionTypes: readonly number[];
  readonly proposalTypes: readonly number[];
  readonly credentialTypes: readonly number[];
}

const typeList = vector(uint16, { countMax: CAPABILITIES_COUNT_MAX });

const requiredCapabilities = struct<RequiredCapabilities>("RequiredCapabilities", {
  extensionTypes: typeList,
  proposalTypes: typeList,
  credentialTypes: typeList,
});

/** For a GroupContext. */
export function requiredCapabilitiesExtension(required: RequiredCapabilities): Extension {
  return {
    extensionType: EXTENSION_TYPE.requiredCapabilities,
    extensionData: encode(requiredCapabilities, required),
  };
}

/** @throws MessengerError `malformed` */
export function findRequiredCapabilities(
  list: readonly Extension[],
): RequiredCapabilities | undefined {
  const data = findExtension(list, EXTENSION_TYPE.requiredCapabilities);
  if (data === undefined) return undefined;
  return decodeExact(requiredCapabilities, data, { bytesMax: data.length });
}

/** RFC 9420 §12.4.3.2 */
interface ExternalPub {
  readonly externalPub: Uint8Array;
}

const externalPub = struct<ExternalPub>("ExternalPub", { externalPub: opaque });

/** For a GroupInfo. */
export function externalPubExtension(publicKey: Uint8Array): Extension {
  return {
    extensionType: EXTENSION_TYPE.externalPub,
    extensionData: encode(externalPub, { externalPub: publicKey }),
  };
}

/** @throws MessengerError `malformed` */
export function findExternalPub(list: readonly Extension[]): Uint8Array | undefined {
  const data = findExtension(list, EXTENSION_TYPE.externalPub);
  if (data === undefined) return undefined;
  return decodeExact(externalPub, data, { bytesMax: data.length }).externalPub;
}
