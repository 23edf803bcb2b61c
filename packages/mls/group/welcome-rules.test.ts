import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { pskSecret } from "../keys/key-schedule.ts";
import { flipped } from "../test/forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, random } from "../test/members.ts";
import { treeHash } from "../tree/hashes.ts";
import { leafAt, type RatchetTree, TreeEditor } from "../tree/ratchet-tree.ts";
import { decodeMessage, encodeMessage } from "../wire/framing.ts";
import type { ResumptionPskId } from "../wire/proposal.ts";
import { createCommit } from "./create-commit.ts";
import { createWelcome, ratchetTree } from "./group-info.ts";
import type { OwnKeyPackage } from "./identity.ts";
import { joinGroup, type JoinOptions } from "./join.ts";
import { deriveEpoch } from "./next-epoch.ts";
import type { GroupState } from "./state.ts";

/** RFC 9420 §12.4.3.1: what a joiner must check, against a committer who may do anything. */

type WelcomeParts = Parameters<typeof createWelcome>[1];

interface World {
  readonly alice: GroupState;
  readonly bob: GroupState;
  readonly keyPackage: OwnKeyPackage;
}

/** A Welcome for one joiner with its parts changed: what a malicious committer can send. */
async function forgeWelcome(
  { alice, keyPackage }: World,
  change: (parts: WelcomeParts) => WelcomeParts = (parts) => parts,
  changeTree: (tree: RatchetTree) => RatchetTree = (tree) => tree,
): Promise<Uint8Array> {
  const editor = new TreeEditor(await alice.tree.load());
  const leafIndex = editor.addLeaf(keyPackage.keyPackage.leafNode);
  const tree = changeTree(editor.finish());
  const keys = deriveEpoch(CRYPTO, {
    provisionalContext: {
      ...alice.context,
      epoch: alice.context.epoch + 1n,
      treeHash: treeHash(CRYPTO, tree),
    },
    interimTranscriptHash: alice.interimTranscriptHash,
    initSecret: alice.secrets.initSecret,
    commitSecret: undefined,
    psks: [],
    wireFormat: "public-message",
    content: {
      groupId: alice.context.groupId,
      epoch: alice.context.epoch,
      sender: { kind: "member", leafIndex: 0 },
      authenticatedData: EMPTY,
      content: { kind: "commit", commit: { proposals: [], path: undefined } },
    },
    signature: EMPTY,
  });
  return await createWelcome(
    CRYPTO,
    change({
      keys,
      tree,
      committerIndex: 0,
      signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
      path: undefined,
      added: [{
        leafIndex,
        leafNode: keyPackage.keyPackage.leafNode,
        keyPackage: keyPackage.keyPackage,
      }],
      psks: [],
      ratchetTreeInside: true,
      extensions: [],
      random,
    }),
  );
}

const EMPTY = new Uint8Array();
const PSK: ResumptionPskId = {
  kind: "resumption",
  usage: "branch",
  pskGroupId: Uint8Array.of(9),
  pskEpoch: 3n,
  pskNonce: new Uint8Array(32),
};

/** A path with one secret, at one node. */
function pathAt(node: number): WelcomeParts["path"] {
  const pathSecret = random.bytes(CRYPTO.hashLength);
  return { nodes: [{ node, copathChild: 0, pathSecret }] } as unknown as WelcomeParts["path"];
}

async function createWorld(): Promise<World> {
  // Without parent nodes: a leaf can be changed without a parent hash that no longer fits.
  const [alice, bob] = await createMembers(2, { path: "when-needed" }) as [GroupState, GroupState];
  return { alice, bob, keyPackage: await keyPackageOf(identityOf("carol")) };
}

const withContext = (
  parts: WelcomeParts,
  change: Partial<GroupState["context"]>,
): WelcomeParts => ({
  ...parts,
  keys: { ...parts.keys, context: { ...parts.keys.context, ...change } },
});

/** The tree with the leaf of member 1 changed. */
const withLeafOne = (
  tree: RatchetTree,
  change: (leaf: NonNullable<ReturnType<typeof leafAt>>) => ReturnType<typeof leafAt>,
): RatchetTree => {
  const editor = new TreeEditor(tree);
  const leaf = leafAt(tree, 1);
  assert(leaf !== undefined);
  const changed = change(leaf);
  if (changed === undefined) editor.removeLeaf(1);
  else editor.setLeaf(1, changed);
  return editor.finish();
};

const RULES: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  /** Where several rules share the code. */
  readonly text?: RegExp;
  readonly welcome: (world: World) => Promise<Uint8Array>;
  readonly options?: (world: World) => Partial<JoinOptions> | Promise<Partial<JoinOptions>>;
}[] = [
  {
    rule: "an entry is for one of this client's KeyPackages",
    code: "mls/invalid-welcome",
    welcome: (world) => forgeWelcome(world),
    options: async () => ({ keyPackages: [await keyPackageOf(identityOf("eve"))] }),
  },
  {
    rule: "the secrets decrypt",
    code: "mls/invalid-welcome",
    welcome: async (world) => {
      const decoded = decodeMessage(await forgeWelcome(world));
      assert(decoded.kind === "welcome");
      const secrets = decoded.welcome.secrets.map((each) => ({
        ...each,
        encryptedGroupSecrets: {
          ...each.encryptedGroupSecrets,
          ciphertext: flipped(each.encryptedGroupSecrets.ciphertext),
        },
      }));
      return encodeMessage({ ...decoded, welcome: { ...decoded.welcome, secrets } });
    },
  },
  {
    rule: "the cipher suite is the KeyPackage's",
    code: "mls/invalid-welcome",
    welcome: async (world) => {
      const decoded = decodeMessage(await forgeWelcome(world));
      assert(decoded.kind === "welcome");
      return encodeMessage({ ...decoded, welcome: { ...decoded.welcome, cipherSuite: 2 } });
    },
  },
  {
    rule: "the cipher suite of the GroupInfo is the KeyPackage's",
    code: "mls/invalid-welcome",
    welcome: (world) => forgeWelcome(world, (parts) => withContext(parts, { cipherSuite: 3 })),
  },
  {
    rule: "the group info decrypts",
    code: "mls/invalid-welcome",
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({
        ...parts,
        keys: { ...parts.keys, pskSecret: CRYPTO.hash(EMPTY) },
      })),
  },
  {
    rule: "pre-shared keys are held",
    code: "mls/missing-psk",
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({ ...parts, psks: [{ ...PSK, usage: "application" }] })),
  },
  {
    rule: "at most one resumption key follows another group",
    code: "mls/invalid-welcome",
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({ ...parts, psks: [PSK, { ...PSK, usage: "reinit" }] })),
  },
  {
    rule: "the signature of the GroupInfo is its signer's",
    code: "mls/invalid-signature",
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({
        ...parts,
        signaturePrivateKey: world.keyPackage.signaturePrivateKey,
      })),
  },
  {
    rule: "the signer is in the tree",
    code: "mls/invalid-group-info",
    welcome: (world) => forgeWelcome(world, (parts) => ({ ...parts, committerIndex: 3 })),
  },
  {
    rule: "the epoch can still be counted on",
    code: "mls/invalid-group-info",
    text: /its epoch is above/,
    welcome: (world) =>
      forgeWelcome(world, (parts) => withContext(parts, { epoch: 2n ** 64n - 1n })),
  },
  {
    rule: "the group is not known already",
    code: "mls/invalid-welcome",
    welcome: (world) => forgeWelcome(world),
    options: () => ({ isKnownGroup: () => true }),
  },
  {
    rule: "there is a tree",
    code: "mls/missing-tree",
    welcome: (world) => forgeWelcome(world, (parts) => ({ ...parts, ratchetTreeInside: false })),
  },
  {
    rule: "the tree has the hash of the context",
    code: "mls/invalid-tree",
    welcome: (world) => forgeWelcome(world, (parts) => ({ ...parts, ratchetTreeInside: false })),
    options: async ({ alice }) => ({ ratchetTree: await ratchetTree(alice) }),
  },
  {
    rule: "parent hashes are valid",
    code: "mls/invalid-tree",
    welcome: async (world) => {
      const { publicKey } = await CRYPTO.generateHpkeKeyPair(random);
      return forgeWelcome(world, undefined, (tree) => {
        const editor = new TreeEditor(tree);
        editor.setParent(1, { encryptionKey: publicKey, parentHash: EMPTY, unmergedLeaves: [] });
        return editor.finish();
      });
    },
  },
  {
    rule: "unmerged leaves are members below their node",
    code: "mls/invalid-tree",
    welcome: async (world) => {
      const { publicKey } = await CRYPTO.generateHpkeKeyPair(random);
      return forgeWelcome(world, undefined, (tree) => {
        const editor = new TreeEditor(tree);
        editor.setParent(1, { encryptionKey: publicKey, parentHash: EMPTY, unmergedLeaves: [2] });
        return editor.finish();
      });
    },
  },
  {
    rule: "every leaf is signed",
    code: "mls/invalid-signature",
    welcome: (world) =>
      forgeWelcome(
        world,
        undefined,
        (tree) => withLeafOne(tree, (leaf) => ({ ...leaf, signature: flipped(leaf.signature) })),
      ),
  },
  {
    rule: "encryption keys are unique in the tree",
    code: "mls/invalid-tree",
    welcome: ({ keyPackage, ...world }) =>
      forgeWelcome({ keyPackage, ...world }, undefined, (tree) => {
        const { encryptionKey } = keyPackage.keyPackage.leafNode;
        return withLeafOne(tree, (leaf) => ({ ...leaf, encryptionKey }));
      }),
  },
  {
    rule: "the tree has the leaf of the KeyPackage",
    code: "mls/invalid-welcome",
    welcome: (world) =>
      forgeWelcome(world, undefined, (tree) => {
        const editor = new TreeEditor(tree);
        editor.removeLeaf(2);
        editor.truncate();
        return editor.finish();
      }),
  },
  {
    rule: "the confirmation tag fits",
    code: "mls/wrong-confirmation-tag",
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({
        ...parts,
        keys: { ...parts.keys, confirmationTag: CRYPTO.hash(EMPTY) },
      })),
  },
  {
    rule: "a path secret is for a node that is not blank",
    code: "mls/invalid-welcome",
    text: /for a blank node/,
    welcome: (world) => forgeWelcome(world, (parts) => ({ ...parts, path: pathAt(3) })),
  },
  {
    rule: "a path secret comes from another member",
    code: "mls/invalid-welcome",
    text: /its signer is the joiner/,
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({
        ...parts,
        path: pathAt(4),
        committerIndex: 2,
        signaturePrivateKey: world.keyPackage.signaturePrivateKey,
      })),
  },
  {
    rule: "the message is a Welcome",
    code: "mls/invalid-welcome",
    text: /it is not one/,
    welcome: ({ keyPackage }) => Promise.resolve(keyPackage.message),
  },
  {
    rule: "the joiner supports the extensions of the context (§13.4)",
    code: "mls/invalid-leaf-node",
    welcome: (world) =>
      forgeWelcome(
        world,
        (parts) =>
          withContext(parts, { extensions: [{ extensionType: 0xf1, extensionData: EMPTY }] }),
      ),
  },
  {
    rule: "a branch is expected by the joiner (§11.3)",
    code: "mls/invalid-welcome",
    text: /was not expected/,
    welcome: (world) =>
      forgeWelcome(world, (parts) => ({
        ...parts,
        psks: [PSK],
        keys: { ...parts.keys, pskSecret: pskSecret(CRYPTO, [{ id: PSK, psk: EMPTY }]) },
      })),
    options: () => ({ findPsks: () => Promise.resolve([EMPTY]) }),
  },
  {
    rule: "the authentication service accepts the members (§5.3.1)",
    code: "mls/credential-refused",
    welcome: (world) => forgeWelcome(world),
    options: () => ({ authenticate: (entering) => Promise.resolve(entering.map(() => false)) }),
  },
];

for (const { rule, code, text, welcome, options } of RULES) {
  Deno.test(`joinGroup() holds RFC 9420 §12.4.3.1: ${rule}`, async () => {
    const world = await createWorld();
    const joined = joinGroup(CRYPTO, await welcome(world), {
      ...acceptAll,
      keyPackages: [world.keyPackage],
      ...await options?.(world),
    });
    await assert.rejects(joined, { code, ...(text ? { message: text } : {}) });
  });
}

Deno.test("joinGroup() accepts the Welcome that the rules' forgeries change", async () => {
  const world = await createWorld();
  const options = { ...acceptAll, keyPackages: [world.keyPackage] };
  const { state } = await joinGroup(CRYPTO, await forgeWelcome(world), options);
  assert.equal(state.ownLeafIndex, 2);
});

Deno.test("joinGroup() takes the tree beside the Welcome", async () => {
  const { alice, keyPackage } = await createWorld();
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [addOf(keyPackage)],
    ratchetTreeInWelcome: false,
  });
  const { state } = await joinGroup(CRYPTO, commit.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [keyPackage],
    ratchetTree: await ratchetTree(commit.staged.next),
  });
  assert.deepEqual(state.context, commit.staged.next.context);
});

Deno.test("joinGroup() refuses a path secret that gives another key (§12.4.3.1)", async () => {
  const { alice, keyPackage } = await createWorld();
  const commit = await createCommit(alice, { ...commitOptions, proposals: [addOf(keyPackage)] });
  const welcome = commit.welcome as Uint8Array;
  const derive = CRYPTO.deriveKeyPair;
  const crypto = Object.create(CRYPTO, {
    deriveKeyPair: { value: () => derive.call(CRYPTO, random.bytes(32)) },
  });
  // The joiner derives other keys than the tree has, as with a wrong path secret.
  const joined = joinGroup(crypto, welcome, { ...acceptAll, keyPackages: [keyPackage] });
  await assert.rejects(joined, { code: "mls/invalid-commit" });
});

Deno.test("joinGroup() refuses a Welcome without the key of a node above the joiner", async () => {
  const { alice, keyPackage } = await createWorld();
  // A committer that makes a path, but keeps its secret from the joiner.
  const dave = await keyPackageOf(identityOf("dave"));
  const first = await createCommit(alice, { ...commitOptions, proposals: [addOf(dave)] });
  const crypto = Object.create(CRYPTO, {
    hpkeSeal: {
      value: (...[publicKey, sealed]: Parameters<typeof CRYPTO.hpkeSeal>) => {
        const isWelcome = Object.is(publicKey, keyPackage.keyPackage.initKey);
        if (!isWelcome) return CRYPTO.hpkeSeal(publicKey, sealed);
        // joiner_secret<V>, optional path_secret: present, psks<V>: empty.
        const [length] = sealed.plaintext;
        const plaintext = Uint8Array.of(
          ...sealed.plaintext.slice(0, 1 + (length as number)),
          0,
          0,
        );
        return CRYPTO.hpkeSeal(publicKey, { ...sealed, plaintext });
      },
    },
  });
  const next = { ...first.staged.next, crypto };
  const commit = await createCommit(next, { ...commitOptions, proposals: [addOf(keyPackage)] });
  const joined = joinGroup(CRYPTO, commit.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [keyPackage],
  });
  await assert.rejects(joined, { code: "mls/invalid-welcome" });
});
