import { assert, decodeKey, type Store, type StoreWatch } from "@qpq/ports";
import type { Entry } from "./channels.gen.ts";
import { entryKeys } from "./keys.ts";

/** Bytes that an entry costs beside its message, estimated. */
const ENTRY_COST_BYTES = 256;
/** Turns of the promise queue that an append's own reply is ahead of those who follow. */
const TURNS_BEHIND = 4;

/** A channel that somebody follows. */
export interface FollowedChannel {
  /** The highest sequence number that is known to be durable; 0: none yet. */
  readonly head: number;
  /** An entry that was appended a moment ago, if it is still in memory. */
  fresh(sequence: number): Entry | undefined;
  /** Calls `wake` when there may be more. @returns what ends it */
  listen(wake: () => void): () => void;
}

/**
 * Tells those who follow a channel that it has grown, once the entry is durable, and keeps fresh
 * entries for them: a thousand followers cost the store no read. What it says is a hint; the log is
 * the truth.
 */
export class ChannelHub {
  readonly #store: Store;
  readonly #freshBytesMax: number;
  readonly #channels = new Map<string, Channel>();
  /** Fresh entries of all channels, oldest first. */
  #fresh: { readonly channel: Channel; readonly sequence: number; readonly bytes: number }[] = [];
  #freshFrom = 0;
  #freshBytes = 0;

  constructor(store: Store, options: { readonly freshBytesMax: number }) {
    this.#store = store;
    this.#freshBytesMax = options.freshBytesMax;
  }

  /** Until what it returns is disposed. */
  follow(channelId: Uint8Array): FollowedChannel & Disposable {
    const key = channelId.toHex();
    const channel = this.#channels.get(key) ?? new Channel(this.#store, channelId);
    this.#channels.set(key, channel);
    channel.followers += 1;
    let isOver = false;
    return {
      get head(): number {
        return channel.head;
      },
      fresh: (sequence) => channel.entries.get(sequence),
      listen: (wake) => {
        channel.listeners.add(wake);
        return () => void channel.listeners.delete(wake);
      },
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        channel.followers -= 1;
        if (channel.followers > 0) return;
        this.#channels.delete(key);
        channel.close();
      },
    };
  }

  /** An entry that has just become durable. Dropped when nobody follows the channel. */
  offer(channelId: Uint8Array, entry: Entry): void {
    if (this.#channels.size === 0) return;
    const channel = this.#channels.get(channelId.toHex());
    if (channel === undefined || channel.entries.has(entry.sequence)) return;
    const bytes = ENTRY_COST_BYTES + entry.message.length;
    channel.entries.set(entry.sequence, entry);
    this.#fresh.push({ channel, sequence: entry.sequence, bytes });
    this.#freshBytes += bytes;
    while (this.#freshBytes > this.#freshBytesMax) this.#dropOldest();
    channel.grown(entry.sequence);
  }

  /** Bytes of fresh entries. */
  get freshBytes(): number {
    return this.#freshBytes;
  }

  #dropOldest(): void {
    const oldest = this.#fresh[this.#freshFrom++];
    assert(oldest !== undefined, "what is counted is there");
    oldest.channel.entries.delete(oldest.sequence);
    this.#freshBytes -= oldest.bytes;
    if (this.#freshFrom * 2 < this.#fresh.length) return;
    this.#fresh = this.#fresh.slice(this.#freshFrom);
    this.#freshFrom = 0;
  }
}

class Channel {
  head = 0;
  followers = 0;
  readonly entries = new Map<number, Entry>();
  readonly listeners = new Set<() => void>();
  readonly #watch: StoreWatch;
  #isWaking = false;

  constructor(store: Store, channelId: Uint8Array) {
    this.#watch = store.watch(entryKeys(channelId), (keys) => {
      let highest = 0;
      for (const key of keys) highest = Math.max(highest, sequenceOf(key));
      this.grown(highest);
    });
  }

  grown(sequence: number): void {
    if (sequence <= this.head) return;
    this.head = sequence;
    if (this.#isWaking) return;
    this.#isWaking = true;
    void this.#wake();
  }

  close(): void {
    this.#watch.close();
    this.entries.clear();
    this.listeners.clear();
  }

  async #wake(): Promise<void> {
    for (let turn = 0; turn < TURNS_BEHIND; turn++) await null;
    this.#isWaking = false;
    for (const wake of [...this.listeners]) wake();
  }
}

function sequenceOf(key: Uint8Array): number {
  const sequence = decodeKey(key).at(-1);
  assert(typeof sequence === "number", "an entry's key ends with its sequence number");
  return sequence;
}
