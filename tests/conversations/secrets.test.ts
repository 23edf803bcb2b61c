/** What a device's store holds when an epoch is over: nothing of it. */
import assert from "node:assert/strict";
import type { Client } from "@qpq/client";
import { decodeKey, keyAfter, type Store } from "@qpq/ports";
import { decodeRecord, epochSecretsRecord } from "../../packages/mls/group/record-codec.ts";
import { fastClock } from "./fast-clock.ts";
import { conversation, until } from "./helpers.ts";
import type { Machine } from "./machine.ts";
import { openConversationWorld } from "./world.ts";

const PATIENCE = { timeoutMs: 1_200_000 } as const;

/** Every secret of every epoch that a device had, with the place where it was. */
class Secrets {
  readonly seen = new Map<string, { readonly epoch: string; readonly name: string }>();
  /** Private parts of an own commit's epoch that was stored beside the current one. */
  stagedCount = 0;

  readonly observe = (key: Uint8Array, value: Uint8Array): void => {
    const [slice, kind, , part, epoch, name] = decodeKey(key);
    if (slice !== "groups") return;
    if (kind === "staged") this.stagedCount++;
    if (kind !== "mls" || part !== "epoch" || name !== "secrets") return;
    for (const [each, secret] of Object.entries(decodeRecord(epochSecretsRecord, value))) {
      this.seen.set((secret as Uint8Array).toHex(), { epoch: String(epoch), name: each });
    }
  };
}

async function entriesOf(store: Store) {
  const found: { readonly key: readonly unknown[]; readonly value: Uint8Array }[] = [];
  await store.snapshot(async (reader) => {
    let start: Uint8Array | undefined;
    for (;;) {
      const page = await reader.range({ prefix: new Uint8Array(), ...start && { start } });
      for (const { key, value } of page.entries) found.push({ key: decodeKey(key), value });
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      start = keyAfter(last.key);
    }
  });
  return found;
}

/** Nothing is there of an epoch that is over, nor of a commit that was settled. */
async function checkStore(machine: Machine, secrets: Secrets, current: string): Promise<void> {
  assert.ok(machine.store !== undefined);
  const entries = await entriesOf(machine.store);
  const isOver = [...secrets.seen].filter(([, { epoch }]) => epoch !== current);
  assert.ok(isOver.length > 0, "there were epochs before");
  for (const { key, value } of entries) {
    const [slice, kind, , part, epoch] = key;
    if (slice !== "groups") continue;
    assert.ok(!["commit", "staged", "upload"].includes(String(kind)), `${String(kind)} is gone`);
    if (part === "epoch") assert.equal(epoch, current);
    const text = value.toHex();
    for (const [secret, { name }] of isOver) {
      assert.ok(!text.includes(secret), `${name} of an epoch that is over`);
    }
  }
}

async function epochOf(client: Client, id: Parameters<Client["conversations"]["status"]>[0]) {
  const { epoch } = await client.conversations.status(id);
  return epoch.toString(16).padStart(16, "0");
}

const ownPackages = async (machine: Machine): Promise<number> =>
  (await entriesOf(machine.store as Store)).filter(({ key: [slice, kind] }) =>
    slice === "key-packages" && kind === "own"
  ).length;

Deno.test("a store holds no secret of an epoch that is over, no settled commit, no used key package", async () => {
  await using world = await openConversationWorld({ clock: fastClock(20) });
  const [ofAlice, ofBob] = [new Secrets(), new Secrets()];
  const atAlice = world.machine({ name: "alice", onWrite: ofAlice.observe });
  const atBob = world.machine({ name: "bob", onWrite: ofBob.observe });
  const alice = await world.clientOn(atAlice);
  const bob = await world.clientOn(atBob);
  await world.client("carol");
  await world.client("dave");
  const packages = await ownPackages(atBob);
  const { conversation: { id } } = await alice.conversations.createGroup({
    name: "climbing",
    invite: ["bob"],
    ...PATIENCE,
  });
  await conversation(bob, "#climbing", "invited");
  assert.equal(await ownPackages(atBob), packages - 1);
  await bob.conversations.join(id);
  // Both commit at once: one of them loses, and commits again.
  await Promise.all([
    alice.conversations.invite(id, ["carol"], PATIENCE),
    bob.conversations.invite(id, ["dave"], PATIENCE),
  ]);
  const isWhole = async (client: Client): Promise<boolean> =>
    (await client.conversations.members(id)).length === 4;
  for (const client of [alice, bob]) await until(client, () => isWhole(client));
  assert.ok(ofAlice.stagedCount + ofBob.stagedCount > 3, "staged epochs were stored");
  await checkStore(atAlice, ofAlice, await epochOf(alice, id));
  await checkStore(atBob, ofBob, await epochOf(bob, id));
  await alice.conversations.remove(id, ["bob"], PATIENCE);
  await conversation(bob, "#climbing", "removed");
  await checkStore(atBob, ofBob, "none");
});
