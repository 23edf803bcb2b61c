import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { flipped, forgeCommit, forgePublic, readCommit, resignLeaf } from "../test/forge.ts";
import { acceptAll, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, random, receive } from "../test/members.ts";
import { mergePathKeys } from "../tree/hashes.ts";
import { external } from "../test/rules.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { Commit, UpdatePath } from "../wire/commit.ts";
import { requiredCapabilitiesExtension } from "../wire/extension.ts";
import { decodeMessage, encodeMessage } from "../wire/framing.ts";
import type { LeafNode, UnsignedLeafNode } from "../wire/leaf-node.ts";
import type { Proposal, ProposalOrRef } from "../wire/proposal.ts";
import { encryptMessage, epochAuthenticator } from "./application.ts";
import { createCommit } from "./create-commit.ts";
import { createProposal } from "./create-proposal.ts";
import { processMessage } from "./process-message.ts";
import type { GroupState } from "./state.ts";

/** RFC 9420 §12.4 and §7.5: what a path must be, and what a malicious committer may send instead. */

interface World {
  readonly members: readonly [GroupState, GroupState, GroupState, GroupState];
  /** A commit of member 0 without proposals, public. */
  readonly commit: Commit;
  readonly confirmationTag: Uint8Array;
}

async function createWorld(): Promise<World> {
  const members = await createMembers(4) as [GroupState, GroupState, GroupState, GroupState];
  const created = await createCommit(members[0], {
    ...commitOptions,
    wireFormat: "public-message",
  });
  const { commit, confirmationTag } = readCommit(created.commit);
  return { members: [created.state, members[1], members[2], members[3]], commit, confirmationTag };
}

function pathOf(commit: Commit): UpdatePath {
  assert(commit.path !== undefined);
  return commit.path;
}

const withPath = (world: World, change: (path: UpdatePath) => Partial<UpdatePath>): Commit => {
  const path = pathOf(world.commit);
  return { ...world.commit, path: { ...path, ...change(path) } };
};

const withLeaf = (world: World, change: (leaf: LeafNode) => UnsignedLeafNode): Commit => {
  const [alice] = world.members;
  return withPath(world, ({ leafNode }) => ({
    leafNode: resignLeaf(change(leafNode), {
      signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
      place: { groupId: alice.context.groupId, leafIndex: 0 },
    }),
  }));
};

const withFirstNode = (
  world: World,
  change: (node: UpdatePath["nodes"][number]) => Partial<UpdatePath["nodes"][number]>,
): Commit =>
  withPath(world, ({ nodes }) => ({
    nodes: nodes.map((node, index) => index === 0 ? { ...node, ...change(node) } : node),
  }));

const byValue = (proposal: Proposal): ProposalOrRef => ({ kind: "proposal", proposal });

const oldLeaf = async (state: GroupState, leafIndex: number): Promise<LeafNode> =>
  leafAt(await state.tree.load(), leafIndex) as LeafNode;

const RULES: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  /** Where several rules share the code. */
  readonly text?: RegExp;
  readonly commit: (world: World) => Promise<Commit> | Commit;
}[] = [
  {
    rule: "§12.4: an empty commit has a path",
    code: "mls/invalid-commit",
    text: /require a path/,
    commit: () => ({ proposals: [], path: undefined }),
  },
  {
    rule: "§12.4.2: pre-shared keys are held",
    code: "mls/missing-psk",
    commit: ({ commit }) => ({
      ...commit,
      proposals: [...commit.proposals, byValue({ kind: "psk", psk: external(1) })],
    }),
  },
  {
    rule: "§12.4: a Remove needs a path",
    code: "mls/invalid-commit",
    text: /require a path/,
    commit: () => ({ proposals: [byValue({ kind: "remove", removed: 2 })], path: undefined }),
  },
  {
    rule: "§12.4: GroupContextExtensions need a path",
    code: "mls/invalid-commit",
    text: /require a path/,
    commit: () => ({
      proposals: [byValue({ kind: "group-context-extensions", extensions: [] })],
      path: undefined,
    }),
  },
  {
    rule: "§12.4: a proposal that is referred to was received",
    code: "mls/unknown-proposal",
    commit: ({ commit }) => ({
      ...commit,
      proposals: [{ kind: "reference", reference: new Uint8Array(32) }],
    }),
  },
  {
    rule: "§12.4.2: the path's leaf has the source commit",
    code: "mls/invalid-leaf-node",
    commit: (world) => withLeaf(world, (leaf) => ({ ...leaf, source: { kind: "update" } })),
  },
  {
    rule: "§12.4.2: the path's leaf has another encryption key than before",
    code: "mls/invalid-commit",
    text: /keeps the leaf's encryption key/,
    commit: async (world) => {
      const { encryptionKey } = await oldLeaf(world.members[1], 0);
      return withLeaf(world, (leaf) => ({ ...leaf, encryptionKey }));
    },
  },
  {
    rule: "§7.2: the path's leaf is signed for its place",
    code: "mls/invalid-signature",
    commit: (world) =>
      withPath(world, ({ leafNode }) => ({
        leafNode: { ...leafNode, signature: flipped(leafNode.signature) },
      })),
  },
  {
    rule: "§7.3: the path's leaf lists its credential type",
    code: "mls/invalid-leaf-node",
    commit: (world) =>
      withLeaf(world, (leaf) => ({
        ...leaf,
        capabilities: { ...leaf.capabilities, credentials: [] },
      })),
  },
  {
    rule: "§7.3: the path's leaf has a signature key of its own",
    code: "mls/invalid-tree",
    commit: async (world) => {
      const [alice, , carol] = world.members;
      const { signatureKey } = await oldLeaf(alice, 2);
      return withPath(world, ({ leafNode }) => ({
        leafNode: resignLeaf({ ...leafNode, signatureKey }, {
          signaturePrivateKey: carol.ownKeys.signaturePrivateKey,
          place: { groupId: alice.context.groupId, leafIndex: 0 },
        }),
      }));
    },
  },
  {
    rule: "§12.4.2: no key of the path is in the tree",
    code: "mls/invalid-commit",
    text: /a key that is in the tree/,
    commit: async (world) => {
      const { encryptionKey } = await oldLeaf(world.members[1], 3);
      return withFirstNode(world, () => ({ encryptionKey }));
    },
  },
  {
    rule: "§12.4.2: no key of the path is one that it replaces",
    code: "mls/invalid-commit",
    text: /a key that is in the tree/,
    commit: async (world) => {
      const root = (await world.members[1].tree.load()).parents[1];
      assert(root !== undefined);
      const { encryptionKey } = root;
      return withParentHash(world, withFirstNode(world, () => ({ encryptionKey })));
    },
  },
  {
    rule: "§7.3: no key of the path is there twice",
    code: "mls/invalid-tree",
    commit: (world) => {
      const path = pathOf(world.commit);
      const node = path.nodes[1];
      assert(node !== undefined);
      const changed = withFirstNode(world, () => ({ encryptionKey: node.encryptionKey }));
      return withParentHash(world, changed);
    },
  },
  {
    rule: "§7.5: a key of the path is a key of the suite",
    code: "mls/invalid-commit",
    text: /a key of its path is not one/,
    commit: (world) => withFirstNode(world, () => ({ encryptionKey: new Uint8Array(5) })),
  },
  {
    rule: "§7.5: the path has as many nodes as the filtered direct path",
    code: "mls/invalid-commit",
    text: /path has the wrong length/,
    commit: (world) => withPath(world, ({ nodes }) => ({ nodes: nodes.slice(1) })),
  },
  {
    rule: "§7.6: a node has a ciphertext for each node of the resolution",
    code: "mls/invalid-commit",
    text: /wrong number of ciphertexts/,
    commit: (world) => withFirstNode(world, () => ({ encryptedPathSecrets: [] })),
  },
  {
    rule: "§7.9.2: the leaf has the parent hash of its path",
    code: "mls/invalid-commit",
    text: /parent hash of its leaf is wrong/,
    commit: (world) =>
      withLeaf(world, (leaf) => ({
        ...leaf,
        source: { kind: "commit", parentHash: new Uint8Array(32) },
      })),
  },
  {
    rule: "§7.5: path secrets decrypt",
    code: "mls/invalid-commit",
    text: /path secret does not decrypt/,
    commit: (world) =>
      withFirstNode(world, ({ encryptedPathSecrets }) => ({
        encryptedPathSecrets: encryptedPathSecrets.map((each) => ({
          ...each,
          ciphertext: flipped(each.ciphertext),
        })),
      })),
  },
  {
    rule: "§12.4.2: the confirmation tag fits",
    code: "mls/wrong-confirmation-tag",
    commit: ({ commit }) => commit,
  },
];

/** The changed path with the parent hash that its keys ask for. */
async function withParentHash(world: World, commit: Commit): Promise<Commit> {
  const path = pathOf(commit);
  const tree = await world.members[1].tree.load();
  const { leafParentHash } = mergePathKeys(CRYPTO, tree, {
    leafIndex: 0,
    encryptionKeys: path.nodes.map((node) => node.encryptionKey),
  });
  const source = { kind: "commit", parentHash: leafParentHash } as const;
  return withLeaf({ ...world, commit }, (leaf) => ({ ...leaf, source }));
}

for (const { rule, code, text, commit } of RULES) {
  Deno.test(`processMessage() holds of commits RFC 9420 ${rule}`, async () => {
    const world = await createWorld();
    const [alice, bob] = world.members;
    const bytes = forgeCommit(alice, await commit(world));
    const before = { ...bob };
    const expected = { code, ...(text ? { message: text } : {}) };
    await assert.rejects(processMessage(bob, bytes, acceptAll), expected);
    assert.deepEqual(bob, before);
  });
}

Deno.test("processMessage() accepts the commit that the rules' forgeries change", async () => {
  const { members: [alice, bob], commit, confirmationTag } = await createWorld();
  await receive(bob, forgeCommit(alice, commit, { confirmationTag }), "commit-staged");
});

Deno.test("a path secret that gives another key than it says is refused (§7.5)", async () => {
  const { members: [alice, bob], commit } = await createWorld();
  const world = { members: [alice, bob, bob, bob], commit, confirmationTag: EMPTY } as const;
  const other = await CRYPTO.generateHpkeKeyPair(random);
  const changed = withFirstNode(world, () => ({ encryptionKey: other.publicKey }));
  const bytes = forgeCommit(alice, await withParentHash(world, changed));
  await assert.rejects(processMessage(bob, bytes, acceptAll), { code: "mls/invalid-commit" });
});

Deno.test("a wrong path secret for one member stops that member only (§16.6)", async () => {
  const [alice, bob, carol, dave] = await createMembers(4) as [
    GroupState,
    GroupState,
    GroupState,
    GroupState,
  ];
  const { encryptionKey } = await oldLeaf(alice, 1);
  const crypto = Object.create(alice.crypto, {
    hpkeSeal: {
      async value(...[publicKey, sealed]: Parameters<CipherSuite["hpkeSeal"]>) {
        const honest = await alice.crypto.hpkeSeal(publicKey, sealed);
        if (!Object.is(publicKey, encryptionKey)) return honest;
        return { ...honest, ciphertext: flipped(honest.ciphertext) };
      },
    },
  });
  const commit = await createCommit({ ...alice, crypto }, commitOptions);
  const before = { ...bob };
  await assert.rejects(processMessage(bob, commit.commit, acceptAll), {
    code: "mls/invalid-commit",
  });
  assert.deepEqual(bob, before);
  for (const member of [carol, dave]) {
    const { staged } = await receive(member, commit.commit, "commit-staged");
    assert.deepEqual(epochAuthenticator(staged.next), epochAuthenticator(commit.staged.next));
  }
});

const EMPTY = new Uint8Array();

Deno.test("a commit may bring a leaf that lacks required_capabilities (§7.3): refused", async () => {
  const required = requiredCapabilitiesExtension({
    extensionTypes: [],
    proposalTypes: [10],
    credentialTypes: [],
  });
  const [alice, bob] = await createMembers(2, { extensions: [required] }) as [
    GroupState,
    GroupState,
  ];
  const created = await createCommit(alice, { ...commitOptions, wireFormat: "public-message" });
  const { commit, confirmationTag } = readCommit(created.commit);
  const world = { members: [alice, bob, bob, bob], commit, confirmationTag } as const;
  const changed = withLeaf(world, (leaf) => ({
    ...leaf,
    capabilities: { ...leaf.capabilities, proposals: [] },
  }));
  await assert.rejects(processMessage(bob, forgeCommit(created.state, changed), acceptAll), {
    code: "mls/invalid-leaf-node",
  });
});

Deno.test("a commit is for the epoch that it names (§12.4.2)", async () => {
  const { members: [alice, bob] } = await createWorld();
  const first = await createCommit(alice, commitOptions);
  const second = await createCommit(first.staged.next, commitOptions);
  const future = await processMessage(bob, second.commit, acceptAll);
  assert.deepEqual(future, { kind: "future-epoch", epoch: 2n });
  const next = (await receive(bob, first.commit, "commit-staged")).staged.next;
  const past = await processMessage(next, first.commit, acceptAll);
  assert.deepEqual(past, { kind: "past-epoch", epoch: 1n });
});

Deno.test("messages of other groups and wire formats have outcomes of their own (§6)", async () => {
  const { members: [alice, bob] } = await createWorld();
  const [stranger] = await createMembers(2) as [GroupState];
  const commit = await createCommit(stranger, commitOptions);
  assert.deepEqual(await processMessage(bob, commit.commit, acceptAll), {
    kind: "other-group",
    groupId: stranger.context.groupId,
  });
  const keyPackage = await keyPackageOf(identityOf("dave"));
  await assert.rejects(processMessage(alice, keyPackage.message, acceptAll), {
    code: "mls/invalid-message",
  });
});

/** §6.1 and §6.2: who may send what, and how. */
const FRAMING: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  readonly forge: (world: World) => Uint8Array;
}[] = [
  {
    rule: "§6.2: the membership tag fits",
    code: "mls/invalid-message",
    forge: ({ members: [alice], commit }) => {
      const decoded = decodeMessage(forgeCommit(alice, commit));
      assert(decoded.kind === "public-message");
      const { publicMessage } = decoded;
      assert(publicMessage.membershipTag !== undefined);
      const membershipTag = flipped(publicMessage.membershipTag);
      return encodeMessage({ ...decoded, publicMessage: { ...publicMessage, membershipTag } });
    },
  },
  {
    rule: "§6.1: the signature is the sender's",
    code: "mls/invalid-signature",
    forge: ({ members: [alice], commit }) =>
      forgeCommit(alice, commit, { sender: { kind: "member", leafIndex: 2 } }),
  },
  {
    rule: "§6.1: the sender is a member",
    code: "mls/unknown-sender",
    forge: ({ members: [alice], commit }) =>
      forgeCommit(alice, commit, { sender: { kind: "member", leafIndex: 77 } }),
  },
  {
    rule: "§6.1: an external sender is listed",
    code: "mls/invalid-message",
    forge: ({ members: [alice], commit }) =>
      forgeCommit(alice, commit, { sender: { kind: "external", senderIndex: 0 } }),
  },
  {
    rule: "§6.1: a new member proposes, and commits, its own entry only",
    code: "mls/invalid-message",
    forge: ({ members: [alice], commit }) =>
      forgeCommit(alice, commit, { sender: { kind: "new-member-proposal" } }),
  },
  {
    rule: "§12.4.3.2: an external commit has a path",
    code: "mls/invalid-message",
    forge: ({ members: [alice] }) =>
      forgeCommit(alice, { proposals: [], path: undefined }, {
        sender: { kind: "new-member-commit" },
      }),
  },
  {
    rule: "§6: application data is encrypted",
    code: "mls/invalid-message",
    forge: ({ members: [alice] }) =>
      forgePublic(CRYPTO, {
        groupId: alice.context.groupId,
        epoch: alice.context.epoch,
        sender: { kind: "member", leafIndex: 0 },
        authenticatedData: EMPTY,
        content: { kind: "application", applicationData: Uint8Array.of(1) },
      }, {
        context: alice.context,
        signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
        membershipKey: alice.secrets.membershipKey,
        confirmationTag: undefined,
      }),
  },
];

for (const { rule, code, forge } of FRAMING) {
  Deno.test(`processMessage() holds of messages RFC 9420 ${rule}`, async () => {
    const world = await createWorld();
    const options = { ...acceptAll, acceptNewMemberProposals: true };
    await assert.rejects(processMessage(world.members[1], forge(world), options), { code });
  });
}

Deno.test("a policy that refuses keeps the member in its epoch", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "remove", removed: 2 }],
  });
  const refused = processMessage(bob, commit.commit, {
    ...acceptAll,
    policy: (summary) =>
      Promise.resolve(summary.removed.length > 0 ? "nobody may remove" : undefined),
  });
  await assert.rejects(refused, { code: "mls/commit-refused" });
  await receive(bob, commit.commit, "commit-staged");
});

Deno.test("encryptMessage() waits until proposals are committed (§12.4)", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const remove = await createProposal(alice, { kind: "remove", removed: 2 }, commitOptions);
  const state = (await receive(bob, remove.message, "proposal")).state;
  assert.throws(() => encryptMessage(state, EMPTY, { random }), { code: "mls/proposals-pending" });
});
