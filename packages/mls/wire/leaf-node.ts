import {
  type Codec,
  limited,
  type NamedCodec,
  opaque,
  select,
  struct,
  uint16,
  uint64,
  uint8,
  vector,
} from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import { type Extension, extensions } from "./extension.ts";
import { CAPABILITIES_COUNT_MAX, CERTIFICATES_COUNT_MAX } from "./limits.ts";
import { CREDENTIAL_BYTES_MAX, LEAF_NODE_BYTES_MAX } from "./limits.ts";

/** IANA "MLS Credential Types" (RFC 9420 §17.5). */
export const CREDENTIAL_TYPE = { basic: 0x0001, x509: 0x0002 } as const;

/**
 * Who a client says it is (RFC 9420 §5.3). What it means is for the application's authentication
 * service. A type that this library doesn't know carries `opaque data<V>`.
 */
export type Credential =
  | { readonly kind: "basic"; readonly identity: Uint8Array }
  | { readonly kind: "x509"; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: "other"; readonly credentialType: number; readonly data: Uint8Array };

/** The number of a credential's type. */
export function credentialTypeOf(credential: Credential): number {
  return credential.kind === "other" ? credential.credentialType : CREDENTIAL_TYPE[credential.kind];
}

const certificates = vector(opaque, { countMax: CERTIFICATES_COUNT_MAX });

const anyCredential: NamedCodec<Credential> = {
  name: "Credential",
  encode: (writer, value) => {
    writer.uint16(credentialTypeOf(value));
    if (value.kind === "basic") writer.opaque(value.identity);
    else if (value.kind === "x509") certificates.encode(writer, value.certificates);
    else writer.opaque(value.data);
  },
  decode: (reader) => {
    const credentialType = reader.uint16();
    if (credentialType === CREDENTIAL_TYPE.basic) {
      return { kind: "basic", identity: opaque.decode(reader) };
    }
    if (credentialType === CREDENTIAL_TYPE.x509) {
      return { kind: "x509", certificates: certificates.decode(reader) };
    }
    return { kind: "other", credentialType, data: opaque.decode(reader) };
  },
};

export const credential = limited(anyCredential, { bytesMax: CREDENTIAL_BYTES_MAX });

/** What a client supports; unknown values are ignored (RFC 9420 §7.2, §13.5). */
export interface Capabilities {
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  readonly extensions: readonly number[];
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

const typeList = vector(uint16, { countMax: CAPABILITIES_COUNT_MAX });

export const capabilities = struct<Capabilities>("Capabilities", {
  versions: typeList,
  cipherSuites: typeList,
  extensions: typeList,
  proposals: typeList,
  credentials: typeList,
});

/** Seconds since 1970-01-01 UTC (RFC 9420 §7.2). */
export interface Lifetime {
  readonly notBefore: bigint;
  readonly notAfter: bigint;
}

export const lifetime = struct<Lifetime>("Lifetime", { notBefore: uint64, notAfter: uint64 });

/** How a leaf node came into the tree (RFC 9420 §7.2). */
export type LeafNodeSource =
  | { readonly kind: "key-package"; readonly lifetime: Lifetime }
  | { readonly kind: "update" }
  | { readonly kind: "commit"; readonly parentHash: Uint8Array };

const leafNodeSource = select<LeafNodeSource>("LeafNodeSource", uint8, {
  "key-package": { tag: 1, fields: { lifetime } },
  "update": { tag: 2, fields: {} },
  "commit": { tag: 3, fields: { parentHash: opaque } },
});

/** A LeafNode before it is signed. */
export interface UnsignedLeafNode {
  readonly encryptionKey: Uint8Array;
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
  readonly capabilities: Capabilities;
  readonly source: LeafNodeSource;
  readonly extensions: readonly Extension[];
}

/** One member's place in the tree (RFC 9420 §7.2). */
export interface LeafNode extends UnsignedLeafNode {
  readonly signature: Uint8Array;
}

const unsignedFields: { readonly [Name in keyof UnsignedLeafNode]: Codec<UnsignedLeafNode[Name]> } =
  {
    encryptionKey: opaque,
    signatureKey: opaque,
    credential,
    capabilities,
    source: leafNodeSource,
    extensions,
  };

const unsignedLeafNode = struct<UnsignedLeafNode>("LeafNode", unsignedFields);

export const leafNode = limited(
  struct<LeafNode>("LeafNode", { ...unsignedFields, signature: opaque }),
  { bytesMax: LEAF_NODE_BYTES_MAX },
);

/**
 * LeafNodeTBS: what the member signs. A leaf that was made for a group is bound to it and to its
 * place there (RFC 9420 §7.2).
 * @param place ignored for the source `key-package`
 */
export function leafNodeToBeSigned(
  leaf: UnsignedLeafNode,
  place: { readonly groupId: Uint8Array; readonly leafIndex: number } | undefined,
): Uint8Array {
  const writer = new Writer();
  unsignedLeafNode.encode(writer, leaf);
  if (leaf.source.kind !== "key-package" && place !== undefined) {
    writer.opaque(place.groupId);
    writer.uint32(place.leafIndex);
  }
  return writer.finish();
}
