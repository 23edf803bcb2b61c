/** Making groups and changing who is in them: what the commits are to do. */
import { createGroup, type GroupState, membersOf, type Proposal } from "@qpq/mls";
import { compareKeys, MessengerError } from "@qpq/ports";
import { fetchPeer, type Peer } from "../../features/devices/peers.ts";
import {
  type CheckedContext,
  CONVERSATION_EXTENSION_TYPE,
  conversationExtension,
  findConversationContext,
  isAdmin,
} from "../../features/groups/context.ts";
import type { GroupAccount } from "../../features/groups/members.ts";
import { type ClaimedKeyPackage, claimKeyPackages } from "../../features/key-packages/client.ts";
import { INVITED_COUNT_MAX, type InviteResult } from "../conversation-views.ts";
import { makeCommit, type Wish } from "./committing.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { NEW_CONVERSATION } from "./joining.ts";
import { LiveConversation } from "./live-conversation.ts";
import type { Slot } from "./slot.ts";
import { inheritedBy } from "./succession.ts";

/** Accounts that are looked up and claimed from at a time. */
const CLAIMS_COUNT_MAX = 16;
const HOUR_S = 3_600;
/** Of a creator's leaf, as of a key package. */
const LIFETIME_S = 90 * 24 * HOUR_S;
/** An account that was looked up, with a key package of each device that has one. */
export interface Invitee {
  readonly name: string;
  readonly peer: Peer;
  readonly packages: readonly ClaimedKeyPackage[];
  readonly devicesWithout: number;
}

/** Makes the group here, stores it with its first commit, and waits until the server has taken it. */
export async function createConversation(
  engine: Engine,
  { context, name, invitees, succeeds, signal }: {
    readonly context: CheckedContext;
    readonly name: string;
    readonly invitees: readonly Invitee[];
    /** In whose place it comes. */
    readonly succeeds?: LiveConversation;
    readonly signal: AbortSignal;
  },
): Promise<Slot> {
  const { ground } = engine;
  const { suite, random, clock, own } = ground;
  const now = BigInt(Math.floor(clock.now() / 1_000));
  const state = await createGroup(suite, {
    identity: await ground.identity(suite),
    lifetime: { notBefore: now - BigInt(HOUR_S), notAfter: now + BigInt(LIFETIME_S) },
    random,
    extensions: [conversationExtension(context)],
  });
  const isGroup = context.kind === "group";
  const wish = await wishToAdd(ground, state, invitees) ?? { proposals: [], joiners: [] };
  const made = await makeCommit(ground, state, {
    wish,
    name: isGroup ? name : "",
    call: succeeds === undefined ? "create" : "succeed",
  });
  const peer = invitees.find(({ peer: { account } }) =>
    compareKeys(account.accountId, own.accountId) !== 0
  );
  const live = new LiveConversation(ground, {
    groupId: state.context.groupId,
    record: {
      ...NEW_CONVERSATION,
      kind: isGroup ? "group" : "directMessage",
      name,
      peerId: isGroup || peer === undefined ? new Uint8Array() : peer.peer.account.accountId,
      ...succeeds === undefined ? {} : {
        ...inheritedBy(succeeds),
        state: "joining",
        peerId: succeeds.record.peerId,
        succeededAtMs: Math.floor(clock.now()),
      },
    },
    isNew: true,
  });
  await live.exclusive(() =>
    live.write({ state: made.state, isFresh: true, spent: [state], commit: made })
  );
  const slot = engine.adopt(live);
  const fate = slot.committer.fate(made.pending.stored.entryId, signal);
  slot.committer.kick();
  await fate;
  return slot;
}

/** What adds those devices of the invitees that are not in the group yet. */
export async function wishToAdd(
  ground: Ground,
  state: GroupState,
  invitees: readonly Invitee[],
): Promise<Wish | undefined> {
  const { leaves } = ground;
  const present = new Set(
    membersOf(await state.tree.load()).map(({ leafNode }) => {
      const { accountId, deviceId } = leaves.open(leafNode);
      return `${accountId.toHex()} ${deviceId.toHex()}`;
    }),
  );
  const packages = invitees.flatMap((invitee) => invitee.packages).filter(({ device }) => {
    const id = `${device.accountId.toHex()} ${device.deviceId.toHex()}`;
    // Nor twice: an account may be named twice, or be the own one.
    return !present.has(id) && present.add(id);
  });
  if (packages.length === 0) return undefined;
  return {
    proposals: packages.map(({ keyPackage }): Proposal => ({ kind: "add", keyPackage })),
    joiners: packages.map(({ device: { accountId, deviceId } }) => ({ accountId, deviceId })),
  };
}

export async function wishToRemove(
  ground: Ground,
  state: GroupState,
  leavesOf: (account: GroupAccount) => readonly { readonly leafIndex: number }[],
): Promise<Wish | undefined> {
  const { leaves, own } = ground;
  const accounts = leaves.accounts(membersOf(await state.tree.load()));
  const gone = [...accounts.values()].flatMap((account) =>
    leavesOf(account).map(({ leafIndex }) => ({ leafIndex, id: account.id }))
  );
  if (gone.length === 0) return undefined;
  const context = findConversationContext(state.context.extensions);
  const isOthers = gone.some(({ id }) => id !== own.accountId.toHex());
  if (isOthers && !isAdmin(context, own.accountId)) throw notAdmin("remove");
  const ids = new Set(gone.map(({ id }) => id));
  const removals = gone.map(({ leafIndex: removed }): Proposal => ({ kind: "remove", removed }));
  const admins = context.admins.filter((id) =>
    !ids.has(id.toHex()) || id.toHex() === own.accountId.toHex()
  );
  // Who is out is no admin any more.
  const changes: readonly Proposal[] = admins.length === context.admins.length
    ? []
    : [withAdmins(state, { ...context, admins })];
  return { proposals: [...removals, ...changes], joiners: [] };
}

/** Looks accounts up and claims their key packages; who can't be added is reported. */
export async function claimAll(
  ground: Ground,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{
  readonly invitees: readonly Invitee[];
  readonly results: readonly InviteResult[];
}> {
  if (names.length > INVITED_COUNT_MAX) {
    throw new MessengerError("too-large", `Cannot invite ${names.length} accounts at once`);
  }
  const wanted = [...new Set(names.map((name) => name.toLowerCase()))];
  const invitees: Invitee[] = [];
  const results: InviteResult[] = [];
  for (let start = 0; start < wanted.length; start += CLAIMS_COUNT_MAX) {
    const batch = wanted.slice(start, start + CLAIMS_COUNT_MAX);
    await Promise.all(batch.map(async (name) => {
      try {
        const invitee = await claim(ground, name, signal);
        if (invitee.packages.length === 0) throw noDevices();
        invitees.push(invitee);
        const { devicesWithout } = invitee;
        results.push({ kind: "added", name, devicesWithout });
      } catch (error) {
        if (!(error instanceof MessengerError) || error.code === "cancelled") throw error;
        results.push({ kind: "failed", name, code: error.code, message: error.message });
      }
    }));
  }
  return { invitees, results };
}

export async function claim(ground: Ground, name: string, signal: AbortSignal): Promise<Invitee> {
  const { rpc, store, clock, primitives, suite } = ground;
  const peer = await fetchPeer(rpc, name, { store, clock, primitives });
  const options = { store, clock, primitives, suite, signal };
  const { packages, without } = await claimKeyPackages(rpc, peer, options);
  return { name: peer.account.name, peer, packages, devicesWithout: without.length };
}

/** The account's other devices, which belong into whatever it makes. */
export async function claimOwnOthers(
  ground: Ground,
  signal: AbortSignal,
): Promise<readonly Invitee[]> {
  const { own, log } = ground;
  try {
    return [await claim(ground, own.name, signal)];
  } catch (error) {
    if (!(error instanceof MessengerError) || error.code === "cancelled") throw error;
    // They enter by themselves.
    log.warn("own-devices-not-added", { code: error.code });
    return [];
  }
}

/** Who the admins are to be. @throws MessengerError `conversations/last-admin` */
export async function wishForAdmin(
  ground: Ground,
  state: GroupState,
  { name, isAdmin: isWanted }: { readonly name: string; readonly isAdmin: boolean },
): Promise<Wish | undefined> {
  const context = findConversationContext(state.context.extensions);
  const accounts = ground.leaves.accounts(membersOf(await state.tree.load()));
  const account = [...accounts.values()].find(({ devices }) =>
    devices[0].device.accountName === name
  );
  if (account === undefined) return undefined;
  const { accountId } = account.devices[0].device;
  if (isAdmin(context, accountId) === isWanted) return undefined;
  if (!isAdmin(context, ground.own.accountId)) throw notAdmin("change the admins");
  const others = context.admins.filter((admin) =>
    compareKeys(admin, accountId) !== 0 && accounts.has(admin.toHex())
  );
  const admins = isWanted ? [...others, accountId] : others;
  if (admins.length === 0) throw lastAdmin();
  return { proposals: [withAdmins(state, { ...context, admins })], joiners: [] };
}

/** The group's extensions with another list of admins. */
export function withAdmins(state: GroupState, context: CheckedContext): Proposal {
  return {
    kind: "group-context-extensions",
    extensions: state.context.extensions.map((extension) =>
      extension.extensionType === CONVERSATION_EXTENSION_TYPE
        ? conversationExtension(context)
        : extension
    ),
  };
}

/** @param action what only an admin may do */
function notAdmin(action: string): MessengerError {
  return new MessengerError("conversations/not-admin", `Cannot ${action}: only an admin may`);
}

export function lastAdmin(): MessengerError {
  return new MessengerError(
    "conversations/last-admin",
    "Cannot go on: the group would be without an admin; make somebody else admin first",
  );
}

function noDevices(): MessengerError {
  return new MessengerError(
    "conversations/no-devices",
    "Cannot add: the account has no device that could be added now",
  );
}
