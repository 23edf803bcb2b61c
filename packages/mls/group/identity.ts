import type { Random } from "@qpq/ports";
import { encode, validateForReceivers } from "../codec/codec.ts";
import type { Bytes, CipherSuite, KeyPair } from "../crypto/provider.ts";
import { validateKeyPackageExtensions } from "../key-package.ts";
import { signLeaf } from "../keys/treekem.ts";
import { keyPackageReference, signWithLabel } from "../labels.ts";
import { type Extension, EXTENSION_TYPE } from "../wire/extension.ts";
import {
  type KeyPackage,
  keyPackage as keyPackageCodec,
  keyPackageToBeSigned,
  PROTOCOL_VERSION,
  type UnsignedKeyPackage,
} from "../wire/key-package.ts";
import { type Capabilities, type Credential, credentialTypeOf } from "../wire/leaf-node.ts";
import type { LeafNode, Lifetime } from "../wire/leaf-node.ts";
import { encodeMessage } from "../wire/framing.ts";
import { KEY_PACKAGE_BYTES_MAX } from "../wire/limits.ts";
import { PROPOSAL_TYPE } from "../wire/proposal.ts";

/** What a client says of itself in a leaf, and the key it signs with. */
export interface Identity {
  readonly credential: Credential;
  readonly signatureKeyPair: KeyPair;
  readonly capabilities: Capabilities;
  readonly extensions: readonly Extension[];
}

/** Values that nobody implements (RFC 9420 §13.5): 0x0A0A, 0x1A1A … 0xEAEA. */
export const GREASE_VALUES: readonly number[] = Array.from(
  { length: 15 },
  (_, index) => 0x0a0a + index * 0x1010,
);

/**
 * Capabilities of this library and what the application adds to them, with a GREASE value in each
 * list, so that peers that cannot ignore one are found early (RFC 9420 §13.5).
 */
export function createCapabilities(
  options: {
    readonly cipherSuites: readonly number[];
    readonly credentials: readonly number[];
    readonly extensions?: readonly number[];
    readonly proposals?: readonly number[];
    /** Undefined for no GREASE. */
    readonly random?: Random;
  },
): Capabilities {
  const grease = options.random === undefined ? [] : [randomGrease(options.random)];
  return {
    versions: [PROTOCOL_VERSION],
    cipherSuites: [...options.cipherSuites, ...grease],
    extensions: [
      EXTENSION_TYPE.lastResortKeyPackage,
      ...options.extensions ?? [],
      ...grease,
    ],
    proposals: [PROPOSAL_TYPE["self-remove"], ...options.proposals ?? [], ...grease],
    credentials: [...options.credentials, ...grease],
  };
}

function randomGrease(random: Random): number {
  const [byte] = random.bytes(1);
  return GREASE_VALUES[(byte as number) % GREASE_VALUES.length] as number;
}

/** An identity with this library's capabilities. */
export function createIdentity(
  crypto: CipherSuite,
  options: {
    readonly credential: Credential;
    readonly signatureKeyPair: KeyPair;
    readonly random: Random;
    readonly capabilities?: Capabilities;
    readonly extensions?: readonly Extension[];
  },
): Identity {
  const extensions = options.extensions ?? [];
  return {
    credential: options.credential,
    signatureKeyPair: options.signatureKeyPair,
    capabilities: options.capabilities ?? createCapabilities({
      cipherSuites: [crypto.id],
      credentials: [credentialTypeOf(options.credential)],
      extensions: extensions.map((extension) => extension.extensionType),
      random: options.random,
    }),
    extensions,
  };
}

/** A KeyPackage and the private keys that belong to it. */
export interface OwnKeyPackage {
  readonly keyPackage: KeyPackage;
  /** An MLSMessage, to be published. */
  readonly message: Bytes;
  /** KeyPackageRef, by which a Welcome names it (RFC 9420 §5.2). */
  readonly reference: Bytes;
  /** Destroyed after the join, unless the package is a last resort (RFC 9420 §10). */
  readonly initPrivateKey: Bytes;
  readonly encryptionPrivateKey: Bytes;
  readonly signaturePrivateKey: Bytes;
}

/**
 * A new KeyPackage (RFC 9420 §10).
 * @param options.lifetime seconds since 1970-01-01 UTC
 * @param options.lastResort marks it as usable more than once (draft-ietf-mls-extensions §5.4)
 * @throws MessengerError `malformed`, `too-large`: nobody could decode it;
 *   `mls/invalid-key-package`: the identity's capabilities lack an extension
 */
export async function createKeyPackage(
  crypto: CipherSuite,
  options: {
    readonly identity: Identity;
    readonly lifetime: Lifetime;
    readonly random: Random;
    readonly lastResort?: boolean;
    readonly extensions?: readonly Extension[];
  },
): Promise<OwnKeyPackage> {
  const { identity, random } = options;
  const initKeyPair = await crypto.generateHpkeKeyPair(random);
  const encryptionKeyPair = await crypto.generateHpkeKeyPair(random);
  using refused = new DisposableStack();
  for (const { privateKey } of [initKeyPair, encryptionKeyPair]) {
    refused.defer(() => crypto.destroyKey(privateKey));
  }
  const leafNode = leafOf(crypto, identity, {
    encryptionKey: encryptionKeyPair.publicKey,
    lifetime: options.lifetime,
  });
  const lastResort: readonly Extension[] = options.lastResort === true
    ? [{ extensionType: EXTENSION_TYPE.lastResortKeyPackage, extensionData: new Uint8Array() }]
    : [];
  const unsigned: UnsignedKeyPackage = {
    version: PROTOCOL_VERSION,
    cipherSuite: crypto.id,
    initKey: initKeyPair.publicKey,
    leafNode,
    extensions: [...lastResort, ...options.extensions ?? []],
  };
  validateKeyPackageExtensions(unsigned);
  const signature = signWithLabel(crypto, identity.signatureKeyPair.privateKey, {
    label: "KeyPackageTBS",
    content: keyPackageToBeSigned(unsigned),
  });
  const keyPackage = { ...unsigned, signature };
  validateForReceivers(keyPackageCodec, keyPackage, { bytesMax: KEY_PACKAGE_BYTES_MAX });
  refused.move();
  return {
    keyPackage,
    message: encodeMessage({ kind: "key-package", keyPackage }),
    reference: keyPackageReference(crypto, encode(keyPackageCodec, keyPackage)),
    initPrivateKey: initKeyPair.privateKey,
    encryptionPrivateKey: encryptionKeyPair.privateKey,
    signaturePrivateKey: identity.signatureKeyPair.privateKey,
  };
}

/** A leaf that comes from a KeyPackage: it is bound to no group. */
export function leafOf(
  crypto: CipherSuite,
  identity: Identity,
  options: { readonly encryptionKey: Uint8Array; readonly lifetime: Lifetime },
): LeafNode {
  return signLeaf(crypto, {
    encryptionKey: options.encryptionKey,
    signatureKey: identity.signatureKeyPair.publicKey,
    credential: identity.credential,
    capabilities: identity.capabilities,
    source: { kind: "key-package", lifetime: options.lifetime },
    extensions: identity.extensions,
  }, { groupId: EMPTY, leafIndex: 0, signaturePrivateKey: identity.signatureKeyPair.privateKey });
}

const EMPTY = new Uint8Array();
