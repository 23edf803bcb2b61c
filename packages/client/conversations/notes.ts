/** Notes to oneself: a history that never leaves this device. */
import { newMessageId } from "../../features/messages/body.ts";
import { ThreadWriter } from "../../features/messages/thread.ts";
import type { Ground } from "./ground.ts";
import { NOTES_BYTES } from "./views.ts";

/**
 * @param given a retry's message id: the same again changes nothing
 * @returns the position in the history
 */
export async function addNote(
  { store, own, clock, random }: Ground,
  text: string,
  given: Uint8Array | undefined,
): Promise<number> {
  const messageId = given ?? newMessageId(random);
  const atMs = Math.floor(clock.now());
  return await store.transaction(async (transaction) => {
    const thread = await ThreadWriter.open(transaction, NOTES_BYTES);
    const known = await thread.positionOf(own.accountId, messageId);
    if (known !== undefined) return known;
    const position = await thread.addText({
      messageId,
      accountId: own.accountId,
      accountName: own.name,
      text,
      sentAtMs: atMs,
      acceptedAtMs: atMs,
      state: "sent",
      isOwn: true,
    });
    thread.flush();
    return position as number;
  });
}
