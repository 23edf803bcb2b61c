import { assert, type ErrorCode, MessengerError } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { verifyWithLabel } from "../labels.ts";
import {
  DEFAULT_EXTENSION_TYPES,
  type Extension,
  findRequiredCapabilities,
  type RequiredCapabilities,
} from "../wire/extension.ts";
import { PROTOCOL_VERSION } from "../wire/key-package.ts";
import {
  credentialTypeOf,
  type LeafNode,
  type LeafNodeSource,
  leafNodeToBeSigned,
} from "../wire/leaf-node.ts";
import { DEFAULT_PROPOSAL_TYPES } from "../wire/proposal.ts";

/** What a group asks of each of its leaves, read once from its context (RFC 9420 §11.1, §13.4). */
export interface MemberRequirements {
  readonly groupId: Uint8Array;
  readonly required: RequiredCapabilities;
  /** Types of the group context's own extensions that are not default. */
  readonly contextExtensionTypes: readonly number[];
}

const NOTHING_REQUIRED: RequiredCapabilities = {
  extensionTypes: [],
  proposalTypes: [],
  credentialTypes: [],
};

/** @throws MessengerError `malformed` for an ill-formed `required_capabilities` */
export function memberRequirements(
  context: { readonly groupId: Uint8Array; readonly extensions: readonly Extension[] },
): MemberRequirements {
  return {
    groupId: context.groupId,
    required: findRequiredCapabilities(context.extensions) ?? NOTHING_REQUIRED,
    contextExtensionTypes: context.extensions
      .map((extension) => extension.extensionType)
      .filter((type) => !DEFAULT_EXTENSION_TYPES.has(type)),
  };
}

/**
 * A leaf on its own: signature, keys, and consistency with its capabilities (RFC 9420 §7.2, §7.3).
 * Clocks don't decide: a lifetime is checked where a key package is claimed or committed.
 * @param options.leafIndex where it stands; undefined inside a KeyPackage
 * @throws MessengerError `mls/invalid-leaf-node`, `mls/invalid-signature`
 */
export function validateLeaf(
  crypto: CipherSuite,
  leaf: LeafNode,
  options: {
    readonly groupId: Uint8Array | undefined;
    readonly leafIndex: number | undefined;
    /** Undefined where any may be: in a tree. */
    readonly source: LeafNodeSource["kind"] | undefined;
  },
): void {
  if (options.source !== undefined && leaf.source.kind !== options.source) {
    refuse(`its source is ${leaf.source.kind}, not ${options.source}`);
  }
  const { capabilities } = leaf;
  if (!capabilities.versions.includes(PROTOCOL_VERSION)) refuse("it does not support MLS 1.0");
  if (!capabilities.cipherSuites.includes(crypto.id)) refuse("it does not support the suite");
  if (!capabilities.credentials.includes(credentialTypeOf(leaf.credential))) {
    refuse("its capabilities lack its own credential type");
  }
  if (!supportsExtensions(leaf, leaf.extensions)) {
    refuse("its capabilities lack one of its own extensions");
  }
  if (!crypto.isHpkePublicKey(leaf.encryptionKey)) refuse("its encryption key is not one");
  if (!crypto.isSignaturePublicKey(leaf.signatureKey)) refuse("its signature key is not one");
  const { groupId, leafIndex } = options;
  const place = groupId === undefined || leafIndex === undefined
    ? undefined
    : { groupId, leafIndex };
  assert(
    place !== undefined || leaf.source.kind === "key-package",
    "a leaf that was made for a group is validated in its place",
  );
  const isSigned = verifyWithLabel(crypto, leaf.signatureKey, {
    label: "LeafNodeTBS",
    content: leafNodeToBeSigned(leaf, place),
    signature: leaf.signature,
  });
  if (!isSigned) {
    throw new MessengerError("mls/invalid-signature", "Cannot accept leaf node: wrong signature");
  }
}

/** Whether a leaf's capabilities have the types of all `extensions` (RFC 9420 §7.2). */
export function supportsExtensions(leaf: LeafNode, extensions: readonly Extension[]): boolean {
  const types = extensions.map((extension) => extension.extensionType);
  const supported = leaf.capabilities.extensions;
  return firstMissing(types, supported, DEFAULT_EXTENSION_TYPES) === undefined;
}

/**
 * Whether a leaf supports what the group requires (RFC 9420 §7.3, §11.1, §13.4).
 * @throws MessengerError `mls/invalid-leaf-node`
 */
export function validateSupport(leaf: LeafNode, requirements: MemberRequirements): void {
  const missing = missingSupport(leaf, requirements);
  if (missing !== undefined) refuse(missing);
}

/** What the group requires and the leaf lacks, in words; undefined when nothing. */
export function missingSupport(
  leaf: LeafNode,
  requirements: MemberRequirements,
): string | undefined {
  const { capabilities } = leaf;
  const { required, contextExtensionTypes } = requirements;
  const extension = firstMissing(
    [...required.extensionTypes, ...contextExtensionTypes],
    capabilities.extensions,
    DEFAULT_EXTENSION_TYPES,
  );
  if (extension !== undefined) return `it lacks the required extension type ${extension}`;
  const proposal = firstMissing(
    required.proposalTypes,
    capabilities.proposals,
    DEFAULT_PROPOSAL_TYPES,
  );
  if (proposal !== undefined) return `it lacks the required proposal type ${proposal}`;
  const credential = firstMissing(required.credentialTypes, capabilities.credentials);
  if (credential !== undefined) return `it lacks the required credential type ${credential}`;
  return undefined;
}

/** The first wanted type that is not supported; linear in both lists, which peers choose. */
function firstMissing(
  wanted: readonly number[],
  supported: readonly number[],
  always: ReadonlySet<number> = NO_TYPES,
): number | undefined {
  // One credential type, in most groups.
  if (wanted.length === 1) {
    const [type] = wanted as [number];
    return always.has(type) || supported.includes(type) ? undefined : type;
  }
  if (wanted.length === 0) return undefined;
  const known = new Set(supported);
  return wanted.find((type) => !always.has(type) && !known.has(type));
}

const NO_TYPES: ReadonlySet<number> = new Set();

/**
 * Every member supports the credential types of all (RFC 9420 §7.3).
 * @throws MessengerError with the code given
 */
export function validateCredentialTypes(leaves: readonly LeafNode[], code: ErrorCode): void {
  const inUse = [...new Set(leaves.map((leaf) => credentialTypeOf(leaf.credential)))];
  const lacksOne = leaves.some((leaf) =>
    firstMissing(inUse, leaf.capabilities.credentials) !== undefined
  );
  if (lacksOne) {
    throw new MessengerError(code, "Cannot accept members: one lacks a credential type in use");
  }
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-leaf-node", `Cannot accept leaf node: ${state}`);
}
