import { createManualClock, openMemoryStore } from "@qpq/adapters";
import type { Member } from "@qpq/mls";
import { MessengerError } from "@qpq/ports";
import assert from "node:assert/strict";
import { encodeDeviceList, encodeStoredOwnList } from "../../features/devices/devices.gen.ts";
import { OWN_LIST_KEY } from "../../features/devices/keys.ts";
import { account, random } from "../../features/groups/test/groups.ts";
import { primitives } from "../../features/test/world.ts";
import { OwnDevices, type OwnDevicesOptions } from "./own-devices.ts";

const alice = account("alice");

Deno.test("judge(): a server that is busy has not said that a device is a stranger", async () => {
  await using store = openMemoryStore();
  const list = encodeDeviceList({
    accountId: alice.accountId,
    accountName: "alice",
    serverName: "example.org",
    counter: 7,
    generation: 1,
    issuedAtMs: 1,
    devices: [],
  });
  await store.transaction((transaction) => {
    const stored = {
      accountKey: alice.keys.publicKey,
      list: { statement: list, signature: new Uint8Array(64) },
      certificates: [],
      earlierKeys: [],
    };
    transaction.put(OWN_LIST_KEY, encodeStoredOwnList(stored));
    return Promise.resolve();
  });
  const clock = createManualClock();
  const refusals = [
    new MessengerError("channels/rate-limited", "Cannot answer: too often"),
    new MessengerError("rpc/disconnected", "Cannot answer: the connection is over"),
    new MessengerError("accounts/unknown", "Cannot answer: no such account"),
  ];
  let judgedAnew = Promise.withResolvers<void>();
  const stranger = {
    accountId: alice.accountId,
    accountKey: alice.keys.publicKey,
    deviceId: random.bytes(16),
    signatureKey: random.bytes(32),
    generation: 1,
  };
  const options = {
    store,
    clock,
    primitives,
    leaves: { open: () => stranger },
    signal: new AbortController().signal,
    own: () => ({
      accountId: alice.accountId,
      name: "alice",
      serverName: "example.org",
      accountKey: alice.keys.publicKey,
    }),
    fail: (error: unknown) => judgedAnew.reject(error),
    rpc: {
      connected: () => Promise.resolve(),
      call: () => {
        // What passes is asked again some time later.
        setTimeout(() => clock.advance(60_000), 0);
        return Promise.reject(refusals.shift());
      },
    },
  } as unknown as OwnDevicesOptions;
  const ownDevices = new OwnDevices(options);
  const watch = await ownDevices.open(() => judgedAnew.resolve());
  const members = [{ leafIndex: 1, leafNode: {} }] as unknown as readonly Member[];
  for (const left of [2, 1, 0]) {
    const { isFinal, strangers } = ownDevices.judge(members, 0);
    assert.deepEqual(strangers, [stranger.deviceId]);
    assert.equal(isFinal, false, `${left} answers to come`);
    await judgedAnew.promise;
    judgedAnew = Promise.withResolvers();
    assert.equal(refusals.length, left);
  }
  assert.equal(ownDevices.judge(members, 0).isFinal, true);
  watch.close();
});
