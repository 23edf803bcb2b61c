import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { logIn } from "../accounts/client.ts";
import { parseAccountName } from "../accounts/names.ts";
import type { SignatureKeyPair } from "../accounts/primitives.ts";
import {
  as,
  contentOf,
  type DeviceWorld,
  enrolled,
  type EnrolledDevice,
  openDeviceWorld,
  primitives,
  refusedWith,
} from "../test/device-world.ts";
import { changeAccountKey, enrolDevice, listOwnDevices, revokeDevices } from "./client.ts";
import { type LeafDevice, makeCredential, openCredential } from "./credential.ts";
import {
  type AccountView,
  decodeCredential,
  decodeDeviceCertificate,
  encodeDeviceCertificate,
  encodeDeviceList,
} from "./devices.gen.ts";
import { LABELS, signStatement } from "../accounts/signed.ts";
import { readOwnDevice } from "./own-device.ts";
import {
  acceptKey,
  fetchPeer,
  markVerified,
  readPin,
  rejectKey,
  requireTrusted,
  seeCredential,
} from "./peers.ts";

const ALICE = parseAccountName("alice");

/** What a server says of alice; a test changes it, and everything that went before can be replayed. */
interface Liar {
  readonly world: DeviceWorld;
  readonly seen: AccountView[];
  lie: ((view: AccountView) => AccountView) | undefined;
}

async function openLiar(): Promise<Liar> {
  const seen: AccountView[] = [];
  const liar: { lie: Liar["lie"] } = { lie: undefined };
  const world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "devices/find-by-name" && method !== "devices/find-by-id") return result;
      const view = result as AccountView;
      seen.push(view);
      return liar.lie === undefined ? view : liar.lie(view);
    },
  });
  return Object.assign(liar, { world, seen });
}

Deno.test("fetchPeer() pins at first use; later views are compared with the pin", async () => {
  const { world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const first = await fetchPeer(bob.home, "Alice", bob);
  assert.equal(first.state.kind, "first-use");
  assert.deepEqual(first.account.accountKey, alice.own.accountKey);
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "pinned");
  await markVerified(bob.store, ALICE, alice.own.accountKey);
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "verified");
  await enrolled(world, "alice", { kind: "log-in" });
  const grown = await fetchPeer(bob.home, "alice", bob);
  assert.equal(grown.state.kind, "verified");
  assert.equal(grown.pin.listCounter, 2);
  await refusedWith("accounts/unknown", fetchPeer(bob.home, "nobody", bob));
  await refusedWith("devices/not-pinned", markVerified(bob.store, ALICE, bob.own.accountKey));
});

Deno.test("a hostile server's every lie about an account has its own refusal", async () => {
  const liar = await openLiar();
  const { world, seen } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  const bob = await enrolled(world, "bob");
  await fetchPeer(bob.home, "alice", bob);
  await fetchPeer(bob.home, "mallory", bob);
  const [old, other] = seen.slice(-2) as [AccountView, AccountView];
  await enrolled(world, "alice", { kind: "log-in" });
  const pinned = await fetchPeer(bob.home, "alice", bob);
  assert.equal(pinned.state.kind, "pinned");
  const before = await readPin(bob.store, ALICE);

  const refuses = async (code: ErrorCode, lie: (view: AccountView) => AccountView) => {
    liar.lie = lie;
    await refusedWith(code, fetchPeer(bob.home, "alice", bob));
    assert.deepEqual(await readPin(bob.store, ALICE), before);
  };
  // Another account's package, whole and in part.
  await refuses("accounts/wrong-account", () => other);
  await refuses("devices/bad-list", (view) => ({ ...other, name: view.name }));
  await refuses("devices/bad-list", (view) => ({ ...view, list: other.list }));
  await refuses("devices/bad-certificate", (view) => ({
    ...view,
    certificates: [...other.certificates, ...view.certificates.slice(1)],
  }));
  // A swapped device key: the certificate no longer carries the account's signature.
  await refuses("devices/bad-certificate", (view) => ({
    ...view,
    certificates: view.certificates.map(({ statement, signature }) => ({
      statement: flipped(statement),
      signature,
    })),
  }));
  // A device left out, doubled, or in another order.
  await refuses(
    "devices/bad-list",
    (view) => ({ ...view, certificates: view.certificates.slice(1) }),
  );
  await refuses("devices/bad-list", (view) => ({
    ...view,
    certificates: view.certificates.slice(0, -1),
  }));
  await refuses("devices/bad-list", (view) => ({
    ...view,
    certificates: view.certificates.toReversed(),
  }));
  await refuses("devices/bad-list", (view) => ({
    ...view,
    certificates: [...view.certificates, ...view.certificates.slice(1)],
  }));
  // An old list, which a revoked device is still on; and none.
  await refuses("devices/list-rolled-back", () => old);
  await refuses("devices/list-rolled-back", (view) => ({
    ...view,
    list: undefined,
    certificates: [],
  }));
  await refuses("devices/bad-list", (view) => ({ ...view, list: undefined }));
  await refuses("malformed", (view) => ({ ...view, accountKey: new Uint8Array(31) }));
  await refuses("malformed", (view) => ({ ...view, accountId: new Uint8Array(15) }));
  await refuses("accounts/name-invalid", (view) => ({ ...view, name: "" }));
  liar.lie = undefined;
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "pinned");
  assert.ok(alice.own.accountId.length === 16 && mallory.own.accountId.length === 16);
});

Deno.test("counters never go back, never jump by more than 1,000, and one number names one list", async () => {
  const liar = await openLiar();
  await using _ = liar.world;
  const alice = await enrolled(liar.world, "alice");
  const bob = await enrolled(liar.world, "bob");
  const first = await fetchPeer(bob.home, "alice", bob);
  using unlocked = await logIn(alice.home, as(liar.world, "alice"));
  const resigned = (counter: number, generation = 1, issuedAtMs = 1) => (view: AccountView) => ({
    ...view,
    list: unlocked.sign(
      LABELS.deviceList,
      encodeDeviceList({
        accountId: view.accountId,
        accountName: view.name,
        serverName: alice.own.serverName,
        counter,
        generation,
        issuedAtMs,
        devices: (first.account.list?.devices ?? []).map(({ deviceId, certificate }) => ({
          deviceId,
          certificateHash: primitives.hash(certificate.statement),
        })),
      }),
    ),
  });
  // What was signed by the account itself is believed, within its numbers alone.
  liar.lie = resigned(1_002);
  await refusedWith("devices/counter-jump", fetchPeer(bob.home, "alice", bob));
  liar.lie = resigned(1_001);
  assert.equal((await fetchPeer(bob.home, "alice", bob)).pin.listCounter, 1_001);
  liar.lie = resigned(1_000);
  await refusedWith("devices/list-rolled-back", fetchPeer(bob.home, "alice", bob));
  liar.lie = resigned(1_001, 1, 2);
  await refusedWith("devices/list-rolled-back", fetchPeer(bob.home, "alice", bob));
  liar.lie = resigned(1_002, 2);
  await refusedWith("devices/bad-list", fetchPeer(bob.home, "alice", bob));
  liar.lie = resigned(0);
  await refusedWith("devices/bad-list", fetchPeer(bob.home, "alice", bob));
  // The own device's view, too.
  liar.lie = resigned(1_002);
  await refusedWith("devices/counter-jump", listOwnDevices(alice.home, alice.own, alice));
  using again = await logIn(alice.home, as(liar.world, "alice"));
  await refusedWith("accounts/version-conflict", enrolDevice(alice.home, again, alice));
  liar.lie = (view) => ({ ...view, list: undefined, certificates: [] });
  const stored = await contentOf(liar.world.store);
  await refusedWith("devices/list-rolled-back", enrolDevice(alice.home, again, alice));
  assert.equal(await contentOf(liar.world.store), stored);
});

Deno.test("another key blocks sending until exactly that one is accepted", async () => {
  const liar = await openLiar();
  const { world } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const before = await fetchPeer(bob.home, "alice", bob);
  await markVerified(bob.store, ALICE, alice.own.accountKey);

  // Deleted and made anew: another account under the name.
  await world.accounts.admin.delete("alice");
  const anew = await enrolled(world, "alice");
  const changed = await fetchPeer(bob.home, "alice", bob);
  assert.deepEqual(changed.state, { kind: "changed", isSigned: false });
  await refusedWith("devices/key-changed", async () => requireTrusted(changed.state));
  assert.deepEqual(changed.pin.accountKey, alice.own.accountKey);
  requireTrusted(before.state);

  await refusedWith("devices/not-pinned", acceptKey(bob.store, ALICE, bob.own.accountKey));
  await refusedWith("devices/not-pinned", rejectKey(bob.store, ALICE, bob.own.accountKey));
  await acceptKey(bob.store, ALICE, anew.own.accountKey);
  const accepted = await fetchPeer(bob.home, "alice", bob);
  // Verified was the other key.
  assert.equal(accepted.state.kind, "pinned");
  await refusedWith("devices/not-pinned", acceptKey(bob.store, ALICE, anew.own.accountKey));
});

Deno.test("a change stays until the user decides, whatever the server and leaves show then", async () => {
  const liar = await openLiar();
  const { world, seen } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  const bob = await enrolled(world, "bob");
  await fetchPeer(bob.home, "alice", bob);
  const honest = seen.at(-1) as AccountView;
  const leaf = await leafOf(alice, alice.own.accountKey);
  assert.equal((await seeCredential(leaf, bob)).state.kind, "pinned");

  liar.lie = ({ name }) => ({
    ...honest,
    name,
    list: undefined,
    certificates: [],
    accountKey: mallory.own.accountKey,
  });
  const changed = { kind: "changed", isSigned: false } as const;
  assert.deepEqual((await fetchPeer(bob.home, "alice", bob)).state, changed);
  liar.lie = undefined;
  assert.deepEqual((await seeCredential(leaf, bob)).state, changed);
  assert.deepEqual((await fetchPeer(bob.home, "alice", bob)).state, changed);
  await rejectKey(bob.store, ALICE, mallory.own.accountKey);
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "pinned");
  assert.equal((await seeCredential(leaf, bob)).state.kind, "pinned");
});

Deno.test("a certificate for an account on another server is refused, whoever signed it", async () => {
  const liar = await openLiar();
  const { world } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const leaf = await leafOf(alice, alice.own.accountKey);
  using unlocked = await logIn(alice.home, as(world, "alice"));
  const said = decodeDeviceCertificate(leaf.certificate.statement);
  const certificate = unlocked.sign(
    LABELS.deviceCertificate,
    encodeDeviceCertificate({ ...said, serverName: "elsewhere.example" }),
  );
  const identity = makeCredential(alice.own.accountKey, certificate);
  const elsewhere = openCredential(primitives, identity, leaf.signatureKey);
  await refusedWith("accounts/wrong-server", seeCredential(elsewhere, bob));
  assert.equal((await seeCredential(leaf, bob)).state.kind, "first-use");
});

Deno.test("the own account is held to the key of its vault, and is never pinned", async () => {
  const liar = await openLiar();
  const { world } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  const own = await fetchPeer(alice.home, "alice", alice);
  assert.equal(own.state.kind, "verified");
  assert.equal(await readPin(alice.store, ALICE), undefined);
  const leaf = await leafOf(alice, alice.own.accountKey);
  assert.equal((await seeCredential(leaf, alice)).state.kind, "verified");
  const pair = primitives.generateSignatureKeyPair(world.random);
  const forged = forge(leaf, pair);
  assert.equal((await seeCredential(forged, alice)).state.kind, "changed");
  liar.lie = (view) => ({
    ...view,
    list: undefined,
    certificates: [],
    accountKey: mallory.own.accountKey,
  });
  await refusedWith("accounts/own-key-changed", fetchPeer(alice.home, "alice", alice));
});

Deno.test("a key change that the pinned key signed is told apart from one that it didn't", async () => {
  const liar = await openLiar();
  const { world } = liar;
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  await fetchPeer(bob.home, "alice", bob);
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await changeAccountKey(alice.home, unlocked, alice);
  await changeAccountKey(alice.home, unlocked, alice);
  const changed = await fetchPeer(bob.home, "alice", bob);
  assert.deepEqual(changed.state, { kind: "changed", isSigned: true });
  await refusedWith("devices/key-changed", async () => requireTrusted(changed.state));
  liar.lie = (view) => ({ ...view, keyChanges: [] });
  const bare = await fetchPeer(bob.home, "alice", bob);
  assert.deepEqual(bare.state, { kind: "changed", isSigned: false });
  for (
    const lie of [
      (view: AccountView) => ({ ...view, keyChanges: view.keyChanges.slice(0, 1) }),
      (view: AccountView) => ({ ...view, keyChanges: view.keyChanges.toReversed() }),
      (view: AccountView) => ({
        ...view,
        keyChanges: view.keyChanges.map(({ statement, signature }) => ({
          statement,
          signature: flipped(signature),
        })),
      }),
    ]
  ) {
    liar.lie = lie;
    await refusedWith("accounts/bad-signature", fetchPeer(bob.home, "alice", bob));
  }
});

Deno.test("openCredential() proves a leaf from its bytes, in one encoding alone", async () => {
  const { world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const bob = await enrolled(world, "bob");
  const device = await readOwnDevice(alice.store, primitives);
  const certificate = device?.stored.certificate;
  assert.ok(device !== undefined && certificate !== undefined);
  const { publicKey } = device.signatureKeyPair;
  const identity = makeCredential(alice.own.accountKey, certificate);
  const opened = openCredential(primitives, identity, publicKey);
  assert.deepEqual(opened.accountId, alice.own.accountId);
  assert.equal(opened.accountName, "alice");
  assert.deepEqual(opened.deviceId, device.deviceId);
  assert.deepEqual(makeCredential(opened.accountKey, opened.certificate), identity);

  const refuses = (bytes: Uint8Array, key: Uint8Array = publicKey) =>
    refusedWith("devices/bad-certificate", async () => openCredential(primitives, bytes, key));
  await refuses(identity, bob.own.accountKey);
  await refuses(makeCredential(bob.own.accountKey, certificate));
  await refuses(makeCredential(alice.own.accountKey, {
    ...certificate,
    signature: flipped(certificate.signature),
  }));
  await refuses(new Uint8Array());
  // The same content with a word more at its end: another encoding.
  const longer = new Uint8Array(identity.length + 8);
  longer.set(identity);
  new DataView(longer.buffer).setUint32(4, (longer.length - 8) / 8, true);
  assert.deepEqual(decodeCredential(longer), decodeCredential(identity));
  await refuses(longer);
  for (let at = 0; at < identity.length; at++) {
    const changed = identity.slice();
    changed[at] = (changed[at] as number) ^ 1;
    await refuses(changed);
  }
  // Generations count from 1, whoever signs.
  using signer = await logIn(alice.home, as(world, "alice"));
  const said = decodeDeviceCertificate(certificate.statement);
  const early = encodeDeviceCertificate({ ...said, generation: 0 });
  const signed = signer.sign(LABELS.deviceCertificate, early);
  await refuses(makeCredential(alice.own.accountKey, signed));
  // The same words by the right key under another label.
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await refuses(makeCredential(
    alice.own.accountKey,
    unlocked.sign(LABELS.deviceList, certificate.statement),
  ));
});

Deno.test("seeCredential() pins leaves at first use, and marks what is of an earlier generation", async () => {
  const { world } = await openLiar();
  await using _ = world;
  const alice = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const bob = await enrolled(world, "bob");
  const gone = await leafOf(second, alice.own.accountKey);
  const first = await seeCredential(gone, bob);
  assert.deepEqual(first, { state: { kind: "first-use" }, isOutdated: false });
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await revokeDevices(alice.home, unlocked, { ...alice, deviceIds: [gone.deviceId] });
  assert.equal((await fetchPeer(bob.home, "alice", bob)).state.kind, "pinned");
  assert.equal((await seeCredential(gone, bob)).isOutdated, true);
  const kept = await leafOf(alice, alice.own.accountKey);
  assert.deepEqual(await seeCredential(kept, bob), {
    state: { kind: "pinned" },
    isOutdated: false,
  });
  // Somebody who made a key of their own for the name.
  const before = await readPin(bob.store, ALICE);
  const leaf = forge(kept, primitives.generateSignatureKeyPair(world.random));
  const seen = await seeCredential(leaf, bob);
  assert.deepEqual(seen.state, { kind: "changed", isSigned: false });
  // Any member can make such a leaf: it blocks sending to its group, and nothing else.
  assert.deepEqual(await readPin(bob.store, ALICE), before);
});

async function leafOf({ store }: EnrolledDevice, accountKey: Uint8Array): Promise<LeafDevice> {
  const device = await readOwnDevice(store, primitives);
  const certificate = device?.stored.certificate;
  assert.ok(device !== undefined && certificate !== undefined);
  const identity = makeCredential(accountKey, certificate);
  return openCredential(primitives, identity, device.signatureKeyPair.publicKey);
}

/** The same leaf under another account key. */
function forge(leaf: LeafDevice, pair: SignatureKeyPair): LeafDevice {
  const certificate = signStatement(primitives, pair.privateKey, {
    label: LABELS.deviceCertificate,
    statement: leaf.certificate.statement,
  });
  const identity = makeCredential(pair.publicKey, certificate);
  return openCredential(primitives, identity, leaf.signatureKey);
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 1, (bytes.at(-1) as number) ^ 1);
}
