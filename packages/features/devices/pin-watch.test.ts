import assert from "node:assert/strict";
import { parseAccountName, parseDeviceId } from "../accounts/names.ts";
import { enrolled, openDeviceWorld } from "../test/device-world.ts";
import { fetchPeer, readPin } from "./peers.ts";
import { untrustedAccounts } from "./pin-watch.ts";

Deno.test("untrustedAccounts(): who is not pinned yet is pinned, and then comes back under no other key", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  const bob = await enrolled(world, "bob");
  const leaf = {
    accountId: alice.own.accountId,
    accountName: parseAccountName("alice"),
    accountKey: alice.own.accountKey,
    deviceId: parseDeviceId(alice.own.accountId),
    generation: 1,
    signatureKey: new Uint8Array(),
    issuedAtMs: 0,
    certificate: { statement: new Uint8Array(), signature: new Uint8Array() },
    serverName: alice.own.serverName,
  };
  assert.equal(await readPin(bob.store, leaf.accountName), undefined);
  assert.deepEqual(await untrustedAccounts([leaf, leaf], bob), []);
  assert.deepEqual((await readPin(bob.store, leaf.accountName))?.accountKey, leaf.accountKey);
  const other = { ...leaf, accountKey: mallory.own.accountKey };
  assert.deepEqual(await untrustedAccounts([other], bob), ["alice"]);
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "pinned");
});
