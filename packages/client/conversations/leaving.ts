/** Leaving a group: this device asks, and somebody who stays does it. */
import { membersOf } from "@qpq/mls";
import { compareKeys } from "@qpq/ports";
import { findConversationContext, isAdmin } from "../../features/groups/context.ts";
import type { Waiting } from "../conversations-api.ts";
import { lastAdmin, wishToRemove } from "./changing.ts";
import type { Ground } from "./ground.ts";
import { endConversation } from "./receiving.ts";
import { notActive } from "./entering.ts";
import type { Slot } from "./slot.ts";
import { withinTime } from "./waiting.ts";

/** @throws MessengerError `conversations/last-admin` */
export async function leaveGroup(ground: Ground, slot: Slot, options: Waiting): Promise<void> {
  const { live } = slot;
  const { own } = ground;
  const { state: stands } = live.record;
  if (stands !== "active" && stands !== "invited" && stands !== "broken") return;
  await live.exclusive(() => Promise.resolve());
  const { state } = live;
  if (state === undefined || stands === "broken") return await abandon(ground, slot);
  const accounts = ground.leaves.accounts(membersOf(await state.tree.load()));
  const context = findConversationContext(state.context.extensions);
  const others = context.admins.filter((id) =>
    compareKeys(id, own.accountId) !== 0 && accounts.has(id.toHex())
  );
  const isAlone = accounts.size <= 1;
  if (!isAlone && isAdmin(context, own.accountId) && others.length === 0) throw lastAdmin();
  const ownId = own.accountId.toHex();
  await withinTime(ground, options, async (signal) => {
    if ((accounts.get(ownId)?.devices.length ?? 1) > 1) {
      // The account's other devices first, by this one's commit; then this one, by somebody else's.
      await slot.commit(
        (current) =>
          wishToRemove(
            ground,
            current,
            ({ id, devices }) =>
              id === ownId
                ? devices.filter(({ leafIndex }) => leafIndex !== current.ownLeafIndex)
                : [],
          ),
        { signal },
      );
    }
    // Nobody would be left to commit it.
    if (isAlone) return await abandon(ground, slot);
    await live.exclusive(() => slot.sender.enqueueSelfRemove());
    slot.sender.kick();
  });
}

/** Nobody is there who could commit a leave: what is kept here goes. */
async function abandon({ clock }: Ground, { live, committer }: Slot): Promise<void> {
  await live.exclusive(() =>
    endConversation(live, {
      state: "left",
      isAbandoned: true,
      notice: { kind: "left-self" },
      atMs: clock.now(),
    })
  );
  committer.failAll(notActive());
}
