/** A long backlog streams to one reader, however long it is, while the server's memory stays as it was. */
import assert from "node:assert/strict";
import { createSeededRandom, systemClock } from "@qpq/adapters";
import { newEntryId } from "../../packages/features/channels/client.ts";
import { fakeCommit, framed } from "../../packages/features/channels/test/messages.ts";
import {
  openClient,
  SERVICE_INCARNATION,
  startService,
} from "../../packages/features/channels/test/process.ts";

const IS_FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
/** 180 MB, or 900 MB with what is stored beside each message. */
const [ENTRIES, BYTES] = IS_FULL ? [1_000_000, 512] : [3_000, 60_000];
const IN_FLIGHT = 250;
/**
 * What a runtime's heap and a database's caches may wander, whatever is read: on a busy machine what
 * is garbage is collected late.
 */
const GROWTH_KB_MAX = 128 * 1024;
const FREE = { burst: 1e9, perMinute: 1e9 };

const name = `follow() streams ${ENTRIES} entries of ${BYTES} bytes in order, at steady memory`;

// Memory is read from /proc.
Deno.test({ name, ignore: Deno.build.os !== "linux" }, async () => {
  const folder = await Deno.makeTempDir({ prefix: "qpq-backlog-" });
  const random = createSeededRandom(7);
  const service = await startService(folder, {
    appendRate: FREE,
    quotaEntries: 1e9,
    quotaBytes: 1e12,
  });
  const client = openClient(() => service.listening, 1);
  try {
    const channelId = random.bytes(32);
    const context = { kind: "group", admins: [client.id] } as const;
    await client.calls.create(fakeCommit(random, { channelId, context }));
    let sent = 1;
    await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
      while (sent < ENTRIES) {
        sent += 1;
        const message = framed(random, { channelId, epoch: 1, bytes: BYTES });
        const entryId = newEntryId({ clock: systemClock, random });
        await client.calls.append({ channelId, entryId, message });
      }
    }));
    const before = await residentKb(service.pid);
    let most = before;
    let last = 0;
    const cursors = [{ channelId, after: 0 }];
    const options = { incarnation: SERVICE_INCARNATION, cursors, inboxAfter: 0 };
    for await (const delivery of client.calls.follow(options)) {
      if (delivery.kind !== "entry") continue;
      assert.equal(delivery.entry.sequence, last + 1);
      last += 1;
      if (last % 100 === 0) most = Math.max(most, await residentKb(service.pid));
      if (last === ENTRIES) break;
    }
    assert.ok(most - before < GROWTH_KB_MAX, `the server grew by ${most - before} KB`);
  } finally {
    await client.rpc.close();
    await service.kill();
    await Deno.remove(folder, { recursive: true });
  }
});

async function residentKb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}
