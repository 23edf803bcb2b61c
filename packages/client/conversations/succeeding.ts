/** Making the successor of a group that nobody can go on with: one that can't be entered, or was restored. */
import { type GroupState, membersOf, parseGroupInfo } from "@qpq/mls";
import { compareKeys, MessengerError, randomFraction, sleep } from "@qpq/ports";
import {
  type CheckedContext,
  findConversationContext,
  isAdmin,
} from "../../features/groups/context.ts";
import { claimAll, claimOwnOthers, createConversation, type Invitee } from "./changing.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { endConversation } from "./receiving.ts";
import type { Slot } from "./slot.ts";

/** Milliseconds between two successors that a device makes of one conversation by itself. */
const INTERVAL_MS = 24 * 60 * 60 * 1_000;
/** Milliseconds that are waited for members who can't be added yet: after a restore they log in first. */
const MEMBERS_WAIT_MS = 60 * 60 * 1_000;
/** Milliseconds before it is tried again. */
const RETRY_MS = 60_000;
/** Milliseconds, at random, that an admin waits for another one to be first. */
const JITTER_MS = 3_000;

/** Whether a way in was refused for what the group is, not for the connection or by the server. */
export function isUnverifiable({ code }: MessengerError): boolean {
  return code.startsWith("mls/") || UNVERIFIABLE.has(code);
}

const UNVERIFIABLE: ReadonlySet<string> = new Set([
  "malformed",
  "channels/bad-group-info",
  "conversations/bad-invitation",
  "devices/bad-certificate",
]);

/** The server's last word: another admin was first, or this account may not, or is out. */
const FINAL: ReadonlySet<string> = new Set([
  "channels/bad-successor",
  "channels/closed",
  "channels/not-a-member",
  "channels/not-admin",
]);

/** What is done already of making a successor. */
interface Preparation {
  readonly sinceMs: number;
  /** Members with key packages of theirs, by account name: claimed once. */
  readonly invitees: Map<string, Invitee>;
  /** The account's other devices: claimed once, too. */
  others?: readonly Invitee[];
}

export class Succession {
  readonly #engine: Engine;
  readonly #running = new Set<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Sees to it that a conversation that nobody can go on with has a successor, if this device may. */
  async succeed(old: Slot): Promise<void> {
    const { live } = old;
    const { clock, log, signal, random } = this.#engine.ground;
    if (this.#running.has(live.channel)) return;
    this.#running.add(live.channel);
    const preparation: Preparation = { sinceMs: clock.now(), invitees: new Map() };
    try {
      await sleep(clock, randomFraction(random) * JITTER_MS, signal);
      while (!signal.aborted && !await this.#isDone(old, preparation)) {
        await sleep(clock, RETRY_MS * (0.5 + randomFraction(random)), signal);
      }
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      log.warn("successor-failed", { code: error.code });
    } finally {
      this.#running.delete(live.channel);
    }
  }

  /** @returns false: to be tried again */
  async #isDone(old: Slot, preparation: Preparation): Promise<boolean> {
    const { log, signal } = this.#engine.ground;
    try {
      return await this.#make(old, preparation);
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      if (signal.aborted) return true;
      log.warn("successor-failed", { code: error.code });
      return FINAL.has(error.code);
    }
  }

  async #make(old: Slot, preparation: Preparation): Promise<boolean> {
    const { ground } = this.#engine;
    const { own, calls, clock, signal } = ground;
    const { live } = old;
    const { state } = live;
    const { sinceMs, invitees } = preparation;
    const isLate = clock.now() - sinceMs > MEMBERS_WAIT_MS;
    if (state === undefined || live.record.state !== "broken") return true;
    if (clock.now() - live.record.succeededAtMs < INTERVAL_MS) return false;
    const before = findConversationContext(state.context.extensions);
    if (!isAdmin(before, own.accountId)) return true;
    const found = await calls.members(live.groupId, { signal });
    // Its Welcome is on the way, or this device enters it.
    if (found.successor.length > 0 || !await isStuck(old)) return true;
    const present = new Set(found.accounts.map((id) => id.toHex()));
    const isWhole = await claimMembers(ground, { state, present, invitees });
    // The other side of a direct message enters by itself.
    if (!isWhole && !isLate && before.kind === "group") return false;
    const all = [...invitees.values()];
    const ids = [own.accountId, ...all.map(({ peer: { account } }) => account.accountId)];
    const context: CheckedContext = {
      ...before,
      admins: before.admins.filter((id) => ids.some((other) => compareKeys(id, other) === 0)),
      predecessor: { groupId: live.groupId, ...await lastAgreed(ground, state, found.epoch) },
    };
    await createConversation(this.#engine, {
      context,
      name: live.record.name,
      invitees: [...all, ...preparation.others ??= await claimOwnOthers(ground, signal)],
      succeeds: live,
      signal,
    });
    return true;
  }
}

/** A closed group that none follows, for this account: what waits in it is not sent. */
export async function settleClosed(engine: Engine, { live }: Slot): Promise<void> {
  const { calls, signal, clock } = engine.ground;
  const isOpen = (): boolean => {
    const { state, successorId } = live.record;
    return state === "closed" && successorId.length === 0 && live.state !== undefined;
  };
  if (!isOpen()) return;
  try {
    const { successor } = await calls.members(live.groupId, { signal });
    const next = engine.slots.get(successor.toHex())?.live.record;
    // It is one of its own, if it was not taken for this one's.
    const isOther = next !== undefined && next.state !== "joining";
    if (!isOther && successor.length > 0) return void await calls.members(successor, { signal });
  } catch (error) {
    if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
    if (error.code !== "channels/not-a-member") return;
  }
  await live.exclusive(async () => {
    if (isOpen()) await endConversation(live, { state: "closed", atMs: clock.now() });
  });
}

/** Once more, now that others have had the time to change what the server hands out. */
async function isStuck({ live, entrance }: Slot): Promise<boolean> {
  if (live.record.state !== "broken") return false;
  try {
    await entrance.enter();
    return false;
  } catch (error) {
    if (!(error instanceof MessengerError)) throw error;
    return isUnverifiable(error);
  }
}

/**
 * Claims from who was in, and is so for the server, under the same account and key.
 * @param about.invitees those that were claimed from; grows
 * @returns whether that is everybody
 */
async function claimMembers(
  ground: Ground,
  { state, present, invitees }: {
    readonly state: GroupState;
    readonly present: ReadonlySet<string>;
    readonly invitees: Map<string, Invitee>;
  },
): Promise<boolean> {
  const accounts = ground.leaves.accounts(membersOf(await state.tree.load()));
  const ownId = ground.own.accountId.toHex();
  const names = [...accounts.values()].filter(({ id }) => id !== ownId && present.has(id))
    .map(({ devices }) => devices[0].device.accountName);
  const missing = names.filter((name) => !invitees.has(name));
  const claimed = await claimAll(ground, missing, ground.signal);
  for (const invitee of claimed.invitees) {
    const { account, state: { kind } } = invitee.peer;
    const isMember = accounts.has(account.accountId.toHex());
    if (isMember && kind !== "changed") invitees.set(invitee.name, invitee);
  }
  return names.every((name) => invitees.has(name));
}

/** What the old group's members have in common: where this device is, or where a restore has left the server. */
async function lastAgreed(
  { calls, signal }: Ground,
  { context: { groupId, epoch, confirmedTranscriptHash } }: GroupState,
  serverEpoch: number,
): Promise<{ readonly epoch: number; readonly confirmedTranscriptHash: Uint8Array }> {
  if (BigInt(serverEpoch) >= epoch) return { epoch: Number(epoch), confirmedTranscriptHash };
  try {
    const { groupContext } = parseGroupInfo((await calls.groupInfo(groupId, { signal })).groupInfo);
    const { confirmedTranscriptHash: hash } = groupContext;
    // No higher than the server takes; who was there compares what it stands for.
    if (groupContext.epoch === BigInt(serverEpoch)) {
      return { epoch: serverEpoch, confirmedTranscriptHash: hash };
    }
  } catch (error) {
    if (!(error instanceof MessengerError) || !isUnverifiable(error)) throw error;
  }
  return { epoch: 0, confirmedTranscriptHash: new Uint8Array() };
}
