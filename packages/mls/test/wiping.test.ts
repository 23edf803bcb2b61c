/**
 * Nothing secret is left behind: every array that an operation worked with is zeros, or reachable
 * from what lives on, once the states before it were retired.
 */
import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { encryptMessage } from "../group/application.ts";
import { createCommit, mergeStaged } from "../group/create-commit.ts";
import { createGroup } from "../group/create-group.ts";
import { createUpdate } from "../group/create-proposal.ts";
import { joinByExternalCommit } from "../group/external-commit.ts";
import { createGroupInfo } from "../group/group-info.ts";
import { createKeyPackage } from "../group/identity.ts";
import { loadGroup, recordsOf } from "../group/records.ts";
import { joinGroup } from "../group/join.ts";
import { processMessage } from "../group/process-message.ts";
import { decodeStaged, encodeStaged } from "../group/staged-record.ts";
import { type GroupState, retire, treeInMemory } from "../group/state.ts";
import { branchGroup } from "../group/succession.ts";
import { oneLeafTree } from "../tree/ratchet-tree.ts";
import { forgePublic, readCommit } from "./forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO, identityOf } from "./members.ts";
import { keyPackageOf, LIFETIME, provider, random, receive } from "./members.ts";
import { applyChanges, RecordMap } from "./record-map.ts";
import { external, ownLeaf } from "./rules.ts";
import { watch } from "./watch.ts";

const DATA = Uint8Array.of(1, 2, 3);
const REFUSE = { authenticate: () => Promise.resolve([false]) };
const REFUSED = { code: "mls/credential-refused" };

Deno.test("no key of a message that was read is left, whatever the order it came in", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const messages: Uint8Array[] = [];
  let sending = alice;
  for (let index = 0; index < 4; index++) {
    const { state, message } = encryptMessage(sending, DATA, { random });
    messages.push(message);
    sending = state;
  }
  const watched = watch();
  let reading = watched.of(bob);
  for (const index of [2, 0, 1, 3]) {
    const { state } = await receive(reading, messages[index] as Uint8Array, "application");
    retire(reading, state);
    reading = state;
  }
  assert.ok(watched.count > 20);
  assert.deepEqual(watched.leftBehind(reading), []);
});

Deno.test("no key of a message that was refused is left", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { message, state: later } = encryptMessage(alice, DATA, { random });
  const second = encryptMessage(later, DATA, { random });
  const reading = watch();
  const before = reading.of(bob);
  for (const each of [message, second.message]) {
    const flipped = each.slice();
    flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
    await assert.rejects(processMessage(before, flipped, acceptAll), {
      code: "mls/cannot-decrypt",
    });
  }
  assert.deepEqual(reading.leftBehind(before), []);
  const { state } = await receive(before, second.message, "application");
  // A key that was skipped, tried in vain and still there.
  const flipped = message.slice();
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  await assert.rejects(processMessage(state, flipped, acceptAll), { code: "mls/cannot-decrypt" });
  assert.deepEqual(reading.leftBehind(before, state), []);
  await receive(state, message, "application");
  retire(before, state);
});

Deno.test("no ratchet that was opened for a generation too far is left", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  let sending = alice;
  let message: Uint8Array = DATA;
  for (let index = 0; index < 1002; index++) {
    const sent = encryptMessage(sending, DATA, { random });
    [sending, message] = [sent.state, sent.message];
  }
  const watched = watch();
  const before = watched.of(bob);
  await assert.rejects(processMessage(before, message, acceptAll), {
    code: "mls/generation-too-far",
  });
  assert.deepEqual(watched.leftBehind(before), []);
});

Deno.test("no key of a message that was sent is left", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const watched = watch();
  const sending = watched.of(alice);
  const { state } = encryptMessage(sending, DATA, { random });
  retire(sending, state);
  assert.ok(watched.count > 3);
  assert.deepEqual(watched.leftBehind(state), []);
});

for (const wireFormat of ["private-message", "public-message"] as const) {
  Deno.test(`after a commit in a ${wireFormat} was processed nothing else is left`, async () => {
    const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
    const { commit } = await createCommit(alice, { ...commitOptions, wireFormat });
    const watched = watch();
    const before = watched.of(bob);
    const { state, staged } = await receive(before, commit, "commit-staged");
    retire(before, staged.next);
    retire(state, staged.next);
    assert.ok(watched.count > 30);
    assert.deepEqual(watched.leftBehind(staged.next), []);
  });
}

Deno.test("a staged commit that is dropped takes its secrets along", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { commit } = await createCommit(alice, commitOptions);
  const watched = watch();
  const before = watched.of(bob);
  const { state, staged } = await receive(before, commit, "commit-staged");
  retire(staged.next, before);
  retire(state, before);
  assert.deepEqual(watched.leftBehind(before), []);
  await receive(before, commit, "commit-staged");
});

Deno.test("of a commit that was refused nothing is left, and the state is as before", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const proposals = [addOf(await keyPackageOf(identityOf("dave")))];
  const held = { ...commitOptions, findPsks: () => Promise.resolve([DATA]) };
  const commit = await createCommit(alice, { ...held, proposals, wireFormat: "public-message" });
  const [atAlice, atBob] = (await createMembers(2)) as [GroupState, GroupState];
  const psk = { kind: "psk", psk: external(1) } as const;
  const withPsk = await createCommit(atAlice, { ...held, proposals: [psk] });
  const { framed, confirmationTag } = readCommit(commit.commit);
  const wrongTag = forgePublic(CRYPTO, framed, {
    context: alice.context,
    signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
    membershipKey: alice.secrets.membershipKey,
    confirmationTag: confirmationTag.map((byte) => byte ^ 1),
  });
  // A committer that encrypts other path secrets than those of its path.
  const hpkeSeal: CipherSuite["hpkeSeal"] = (publicKey, sealed) =>
    CRYPTO.hpkeSeal(publicKey, { ...sealed, plaintext: random.bytes(CRYPTO.hashLength) });
  const lying = Object.assign(Object.create(CRYPTO), { hpkeSeal });
  const wrongPath = (await createCommit({ ...alice, crypto: lying }, {
    ...commitOptions,
    wireFormat: "public-message",
  })).commit;
  const cases = [
    { at: bob, bytes: commit.commit, options: REFUSE, code: "mls/credential-refused" },
    { at: bob, bytes: wrongTag, options: acceptAll, code: "mls/wrong-confirmation-tag" },
    { at: bob, bytes: wrongPath, options: acceptAll, code: "mls/invalid-commit" },
    { at: atBob, bytes: withPsk.commit, options: acceptAll, code: "mls/missing-psk" },
  ];
  for (const { at, bytes, options, code } of cases) {
    const watched = watch();
    const before = watched.of(at);
    await assert.rejects(processMessage(before, bytes, options), { code });
    assert.deepEqual(watched.leftBehind(before), [], code);
  }
  await receive(bob, commit.commit, "commit-staged");
});

Deno.test("a removed member keeps nothing of what its removal made", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const proposals = [{ kind: "remove", removed: 1 }] as const;
  const { commit } = await createCommit(alice, { ...commitOptions, proposals });
  const watched = watch();
  const before = watched.of(bob);
  await receive(before, commit, "removed");
  assert.deepEqual(watched.leftBehind(before), []);
  retire(before, undefined);
  assert.deepEqual(watched.leftBehind(), []);
});

Deno.test("of a commit that was made, its Welcome and its epochs nothing else is left", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const dave = await keyPackageOf(identityOf("dave"));
  const watched = watch();
  const before = watched.of(alice);
  const options = { ...commitOptions, proposals: [addOf(dave)] };
  const lost = await createCommit(before, options);
  retire(before, lost.state);
  assert.deepEqual(watched.leftBehind(lost.state, lost.staged.next), []);
  retire(lost.staged.next, lost.state);
  assert.deepEqual(watched.leftBehind(lost.state), []);
  const taken = await createCommit(lost.state, options);
  const next = mergeStaged(taken.state, taken.staged);
  retire(lost.state, next);
  retire(taken.state, next);
  assert.deepEqual(watched.leftBehind(next), []);
});

Deno.test("of a commit that was refused before it was sent nothing is left", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const proposals = [addOf(await keyPackageOf(identityOf("dave")))];
  const psk = { kind: "psk", psk: external(1) } as const;
  const broken: Random = { bytes: () => assert.fail("no randomness") };
  const drawsLeft = (count: number): Random => ({
    bytes: (length) => (count-- > 0 ? random : broken).bytes(length),
  });
  const cases = [
    { options: { ...commitOptions, ...REFUSE, proposals }, refused: REFUSED },
    { options: { ...commitOptions, proposals: [psk] }, refused: { code: "mls/missing-psk" } },
    // A path of two nodes takes four draws, the Welcome one, the message's reuse guard one.
    { options: { ...commitOptions, proposals, random: drawsLeft(4) }, refused: /no randomness/ },
    { options: { ...commitOptions, proposals, random: drawsLeft(5) }, refused: /no randomness/ },
  ];
  for (const { options, refused } of cases) {
    const watched = watch();
    const before = watched.of(alice);
    await assert.rejects(createCommit(before, options), refused);
    assert.deepEqual(watched.leftBehind(before), []);
  }
  await createCommit(alice, commitOptions);
});

Deno.test("of a join nothing is left but the state", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const own = await keyPackageOf(identityOf("dave"));
  const psk = { kind: "psk", psk: external(1) } as const;
  const held = { ...commitOptions, findPsks: () => Promise.resolve([DATA]) };
  const commit = await createCommit(alice, { ...held, proposals: [addOf(own), psk] });
  const welcome = commit.welcome as Uint8Array;
  const options = { ...held, keyPackages: [own] };
  const watched = watch();
  const { state } = await joinGroup(watched.crypto, welcome, options);
  assert.ok(watched.count > 20);
  assert.deepEqual(watched.leftBehind(state, own, DATA), []);

  const refusing = watch();
  await assert.rejects(joinGroup(refusing.crypto, welcome, { ...options, ...REFUSE }), REFUSED);
  const otherKeys = watch();
  const derive = otherKeys.crypto.deriveKeyPair;
  const deriveKeyPair = () => derive(new Uint8Array(32));
  const crypto = Object.assign(Object.create(otherKeys.crypto), { deriveKeyPair });
  await assert.rejects(joinGroup(crypto, welcome, options), { code: "mls/invalid-commit" });
  for (const each of [refusing, otherKeys]) assert.deepEqual(each.leftBehind(own, DATA), []);
});

/** Every copy that is made of bytes while `operation` runs, by `slice`. */
async function copiesDuring(operation: () => unknown): Promise<readonly Uint8Array[]> {
  const copies: Uint8Array[] = [];
  const { slice } = Uint8Array.prototype;
  Uint8Array.prototype.slice = function (...range) {
    const copy = slice.apply(this, range);
    copies.push(copy);
    return copy;
  };
  try {
    await operation();
  } finally {
    Uint8Array.prototype.slice = slice;
  }
  assert.ok(copies.length > 0);
  return copies;
}

Deno.test("a path secret that was not needed, and a copied leaf key, are wiped", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const own = await keyPackageOf(identityOf("dave"));
  const plaintexts: string[] = [];
  const hpkeSeal: CipherSuite["hpkeSeal"] = (publicKey, sealed) => {
    if (Object.is(publicKey, own.keyPackage.initKey)) plaintexts.push(sealed.plaintext.toHex());
    return CRYPTO.hpkeSeal(publicKey, sealed);
  };
  const crypto = Object.assign(Object.create(CRYPTO), { hpkeSeal });
  const options = { ...commitOptions, proposals: [addOf(own)] };
  const { welcome } = await createCommit({ ...alice, crypto }, options);
  const otherKeys = { deriveKeyPair: () => CRYPTO.deriveKeyPair(new Uint8Array(32)) };
  const lying: CipherSuite = Object.assign(Object.create(CRYPTO), otherKeys);
  const refusals = [
    { crypto: CRYPTO, options: REFUSE, code: "mls/credential-refused" },
    { crypto: lying, options: acceptAll, code: "mls/invalid-commit" },
  ];
  const [plaintext] = plaintexts as [string];
  const leafKey = own.encryptionPrivateKey.toHex();
  // Neither goes through the suite where the join is refused.
  for (const { crypto, options, code } of refusals) {
    const join = () => joinGroup(crypto, welcome as Uint8Array, { ...options, keyPackages: [own] });
    const copies = await copiesDuring(() => assert.rejects(join(), { code }));
    const left = copies.filter((copy) => {
      const hex = copy.toHex();
      return copy.length === CRYPTO.hashLength && (plaintext.includes(hex) || hex === leafKey);
    });
    assert.deepEqual(left, []);
  }
});

Deno.test("a staged commit is written and read without a copy of its secrets left", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const { state, staged } = await createCommit(alice, commitOptions);
  const secrets = [staged.next.secrets.initSecret, staged.next.secrets.exporterSecret]
    .map((secret) => secret.toHex());
  const holders = (copies: readonly Uint8Array[]): readonly Uint8Array[] =>
    copies.filter((copy) => secrets.some((secret) => copy.toHex().includes(secret)));
  let record: Uint8Array = DATA;
  const written = await copiesDuring(() => record = encodeStaged(state, staged));
  assert.deepEqual(holders(written), [record]);
  let read: GroupState | undefined;
  const copies = await copiesDuring(async () => {
    read = (await decodeStaged(provider, record, { current: state })).next;
  });
  assert.deepEqual(
    new Set(holders(copies)),
    new Set([read?.secrets.initSecret, read?.secrets.exporterSecret]),
  );
  const other = { ...state, tree: treeInMemory(oneLeafTree(await ownLeaf(state))) };
  const refused = await copiesDuring(() =>
    assert.rejects(decodeStaged(provider, record, { current: other }), {
      code: "mls/invalid-record",
    })
  );
  assert.deepEqual(holders(refused), []);
});

Deno.test("of an external commit nothing is left but the next epoch, on both sides", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  const groupInfo = await createGroupInfo(alice);
  const identity = identityOf("dave");
  const joining = watch();
  const { commit, staged } = await joinByExternalCommit(joining.crypto, groupInfo, {
    ...commitOptions,
    identity,
  });
  assert.ok(joining.count > 20);
  assert.deepEqual(joining.leftBehind(staged.next), []);
  const refused = watch();
  await assert.rejects(
    joinByExternalCommit(refused.crypto, groupInfo, {
      ...commitOptions,
      identity,
      policy: () => Promise.resolve("no"),
    }),
    { code: "mls/commit-refused" },
  );
  assert.deepEqual(refused.leftBehind(), []);
  const watched = watch();
  const before = watched.of(alice);
  const received = await receive(before, commit, "commit-staged");
  assert.deepEqual(watched.leftBehind(before, received.staged.next), []);
  retire(before, received.staged.next);
  assert.deepEqual(watched.leftBehind(received.staged.next), []);
});

Deno.test("of a branch that was refused nothing is left", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const own = await keyPackageOf(identityOf("member 1"));
  const watched = watch();
  const old = watched.of(alice);
  const options = {
    ...commitOptions,
    identity: identityOf("member 0"),
    lifetime: LIFETIME,
    keyPackages: [own.keyPackage],
  };
  await assert.rejects(branchGroup(old, { ...options, ...REFUSE }), REFUSED);
  assert.ok(watched.count > 10);
  assert.deepEqual(watched.leftBehind(old), []);
  const created = await branchGroup(old, options);
  retire(created.state, created.staged.next);
  assert.deepEqual(watched.leftBehind(old, created.staged.next), []);
});

Deno.test("of keys that were made in vain nothing is left", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const watched = watch();
  const { crypto } = watched;
  const extensions = [{ extensionType: 0xff01, extensionData: DATA }];
  const identity = { ...identityOf("eve"), extensions };
  const before = watched.of(alice);
  const options = { ...commitOptions, identity, lifetime: LIFETIME };
  await assert.rejects(createUpdate(before, options), { code: "mls/invalid-leaf-node" });
  await assert.rejects(createGroup(crypto, options), { code: "mls/invalid-leaf-node" });
  const unsupported = { ...options, identity: identityOf("eve"), extensions };
  await assert.rejects(createKeyPackage(crypto, unsupported), { code: "mls/invalid-key-package" });
  assert.ok(watched.count > 3);
  assert.deepEqual(watched.leftBehind(before), []);
});

Deno.test("what was read from a store for a message that is refused is wiped", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const map = new RecordMap();
  applyChanges(map, recordsOf(bob));
  const loaded = await loadGroup(provider, map);
  assert.ok(loaded !== undefined);
  const watched = watch();
  const before = watched.of(loaded);
  const { message } = encryptMessage(alice, DATA, { random });
  const flipped = message.slice();
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  await assert.rejects(processMessage(before, flipped, acceptAll), { code: "mls/cannot-decrypt" });
  assert.deepEqual(watched.leftBehind(before), []);
  const { state } = await receive(before, message, "application");
  retire(before, state);
  assert.deepEqual(watched.leftBehind(state), []);
});
