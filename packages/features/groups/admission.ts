/** What anyone can check of the public messages of a group: the server before it takes them in. */
import { compareKeys, MessengerError } from "@qpq/ports";
import {
  type CryptoProvider,
  EXTENSION_TYPE,
  externalCommitOf,
  findExtension,
  type GroupInfo,
  type LeafNode,
  membersOf,
  type MessageHeader,
  parseRatchetTree,
  type RatchetTree,
  verifyPublicMessage,
} from "@qpq/mls/public";

/** Whose leaf it is, as its credential says. */
export interface LeafOwner {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
  /** Of the device's certificate. */
  readonly generation: number;
}

/** Whose a leaf is; undefined when its credential is none of ours, or is not good. */
export type ReadLeaf = (leaf: LeafNode) => LeafOwner | undefined;

/** The device that sends something, as the server has authenticated it. */
export interface Sender {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly signatureKey: Uint8Array;
}

/** One epoch of a group, as its GroupInfo describes it. */
export interface PublicGroup {
  readonly context: GroupInfo["groupContext"];
  readonly tree: RatchetTree;
}

/** @throws MessengerError `mls/missing-tree`, `mls/invalid-tree`, `malformed` */
export function publicGroupOf(groupInfo: GroupInfo): PublicGroup {
  const tree = findExtension(groupInfo.extensions, EXTENSION_TYPE.ratchetTree);
  if (tree === undefined) {
    throw new MessengerError("mls/missing-tree", "Cannot read group: its tree is missing");
  }
  return { context: groupInfo.groupContext, tree: parseRatchetTree(tree) };
}

/**
 * Who may enter by external commit: the sending device itself, of an account that has a leaf already
 * (`options.isOpenTo`: or is one of the two sides of a direct message), of a generation not below any
 * leaf of its account; it removes at most its own old leaf and proposes nothing else.
 * @throws MessengerError `channels/external-commit-refused`; those of `verifyPublicMessage`
 */
export function checkExternalCommit(
  header: MessageHeader,
  options: {
    readonly crypto: CryptoProvider;
    readonly group: PublicGroup;
    readonly sender: Sender;
    readonly readLeaf: ReadLeaf;
    /** Whether the account may enter without a leaf of its own. */
    readonly isOpenTo: boolean;
  },
): void {
  const { crypto, group, sender, readLeaf } = options;
  const commit = externalCommitOf(header);
  if (commit === undefined) throw refusal("it is not an external commit");
  const { leafNode, proposals } = commit;
  const owner = ownerOf(leafNode, options);
  if (owner === undefined) throw refusal("its leaf is not the sending device's");
  const kinds = proposals.map((each) => each.kind === "proposal" ? each.proposal.kind : each.kind);
  const removals = kinds.filter((kind) => kind === "remove").length;
  const inits = kinds.filter((kind) => kind === "external-init").length;
  if (inits !== 1 || removals > 1 || inits + removals !== kinds.length) {
    throw refusal("it proposes more than to enter and to remove one old leaf");
  }
  const owned = membersOf(group.tree).flatMap(({ leafIndex, leafNode: leaf }) => {
    const other = readLeaf(leaf);
    return other !== undefined && same(other.accountId, sender.accountId)
      ? [{ leafIndex, ...other }]
      : [];
  });
  if (owned.length === 0 && !options.isOpenTo) throw refusal("its account has no leaf");
  if (owned.some(({ generation }) => generation > owner.generation)) {
    throw refusal("its generation is below another leaf's of its account");
  }
  const { removed } = commit;
  const isOwn = removed === undefined ||
    owned.some((leaf) => leaf.leafIndex === removed && same(leaf.deviceId, sender.deviceId));
  if (!isOwn) throw refusal("it removes the leaf of another device");
  verifyPublicMessage(crypto.cipherSuite(group.context.cipherSuite), header, group);
}

/**
 * A SelfRemove of the sending device (draft-ietf-mls-extensions §5.3): the only proposal that travels
 * alone. Its membership tag only members can check.
 * @throws MessengerError `channels/bad-message`; those of `verifyPublicMessage`
 */
export function checkSelfRemove(
  header: MessageHeader,
  options: {
    readonly crypto: CryptoProvider;
    readonly group: PublicGroup;
    readonly sender: Sender;
    readonly readLeaf: ReadLeaf;
  },
): void {
  const { crypto, group } = options;
  if (header.sender?.kind !== "member") throw badMessage("no member sends it");
  const leaf = group.tree.leaves[header.sender.leafIndex];
  if (leaf === undefined || ownerOf(leaf, options) === undefined) {
    throw badMessage("it is for the leaf of another device");
  }
  verifyPublicMessage(crypto.cipherSuite(group.context.cipherSuite), header, group);
}

/** Who owns the leaf, if that is the sending device. */
function ownerOf(
  leaf: LeafNode,
  options: { readonly sender: Sender; readonly readLeaf: ReadLeaf },
): LeafOwner | undefined {
  const { sender } = options;
  const owner = options.readLeaf(leaf);
  const isSenders = owner !== undefined && same(owner.accountId, sender.accountId) &&
    same(owner.deviceId, sender.deviceId) && same(leaf.signatureKey, sender.signatureKey);
  return isSenders ? owner : undefined;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return compareKeys(one, other) === 0;
}

function refusal(state: string): MessengerError {
  return new MessengerError(
    "channels/external-commit-refused",
    `Cannot enter by external commit: ${state}`,
  );
}

function badMessage(state: string): MessengerError {
  return new MessengerError("channels/bad-message", `Cannot accept SelfRemove: ${state}`);
}
