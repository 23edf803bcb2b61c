import { type Codec, constant, encode, limited, opaque, struct, uint16 } from "../codec/codec.ts";
import { type Extension, extensions } from "./extension.ts";
import { type LeafNode, leafNode } from "./leaf-node.ts";
import { KEY_PACKAGE_BYTES_MAX } from "./limits.ts";

/** `mls10`, the only version there is (RFC 9420 §6). */
export const PROTOCOL_VERSION = 1;

export const protocolVersion: Codec<typeof PROTOCOL_VERSION> = constant(uint16, PROTOCOL_VERSION);

/** A KeyPackage before it is signed. */
export interface UnsignedKeyPackage {
  readonly version: typeof PROTOCOL_VERSION;
  readonly cipherSuite: number;
  readonly initKey: Uint8Array;
  readonly leafNode: LeafNode;
  readonly extensions: readonly Extension[];
}

/** What a client publishes so that others can add it to a group (RFC 9420 §10). */
export interface KeyPackage extends UnsignedKeyPackage {
  readonly signature: Uint8Array;
}

const unsignedFields: {
  readonly [Name in keyof UnsignedKeyPackage]: Codec<UnsignedKeyPackage[Name]>;
} = {
  version: protocolVersion,
  cipherSuite: uint16,
  initKey: opaque,
  leafNode,
  extensions,
};

const unsignedKeyPackage = struct<UnsignedKeyPackage>("KeyPackage", unsignedFields);

export const keyPackage = limited(
  struct<KeyPackage>("KeyPackage", { ...unsignedFields, signature: opaque }),
  { bytesMax: KEY_PACKAGE_BYTES_MAX },
);

/** KeyPackageTBS (RFC 9420 §10). */
export function keyPackageToBeSigned(unsigned: UnsignedKeyPackage): Uint8Array {
  return encode(unsignedKeyPackage, unsigned);
}
