import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { forgeCommit, forgeKeyPackage, forgeProposal, resignLeaf } from "../test/forge.ts";
import {
  acceptAll,
  addOf,
  commitOptions,
  CRYPTO,
  identityOf,
  keyPackageOf,
  LIFETIME,
  random,
  receive,
} from "../test/members.ts";
import type { Proposal, ProposalOrRef } from "../wire/proposal.ts";
import { createCommit } from "./create-commit.ts";
import { createProposal, createUpdate } from "./create-proposal.ts";
import { createKeyPackage } from "./identity.ts";
import { joinGroup } from "./join.ts";
import { protectOwn, signOwn } from "./protect-own.ts";
import { processMessage } from "./process-message.ts";
import type { PendingProposal } from "./state.ts";

import {
  createWorld,
  dave,
  external,
  NONCE,
  ownLeaf,
  reinit,
  without,
  type World,
} from "../test/rules.ts";

/** Proposals that are sent on their own. */
const SENT: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  readonly proposal: (world: World) => Promise<Proposal> | Proposal;
}[] = [
  {
    rule: "§12.1: an ExternalInit is for external commits only",
    code: "mls/invalid-proposal",
    proposal: () => ({ kind: "external-init", kemOutput: NONCE }),
  },
  {
    rule: "§12.1.1: an Add has a valid KeyPackage",
    code: "mls/invalid-key-package",
    proposal: async () =>
      addOf(await forgeKeyPackage(dave(), { outer: (each) => ({ ...each, cipherSuite: 3 }) })),
  },
  {
    rule: "§12.1.2: an Update has the source update",
    code: "mls/invalid-leaf-node",
    proposal: async ({ carol }) => ({ kind: "update", leafNode: await ownLeaf(carol) }),
  },
  {
    rule: "§7.3: an Update has another encryption key than before",
    code: "mls/invalid-proposal",
    proposal: async ({ carol }) => ({
      kind: "update",
      leafNode: resignLeaf({ ...await ownLeaf(carol), source: { kind: "update" } }, {
        signaturePrivateKey: carol.ownKeys.signaturePrivateKey,
        place: { groupId: carol.context.groupId, leafIndex: carol.ownLeafIndex },
      }),
    }),
  },
  {
    rule: "§7.2: an Update is signed for its own leaf index",
    code: "mls/invalid-signature",
    proposal: async ({ carol }) => ({
      kind: "update",
      leafNode: resignLeaf({
        ...await ownLeaf(carol),
        encryptionKey: (await CRYPTO.generateHpkeKeyPair(random)).publicKey,
        source: { kind: "update" },
      }, {
        signaturePrivateKey: carol.ownKeys.signaturePrivateKey,
        place: { groupId: carol.context.groupId, leafIndex: 1 },
      }),
    }),
  },
  {
    rule: "§12.1.3: a Remove names a member",
    code: "mls/invalid-proposal",
    proposal: () => ({ kind: "remove", removed: 3 }),
  },
  {
    rule: "§12.1.4: psk_nonce has the length of the hash",
    code: "mls/invalid-proposal",
    proposal: () => ({ kind: "psk", psk: external(1, NONCE.slice(1)) }),
  },
  {
    rule: "§12.1.5: a ReInit does not go back to an older version",
    code: "mls/invalid-proposal",
    proposal: () => reinit(0),
  },
];

for (const { rule, code, proposal } of SENT) {
  Deno.test(`processMessage() holds of a sent proposal RFC 9420 ${rule}`, async () => {
    const world = await createWorld();
    const bytes = forgeProposal(world.carol, await proposal(world));
    await assert.rejects(processMessage(world.bob, bytes, acceptAll), { code });
  });
}

Deno.test("a commit may not have two Updates, or Update and Remove, of one leaf (§12.2)", async () => {
  const { alice, bob, carol } = await createWorld();
  const options = { ...commitOptions, wireFormat: "public-message" } as const;
  const first = await createUpdate(carol, options);
  const second = await createUpdate(first.state, options);
  let [atAlice, atBob] = [alice, bob];
  for (const { message } of [first, second]) {
    atAlice = (await receive(atAlice, message, "proposal")).state;
    atBob = (await receive(atBob, message, "proposal")).state;
  }
  const reference = (each: { readonly reference: Uint8Array }): ProposalOrRef => ({
    kind: "reference",
    reference: each.reference,
  });
  const remove: ProposalOrRef = { kind: "proposal", proposal: { kind: "remove", removed: 2 } };
  for (const proposals of [[reference(first), reference(second)], [reference(first), remove]]) {
    const bytes = forgeCommit(atAlice, { proposals, path: undefined });
    await assert.rejects(processMessage(atBob, bytes, acceptAll), {
      code: "mls/invalid-proposal-list",
    });
  }
  // A committer takes the last Update by itself.
  const commit = await createCommit(atAlice, commitOptions);
  assert.deepEqual(commit.staged.summary.updated.map(({ leafNode }) => leafNode.encryptionKey), [
    second.state.pendingProposals.map(({ message }) => message.content.content).flatMap((each) =>
      each.kind === "proposal" && each.proposal.kind === "update"
        ? [each.proposal.leafNode.encryptionKey]
        : []
    )[1],
  ]);
  const atCarol = (await receive(second.state, commit.commit, "commit-staged")).staged.next;
  await receive(atBob, commit.commit, "commit-staged");
  assert.deepEqual(atCarol.context, commit.staged.next.context);
});

Deno.test("a commit may not have the committer's own Update by reference (§12.2)", async () => {
  const { alice, bob } = await createWorld();
  const update = await createUpdate(alice, { ...commitOptions, wireFormat: "public-message" });
  const atBob = (await receive(bob, update.message, "proposal")).state;
  const reference = { kind: "reference", reference: update.reference } as const;
  const bytes = forgeCommit(update.state, { proposals: [reference], path: undefined });
  await assert.rejects(processMessage(atBob, bytes, acceptAll), {
    code: "mls/invalid-proposal-list",
  });
  const commit = await createCommit(update.state, commitOptions);
  assert.deepEqual(commit.staged.summary.proposals, []);
});

Deno.test("a SelfRemove needs the support of all who process it (§12.2, draft §5.3)", async () => {
  const { alice, bob, carol } = await createWorld();
  const selfRemove = await createProposal(carol, { kind: "self-remove" }, commitOptions);
  const atAlice = (await receive(alice, selfRemove.message, "proposal")).state;
  const atBob = (await receive(bob, selfRemove.message, "proposal")).state;
  const commit = await createCommit(atAlice, commitOptions);
  const staged = await receive(atBob, commit.commit, "commit-staged");
  assert.deepEqual(staged.staged.summary.removed.map(({ leafIndex }) => leafIndex), [2]);
  assert.equal((await processMessage(selfRemove.state, commit.commit, acceptAll)).kind, "removed");
});

Deno.test("a SelfRemove is refused where a member lacks it (§12.2, draft §5.3)", async () => {
  const { alice, carol } = await createWorld();
  const poor = without(identityOf("eve"), "proposals");
  const own = await createKeyPackage(CRYPTO, { identity: poor, lifetime: LIFETIME, random });
  const added = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
  const carolNow = (await receive(carol, added.commit, "commit-staged")).staged.next;
  const proposal = await createProposal(carolNow, { kind: "self-remove" }, commitOptions);
  const aliceNow = (await receive(added.staged.next, proposal.message, "proposal")).state;
  const { reference } = aliceNow.pendingProposals[0] as PendingProposal;
  const eve = await joinGroup(CRYPTO, added.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [own],
  });
  const forged = forgeCommit(eve.state, {
    proposals: [{ kind: "reference", reference }],
    path: undefined,
  });
  await assert.rejects(processMessage(aliceNow, forged, acceptAll), {
    code: "mls/invalid-proposal-list",
  });
  const { staged } = await createCommit(aliceNow, commitOptions);
  assert.deepEqual(staged.summary.removed, []);
});

Deno.test("processMessage() refuses a SelfRemove that is encrypted, or unsupported (draft §5.3)", async () => {
  const { alice, bob, carol } = await createWorld();
  const content = { kind: "proposal", proposal: { kind: "self-remove" } } as const;
  const signed = signOwn(carol, content, { wireFormat: "private-message" });
  const encrypted = protectOwn(carol, signed, { random });
  await assert.rejects(processMessage(bob, encrypted.message, acceptAll), {
    code: "mls/invalid-proposal",
    message: /not public/,
  });
  const own = await keyPackageOf(without(identityOf("eve"), "proposals"));
  const added = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
  const eve = await joinGroup(CRYPTO, added.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [own],
  });
  const unsupported = forgeProposal(eve.state, { kind: "self-remove" });
  await assert.rejects(processMessage(added.staged.next, unsupported, acceptAll), {
    code: "mls/invalid-proposal",
    message: /does not support/,
  });
});

Deno.test("a SelfRemove is public, and not the committer's own (draft §5.3)", async () => {
  const { alice, bob } = await createWorld();
  const own = await createProposal(alice, { kind: "self-remove" }, commitOptions);
  const atBob = (await receive(bob, own.message, "proposal")).state;
  const reference = { kind: "reference", reference: own.reference } as const;
  const bytes = forgeCommit(own.state, { proposals: [reference], path: undefined });
  await assert.rejects(processMessage(atBob, bytes, acceptAll), {
    code: "mls/invalid-proposal-list",
  });
});
