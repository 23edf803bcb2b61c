/** A server that cheats: the client says so, and goes no further. */
import assert from "node:assert/strict";
import type { Caller, CallOptions, Method } from "@qpq/capnp";
import type { ChannelEvent, ChannelsSubscribeResults, Entry, InboxEntry } from "./channels.gen.ts";
import { type Delivery, openChannelCalls } from "./client.ts";
import { refusedWith } from "./test/world.ts";

const INCARNATION = new Uint8Array(16);
const channelId = new Uint8Array(32).fill(1);

function entry(sequence: number, more: Partial<Entry> = {}): Entry {
  const message = Uint8Array.of(sequence);
  const entryId = new Uint8Array(16);
  return {
    sequence,
    kind: "application",
    acceptedAtMs: 0,
    entryId,
    message,
    messageBytes: 1,
    ...more,
  };
}

/** Answers each call by its name, and subscriptions with these frames. */
function server(
  frames: readonly Partial<ChannelsSubscribeResults>[],
  answers: Readonly<Record<string, unknown>> = {},
): Caller {
  return {
    call<Params, Results>(method: Method<Params, Results>, _: Params, __?: CallOptions) {
      return Promise.resolve(answers[method.name] as Results);
    },
    async *subscribe<Params, Results>(method: Method<Params, Results>) {
      for (const frame of frames) {
        const whole = { channels: [], inbox: [], ...frame };
        yield method.decodeResults(method.encodeResults(whole as Results));
      }
    },
  };
}

async function followed(
  caller: Caller,
  after: number | "no cursor" = 0,
): Promise<readonly Delivery[]> {
  const cursors = after === "no cursor" ? [] : [{ channelId, after }];
  const deliveries = [];
  const options = { incarnation: INCARNATION, cursors, inboxAfter: 0 };
  for await (const each of openChannelCalls(caller).follow(options)) deliveries.push(each);
  return deliveries;
}

function entries(...list: readonly Entry[]): { readonly channels: readonly ChannelEvent[] } {
  return { channels: [{ channelId, kind: "entries", entries: list }] };
}

Deno.test("follow() passes on what is whole and in order, gaps included", async () => {
  const gap = { from: 2, to: 4, reason: "expired" } as const;
  const frames = [
    entries(entry(1)),
    { channels: [{ channelId, kind: "gap", gap }] as const },
    entries(entry(5), entry(6)),
  ];
  const kinds = (await followed(server(frames))).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["entry", "gap", "entry", "entry"]);
});

Deno.test("follow() begins a channel without a cursor where the server does", async () => {
  assert.equal((await followed(server([entries(entry(7), entry(8))]), "no cursor")).length, 2);
});

Deno.test("follow() refuses a hole, a repetition, another order, a gap or an end that does not fit", async () => {
  const gap = (from: number, to: number) => ({
    channels: [{ channelId, kind: "gap", gap: { from, to, reason: "expired" } }] as const,
  });
  const caughtUp = (sequence: number) => ({
    channels: [{ channelId, kind: "caughtUp", caughtUp: sequence }] as const,
  });
  for (
    const frames of [
      [caughtUp(1)],
      [entries(entry(1), entry(2)), caughtUp(1)],
      [entries(entry(1)), caughtUp(4), entries(entry(5))],
      [{ inbox: [{ kind: "caughtUp", caughtUp: 1 }] as const }],
      [entries(entry(2))],
      [entries(entry(1), entry(3))],
      [entries(entry(1)), entries(entry(1))],
      [entries(entry(1)), entries(entry(3))],
      [gap(2, 3)],
      [gap(1, 0)],
      [gap(1, 3), entries(entry(3))],
    ]
  ) await refusedWith("channels/bad-answer", followed(server(frames)));
});

Deno.test("follow() refuses an entry of another length, and a large one that is missing", async () => {
  const large = entry(1, { message: new Uint8Array(), messageBytes: 70_000 });
  const read = (page: unknown) => server([entries(large)], { "channels/read": page });
  const whole = entry(1, { message: new Uint8Array(70_000), messageBytes: 70_000 });
  const page = { entries: [whole], head: 1 };
  const [delivery] = await followed(read(page));
  assert.ok(delivery?.kind === "entry" && delivery.entry.message.length === 70_000);
  const cut = { ...whole, message: new Uint8Array(69_999) };
  for (
    const answer of [
      { entries: [], head: 1 },
      { entries: [], head: 0 },
      { entries: [cut], head: 1 },
      { entries: [entry(2)], head: 2 },
    ]
  ) await refusedWith("channels/bad-answer", followed(read(answer)));
  await refusedWith(
    "channels/bad-answer",
    followed(server([entries(entry(1, { messageBytes: 2 }))])),
  );
});

Deno.test("follow() refuses an inbox with a hole, and a Welcome of another length", async () => {
  const inboxEntry = (sequence: number, more: Partial<InboxEntry> = {}): InboxEntry => ({
    sequence,
    acceptedAtMs: 0,
    channelId,
    channelSequence: 1,
    welcome: Uint8Array.of(1),
    welcomeBytes: 1,
    ...more,
  });
  const inbox = (...list: readonly InboxEntry[]) => ({
    inbox: [{ kind: "entries", entries: list }] as const,
  });
  assert.equal((await followed(server([inbox(inboxEntry(1), inboxEntry(2))]))).length, 2);
  const gap = (from: number) => ({
    inbox: [{ kind: "gap", gap: { from, to: 3, reason: "expired" } }] as const,
  });
  const rest = inbox(inboxEntry(4));
  assert.equal((await followed(server([gap(1), rest]))).length, 2);
  await refusedWith("channels/bad-answer", followed(server([gap(2), rest])));
  await refusedWith("channels/bad-answer", followed(server([inbox(inboxEntry(2))])));
  await refusedWith("channels/bad-answer", followed(server([inbox(inboxEntry(1), inboxEntry(1))])));
  await refusedWith(
    "channels/bad-answer",
    followed(server([inbox(inboxEntry(1, { welcomeBytes: 2 }))])),
  );
});

Deno.test("append() and commit() refuse an acceptance without a place", async () => {
  for (const sequence of [0, 1]) {
    const answer = { sequence, acceptedAtMs: 0, undelivered: [] };
    const calls = openChannelCalls(
      server([], { "channels/append": answer, "channels/commit": answer }),
    );
    const bytes = new Uint8Array(16);
    const upload = { entryId: bytes, message: bytes, groupInfo: bytes, welcomes: [] };
    const all = [
      () => calls.append({ channelId, entryId: bytes, message: bytes }),
      () => calls.commit({ channelId, upload }),
    ];
    for (const call of all) {
      if (sequence === 0) await refusedWith("channels/bad-answer", call);
      else assert.equal((await call()).sequence, 1);
    }
  }
});

Deno.test("follow() tells no more channels apart than any account is in", async () => {
  const frames = Array.from({ length: 17 }, (_, frame) => ({
    channels: Array.from({ length: 1_000 }, (_, index): ChannelEvent => {
      const id = new Uint8Array(16);
      new DataView(id.buffer).setUint32(0, 1_000 * frame + index);
      return { channelId: id, kind: "caughtUp", caughtUp: 0 };
    }),
  }));
  assert.equal((await followed(server(frames.slice(0, 16)))).length, 16_000);
  await refusedWith("channels/bad-answer", followed(server(frames)));
});

Deno.test("read() refuses a page that leaves something out", async () => {
  const read = (page: unknown) =>
    openChannelCalls(server([], { "channels/read": page })).read({
      incarnation: INCARNATION,
      cursor: { channelId, after: 3 },
    });
  assert.equal((await read({ entries: [entry(4)], head: 9 })).entries.length, 1);
  const gap = { from: 4, to: 6, reason: "expired" };
  assert.equal((await read({ gap, entries: [entry(7)], head: 9 })).entries.length, 1);
  for (
    const page of [
      { entries: [entry(5)], head: 9 },
      { entries: [], head: 9 },
      { gap, entries: [entry(6)], head: 9 },
      { gap: { ...gap, from: 5 }, entries: [], head: 9 },
    ]
  ) await refusedWith("channels/bad-answer", read(page));
});
