import { MessengerError } from "@qpq/ports";
import type { CipherSuite } from "./crypto/provider.ts";
import { verifyWithLabel } from "./labels.ts";
import { leafAt, type RatchetTree, treeFromNodes } from "./tree/ratchet-tree.ts";
import { type Pause, runSlices, runSlicesPausing, type Slices } from "./slices.ts";
import { treeValidation } from "./tree/validation.ts";
import { EXTENSION_TYPE, findExtension } from "./wire/extension.ts";
import { type GroupInfo, groupInfoToBeSigned } from "./wire/group-info.ts";
import { EPOCH_MAX, LEAVES_COUNT_MAX } from "./wire/limits.ts";
import { findExternalSenders } from "./wire/proposal.ts";
import { ratchetTreeDecoding } from "./wire/ratchet-tree.ts";

/** How much of a GroupInfo is validated, and how it shares the thread. */
export interface GroupInfoValidation {
  /** The tree that came beside it; else it is inside. */
  readonly ratchetTree?: Uint8Array | undefined;
  /**
   * Leaves of the tree at most, blank ones too; default `LEAVES_COUNT_MAX`. The work is some 0.2 ms
   * for each member: who validates for strangers asks for as many as its groups may have.
   */
  readonly leavesCountMax?: number;
}

/** The same for a thread that has more to do. */
export interface PausingValidation extends GroupInfoValidation {
  /** Called between two slices of the work for a large tree. Default: no pause. */
  readonly pause?: Pause;
}

/**
 * A GroupInfo with its tree: signature, tree hash, parent hashes, every leaf (RFC 9420 §12.4.3,
 * §12.4.3.1). The credentials in the tree are for the caller's authentication service; the
 * confirmation tag only members can check.
 * @throws MessengerError `mls/missing-tree`, `mls/invalid-group-info`, `mls/invalid-tree`,
 *   `mls/invalid-leaf-node`, `mls/invalid-signature`, `malformed`
 */
export function validateGroupInfo(
  crypto: CipherSuite,
  groupInfo: GroupInfo,
  options: GroupInfoValidation = {},
): RatchetTree {
  return runSlices(groupInfoValidation(crypto, groupInfo, options));
}

/** `validateGroupInfo` with a pause between two slices of its work. */
export async function validateGroupInfoPausing(
  crypto: CipherSuite,
  groupInfo: GroupInfo,
  options: PausingValidation,
): Promise<RatchetTree> {
  return await runSlicesPausing(groupInfoValidation(crypto, groupInfo, options), options.pause);
}

function* groupInfoValidation(
  crypto: CipherSuite,
  groupInfo: GroupInfo,
  options: GroupInfoValidation,
): Slices<RatchetTree> {
  const { groupContext, signer } = groupInfo;
  if (groupContext.cipherSuite !== crypto.id) refuse("it is for another cipher suite");
  if (groupContext.epoch > EPOCH_MAX) refuse(`its epoch is above ${EPOCH_MAX}`);
  const encodedTree = options.ratchetTree ??
    findExtension(groupInfo.extensions, EXTENSION_TYPE.ratchetTree);
  const nodes = encodedTree && (yield* ratchetTreeDecoding(encodedTree));
  if (nodes === undefined) {
    throw new MessengerError("mls/missing-tree", "Cannot accept group: its tree is missing");
  }
  const leavesCountMax = options.leavesCountMax ?? LEAVES_COUNT_MAX;
  if (Math.ceil(nodes.length / 2) > leavesCountMax) {
    refuse(`its tree has more than ${leavesCountMax} leaves`);
  }
  const tree = treeFromNodes(nodes);
  const leaf = leafAt(tree, signer);
  if (leaf === undefined) refuse("its signer is not in the tree");
  const isSigned = verifyWithLabel(crypto, leaf.signatureKey, {
    label: "GroupInfoTBS",
    content: groupInfoToBeSigned(groupInfo),
    signature: groupInfo.signature,
  });
  if (!isSigned) {
    throw new MessengerError("mls/invalid-signature", "Cannot accept group: wrong signature");
  }
  findExternalSenders(groupContext.extensions);
  yield* treeValidation(crypto, tree, groupContext);
  return tree;
}

function refuse(state: string): never {
  throw new MessengerError("mls/invalid-group-info", `Cannot accept group: ${state}`);
}
