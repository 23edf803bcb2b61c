import assert from "node:assert/strict";
import type { LeafNode } from "@qpq/mls";
import { makeCredential } from "../devices/credential.ts";
import { enrolled, openDeviceWorld, primitives } from "../test/device-world.ts";
import { leafReader } from "./read-leaf.ts";

Deno.test("leafReader() tells whose a leaf is, and takes no other credential", async () => {
  await using world = await openDeviceWorld();
  const { own } = await enrolled(world, "alice");
  const [device] = await world.store.snapshot((reader) =>
    world.devices.devicesOf(reader, own.accountId)
  );
  assert.ok(device !== undefined);
  const identity = makeCredential(own.accountKey, device.certificate);
  const read = leafReader(primitives, own.serverName);
  const leaf = (credential: LeafNode["credential"], signatureKey = device.signatureKey) =>
    read({ credential, signatureKey } as LeafNode);
  const elsewhere = leafReader(primitives, `not.${own.serverName}`);
  const owner = leaf({ kind: "basic", identity });
  assert.deepEqual(owner, {
    accountId: own.accountId,
    deviceId: device.deviceId,
    generation: 1,
  });
  assert.equal(leaf({ kind: "basic", identity }, new Uint8Array(32)), undefined);
  const { signatureKey } = device;
  const known = { credential: { kind: "basic", identity }, signatureKey } as LeafNode;
  assert.equal(elsewhere(known), undefined);
  assert.equal(leaf({ kind: "basic", identity: identity.subarray(8) }), undefined);
  assert.equal(leaf({ kind: "x509", certificates: [identity] }), undefined);
});
