import assert from "node:assert/strict";
import { forgeKeyPackage, forgeProposal, resignLeaf } from "../test/forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { LIFETIME, NOW_MS, random } from "../test/members.ts";
import { external } from "../test/rules.ts";
import { identityOf, keyPackageOf, receive, stage } from "../test/members.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import { type AuthenticatedContent, decodeMessage } from "../wire/framing.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import { externalSendersExtension, type Proposal } from "../wire/proposal.ts";
import { createCommit } from "./create-commit.ts";
import { createProposal, createUpdate } from "./create-proposal.ts";
import {
  addPending,
  PENDING_PROPOSALS_BYTES_MAX,
  PENDING_PROPOSALS_COUNT_MAX,
  SELECTION_TRIES_MAX,
  selectPending,
  SENDERS_PENDING_BYTES_MAX,
  SENDERS_PENDING_COUNT_MAX,
  SENDERS_SELECTION_TRIES_MAX,
} from "./pending-proposals.ts";
import type { Authenticate, EnteringCredential, FindPsks } from "./outcome.ts";
import { processMessage } from "./process-message.ts";
import type { GroupState, PendingProposal } from "./state.ts";

const DATA = Uint8Array.of(1, 2, 3);
const FULL = { code: "mls/group-full" };

async function proposalOf(state: GroupState): Promise<AuthenticatedContent> {
  const created = await createProposal(state, { kind: "remove", removed: 1 }, commitOptions);
  const [pending] = created.state.pendingProposals;
  assert.ok(pending !== undefined);
  return pending.message;
}

/** A proposal of any member, its reference its own: no signature is checked where it is kept. */
function variant(
  message: AuthenticatedContent,
  options: { readonly leafIndex: number; readonly id: number; readonly bytesCount?: number },
): AuthenticatedContent {
  const authenticatedData = new Uint8Array(options.bytesCount ?? 4);
  new DataView(authenticatedData.buffer).setUint32(0, options.id);
  const sender = { kind: "member", leafIndex: options.leafIndex } as const;
  return { ...message, content: { ...message.content, sender, authenticatedData } };
}

Deno.test("addPending() keeps a share for each sender, and a number for all", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const message = await proposalOf(alice);
  const sendersCount = PENDING_PROPOSALS_COUNT_MAX / SENDERS_PENDING_COUNT_MAX;
  let state = alice;
  for (let leafIndex = 0; leafIndex < sendersCount; leafIndex++) {
    for (let id = 0; id < SENDERS_PENDING_COUNT_MAX; id++) {
      state = addPending(state, variant(message, { leafIndex, id })).state;
    }
    if (leafIndex > 0) continue;
    const beyond = variant(message, { leafIndex, id: SENDERS_PENDING_COUNT_MAX });
    assert.throws(() => addPending(state, beyond), FULL);
  }
  assert.equal(state.pendingProposals.length, PENDING_PROPOSALS_COUNT_MAX);
  const other = variant(message, { leafIndex: sendersCount, id: 0 });
  assert.throws(() => addPending(state, other), FULL);
});

Deno.test("processMessage() asks nobody about the proposals of a sender that has its share", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const message = await proposalOf(bob);
  let state = alice;
  for (let id = 0; id < SENDERS_PENDING_COUNT_MAX; id++) {
    state = addPending(state, variant(message, { leafIndex: bob.ownLeafIndex, id })).state;
  }
  const add = forgeProposal(bob, addOf(await keyPackageOf(identityOf("dave"))));
  const authenticate = () => assert.fail("nobody is asked");
  await assert.rejects(processMessage(state, add, { authenticate }), FULL);
});

Deno.test("addPending() bounds the bytes of each sender, and of all", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const message = await proposalOf(alice);
  // A quarter of a share, less what is around it.
  const bytesCount = SENDERS_PENDING_BYTES_MAX / 4 - 1000;
  let state = alice;
  const sendersCount = PENDING_PROPOSALS_BYTES_MAX / SENDERS_PENDING_BYTES_MAX;
  for (let leafIndex = 0; leafIndex < sendersCount; leafIndex++) {
    for (let id = 0; id < 4; id++) {
      state = addPending(state, variant(message, { leafIndex, id, bytesCount })).state;
    }
    const beyond = variant(message, { leafIndex, id: 4, bytesCount });
    assert.throws(() => addPending(state, beyond), FULL);
  }
  const other = variant(message, { leafIndex: sendersCount, id: 0, bytesCount });
  assert.throws(() => addPending(state, other), FULL);
  addPending(state, variant(message, { leafIndex: sendersCount, id: 0 }));
});

const EXTERNAL_SENDERS_TYPE = 5;

Deno.test("processMessage() keeps no proposal that no commit could take", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { encryptionKey } = leafAt(await alice.tree.load(), 2) as LeafNode;
  const copied = await forgeKeyPackage(identityOf("dave"), {
    leaf: (leaf) => ({ ...leaf, encryptionKey }),
  });
  const { groupId } = bob.context;
  const bobsCopy = resignLeaf({
    ...leafAt(await bob.tree.load(), 1) as LeafNode,
    encryptionKey,
    source: { kind: "update" },
  }, {
    signaturePrivateKey: bob.ownKeys.signaturePrivateKey,
    place: { groupId, leafIndex: 1 },
  });
  const extensions = [{
    extensionType: EXTERNAL_SENDERS_TYPE,
    extensionData: Uint8Array.of(1, 2, 3),
  }];
  const refused: readonly (readonly [proposal: Proposal, code: string])[] = [
    [addOf(copied), "mls/invalid-proposal"],
    [{ kind: "update", leafNode: bobsCopy }, "mls/invalid-proposal"],
    [{ kind: "group-context-extensions", extensions }, "malformed"],
  ];
  for (const [proposal, code] of refused) {
    await assert.rejects(processMessage(alice, forgeProposal(bob, proposal), acceptAll), { code });
    if (proposal.kind === "update") continue;
    await assert.rejects(createProposal(bob, proposal, commitOptions), { code });
  }
});

Deno.test("createCommit() leaves out pending proposals that are not valid together", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const [erin, frank] = [identityOf("erin"), identityOf("frank")];
  const shared = await keyPackageOf(erin);
  const second = await forgeKeyPackage(frank, {
    leaf: (forged) => ({
      ...forged,
      encryptionKey: shared.keyPackage.leafNode.encryptionKey,
    }),
  });
  const good = await keyPackageOf(identityOf("grace"));
  let [atAlice, atCarol] = [alice, carol];
  for (const own of [shared, second, good]) {
    const message = forgeProposal(bob, addOf(own));
    atAlice = (await receive(atAlice, message, "proposal")).state;
    atCarol = (await receive(atCarol, message, "proposal")).state;
  }
  const commit = await createCommit(atAlice, commitOptions);
  const staged = await stage(atCarol, commit.commit);
  assert.deepEqual(
    staged.summary.added.map(({ leafNode }) => leafNode.credential),
    [erin.credential, good.keyPackage.leafNode.credential],
  );
});

Deno.test("processMessage() keeps no proposal whose credential is refused (§5.3.1)", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const [key, credential] = [Uint8Array.of(1), { kind: "basic", identity: DATA } as const];
  const extensions = [externalSendersExtension([{ signatureKey: key, credential }])];
  const renamed = {
    ...identityOf("mallory"),
    signatureKeyPair: CRYPTO.generateSignatureKeyPair(random),
  };
  const update = await createUpdate(bob, { ...commitOptions, identity: renamed });
  const messages = [
    forgeProposal(bob, addOf(await keyPackageOf(identityOf("dave")))),
    forgeProposal(bob, { kind: "group-context-extensions", extensions }),
    update.message,
  ];
  for (const message of messages) {
    const asked: EnteringCredential[] = [];
    const authenticate: Authenticate = (entering) => {
      asked.push(...entering);
      return Promise.resolve(entering.map(() => false));
    };
    await assert.rejects(processMessage(alice, message, { authenticate }), {
      code: "mls/credential-refused",
    });
    assert.equal(asked.length, 1);
    await receive(alice, message, "proposal");
  }
});

/** The state with a member's proposals pending in it. */
function withPending(
  state: GroupState,
  member: GroupState,
  proposals: readonly Proposal[],
): GroupState {
  return proposals.reduce((before, proposal) => {
    const decoded = decodeMessage(forgeProposal(member, proposal));
    assert.ok(decoded.kind === "public-message");
    const { content, auth } = decoded.publicMessage;
    return addPending(before, { wireFormat: "public-message", content, auth }).state;
  }, state);
}

Deno.test("createCommit() leaves out an expired KeyPackage, and a key that is not held", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const expired = await keyPackageOf(identityOf("dave"), {
    lifetime: { notBefore: LIFETIME.notBefore - 2n, notAfter: LIFETIME.notBefore - 1n },
  });
  const good = await keyPackageOf(identityOf("erin"));
  const psks = [1, 2].map((name) => ({ kind: "psk", psk: external(name) }) as const);
  const atAlice = withPending(alice, bob, [addOf(expired), ...psks, addOf(good)]);
  const findPsks: FindPsks = (ids) =>
    Promise.resolve(
      ids.map((id) => id.kind === "external" && id.pskId[0] === 2 ? DATA : undefined),
    );
  const { staged } = await createCommit(atAlice, { ...commitOptions, findPsks });
  assert.deepEqual(
    staged.summary.proposals.map(({ proposal }) => proposal.kind),
    ["psk", "add"],
  );
  assert.deepEqual(staged.summary.psks, [external(2)]);
  assert.deepEqual(staged.summary.added.map(({ leafNode }) => leafNode), [
    good.keyPackage.leafNode,
  ]);
});

Deno.test("createCommit() pushes nobody's proposals out for another's nonsense", async () => {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const shared = await CRYPTO.generateHpkeKeyPair(random);
  const nonsense = await Promise.all(
    Array.from(
      { length: SELECTION_TRIES_MAX / 2 + 1 },
      (_, index) =>
        forgeKeyPackage(identityOf(`nobody ${index}`), {
          leaf: (leaf) => ({ ...leaf, encryptionKey: shared.publicKey }),
        }),
    ),
  );
  const honest = await Promise.all(["dave", "erin"].map((name) => keyPackageOf(identityOf(name))));
  const atAlice = withPending(
    withPending(alice, bob, nonsense.map(addOf)),
    carol,
    honest.map(addOf),
  );
  const { staged } = await createCommit(atAlice, commitOptions);
  const added = staged.summary.added.map(({ leafNode }) => leafNode.signature);
  assert.deepEqual(added.slice(-2), honest.map(({ keyPackage }) => keyPackage.leafNode.signature));
});

Deno.test("createCommit() tries a bounded number of lists, whoever sent nonsense", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const shared = await CRYPTO.generateHpkeKeyPair(random);
  const sendersCount = 3 * SELECTION_TRIES_MAX / SENDERS_SELECTION_TRIES_MAX;
  const nonsense = await Promise.all(
    Array.from(
      { length: sendersCount * SENDERS_SELECTION_TRIES_MAX },
      (_, index) =>
        forgeKeyPackage(identityOf(`nobody ${index}`), {
          leaf: (leaf) => ({ ...leaf, encryptionKey: shared.publicKey }),
        }),
    ),
  );
  const pending = withPending(alice, bob, nonsense.slice(0, 1).map(addOf)).pendingProposals;
  const [{ message }] = pending as [PendingProposal];
  let atAlice = alice;
  nonsense.forEach((own, id) => {
    const framed = variant(message, { leafIndex: id % sendersCount, id });
    const content = { kind: "proposal", proposal: addOf(own) } as const;
    atAlice = addPending(atAlice, { ...framed, content: { ...framed.content, content } }).state;
  });
  let triesCount = 0;
  const { extensions } = alice.context;
  const counting = {
    ...alice.context,
    get extensions() {
      triesCount++;
      return extensions;
    },
  };
  const selected = await selectPending({ ...atAlice, context: counting }, {
    byValue: [],
    wanted: () => true,
    nowMs: NOW_MS,
    findPsks: undefined,
  });
  assert.equal(selected.length, 1);
  assert.ok(triesCount > 2 * SENDERS_SELECTION_TRIES_MAX && triesCount <= SELECTION_TRIES_MAX);
});
