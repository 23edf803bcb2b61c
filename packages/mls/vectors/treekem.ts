import assert from "node:assert/strict";
import type { Bytes, CipherSuite, CryptoProvider } from "../crypto/provider.ts";
import {
  createPath,
  derivePath,
  encryptPath,
  mergePath,
  openPath,
  type PrivateKeys,
} from "../keys/treekem.ts";
import { treeHash } from "../tree/hashes.ts";
import { commonAncestor, nodeOfLeaf } from "../tree/math.ts";
import { filteredDirectPath, leafAt, parentAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { validateParentHashes } from "../tree/validation.ts";
import { type UpdatePath, updatePath } from "../wire/commit.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { assertBytes, type Entry, padded } from "./entry.ts";
import { decodeWhole } from "./messages.ts";
import { seededRandom } from "./seeded-random.ts";
import { treeOf } from "./trees.ts";

const random = seededRandom("vectors/treekem");
const NONE: ReadonlySet<number> = new Set();

/** A member whose private keys the vector tells. */
interface Member {
  readonly leafIndex: number;
  readonly signaturePrivateKey: Bytes;
  readonly privateKeys: PrivateKeys;
}

export async function checkTreeKem(entry: Entry, provider: CryptoProvider): Promise<void> {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const tree = treeOf(entry.hex("ratchet_tree"));
  const members = await Promise.all(
    entry.objects("leaves_private").map((each) => memberOf(crypto, tree, each)),
  );
  const contextOf = (after: RatchetTree): GroupContext => ({
    version: 1,
    cipherSuite: crypto.id,
    groupId: entry.hex("group_id"),
    epoch: BigInt(entry.number("epoch")),
    treeHash: treeHash(crypto, after),
    confirmedTranscriptHash: entry.hex("confirmed_transcript_hash"),
    extensions: [],
  });

  for (const update of entry.objects("update_paths")) {
    const sender = update.number("sender");
    const path = decodeWhole(updatePath, update.hex("update_path"));
    const after = mergePath(crypto, tree, { leafIndex: sender, path, added: NONE });
    assertBytes(treeHash(crypto, after), update.hex("tree_hash_after"), "tree_hash_after");
    validateParentHashes(crypto, after);
    const context = contextOf(after);
    for (const member of members) {
      const { leafIndex } = member;
      if (leafIndex === sender) continue;
      const opened = await openPath(crypto, tree, received(member, { sender, path, context }));
      assertBytes(opened.commitSecret, update.hex("commit_secret"), "commit_secret");
      const expected = update.list("path_secrets")[leafIndex];
      assert.ok(typeof expected === "string", "each other member has a path secret");
      // The secrets above follow from this one, and the commit secret from the last of them.
      const lowest = lowestNode(tree, { sender, leafIndex, path });
      const derived = await derivePath(crypto, Uint8Array.fromHex(expected), { nodes: [lowest] });
      assert.deepEqual(
        derived.privateKeys.get(lowest.node),
        opened.privateKeys.get(lowest.node),
        "path_secrets",
      );
    }
  }
  // One is enough: the published paths cover every sender.
  const [member] = members;
  if (member !== undefined) await checkOwnPath(crypto, tree, { member, members, contextOf });
}

/** A path of our own making: every other member must come to the same commit secret. */
async function checkOwnPath(
  crypto: CipherSuite,
  tree: RatchetTree,
  made: {
    readonly member: Member;
    readonly members: readonly Member[];
    readonly contextOf: (after: RatchetTree) => GroupContext;
  },
): Promise<void> {
  const sender = made.member.leafIndex;
  const leaf = leafAt(tree, sender);
  assert.ok(leaf !== undefined);
  const groupId = made.contextOf(tree).groupId;
  const { signaturePrivateKey } = made.member;
  const created = await createPath(crypto, tree, {
    leafIndex: sender,
    groupId,
    leaf,
    signaturePrivateKey,
    random,
  });
  const context = made.contextOf(created.tree);
  const path = await encryptPath(crypto, tree, { path: created, context, added: NONE, random });
  const merged = mergePath(crypto, tree, { leafIndex: sender, path, added: NONE });
  assertBytes(treeHash(crypto, merged), context.treeHash, "own path: tree hash");
  for (const member of made.members) {
    if (member.leafIndex === sender) continue;
    const opened = await openPath(crypto, tree, received(member, { sender, path, context }));
    assertBytes(opened.commitSecret, created.commitSecret, "own path: commit_secret");
  }
}

function received(
  member: Member,
  sent: { readonly sender: number; readonly path: UpdatePath; readonly context: GroupContext },
): Parameters<typeof openPath>[2] {
  return {
    path: sent.path,
    senderLeafIndex: sent.sender,
    ownLeafIndex: member.leafIndex,
    privateKeys: member.privateKeys,
    context: sent.context,
    added: NONE,
  };
}

async function memberOf(crypto: CipherSuite, tree: RatchetTree, each: Entry): Promise<Member> {
  const leafIndex = each.number("index");
  const privateKeys = new Map([[nodeOfLeaf(leafIndex), each.hex("encryption_priv")]]);
  for (const secret of each.objects("path_secrets")) {
    const node = secret.number("node");
    const publicKey = parentAt(tree, node)?.encryptionKey;
    assert.ok(publicKey !== undefined, "a path secret belongs to a node that is not blank");
    const derived = await derivePath(crypto, secret.hex("path_secret"), {
      nodes: [{ node, publicKey }],
    });
    for (const [at, key] of derived.privateKeys) privateKeys.set(at, key as Bytes);
  }
  const length = crypto.signaturePrivateKeyLength;
  const signaturePrivateKey = padded(each.hex("signature_priv"), length);
  return { leafIndex, signaturePrivateKey, privateKeys };
}

/** The common ancestor of sender and member, with its key in the path. */
function lowestNode(
  tree: RatchetTree,
  at: { readonly sender: number; readonly leafIndex: number; readonly path: UpdatePath },
): { readonly node: number; readonly publicKey: Uint8Array } {
  const ancestor = commonAncestor(nodeOfLeaf(at.sender), nodeOfLeaf(at.leafIndex));
  const step = filteredDirectPath(tree, at.sender).findIndex(({ node }) => node === ancestor);
  const publicKey = at.path.nodes[step]?.encryptionKey;
  assert.ok(publicKey !== undefined, "the path has a key for the common ancestor");
  return { node: ancestor, publicKey };
}
