import type { Random } from "@qpq/ports";
import type { Bytes, CipherSuite } from "../crypto/provider.ts";
import { confirmationTag, epochFromEpochSecret } from "../keys/key-schedule.ts";
import { interimTranscriptHash } from "../keys/transcript-hashes.ts";
import { treeHash } from "../tree/hashes.ts";
import { memberRequirements, validateLeaf, validateSupport } from "../tree/leaf-validation.ts";
import { oneLeafTree } from "../tree/ratchet-tree.ts";
import type { Extension } from "../wire/extension.ts";
import type { GroupContext } from "../wire/group-info.ts";
import { PROTOCOL_VERSION } from "../wire/key-package.ts";
import type { Lifetime } from "../wire/leaf-node.ts";
import { findExternalSenders } from "../wire/proposal.ts";
import { type Identity, leafOf } from "./identity.ts";
import { stateOfEpoch } from "./next-epoch.ts";
import type { GroupState } from "./state.ts";

/**
 * A group of one (RFC 9420 §11). Others are added by commits.
 * @param options.groupId default: `hashLength` random bytes
 * @param options.lifetime of the creator's leaf, which stands like one from a KeyPackage
 * @throws MessengerError `mls/invalid-leaf-node` when the creator lacks what `extensions` require
 */
export async function createGroup(
  crypto: CipherSuite,
  options: {
    readonly identity: Identity;
    readonly lifetime: Lifetime;
    readonly random: Random;
    readonly groupId?: Uint8Array;
    readonly extensions?: readonly Extension[];
  },
): Promise<GroupState> {
  const { identity, random } = options;
  const extensions = options.extensions ?? [];
  const groupId = options.groupId?.slice() ?? random.bytes(crypto.hashLength);
  const encryptionKeyPair = await crypto.generateHpkeKeyPair(random);
  using refused = new DisposableStack();
  refused.defer(() => crypto.destroyKey(encryptionKeyPair.privateKey));
  const leaf = leafOf(crypto, identity, {
    encryptionKey: encryptionKeyPair.publicKey,
    lifetime: options.lifetime,
  });
  validateLeaf(crypto, leaf, { groupId: undefined, leafIndex: undefined, source: "key-package" });
  validateSupport(leaf, memberRequirements({ groupId, extensions }));
  findExternalSenders(extensions);
  refused.move();
  const tree = oneLeafTree(leaf);
  const context: GroupContext = {
    version: PROTOCOL_VERSION,
    cipherSuite: crypto.id,
    groupId,
    epoch: 0n,
    treeHash: treeHash(crypto, tree),
    confirmedTranscriptHash: new Uint8Array(),
    extensions,
  };
  const epoch = epochFromEpochSecret(crypto, random.bytes(crypto.hashLength));
  const tag = confirmationTag(crypto, epoch.secrets, context.confirmedTranscriptHash);
  return stateOfEpoch(crypto, {
    context,
    tree,
    ownLeafIndex: 0,
    ownKeys: {
      signaturePrivateKey: identity.signatureKeyPair.privateKey,
      encryption: new Map<number, Bytes>([[0, encryptionKeyPair.privateKey]]),
    },
    epoch,
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHash(crypto, context.confirmedTranscriptHash, tag),
    reinit: undefined,
  });
}
