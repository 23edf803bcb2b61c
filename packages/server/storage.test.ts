import assert from "node:assert/strict";
import { createSeededRandom, openMemoryStore } from "@qpq/adapters";
import { encodeKey, INCARNATION_VOID_KEY, type Store } from "@qpq/ports";
import { VOID_AFTER_RESTORE } from "./slices.ts";
import { openIncarnation } from "./storage.ts";

const random = createSeededRandom(1);
const VOIDED = encodeKey("sessions");
const KEPT = encodeKey("accounts");
/** More than one transaction's page. */
const COUNT = 2_500;

async function put(store: Store, keys: readonly Uint8Array[]): Promise<void> {
  await store.transaction(async (transaction) => {
    for (const key of keys) transaction.put(key, new Uint8Array(1));
  });
}

async function countOf(store: Store, prefix: Uint8Array): Promise<number> {
  const page = await store.snapshot((reader) => reader.range({ prefix }));
  return page.entries.length;
}

Deno.test("openIncarnation() keeps its value, and everything else, from start to start", async () => {
  await using store = openMemoryStore();
  const first = await openIncarnation(store, { random, voided: [VOIDED] });
  await put(store, [encodeKey("sessions", 1)]);
  assert.deepEqual(await openIncarnation(store, { random, voided: [VOIDED] }), first);
  assert.equal(await countOf(store, VOIDED), 1);
});

Deno.test("openIncarnation() renews it once after a restore, and voids all that is named", async () => {
  await using store = openMemoryStore();
  const first = await openIncarnation(store, { random, voided: [VOIDED] });
  const sessions = Array.from({ length: COUNT }, (_, index) => encodeKey("sessions", index));
  await put(store, [...sessions, encodeKey("accounts", 1), INCARNATION_VOID_KEY]);
  const second = await openIncarnation(store, { random, voided: [VOIDED] });
  assert.notDeepEqual(second, first);
  assert.equal(await countOf(store, VOIDED), 0);
  assert.equal(await countOf(store, KEPT), 1);
  assert.deepEqual(await openIncarnation(store, { random, voided: [VOIDED] }), second);
});

Deno.test("openIncarnation() that was cut short begins again: nothing void is served", async () => {
  await using store = openMemoryStore();
  await put(store, [encodeKey("sessions", 1), INCARNATION_VOID_KEY]);
  const failing: Store = Object.assign(Object.create(store), {
    transaction: () => Promise.reject(new Error("killed")),
    snapshot: store.snapshot.bind(store),
  });
  await assert.rejects(openIncarnation(failing, { random, voided: [VOIDED] }), /killed/);
  await openIncarnation(store, { random, voided: [VOIDED] });
  assert.equal(await countOf(store, VOIDED), 0);
});

Deno.test("VOID_AFTER_RESTORE names sessions and key packages, and no whole slice", () => {
  const names = VOID_AFTER_RESTORE.map((key) => new TextDecoder().decode(key));
  for (const part of ["session", "package", "last-resort", "supply"]) {
    assert.ok(names.some((name) => name.includes(part)), part);
  }
  for (const slice of ["accounts", "devices", "key-packages"]) {
    assert.ok(!VOID_AFTER_RESTORE.some((key) => key.toHex() === encodeKey(slice).toHex()));
  }
});
