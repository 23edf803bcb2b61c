/** What commits say in the history. */
import {
  type CommitSummary,
  type GroupState,
  type Member,
  membersOf,
  type RatchetTree,
} from "@qpq/mls";
import { assert, compareKeys } from "@qpq/ports";
import type { Entry } from "../../features/channels/client.ts";
import type { LeafDevice } from "../../features/devices/credential.ts";
import { type CheckedContext, findConversationContext } from "../../features/groups/context.ts";
import { accountChanges, type GroupAccount } from "../../features/groups/members.ts";
import { membersAfter } from "../../features/groups/rules.ts";
import type { Draft } from "./draft.ts";
import type { Ground } from "./ground.ts";

/** Accounts of one conversation that are known to be only invited; the schema says the same. */
const INVITED_IDS_MAX = 1_024;

/** Says in the history what a commit has changed. */
export function noteChanges(
  ground: Ground,
  draft: Draft,
  { summary, before, atMs }: {
    readonly summary: CommitSummary;
    readonly before: GroupState;
    readonly atMs: number;
  },
): void {
  const { leaves } = ground;
  const members = membersOf(requireTree(before));
  const accountsBefore = leaves.accounts(members);
  const accountsAfter = leaves.accounts(membersAfter(members, summary));
  const changes = accountChanges(accountsBefore, accountsAfter);
  const by = leaves.open(summary.committer.leafNode);
  const entered = enteredDevices(ground, summary);
  draft.entered.push(...entered);
  // Under another account key than before, the committer is somebody to be looked at anew.
  const { committerBefore } = summary;
  if (
    committerBefore !== undefined && !same(leaves.open(committerBefore).accountKey, by.accountKey)
  ) {
    draft.entered.push(by);
  }
  noteInvited(ground, draft, changes);
  const added = namesOf(changes.added, accountsAfter);
  if (added.length > 0) {
    draft.note({ kind: "members-added", name: by.accountName, names: added }, atMs);
  }
  const selfRemoved = selfRemovedLeaves(summary);
  const isLeaver = (id: string): boolean =>
    accountsBefore.get(id)?.devices.some(({ leafIndex }) => selfRemoved.has(leafIndex)) === true;
  const left = namesOf(changes.removed.filter(isLeaver), accountsBefore);
  const removed = namesOf(changes.removed.filter((id) => !isLeaver(id)), accountsBefore);
  if (left.length > 0) draft.note({ kind: "members-left", names: left }, atMs);
  if (removed.length > 0) {
    draft.note({ kind: "members-removed", name: by.accountName, names: removed }, atMs);
  }
  // Whoever makes a conversation brings all its devices along: no news.
  if (summary.epoch > 0n) noteDevices(draft, { summary, entered, accountsBefore, atMs });
  noteAdmins(draft, { summary, by, accountsAfter, atMs });
}

/** Whoever is added to a group is asked: until it says something nobody knows what it thinks of that. */
function noteInvited(
  { own }: Ground,
  draft: Draft,
  { added, removed }: { readonly added: readonly string[]; readonly removed: readonly string[] },
): void {
  if (draft.record.kind !== "group") return;
  const invited = new Set(draft.record.invitedIds.map((id) => id.toHex()));
  for (const id of removed) invited.delete(id);
  for (const id of added) if (id !== own.accountId.toHex()) invited.add(id);
  const invitedIds = [...invited].slice(-INVITED_IDS_MAX).map((id) => Uint8Array.fromHex(id));
  draft.record = { ...draft.record, invitedIds };
}

/** An account speaks: it has accepted its invitation, if nobody knew that before. */
export function noteAccepted(
  draft: Draft,
  { accountId, accountName: name }: LeafDevice,
  atMs: number,
): void {
  const { invitedIds: before } = draft.record;
  const invitedIds = before.filter((id) => !same(id, accountId));
  if (invitedIds.length === before.length) return;
  draft.record = { ...draft.record, invitedIds };
  draft.note({ kind: "member-joined", name }, atMs);
}

/**
 * Says who came and who went while this device could not follow: nobody's removal is undone, and nobody is
 * let in, without a word.
 */
export function noteOthers(
  { leaves }: Ground,
  draft: Draft,
  { before, members, entry: { acceptedAtMs } }: {
    readonly before: readonly Member[];
    readonly members: readonly Member[];
    readonly entry: Entry;
  },
): void {
  const [accountsBefore, accountsAfter] = [leaves.accounts(before), leaves.accounts(members)];
  const changes = accountChanges(accountsBefore, accountsAfter);
  const added = namesOf(changes.added, accountsAfter);
  const removed = namesOf(changes.removed, accountsBefore);
  if (added.length > 0) draft.note({ kind: "members-added", names: added }, acceptedAtMs);
  if (removed.length > 0) draft.note({ kind: "members-removed", names: removed }, acceptedAtMs);
}

function selfRemovedLeaves({ proposals }: CommitSummary): ReadonlySet<number> {
  return new Set(
    proposals.flatMap(({ proposal, sender }) =>
      proposal.kind === "self-remove" && sender.kind === "member" ? [sender.leafIndex] : []
    ),
  );
}

/** New leaves, with the one of who entered by external commit. */
function enteredDevices(ground: Ground, summary: CommitSummary): readonly LeafDevice[] {
  const members: readonly Member[] = summary.sender.kind === "new-member-commit"
    ? [...summary.added, summary.committer]
    : summary.added;
  const indices = new Set<number>();
  return members.filter(({ leafIndex }) => !indices.has(leafIndex) && indices.add(leafIndex))
    .map(({ leafNode }) => ground.leaves.open(leafNode));
}

/** Another device of somebody who was there; one that only comes back is nothing new. */
function noteDevices(
  draft: Draft,
  { summary, entered, accountsBefore, atMs }: {
    readonly summary: CommitSummary;
    readonly entered: readonly LeafDevice[];
    readonly accountsBefore: ReadonlyMap<string, GroupAccount>;
    readonly atMs: number;
  },
): void {
  if (summary.sender.kind === "new-member-commit") draft.owesName = true;
  const names = new Set<string>();
  for (const device of entered) {
    const account = accountsBefore.get(device.accountId.toHex());
    const isBack = account?.devices.some((each) => same(each.device.deviceId, device.deviceId));
    if (account !== undefined && isBack !== true) names.add(device.accountName);
  }
  for (const name of names) draft.note({ kind: "device-added", name }, atMs);
}

function noteAdmins(
  draft: Draft,
  { summary, by, accountsAfter, atMs }: {
    readonly summary: CommitSummary;
    readonly by: LeafDevice;
    readonly accountsAfter: ReadonlyMap<string, GroupAccount>;
    readonly atMs: number;
  },
): void {
  const before = findConversationContext(summary.extensionsBefore);
  const after: CheckedContext = findConversationContext(summary.extensionsAfter);
  const isSame = before.admins.length === after.admins.length &&
    before.admins.every((id, index) => same(id, after.admins[index] as Uint8Array));
  if (isSame) return;
  const names = namesOf(after.admins.map((id) => id.toHex()), accountsAfter);
  draft.note({ kind: "admins-changed", name: by.accountName, names }, atMs);
}

function namesOf(
  ids: readonly string[],
  accounts: ReadonlyMap<string, GroupAccount>,
): readonly string[] {
  return ids.flatMap((id) => accounts.get(id)?.devices[0].device.accountName ?? []);
}

export function requireTree(state: GroupState): RatchetTree {
  assert(state.tree.loaded !== undefined, "a commit was made or processed with its tree");
  return state.tree.loaded;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return compareKeys(one, other) === 0;
}
