/** Channels that the account is in and this device is not, mostly a new device's: it enters them. */
import { MessengerError, sleep } from "@qpq/ports";
import type { Ground } from "./ground.ts";
import { isPassing, isRetried } from "./receiving.ts";

/** Channels that the account may be in, as on the server: what is told of others is passed over. */
const UNKNOWN_COUNT_MAX = 4_096;
/** Channels that are entered at a time. */
const ENTRIES_COUNT_MAX = 4;
/** Times that an entry is tried again in one session, and milliseconds before: doubled each time. */
const RETRIES_MAX = 6;
const RETRY_MS = 2_000;

interface UnknownChannel {
  readonly channelId: Uint8Array;
  /** The last entry that was told of. */
  head: number;
  failures: number;
  /** What failed is not tried again at once. */
  isResting: boolean;
}

export interface UnknownChannelsOptions {
  /** Resolves when this device is in, by whatever way. */
  readonly enter: (channelId: Uint8Array) => Promise<unknown>;
  /** Told of anything that somebody may wait for. */
  readonly onChange: () => void;
}

export class UnknownChannels {
  readonly #ground: Ground;
  readonly #options: UnknownChannelsOptions;
  /** Another one in each session. */
  #channels = new Map<string, UnknownChannel>();
  /** Those that can't be entered, in this session: why, and the last entry that was told of. */
  readonly #refused = new Map<string, { readonly code: string; readonly head: number }>();
  readonly #entering = new Set<string>();
  #hasBegun = false;

  constructor(ground: Ground, options: UnknownChannelsOptions) {
    this.#ground = ground;
    this.#options = options;
  }

  /** Those that this device has yet to enter, or is just entering. */
  get ids(): ReadonlySet<string> {
    return new Set([...this.#channels.keys(), ...this.#entering]);
  }

  /** The inbox has been read: who has a Welcome is in. */
  begin(): void {
    this.#hasBegun = true;
    this.#enter();
  }

  /** A new session tells of all of them again. */
  clear(): void {
    this.#hasBegun = false;
    this.#channels = new Map();
    this.#refused.clear();
  }

  /** The server told of an entry in a channel that this device is not in. */
  note(
    id: string,
    { channelId, head }: { readonly channelId: Uint8Array; readonly head: number },
  ): void {
    const known = this.#channels.get(id);
    if (known !== undefined) {
      known.head = Math.max(known.head, head);
      return;
    }
    const refused = this.#refused.get(id);
    if (refused !== undefined) {
      // Who was no member then may have been added since. Nothing else changes with an entry.
      if (refused.code !== "channels/not-a-member" || head <= refused.head) return;
      this.#refused.delete(id);
    }
    if (this.#channels.size + this.#refused.size >= UNKNOWN_COUNT_MAX) {
      this.#ground.log.warn("channel-passed-over", { count: UNKNOWN_COUNT_MAX });
      return;
    }
    this.#channels.set(id, { channelId, head, failures: 0, isResting: false });
    this.#enter();
  }

  /**
   * This device is in, or has no business there.
   * @returns the last entry that was told of
   */
  take(id: string): number | undefined {
    const head = this.#channels.get(id)?.head;
    this.#channels.delete(id);
    return head;
  }

  #enter(): void {
    if (!this.#hasBegun) return;
    for (const [id, channel] of this.#channels) {
      if (this.#entering.size >= ENTRIES_COUNT_MAX) return;
      if (this.#entering.has(id) || channel.isResting) continue;
      this.#entering.add(id);
      this.#enterOne(id, channel).catch((error: unknown) => this.#ground.fail(error)).finally(
        () => {
          this.#entering.delete(id);
          this.#options.onChange();
          if (!this.#ground.signal.aborted) this.#enter();
        },
      );
    }
  }

  async #enterOne(id: string, channel: UnknownChannel): Promise<void> {
    const channels = this.#channels;
    try {
      await this.#options.enter(channel.channelId);
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      this.#ground.log.warn("entry-failed", { code: error.code });
      // What came while it was at it was told of the same channel.
      channel.head = Math.max(channel.head, channels.get(id)?.head ?? 0);
      if (isRetried(error) && channel.failures < RETRIES_MAX) {
        channels.set(id, channel);
        return this.#rest(channel);
      }
      // Not again with each entry. What passes with the connection, the next session tells of again.
      const { head } = channel;
      if (!isPassing(error)) this.#refused.set(id, { code: error.code, head });
    }
    channels.delete(id);
  }

  #rest(channel: UnknownChannel): void {
    const { clock, signal } = this.#ground;
    channel.isResting = true;
    const restMs = RETRY_MS * 2 ** channel.failures++;
    sleep(clock, restMs, signal).catch(() => {}).finally(() => {
      channel.isResting = false;
      if (!signal.aborted) this.#enter();
    });
  }
}
