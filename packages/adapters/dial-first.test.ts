import assert from "node:assert/strict";
import { createManualClock } from "./clock-manual.ts";
import { dialFirst } from "./dial-first.ts";

/** Candidates that settle when the test says so. */
function open(names: readonly string[]) {
  const clock = createManualClock();
  const controller = new AbortController();
  const begun: string[] = [];
  const discarded: string[] = [];
  const settle = new Map<string, { ok: () => void; fail: () => void; aborted: boolean }>();
  const dialling = dialFirst<string, string>(names, {
    clock,
    staggerMs: 250,
    signal: controller.signal,
    discard: (name) => void discarded.push(name),
    dial: (name, signal) => {
      begun.push(`${name}@${clock.monotonic()}`);
      return new Promise<string>((resolve, reject) => {
        const state = {
          ok: () => resolve(name),
          fail: () => reject(new Error(name)),
          aborted: false,
        };
        signal.addEventListener("abort", () => state.aborted = true);
        settle.set(name, state);
      });
    },
  });
  dialling.catch(() => {});
  return { clock, controller, begun, discarded, settle, dialling };
}

Deno.test("dialFirst() gives each candidate a head start, and takes the first that succeeds", async () => {
  const { clock, begun, discarded, settle, dialling } = open(["a", "b", "c"]);
  await clock.advance(300);
  assert.deepEqual(begun, ["a@0", "b@250"]);
  settle.get("b")?.ok();
  assert.equal(await dialling, "b");
  assert.equal(settle.get("a")?.aborted, true);
  settle.get("a")?.ok();
  await clock.advance(10_000);
  assert.deepEqual(discarded, ["a"]);
  assert.deepEqual(begun, ["a@0", "b@250"]);
  assert.equal(clock.pending, 0);
});

Deno.test("dialFirst() goes on at once after a failure, and fails with the first of all", async () => {
  const { clock, begun, settle, dialling } = open(["a", "b"]);
  settle.get("a")?.fail();
  await clock.advance(1);
  assert.deepEqual(begun, ["a@0", "b@0"]);
  settle.get("b")?.fail();
  await assert.rejects(dialling, { message: "a" });
  assert.equal(clock.pending, 0);
});

Deno.test("dialFirst() stops everything when it is aborted", async () => {
  const { clock, controller, begun, discarded, settle, dialling } = open(["a", "b"]);
  controller.abort(new Error("enough"));
  await assert.rejects(dialling, { message: "enough" });
  assert.equal(settle.get("a")?.aborted, true);
  settle.get("a")?.ok();
  await clock.advance(1_000);
  assert.deepEqual([begun, discarded], [["a@0"], ["a"]]);
});
