import assert from "node:assert/strict";
import { contentOf, enrolled, openDeviceWorld, refusedWith } from "../test/device-world.ts";
import { type Directory, readDirectory, writeDirectory } from "./directory.ts";

Deno.test("the directory is one encrypted record, written by compare-and-swap, read by every device", async () => {
  await using world = await openDeviceWorld();
  const first = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const empty = await readDirectory(first.home, first);
  assert.deepEqual(empty, { version: 0, content: { conversations: [], pins: [] } });
  const conversation = {
    groupId: new Uint8Array(16).fill(1),
    epoch: 7,
    confirmedTranscriptHash: new Uint8Array(32).fill(2),
    kind: "group" as const,
    name: "a private name",
  };
  const content = { conversations: [conversation], pins: [] };
  assert.equal(await writeDirectory(first.home, { version: 0, content }, first), 1);
  assert.deepEqual(await readDirectory(second.home, second), { version: 1, content });
  await refusedWith(
    "accounts/version-conflict",
    writeDirectory(second.home, { version: 0, content }, second),
  );
  await refusedWith(
    "accounts/version-conflict",
    writeDirectory(second.home, { version: 5, content }, second),
  );
  assert.equal(await writeDirectory(second.home, { version: 1, content }, second), 2);
  const stored = await contentOf(world.store);
  assert.ok(!stored.includes(new TextEncoder().encode("a private name").toHex()));
  const named = { ...conversation, name: "x".repeat(256) };
  const many = Array.from({ length: 4_000 }, () => named);
  await refusedWith(
    "too-large",
    writeDirectory(first.home, { version: 2, content: { conversations: many, pins: [] } }, first),
  );
});

Deno.test("readDirectory() refuses an older one, another account's, and a changed one", async () => {
  type Answer = { readonly version: number; readonly sealed: Uint8Array };
  const seen: Answer[] = [];
  let lie: ((answer: Answer) => Answer) | undefined;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "accounts/read-directory") return result;
      const answer = result as Answer;
      seen.push(answer);
      return lie === undefined ? answer : lie(answer);
    },
  });
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const empty: Directory["content"] = { conversations: [], pins: [] };
  await writeDirectory(bob.home, { version: 0, content: empty }, bob);
  await readDirectory(bob.home, bob);
  await writeDirectory(alice.home, { version: 0, content: empty }, alice);
  await readDirectory(alice.home, alice);
  const [bobs, first] = seen as [Answer, Answer];
  await writeDirectory(alice.home, { version: 1, content: empty }, alice);
  lie = () => first;
  await refusedWith("accounts/directory-rolled-back", readDirectory(alice.home, alice));
  lie = () => ({ version: 0, sealed: new Uint8Array() });
  await refusedWith("accounts/directory-rolled-back", readDirectory(alice.home, alice));
  // The older one under the newer number.
  lie = () => ({ ...first, version: 2 });
  await refusedWith("accounts/directory-refused", readDirectory(alice.home, alice));
  lie = () => ({ ...bobs, version: 2 });
  await refusedWith("accounts/directory-refused", readDirectory(alice.home, alice));
  lie = ({ sealed, version }) => ({ version, sealed: sealed.subarray(1) });
  await refusedWith("accounts/directory-refused", readDirectory(alice.home, alice));
  lie = ({ version }) => ({ version, sealed: new Uint8Array() });
  await refusedWith("accounts/directory-refused", readDirectory(alice.home, alice));
  lie = undefined;
  assert.equal((await readDirectory(alice.home, alice)).version, 2);
});
