/**
 * Which commits a conversation takes. Every answer depends on the commit's bytes and the state before
 * it alone, so that all members come to the same one: pins, clocks and lists have no say here.
 */
import {
  type CommitSummary,
  type EnteringCredential,
  type GroupState,
  type Member,
  membersOf,
  type Policy,
} from "@qpq/mls";
import { assert, compareKeys, MessengerError } from "@qpq/ports";
import type { LeafDevice } from "../devices/credential.ts";
import { decodeClaim } from "./claim.ts";
import {
  type CheckedContext,
  CONVERSATION_EXTENSION_TYPE,
  findConversationContext,
  isAdmin,
  sidesOf,
} from "./context.ts";
import { accountChanges, type GroupAccount, type LeafDevices } from "./members.ts";

/** Whether each credential is a device certificate of ours that is good; nobody else may enter. */
export function authenticateWith(
  leaves: LeafDevices,
): (entering: readonly EnteringCredential[]) => Promise<readonly boolean[]> {
  return (entering) =>
    Promise.resolve(entering.map(({ leafNode }) => {
      if (leafNode === undefined) return false;
      try {
        leaves.open(leafNode);
        return true;
      } catch (error) {
        if (error instanceof MessengerError) return false;
        throw error;
      }
    }));
}

/** Thrown and caught in this file: why a commit is refused. */
class Refusal extends Error {}

function refuse(state: string): never {
  throw new Refusal(state);
}

/** The policy for commits in the epoch of `state`. */
export function policyOf(state: GroupState, leaves: LeafDevices): Policy {
  return async (summary) => {
    const before = membersOf(await state.tree.load());
    try {
      judge(summary, { before, leaves });
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      if (error instanceof MessengerError) return error.code;
      throw error;
    }
  };
}

interface Before {
  readonly before: readonly Member[];
  readonly leaves: LeafDevices;
}

function judge(summary: CommitSummary, { before, leaves }: Before): void {
  const accountsBefore = leaves.accounts(before);
  const accountsAfter = leaves.accounts(membersAfter(before, summary));
  judgeClaim(summary, accountChanges(accountsBefore, accountsAfter));
  const context = findConversationContext(summary.extensionsBefore);
  const committer = leaves.open(summary.committer.leafNode);
  judgeExtensions(summary, context, committer);
  if (summary.sender.kind === "new-member-commit") {
    judgeEntry(summary, { context, committer, own: accountsBefore.get(hex(committer)), leaves });
    return;
  }
  assert(summary.committerBefore !== undefined, "nobody but members and who enters may commit");
  const earlier = leaves.open(summary.committerBefore);
  if (!isSameDevice(earlier, committer)) refuse("its leaf becomes another device's");
  judgeProposals(summary, { context, committer, leaves, accountsBefore });
}

/** Leaves after the commit: those that stay, those that changed, those that are new. */
export function membersAfter(
  before: readonly Member[],
  { removed, updated, added, committer }: Pick<
    CommitSummary,
    "removed" | "updated" | "added" | "committer"
  >,
): readonly Member[] {
  const members = new Map(before.map((member) => [member.leafIndex, member]));
  for (const { leafIndex } of removed) members.delete(leafIndex);
  for (const member of [...updated, ...added, committer]) members.set(member.leafIndex, member);
  return [...members.values()].toSorted((one, other) => one.leafIndex - other.leafIndex);
}

/** What the commit says to the server is what it does. */
function judgeClaim(
  summary: CommitSummary,
  changes: { readonly added: readonly string[]; readonly removed: readonly string[] },
): void {
  const claim = decodeClaim(summary.authenticatedData);
  const isSame = (claimed: readonly Uint8Array[], ids: readonly string[]): boolean => {
    const claimedIds = new Set(claimed.map((id) => id.toHex()));
    return claimedIds.size === ids.length && ids.every((id) => claimedIds.has(id));
  };
  if (!isSame(claim.added, changes.added) || !isSame(claim.removed, changes.removed)) {
    refuse("it says that other accounts come and go than do");
  }
}

/** The conversation stays what it is; its admins change by an admin's commit alone. */
function judgeExtensions(
  { extensionsBefore, extensionsAfter, sender }: CommitSummary,
  before: CheckedContext,
  committer: LeafDevice,
): void {
  if (extensionsBefore === extensionsAfter) return;
  const others = (extensions: CommitSummary["extensionsAfter"]) =>
    extensions.filter(({ extensionType }) => extensionType !== CONVERSATION_EXTENSION_TYPE);
  const [othersBefore, othersAfter] = [others(extensionsBefore), others(extensionsAfter)];
  const areSame = othersBefore.length === othersAfter.length &&
    othersBefore.every(({ extensionType, extensionData }, index) =>
      extensionType === othersAfter[index]?.extensionType &&
      isSame(extensionData, othersAfter[index].extensionData)
    );
  if (!areSame) refuse("it changes more than the conversation's admins");
  const after = findConversationContext(extensionsAfter);
  const isStill = sidesOf(before) === undefined && sidesOf(after) === undefined &&
    isSame(before.predecessor?.groupId, after.predecessor?.groupId);
  if (!isStill) refuse("it makes another conversation of this one");
  if (sender.kind !== "member" || !isAdmin(before, committer.accountId)) {
    refuse("who changes the admins is none");
  }
}

/** An external commit: a device of an account that is in, or may be, for itself alone. */
function judgeEntry(
  { proposals, removed }: CommitSummary,
  { context, committer, own, leaves }: {
    readonly context: CheckedContext;
    readonly committer: LeafDevice;
    readonly own: GroupAccount | undefined;
    readonly leaves: LeafDevices;
  },
): void {
  const kinds = proposals.map(({ proposal }) => proposal.kind);
  const removals = kinds.filter((kind) => kind === "remove").length;
  const inits = kinds.filter((kind) => kind === "external-init").length;
  const isAlone = inits === 1 && removals <= 1 && inits + removals === kinds.length &&
    proposals.every(({ byReference }) => !byReference);
  if (!isAlone) refuse("who enters proposes more than that");
  const isSide = sidesOf(context)?.some((id) => isSame(id, committer.accountId)) === true;
  if (own === undefined && !isSide) refuse("its account is not in the group");
  for (const { device } of own?.devices ?? []) {
    if (device.generation > committer.generation) refuse("its certificate is outdated");
  }
  if (own !== undefined) judgeKey(committer, own);
  for (const { leafNode } of removed) {
    if (!isSameDevice(leaves.open(leafNode), committer)) refuse("it removes another device");
  }
}

function judgeProposals(
  { proposals, added }: CommitSummary,
  { context, committer, leaves, accountsBefore }: {
    readonly context: CheckedContext;
    readonly committer: LeafDevice;
    readonly leaves: LeafDevices;
    readonly accountsBefore: ReadonlyMap<string, GroupAccount>;
  },
): void {
  const sides = sidesOf(context);
  const ownerOf = new Map(
    [...accountsBefore.values()].flatMap(({ devices }) =>
      devices.map(({ leafIndex, device }) => [leafIndex, device] as const)
    ),
  );
  for (const committed of proposals) {
    const { proposal } = committed;
    // Who makes one, and of what, MLS itself has checked.
    if (proposal.kind === "self-remove") continue;
    if (committed.byReference) refuse("proposals are committed by value");
    if (proposal.kind === "remove") {
      judgeRemoval(ownerOf.get(proposal.removed), { context, committer });
    } else if (proposal.kind !== "add" && proposal.kind !== "group-context-extensions") {
      refuse(`a ${proposal.kind} has no place here`);
    }
  }
  for (const { leafNode } of added) {
    const device = leaves.open(leafNode);
    if (sides !== undefined && !sides.some((id) => isSame(id, device.accountId))) {
      refuse("a direct message takes nobody in");
    }
    const own = accountsBefore.get(hex(device));
    // Packages from before a revocation stay good: whether a device is on the list is for who adds it.
    if (own !== undefined) judgeKey(device, own);
  }
}

function judgeRemoval(
  owner: LeafDevice | undefined,
  { context, committer }: { readonly context: CheckedContext; readonly committer: LeafDevice },
): void {
  const isOwn = owner !== undefined && isSame(owner.accountId, committer.accountId);
  if (isOwn) return;
  if (sidesOf(context) !== undefined || !isAdmin(context, committer.accountId)) {
    refuse("who removes a member is no admin");
  }
}

/** Nobody slips a device under an account that is in the group with another key. */
function judgeKey(device: LeafDevice, account: GroupAccount): void {
  const isKnown = account.devices.some((each) =>
    isSame(each.device.accountKey, device.accountKey) &&
    each.device.accountName === device.accountName
  );
  if (!isKnown) refuse("a new device has another account key than its account's others");
}

function isSameDevice(one: LeafDevice, other: LeafDevice): boolean {
  return isSame(one.accountId, other.accountId) && isSame(one.deviceId, other.deviceId) &&
    one.accountName === other.accountName;
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return compareKeys(one, other) === 0;
}

function hex({ accountId }: LeafDevice): string {
  return accountId.toHex();
}
