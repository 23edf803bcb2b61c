import { createManualClock } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { pausing, TURN_MS } from "./ground.ts";

Deno.test("pausing() gives others a turn when it is time, and not before", async () => {
  const clock = createManualClock();
  const pause = pausing({ clock });
  await pause();
  assert.equal(clock.pending, 0);
  await clock.advance(TURN_MS);
  const paused = pause();
  assert.equal(clock.pending, 1, "it waits for its turn");
  await clock.advance(0);
  await paused;
  await pause();
  assert.equal(clock.pending, 0, "time counts from the last turn");
});

Deno.test("pausing() ends with its signal, if it has one", async () => {
  const clock = createManualClock();
  const signal = AbortSignal.abort(new MessengerError("cancelled", "Cannot go on: closed"));
  const pauses = [pausing({ clock }), pausing({ clock, signal })] as const;
  await clock.advance(TURN_MS);
  const [goesOn, ends] = pauses.map((pause) => pause());
  await assert.rejects(ends as Promise<void>, { code: "cancelled" });
  await clock.advance(0);
  await goesOn;
});
