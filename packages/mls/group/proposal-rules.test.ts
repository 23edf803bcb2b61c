import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import {
  contextExtensions,
  createWorld,
  dave,
  external,
  NONCE,
  NOTHING,
  ownLeaf,
  reinit,
  resumption,
  without,
  type World,
} from "../test/rules.ts";
import { flipped, forgeCommit, forgeKeyPackage, resignLeaf } from "../test/forge.ts";
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
import { requiredCapabilitiesExtension as requiring } from "../wire/extension.ts";
import type { Proposal, ProposalOrRef } from "../wire/proposal.ts";
import { createCommit } from "./create-commit.ts";
import { createGroup } from "./create-group.ts";
import type { Identity } from "./identity.ts";
import { processMessage } from "./process-message.ts";

/**
 * RFC 9420 §7.3, §10.1, §12.1 and §12.2: for each rule a commit of a malicious member that breaks it,
 * signed and tagged as it should be.
 */
interface Rule {
  readonly rule: string;
  readonly code: ErrorCode;
  /** Where several rules share the code. */
  readonly text?: RegExp;
  readonly proposals: (world: World) => Promise<readonly Proposal[]> | readonly Proposal[];
}

const addForged = async (
  identity: Identity,
  changes: Parameters<typeof forgeKeyPackage>[1] = {},
): Promise<readonly Proposal[]> => [addOf(await forgeKeyPackage(identity, changes))];
const RULES: readonly Rule[] = [
  {
    rule: "§7.2: the credential type is among the leaf's capabilities",
    code: "mls/invalid-leaf-node",
    proposals: () => addForged(without(dave(), "credentials")),
  },
  {
    rule: "§7.3: the leaf's signature is valid",
    code: "mls/invalid-signature",
    proposals: () =>
      addForged(dave(), {
        outer: (each) => ({
          ...each,
          leafNode: { ...each.leafNode, signature: flipped(each.leafNode.signature) },
        }),
      }),
  },
  {
    rule: "§7.3: the leaf's extensions are among its capabilities",
    code: "mls/invalid-leaf-node",
    proposals: () =>
      addForged(identityOf("dave", {
        extensions: [{ extensionType: 0xf123, extensionData: NONCE }],
      })),
  },
  {
    rule: "§7.3: a leaf in a KeyPackage has the source key_package",
    code: "mls/invalid-leaf-node",
    proposals: () =>
      addForged(dave(), { leaf: (leaf) => ({ ...leaf, source: { kind: "update" } }) }),
  },
  {
    rule: "§7.3, §12.2: no Add of a member: signature_key is unique",
    code: "mls/invalid-tree",
    proposals: async ({ carol }) => {
      const publicKey = (await ownLeaf(carol)).signatureKey as Uint8Array<ArrayBuffer>;
      const privateKey = carol.ownKeys.signaturePrivateKey;
      return addForged({ ...dave(), signatureKeyPair: { publicKey, privateKey } });
    },
  },
  {
    rule: "§7.3: encryption_key is unique among the members",
    code: "mls/invalid-tree",
    proposals: async ({ carol }) => {
      const { encryptionKey } = await ownLeaf(carol);
      return addForged(dave(), { leaf: (leaf) => ({ ...leaf, encryptionKey }) });
    },
  },
  {
    rule: "§7.3: every member supports the credential types of all",
    code: "mls/invalid-proposal-list",
    proposals: () => {
      const identity = identityOf("dave", { credentials: [1, 0xf00d] });
      const credential = { kind: "other", credentialType: 0xf00d, data: NONCE } as const;
      return addForged({ ...identity, credential });
    },
  },
  {
    rule: "§7.3: a leaf supports the credential types in use",
    code: "mls/invalid-proposal-list",
    proposals: () => {
      const identity = identityOf("dave", { credentials: [0xf00d] });
      const credential = { kind: "other", credentialType: 0xf00d, data: NONCE } as const;
      return addForged({ ...identity, credential });
    },
  },
  {
    rule: "§7.3: encryption_key is a key of the suite",
    code: "mls/invalid-leaf-node",
    proposals: () =>
      addForged(dave(), { leaf: (leaf) => ({ ...leaf, encryptionKey: new Uint8Array(31) }) }),
  },
  {
    rule: "§10: the signature key is a key of the suite",
    code: "mls/invalid-leaf-node",
    proposals: () =>
      addForged(dave(), { leaf: (leaf) => ({ ...leaf, signatureKey: new Uint8Array(31) }) }),
  },
  {
    rule: "§11.1: members support the group's version",
    code: "mls/invalid-leaf-node",
    proposals: () => addForged(without(dave(), "versions")),
  },
  {
    rule: "§11.1: members support the group's cipher suite",
    code: "mls/invalid-leaf-node",
    proposals: () => addForged(without(dave(), "cipherSuites")),
  },
  {
    rule: "§10.1: the cipher suite is the group's",
    code: "mls/invalid-key-package",
    proposals: () => addForged(dave(), { outer: (each) => ({ ...each, cipherSuite: 3 }) }),
  },
  {
    rule: "§10.1: the KeyPackage's signature is valid",
    code: "mls/invalid-signature",
    proposals: async () => {
      const own = await keyPackageOf(dave());
      const { signature } = own.keyPackage;
      return [{ kind: "add", keyPackage: { ...own.keyPackage, signature: flipped(signature) } }];
    },
  },
  {
    rule: "§10.1: init_key is another key than encryption_key",
    code: "mls/invalid-key-package",
    proposals: () =>
      addForged(dave(), {
        outer: (each) => ({ ...each, initKey: each.leafNode.encryptionKey }),
      }),
  },
  {
    rule: "§10: init_key is a key of the suite",
    code: "mls/invalid-key-package",
    proposals: () => addForged(dave(), { outer: (each) => ({ ...each, initKey: NONCE.slice(1) }) }),
  },
  {
    rule: "§12.1.2, §12.2: no Update by value: it would be the committer's",
    code: "mls/invalid-proposal-list",
    proposals: async ({ alice }) => [{
      kind: "update",
      leafNode: resignLeaf({ ...await ownLeaf(alice), source: { kind: "update" } }, {
        signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
        place: { groupId: alice.context.groupId, leafIndex: 0 },
      }),
    }],
  },
  {
    rule: "§12.1.3: a Remove names a leaf that is not blank",
    code: "mls/invalid-proposal",
    proposals: () => [{ kind: "remove", removed: 3 }],
  },
  {
    rule: "§12.1.3: a Remove names a leaf inside the tree",
    code: "mls/invalid-proposal",
    proposals: () => [{ kind: "remove", removed: 2 ** 32 - 1 }],
  },
  {
    rule: "§12.1.4: psk_nonce has the length of the hash",
    code: "mls/invalid-proposal",
    proposals: () => [{ kind: "psk", psk: external(1, NONCE.slice(1)) }],
  },
  {
    rule: "§12.1.4: a resumption PSK for reinit is for a reinitialisation only",
    code: "mls/invalid-proposal",
    proposals: (world) => [resumption("reinit", world)],
  },
  {
    rule: "§12.1.4: a resumption PSK for branch is for a branch only",
    code: "mls/invalid-proposal",
    proposals: (world) => [resumption("branch", world)],
  },
  {
    rule: "§12.1.5: a ReInit does not go back to an older version",
    code: "mls/invalid-proposal",
    proposals: () => [reinit(0)],
  },
  {
    rule: "§12.1.7: all members support the required extensions",
    code: "mls/invalid-proposal",
    proposals: () => [contextExtensions([requiring({ ...NOTHING, extensionTypes: [0xf123] })])],
  },
  {
    rule: "§12.1.7: all members support the required proposals",
    code: "mls/invalid-proposal",
    proposals: () => [contextExtensions([requiring({ ...NOTHING, proposalTypes: [0xf123] })])],
  },
  {
    rule: "§12.1.7: all members support the required credentials",
    code: "mls/invalid-proposal",
    proposals: () => [contextExtensions([requiring({ ...NOTHING, credentialTypes: [0xf123] })])],
  },
  {
    rule: "§13.4: all members support the context's extensions",
    code: "mls/invalid-proposal",
    proposals: () => [contextExtensions([{ extensionType: 0xf123, extensionData: NONCE }])],
  },
  {
    rule: "§11.1: required_capabilities is well-formed",
    code: "malformed",
    proposals: () => [contextExtensions([{ extensionType: 3, extensionData: NONCE.slice(0, 2) }])],
  },
  {
    rule: "§12.1.8.1: external_senders is well-formed",
    code: "malformed",
    proposals: () => [contextExtensions([{ extensionType: 5, extensionData: Uint8Array.of(9) }])],
  },
  {
    rule: "§13.4: a list of extensions has one of each type",
    code: "malformed",
    proposals: () => {
      const twice = { extensionType: 0xf123, extensionData: NONCE };
      return [contextExtensions([twice, twice])];
    },
  },
  {
    rule: "§12.2: no Remove of the committer",
    code: "mls/invalid-proposal-list",
    proposals: () => [{ kind: "remove", removed: 0 }],
  },
  {
    rule: "§12.2: no two Removes of one leaf",
    code: "mls/invalid-proposal-list",
    proposals: () => [{ kind: "remove", removed: 2 }, { kind: "remove", removed: 2 }],
  },
  {
    rule: "§12.2: no two Adds of one client",
    code: "mls/invalid-proposal-list",
    text: /two Adds of one client/,
    proposals: async () => {
      const identity = dave();
      return [addOf(await keyPackageOf(identity)), addOf(await keyPackageOf(identity))];
    },
  },
  {
    rule: "§12.2: no PreSharedKeyID twice",
    code: "mls/invalid-proposal-list",
    proposals: () => [{ kind: "psk", psk: external(1) }, { kind: "psk", psk: external(1) }],
  },
  {
    rule: "§8.4: at most 256 pre-shared keys, far from the uint16 that counts them",
    code: "mls/invalid-proposal-list",
    text: /more than 256/,
    proposals: () =>
      Array.from({ length: 257 }, (_, index): Proposal => ({
        kind: "psk",
        psk: { kind: "external", pskId: Uint8Array.of(index >> 8, index), pskNonce: NONCE },
      })),
  },
  {
    rule: "§12.2: no two GroupContextExtensions",
    code: "mls/invalid-proposal-list",
    proposals: () => [contextExtensions([]), contextExtensions([])],
  },
  {
    rule: "§12.2: no ReInit with another proposal",
    code: "mls/invalid-proposal-list",
    proposals: () => [reinit(1), { kind: "psk", psk: external(1) }],
  },
  {
    rule: "§12.2: no ExternalInit in a regular commit",
    code: "mls/invalid-proposal-list",
    proposals: () => [{ kind: "external-init", kemOutput: NONCE }],
  },
  {
    rule: "draft-ietf-mls-extensions §5.3: no SelfRemove by value",
    code: "mls/invalid-proposal-list",
    text: /a SelfRemove by value/,
    proposals: () => [{ kind: "self-remove" }],
  },
];

for (const { rule, code, text, proposals } of RULES) {
  Deno.test(`processMessage() and createCommit() hold RFC 9420 ${rule}`, async () => {
    const world = await createWorld();
    const list = await proposals(world);
    const byValue = list.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal }));
    const bytes = forgeCommit(world.alice, { proposals: byValue, path: undefined });
    const expected = { code, ...(text ? { message: text } : {}) };
    await assert.rejects(processMessage(world.bob, bytes, acceptAll), expected);
    // The committer must not fork itself off: it refuses what the receivers would. What it could
    // not even decode, it never gets as far as to make.
    if (code !== "malformed") {
      const options = { ...commitOptions, proposals: list };
      await assert.rejects(createCommit(world.alice, options), { code });
    }
  });
}

Deno.test("processMessage() accepts what the rules' forged commits are made from", async () => {
  const { alice, bob } = await createWorld();
  const own = await forgeKeyPackage(dave(), {});
  const commit = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
  await receive(bob, commit.commit, "commit-staged");
});

Deno.test("a member is added again where its leaf is removed (RFC 9420 §12.2)", async () => {
  const { alice, bob, carol } = await createWorld();
  const publicKey = (await ownLeaf(carol)).signatureKey as Uint8Array<ArrayBuffer>;
  const privateKey = carol.ownKeys.signaturePrivateKey;
  const own = await keyPackageOf({ ...dave(), signatureKeyPair: { publicKey, privateKey } });
  const proposals = [{ kind: "remove", removed: carol.ownLeafIndex } as const, addOf(own)];
  const commit = await createCommit(alice, { ...commitOptions, proposals });
  const { staged } = await receive(bob, commit.commit, "commit-staged");
  assert.deepEqual(staged.summary.added.map(({ leafIndex }) => leafIndex), [carol.ownLeafIndex]);
});

Deno.test("a leaf lacks what required_capabilities ask (RFC 9420 §7.3, §11.1)", async () => {
  const required = requiring({ ...NOTHING, extensionTypes: [0xf123], proposalTypes: [0xf124] });
  const able = (name: string): Identity =>
    identityOf(name, { extensionTypes: [0xf123], proposals: [0xf124] });
  const group = await createGroup(CRYPTO, {
    identity: able("alice"),
    lifetime: LIFETIME,
    random,
    extensions: [required],
  });
  const refused = createCommit(group, {
    ...commitOptions,
    proposals: [addOf(await keyPackageOf(dave()))],
  });
  await assert.rejects(refused, { code: "mls/invalid-leaf-node" });
  const accepted = await createCommit(group, {
    ...commitOptions,
    proposals: [addOf(await keyPackageOf(able("dave")))],
  });
  assert(accepted.welcome !== undefined);
  const poor = createGroup(CRYPTO, {
    identity: dave(),
    lifetime: LIFETIME,
    random,
    extensions: [required],
  });
  await assert.rejects(poor, { code: "mls/invalid-leaf-node" });
});

Deno.test("GroupContextExtensions count for the Adds of the same commit (RFC 9420 §12.3)", async () => {
  const { alice, bob } = await createWorld();
  const list = [
    contextExtensions([requiring({ ...NOTHING, proposalTypes: [10] })]),
    addOf(await keyPackageOf(without(dave(), "proposals"))),
  ];
  const byValue = list.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal }));
  const bytes = forgeCommit(alice, { proposals: byValue, path: undefined });
  await assert.rejects(processMessage(bob, bytes, acceptAll), { code: "mls/invalid-proposal" });
});
