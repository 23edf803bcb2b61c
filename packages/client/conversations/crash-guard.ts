/** One entry that this program dies of is not the end of all: it is given up after some tries. */
import { MessengerError, type Store } from "@qpq/ports";
import { beginRun, countAttempt, endRun } from "../../features/groups/group-store.ts";
import { BATCH_ENTRIES_MAX } from "./receiving.ts";

/**
 * Times that a program may have ended while it tried an entry. More than one: it may have been killed for
 * another reason, and what is given up is lost.
 */
const TRIES_MAX = 4;

/** Of the inbox. */
const INBOX = new Uint8Array();

export class CrashGuard {
  readonly #store: Store;
  #wasCut = false;
  /** Entries of each channel that were tried one by one. */
  readonly #tried = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  async open(): Promise<void> {
    this.#wasCut = await beginRun(this.#store);
  }

  /** @param reason why the client ends: not in order, when it is of no use any more */
  async close(reason: unknown): Promise<void> {
    const isInOrder = reason instanceof MessengerError && reason.code === "cancelled";
    if (isInOrder) await endRun(this.#store);
  }

  /**
   * Whether entries of the channel are taken one at a time. After a run that was cut short, what it died
   * of is among the first: as many as it took at a time.
   * @param channel hexadecimal; `""`: the inbox
   */
  isCareful(channel: string): boolean {
    return this.#wasCut && (this.#tried.get(channel) ?? 0) < BATCH_ENTRIES_MAX;
  }

  /** @returns false: the entry is given up. Where all goes well nothing is counted */
  async mayTry(sequence: number, groupId: Uint8Array = INBOX): Promise<boolean> {
    const channel = groupId.toHex();
    if (!this.isCareful(channel)) return true;
    this.#tried.set(channel, (this.#tried.get(channel) ?? 0) + 1);
    return await countAttempt(this.#store, { groupId, sequence }) <= TRIES_MAX;
  }
}
