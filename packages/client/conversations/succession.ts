/** Groups that follow one another: the conversation stays, its group is another. */
import { type GroupState, type Member, membersOf } from "@qpq/mls";
import { assert, compareKeys } from "@qpq/ports";
import type { LeafDevice } from "../../features/devices/credential.ts";
import { readPin, stateOf } from "../../features/devices/peers.ts";
import {
  type CheckedContext,
  findConversationContext,
  isAdmin,
  sidesOf,
} from "../../features/groups/context.ts";
import type { StoredConversation } from "../../features/groups/group-store.ts";
import type { LeafDevices } from "../../features/groups/members.ts";
import type { NewNotice } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";

/**
 * The conversation with that group, if this device has it, with all that its log has: nothing of it can
 * be read any more when another group has taken its place.
 */
export type FindConversation = (groupId: Uint8Array) => Promise<LiveConversation | undefined>;

/** What is known of a group that says whose place it takes. */
export interface Successor {
  readonly context: CheckedContext;
  readonly devices: readonly LeafDevice[];
  /** Who invites into it; undefined for who enters by itself. */
  readonly creatorId: Uint8Array | undefined;
  /** Whether this device knows the account by that key, whatever the old group's leaves show. */
  readonly isKnown?: (device: LeafDevice) => boolean;
}

/**
 * The conversation here that goes on in a new group. A server can close any channel, and a member can
 * name any group as its predecessor: so it must be of the same kind, with nobody in it who wasn't in the
 * old one, its admins among the old ones and made by one of them, and agree on the past where this
 * device was there. An account's id is no proof, anybody can claim it: its key is.
 */
export async function predecessorOf(
  ground: Pick<Ground, "store" | "leaves" | "own">,
  find: FindConversation,
  successor: Successor,
): Promise<LiveConversation | undefined> {
  const { predecessor } = successor.context;
  const old = predecessor && await find(predecessor.groupId);
  if (old === undefined) return undefined;
  await old.exclusive(() => Promise.resolve());
  const { state } = old;
  if (!goesOn(old) || state === undefined) return undefined;
  await state.tree.load();
  const known = new Set<LeafDevice>();
  for (const device of successor.devices) if (await isKnown(ground, device)) known.add(device);
  const isTaken = mayFollow(state, ground.leaves, {
    ...successor,
    isKnown: (device) => known.has(device),
  });
  return isTaken ? old : undefined;
}

/**
 * Writes what takes the place of a conversation's group, alone with it.
 * @param write told nothing where another group was first: one history is no two groups'
 */
export async function takingPlaceOf<Result>(
  old: LiveConversation | undefined,
  write: (old: LiveConversation | undefined) => Promise<Result>,
): Promise<Result> {
  if (old === undefined) return await write(undefined);
  return await old.exclusive(async () => {
    await old.state?.tree.load();
    return await write(goesOn(old) ? old : undefined);
  });
}

/** Whether another group may come in its place: only one ever does. */
export function goesOn({ record: { state, successorId } }: LiveConversation): boolean {
  return GOES_ON.has(state) && successorId.length === 0;
}

const GOES_ON: ReadonlySet<string> = new Set(["invited", "active", "leaving", "broken", "closed"]);

/** By the key that is pinned: the account may have got it since it was last seen in the old group. */
async function isKnown(
  { store, own }: Pick<Ground, "store" | "own">,
  { accountId, accountName, accountKey }: LeafDevice,
): Promise<boolean> {
  if (same(accountId, own.accountId)) return same(accountKey, own.accountKey);
  const pin = await readPin(store, accountName);
  return pin !== undefined && stateOf(pin).kind !== "changed" &&
    same(pin.accountId, accountId) && same(pin.accountKey, accountKey);
}

export function mayFollow(
  old: GroupState,
  leaves: LeafDevices,
  { context, devices, creatorId, isKnown = () => false }: Successor,
): boolean {
  const { predecessor } = context;
  if (predecessor === undefined || !same(predecessor.groupId, old.context.groupId)) return false;
  const before = findConversationContext(old.context.extensions);
  const [sidesBefore, sides] = [sidesOf(before), sidesOf(context)];
  const isSameKind = sidesBefore === undefined
    ? sides === undefined
    : sides !== undefined && sidesBefore.every((id, index) => same(id, sides[index]));
  if (!isSameKind) return false;
  const isFork = BigInt(predecessor.epoch) === old.context.epoch &&
    !same(predecessor.confirmedTranscriptHash, old.context.confirmedTranscriptHash);
  if (isFork) return false;
  if (!context.admins.every((id) => isAdmin(before, id))) return false;
  // Who enters by itself sees no creator: an admin is inside, or it stands alone.
  const leaders = creatorId === undefined ? devices.map((each) => each.accountId) : [creatorId];
  if (!leaders.some((id) => isAdmin(before, id) && isAdmin(context, id))) return false;
  const members = leaves.accounts(loadedMembers(old));
  return devices.every((device) => {
    const member = members.get(device.accountId.toHex());
    if (member === undefined && sides === undefined) return false;
    return isKnown(device) ||
      member?.devices.some((each) => same(each.device.accountKey, device.accountKey)) === true;
  });
}

/** What a successor's record has from its predecessor's. */
export function inheritedBy(
  { record, threadId, groupId }: LiveConversation,
): Pick<
  StoredConversation,
  "threadId" | "predecessorId" | "state" | "isFromStranger" | "invitedIds"
> {
  return {
    threadId,
    predecessorId: groupId,
    state: standingOf(record),
    isFromStranger: record.isFromStranger,
    invitedIds: record.invitedIds,
  };
}

/** How a conversation stands for its user, whatever has become of its group. */
export function standingOf(
  { state, stood }: Pick<StoredConversation, "state" | "stood">,
): "invited" | "leaving" | "active" {
  const stands = state === "broken" || state === "closed" ? stood : state;
  return stands === "invited" || stands === "leaving" ? stands : "active";
}

/**
 * Whether what is written now is kept: it goes out at once, or when this device is back in, or in the group
 * that follows. If none does it fails with all else that waits.
 */
export function takesTexts(
  { record, state }: Pick<LiveConversation, "record" | "state">,
): boolean {
  const waits = record.state === "broken" || record.state === "closed";
  return record.state === "active" ||
    waits && state !== undefined && record.successorId.length === 0 &&
      standingOf(record) === "active";
}

/** Says in the history that the conversation goes on in another group, and without whom. */
export function successionNotice(
  old: LiveConversation,
  leaves: LeafDevices,
  devices: readonly LeafDevice[],
): NewNotice {
  const present = new Set(devices.map(({ accountId }) => accountId.toHex()));
  const before = old.state === undefined
    ? new Map<string, string>()
    : accountsOf(old.state, leaves);
  const names = [...before].flatMap(([id, name]) => present.has(id) ? [] : [name]);
  return { kind: "succeeded", names };
}

/** Names by account id. */
function accountsOf(state: GroupState, leaves: LeafDevices): ReadonlyMap<string, string> {
  return new Map(
    loadedMembers(state).map(({ leafNode }) => {
      const { accountId, accountName } = leaves.open(leafNode);
      return [accountId.toHex(), accountName];
    }),
  );
}

function loadedMembers(state: GroupState): readonly Member[] {
  const tree = state.tree.loaded;
  assert(tree !== undefined, "the tree was loaded");
  return membersOf(tree);
}

function same(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && compareKeys(one, other) === 0;
}
