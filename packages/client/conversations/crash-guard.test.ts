import assert from "node:assert/strict";
import { MemoryDisk, openMemoryStore } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import { CrashGuard } from "./crash-guard.ts";

const CLOSED = new MessengerError("cancelled", "Cannot go on: the client is closed");
const group = new Uint8Array([7]);
const channel = group.toHex();

async function run<Result>(
  disk: MemoryDisk,
  use: (guard: CrashGuard) => Promise<Result>,
): Promise<Result> {
  const store = openMemoryStore({ disk });
  const guard = new CrashGuard(store);
  await guard.open();
  const result = await use(guard);
  await store.close();
  return result;
}

Deno.test("CrashGuard is careful after a run that did not end in order, and no other", async () => {
  const disk = new MemoryDisk();
  const isCareful = (reason?: unknown) =>
    run(disk, async (guard) => {
      const answer = guard.isCareful(channel);
      if (reason !== undefined) await guard.close(reason);
      return answer;
    });
  assert.equal(await isCareful(CLOSED), false);
  assert.equal(await isCareful(), false);
  assert.equal(await isCareful(CLOSED), true);
  // Closed by a failure, or by a bug of ours: that is no order.
  assert.equal(await isCareful(new Error("a bug")), false);
  assert.equal(await isCareful(CLOSED), true);
  assert.equal(await isCareful(CLOSED), false);
});

Deno.test("CrashGuard lets an entry be tried four times in runs that end with it, and others beside it", async () => {
  const disk = new MemoryDisk();
  await run(disk, () => Promise.resolve());
  const answers: boolean[] = [];
  for (let death = 0; death < 5; death++) {
    answers.push(await run(disk, (guard) => guard.mayTry(9, group)));
  }
  assert.deepEqual(answers, [true, true, true, true, false]);
  await run(disk, async (guard) => {
    assert.equal(await guard.mayTry(10, group), true);
    assert.equal(await guard.mayTry(9), true);
    assert.equal(await guard.mayTry(9, group), true);
  });
});

Deno.test("CrashGuard counts as many entries of a channel as could have been taken at a time", async () => {
  const disk = new MemoryDisk();
  await run(disk, () => Promise.resolve());
  await run(disk, async (guard) => {
    for (let sequence = 1; sequence <= 128; sequence++) {
      assert.ok(guard.isCareful(channel));
      await guard.mayTry(sequence, group);
    }
    assert.ok(!guard.isCareful(channel));
    assert.ok(guard.isCareful("08"));
  });
});
