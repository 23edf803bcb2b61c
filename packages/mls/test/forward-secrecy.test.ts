import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { chooseIndex, seededRandom } from "../vectors/seeded-random.ts";
import { messageKeysFrom, secretsIn, steal } from "./attack.ts";
import {
  choose,
  type Client,
  enter,
  foundGroup,
  invite,
  makeCommit,
  receive,
  seeCommit,
  send,
  shuffled,
  watched,
} from "./world.ts";

const MEMBERS_COUNT = 4;
const MESSAGES_COUNT = 7;
const ROUNDS = Deno.env.get("QPQ_TEST_LEVEL") === "full" ? 40 : 2;
const LIMITS = { treeDepth: 2, generations: MESSAGES_COUNT + 1 };

for (let round = 0; round < ROUNDS; round++) {
  const seed = `forward secrecy ${round}`;
  Deno.test(`a stolen state leads to no key that was used before, nothing skipped excepted (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const inner = runtimeCryptoProvider().cipherSuite(0x0001);
    const { crypto, openedWith } = watched(inner);
    const founder = await foundGroup(inner, "founder", random);
    const members: Client[] = [founder];
    const invitations = [];
    for (let index = 1; index < MEMBERS_COUNT; index++) {
      invitations.push(await invite(inner, `member ${index}`, random));
    }
    const made = await makeCommit(founder, {
      proposals: invitations.map(({ keyPackage }) => ({
        kind: "add",
        keyPackage: keyPackage.keyPackage,
      })),
      wireFormat: "private-message",
      random,
    });
    await seeCommit(founder, made.commit, [made.staged]);
    for (const invitation of invitations) {
      members.push(await enter(inner, invitation, made.welcome as Uint8Array));
    }
    const victim = choose(random, members.slice(1));
    const senders = members.filter((member) => member !== victim);
    const messages: Uint8Array[] = [];
    while (messages.length < MESSAGES_COUNT) {
      messages.push(await send(choose(random, senders), "hello", random));
    }
    // Each key is reachable until its message is decrypted: so the search is able to find it.
    const atFirst = messageKeysFrom(inner, secretsIn(await steal(victim)), LIMITS);
    victim.state = { ...victim.state, crypto };
    const readCount = 3 + chooseIndex(random, MESSAGES_COUNT - 3);
    const read = shuffled(random, messages).slice(0, readCount);
    for (const message of read) {
      openedWith.clear();
      const outcome = await receive(victim, message);
      assert.equal(outcome.kind, "application");
      const used = [...openedWith].filter((key) => atFirst.has(key));
      assert.equal(used.length, 1, "one of the keys that opened something is the message's");
      const stolen = messageKeysFrom(inner, secretsIn(await steal(victim)), LIMITS);
      assert.ok(!stolen.has(used[0] as string), "a key that was used can be derived again");
      assert.ok(!isOnDisk(victim, used[0] as string), "a key that was used is on disk");
    }
    // What was not read yet can be read: skipped keys are kept.
    for (const message of messages.filter((each) => !read.includes(each))) {
      assert.equal((await receive(victim, message)).kind, "application");
    }
    const atLast = messageKeysFrom(inner, secretsIn(await steal(victim)), LIMITS);
    assert.ok([...atFirst].some((key) => !atLast.has(key)));

    // The next epoch leaves nothing of this one, in memory or on disk.
    const { secrets, secretTree } = await steal(victim);
    const ofEpoch = secretsIn({ ...victim.state, secrets, secretTree, ownKeys: NO_KEYS })
      .filter((secret) => secret.length > 0);
    assert.ok(ofEpoch.every((secret) => isOnDisk(victim, secret.toHex())));
    const sender = senders[0] as Client;
    const next = await makeCommit(sender, { proposals: [], wireFormat: "public-message", random });
    await seeCommit(victim, next.commit);
    const later = new Set(secretsIn(await steal(victim)).map((secret) => secret.toHex()));
    for (const secret of ofEpoch) {
      assert.ok(!later.has(secret.toHex()), "a secret of the old epoch is in the state");
      assert.ok(!isOnDisk(victim, secret.toHex()), "a secret of the old epoch is on disk");
    }
  });
}

const NO_KEYS = { signaturePrivateKey: new Uint8Array(), encryption: new Map() };

function isOnDisk(client: Client, secretHex: string): boolean {
  return client.records.dump().toHex().includes(secretHex);
}
