/** The delivery service, the client's half: what a server says is checked before anybody stands on it. */
import type { Caller, CallOptions } from "@qpq/capnp";
import { MessengerError } from "@qpq/ports";
import {
  type ChannelEvent,
  type ChannelsAppendResults,
  type ChannelsClient,
  channelsClient,
  type ChannelsCommitResults,
  type ChannelsCreateResults,
  type ChannelsGroupInfoResults,
  type ChannelsMembersResults,
  type ChannelsReadResults,
  type ChannelsSucceedResults,
  type CommitUpload,
  type Cursor,
  type Entry,
  type Gap,
  type InboxEntry,
  type InboxEvent,
} from "./channels.gen.ts";

export { newEntryId } from "./entry-id.ts";
export type { CommitUpload, Cursor, Entry, Gap, InboxEntry } from "./channels.gen.ts";

/** What follows a device's cursors, in the order of each log. */
export type Delivery =
  | { readonly kind: "entry"; readonly channelId: Uint8Array; readonly entry: Entry }
  /** Entries that are gone for this reader: to be shown, never to be passed over in silence. */
  | { readonly kind: "gap"; readonly channelId: Uint8Array; readonly gap: Gap }
  /** What was there when this began has been delivered. */
  | { readonly kind: "caught-up"; readonly channelId: Uint8Array; readonly sequence: number }
  /** Nothing comes of this channel, unless the account is added anew. */
  | { readonly kind: "not-a-member"; readonly channelId: Uint8Array }
  /** Its Welcome is whole. */
  | { readonly kind: "welcome"; readonly inboxEntry: InboxEntry }
  | { readonly kind: "inbox-gap"; readonly gap: Gap }
  | { readonly kind: "inbox-caught-up"; readonly sequence: number }
  /** Of every channel, and of the inbox, what was there when this began has been delivered. Once. */
  | { readonly kind: "all-caught-up" };

export interface FollowOptions {
  /** Of the server that the cursors were had from: in its hello. */
  readonly incarnation: Uint8Array;
  /** At most 4,096; the account's other channels are delivered from where it became a member. */
  readonly cursors: readonly Cursor[];
  readonly inboxAfter: number;
  readonly signal?: AbortSignal;
}

/** Calls of a logged-in device. Errors as the server's half says, and as any call. */
export interface ChannelCalls {
  /** `isNew` false: the two accounts have a direct message already; this is its channel. */
  create(upload: CommitUpload, options?: CallOptions): Promise<ChannelsCreateResults>;
  /** The same again, with the same entry id and bytes, has the same result: retry freely. */
  append(
    entry: {
      readonly channelId: Uint8Array;
      readonly entryId: Uint8Array;
      readonly message: Uint8Array;
    },
    options?: CallOptions,
  ): Promise<ChannelsAppendResults>;
  commit(
    commit: { readonly channelId: Uint8Array; readonly upload: CommitUpload },
    options?: CallOptions,
  ): Promise<ChannelsCommitResults>;
  succeed(
    succession: { readonly channelId: Uint8Array; readonly upload: CommitUpload },
    options?: CallOptions,
  ): Promise<ChannelsSucceedResults>;
  /** One page behind the cursor; `head` above the last entry: there is more. */
  read(
    page: {
      readonly incarnation: Uint8Array;
      readonly cursor: Cursor;
      /** 1 to 128, which is the default. */
      readonly countMax?: number;
    },
    options?: CallOptions,
  ): Promise<ChannelsReadResults>;
  acknowledge(
    seen: {
      readonly incarnation: Uint8Array;
      /** At most 256. */
      readonly cursors: readonly Cursor[];
      /** 0: says nothing about the inbox. */
      readonly inboxAfter: number;
    },
    options?: CallOptions,
  ): Promise<void>;
  members(channelId: Uint8Array, options?: CallOptions): Promise<ChannelsMembersResults>;
  groupInfo(channelId: Uint8Array, options?: CallOptions): Promise<ChannelsGroupInfoResults>;
  report(
    commit: { readonly channelId: Uint8Array; readonly sequence: number },
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Everything of the account's channels and the device's inbox behind the cursors, then what comes.
   * Ends with the connection: begin again with the cursors of what was stored.
   * @throws MessengerError `channels/bad-answer`: the server leaves something out, repeats it, or sends
   *   another length than it says; those of the calls
   */
  follow(options: FollowOptions): AsyncGenerator<Delivery, void, void>;
}

const PAGE_ENTRIES_MAX = 128;
/** Channels that one `follow` tells apart: four times what an account is in at once. */
const CHANNELS_FOLLOWED_MAX = 16_384;

export function openChannelCalls(caller: Caller): ChannelCalls {
  const stub = channelsClient(caller);
  return {
    create: (upload, options) => stub.create({ upload }, options),
    append: async (entry, options) => placed(await stub.append(entry, options)),
    commit: async (commit, options) => placed(await stub.commit(commit, options)),
    succeed: (succession, options) => stub.succeed(succession, options),
    read: (page, options) => readPage(stub, page, options),
    acknowledge: async (seen, options) => void await stub.acknowledge(seen, options),
    members: (channelId, options) => stub.members({ channelId }, options),
    groupInfo: (channelId, options) => stub.groupInfo({ channelId }, options),
    report: async (commit, options) => void await stub.report(commit, options),
    follow: (options) => follow(stub, options),
  };
}

async function readPage(
  stub: ChannelsClient,
  page: {
    readonly incarnation: Uint8Array;
    readonly cursor: Cursor;
    readonly countMax?: number;
  },
  options?: CallOptions,
): Promise<ChannelsReadResults> {
  const { cursor, countMax = PAGE_ENTRIES_MAX } = page;
  const results = await stub.read({ ...page, countMax }, options);
  let after = cursor.after;
  if (results.gap !== undefined) after = checkGap(results.gap, after);
  for (const entry of results.entries) {
    after = checkNext(entry, after);
    checkWhole(entry.message, entry.messageBytes);
  }
  if (results.head > after && results.entries.length === 0 && results.gap === undefined) {
    throw badAnswer("a page is empty, but not the last");
  }
  return results;
}

async function* follow(
  stub: ChannelsClient,
  options: FollowOptions,
): AsyncGenerator<Delivery, void, void> {
  const { incarnation, inboxAfter, signal } = options;
  const calls: CallOptions = signal === undefined ? {} : { signal };
  const cursors = new Map(
    options.cursors.map(({ channelId, after }) => [channelId.toHex(), after]),
  );
  const position = { inbox: inboxAfter };
  const params = { incarnation, cursors: options.cursors, inboxAfter };
  for await (const frame of stub.subscribe(params, calls)) {
    for (const event of frame.inbox) yield* inboxDeliveries(event);
    for (const event of frame.channels) yield* channelDeliveries(event);
    if (frame.allSent) yield { kind: "all-caught-up" };
  }

  async function* inboxDeliveries(event: InboxEvent): AsyncGenerator<Delivery, void, void> {
    if (event.kind === "gap") {
      position.inbox = checkGap(event.gap, position.inbox);
      yield { kind: "inbox-gap", gap: event.gap };
    } else if (event.kind === "caughtUp") {
      checkCaughtUp(event.caughtUp, position.inbox);
      yield { kind: "inbox-caught-up", sequence: event.caughtUp };
    } else if (event.kind === "entries") {
      for (const entry of event.entries) {
        position.inbox = checkNext(entry, position.inbox);
        const { sequence, welcomeBytes } = entry;
        const welcome = entry.welcome.length > 0
          ? entry.welcome
          : (await stub.welcome({ incarnation, sequence }, calls)).welcome;
        checkWhole(welcome, welcomeBytes);
        yield { kind: "welcome", inboxEntry: { ...entry, welcome } };
      }
    }
  }

  async function* channelDeliveries(event: ChannelEvent): AsyncGenerator<Delivery, void, void> {
    const { channelId } = event;
    const key = channelId.toHex();
    const after = cursors.get(key);
    if (after === undefined && cursors.size >= CHANNELS_FOLLOWED_MAX) {
      throw badAnswer("more channels than any account is in");
    }
    if (event.kind === "gap") {
      cursors.set(key, checkGap(event.gap, after ?? event.gap.from - 1));
      yield { kind: "gap", channelId, gap: event.gap };
    } else if (event.kind === "caughtUp") {
      // Not further than what came: entries in between would be passed over in silence.
      checkCaughtUp(event.caughtUp, after ?? event.caughtUp);
      cursors.set(key, event.caughtUp);
      yield { kind: "caught-up", channelId, sequence: event.caughtUp };
    } else if (event.kind === "notMember") {
      yield { kind: "not-a-member", channelId };
    } else if (event.kind === "entries") {
      for (const entry of event.entries) {
        // A channel without a cursor begins where the server says that the account came in.
        cursors.set(key, checkNext(entry, cursors.get(key) ?? entry.sequence - 1));
        yield { kind: "entry", channelId, entry: await whole(channelId, entry) };
      }
    }
  }

  async function whole(channelId: Uint8Array, entry: Entry): Promise<Entry> {
    if (entry.message.length > 0) {
      checkWhole(entry.message, entry.messageBytes);
      return entry;
    }
    const cursor = { channelId, after: entry.sequence - 1 };
    const page = await readPage(stub, { incarnation, cursor, countMax: 1 }, calls);
    const [read] = page.entries;
    if (read?.sequence !== entry.sequence) throw badAnswer("an entry is gone that was just there");
    return read;
  }
}

/** What is accepted has a place in the log. @throws MessengerError `channels/bad-answer` */
function placed<Results extends { readonly sequence: number }>(results: Results): Results {
  if (results.sequence < 1) throw badAnswer("an entry that was accepted has no number");
  return results;
}

/** @returns the new cursor. @throws MessengerError `channels/bad-answer` */
function checkNext({ sequence }: { readonly sequence: number }, after: number): number {
  if (sequence !== after + 1) throw badAnswer(`entry ${sequence} comes after ${after}`);
  return sequence;
}

/** @throws MessengerError `channels/bad-answer` */
function checkCaughtUp(sequence: number, after: number): void {
  if (sequence === after) return;
  throw badAnswer(`the end is said to be ${sequence}, what came ends with ${after}`);
}

function checkGap({ from, to }: Gap, after: number): number {
  if (from !== after + 1 || to < from) throw badAnswer(`a gap from ${from} comes after ${after}`);
  return to;
}

function checkWhole(bytes: Uint8Array, length: number): void {
  if (bytes.length === length && length > 0) return;
  throw badAnswer(`${bytes.length} bytes instead of ${length}`);
}

function badAnswer(state: string): MessengerError {
  return new MessengerError("channels/bad-answer", `Cannot accept the server's answer: ${state}`);
}
