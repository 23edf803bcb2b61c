import assert from "node:assert/strict";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { copyOf } from "../test/attack.ts";
import { identityOf, keyPackageOf, LIFETIME, random, receive, stage } from "../test/members.ts";
import { encryptMessage, epochAuthenticator, exportSecret } from "./application.ts";
import { createCommit, mergeStaged } from "./create-commit.ts";
import { createProposal, createUpdate } from "./create-proposal.ts";
import { joinByExternalCommit } from "./external-commit.ts";
import { createGroupInfo } from "./group-info.ts";
import { joinGroup, retireKeyPackage } from "./join.ts";
import { addPending, dropPendingProposals } from "./pending-proposals.ts";
import { PENDING_PROPOSALS_COUNT_MAX } from "./pending-proposals.ts";
import type { Authenticate } from "./outcome.ts";
import { processMessage } from "./process-message.ts";
import { recordsOf } from "./records.ts";
import { type GroupState, ratchetsOf, retire } from "./state.ts";
import { branchGroup } from "./succession.ts";

const DATA = Uint8Array.of(1, 2, 3);
const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

Deno.test("retire() overwrites what the next state has not, and nothing else", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const sent = encryptMessage(alice, DATA, { random });
  const before = (await ratchetsOf(alice, 0)).ratchets;
  retire(alice, sent.state);
  assert(isWiped(before.application.secret));
  assert(!isWiped(before.handshake.secret));
  const read = await receive(bob, sent.message, "application");
  retire(bob, read.state);
  const again = encryptMessage(sent.state, DATA, { random });
  await receive(read.state, again.message, "application");

  const commit = await createCommit(again.state, commitOptions);
  const staged = await stage(read.state, commit.commit);
  const next = mergeStaged(read.state, staged);
  const ownLeafKey = read.state.ownKeys.encryption.get(2) as Uint8Array;
  retire(read.state, next);
  for (const secret of Object.values(read.state.secrets)) assert(isWiped(secret));
  assert(!isWiped(ownLeafKey), "the leaf's key lives on");
  const merged = mergeStaged(commit.state, commit.staged);
  retire(commit.state, merged);
  const last = encryptMessage(merged, DATA, { random });
  await receive(next, last.message, "application");
  retire(next, undefined);
  assert(isWiped(ownLeafKey));
});

Deno.test("retire() of a staged commit that lost leaves the current epoch whole", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const commit = await createCommit(alice, commitOptions);
  retire(commit.staged.next, commit.state);
  assert(isWiped(commit.staged.next.secrets.initSecret));
  const other = await createCommit(commit.state, commitOptions);
  const staged = await stage(bob, other.commit);
  assert.deepEqual(epochAuthenticator(staged.next), epochAuthenticator(other.staged.next));
});

Deno.test("retire() of an epoch that was dropped keeps the key of an own Update that it took", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const update = await createUpdate(alice, commitOptions);
  const atBob = (await receive(bob, update.message, "proposal")).state;
  const atCarol = (await receive(carol, update.message, "proposal")).state;
  const commit = await createCommit(atBob, commitOptions);
  const dropped = await stage(update.state, commit.commit);
  retire(dropped.next, update.state);
  const staged = await stage(update.state, commit.commit);
  assert(!isWiped(staged.next.ownKeys.encryption.get(0) as Uint8Array));
  const following = await createCommit((await stage(atCarol, commit.commit)).next, commitOptions);
  await stage(staged.next, following.commit);
});

Deno.test("a retired state encrypts, exports, stores and reads nothing: its keys are zeros", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const commit = await createCommit(alice, commitOptions);
  const { message } = encryptMessage(bob, DATA, { random });
  retire(alice, mergeStaged(commit.state, commit.staged));
  const uses: Readonly<Record<string, () => unknown>> = {
    encryptMessage: () => encryptMessage(alice, DATA, { random }),
    exportSecret: () => exportSecret(alice, { label: "x", context: DATA, length: 16 }),
    epochAuthenticator: () => epochAuthenticator(alice),
    recordsOf: () => recordsOf(alice),
    createGroupInfo: () => createGroupInfo(alice),
    createCommit: () => createCommit(alice, commitOptions),
    createUpdate: () => createUpdate(alice, commitOptions),
    processMessage: () => processMessage(alice, message, acceptAll),
  };
  for (const [name, use] of Object.entries(uses)) {
    await assert.rejects(async () => await use(), /a retired state is not used again/, name);
  }
});

Deno.test("a state that is retired while an operation waits is not used by it", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const { commit } = await createCommit(bob, commitOptions);
  const dave = await keyPackageOf(identityOf("dave"));
  const retiring = (state: GroupState): Authenticate => (entering) => {
    retire(state, undefined);
    return Promise.resolve(entering.map(() => true));
  };
  const update = (state: GroupState): Promise<unknown> => {
    const created = createUpdate(state, commitOptions);
    retire(state, undefined);
    return created;
  };
  const uses: Readonly<Record<string, (state: GroupState) => Promise<unknown>>> = {
    createCommit: (state) =>
      createCommit(state, {
        ...commitOptions,
        authenticate: retiring(state),
        proposals: [addOf(dave)],
        // Without a path nothing but the epoch's secrets is secret.
        path: "when-needed",
      }),
    createUpdate: update,
    createGroupInfo: (state) => {
      const created = createGroupInfo(state);
      retire(state, undefined);
      return created;
    },
    branchGroup: (state) => {
      retire(state, undefined);
      return branchGroup(state, {
        ...commitOptions,
        identity: identityOf("alice"),
        lifetime: LIFETIME,
        keyPackages: [dave.keyPackage],
      });
    },
    processMessage: (state) =>
      processMessage(state, commit, {
        authenticate: acceptAll.authenticate,
        policy: async () => void await retiring(state)([]),
      }),
  };
  for (const [name, use] of Object.entries(uses)) {
    const state = copyOf(alice);
    await assert.rejects(use(state), /a retired state is not used again/, name);
  }
});

Deno.test("retire() keeps the keys of an own Update that was committed", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const first = await createUpdate(bob, commitOptions);
  const second = await createUpdate(first.state, { ...commitOptions, identity: identityOf("bob") });
  let atAlice = alice;
  for (const { message } of [first, second]) {
    atAlice = (await receive(atAlice, message, "proposal")).state;
  }
  const commit = await createCommit(atAlice, commitOptions);
  const staged = await stage(second.state, commit.commit);
  const [lost, taken] = second.state.pendingProposals.map(({ ownUpdate }) => ownUpdate);
  retire(second.state, staged.next);
  assert(isWiped(lost?.encryptionPrivateKey as Uint8Array));
  assert(!isWiped(taken?.encryptionPrivateKey as Uint8Array));
  const sent = encryptMessage(staged.next, DATA, { random });
  await receive(commit.staged.next, sent.message, "application");
  const again = await createCommit(commit.staged.next, commitOptions);
  await stage(sent.state, again.commit);
});

Deno.test("retireKeyPackage() overwrites its keys, not those of the joined group", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const own = await keyPackageOf(identityOf("carol"));
  const commit = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
  const { state, keyPackage } = await joinGroup(CRYPTO, commit.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [own],
  });
  retireKeyPackage(CRYPTO, keyPackage);
  assert(isWiped(own.initPrivateKey));
  const update = await createCommit(commit.staged.next, commitOptions);
  await stage(state, update.commit);
});

Deno.test("exportSecret() agrees in one epoch, by label and context (RFC 9420 §8.5)", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const options = { label: "a", context: DATA, length: 16 };
  const secret = exportSecret(alice, options);
  assert.deepEqual(exportSecret(bob, options), secret);
  assert.equal(secret.length, 16);
  for (const other of [{ label: "b" }, { context: Uint8Array.of() }]) {
    assert.notDeepEqual(exportSecret(alice, { ...options, ...other }), secret);
  }
  const next = (await createCommit(alice, commitOptions)).staged.next;
  assert.notDeepEqual(exportSecret(next, options), secret);
  const length = 255 * 32 + 1;
  assert.throws(() => exportSecret(alice, { ...options, length }), { name: "AssertionFailure" });
});

Deno.test("processMessage() takes a proposal once, and a bounded number", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const options = { ...commitOptions, wireFormat: "public-message" } as const;
  const remove = await createProposal(alice, { kind: "remove", removed: 2 }, options);
  const once = await receive(bob, remove.message, "proposal");
  const twice = await receive(once.state, remove.message, "proposal");
  assert.equal(twice.state.pendingProposals.length, 1);
  assert.equal(dropPendingProposals(twice.state).pendingProposals.length, 0);
  const [pending] = once.state.pendingProposals;
  assert(pending !== undefined);
  const full = {
    ...bob,
    pendingProposals: Array.from({ length: PENDING_PROPOSALS_COUNT_MAX }, () => pending),
  };
  const other = { ...pending.message, auth: { ...pending.message.auth, signature: DATA } };
  assert.throws(() => addPending(full, other), { code: "mls/group-full" });
});

Deno.test("selectPending() takes one proposal for each subject, and a ReInit last", async () => {
  const [alice, bob] = await createMembers(4) as [GroupState, GroupState];
  const options = { ...commitOptions, wireFormat: "public-message" } as const;
  const reinit = {
    kind: "reinit",
    groupId: DATA,
    version: 1,
    cipherSuite: 1,
    extensions: [],
  } as const;
  const extensions = { kind: "group-context-extensions", extensions: [] } as const;
  const dave = await keyPackageOf(identityOf("dave"));
  const psk = { kind: "external", pskId: DATA, pskNonce: new Uint8Array(32) } as const;
  let [atAlice, atBob] = [alice, bob];
  const propose = async (proposal: Parameters<typeof createProposal>[1]): Promise<void> => {
    const created = await createProposal(atBob, proposal, options);
    atBob = created.state;
    atAlice = (await receive(atAlice, created.message, "proposal")).state;
  };
  await propose(reinit);
  const alone = await createCommit(atAlice, commitOptions);
  assert.deepEqual(alone.staged.summary.proposals.map(({ proposal }) => proposal.kind), ["reinit"]);
  atAlice = alone.state;
  for (let round = 0; round < 2; round++) {
    await propose({ ...extensions, extensions: round === 0 ? [] : extensions.extensions });
    await propose({ kind: "remove", removed: 2 });
    await propose({ kind: "psk", psk });
    await propose({ kind: "add", keyPackage: dave.keyPackage });
    atBob = { ...atBob, context: { ...atBob.context } };
  }
  const commit = await createCommit(atAlice, {
    ...commitOptions,
    findPsks: () => Promise.resolve([DATA]),
    proposals: [{ kind: "remove", removed: 3 }],
  });
  const kinds = commit.staged.summary.proposals.map(({ proposal }) => proposal.kind);
  assert.deepEqual(kinds.toSorted(), [
    "add",
    "group-context-extensions",
    "psk",
    "remove",
    "remove",
  ]);
  const chosen = await createCommit(commit.state, {
    ...commitOptions,
    pending: ({ proposal }) => proposal.kind === "add",
  });
  assert.equal(chosen.staged.summary.proposals.length, 1);
  const closing = await createCommit(chosen.state, { ...commitOptions, proposals: [reinit] });
  assert.equal(closing.staged.summary.proposals.length, 1);
});

Deno.test("a commit changes its author's credential and signature key", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const identity = identityOf("alice again");
  const commit = await createCommit(alice, { ...commitOptions, identity });
  const asked: unknown[] = [];
  const outcome = await processMessage(bob, commit.commit, {
    authenticate: (entering) => {
      asked.push(...entering);
      return Promise.resolve(entering.map(() => true));
    },
  });
  assert(outcome.kind === "commit-staged");
  assert.equal(asked.length, 1);
  const sent = encryptMessage(commit.staged.next, DATA, { random });
  const read = await receive(outcome.staged.next, sent.message, "application");
  assert.deepEqual(read.sender.leafNode.credential, identity.credential);
});

Deno.test("an author with an invalid leaf does not fork itself off", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const good = identityOf("alice again");
  const identity = { ...good, capabilities: { ...good.capabilities, credentials: [] } };
  const invalid = { code: "mls/invalid-leaf-node" };
  const path = "when-needed";
  await assert.rejects(createCommit(alice, { ...commitOptions, identity, path }), invalid);
  await assert.rejects(createUpdate(alice, { ...commitOptions, identity }), invalid);
  const joined = joinByExternalCommit(CRYPTO, await createGroupInfo(alice), {
    ...acceptAll,
    random,
    identity,
  });
  await assert.rejects(joined, invalid);
  await createCommit(alice, { ...commitOptions, identity: good });
});

Deno.test("a commit without a path keeps keys, and is processed", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const own = await keyPackageOf(identityOf("carol"));
  const commit = await createCommit(alice, {
    ...commitOptions,
    path: "when-needed",
    proposals: [addOf(own)],
  });
  assert.equal(commit.staged.summary.hasPath, false);
  const staged = await stage(bob, commit.commit);
  assert.deepEqual(epochAuthenticator(staged.next), epochAuthenticator(commit.staged.next));
  const after = await createCommit(staged.next, commitOptions);
  await stage(commit.staged.next, after.commit);
});

Deno.test("mergeStaged() refuses a commit of another epoch", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const first = await createCommit(alice, commitOptions);
  const second = await createCommit(first.staged.next, commitOptions);
  assert.throws(() => mergeStaged(first.state, second.staged), { code: "mls/invalid-commit" });
});
