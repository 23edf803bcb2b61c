import { assert, MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import { membersOf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import { extensions as extensionsCodec } from "../wire/extension.ts";
import type { GroupInfo } from "../wire/group-info.ts";
import type { KeyPackage } from "../wire/key-package.ts";
import { credential as credentialCodec, type LeafNode, type Lifetime } from "../wire/leaf-node.ts";
import type { Proposal, ResumptionPskId } from "../wire/proposal.ts";
import { commitInEpoch, type CommitOptions, type CreatedCommit } from "./create-commit.ts";
import { createGroup } from "./create-group.ts";
import type { Identity } from "./identity.ts";
import type { Succession } from "./proposal-list.ts";
import { type GroupState, retire } from "./state.ts";

/** The group that another one follows. */
export interface Predecessor {
  /** For `reinit` the epoch that the ReInit began; for `branch` the one that it branches from. */
  readonly state: GroupState;
  /** The old group's tree. */
  readonly tree: RatchetTree;
  /** Leaves of equal names are one client's; default: those of equal credentials. */
  readonly clientName?: (leafNode: LeafNode) => string;
}

/** The old group as `joinGroup` wants it. */
export async function predecessorOf(
  state: GroupState,
  clientName: (leafNode: LeafNode) => string = encodedCredential,
): Promise<Predecessor> {
  return { state, tree: await state.tree.load(), clientName };
}

function encodedCredential({ credential }: LeafNode): string {
  return encode(credentialCodec, credential).toHex();
}

/**
 * A joiner's checks of a group that follows another, or should (RFC 9420 §11.2, §11.3, §12.4.3.1).
 * That the link is to the predecessor's group and epoch `lookUpPsks` has seen to.
 * @throws MessengerError `mls/invalid-welcome`
 */
export function validateSuccession(joined: {
  readonly succession: Succession;
  readonly groupInfo: GroupInfo;
  readonly tree: RatchetTree;
  readonly predecessor: Predecessor | undefined;
}): void {
  const { succession, predecessor } = joined;
  if (succession === undefined) {
    if (predecessor !== undefined) refuse("it does not follow the group that was expected");
    return;
  }
  if (predecessor === undefined) refuse("it follows a group that was not expected");
  const { groupContext } = joined.groupInfo;
  if (groupContext.epoch !== 1n) refuse("a group that follows another starts at epoch 1");
  const clientName = predecessor.clientName ?? encodedCredential;
  const clientsOf = (tree: RatchetTree): ReadonlySet<string> =>
    new Set(membersOf(tree).map(({ leafNode }) => clientName(leafNode)));
  const oldClients = clientsOf(predecessor.tree);
  const newClients = clientsOf(joined.tree);
  if (succession === "branch") {
    if (groupContext.cipherSuite !== predecessor.state.context.cipherSuite) {
      refuse("a branch changes the cipher suite");
    }
    if (!newClients.isSubsetOf(oldClients)) {
      refuse("a branch has a member that the old group has not");
    }
    return;
  }
  const { reinit } = predecessor.state;
  if (reinit === undefined) refuse("the old group was not reinitialised");
  const hasItsParameters = sameBytes(reinit.groupId, groupContext.groupId) &&
    reinit.version === groupContext.version &&
    reinit.cipherSuite === groupContext.cipherSuite &&
    sameBytes(
      encode(extensionsCodec, reinit.extensions),
      encode(extensionsCodec, groupContext.extensions),
    );
  if (!hasItsParameters) refuse("it has not the parameters of the ReInit");
  if (!oldClients.isSubsetOf(newClients)) refuse("a member of the old group is missing");
}

/** Who creates the new group, and who is in it. */
export type SuccessorOptions =
  & Omit<CommitOptions, "proposals" | "pending" | "identity" | "findPsks">
  & {
    readonly identity: Identity;
    readonly lifetime: Lifetime;
    /** Of all other members. */
    readonly keyPackages: readonly KeyPackage[];
  };

/**
 * The group that a ReInit asks for (RFC 9420 §11.2): created, and committed with all members and the
 * resumption key of the old one. `staged.next` is its epoch 1.
 * @param crypto the suite that the ReInit names
 */
export async function createSuccessor(
  crypto: CipherSuite,
  old: GroupState,
  options: SuccessorOptions,
): Promise<CreatedCommit> {
  const { reinit } = old;
  assert(reinit !== undefined, "a successor follows a group that was reinitialised");
  assert(reinit.cipherSuite === crypto.id, "a successor has the suite of the ReInit");
  const { groupId, extensions } = reinit;
  const group = await createGroup(crypto, { ...options, groupId, extensions });
  return await commitSuccession(group, old, { ...options, usage: "reinit" });
}

/** A new group of some members of an old one (RFC 9420 §11.3). `staged.next` is its epoch 1. */
export async function branchGroup(
  old: GroupState,
  options: SuccessorOptions & { readonly groupId?: Uint8Array },
): Promise<CreatedCommit> {
  const { extensions } = old.context;
  const group = await createGroup(old.crypto, { ...options, extensions });
  return await commitSuccession(group, old, { ...options, usage: "branch" });
}

async function commitSuccession(
  group: GroupState,
  old: GroupState,
  options: SuccessorOptions & { readonly usage: "reinit" | "branch" },
): Promise<CreatedCommit> {
  const { usage, identity: _identity, keyPackages, ...rest } = options;
  const psk: ResumptionPskId = {
    kind: "resumption",
    usage,
    pskGroupId: old.context.groupId,
    pskEpoch: old.context.epoch,
    pskNonce: options.random.bytes(group.crypto.hashLength),
  };
  const adds = keyPackages.map((keyPackage): Proposal => ({ kind: "add", keyPackage }));
  using refused = new DisposableStack();
  refused.defer(() => retire(group, undefined));
  const created = await commitInEpoch(
    group,
    { ...rest, proposals: [{ kind: "psk", psk }, ...adds] },
    { usage, old },
  );
  refused.move();
  // Nobody else has it.
  retire(group, created.state);
  return created;
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-welcome", `Cannot accept welcome: ${state}`);
}
