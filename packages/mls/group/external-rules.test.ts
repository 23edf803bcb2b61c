import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { flipped, forgeCommit, forgePublic, readCommit, resignLeaf } from "../test/forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, random, receive, stage } from "../test/members.ts";
import { externalCommitOf, parseMessageHeader, verifyPublicMessage } from "../public.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { Commit } from "../wire/commit.ts";
import { decodeMessage, encodeMessage } from "../wire/framing.ts";
import { type ExternalSender, externalSendersExtension, type Proposal } from "../wire/proposal.ts";
import type { ProposalOrRef } from "../wire/proposal.ts";
import { encryptMessage, epochAuthenticator, resumptionPsk } from "./application.ts";
import { createCommit } from "./create-commit.ts";
import { createExternalProposal, createProposal } from "./create-proposal.ts";
import { joinByExternalCommit } from "./external-commit.ts";
import { createGroupInfo, ratchetTree } from "./group-info.ts";
import type { Identity } from "./identity.ts";
import { processMessage } from "./process-message.ts";
import type { GroupState } from "./state.ts";

/** RFC 9420 §12.1.8, §12.2 and §12.4.3.2: what comes from outside the group. */

interface World {
  readonly alice: GroupState;
  readonly bob: GroupState;
  readonly carol: Identity;
  readonly groupInfo: Uint8Array;
}

async function createWorld(): Promise<World> {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  return { alice, bob, carol: identityOf("carol"), groupInfo: await createGroupInfo(alice) };
}

const joining = ({ carol }: World) => ({ ...acceptAll, random, identity: carol });

Deno.test("a removed member is not out by a commit that authentication refuses", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const refuse = {
    authenticate: (entering: readonly unknown[]) => Promise.resolve(entering.map(() => false)),
  };
  // Whoever holds a GroupInfo can make this, with any key.
  const evict = await joinByExternalCommit(CRYPTO, await createGroupInfo(alice), {
    ...commitOptions,
    ...acceptAll,
    identity: identityOf("server"),
    removes: 2,
  });
  for (const member of [bob, carol]) {
    await assert.rejects(
      processMessage(member, evict.commit, refuse),
      { code: "mls/credential-refused" },
    );
  }
});

Deno.test("policy is asked of a removed member, too", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const remove = { kind: "remove", removed: 2 } as const;
  const { commit } = await createCommit(alice, { ...commitOptions, proposals: [remove] });
  const options = { ...acceptAll, policy: () => Promise.resolve("nobody may remove") };
  for (const member of [bob, carol]) {
    await assert.rejects(processMessage(member, commit, options), { code: "mls/commit-refused" });
  }
});

Deno.test("joinByExternalCommit() gives a state that agrees with the members'", async () => {
  const world = await createWorld();
  const { staged, commit } = await joinByExternalCommit(CRYPTO, world.groupInfo, joining(world));
  const atAlice = await stage(world.alice, commit);
  const atBob = await stage(world.bob, commit);
  assert.equal(atBob.summary.committer.leafIndex, 2);
  assert.equal(atBob.summary.committerBefore, undefined);
  assert.deepEqual(epochAuthenticator(atAlice.next), epochAuthenticator(staged.next));
  assert.deepEqual(epochAuthenticator(atBob.next), epochAuthenticator(staged.next));
  const sent = encryptMessage(staged.next, Uint8Array.of(5), { random });
  const read = await receive(atBob.next, sent.message, "application");
  assert.deepEqual(read.data, Uint8Array.of(5));
});

Deno.test("joinByExternalCommit() replaces the joiner's old leaf, the tree beside it", async () => {
  const world = await createWorld();
  const groupInfo = await createGroupInfo(world.alice, { ratchetTree: false });
  const { staged, commit } = await joinByExternalCommit(CRYPTO, groupInfo, {
    ...joining(world),
    ratchetTree: await ratchetTree(world.alice),
    removes: 1,
  });
  const replaced: unknown[] = [];
  const outcome = await processMessage(world.alice, commit, {
    authenticate: (entering) => {
      replaced.push(...entering.map((each) => each.replaces));
      return Promise.resolve(entering.map(() => true));
    },
  });
  assert(outcome.kind === "commit-staged");
  const bobsLeaf = leafAt(await world.alice.tree.load(), 1);
  assert.deepEqual(replaced, [bobsLeaf?.credential]);
  assert.deepEqual(epochAuthenticator(outcome.staged.next), epochAuthenticator(staged.next));
  assert.equal((await processMessage(world.bob, commit, acceptAll)).kind, "removed");
});

Deno.test("an external commit that removes somebody else is refused by the identity check", async () => {
  const world = await createWorld();
  const { commit } = await joinByExternalCommit(CRYPTO, world.groupInfo, {
    ...joining(world),
    removes: 1,
  });
  const name = (credential: unknown): string => JSON.stringify(credential);
  const refused = processMessage(world.alice, commit, {
    authenticate: (entering) =>
      Promise.resolve(
        entering.map(({ credential, replaces }) =>
          replaces === undefined || name(credential) === name(replaces)
        ),
      ),
  });
  await assert.rejects(refused, { code: "mls/credential-refused" });
});

Deno.test("joinByExternalCommit() commits SelfRemoves by reference (draft §5.3)", async () => {
  const [alice, bob, dave] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const selfRemove = await createProposal(dave, { kind: "self-remove" }, commitOptions);
  const atAlice = (await receive(alice, selfRemove.message, "proposal")).state;
  const { staged, commit } = await joinByExternalCommit(CRYPTO, await createGroupInfo(alice), {
    ...acceptAll,
    random,
    identity: identityOf("carol"),
    selfRemoves: [selfRemove.message],
  });
  const merged = await stage(atAlice, commit);
  assert.deepEqual(merged.summary.removed.map(({ leafIndex }) => leafIndex), [2]);
  assert.deepEqual(epochAuthenticator(merged.next), epochAuthenticator(staged.next));
  // Bob never received it.
  await assert.rejects(processMessage(bob, commit, acceptAll), { code: "mls/unknown-proposal" });
});

Deno.test("joinByExternalCommit() mixes pre-shared keys in", async () => {
  const world = await createWorld();
  const psk = {
    kind: "resumption",
    usage: "application",
    pskGroupId: world.alice.context.groupId,
    pskEpoch: world.alice.context.epoch,
    pskNonce: random.bytes(32),
  } as const;
  const { staged, commit } = await joinByExternalCommit(CRYPTO, world.groupInfo, {
    ...joining(world),
    psks: [psk],
    findPsks: () => Promise.resolve([resumptionPsk(world.bob)]),
  });
  const merged = await stage(world.alice, commit);
  assert.deepEqual(epochAuthenticator(merged.next), epochAuthenticator(staged.next));
});

/** An external commit, changed, signed again by its sender. */
async function forgeExternal(
  world: World,
  change: (commit: Commit) => Commit,
): Promise<Uint8Array> {
  const { commit: bytes } = await joinByExternalCommit(CRYPTO, world.groupInfo, joining(world));
  const { framed, commit, confirmationTag } = readCommit(bytes);
  const content = { kind: "commit", commit: change(commit) } as const;
  return forgePublic(CRYPTO, { ...framed, content }, {
    context: world.alice.context,
    signaturePrivateKey: world.carol.signatureKeyPair.privateKey,
    membershipKey: new Uint8Array(),
    confirmationTag,
  });
}

const value = (proposal: Proposal): ProposalOrRef => ({ kind: "proposal", proposal });
const remove = (removed: number): ProposalOrRef => value({ kind: "remove", removed });

const RULES: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  /** Where several rules share the code. */
  readonly text?: RegExp;
  readonly change: (commit: Commit, world: World) => Commit;
}[] = [
  {
    rule: "§12.2: one ExternalInit, not none",
    code: "mls/invalid-proposal-list",
    change: (commit) => ({ ...commit, proposals: [] }),
  },
  {
    rule: "§12.2: one ExternalInit, not two",
    code: "mls/invalid-proposal-list",
    change: (commit) => ({ ...commit, proposals: [...commit.proposals, ...commit.proposals] }),
  },
  {
    rule: "§12.2: at most one Remove",
    code: "mls/invalid-proposal-list",
    change: (commit) => ({ ...commit, proposals: [...commit.proposals, remove(0), remove(1)] }),
  },
  {
    rule: "§12.2: no other proposals",
    code: "mls/invalid-proposal-list",
    change: (commit) => ({
      ...commit,
      proposals: [...commit.proposals, value({ kind: "group-context-extensions", extensions: [] })],
    }),
  },
  {
    rule: "§12.2: a Remove names a member",
    code: "mls/invalid-proposal",
    change: (commit) => ({ ...commit, proposals: [...commit.proposals, remove(9)] }),
  },
  {
    rule: "§12.4.3.2: no SelfRemove by value (draft §5.3)",
    code: "mls/invalid-proposal-list",
    change: (commit) => ({
      ...commit,
      proposals: [...commit.proposals, value({ kind: "self-remove" })],
    }),
  },
  {
    rule: "§8.3: kem_output is one",
    code: "mls/invalid-commit",
    text: /kem_output is malformed/,
    change: (commit) => ({
      ...commit,
      proposals: [value({ kind: "external-init", kemOutput: Uint8Array.of(1) })],
    }),
  },
  {
    rule: "§12.2, §12.1.2: the new leaf has another key than the removed one",
    code: "mls/invalid-commit",
    text: /keeps the leaf's encryption key/,
    change: (commit, world) => {
      const removed = leafAt(world.alice.tree.loaded as never, 1);
      const path = commit.path;
      assert(path !== undefined && removed !== undefined);
      const leafNode = resignLeaf({ ...path.leafNode, encryptionKey: removed.encryptionKey }, {
        signaturePrivateKey: world.carol.signatureKeyPair.privateKey,
        place: { groupId: world.alice.context.groupId, leafIndex: 1 },
      });
      return {
        proposals: [...commit.proposals, remove(1)],
        path: { ...path, leafNode },
      };
    },
  },
  {
    rule: "§12.4.2: the confirmation tag fits",
    code: "mls/wrong-confirmation-tag",
    change: (commit) => {
      const [init] = commit.proposals;
      assert(init?.kind === "proposal" && init.proposal.kind === "external-init");
      return {
        ...commit,
        proposals: [value({ kind: "external-init", kemOutput: flipped(init.proposal.kemOutput) })],
      };
    },
  },
];

for (const { rule, code, text, change } of RULES) {
  Deno.test(`processMessage() holds of external commits RFC 9420 ${rule}`, async () => {
    const world = await createWorld();
    const bytes = await forgeExternal(world, (commit) => change(commit, world));
    const expected = { code, ...(text ? { message: text } : {}) };
    await assert.rejects(processMessage(world.alice, bytes, acceptAll), expected);
  });
}

Deno.test("an external commit has no proposal of others by reference (§12.4.3.2)", async () => {
  const world = await createWorld();
  const options = { ...commitOptions, wireFormat: "public-message" } as const;
  // A Remove: by value it would be allowed.
  const removal = await createProposal(world.bob, { kind: "remove", removed: 1 }, options);
  const alice = (await receive(world.alice, removal.message, "proposal")).state;
  const bytes = await forgeExternal(world, (commit) => ({
    ...commit,
    proposals: [...commit.proposals, { kind: "reference", reference: removal.reference }],
  }));
  await assert.rejects(processMessage(alice, bytes, acceptAll), {
    code: "mls/invalid-proposal-list",
    message: /by reference/,
  });
});

Deno.test("an external commit is signed by the leaf in its path (§12.4.3.2)", async () => {
  const world = await createWorld();
  const bytes = await forgeExternal({ ...world, carol: world.carol }, (commit) => {
    const other = identityOf("mallory").signatureKeyPair;
    const path = commit.path;
    assert(path !== undefined);
    const leafNode = resignLeaf({ ...path.leafNode, signatureKey: other.publicKey }, {
      signaturePrivateKey: other.privateKey,
      place: { groupId: world.alice.context.groupId, leafIndex: 2 },
    });
    return { ...commit, path: { ...path, leafNode } };
  });
  await assert.rejects(processMessage(world.alice, bytes, acceptAll), {
    code: "mls/invalid-signature",
  });
});

Deno.test("joinByExternalCommit() needs the external key, and a GroupInfo", async () => {
  const world = await createWorld();
  const closed = await createGroupInfo(world.alice, { externalPub: false });
  for (const bytes of [closed, (await keyPackageOf(world.carol)).message]) {
    await assert.rejects(joinByExternalCommit(CRYPTO, bytes, joining(world)), {
      code: "mls/invalid-group-info",
    });
  }
});

Deno.test("joinByExternalCommit() refuses SelfRemoves that are not ones of the epoch", async () => {
  const [alice, bob, dave] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const options = { ...commitOptions, wireFormat: "public-message" } as const;
  const later = (await createCommit(alice, commitOptions)).staged.next;
  const ofLater = await createProposal(later, { kind: "self-remove" }, options);
  const remove = await createProposal(bob, { kind: "remove", removed: 2 }, options);
  const good = await createProposal(dave, { kind: "self-remove" }, options);
  const decoded = decodeMessage(good.message);
  assert(decoded.kind === "public-message");
  const { content } = decoded.publicMessage;
  const stolen = { ...content, sender: { kind: "member", leafIndex: 1 } } as const;
  const publicMessage = { ...decoded.publicMessage, content: stolen };
  const outsider = createExternalProposal(CRYPTO, { kind: "self-remove" }, {
    groupId: bob.context.groupId,
    epoch: bob.context.epoch,
    sender: { kind: "external", senderIndex: 0 },
    signaturePrivateKey: bob.ownKeys.signaturePrivateKey,
  });
  const cases: readonly (readonly [Uint8Array, ErrorCode])[] = [
    [outsider, "mls/invalid-group-info"],
    [ofLater.message, "mls/invalid-group-info"],
    [remove.message, "mls/invalid-group-info"],
    [await createGroupInfo(bob), "mls/invalid-group-info"],
    [encodeMessage({ kind: "public-message", publicMessage }), "mls/invalid-signature"],
  ];
  const groupInfo = await createGroupInfo(bob);
  for (const [message, code] of cases) {
    const identity = identityOf("carol");
    const joined = joinByExternalCommit(CRYPTO, groupInfo, {
      ...acceptAll,
      random,
      identity,
      selfRemoves: [message],
    });
    await assert.rejects(joined, { code });
  }
});

Deno.test("public.ts shows and verifies an external commit", async () => {
  const world = await createWorld();
  const { commit } = await joinByExternalCommit(CRYPTO, world.groupInfo, {
    ...joining(world),
    removes: 1,
    authenticatedData: Uint8Array.of(1, 2),
  });
  const header = parseMessageHeader(commit);
  assert.deepEqual(header.authenticatedData, Uint8Array.of(1, 2));
  assert.equal(header.epoch, 1n);
  const shown = externalCommitOf(header);
  assert.deepEqual(shown?.leafNode.credential, world.carol.credential);
  assert.equal(shown?.removed, 1);
  const tree = await world.alice.tree.load();
  const { context } = world.alice;
  verifyPublicMessage(CRYPTO, header, { context, tree });
  const others = [
    [{ epoch: 7n }, "mls/invalid-message"],
    [{ groupId: Uint8Array.of(7) }, "mls/invalid-message"],
    [{ treeHash: Uint8Array.of(7) }, "mls/invalid-signature"],
  ] as const;
  for (const [change, code] of others) {
    const group = { context: { ...context, ...change }, tree };
    assert.throws(() => verifyPublicMessage(CRYPTO, header, group), { code });
  }
  const regular = parseMessageHeader(forgeCommit(world.alice, { proposals: [], path: undefined }));
  assert.equal(externalCommitOf(regular), undefined);
  const sender = { kind: "new-member-commit" } as const;
  const without = forgeCommit(world.alice, { proposals: [], path: undefined }, { sender });
  assert.equal(externalCommitOf(parseMessageHeader(without)), undefined);
  verifyPublicMessage(CRYPTO, regular, { context, tree });
});

/** §12.1.8: an external sender, listed in the group context. */
async function createWatchedGroup(): Promise<{
  readonly members: readonly [GroupState, GroupState, GroupState];
  readonly watcher: Identity;
}> {
  const watcher = identityOf("watcher");
  const sender: ExternalSender = {
    signatureKey: watcher.signatureKeyPair.publicKey,
    credential: watcher.credential,
  };
  const members = await createMembers(3, { extensions: [externalSendersExtension([sender])] });
  return { members: members as [GroupState, GroupState, GroupState], watcher };
}

const bySender = (state: GroupState, identity: Identity, senderIndex = 0) => ({
  groupId: state.context.groupId,
  epoch: state.context.epoch,
  sender: { kind: "external", senderIndex } as const,
  signaturePrivateKey: identity.signatureKeyPair.privateKey,
});

Deno.test("an external sender's Remove is committed by reference (§12.1.8)", async () => {
  const { members: [alice, bob], watcher } = await createWatchedGroup();
  const options = bySender(alice, watcher);
  const bytes = createExternalProposal(CRYPTO, { kind: "remove", removed: 2 }, options);
  verifyPublicMessage(CRYPTO, parseMessageHeader(bytes), {
    context: alice.context,
    tree: await alice.tree.load(),
  });
  const atAlice = (await receive(alice, bytes, "proposal")).state;
  const atBob = (await receive(bob, bytes, "proposal")).state;
  const commit = await createCommit(atAlice, commitOptions);
  const staged = await stage(atBob, commit.commit);
  assert.deepEqual(staged.summary.proposals[0]?.sender, { kind: "external", senderIndex: 0 });
  assert.deepEqual(staged.summary.removed.map(({ leafIndex }) => leafIndex), [2]);
});

const acceptOutsiders = { ...acceptAll, acceptNewMemberProposals: true };

Deno.test("a new member proposes its own Add, where the group wants it (§12.1.8)", async () => {
  const { alice, bob } = await createWorld();
  const identity = identityOf("dave");
  const own = await keyPackageOf(identity);
  const sender = { kind: "new-member-proposal" } as const;
  const options = { ...bySender(alice, identity), sender };
  const bytes = createExternalProposal(CRYPTO, addOf(own), options);
  verifyPublicMessage(CRYPTO, parseMessageHeader(bytes), {
    context: alice.context,
    tree: await alice.tree.load(),
  });
  await assert.rejects(processMessage(alice, bytes, acceptAll), { code: "mls/unknown-sender" });
  const [atAlice, atBob] = await Promise.all([alice, bob].map(async (member) => {
    const outcome = await processMessage(member, bytes, acceptOutsiders);
    assert(outcome.kind === "proposal");
    return outcome.state;
  })) as [GroupState, GroupState];
  const commit = await createCommit(atAlice, commitOptions);
  assert.equal((await stage(atBob, commit.commit)).summary.added.length, 1);
  const other = createExternalProposal(CRYPTO, { kind: "remove", removed: 1 }, options);
  await assert.rejects(processMessage(alice, other, acceptOutsiders), {
    code: "mls/invalid-message",
  });
  const tree = await alice.tree.load();
  assert.throws(
    () => verifyPublicMessage(CRYPTO, parseMessageHeader(other), { context: alice.context, tree }),
    { code: "mls/invalid-signature" },
  );
});

const EXTERNAL: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  readonly proposal: Proposal;
  readonly senderIndex?: number;
  readonly signer?: Identity;
}[] = [
  {
    rule: "§12.1.8: types that an external sender may not send",
    code: "mls/invalid-proposal",
    proposal: { kind: "external-init", kemOutput: Uint8Array.of(1) },
  },
  {
    rule: "draft §5.3: no SelfRemove by an external sender",
    code: "mls/invalid-proposal",
    proposal: { kind: "self-remove" },
  },
  {
    rule: "§6.1: the external sender is listed",
    code: "mls/unknown-sender",
    proposal: { kind: "remove", removed: 1 },
    senderIndex: 1,
  },
  {
    rule: "§6.1: the signature is the external sender's",
    code: "mls/invalid-signature",
    proposal: { kind: "remove", removed: 1 },
    signer: identityOf("mallory"),
  },
];

for (const { rule, code, proposal, senderIndex, signer } of EXTERNAL) {
  Deno.test(`processMessage() holds of external proposals RFC 9420 ${rule}`, async () => {
    const { members: [alice], watcher } = await createWatchedGroup();
    const options = bySender(alice, signer ?? watcher, senderIndex);
    const bytes = createExternalProposal(CRYPTO, proposal, options);
    await assert.rejects(processMessage(alice, bytes, acceptAll), { code });
  });
}
