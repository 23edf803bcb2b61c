import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encryptMessage } from "./group/application.ts";
import { loadGroup } from "./group/records.ts";
import type { GroupState } from "./group/state.ts";
import { aliceGreetsBob } from "./example.ts";
import { NOW_MS, provider, random, receive } from "./test/members.ts";
import { applyChanges, RecordMap } from "./test/record-map.ts";

Deno.test("the example of README.md is example.ts, and it runs", async () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const [, shown] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.equal(shown, readFileSync(join(folder, "example.ts"), "utf8"));
  const stores = new Map([["alice", new RecordMap()], ["bob", new RecordMap()]]);
  const greeting = await aliceGreetsBob(
    (member, changes) => {
      applyChanges(stores.get(member) as RecordMap, changes);
      return Promise.resolve();
    },
    random,
    NOW_MS,
  );
  assert.equal(greeting, "hello");
  // What it stored goes on where it ended.
  const [alice, bob] = await Promise.all(
    [...stores.values()].map((records) => loadGroup(provider, records)),
  ) as [GroupState, GroupState];
  const { message } = encryptMessage(alice, Uint8Array.of(1), { random });
  assert.equal((await receive(bob, message, "application")).generation, 1);
});
