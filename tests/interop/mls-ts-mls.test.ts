import assert from "node:assert/strict";
import { seededRandom } from "../../packages/mls/vectors/seeded-random.ts";
import { runtimeCryptoProvider } from "@qpq/mls";
import type { Random } from "@qpq/ports";
import { createOwnPeer } from "./own-peer.ts";
import type { Peer } from "./peer.ts";
import { openTsMlsPeer } from "./ts-mls-peer.ts";

const crypto = runtimeCryptoProvider().cipherSuite(0x0001);
const SUITE_NAME = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const GROUP_ID = new TextEncoder().encode("interop");

type Library = "ours" | "ts-mls";

async function openPeer(library: Library, name: string, random: Random): Promise<Peer> {
  return library === "ours"
    ? createOwnPeer(name, crypto, random)
    : await openTsMlsPeer(name, SUITE_NAME);
}

async function assertAgreed(peers: readonly Peer[]): Promise<void> {
  const [first, ...others] = await Promise.all(peers.map((peer) => peer.agreed()));
  for (const other of others) assert.equal(other, first, "exporters differ");
  assert.equal(new Set(peers.map((peer) => peer.epoch())).size, 1);
}

async function assertTalk(peers: readonly Peer[]): Promise<void> {
  for (const sender of peers) {
    const text = `from ${sender.leafIndex()} in ${sender.epoch()}`;
    const message = await sender.send(text);
    for (const peer of peers) {
      if (peer !== sender) assert.equal(await peer.receive(message), text);
    }
  }
}

async function processAll(peers: readonly Peer[], message: Uint8Array): Promise<void> {
  for (const peer of peers) await peer.process(message);
}

for (const [first, second] of [["ours", "ts-mls"], ["ts-mls", "ours"]] as const) {
  Deno.test(`${first} creates and leads, ${second} follows: every operation of suite 1`, async () => {
    const random = seededRandom("every operation");
    const alice = await openPeer(first, "alice", random);
    const bob = await openPeer(second, "bob", random);
    const carol = await openPeer(first, "carol", random);
    const dave = await openPeer(second, "dave", random);

    await alice.create(GROUP_ID);
    const added = await alice.commit({ add: [await bob.keyPackage()] });
    assert.ok(added.welcome !== undefined);
    await bob.join(added.welcome);
    await assertAgreed([alice, bob]);
    await assertTalk([alice, bob]);

    // Both roles update, as private and as public messages.
    for (const isPublic of [false, true]) {
      await bob.process((await alice.commit({ isPublic })).commit);
      await alice.process((await bob.commit({ isPublic })).commit);
      await assertAgreed([alice, bob]);
    }

    // The follower adds.
    const addedSecond = await bob.commit({ add: [await carol.keyPackage()] });
    await alice.process(addedSecond.commit);
    assert.ok(addedSecond.welcome !== undefined);
    await carol.join(addedSecond.welcome);
    await assertAgreed([alice, bob, carol]);

    // External commits, of one library into a group info of the other, and back again.
    await processAll(
      [alice, bob, carol],
      await dave.joinExternally(await alice.groupInfo(dave.externalPubForm), { resync: false }),
    );
    await assertAgreed([alice, bob, carol, dave]);
    await assertTalk([alice, bob, carol, dave]);

    // Proposals by reference: proposed by one library, committed by the other.
    for (const [proposer, committer] of [[alice, bob], [bob, alice]] as const) {
      const eve = await openPeer(first, "eve", random);
      const proposal = await proposer.propose({ kind: "add", keyPackage: await eve.keyPackage() });
      const others = [alice, bob, carol, dave].filter((peer) => peer !== proposer);
      await processAll(others, proposal);
      const committed = await committer.commit({});
      const rest = [alice, bob, carol, dave].filter((peer) => peer !== committer);
      await processAll(rest, committed.commit);
      assert.ok(committed.welcome !== undefined);
      await eve.join(committed.welcome);
      await assertAgreed([alice, bob, carol, dave, eve]);
      const removed = await proposer.commit({ remove: [eve.leafIndex()] });
      await processAll(others, removed.commit);
      await assertAgreed([alice, bob, carol, dave]);
    }

    // Each removes one of the other library's.
    await processAll([bob, dave], (await alice.commit({ remove: [carol.leafIndex()] })).commit);
    await assertAgreed([alice, bob, dave]);
    await processAll([bob], (await alice.commit({ remove: [dave.leafIndex()] })).commit);
    await assertAgreed([alice, bob]);
    await assertTalk([alice, bob]);
  });

  Deno.test(`${first} resyncs by an external commit into a group of ${second}`, async () => {
    const random = seededRandom("resync");
    const alice = await openPeer(second, "alice", random);
    const bob = await openPeer(first, "bob", random);
    const carol = await openPeer(second, "carol", random);
    await alice.create(GROUP_ID);
    const added = await alice.commit({ add: [await bob.keyPackage(), await carol.keyPackage()] });
    assert.ok(added.welcome !== undefined);
    await bob.join(added.welcome);
    await carol.join(added.welcome);
    await carol.process((await alice.commit({})).commit);
    // Bob missed that epoch.
    const groupInfo = await carol.groupInfo(bob.externalPubForm);
    const resync = await bob.joinExternally(groupInfo, { resync: true });
    await processAll([alice, carol], resync);
    await assertAgreed([alice, bob, carol]);
    await assertTalk([alice, bob, carol]);
  });
}

/**
 * Scripts 17 and 18 come to a tree that ts-mls 1.6.4 refuses to join: it wants all nodes above an unmerged leaf
 * to have the same list of unmerged leaves. RFC 9420 §12.4.3.1 asks it of the nodes between the leaf and
 * the one that lists it only, and a node that was set by a later path has merged the leaf.
 */
const SCRIPTS_COUNT = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 16 : 3;
const STEPS_COUNT = 60;
const PEERS_COUNT = 5;

for (let seed = 1; seed <= SCRIPTS_COUNT; seed++) {
  Deno.test(`a random script of ${STEPS_COUNT} steps agrees at every epoch (seed ${seed})`, async () => {
    await runScript(seededRandom(`script ${seed}`));
  });
}

/**
 * RFC 9420 §12.4.1 derives the commit secret from "the last path secret value". Where the root is filtered
 * out of a path, because all members are in the right half of the tree, ts-mls 1.6.4 derives it once
 * more, as if the root had a secret. Scripts keep away from there; groups of ours alone are in the
 * model test.
 */
function isLeftHalfOccupied(leaves: readonly number[]): boolean {
  let leafCount = 1;
  while (leafCount <= Math.max(...leaves)) leafCount *= 2;
  return leafCount === 1 || leaves.some((leaf) => leaf < leafCount / 2);
}

/** Five clients of both libraries; whoever is outside may come in, whoever is inside may do anything. */
async function runScript(random: Random): Promise<void> {
  const choose = <T>(items: readonly T[]): T => {
    const index = new DataView(random.bytes(4).buffer).getUint32(0) % items.length;
    return items[index] as T;
  };
  const libraries: readonly Library[] = ["ours", "ts-mls", "ours", "ts-mls", "ours"];
  const fresh = (index: number): Promise<Peer> =>
    openPeer(libraries[index] as Library, `peer ${index}`, random);
  const all = Array.from({ length: PEERS_COUNT }, (_, index) => index);
  const inside = new Map<number, Peer>();
  const founder = choose(all);
  const first = await fresh(founder);
  await first.create(GROUP_ID);
  inside.set(founder, first);

  for (let step = 0; step < STEPS_COUNT; step++) {
    const outside = all.filter((index) => !inside.has(index));
    const actorIndex = choose([...inside.keys()]);
    const actor = inside.get(actorIndex) as Peer;
    const others = [...inside.values()].filter((peer) => peer !== actor);
    const operations = [
      "update",
      "talk",
      "talk",
      ...(outside.length > 0 ? ["add", "add", "external"] as const : []),
      ...(others.length > 0 ? ["remove", "propose-remove"] as const : []),
      ...(others.length > 0 && outside.length > 0 ? ["swap", "propose-add"] as const : []),
    ] as const;
    const operation = choose(operations);
    if (operation === "talk") {
      const message = await actor.send(`step ${step}`);
      for (const peer of others) assert.equal(await peer.receive(message), `step ${step}`);
      continue;
    }
    if (operation === "external") {
      const index = choose(outside);
      const joiner = await fresh(index);
      const groupInfo = await actor.groupInfo(joiner.externalPubForm);
      const commit = await joiner.joinExternally(groupInfo, { resync: false });
      await processAll([...inside.values()], commit);
      inside.set(index, joiner);
      await assertAgreed([...inside.values()]);
      continue;
    }
    const leaves = operation === "remove" || operation === "swap" || operation === "propose-remove";
    const enters = operation === "add" || operation === "swap" || operation === "propose-add";
    const leaverIndex = leaves
      ? choose([...inside.keys()].filter((index) => index !== actorIndex))
      : undefined;
    const leaver = leaverIndex === undefined ? undefined : inside.get(leaverIndex);
    const remaining = [...inside.values()].filter((peer) => peer !== leaver)
      .map((peer) => peer.leafIndex());
    if (!enters && !isLeftHalfOccupied(remaining)) continue;
    const enterer = enters
      ? { index: choose(outside), peer: undefined as Peer | undefined }
      : undefined;
    if (enterer !== undefined) enterer.peer = await fresh(enterer.index);
    const keyPackage = await enterer?.peer?.keyPackage();
    if (operation === "propose-add" || operation === "propose-remove") {
      const proposers = others.filter((peer) => peer !== leaver);
      const proposer = proposers.length === 0 ? actor : choose(proposers);
      const proposal = await proposer.propose(
        keyPackage === undefined
          ? { kind: "remove", leafIndex: (leaver as Peer).leafIndex() }
          : { kind: "add", keyPackage },
      );
      await processAll([...inside.values()].filter((peer) => peer !== proposer), proposal);
    }
    const byValue = operation === "remove" || operation === "add" || operation === "swap";
    const { commit, welcome } = await actor.commit({
      ...(byValue && keyPackage !== undefined ? { add: [keyPackage] } : {}),
      ...(byValue && leaver !== undefined ? { remove: [leaver.leafIndex()] } : {}),
      isPublic: choose([true, false]),
    });
    await processAll(others.filter((peer) => peer !== leaver), commit);
    if (leaverIndex !== undefined) inside.delete(leaverIndex);
    if (enterer?.peer !== undefined) {
      assert.ok(welcome !== undefined);
      await enterer.peer.join(welcome);
      inside.set(enterer.index, enterer.peer);
    }
    await assertAgreed([...inside.values()]);
  }
}
