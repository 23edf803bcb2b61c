import assert from "node:assert/strict";
import { createSeededRandom, openMemoryStore } from "@qpq/adapters";
import { parseAccountId, parseAccountName, parseDeviceId } from "../accounts/names.ts";
import type { Signed } from "../accounts/accounts.gen.ts";
import { primitives } from "../test/world.ts";
import type { LeafDevice } from "./credential.ts";
import { encodeDeviceCertificate, encodeDeviceList, encodeStoredOwnList } from "./devices.gen.ts";
import { OWN_LIST_KEY } from "./keys.ts";
import { openOwnList } from "./own-list.ts";

const random = createSeededRandom(7);
const accountId = parseAccountId(random.bytes(16));
const account = { accountId, accountName: parseAccountName("alice"), serverName: "example.org" };
const [accountKey, earlierKey, otherKey] = [1, 2, 3].map((byte) =>
  new Uint8Array(32).fill(byte)
) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

function signed(statement: Uint8Array): Signed {
  return { statement, signature: new Uint8Array(64) };
}

function leaf(change: Partial<LeafDevice> = {}): LeafDevice {
  return {
    ...account,
    deviceId: parseDeviceId(random.bytes(16)),
    signatureKey: random.bytes(32),
    generation: 3,
    issuedAtMs: 1,
    certificate: signed(new Uint8Array()),
    accountKey,
    ...change,
  };
}

Deno.test("judge(): a leaf is of a listed device, of a revoked one, or of nobody that is known", async () => {
  const phone = leaf();
  const store = openMemoryStore();
  const certificate = signed(encodeDeviceCertificate(phone));
  const listed = {
    deviceId: phone.deviceId,
    certificateHash: primitives.hash(certificate.statement),
  };
  const list = signed(
    encodeDeviceList({ ...account, counter: 7, generation: 3, issuedAtMs: 1, devices: [listed] }),
  );
  await store.transaction((transaction) => {
    transaction.put(
      OWN_LIST_KEY,
      encodeStoredOwnList({
        accountKey,
        list,
        certificates: [certificate],
        earlierKeys: [earlierKey],
      }),
    );
    return Promise.resolve();
  });
  const own = await openOwnList(store);
  assert.ok(own !== undefined);
  assert.equal(own.counter, 7);
  assert.equal(own.judge(phone), "listed");
  // Its next update shows the new certificate.
  assert.equal(own.judge({ ...phone, generation: 1 }), "listed");
  assert.equal(own.judge({ ...phone, accountKey: earlierKey }), "listed");
  assert.equal(own.judge({ ...phone, accountKey: otherKey }), "unknown");
  assert.equal(own.judge({ ...phone, signatureKey: random.bytes(32) }), "unknown");
  assert.equal(own.judge(leaf({ generation: 2 })), "revoked");
  assert.equal(own.judge(leaf({ generation: 99, accountKey: earlierKey })), "revoked");
  // A device that was added behind a list that a server holds back.
  assert.equal(own.judge(leaf({ generation: 3 })), "unknown");
  assert.equal(own.judge(leaf({ generation: 4, accountKey: otherKey })), "unknown");
  await store.close();
});
