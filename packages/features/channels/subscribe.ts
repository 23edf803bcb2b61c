/** All of a device's channels and its inbox on one stream. */
import { decodeKey, keyAfter, MessengerError, RANGE_ENTRIES_MAX } from "@qpq/ports";
import type {
  ChannelEvent,
  ChannelsSubscribeParams,
  ChannelsSubscribeResults,
  InboxEvent,
} from "./channels.gen.ts";
import { type Caller, type ChannelsCore, checkChannelId, checkIncarnation } from "./core.ts";
import { ChannelFollower, InboxFollower, type Page } from "./follower.ts";
import { accountKey, inboxKey } from "./keys.ts";
import { FRAME_BYTES_ENOUGH, FRAME_BYTES_MAX } from "./limits.ts";

/** Events that one frame carries, of channels and of the inbox: as the schema has it. */
const CHANNEL_EVENTS_MAX = 1_000;
const INBOX_EVENTS_MAX = 60;
/** What an event without entries takes in a frame, at most. */
const EVENT_COST_BYTES = 160;

/**
 * Sends what is behind the cursors, then what comes, in the order of each log, until the caller leaves.
 * What is read from the store waits for the caller to read what was sent: a frame, at most 160 KiB, is
 * made when the stream's queue is below 64 KiB.
 * One more than a device may have ends its oldest: mostly of a connection that is dead and doesn't know.
 * @throws MessengerError `malformed`, `channels/incarnation-changed`; later, too,
 *   `channels/subscription-replaced`, `devices/revoked`
 */
export function subscribe(
  core: ChannelsCore,
  caller: Caller,
  params: ChannelsSubscribeParams,
  signal: AbortSignal,
): AsyncIterable<ChannelsSubscribeResults> {
  return { [Symbol.asyncIterator]: () => new Frames(core, caller, params, signal) };
}

/** No generator: that would keep the last frame, up to 160 KiB, for as long as nothing follows it. */
class Frames implements AsyncIterator<ChannelsSubscribeResults, undefined> {
  readonly #core: ChannelsCore;
  readonly #caller: Caller;
  readonly #params: ChannelsSubscribeParams;
  readonly #signal: AbortSignal;
  readonly #resources = new DisposableStack();
  #subscription: Subscription | undefined;
  #isReplaced = false;
  /** Somebody waits for the next frame. */
  #isWaitedFor = false;

  constructor(
    core: ChannelsCore,
    caller: Caller,
    params: ChannelsSubscribeParams,
    signal: AbortSignal,
  ) {
    this.#core = core;
    this.#caller = caller;
    this.#params = params;
    this.#signal = signal;
  }

  async next(): Promise<IteratorResult<ChannelsSubscribeResults, undefined>> {
    this.#isWaitedFor = true;
    try {
      if (this.#isReplaced) throw replaced();
      const subscription = this.#subscription ?? await this.#open();
      for (;;) {
        if (this.#signal.aborted) return this.#end();
        if (this.#isReplaced) throw replaced();
        if (this.#caller.revoked.aborted) {
          throw new MessengerError(
            "devices/revoked",
            "The subscription ends: the device was revoked",
          );
        }
        const value = await subscription.nextFrame();
        if (value !== undefined) return { value, done: false };
        await subscription.rung();
      }
    } catch (error) {
      this.#resources.dispose();
      throw error;
    } finally {
      this.#isWaitedFor = false;
    }
  }

  return(): Promise<IteratorResult<ChannelsSubscribeResults, undefined>> {
    return Promise.resolve(this.#end());
  }

  async #open(): Promise<Subscription> {
    const { incarnation, inboxAfter } = this.#params;
    checkIncarnation(this.#core, incarnation);
    const cursors = new Map<string, number>();
    for (const { channelId, after } of this.#params.cursors) {
      checkChannelId(channelId);
      cursors.set(channelId.toHex(), after);
    }
    this.#resources.use(takePlace(this.#core, this.#caller, () => this.#replace()));
    const subscription = this.#resources.use(
      new Subscription(this.#core, this.#caller, { cursors, inboxAfter }),
    );
    this.#subscription = subscription;
    const signals = [this.#signal, this.#caller.revoked];
    this.#resources.use(onAbort(signals, () => subscription.wake()));
    await subscription.followAccount();
    subscription.begin(this.#params.cursors.map(({ channelId }) => channelId));
    return subscription;
  }

  #replace(): void {
    this.#isReplaced = true;
    // Who does not read what was sent is not told before, and holds nothing meanwhile.
    if (this.#isWaitedFor) this.#subscription?.wake();
    else this.#resources.dispose();
  }

  #end(): IteratorReturnResult<undefined> {
    this.#resources.dispose();
    return { value: undefined, done: true };
  }
}

class Subscription implements Disposable {
  readonly #core: ChannelsCore;
  readonly #caller: Caller;
  /** Where channels begin that are not followed, or no more. */
  readonly #cursors: Map<string, number>;
  readonly #followers = new Map<string, ChannelFollower>();
  readonly #inbox: InboxFollower;
  readonly #resources = new DisposableStack();
  /** Channels that were asked for and are not the account's: told, and not followed. */
  #others: Uint8Array[] = [];
  /** Channels that may have something to send, in turn. */
  readonly #ready = new Set<string>();
  #isInboxReady = true;
  /** Channels of the beginning that are not sent whole yet; undefined when all is. */
  #unsent: Set<string> | undefined;
  #isInboxSent = false;
  #isListStale = false;
  #bell = Promise.withResolvers<void>();

  constructor(
    core: ChannelsCore,
    caller: Caller,
    options: {
      readonly cursors: Map<string, number>;
      readonly inboxAfter: number;
    },
  ) {
    this.#core = core;
    this.#caller = caller;
    this.#cursors = options.cursors;
    // Watched before anything is read: what comes in between is not missed.
    const watch = core.store.watch(accountKey(caller.accountId), () => {
      this.#isListStale = true;
      this.wake();
    });
    this.#resources.defer(() => watch.close());
    this.#inbox = this.#resources.use(
      new InboxFollower(core, caller, {
        after: options.inboxAfter,
        prefix: inboxKey(caller.accountId, caller.deviceId),
        wake: () => {
          this.#isInboxReady = true;
          this.wake();
        },
      }),
    );
  }

  wake(): void {
    this.#bell.resolve();
  }

  /** Resolves when there may be something new. */
  async rung(): Promise<void> {
    await this.#bell.promise;
    this.#bell = Promise.withResolvers<void>();
  }

  /** Follows every channel that the account is a member of, or still has entries of. */
  async followAccount(): Promise<void> {
    this.#isListStale = false;
    const prefix = accountKey(this.#caller.accountId);
    let start = keyAfter(prefix);
    for (;;) {
      const page = await this.#core.store.snapshot((reader) =>
        reader.range({ prefix, start, countMax: RANGE_ENTRIES_MAX })
      );
      for (const { key } of page.entries) this.follow(decodeKey(key).at(-1) as Uint8Array);
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      start = keyAfter(last.key);
    }
  }

  follow(channelId: Uint8Array): void {
    const key = channelId.toHex();
    if (this.#followers.has(key)) return;
    this.#followers.set(
      key,
      new ChannelFollower(this.#core, this.#caller, {
        channelId,
        after: this.#cursors.get(key),
        wake: () => {
          this.#ready.add(key);
          this.wake();
        },
      }),
    );
    this.#ready.add(key);
  }

  /** What there is to send; undefined when nothing. */
  async nextFrame(): Promise<ChannelsSubscribeResults | undefined> {
    if (this.#isListStale) await this.followAccount();
    const channels: ChannelEvent[] = [];
    const inbox: InboxEvent[] = [];
    let bytes = 0;
    while (this.#isInboxReady && bytes < FRAME_BYTES_ENOUGH && inbox.length < INBOX_EVENTS_MAX) {
      this.#isInboxReady = false;
      const page = await this.#inbox.next(FRAME_BYTES_MAX - bytes);
      inbox.push(...page.events);
      bytes += page.bytes;
      if (page.hasMore) this.#isInboxReady = true;
    }
    while (this.#others.length > 0 && bytes < FRAME_BYTES_ENOUGH) {
      channels.push({ channelId: this.#others.pop() as Uint8Array, kind: "notMember" });
      bytes += EVENT_COST_BYTES;
    }
    for (const key of this.#ready) {
      if (bytes >= FRAME_BYTES_ENOUGH || channels.length >= CHANNEL_EVENTS_MAX) break;
      this.#ready.delete(key);
      const follower = this.#followers.get(key);
      if (follower === undefined) continue;
      const page: Page<ChannelEvent> = await follower.next(FRAME_BYTES_MAX - bytes);
      channels.push(...page.events);
      if (page.events.length > 0) bytes += page.bytes;
      // Behind the others: every channel gets its turn.
      if (page.hasMore) this.#ready.add(key);
      if (page.isOver) {
        this.#leave(key);
        this.#unsent?.delete(key);
      }
    }
    if (channels.length + inbox.length === 0) return undefined;
    return { channels, inbox, allSent: this.#isFirstAllSent(channels, inbox) };
  }

  /** What is followed now is what there was at the beginning; of `asked` perhaps not all. */
  begin(asked: readonly Uint8Array[]): void {
    this.#unsent = new Set(this.#followers.keys());
    this.#others = asked.filter((channelId) => !this.#followers.has(channelId.toHex()));
  }

  /** Whether these are the last of what there was at the beginning. */
  #isFirstAllSent(
    channels: readonly ChannelEvent[],
    inbox: readonly InboxEvent[],
  ): boolean {
    if (this.#unsent === undefined) return false;
    for (const { channelId, kind } of channels) {
      if (kind === "caughtUp" || kind === "notMember") this.#unsent.delete(channelId.toHex());
    }
    if (inbox.some(({ kind }) => kind === "caughtUp")) this.#isInboxSent = true;
    if (!this.#isInboxSent || this.#unsent.size + this.#others.length > 0) return false;
    this.#unsent = undefined;
    return true;
  }

  [Symbol.dispose](): void {
    for (const follower of this.#followers.values()) follower[Symbol.dispose]();
    this.#followers.clear();
    this.#resources.dispose();
  }

  #leave(key: string): void {
    const follower = this.#followers.get(key);
    // The account may be added again.
    if (follower?.after !== undefined) this.#cursors.set(key, follower.after);
    follower?.[Symbol.dispose]();
    this.#followers.delete(key);
    this.#ready.delete(key);
  }
}

function takePlace(core: ChannelsCore, caller: Caller, replace: () => void): Disposable {
  const key = `${caller.accountId.toHex()} ${caller.deviceId.toHex()}`;
  const open = core.subscriptions.get(key) ?? new Set();
  core.subscriptions.set(key, open);
  const own = { replace };
  open.add(own);
  for (const oldest of [...open].slice(0, open.size - core.limits.subscriptionsMax)) {
    open.delete(oldest);
    oldest.replace();
  }
  return {
    [Symbol.dispose]: () => {
      open.delete(own);
      if (open.size === 0 && core.subscriptions.get(key) === open) core.subscriptions.delete(key);
    },
  };
}

function replaced(): MessengerError {
  return new MessengerError(
    "channels/subscription-replaced",
    "The subscription ends: the device has begun newer ones",
  );
}

function onAbort(signals: readonly AbortSignal[], act: () => void): Disposable {
  for (const signal of signals) signal.addEventListener("abort", act, { once: true });
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) signal.removeEventListener("abort", act);
    },
  };
}
