/** One log that a subscription follows: what it sends next. */
import type { ChannelEvent, Entry, Gap, InboxEvent } from "./channels.gen.ts";
import type { Caller, ChannelsCore } from "./core.ts";
import type { FollowedChannel } from "./hub.ts";
import { FRAME_BYTES_MAX, PAGE_ENTRIES_MAX } from "./limits.ts";
import { entryOf, isInline, readEntries, readHead, readInboxHead, readMember } from "./records.ts";
import { badCursor, readInboxPage } from "./read.ts";
import { lastReadable, readableAfter } from "./span.ts";

/** Bytes that an entry or event takes in a frame beside its message, at most. */
const ENTRY_COST_BYTES = 160;
/** What an entry is taken to have before any was seen: so that a first page is small. */
const ENTRY_BYTES_GUESS = 65_536;

export interface Page<Event> {
  readonly events: readonly Event[];
  /** What they take in a frame. */
  readonly bytes: number;
  /** Whether there may be more at once. */
  readonly hasMore: boolean;
  /** Whether nothing comes of this log any more. */
  readonly isOver: boolean;
}

/** Follows one channel for one device. */
export class ChannelFollower implements Disposable {
  readonly #core: ChannelsCore;
  readonly #caller: Caller;
  readonly #channelId: Uint8Array;
  readonly #channel: FollowedChannel & Disposable;
  readonly #unlisten: () => void;
  /** The last that was sent; undefined: begins where the account became a member. */
  #after: number | undefined;
  #hasCaughtUp = false;
  /** Whether the store has said that the account is a member, and up to which entry. */
  #memberUpTo = 0;
  #entryBytes = ENTRY_BYTES_GUESS;

  constructor(
    core: ChannelsCore,
    caller: Caller,
    options: {
      readonly channelId: Uint8Array;
      readonly after: number | undefined;
      readonly wake: () => void;
    },
  ) {
    this.#core = core;
    this.#caller = caller;
    this.#channelId = options.channelId;
    this.#after = options.after;
    this.#channel = core.hub.follow(options.channelId);
    this.#unlisten = this.#channel.listen(options.wake);
  }

  /** The last that was sent. */
  get after(): number | undefined {
    return this.#after;
  }

  /** @param bytesMax in a frame; at least one entry always fits */
  async next(bytesMax: number): Promise<Page<ChannelEvent>> {
    return this.#nextFresh(bytesMax) ?? await this.#nextStored(bytesMax);
  }

  [Symbol.dispose](): void {
    this.#unlisten();
    this.#channel[Symbol.dispose]();
  }

  /** From memory: messages behind what is known, up to the next commit, which may change members. */
  #nextFresh(bytesMax: number): Page<ChannelEvent> | undefined {
    const after = this.#after;
    if (!this.#hasCaughtUp || after === undefined || after < this.#memberUpTo) return undefined;
    const entries: Entry[] = [];
    let bytes = ENTRY_COST_BYTES;
    for (let sequence = after + 1; entries.length < PAGE_ENTRIES_MAX; sequence++) {
      const entry = this.#channel.fresh(sequence);
      if (entry === undefined || (entry.kind !== "application" && entry.kind !== "proposal")) break;
      bytes += ENTRY_COST_BYTES + entry.message.length;
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(entry);
    }
    const last = entries.at(-1);
    if (last === undefined) return undefined;
    this.#after = this.#memberUpTo = last.sequence;
    const hasMore = this.#channel.head > last.sequence;
    return { events: [this.#entries(entries)], bytes, hasMore, isOver: false };
  }

  /** From the store: also says whether the account may read on. */
  async #nextStored(bytesMax: number): Promise<Page<ChannelEvent>> {
    const { store } = this.#core;
    const channelId = this.#channelId;
    const countMax = Math.max(
      1,
      Math.min(PAGE_ENTRIES_MAX, Math.floor(bytesMax / this.#entryBytes)),
    );
    return await store.snapshot(async (reader) => {
      const [head, member] = await Promise.all([
        readHead(reader, channelId),
        readMember(reader, channelId, this.#caller.accountId),
      ]);
      if (head === undefined || member === undefined) {
        return this.#over([{ channelId, kind: "notMember" }]);
      }
      const after = this.#after ?? (member.spans[0]?.from ?? 1) - 1;
      if (after > lastReadable(head, member)) throw badCursor();
      const { from, to, gap, isLast } = readableAfter(head, member, after);
      const entries: Entry[] = [];
      let bytes = ENTRY_COST_BYTES;
      for (const entry of await readEntries(reader, channelId, { from, to, countMax })) {
        const size = ENTRY_COST_BYTES + (isInline(entry.messageBytes) ? entry.messageBytes : 0);
        if (entries.length > 0 && bytes + size > bytesMax) break;
        bytes += size;
        entries.push(entryOf(entry));
      }
      if (entries.length > 0) this.#entryBytes = Math.ceil(bytes / entries.length);
      const reached = entries.at(-1)?.sequence ?? from - 1;
      this.#after = reached;
      const isAtEnd = reached >= lastReadable(head, member);
      // What the store says of membership holds for every entry up to its head.
      this.#memberUpTo = isLast ? Infinity : head.sequence;
      return {
        events: this.#eventsOf({ gap, entries, caughtUpAt: isAtEnd ? head.sequence : undefined }),
        bytes,
        hasMore: !isAtEnd || (this.#channel.head > head.sequence && !isLast),
        isOver: isAtEnd && isLast,
      };
    });
  }

  #eventsOf(page: {
    readonly gap: Gap | undefined;
    readonly entries: readonly Entry[];
    readonly caughtUpAt: number | undefined;
  }): ChannelEvent[] {
    const channelId = this.#channelId;
    const events: ChannelEvent[] = [];
    if (page.gap !== undefined) events.push({ channelId, kind: "gap", gap: page.gap });
    if (page.entries.length > 0) events.push(this.#entries(page.entries));
    if (page.caughtUpAt !== undefined && !this.#hasCaughtUp) {
      this.#hasCaughtUp = true;
      events.push({ channelId, kind: "caughtUp", caughtUp: this.#after ?? page.caughtUpAt });
    }
    return events;
  }

  #entries(entries: readonly Entry[]): ChannelEvent {
    return { channelId: this.#channelId, kind: "entries", entries };
  }

  #over(events: readonly ChannelEvent[]): Page<ChannelEvent> {
    return { events, bytes: ENTRY_COST_BYTES, hasMore: false, isOver: true };
  }
}

/** Follows a device's inbox. */
export class InboxFollower implements Disposable {
  readonly #core: ChannelsCore;
  readonly #caller: Caller;
  readonly #unwatch: () => void;
  #after: number;
  #hasCaughtUp = false;

  constructor(
    core: ChannelsCore,
    caller: Caller,
    options: {
      readonly after: number;
      readonly prefix: Uint8Array;
      readonly wake: () => void;
    },
  ) {
    this.#core = core;
    this.#caller = caller;
    this.#after = options.after;
    const watch = core.store.watch(options.prefix, options.wake);
    this.#unwatch = () => watch.close();
  }

  async next(bytesMax: number): Promise<Page<InboxEvent>> {
    return await this.#core.store.snapshot(async (reader) => {
      const head = await readInboxHead(reader, this.#caller);
      if (this.#after > head.sequence) throw badCursor();
      const page = await readInboxPage(reader, this.#caller, {
        head,
        after: this.#after,
        countMax: Math.max(1, Math.floor(bytesMax / (FRAME_BYTES_MAX / PAGE_ENTRIES_MAX))),
        bytesMax,
      });
      const events: InboxEvent[] = [];
      if (page.gap !== undefined) events.push({ kind: "gap", gap: page.gap });
      if (page.entries.length > 0) events.push({ kind: "entries", entries: page.entries });
      const bytes = page.entries.reduce(
        (sum, { welcome }) => sum + welcome.length + 2 * ENTRY_COST_BYTES,
        ENTRY_COST_BYTES,
      );
      this.#after = page.entries.at(-1)?.sequence ?? Math.max(this.#after, page.gap?.to ?? 0);
      const hasMore = this.#after < head.sequence;
      if (!hasMore && !this.#hasCaughtUp) {
        this.#hasCaughtUp = true;
        events.push({ kind: "caughtUp", caughtUp: this.#after });
      }
      return { events, bytes, hasMore, isOver: false };
    });
  }

  [Symbol.dispose](): void {
    this.#unwatch();
  }
}
