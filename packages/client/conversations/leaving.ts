/** Leaving a group: this device asks, and somebody who stays does it. */
import { type GroupState, membersOf } from "@qpq/mls";
import { compareKeys, MessengerError } from "@qpq/ports";
import { findConversationContext, isAdmin } from "../../features/groups/context.ts";
import type { Waiting } from "../conversations-api.ts";
import { lastAdmin, wishToRemove, withAdmins } from "./changing.ts";
import type { Wish } from "./committing.ts";
import type { Ground } from "./ground.ts";
import { endConversation, isOver } from "./receiving.ts";
import { notActive } from "./entering.ts";
import type { LiveConversation } from "./live-conversation.ts";
import type { Slot } from "./slot.ts";
import { withinTime } from "./waiting.ts";

/** @throws MessengerError `conversations/last-admin` */
export async function leaveGroup(ground: Ground, slot: Slot, options: Waiting): Promise<void> {
  const { live } = slot;
  const { state: stands } = live.record;
  if (stands !== "active" && stands !== "invited" && stands !== "broken") return;
  await live.exclusive(() => Promise.resolve());
  const { state } = live;
  if (state === undefined || stands === "broken") return await abandon(ground, slot);
  await withinTime(ground, options, async (signal) => {
    // Who is no admin and has one device asks at once, off line, too.
    if (await wishToStepBack(ground, state) !== undefined) {
      const plan = (current: GroupState) => wishToStepBack(ground, current);
      await slot.commit(plan, { signal, isLeave: true });
    }
    await goOnLeaving(ground, slot);
  });
}

/** The program ended, or the connection, while the commit that comes before a leave was on its way. */
export async function leaveAgain(ground: Ground, slot: Slot): Promise<void> {
  try {
    await leaveGroup(ground, slot, {});
  } catch (error) {
    if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
    // It stands as it did before it was asked for.
    ground.log.warn("leave-failed", { code: error.code });
  }
}

/** Asks to be removed, unless that is asked for; where nobody could do it, nobody needs to. */
export async function goOnLeaving(ground: Ground, slot: Slot): Promise<void> {
  if (await isAlone(ground, slot.live)) return await abandon(ground, slot);
  await slot.live.exclusive(() => slot.sender.enqueueSelfRemove());
  slot.sender.kick();
}

/**
 * What comes before a leave, by this device's own commit: the account's other devices go (this one goes
 * by somebody else's), and it is no admin any more. Commits have an order, SelfRemoves have none: of
 * admins who leave at once all but the last can.
 * @throws MessengerError `conversations/last-admin`
 */
async function wishToStepBack(
  ground: Ground,
  state: GroupState,
): Promise<Wish | undefined> {
  const { leaves, own } = ground;
  const ownId = own.accountId.toHex();
  const accounts = leaves.accounts(membersOf(await state.tree.load()));
  const context = findConversationContext(state.context.extensions);
  const removal = await wishToRemove(
    ground,
    state,
    ({ id, devices }) =>
      id === ownId ? devices.filter(({ leafIndex }) => leafIndex !== state.ownLeafIndex) : [],
  );
  if (accounts.size <= 1 || !isAdmin(context, own.accountId)) return removal;
  const admins = context.admins.filter((id) =>
    compareKeys(id, own.accountId) !== 0 && accounts.has(id.toHex())
  );
  if (admins.length === 0) throw lastAdmin();
  return {
    proposals: [...removal?.proposals ?? [], withAdmins(state, { ...context, admins })],
    joiners: [],
  };
}

async function isAlone({ leaves }: Ground, { state }: LiveConversation): Promise<boolean> {
  return state !== undefined && leaves.accounts(membersOf(await state.tree.load())).size <= 1;
}

/** Nobody is there who could commit a leave: what is kept here goes. */
async function abandon({ clock }: Ground, { live, committer }: Slot): Promise<void> {
  await live.exclusive(async () => {
    if (isOver(live.record.state)) return;
    await endConversation(live, {
      state: "left",
      isAbandoned: true,
      notice: { kind: "left-self" },
      atMs: clock.now(),
    });
  });
  committer.failAll(notActive());
}
