/** Tells the server what this device has stored, some of it at a time. */
import { assert, MessengerError, sleep } from "@qpq/ports";
import type { StoredSync } from "../../features/groups/group-store.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** Milliseconds for which acknowledgements are collected. */
const ACKNOWLEDGE_AFTER_MS = 300;
const ACKNOWLEDGED_COUNT_MAX = 256;

export class Acknowledger {
  readonly #ground: Ground;
  readonly #position: () => StoredSync | undefined;
  readonly #dirty = new Set<LiveConversation>();
  #isInboxDirty = false;
  #isDue = false;

  /** @param position what is stored of the inbox; undefined while no server is followed */
  constructor(ground: Ground, position: () => StoredSync | undefined) {
    this.#ground = ground;
    this.#position = position;
  }

  note(live: LiveConversation): void {
    this.#dirty.add(live);
    this.#soon();
  }

  noteInbox(): void {
    this.#isInboxDirty = true;
    this.#soon();
  }

  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const { clock, signal, fail } = this.#ground;
    sleep(clock, ACKNOWLEDGE_AFTER_MS, signal).then(() => this.#acknowledge()).catch(
      (error: unknown) => {
        const isOver = signal.aborted || error instanceof MessengerError;
        if (!isOver) fail(error);
      },
    ).finally(() => {
      this.#isDue = false;
      const isMore = this.#dirty.size > 0 && this.#position() !== undefined;
      if (isMore && !signal.aborted) this.#soon();
    });
  }

  async #acknowledge(): Promise<void> {
    const position = this.#position();
    if (position === undefined) return;
    const lives = [...this.#dirty].slice(0, ACKNOWLEDGED_COUNT_MAX);
    for (const live of lives) this.#dirty.delete(live);
    const cursors = lives.filter(({ record }) => record.cursor > 0)
      .map(({ groupId, record }) => ({ channelId: groupId, after: record.cursor }));
    const { incarnation, inboxAfter } = position;
    assert(incarnation.length > 0, "a server is followed");
    const isInbox = this.#isInboxDirty;
    if (cursors.length === 0 && !isInbox) return;
    this.#isInboxDirty = false;
    const { calls, signal } = this.#ground;
    const seen = { incarnation, cursors, inboxAfter: isInbox ? inboxAfter : 0 };
    await calls.acknowledge(seen, { signal });
  }
}
