import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { HYBRID_CIPHER_SUITE } from "../crypto/suites.ts";
import type { GroupState } from "../group/state.ts";
import { chooseIndex, seededRandom } from "../vectors/seeded-random.ts";
import type { UpdatePath } from "../wire/commit.ts";
import { decodeMessage } from "../wire/framing.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { copyOf, openedPathSecrets, secretsIn, steal } from "./attack.ts";
import {
  assertSameEpoch,
  choose,
  type Client,
  clientWith,
  enter,
  enterExternally,
  foundGroup,
  type Invitation,
  invite,
  makeCommit,
  propose,
  receive,
  restless,
  seeCommit,
  send,
  shuffled,
} from "./world.ts";

const IS_FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const THIEVES_COUNT_MAX = 5;
const GONE_COUNT_MAX = 8;

/** Somebody who is not, or no longer, meant to read: a former member, or a thief of a member's state. */
interface Outsider {
  /** Its owner, while the copy is as good as the owner's state. */
  victim: Client | undefined;
  state: GroupState;
  /** Of the owner: signatures don't change with the epochs. */
  readonly signaturePrivateKey: string;
}

interface World {
  readonly crypto: CipherSuite;
  readonly random: Random;
  readonly membersMax: number;
  members: Client[];
  outsiders: Outsider[];
  nameCounter: number;
  removedCount: number;
  /** Epochs that a thief could follow, until its victim updated. */
  followedCount: number;
}

const CASES = [
  { suite: 0x0001, membersMax: 40, epochs: IS_FULL ? 150 : 8, seed: "model 1" },
  { suite: HYBRID_CIPHER_SUITE, membersMax: 12, epochs: IS_FULL ? 150 : 16, seed: "model 2" },
  { suite: 0x0001, membersMax: 5, epochs: IS_FULL ? 600 : 60, seed: "model 3" },
] as const;

for (const { suite, membersMax, epochs, seed } of CASES) {
  Deno.test(`random groups of up to ${membersMax} agree, and outsiders learn nothing (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const crypto = runtimeCryptoProvider().cipherSuite(suite);
    const world: World = {
      crypto,
      random,
      membersMax,
      members: [restless(await foundGroup(crypto, "founder", random), random)],
      outsiders: [],
      nameCounter: 0,
      removedCount: 0,
      followedCount: 0,
    };
    for (let epoch = 0; epoch < epochs; epoch++) {
      await talk(world);
      await steals(world);
      await nextEpoch(world, epoch === 0);
      assertSameEpoch(world.members);
      await assertNothingShared(world);
    }
    assert.ok(world.removedCount > 0, "somebody was removed");
    assert.ok(world.followedCount > 0, "a thief could follow until its victim updated");
    assert.ok(world.outsiders.some(({ victim }) => victim === undefined));
  });
}

/** Messages of one epoch: each receiver has them in another order, loses some, has some twice. */
async function talk(world: World): Promise<void> {
  const { random } = world;
  const messages: { sender: Client; text: string; message: Uint8Array }[] = [];
  for (let count = chooseIndex(random, 7); count > 0; count--) {
    const sender = choose(random, world.members);
    const text = `${count} from ${sender.name}`;
    messages.push({ sender, text, message: await send(sender, text, random) });
  }
  for (const receiver of world.members) {
    const delivered = shuffled(random, messages).filter(() => chooseIndex(random, 5) !== 0);
    for (const { sender, text, message } of delivered) {
      const outcome = await receive(receiver, message);
      if (sender === receiver) {
        assert.equal(outcome.kind, "own-message");
        continue;
      }
      assert.ok(outcome.kind === "application", outcome.kind);
      assert.equal(new TextDecoder().decode(outcome.data), text);
      assert.equal(outcome.sender.leafIndex, sender.state.ownLeafIndex);
      if (chooseIndex(random, 4) === 0) {
        assert.equal((await receive(receiver, message)).kind, "replayed-generation");
      }
    }
  }
  for (const { victim, state } of world.outsiders) {
    if (victim !== undefined) continue;
    for (const { message } of messages) {
      const copy = clientWith("outsider", copyOf(state));
      const outcome = await receive(copy, message).catch(() => undefined);
      assert.notEqual(outcome?.kind, "application");
    }
  }
}

async function steals(world: World): Promise<void> {
  const { random } = world;
  const thieves = world.outsiders.filter(({ victim }) => victim !== undefined);
  if (chooseIndex(random, 2) !== 0 || thieves.length >= THIEVES_COUNT_MAX) return;
  const victim = choose(random, world.members);
  world.outsiders.push(outsiderOf(await steal(victim), victim));
}

function outsiderOf(state: GroupState, victim: Client | undefined): Outsider {
  const signaturePrivateKey = state.ownKeys.signaturePrivateKey.toHex();
  return { victim, state, signaturePrivateKey };
}

async function nextEpoch(world: World, isFirst: boolean): Promise<void> {
  const { random } = world;
  if (!isFirst && world.members.length < world.membersMax && chooseIndex(random, 6) === 0) {
    await nextEpochByJoiner(world);
  } else {
    await nextEpochByMember(world, isFirst);
  }
  const forgotten = world.outsiders.filter(({ victim }) => victim === undefined);
  const drop = new Set(forgotten.slice(0, -GONE_COUNT_MAX));
  world.outsiders = world.outsiders.filter((outsider) => !drop.has(outsider));
}

async function nextEpochByJoiner(world: World): Promise<void> {
  const { crypto, random } = world;
  const from = choose(random, world.members);
  const before = from.state.context;
  const { client, commit } = await enterExternally(crypto, nextName(world), { from, random });
  for (const member of world.members) await seeCommit(member, commit);
  world.members.push(restless(client, random));
  await attack(world, { commit, before, healed: [client], leavers: [] });
}

async function nextEpochByMember(world: World, isFirst: boolean): Promise<void> {
  const { crypto, random } = world;
  const { leavers, invitations } = await plan(world, isFirst);
  const stayers = world.members.filter((member) => !leavers.includes(member));
  // Some removals and an Update go ahead as proposals, and are committed by reference.
  const updater = stayers.length > 1 && chooseIndex(random, 3) === 0
    ? choose(random, stayers)
    : undefined;
  const referenced = chooseIndex(random, 2) === 0 ? leavers.slice(0, 1) : [];
  if (updater !== undefined) await proposeToAll(world, updater, undefined);
  for (const leaver of referenced) {
    await proposeToAll(world, choose(random, stayers), leaver.state.ownLeafIndex);
  }
  const committer = choose(random, stayers.filter((member) => member !== updater));
  const before = committer.state.context;
  const wireFormat = choose(random, ["public-message", "private-message"] as const);
  const made = await makeCommit(committer, {
    proposals: [
      ...leavers.filter((leaver) => !referenced.includes(leaver))
        .map(({ state }) => ({ kind: "remove", removed: state.ownLeafIndex }) as const),
      ...invitations.map(({ keyPackage }) =>
        ({ kind: "add", keyPackage: keyPackage.keyPackage }) as const
      ),
    ],
    wireFormat,
    random,
  });
  // Somebody else tried, too, and lost: its own commit is dropped, and it must process the winner.
  const rival = choose(random, stayers);
  if (rival !== committer && rival !== updater) {
    await makeCommit(rival, { proposals: [], wireFormat, random });
  }

  for (const member of world.members) {
    const lastState = leavers.includes(member) ? await steal(member) : undefined;
    const outcome = await seeCommit(member, made.commit, member === committer ? [made.staged] : []);
    assert.equal(outcome.kind === "removed", leavers.includes(member));
    if (lastState === undefined) continue;
    world.removedCount++;
    world.outsiders.push(outsiderOf(lastState, undefined));
  }
  world.members = stayers;
  for (const invitation of invitations) {
    assert.ok(made.welcome !== undefined);
    world.members.push(restless(await enter(crypto, invitation, made.welcome), random));
  }
  const healed = updater === undefined ? [committer] : [committer, updater];
  await attack(world, { commit: made.commit, before, healed, leavers });
}

async function proposeToAll(
  world: World,
  proposer: Client,
  removed: number | undefined,
): Promise<void> {
  const message = await propose(proposer, { removed, random: world.random });
  for (const member of world.members) {
    const expected = member === proposer ? "own-message" : "proposal";
    assert.equal((await receive(member, message)).kind, expected);
  }
  for (const outsider of world.outsiders) {
    if (outsider.victim === undefined) continue;
    // A thief lacks the new key of its victim's Update, but not what everybody sees.
    const bystander = world.members.find((member) => member !== proposer);
    assert.ok(bystander !== undefined);
    outsider.state = { ...outsider.state, pendingProposals: bystander.state.pendingProposals };
  }
}

function nextName(world: World): string {
  return `member ${world.nameCounter++}`;
}

async function plan(
  world: World,
  isFirst: boolean,
): Promise<{ readonly leavers: readonly Client[]; readonly invitations: readonly Invitation[] }> {
  const { crypto, random } = world;
  const room = world.membersMax - world.members.length;
  const addCount = isFirst ? room : Math.min(room, chooseIndex(random, 3));
  const leavers = isFirst
    ? []
    : shuffled(random, world.members).slice(1).slice(0, chooseIndex(random, 4));
  const invitations: Invitation[] = [];
  for (let count = 0; count < addCount; count++) {
    invitations.push(await invite(crypto, nextName(world), random));
  }
  return { leavers, invitations };
}

/** Thieves follow the group as their victims would, until they can't; who can't must open nothing. */
async function attack(
  world: World,
  done: {
    readonly commit: Uint8Array;
    /** Of the epoch that the commit ended. */
    readonly before: GroupContext;
    /** Who has new keys by it. */
    readonly healed: readonly Client[];
    readonly leavers: readonly Client[];
  },
): Promise<void> {
  for (const outsider of world.outsiders) {
    const { victim } = outsider;
    if (victim === undefined) continue;
    if (done.healed.includes(victim) || done.leavers.includes(victim)) {
      outsider.victim = undefined;
      continue;
    }
    const thief = clientWith("thief", outsider.state);
    const outcome = await seeCommit(thief, done.commit);
    assert.equal(outcome.kind, "commit-staged");
    assertSameEpoch([thief, ...world.members]);
    outsider.state = thief.state;
    world.followedCount++;
  }
  const path = pathOf(done.commit);
  const after = world.members[0]?.state.context;
  if (path === undefined || after === undefined) return;
  // What the path was encrypted under: the new context, but for the transcript (RFC 9420 §12.4.1).
  const { confirmedTranscriptHash } = done.before;
  const provisionalContext = { ...after, confirmedTranscriptHash };
  for (const { victim, state } of world.outsiders) {
    if (victim !== undefined) continue;
    const privateKeys = [...state.ownKeys.encryption.values()];
    const openedCount = await openedPathSecrets(world.crypto, path, {
      privateKeys,
      provisionalContext,
    });
    assert.equal(openedCount, 0, "an outsider opened a path secret");
  }
}

/** The path of a commit that is not encrypted. */
function pathOf(commit: Uint8Array): UpdatePath | undefined {
  const message = decodeMessage(commit);
  if (message.kind !== "public-message") return undefined;
  const { content } = message.publicMessage.content;
  return content.kind === "commit" ? content.commit.path : undefined;
}

/** No secret that an outsider holds is in any member's state: not even a key of a parent node. */
async function assertNothingShared(world: World): Promise<void> {
  const states = await Promise.all(world.members.map(steal));
  const held = new Set(
    states.flatMap((state) => secretsIn(state).map((secret) => secret.toHex())),
  );
  for (const { victim, state, signaturePrivateKey } of world.outsiders) {
    if (victim !== undefined) continue;
    for (const secret of secretsIn(state)) {
      const hex = secret.toHex();
      if (hex === signaturePrivateKey) continue;
      assert.ok(!held.has(hex), "an outsider holds a secret of a member");
    }
  }
}

Deno.test("openedPathSecrets() opens a path with the keys of a member: the attack is a real one", async () => {
  const random = seededRandom("attack");
  const crypto = runtimeCryptoProvider().cipherSuite(0x0001);
  const alice = await foundGroup(crypto, "alice", random);
  const invitation = await invite(crypto, "bob", random);
  const { keyPackage } = invitation.keyPackage;
  const wireFormat = "public-message";
  const added = await makeCommit(alice, {
    proposals: [{ kind: "add", keyPackage }],
    wireFormat,
    random,
  });
  await seeCommit(alice, added.commit, [added.staged]);
  assert.ok(added.welcome !== undefined);
  const bob = await enter(crypto, invitation, added.welcome);
  const privateKeys = [...(await steal(bob)).ownKeys.encryption.values()];
  const { confirmedTranscriptHash } = alice.state.context;
  const update = await makeCommit(alice, { proposals: [], wireFormat, random });
  await seeCommit(alice, update.commit, [update.staged]);
  const path = pathOf(update.commit);
  assert.ok(path !== undefined);
  const provisionalContext = { ...alice.state.context, confirmedTranscriptHash };
  const openedCount = await openedPathSecrets(crypto, path, { privateKeys, provisionalContext });
  assert.equal(openedCount, 1);
});
