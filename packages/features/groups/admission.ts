/** What anyone can check of the public messages of a group: the server before it takes them in. */
import { compareKeys, MessengerError } from "@qpq/ports";
import {
  type CryptoProvider,
  decodeLeaves,
  EXTENSION_TYPE,
  externalCommitOf,
  findExtension,
  type GroupInfo,
  type LeafNode,
  type MessageHeader,
  verifyPublicMessage,
} from "@qpq/mls/public";

/** Whose leaf it is, as its credential says. */
export interface LeafOwner {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
  /** Of the device's certificate. */
  readonly generation: number;
}

/**
 * Leaves that may name one account: its devices', and those of devices that it has not any more.
 * Verifying one takes a fraction of a millisecond, and a tree has room for thousands.
 */
export const LEAVES_OF_ACCOUNT_MAX = 128;

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
  /** `ratchet_tree`, as it was encoded: what it says is for who looks at it to check. */
  readonly tree: Uint8Array;
}

/** @throws MessengerError `mls/missing-tree` */
export function publicGroupOf(groupInfo: GroupInfo): PublicGroup {
  const tree = findExtension(groupInfo.extensions, EXTENSION_TYPE.ratchetTree);
  if (tree === undefined) {
    throw new MessengerError("mls/missing-tree", "Cannot read group: its tree is missing");
  }
  return { context: groupInfo.groupContext, tree };
}

/**
 * Who may enter by external commit: the sending device itself, of an account that has a leaf already
 * (`options.isOpenTo`: or is one of the two sides of a direct message), of a generation not below any
 * leaf of its account; it removes at most its own old leaf and proposes nothing else.
 * @throws MessengerError `channels/external-commit-refused`, `malformed`; those of `verifyPublicMessage`
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
  const leaves = leavesNaming(sender.accountId, group.tree);
  const owned = leaves.flatMap((leaf, leafIndex) => {
    const other = leaf && readLeaf(leaf);
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
  const { context } = group;
  const cipherSuite = crypto.cipherSuite(context.cipherSuite);
  verifyPublicMessage(cipherSuite, header, { context, tree: { leaves } });
}

/**
 * A SelfRemove of the sending device (draft-ietf-mls-extensions §5.3): the only proposal that travels
 * alone. Its membership tag only members can check.
 * @throws MessengerError `channels/bad-message`, `malformed`; those of `verifyPublicMessage`
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
  const { crypto, group: { context, tree } } = options;
  if (header.sender?.kind !== "member") throw badMessage("no member sends it");
  const place = header.sender.leafIndex;
  const leaves = decodeLeaves(tree, ({ leafIndex }) => leafIndex === place);
  const leaf = leaves[place];
  if (leaf === undefined || ownerOf(leaf, options) === undefined) {
    throw badMessage("it is for the leaf of another device");
  }
  const cipherSuite = crypto.cipherSuite(context.cipherSuite);
  verifyPublicMessage(cipherSuite, header, { context, tree: { leaves } });
}

/** Leaves that have the account's id somewhere, by leaf index; no other is decoded. */
function leavesNaming(
  accountId: Uint8Array,
  tree: Uint8Array,
): readonly (LeafNode | undefined)[] {
  let count = 0;
  return decodeLeaves(tree, ({ bytes }) => {
    if (!contains(bytes, accountId)) return false;
    count += 1;
    if (count > LEAVES_OF_ACCOUNT_MAX) throw refusal("too many leaves name its account");
    return true;
  });
}

/** Whether `part` stands in one piece in it, as an id stands in a credential. */
function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  const first = part[0] as number;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (same(bytes.subarray(at, at + part.length), part)) return true;
  }
  return false;
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
