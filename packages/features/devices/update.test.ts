/** What the server refuses to take as a device list, whoever holds the account key. */
import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { encodeAccountKeyChange, type Signed } from "../accounts/accounts.gen.ts";
import { changePassword, logIn } from "../accounts/client.ts";
import { LABELS, signStatement } from "../accounts/signed.ts";
import type { UnlockedAccount } from "../accounts/unlocked.ts";
import {
  as,
  contentOf,
  enrolled,
  openDeviceWorld,
  primitives,
  refusedWith,
  SERVER_NAME,
} from "../test/device-world.ts";
import { changeAccountKey, listOwnDevices, revokeDevices } from "./client.ts";
import { openSession } from "./own-device.ts";
import { devicesClient, encodeDeviceCertificate, encodeDeviceList } from "./devices.gen.ts";

interface ListedAs {
  readonly deviceId: Uint8Array;
  readonly signatureKey: Uint8Array;
}

/** A list as an account's own client could sign it, right or wrong. */
function made(
  unlocked: UnlockedAccount,
  devices: readonly ListedAs[],
  {
    counter,
    generation,
    certificateGeneration = generation,
    by = unlocked,
    name = "alice",
    listName = name,
    serverName = SERVER_NAME,
    listServerName = serverName,
  }: {
    readonly counter: number;
    readonly generation: number;
    readonly certificateGeneration?: number;
    readonly by?: Pick<UnlockedAccount, "sign">;
    readonly name?: string;
    readonly listName?: string;
    readonly serverName?: string;
    readonly listServerName?: string;
  },
): { readonly list: Signed; readonly certificates: readonly Signed[] } {
  const { accountId } = unlocked.identity;
  const certificates = devices.map((device) =>
    by.sign(
      LABELS.deviceCertificate,
      encodeDeviceCertificate({
        accountId,
        ...{ accountName: name, serverName },
        ...device,
        generation: certificateGeneration,
        issuedAtMs: 1,
      }),
    )
  );
  const list = encodeDeviceList({
    accountId,
    ...{ accountName: listName, serverName: listServerName },
    counter,
    generation,
    issuedAtMs: 1,
    devices: devices.map(({ deviceId }, index) => ({
      deviceId,
      certificateHash: primitives.hash((certificates[index] as Signed).statement),
    })),
  });
  return { list: by.sign(LABELS.deviceList, list), certificates };
}

Deno.test("update() refuses every list that does not follow, and changes nothing", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  using unlocked = await logIn(alice.home, as(world, "alice"));
  using other = await logIn(mallory.home, as(world, "mallory"));
  const [own] = (await listOwnDevices(alice.home, alice.own, alice))?.devices ?? [];
  assert.ok(own !== undefined);
  const calls = devicesClient(alice.home);
  const { random } = world;
  const key = () => primitives.generateSignatureKeyPair(random).publicKey;
  const added = { deviceId: random.bytes(16), signatureKey: key() };
  const { vault, write } = unlocked.prepare({ random });
  const before = await contentOf(world.store);
  const refuses = async (code: ErrorCode, params: object) => {
    const both = { ...made(unlocked, [own, added], { counter: 2, generation: 1 }), vault, write };
    await refusedWith(code, calls.update({ ...both, ...params }));
    assert.equal(await contentOf(world.store), before);
  };
  const list = (
    devices: readonly ListedAs[],
    numbers: Partial<Parameters<typeof made>[2]> = {},
  ) => made(unlocked, devices, { counter: 2, generation: 1, ...numbers });

  await refuses("devices/list-rolled-back", list([own, added], { counter: 1 }));
  await refuses("devices/counter-jump", list([own, added], { counter: 1_002 }));
  await refuses("devices/bad-list", list([own, added], { generation: 0 }));
  await refuses("devices/bad-list", list([own, added], { generation: 1_002 }));
  // A device may not go without a new generation.
  await refuses("devices/bad-list", list([added]));
  await refuses(
    "devices/bad-list",
    list([own, added], { generation: 1, certificateGeneration: 2 }),
  );
  await refuses("devices/bad-list", list([own, added, added]));
  await refuses("devices/bad-list", list([own, { ...added, signatureKey: own.signatureKey }]));
  await refuses("devices/bad-certificate", list([{ ...own, signatureKey: key() }, added]));
  await refuses("devices/bad-certificate", list([own, { ...added, deviceId: random.bytes(15) }]));
  await refuses(
    "devices/bad-certificate",
    list([own, { ...added, signatureKey: new Uint8Array(31) }]),
  );
  await refuses("devices/bad-list", list([own, added], { name: "mallory" }));
  await refuses("devices/bad-list", list([own, added], { listName: "mallory" }));
  await refuses("devices/bad-list", list([own, added], { serverName: "elsewhere.example" }));
  await refuses("devices/bad-list", list([own, added], { listServerName: "elsewhere.example" }));
  await refuses(
    "devices/bad-list",
    list([own, added], { serverName: "elsewhere.example", listServerName: SERVER_NAME }),
  );
  await refuses("devices/bad-list", list([own, added], { by: other }));
  // A certificate as good as the listed one, but another.
  await refuses("devices/bad-list", {
    certificates: [own.certificate, ...list([own, added]).certificates.slice(1)],
  });
  await refuses("devices/bad-list", { list: list([own]).list });
  await refuses("devices/bad-list", { certificates: [] });
  // The vault goes with the list, or neither.
  await refuses("accounts/bad-signature", { vault: vault.slice(1) });
  await refuses("accounts/bad-signature", { write: other.prepare({ random }).write });
  const pair = primitives.generateSignatureKeyPair(random);
  const change = (
    oldKey: Uint8Array,
    signer: Pick<UnlockedAccount, "sign">,
    serverName = SERVER_NAME,
  ) =>
    signer.sign(
      LABELS.accountKeyChange,
      encodeAccountKeyChange({
        accountId: alice.own.accountId,
        oldKey,
        newKey: pair.publicKey,
        changedAtMs: 1,
        serverName,
      }),
    );
  const bySuccessor: Pick<UnlockedAccount, "sign"> = {
    sign: (label, statement) => signStatement(primitives, pair.privateKey, { label, statement }),
  };
  const moved = list([own], { generation: 2, by: bySuccessor });
  const { accountKey } = alice.own;
  await refuses("accounts/bad-signature", { ...moved, keyChange: change(accountKey, other) });
  await refuses("accounts/bad-signature", { ...moved, keyChange: change(accountKey, bySuccessor) });
  await refuses("accounts/bad-signature", {
    ...moved,
    keyChange: change(accountKey, unlocked, "elsewhere.example"),
  });
  await refuses("accounts/bad-signature", {
    ...moved,
    keyChange: change(other.identity.accountKey, unlocked),
  });
  // Certificates of the old key under the new one; the new key without renewal.
  await refuses("devices/bad-list", {
    ...list([own], { generation: 2 }),
    keyChange: change(accountKey, unlocked),
  });
  await refuses("devices/bad-list", {
    ...list([own], { by: bySuccessor }),
    keyChange: change(accountKey, unlocked),
  });
  // And what is right is taken: so none of these was refused for another reason.
  await calls.update({ ...moved, vault, write, keyChange: change(accountKey, unlocked) });
});

Deno.test("update() takes no list of an earlier generation", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await changeAccountKey(alice.home, unlocked, alice);
  const [own] = (await listOwnDevices(alice.home, unlocked.identity, alice))?.devices ?? [];
  assert.ok(own !== undefined && own.generation === 2);
  const { vault, write } = unlocked.prepare({ random: world.random });
  const calls = devicesClient(alice.home);
  const earlier = made(unlocked, [own], { counter: 3, generation: 1 });
  await refusedWith("devices/bad-list", calls.update({ ...earlier, vault, write }));
  await calls.update({ ...made(unlocked, [own], { counter: 3, generation: 2 }), vault, write });
});

Deno.test("update() and openSession() need a login just before, and openSession() the device", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  using unlocked = await logIn(alice.home, as(world, "alice"));
  const { vault, write } = unlocked.prepare({ random: world.random });
  const [own] = (await listOwnDevices(alice.home, alice.own, alice))?.devices ?? [];
  assert.ok(own !== undefined);
  const update = { ...made(unlocked, [own], { counter: 2, generation: 1 }), vault, write };
  const proof = new Uint8Array(64);
  const before = await contentOf(world.store);
  const later = alice.reconnect();
  await refusedWith("accounts/not-fresh", devicesClient(later).update(update));
  await refusedWith(
    "accounts/not-fresh",
    devicesClient(later).openSession({ deviceId: own.deviceId, proof }),
  );
  const stranger = devicesClient(world.connect());
  await refusedWith("accounts/not-fresh", stranger.findByName({ name: "alice" }));
  await refusedWith("accounts/not-fresh", stranger.findById({ accountId: alice.own.accountId }));
  await refusedWith("rpc/not-authenticated", stranger.closeSession({}));
  // Another's account with one's own login.
  await refusedWith("accounts/bad-signature", devicesClient(mallory.home).update(update));
  const mine = devicesClient(alice.home);
  await refusedWith("rpc/not-authenticated", mine.openSession({ deviceId: own.deviceId, proof }));
  await refusedWith(
    "devices/unknown",
    mine.openSession({ deviceId: new Uint8Array(16), proof }),
  );
  await refusedWith("malformed", mine.openSession({ deviceId: new Uint8Array(15), proof }));
  await refusedWith("malformed", mine.findById({ accountId: new Uint8Array(17).subarray(2) }));
  await refusedWith("too-large", mine.findById({ accountId: new Uint8Array(17) }));
  await refusedWith("accounts/unknown", mine.findById({ accountId: new Uint8Array(16) }));
  await refusedWith("accounts/name-invalid", mine.findByName({ name: "" }));
  assert.equal(await contentOf(world.store), before);
});

Deno.test("after a password change no earlier login opens sessions or changes devices", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const { store } = alice;
  const earlier = alice.reconnect();
  using before = await logIn(earlier, as(world, "alice"));
  using unlocked = await logIn(alice.home, as(world, "alice"));
  const open = () => openSession(earlier, { store, primitives, serverName: SERVER_NAME });
  await open();
  await earlier.authenticate();
  await changePassword(alice.home, unlocked, as(world, "alice", "another password"));
  await refusedWith("accounts/not-fresh", open());
  const [own] = (await listOwnDevices(earlier, alice.own, alice))?.devices ?? [];
  assert.ok(own !== undefined);
  const { deviceId } = own;
  await refusedWith(
    "accounts/not-fresh",
    revokeDevices(earlier, before, { ...alice, deviceIds: [deviceId] }),
  );
});

Deno.test("looking accounts up is limited for each account, with retryAfterMs", async () => {
  await using world = await openDeviceWorld({}, { lookUps: { burst: 5, perMinute: 1 } });
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  // Enrolment has looked up its own account twice.
  for (let asked = 0; asked < 3; asked++) {
    await devicesClient(alice.home).findByName({ name: "bob" });
  }
  const refusal = await refusedWith(
    "accounts/rate-limited",
    devicesClient(alice.reconnect()).findByName({ name: "bob" }),
  );
  assert.equal(refusal.retryAfterMs, 60_000);
  await devicesClient(bob.home).findByName({ name: "alice" });
  await world.clock.advance(60_000);
  await devicesClient(alice.home).findByName({ name: "bob" });
});

Deno.test("a login of before looks nobody up once its account is suspended, or has another password", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  const home = world.connect();
  using unlocked = await logIn(home, as(world, "alice"));
  const { accountId } = unlocked.identity;
  const lookUps = [
    () => devicesClient(home).findByName({ name: "alice" }),
    () => devicesClient(home).findById({ accountId }),
  ];
  for (const lookUp of lookUps) await lookUp();
  await world.accounts.admin.suspend("alice");
  for (const lookUp of lookUps) await refusedWith("accounts/suspended", lookUp);
  await world.accounts.admin.resume("alice");
  using other = await logIn(alice.home, as(world, "alice"));
  await changePassword(alice.home, other, as(world, "alice", "another password"));
  for (const lookUp of lookUps) await refusedWith("accounts/not-fresh", lookUp);
});

Deno.test("connections leave nothing behind on the server when they end", async () => {
  await using world = await openDeviceWorld();
  const alice = await enrolled(world, "alice");
  assert.equal(world.devices.liveCount(), 1);
  await alice.home.close();
  for (let turn = 0; turn < 100 && world.devices.liveCount() > 0; turn++) {
    await world.clock.settle();
  }
  assert.equal(world.devices.liveCount(), 0);
});
