import { encode, opaque, struct, uint16 } from "./codec/codec.ts";
import type { Bytes, CipherSuite, HpkeCiphertext, HpkeInfo } from "./crypto/provider.ts";
import type { Random } from "@qpq/ports";

/** The functions of RFC 9420 §5 and §8 that put a label on what a primitive of the suite is used for. */

const PREFIX = "MLS 1.0 ";
const EMPTY = new Uint8Array();
const textEncoder = new TextEncoder();

function label(text: string): Uint8Array {
  return textEncoder.encode(text);
}

const refHashInput = struct<{ label: Uint8Array; value: Uint8Array }>("RefHashInput", {
  label: opaque,
  value: opaque,
});

/** `RefHash`, which takes its label whole (RFC 9420 §5.2). */
export function refHash(crypto: CipherSuite, wholeLabel: string, value: Uint8Array): Bytes {
  return crypto.hash(encode(refHashInput, { label: label(wholeLabel), value }));
}

/** `MakeKeyPackageRef` of an encoded KeyPackage (RFC 9420 §5.2). */
export function keyPackageReference(crypto: CipherSuite, encodedKeyPackage: Uint8Array): Bytes {
  return refHash(crypto, "MLS 1.0 KeyPackage Reference", encodedKeyPackage);
}

/** `MakeProposalRef` of an encoded AuthenticatedContent (RFC 9420 §5.2). */
export function proposalReference(crypto: CipherSuite, encodedContent: Uint8Array): Bytes {
  return refHash(crypto, "MLS 1.0 Proposal Reference", encodedContent);
}

const labeledContent = struct<{ label: Uint8Array; content: Uint8Array }>("SignContent", {
  label: opaque,
  content: opaque,
});

export type SignatureLabel =
  | "FramedContentTBS"
  | "LeafNodeTBS"
  | "KeyPackageTBS"
  | "GroupInfoTBS";

/** `SignWithLabel` (RFC 9420 §5.1.2). */
export function signWithLabel(
  crypto: CipherSuite,
  privateKey: Uint8Array,
  signed: { readonly label: SignatureLabel; readonly content: Uint8Array },
): Bytes {
  return crypto.sign(privateKey, signContent(signed));
}

/** `VerifyWithLabel` (RFC 9420 §5.1.2). */
export function verifyWithLabel(
  crypto: CipherSuite,
  publicKey: Uint8Array,
  signed: {
    readonly label: SignatureLabel;
    readonly content: Uint8Array;
    readonly signature: Uint8Array;
  },
): boolean {
  return crypto.verify(publicKey, signContent(signed), signed.signature);
}

function signContent(signed: { readonly label: string; readonly content: Uint8Array }): Uint8Array {
  return encode(labeledContent, { label: label(PREFIX + signed.label), content: signed.content });
}

const kdfLabel = struct<{ length: number; label: Uint8Array; context: Uint8Array }>("KDFLabel", {
  length: uint16,
  label: opaque,
  context: opaque,
});

/** `ExpandWithLabel` (RFC 9420 §8). */
export function expandWithLabel(
  crypto: CipherSuite,
  secret: Uint8Array,
  expanded: { readonly label: string; readonly context: Uint8Array; readonly length: number },
): Bytes {
  const { length, context } = expanded;
  const info = encode(kdfLabel, { length, label: label(PREFIX + expanded.label), context });
  return crypto.hkdfExpand(secret, info, length);
}

/** `DeriveSecret` (RFC 9420 §8). */
export function deriveSecret(crypto: CipherSuite, secret: Uint8Array, name: string): Bytes {
  return expandWithLabel(crypto, secret, {
    label: name,
    context: EMPTY,
    length: crypto.hashLength,
  });
}

/** `DeriveTreeSecret` (RFC 9420 §9.1). */
export function deriveTreeSecret(
  crypto: CipherSuite,
  secret: Uint8Array,
  derived: { readonly label: string; readonly generation: number; readonly length: number },
): Bytes {
  const context = new Uint8Array(4);
  new DataView(context.buffer).setUint32(0, derived.generation);
  return expandWithLabel(crypto, secret, { label: derived.label, context, length: derived.length });
}

const encryptContext = struct<{ label: Uint8Array; context: Uint8Array }>("EncryptContext", {
  label: opaque,
  context: opaque,
});

/** HPKE's `info` of `EncryptWithLabel`, hashed once for all who are encrypted to (RFC 9420 §5.1.3). */
export function prepareEncryption(
  crypto: CipherSuite,
  name: "UpdatePathNode" | "Welcome",
  context: Uint8Array,
): HpkeInfo {
  return crypto.prepareInfo(encode(encryptContext, { label: label(PREFIX + name), context }));
}

/** `EncryptWithLabel`, label and context prepared (RFC 9420 §5.1.3). */
export function encryptPrepared(
  crypto: CipherSuite,
  publicKey: Uint8Array,
  sealed: { readonly info: HpkeInfo; readonly plaintext: Uint8Array; readonly random: Random },
): Promise<HpkeCiphertext> {
  return crypto.hpkeSeal(publicKey, sealed);
}

/** `DecryptWithLabel`, label and context prepared: undefined when it was not made for this key. */
export function decryptPrepared(
  crypto: CipherSuite,
  privateKey: Uint8Array,
  sealed: {
    readonly info: HpkeInfo;
    readonly kemOutput: Uint8Array;
    readonly ciphertext: Uint8Array;
  },
): Promise<Bytes | undefined> {
  return crypto.hpkeOpen(privateKey, sealed);
}
