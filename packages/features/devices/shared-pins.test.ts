import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { logIn } from "../accounts/client.ts";
import { type DirectoryContent, encodeDirectoryContent } from "../accounts/accounts.gen.ts";
import { DIRECTORY_CONTENT_BYTES_MAX, readDirectory } from "../accounts/directory.ts";
import { parseAccountName } from "../accounts/names.ts";
import {
  as,
  enrolled,
  type EnrolledDevice,
  openClientStore,
  openDeviceWorld,
  refusedWith,
} from "../test/device-world.ts";
import { enrolDevice } from "./client.ts";
import type { AccountView } from "./devices.gen.ts";
import { acceptKey, fetchPeer, forgetListSeen, markVerified, readPin, rejectKey } from "./peers.ts";
import { putPin } from "./pins.ts";
import { DIRECTORY_PINS_MAX, importPins, mergePins, sharePins } from "./shared-pins.ts";

const ALICE = parseAccountName("alice");

/** A server that shows alice with another key to who is on `fooled`. */
async function openLiar() {
  const liar: {
    fooled: EnrolledDevice | undefined;
    lie: ((view: AccountView) => AccountView) | undefined;
    directory: ((call: () => Promise<unknown>) => Promise<unknown>) | undefined;
  } = { fooled: undefined, lie: undefined, directory: undefined };
  const world = await openDeviceWorld({
    tamper: async (method, call) => {
      if (method === "accounts/read-directory" && liar.directory !== undefined) {
        return await liar.directory(call);
      }
      const result = await call();
      const isView = method === "devices/find-by-name";
      return isView && liar.lie !== undefined ? liar.lie(result as AccountView) : result;
    },
  });
  const alice = await enrolled(world, "alice");
  const mallory = await enrolled(world, "mallory");
  const lie = (view: AccountView): AccountView => ({
    ...view,
    list: undefined,
    certificates: [],
    accountKey: mallory.own.accountKey,
  });
  return { ...liar, liar, world, alice, mallory, lie };
}

const share = (device: EnrolledDevice) => sharePins(device.home, device);
const directoryOf = async (device: EnrolledDevice) =>
  (await readDirectory(device.home, device)).content.pins;

Deno.test("a key that the directory has verified holds against a server at first use", async () => {
  const { world, liar, alice, mallory, lie } = await openLiar();
  await using _ = world;
  const bob = await enrolled(world, "bob");
  await fetchPeer(bob.home, "alice", bob);
  await markVerified(bob.store, ALICE, alice.own.accountKey);
  await share(bob);

  // The new device has not read the directory: it does before it pins, and sees a change.
  const second = await enrolled(world, "bob", { kind: "log-in" });
  liar.lie = lie;
  const peer = await fetchPeer(second.home, "alice", second);
  assert.deepEqual(peer.state, { kind: "changed", isSigned: false });
  assert.deepEqual(peer.pin.accountKey, alice.own.accountKey);
  // It pins nothing when it can't read it.
  const third = await enrolled(world, "bob", { kind: "log-in" });
  liar.directory = async (call) => {
    const { version, sealed } = await call() as { version: number; sealed: Uint8Array };
    return { version: version + 1, sealed };
  };
  await refusedWith("accounts/directory-refused", fetchPeer(third.home, "alice", third));
  assert.equal(await readPin(third.store, ALICE), undefined);
  await refusedWith("accounts/directory-refused", share(third));

  // Pinned all the same, by a leaf, say: the directory's key holds, the other one is an offer.
  const fourth = await enrolled(world, "bob", { kind: "log-in" });
  const wrong = { ...peer.pin, accountKey: mallory.own.accountKey, sharedKey: new Uint8Array() };
  const { offered: __, ...pinned } = { ...wrong, isVerified: false };
  await fourth.store.transaction(async (transaction) => putPin(transaction, pinned));
  liar.directory = undefined;
  await share(fourth);
  const after = await readPin(fourth.store, ALICE);
  assert.deepEqual(after?.accountKey, alice.own.accountKey);
  assert.equal(after?.isVerified, true);
  assert.deepEqual(after?.offered?.accountKey, mallory.own.accountKey);
  const [kept] = await directoryOf(bob);
  assert.deepEqual(kept?.accountKey, alice.own.accountKey);
  assert.equal(kept?.isVerified, true);
});

Deno.test("a directory that was read before a decision, and arrives after it, is no change", async () => {
  const { world, liar, mallory, lie } = await openLiar();
  await using _ = world;
  const bob = await enrolled(world, "bob");
  await fetchPeer(bob.home, "alice", bob);
  await share(bob);
  liar.lie = lie;
  await fetchPeer(bob.home, "alice", bob);

  let reads = 0;
  const { promise: isDecided, resolve: decided } = Promise.withResolvers<void>();
  const { promise: isRead, resolve: read } = Promise.withResolvers<void>();
  liar.directory = async (call) => {
    const isFirst = reads++ === 0;
    const result = await call();
    if (isFirst) {
      read();
      await isDecided;
    }
    return result;
  };
  const late = share(bob);
  await isRead;
  await acceptKey(bob.store, ALICE, mallory.own.accountKey);
  await share(bob);
  decided();
  await late;
  const pin = await readPin(bob.store, ALICE);
  assert.deepEqual(pin?.accountKey, mallory.own.accountKey);
  assert.equal(pin?.offered, undefined);
});

Deno.test("a decision on one device is a change for the others, until each has decided", async () => {
  const { world, liar, alice, mallory, lie } = await openLiar();
  await using _ = world;
  const first = await enrolled(world, "bob");
  await fetchPeer(first.home, "alice", first);
  await share(first);
  const second = await enrolled(world, "bob", { kind: "log-in" });
  await share(second);
  liar.lie = lie;
  await fetchPeer(first.home, "alice", first);
  // Undecided: nothing is shared.
  await share(first);
  assert.deepEqual((await directoryOf(first))[0]?.accountKey, alice.own.accountKey);
  await acceptKey(first.store, ALICE, mallory.own.accountKey);
  await share(first);
  assert.deepEqual((await directoryOf(first))[0]?.accountKey, mallory.own.accountKey);

  liar.lie = undefined;
  await share(second);
  const offered = (await fetchPeer(second.home, "alice", second)).pin;
  assert.deepEqual(offered.accountKey, alice.own.accountKey);
  assert.deepEqual(offered.offered?.accountKey, mallory.own.accountKey);
  await share(second);
  assert.deepEqual((await directoryOf(first))[0]?.accountKey, mallory.own.accountKey);
  await rejectKey(second.store, ALICE, mallory.own.accountKey);
  await share(second);
  assert.deepEqual((await directoryOf(first))[0]?.accountKey, alice.own.accountKey);
  await share(first);
  assert.deepEqual((await readPin(first.store, ALICE))?.offered?.accountKey, alice.own.accountKey);
  await acceptKey(first.store, ALICE, alice.own.accountKey);
  await share(first);
  await share(second);
  for (const { store } of [first, second]) {
    const pin = await readPin(store, ALICE);
    assert.deepEqual(pin?.accountKey, alice.own.accountKey);
    assert.equal(pin?.offered, undefined);
  }
});

Deno.test("two devices that decide at once: the second has a change to decide on, and nothing is lost", async () => {
  const { world, liar, mallory, lie } = await openLiar();
  await using _ = world;
  const first = await enrolled(world, "bob");
  await fetchPeer(first.home, "alice", first);
  await share(first);
  const second = await enrolled(world, "bob", { kind: "log-in" });
  await share(second);
  liar.lie = lie;
  await fetchPeer(first.home, "alice", first);
  await acceptKey(first.store, ALICE, mallory.own.accountKey);
  await share(first);
  // A third key, before it has read what the first decided.
  liar.lie = (view) => ({ ...lie(view), accountKey: first.own.accountKey });
  await fetchPeer(second.home, "alice", second);
  await acceptKey(second.store, ALICE, first.own.accountKey);
  await share(second);
  assert.deepEqual((await directoryOf(first))[0]?.accountKey, mallory.own.accountKey);
  const pin = await readPin(second.store, ALICE);
  assert.deepEqual(pin?.accountKey, first.own.accountKey);
  assert.deepEqual(pin?.offered?.accountKey, mallory.own.accountKey);
});

Deno.test("numbers of lists only grow through the directory, but for an older list that was accepted", async () => {
  const { world, alice } = await openLiar();
  await using _ = world;
  const first = await enrolled(world, "bob");
  await fetchPeer(first.home, "alice", first);
  await share(first);
  const second = await enrolled(world, "bob", { kind: "log-in" });
  await share(second);
  const known = await readPin(second.store, ALICE);
  const [pin] = await directoryOf(first);
  assert.ok(pin !== undefined && known !== undefined);
  const { version } = await readDirectory(second.home, second);
  const importPin = (changed: typeof pin) =>
    importPins(
      second.store,
      { version, content: { conversations: [], pins: [changed] } },
      world.clock,
    );
  await importPin({ ...pin, listCounter: 0, generation: 0 });
  assert.deepEqual(await readPin(second.store, ALICE), known);
  await importPin({ ...pin, listCounter: 9, generation: 3 });
  await refusedWith("devices/list-rolled-back", fetchPeer(second.home, "alice", second));
  await share(second);
  await share(first);
  await refusedWith("devices/list-rolled-back", fetchPeer(first.home, "alice", first));
  // The server was restored, say, and the user knows.
  await forgetListSeen(first.store, ALICE);
  assert.equal((await fetchPeer(first.home, "alice", first)).pin.listCounter, 1);
  await share(first);
  await share(second);
  assert.equal((await fetchPeer(second.home, "alice", second)).state.kind, "pinned");
  using unlocked = await logIn(alice.home, as(world, "alice"));
  await enrolDevice(alice.home, unlocked, alice);
});

Deno.test("a full directory, with every field full, fits; what it has no room for is counted", async () => {
  const bytes = (length: number) => new Uint8Array(length).fill(255);
  const content: DirectoryContent = {
    conversations: Array.from({ length: 768 }, () => ({
      groupId: bytes(64),
      epoch: Number.MAX_SAFE_INTEGER,
      confirmedTranscriptHash: bytes(64),
      kind: "notes" as const,
      name: "x".repeat(128),
    })),
    pins: Array.from({ length: DIRECTORY_PINS_MAX }, () => ({
      accountId: bytes(16),
      accountName: "x".repeat(32),
      accountKey: bytes(32),
      generation: 0xffff_ffff,
      listCounter: Number.MAX_SAFE_INTEGER,
      isVerified: true,
      listResets: 0xffff_ffff,
    })),
  };
  assert.ok(encodeDirectoryContent(content).length <= DIRECTORY_CONTENT_BYTES_MAX);

  const store = await openClientStore(openMemoryStore());
  const name = (each: number) => parseAccountName(`peer-${each}`);
  await store.transaction(async (transaction) => {
    for (let each = 0; each < DIRECTORY_PINS_MAX + 2; each++) {
      putPin(transaction, {
        accountId: new Uint8Array(16),
        name: name(each),
        accountKey: bytes(32),
        generation: 1,
        listCounter: 1,
        listHash: new Uint8Array(),
        // The last one was verified, the newest one before it goes.
        isVerified: each === DIRECTORY_PINS_MAX + 1,
        firstSeenAtMs: each,
        sharedKey: new Uint8Array(),
        listResets: 0,
      });
    }
  });
  const { pins, leftOut } = await mergePins(store, []);
  assert.equal(leftOut, 2);
  const names = new Set(pins.map(({ accountName }) => accountName));
  assert.ok(names.has(name(DIRECTORY_PINS_MAX + 1)) && names.has(name(0)));
  assert.ok(!names.has(name(DIRECTORY_PINS_MAX)) && !names.has(name(DIRECTORY_PINS_MAX - 1)));
});
