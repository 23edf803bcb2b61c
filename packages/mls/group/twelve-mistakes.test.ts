import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { keyToReceive } from "../keys/sender-ratchet.ts";
import { runSlices } from "../slices.ts";
import { privateProtection, signContent } from "../messages/protection.ts";
import { flipped, readCommit } from "../test/forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, LIFETIME, NOW_MS } from "../test/members.ts";
import { random, receive, stage } from "../test/members.ts";
import { encode } from "../codec/codec.ts";
import { prepareEncryption } from "../labels.ts";
import { groupContext } from "../wire/group-info.ts";
import { acceptKeyPackage } from "../public.ts";
import type { AuthenticatedContent } from "../wire/framing.ts";
import { decodeMessage, encodeMessage } from "../wire/framing.ts";
import { encryptMessage, epochAuthenticator } from "./application.ts";
import { createCommit, mergeStaged } from "./create-commit.ts";
import { createUpdate } from "./create-proposal.ts";
import { joinGroup } from "./join.ts";
import { processMessage } from "./process-message.ts";
import { type GroupState, ratchetsOf, retire } from "./state.ts";

/** Mistakes that were found in other implementations; the official vectors catch few of them. */

const DATA = Uint8Array.of(1, 2, 3);

/** Every byte array that can be reached from a state. */
function reachableBytes(root: unknown): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Uint8Array) return void found.push(value);
    if (value instanceof Map) return void value.forEach(visit);
    Object.values(value).forEach(visit);
  };
  visit(root);
  return found;
}

const holds = (state: GroupState, secret: Uint8Array): boolean => {
  const { crypto: _crypto, ...rest } = state;
  return reachableBytes(rest).some((each) => Buffer.compare(each, secret) === 0);
};

Deno.test("mistake 1: a skipped generation leaves a key and a nonce, no ratchet secret", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const messages: Uint8Array[] = [];
  let sender = alice;
  for (let index = 0; index < 5; index++) {
    const sent = encryptMessage(sender, DATA, { random });
    messages.push(sent.message);
    sender = sent.state;
  }
  const { ratchets } = await ratchetsOf(bob, 0);
  const atStart = ratchets.application.secret.slice();
  const read = await receive(bob, messages[3] as Uint8Array, "application");
  // None of the secrets 0 to 3 is left, from which generation 3 could be derived again.
  let ratchet = ratchets.application;
  for (let generation = 0; generation <= 3; generation++) {
    assert(!holds(read.state, ratchet.secret), `the secret of generation ${generation} is gone`);
    const step = keyToReceive(CRYPTO, ratchet, generation);
    assert(step.kind === "key");
    const isSkipped = generation < 3;
    assert.equal(holds(read.state, step.messageKey.key), isSkipped);
    ratchet = step.next;
  }
  assert(!holds(read.state, atStart));
  const skipped = (await ratchetsOf(read.state, 0)).ratchets.application.skipped;
  assert.deepEqual(skipped.map((each) => Object.keys(each).toSorted()), [
    ["generation", "key", "nonce"],
    ["generation", "key", "nonce"],
    ["generation", "key", "nonce"],
  ]);
  // A skipped key is deleted when it is used.
  const late = await receive(read.state, messages[1] as Uint8Array, "application");
  const left = (await ratchetsOf(late.state, 0)).ratchets.application.skipped;
  assert.deepEqual(left.map(({ generation }) => generation), [0, 2]);
  await receive(late.state, messages[1] as Uint8Array, "replayed-generation");
});

/** How many of a commit's ciphertexts, path and Welcome, one of these members' keys opens. */
async function openedBy(
  member: GroupState,
  created: { readonly commit: Uint8Array; readonly welcome: Uint8Array | undefined },
  next: GroupState,
): Promise<number> {
  const { path } = readCommit(created.commit).commit;
  assert(path !== undefined);
  const { confirmedTranscriptHash } = member.context;
  const provisional = encode(groupContext, { ...next.context, confirmedTranscriptHash });
  const welcome = created.welcome && decodeMessage(created.welcome);
  const entries = welcome?.kind === "welcome" ? welcome.welcome : undefined;
  const sealed = [
    ...path.nodes.flatMap((node) =>
      node.encryptedPathSecrets.map((each) => ({
        info: prepareEncryption(CRYPTO, "UpdatePathNode", provisional),
        ...each,
      }))
    ),
    ...(entries?.secrets ?? []).map((each) => ({
      info: prepareEncryption(CRYPTO, "Welcome", entries?.encryptedGroupInfo as Uint8Array),
      ...each.encryptedGroupSecrets,
    })),
  ];
  let opened = 0;
  for (const key of member.ownKeys.encryption.values()) {
    for (const each of sealed) {
      if (await CRYPTO.hpkeOpen(key, each) !== undefined) opened++;
    }
  }
  return opened;
}

const REMOVALS = [
  { name: "Remove alone", removes: [2], adds: 0 },
  { name: "Remove and Add in one commit", removes: [2], adds: 1 },
  { name: "Remove of two", removes: [2, 3], adds: 0 },
  { name: "Remove of two and Add of two", removes: [1, 2], adds: 2 },
] as const;

for (const { name, removes, adds } of REMOVALS) {
  Deno.test(`mistake 2: ${name}: who is removed learns nothing of the new epoch`, async () => {
    const members = await createMembers(4);
    const [alice] = members as [GroupState];
    const joiners = await Promise.all(
      Array.from({ length: adds }, (_, index) => keyPackageOf(identityOf(`joiner ${index}`))),
    );
    const created = await createCommit(alice, {
      ...commitOptions,
      wireFormat: "public-message",
      proposals: [
        ...removes.map((removed) => ({ kind: "remove", removed }) as const),
        ...joiners.map(addOf),
      ],
    });
    for (const index of removes) {
      const removed = members[index] as GroupState;
      const outcome = await processMessage(removed, created.commit, acceptAll);
      assert.deepEqual(Object.keys(outcome).toSorted(), ["kind", "summary"]);
      assert.equal(outcome.kind, "removed");
      assert.equal(await openedBy(removed, created, created.staged.next), 0);
    }
    const staying = members.findIndex((_, index) =>
      index > 0 && !(removes as readonly number[]).includes(index)
    );
    const open = await openedBy(members[staying] as GroupState, created, created.staged.next);
    assert.equal(open, 1, "the same attempt succeeds for a member");
    const sent = encryptMessage(created.staged.next, DATA, { random });
    for (const index of removes) {
      const later = await processMessage(members[index] as GroupState, sent.message, acceptAll);
      assert.deepEqual(later, { kind: "future-epoch", epoch: 2n });
    }
    for (const [index, joiner] of joiners.entries()) {
      const { state } = await joinGroup(CRYPTO, created.welcome as Uint8Array, {
        ...acceptAll,
        keyPackages: [joiner],
      });
      assert.equal(state.ownLeafIndex, removes[index]);
      assert.deepEqual(epochAuthenticator(state), epochAuthenticator(created.staged.next));
    }
  });
}

Deno.test("mistake 3: no past epoch is kept", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const old = encryptMessage(alice, DATA, { random });
  const commit = await createCommit(old.state, commitOptions);
  const next = mergeStaged(bob, await stage(bob, commit.commit));
  assert.deepEqual(await processMessage(next, old.message, acceptAll), {
    kind: "past-epoch",
    epoch: 1n,
  });
  for (const secret of Object.values(bob.secrets)) assert(!holds(next, secret));
  const { ratchets } = await ratchetsOf(bob, 0);
  assert(!holds(next, ratchets.application.secret));
});

Deno.test("mistake 4: the committer validates every KeyPackage before it commits", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const good = (await keyPackageOf(identityOf("dave"))).keyPackage;
  const ofBob = (await alice.tree.load()).leaves[1];
  assert(ofBob !== undefined);
  const bad = [
    { ...good, signature: flipped(good.signature) },
    { ...good, cipherSuite: 3 },
    { ...good, initKey: good.leafNode.encryptionKey },
    { ...good, leafNode: ofBob },
    (await keyPackageOf(identityOf("eve"), {
      lifetime: { ...LIFETIME, notAfter: BigInt(NOW_MS / 1000 - 1) },
    })).keyPackage,
    (await keyPackageOf(identityOf("eve", { credentials: [] }))).keyPackage,
  ];
  for (const keyPackage of bad) {
    const proposals = [{ kind: "add", keyPackage } as const];
    await assert.rejects(createCommit(alice, { ...commitOptions, proposals }));
  }
  const proposals = [{ kind: "add", keyPackage: good } as const];
  assert((await createCommit(alice, { ...commitOptions, proposals })).welcome !== undefined);
});

Deno.test("mistake 5: a commit that loses leaves its author able to process the winner", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const loser = await createCommit(alice, commitOptions);
  const winner = await createCommit(bob, {
    ...commitOptions,
    proposals: [{ kind: "remove", removed: 2 }],
  });
  retire(loser.staged.next, loser.state);
  const staged = await stage(loser.state, winner.commit);
  assert.deepEqual(epochAuthenticator(staged.next), epochAuthenticator(winner.staged.next));
  assert.equal((await processMessage(carol, winner.commit, acceptAll)).kind, "removed");
  // The key that the lost commit was encrypted with is not used again.
  const update = await createUpdate(loser.state, commitOptions);
  const { generation } = (await ratchetsOf(update.state, 0)).ratchets.handshake;
  assert.equal(generation, 2);
});

Deno.test("mistake 6 (§7.3): an expired KeyPackage is refused where it is claimed and committed only", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const own = await keyPackageOf(identityOf("dave"));
  const afterwards = (Number(LIFETIME.notAfter) + 1) * 1000;
  for (const nowMs of [afterwards, (Number(LIFETIME.notBefore) - 1) * 1000]) {
    assert.throws(() => acceptKeyPackage(CRYPTO, own.message, { nowMs }), {
      code: "mls/key-package-expired",
    });
    const late = createCommit(alice, { ...commitOptions, nowMs, proposals: [addOf(own)] });
    await assert.rejects(late, { code: "mls/key-package-expired" });
  }
  acceptKeyPackage(CRYPTO, own.message, { nowMs: NOW_MS });
  const forever = await keyPackageOf(identityOf("eve"), {
    lifetime: { notBefore: 0n, notAfter: 2n ** 63n },
  });
  assert.throws(() => acceptKeyPackage(CRYPTO, forever.message, { nowMs: NOW_MS }), {
    code: "mls/key-package-expired",
  });
  // No receiver has a clock to disagree with: the commit of an expired package is processed, and an
  // old member's expired leaf breaks nothing.
  const lifetime = { notBefore: 1n, notAfter: 2n };
  const expired = await keyPackageOf(identityOf("frank"), { lifetime });
  const commit = await createCommit(alice, {
    ...commitOptions,
    nowMs: 1500,
    proposals: [addOf(expired)],
  });
  const staged = await stage(bob, commit.commit);
  const again = await createCommit(staged.next, commitOptions);
  const joined = await joinGroup(CRYPTO, commit.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [expired],
  });
  assert.deepEqual(
    epochAuthenticator((await stage(joined.state, again.commit)).next),
    epochAuthenticator(again.staged.next),
  );
});

Deno.test("mistake 7: messages with trailing bytes and longer lengths are malformed", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const { message } = encryptMessage(alice, DATA, { random });
  const commit = await createCommit(alice, { ...commitOptions, wireFormat: "public-message" });
  for (const bytes of [message, commit.commit, commit.staged.message]) {
    const trailing = Uint8Array.of(...bytes, 0);
    await assert.rejects(processMessage(bob, trailing, acceptAll), { code: "malformed" });
    // The group id's length, in two bytes where one does.
    const long = Uint8Array.of(...bytes.slice(0, 4), 0x40, ...bytes.slice(4));
    await assert.rejects(processMessage(bob, long, acceptAll), { code: "malformed" });
    const oversized = Uint8Array.of(
      ...bytes.slice(0, 4),
      0xbf,
      0xff,
      0xff,
      0xff,
      ...bytes.slice(5),
    );
    await assert.rejects(processMessage(bob, oversized, acceptAll), { code: "malformed" });
  }
});

Deno.test("mistake 8: two sends from one state are impossible", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const spent = { name: "AssertionFailure" };
  const first = encryptMessage(alice, DATA, { random });
  assert.throws(() => encryptMessage(alice, DATA, { random }), spent);
  // Neither from a state that shares the ratchet: here one that has received in between.
  const fromBob = encryptMessage(bob, DATA, { random });
  const received = await receive(alice, fromBob.message, "application");
  assert.throws(() => encryptMessage(received.state, DATA, { random }), spent);
  encryptMessage(first.state, DATA, { random });
  // The handshake ratchet is another one, and guarded too.
  const update = await createUpdate(bob, commitOptions);
  await assert.rejects(createUpdate(bob, commitOptions), spent);
  await assert.rejects(createCommit(bob, commitOptions), spent);
  await createCommit(update.state, commitOptions);
});

Deno.test("mistake 8: a send that fails spends nothing", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const broken = { bytes: () => assert.fail("no randomness") };
  assert.throws(() => encryptMessage(alice, DATA, { random: broken }), /no randomness/);
  encryptMessage(alice, DATA, { random });
});

Deno.test("mistake 9: own, future and past messages have outcomes, the state untouched", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const sent = encryptMessage(alice, DATA, { random });
  assert.deepEqual(await processMessage(sent.state, sent.message, acceptAll), {
    kind: "own-message",
  });
  for (const wireFormat of ["private-message", "public-message"] as const) {
    const [author] = await createMembers(2) as [GroupState];
    const commit = await createCommit(author, { ...commitOptions, wireFormat });
    const options = { ...acceptAll, staged: [commit.staged] };
    const before = { ...commit.state };
    assert.deepEqual(await processMessage(commit.state, commit.commit, options), {
      kind: "own-commit",
      staged: commit.staged,
    });
    assert.deepEqual(await processMessage(commit.state, commit.commit, acceptAll), {
      kind: "own-message",
    });
    assert.deepEqual(commit.state, before);
  }
  const commit = await createCommit(sent.state, commitOptions);
  const inNext = encryptMessage(commit.staged.next, DATA, { random });
  assert.deepEqual(await processMessage(bob, inNext.message, acceptAll), {
    kind: "future-epoch",
    epoch: 2n,
  });
});

/** A PrivateMessage of which every part is right but what it says of its sender. */
function forgePrivate(
  state: GroupState,
  claims: { readonly leafIndex: number; readonly generation: number },
): Uint8Array {
  const { context, secrets, ownKeys } = state;
  const content = {
    groupId: context.groupId,
    epoch: context.epoch,
    sender: { kind: "member", leafIndex: claims.leafIndex },
    authenticatedData: new Uint8Array(),
    content: { kind: "application", applicationData: DATA },
  } as const;
  const wireFormat = "private-message";
  const signature = signContent(CRYPTO, content, {
    wireFormat,
    context,
    signaturePrivateKey: ownKeys.signaturePrivateKey,
  });
  const auth = { signature, confirmationTag: undefined };
  const message: AuthenticatedContent = { wireFormat, content, auth };
  const privateMessage = runSlices(privateProtection(CRYPTO, message, {
    leafIndex: claims.leafIndex,
    messageKey: {
      generation: claims.generation,
      key: random.bytes(CRYPTO.aeadKeyLength),
      nonce: random.bytes(CRYPTO.aeadNonceLength),
    },
    senderDataSecret: secrets.senderDataSecret,
    padding: { kind: "none" },
    random,
  }));
  return encodeMessage({ kind: "private-message", privateMessage });
}

Deno.test("mistake 10: sender data is validated: the leaf exists, the generation is near", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const removal = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "remove", removed: 2 }],
  });
  const next = mergeStaged(bob, await stage(bob, removal.commit));
  const cases = [
    [{ leafIndex: 2, generation: 0 }, "mls/unknown-sender"],
    [{ leafIndex: 4_000_000_000, generation: 0 }, "mls/unknown-sender"],
    [{ leafIndex: 0, generation: 1001 }, "mls/generation-too-far"],
    [{ leafIndex: 0, generation: 0xffff_ffff }, "mls/generation-too-far"],
    [{ leafIndex: 0, generation: 1000 }, "mls/cannot-decrypt"],
  ] as const;
  for (const [claims, code] of cases) {
    const bytes = forgePrivate(removal.staged.next, claims);
    const before = { ...next };
    await assert.rejects(processMessage(next, bytes, acceptAll), { code });
    assert.deepEqual(next, before);
  }
});

Deno.test("mistake 10: a member cannot speak for another one", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const { ownKeys } = carol;
  const impostor = encryptMessage({ ...alice, ownKeys }, DATA, { random });
  await assert.rejects(processMessage(bob, impostor.message, acceptAll), {
    code: "mls/invalid-signature",
  });
});

Deno.test("mistake 11: a removed member gets the outcome removed", async () => {
  const [alice, , carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  for (const wireFormat of ["private-message", "public-message"] as const) {
    const [author, , leaver] = await createMembers(3) as [GroupState, GroupState, GroupState];
    const commit = await createCommit(author, {
      ...commitOptions,
      wireFormat,
      proposals: [{ kind: "remove", removed: 2 }],
    });
    const outcome = await receive(leaver, commit.commit, "removed");
    assert.equal(outcome.summary.committer.leafIndex, 0);
    retire(leaver, undefined);
  }
  // Others than the author cannot make it look so: the commit's signature is checked first.
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "remove", removed: 2 }],
  });
  const changed = flipped(commit.commit, commit.commit.length - 1);
  await assert.rejects(processMessage(carol, changed, acceptAll), { code: "mls/cannot-decrypt" });
});

Deno.test("mistake 12: tags and secrets are compared by equalConstantTime() alone", () => {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/test|fuzz|vectors/.test(path))
    .map((path) => [path, readFileSync(join(folder, path), "utf8")] as const);
  const secret = /([tT]ag|[mM]ac|[sS]ecret|[pP]sk|[pP]rivateKey)\b/;
  const constantTime: string[] = [];
  for (const [path, text] of sources) {
    for (const [call, name] of text.matchAll(/\b(sameBytes|equalConstantTime)\(([^;{]*?)\)/gs)) {
      if (name === "equalConstantTime") constantTime.push(path);
      else assert(!secret.test(call), `${path} compares a secret by ${call}`);
    }
  }
  assert.deepEqual([...new Set(constantTime)].toSorted(), [
    "crypto/key-objects.ts",
    "group/process-commit.ts",
    "keys/key-schedule.ts",
    "messages/protection.ts",
  ]);
});
