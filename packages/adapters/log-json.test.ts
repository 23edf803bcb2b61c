import assert from "node:assert/strict";
import { openJsonLog } from "./log-json.ts";
import { systemClock } from "./clock.ts";

Deno.test("openJsonLog() writes one object a line, from its level up", () => {
  const lines: string[] = [];
  const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 2) };
  const log = openJsonLog({ clock, level: "warn", write: (line) => lines.push(line) });
  log.info("not-written");
  log.warn("half\nopen", { count: 3 });
  assert.deepEqual(lines, [
    '{"time":"2026-01-02T00:00:00.000Z","level":"warn","event":"half\\nopen","count":3}',
  ]);
});

Deno.test("openJsonLog() writes nothing when silent", () => {
  const lines: string[] = [];
  const log = openJsonLog({
    clock: systemClock,
    level: "silent",
    write: (line) => lines.push(line),
  });
  log.error("not-written");
  assert.deepEqual(lines, []);
});
