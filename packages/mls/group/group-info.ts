import type { Random } from "@qpq/ports";
import { encode, encoding } from "../codec/codec.ts";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { mapConcurrently } from "../keys/bounded.ts";
import { groupSecrets } from "../keys/group-secrets.ts";
import { externalKeyPair, welcomeKeyAndNonce, welcomeSecret } from "../keys/key-schedule.ts";
import type { NewPath } from "../keys/treekem.ts";
import {
  encryptPrepared,
  keyPackageReference,
  prepareEncryption,
  signWithLabel,
} from "../labels.ts";
import { type Pause, pauseAfter, runSlicesPausing, type Slices } from "../slices.ts";
import { commonAncestor, nodeOfLeaf } from "../tree/math.ts";
import { nodesOf, type RatchetTree } from "../tree/ratchet-tree.ts";
import { type Extension, externalPubExtension } from "../wire/extension.ts";
import { encodeMessage, messageEncoding } from "../wire/framing.ts";
import {
  type EncryptedGroupSecrets,
  type GroupInfo,
  groupInfo as groupInfoCodec,
  groupInfoToBeSigned,
  type UnsignedGroupInfo,
  type Welcome,
} from "../wire/group-info.ts";
import { keyPackage as keyPackageCodec } from "../wire/key-package.ts";
import type { PreSharedKeyId } from "../wire/proposal.ts";
import { ratchetTreeExtension, ratchetTreeNodes } from "../wire/ratchet-tree.ts";
import type { EpochKeys } from "./next-epoch.ts";
import type { AddedMember } from "./proposal-list.ts";
import { type GroupState, requireLive } from "./state.ts";

const EMPTY = new Uint8Array();
const NO_EXTENSIONS: readonly Extension[] = [];

/**
 * A GroupInfo of the state's epoch, signed by this member, as an MLSMessage (RFC 9420 §12.4.3). With
 * the external key in it, whoever has it can enter by an external commit.
 */
export async function createGroupInfo(
  state: GroupState,
  options: {
    /** Default true. False for a GroupInfo that only describes. */
    readonly externalPub?: boolean;
    /** Default true; else the tree goes beside it: `ratchetTree`. */
    readonly ratchetTree?: boolean;
    readonly extensions?: readonly Extension[];
    /** Called between two slices of the work for a large tree. Default: no pause. */
    readonly pause?: Pause;
  } = {},
): Promise<Bytes> {
  const { pause } = options;
  const extensions = [...options.extensions ?? NO_EXTENSIONS];
  let treeBytesCount = 0;
  if (options.ratchetTree ?? true) {
    const nodes = nodesOf(await state.tree.load());
    const extension = await runSlicesPausing(ratchetTreeExtension(nodes), pause);
    treeBytesCount = extension.extensionData.length;
    await pauseAfter(treeBytesCount, pause);
    extensions.push(extension);
  }
  if (options.externalPub ?? true) {
    const { publicKey, privateKey } = await externalKeyPair(state.crypto, state.secrets);
    state.crypto.destroyKey(privateKey);
    extensions.push(externalPubExtension(publicKey));
  }
  // Signed after the last wait: who retires a state while this goes on gets no key that everybody knows.
  requireLive(state);
  const groupInfo = signGroupInfo(state.crypto, {
    groupContext: state.context,
    extensions,
    confirmationTag: state.confirmationTag,
    signer: state.ownLeafIndex,
  }, state.ownKeys.signaturePrivateKey);
  await pauseAfter(treeBytesCount, pause);
  return encodeMessage({ kind: "group-info", groupInfo });
}

/** The tree to send beside a Welcome or GroupInfo (RFC 9420 §12.4.3.3). */
export async function ratchetTree(
  state: GroupState,
  options: { readonly pause?: Pause } = {},
): Promise<Bytes> {
  const nodes = nodesOf(await state.tree.load());
  return await runSlicesPausing(encoding(ratchetTreeNodes, nodes), options.pause);
}

function signGroupInfo(
  crypto: CipherSuite,
  unsigned: UnsignedGroupInfo,
  signaturePrivateKey: Uint8Array,
): GroupInfo {
  const signature = signWithLabel(crypto, signaturePrivateKey, {
    label: "GroupInfoTBS",
    content: groupInfoToBeSigned(unsigned),
  });
  return { ...unsigned, signature };
}

/**
 * One Welcome for all who were added, as an MLSMessage (RFC 9420 §12.4.3.1). HPKE's `info`, which
 * has the whole encrypted GroupInfo in it, is hashed once.
 */
export async function createWelcome(
  crypto: CipherSuite,
  options: {
    readonly keys: EpochKeys;
    readonly tree: RatchetTree;
    readonly committerIndex: number;
    readonly signaturePrivateKey: Uint8Array;
    readonly path: NewPath | undefined;
    readonly added: readonly AddedMember[];
    readonly psks: readonly PreSharedKeyId[];
    readonly ratchetTreeInside: boolean;
    readonly extensions: readonly Extension[];
    readonly random: Random;
    readonly pause?: Pause | undefined;
  },
): Promise<Bytes> {
  const { keys, path, committerIndex, random, pause } = options;
  const treeExtension = options.ratchetTreeInside
    ? [await runSlicesPausing(ratchetTreeExtension(nodesOf(options.tree)), pause)]
    : NO_EXTENSIONS;
  const groupInfo = signGroupInfo(crypto, {
    groupContext: keys.context,
    extensions: [...treeExtension, ...options.extensions],
    confirmationTag: keys.confirmationTag,
    signer: committerIndex,
  }, options.signaturePrivateKey);
  const text = encode(groupInfoCodec, groupInfo);
  await pauseAfter(text.length, pause);
  const encryptedGroupInfo = await runSlicesPausing(
    groupInfoEncryption(crypto, keys, text),
    pause,
  );
  await pauseAfter(text.length, pause);
  const info = prepareEncryption(crypto, "Welcome", encryptedGroupInfo);
  await pauseAfter(text.length, pause);
  const secrets = await mapConcurrently(
    options.added,
    async ({ leafIndex, keyPackage }): Promise<EncryptedGroupSecrets> => {
      const ancestor = commonAncestor(nodeOfLeaf(committerIndex), nodeOfLeaf(leafIndex));
      const pathSecret = path?.nodes.find(({ node }) => node === ancestor)?.pathSecret;
      const plaintext = encode(groupSecrets, {
        joinerSecret: keys.joinerSecret,
        pathSecret: pathSecret && { pathSecret },
        psks: options.psks,
      });
      const sealed = await encryptPrepared(crypto, keyPackage.initKey, { info, plaintext, random });
      plaintext.fill(0);
      return {
        newMember: keyPackageReference(crypto, encode(keyPackageCodec, keyPackage)),
        encryptedGroupSecrets: sealed,
      };
    },
    pause,
  );
  const welcome: Welcome = { cipherSuite: crypto.id, secrets, encryptedGroupInfo };
  return await runSlicesPausing(messageEncoding({ kind: "welcome", welcome }), pause);
}

function* groupInfoEncryption(
  crypto: CipherSuite,
  { joinerSecret, pskSecret }: EpochKeys,
  text: Uint8Array,
): Slices<Bytes> {
  const secret = welcomeSecret(crypto, joinerSecret, pskSecret);
  const { key, nonce } = welcomeKeyAndNonce(crypto, secret);
  using used = new DisposableStack();
  for (const each of [secret, key, nonce]) used.defer(() => each.fill(0));
  return yield* crypto.aeadSealing({ key, nonce, additionalData: EMPTY, text });
}
