import { MessengerError } from "@qpq/ports";
import { decodeExact, encode } from "../codec/codec.ts";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { type PausingValidation, validateGroupInfoPausing } from "../group-info.ts";
import { type GroupSecrets, groupSecrets } from "../keys/group-secrets.ts";
import {
  epochFromJoinerSecret,
  isConfirmationTag,
  pskSecret,
  welcomeKeyAndNonce,
  welcomeSecret,
  wipeNewEpoch,
} from "../keys/key-schedule.ts";
import { interimTranscriptHash } from "../keys/transcript-hashes.ts";
import { derivePath } from "../keys/treekem.ts";
import { decryptPrepared, prepareEncryption } from "../labels.ts";
import { pauseAfter, runSlicesPausing, type Slices } from "../slices.ts";
import { commonAncestor, directPath, nodeOfLeaf } from "../tree/math.ts";
import { filteredDirectPath, membersOf, parentAt, type RatchetTree } from "../tree/ratchet-tree.ts";
import { sameBytes } from "../tree/validation.ts";
import { messageDecoding } from "../wire/framing.ts";
import { type GroupInfo, groupInfo as groupInfoCodec } from "../wire/group-info.ts";
import type { Welcome } from "../wire/group-info.ts";
import { leafNode as leafNodeCodec } from "../wire/leaf-node.ts";
import { MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import type { OwnKeyPackage } from "./identity.ts";
import { stateOfEpoch } from "./next-epoch.ts";
import {
  type Authenticate,
  authenticateAll,
  enteringExternalSenders,
  enteringLeaf,
  type FindPsks,
  lookUpPsks,
} from "./outcome.ts";
import type { GroupState } from "./state.ts";
import { type Predecessor, validateSuccession } from "./succession.ts";

const EMPTY = new Uint8Array();

/** What a joiner has, and whom it asks. */
export interface JoinOptions extends PausingValidation {
  /** Those that the Welcome may be for. */
  readonly keyPackages: readonly OwnKeyPackage[];
  readonly authenticate: Authenticate;
  readonly findPsks?: FindPsks;
  /** Whether this client is in a group of that id already (RFC 9420 §12.4.3.1). */
  readonly isKnownGroup?: (groupId: Uint8Array) => boolean;
  /** The group that this one follows, if it is expected to (RFC 9420 §11.2, §11.3). */
  readonly predecessor?: Predecessor;
}

/** A group that was joined. */
export interface Joined {
  readonly state: GroupState;
  /** `retireKeyPackage` it once the state is stored, unless it is a last resort. */
  readonly keyPackage: OwnKeyPackage;
  readonly groupInfo: GroupInfo;
}

/**
 * Joins a group by a Welcome (RFC 9420 §12.4.3.1).
 * @param bytes an MLSMessage
 * @throws MessengerError `mls/invalid-welcome`, also when it is for another key package;
 *   `mls/missing-psk`, `mls/missing-tree`, `mls/credential-refused`, and those of GroupInfo and tree
 */
export async function joinGroup(
  crypto: CipherSuite,
  bytes: Uint8Array,
  options: JoinOptions,
): Promise<Joined> {
  const { pause } = options;
  const decoded = await runSlicesPausing(messageDecoding(bytes.slice()), pause);
  if (decoded.kind !== "welcome") refuse("it is not one");
  const { welcome } = decoded;
  if (welcome.cipherSuite !== crypto.id) refuse("it is for another cipher suite");
  const { keyPackage, secrets } = await openSecrets(crypto, welcome, options.keyPackages);
  await pauseAfter(bytes.length, pause);
  using used = new DisposableStack();
  used.defer(() => secrets.joinerSecret.fill(0));
  used.defer(() => secrets.pathSecret?.pathSecret.fill(0));
  const succession = validatePsks(secrets);
  const psks = await lookUpPsks(secrets.psks, {
    state: options.predecessor?.state,
    findPsks: options.findPsks,
  });
  const psk = pskSecret(crypto, psks);
  used.defer(() => psk.fill(0));
  const groupInfo = await runSlicesPausing(
    groupInfoOpening(crypto, welcome, { joinerSecret: secrets.joinerSecret, psk }),
    pause,
  );
  const { groupContext } = groupInfo;
  if (options.isKnownGroup?.(groupContext.groupId) === true) refuse("its group is known already");
  if (groupContext.cipherSuite !== keyPackage.keyPackage.cipherSuite) {
    refuse("its group has another cipher suite");
  }
  const tree = await validateGroupInfoPausing(crypto, groupInfo, options);
  const { leafNode: own } = keyPackage.keyPackage;
  const members = membersOf(tree);
  const ownLeaf = members.find(({ leafNode }) =>
    sameBytes(leafNode.signature, own.signature) &&
    sameBytes(encode(leafNodeCodec, leafNode), encode(leafNodeCodec, own))
  );
  if (ownLeaf === undefined) refuse("its tree has not this client's leaf");
  validateSuccession({ succession, groupInfo, tree, predecessor: options.predecessor });
  await authenticateAll(options.authenticate, [
    ...members.filter((member) => member !== ownLeaf)
      .flatMap(({ leafNode }) => enteringLeaf(leafNode, undefined)),
    ...enteringExternalSenders([], groupContext.extensions),
  ]);

  const epoch = epochFromJoinerSecret(crypto, {
    joinerSecret: secrets.joinerSecret,
    pskSecret: psk,
    context: groupContext,
  });
  using refused = new DisposableStack();
  refused.defer(() => wipeNewEpoch(epoch));
  const isConfirmed = isConfirmationTag(crypto, epoch.secrets, {
    confirmedTranscriptHash: groupContext.confirmedTranscriptHash,
    tag: groupInfo.confirmationTag,
  });
  if (!isConfirmed) {
    throw new MessengerError(
      "mls/wrong-confirmation-tag",
      "Cannot accept welcome: it leads to other keys than it confirms",
    );
  }
  const encryption = await privateKeysOf(crypto, tree, {
    ownLeafIndex: ownLeaf.leafIndex,
    signer: groupInfo.signer,
    pathSecret: secrets.pathSecret?.pathSecret,
    encryptionPrivateKey: keyPackage.encryptionPrivateKey,
  });
  refused.move();
  const state = stateOfEpoch(crypto, {
    context: groupContext,
    tree,
    ownLeafIndex: ownLeaf.leafIndex,
    ownKeys: { signaturePrivateKey: keyPackage.signaturePrivateKey, encryption },
    epoch,
    confirmationTag: groupInfo.confirmationTag,
    interimTranscriptHash: interimTranscriptHash(
      crypto,
      groupContext.confirmedTranscriptHash,
      groupInfo.confirmationTag,
    ),
    reinit: undefined,
  });
  return { state, keyPackage, groupInfo };
}

/** Overwrites the private keys of a KeyPackage that was used, or has expired (RFC 9420 §10). */
export function retireKeyPackage(crypto: CipherSuite, own: OwnKeyPackage): void {
  crypto.destroyKey(own.initPrivateKey);
  crypto.destroyKey(own.encryptionPrivateKey);
}

async function openSecrets(
  crypto: CipherSuite,
  welcome: Welcome,
  keyPackages: readonly OwnKeyPackage[],
): Promise<{ readonly keyPackage: OwnKeyPackage; readonly secrets: GroupSecrets }> {
  for (const keyPackage of keyPackages) {
    const entry = welcome.secrets.find(({ newMember }) =>
      sameBytes(newMember, keyPackage.reference)
    );
    if (entry === undefined) continue;
    const plaintext = await decryptPrepared(crypto, keyPackage.initPrivateKey, {
      info: prepareEncryption(crypto, "Welcome", welcome.encryptedGroupInfo),
      ...entry.encryptedGroupSecrets,
    });
    if (plaintext === undefined) refuse("its secrets do not decrypt");
    try {
      const secrets = decodeExact(groupSecrets, plaintext, { bytesMax: MESSAGE_BYTES_MAX });
      return { keyPackage, secrets };
    } finally {
      plaintext.fill(0);
    }
  }
  refuse("it is for other key packages");
}

/** At most one resumption key links the group to another (RFC 9420 §12.4.3.1). */
function validatePsks(secrets: GroupSecrets): "reinit" | "branch" | undefined {
  const links = secrets.psks.flatMap((id) =>
    id.kind === "resumption" && id.usage !== "application" ? [id.usage] : []
  );
  if (links.length > 1) refuse("it follows more than one group");
  return links[0];
}

function* groupInfoOpening(
  crypto: CipherSuite,
  welcome: Welcome,
  keys: { readonly joinerSecret: Uint8Array; readonly psk: Uint8Array },
): Slices<GroupInfo> {
  const secret = welcomeSecret(crypto, keys.joinerSecret, keys.psk);
  const { key, nonce } = welcomeKeyAndNonce(crypto, secret);
  using used = new DisposableStack();
  for (const each of [secret, key, nonce]) used.defer(() => each.fill(0));
  const plaintext = yield* crypto.aeadOpening({
    key,
    nonce,
    additionalData: EMPTY,
    text: welcome.encryptedGroupInfo,
  });
  if (plaintext === undefined) refuse("its group info does not decrypt");
  return decodeExact(groupInfoCodec, plaintext, { bytesMax: MESSAGE_BYTES_MAX });
}

/** The keys of the joiner's leaf, and of the ancestors that the committer gave it. */
async function privateKeysOf(
  crypto: CipherSuite,
  tree: RatchetTree,
  own: {
    readonly ownLeafIndex: number;
    readonly signer: number;
    readonly pathSecret: Bytes | undefined;
    readonly encryptionPrivateKey: Bytes;
  },
): Promise<ReadonlyMap<number, Bytes>> {
  const ownNode = nodeOfLeaf(own.ownLeafIndex);
  // A copy: a last-resort KeyPackage outlives this leaf.
  const keys = new Map<number, Bytes>([[ownNode, own.encryptionPrivateKey.slice()]]);
  using refused = new DisposableStack();
  refused.defer(() => keys.forEach((key) => crypto.destroyKey(key)));
  if (own.pathSecret !== undefined) {
    if (own.signer === own.ownLeafIndex) refuse("its signer is the joiner");
    const ancestor = commonAncestor(nodeOfLeaf(own.signer), ownNode);
    const path = filteredDirectPath(tree, own.signer);
    const nodes = path.slice(path.findIndex(({ node }) => node === ancestor)).map(({ node }) => {
      const publicKey = parentAt(tree, node)?.encryptionKey;
      if (publicKey === undefined) refuse("its path secret is for a blank node");
      return { node, publicKey };
    });
    const { commitSecret, privateKeys } = await derivePath(crypto, own.pathSecret, { nodes });
    commitSecret.fill(0);
    for (const [node, key] of privateKeys) keys.set(node, key);
  }
  // Where the joiner is merged it must hold the key: else a later path could not reach it.
  for (const node of directPath(ownNode, tree.leafCount)) {
    const parent = parentAt(tree, node);
    if (parent === undefined || parent.unmergedLeaves.includes(own.ownLeafIndex)) continue;
    if (!keys.has(node)) refuse("the key of a node above the joiner is missing");
  }
  refused.move();
  return keys;
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-welcome", `Cannot accept welcome: ${state}`);
}
