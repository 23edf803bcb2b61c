import { opaque, optional, struct, vector } from "../codec/codec.ts";
import { type LeafNode, leafNode } from "./leaf-node.ts";
import { LEAVES_COUNT_MAX, PATH_NODES_COUNT_MAX, PROPOSALS_COUNT_MAX } from "./limits.ts";
import { type ProposalOrRef, proposalOrRef } from "./proposal.ts";

/** RFC 9420 §7.6 */
export interface HpkeCiphertext {
  readonly kemOutput: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export const hpkeCiphertext = struct<HpkeCiphertext>("HPKECiphertext", {
  kemOutput: opaque,
  ciphertext: opaque,
});

/** A new key of a parent node, and its secret for each node of the copath's resolution. */
export interface UpdatePathNode {
  readonly encryptionKey: Uint8Array;
  readonly encryptedPathSecrets: readonly HpkeCiphertext[];
}

/** New keys from a committer's leaf to the root (RFC 9420 §7.6). */
export interface UpdatePath {
  readonly leafNode: LeafNode;
  /** In the order of the filtered direct path, root last. */
  readonly nodes: readonly UpdatePathNode[];
}

export const updatePath = struct<UpdatePath>("UpdatePath", {
  leafNode,
  nodes: vector(
    struct<UpdatePathNode>("UpdatePathNode", {
      encryptionKey: opaque,
      encryptedPathSecrets: vector(hpkeCiphertext, { countMax: LEAVES_COUNT_MAX }),
    }),
    { countMax: PATH_NODES_COUNT_MAX },
  ),
});

/** RFC 9420 §12.4 */
export interface Commit {
  readonly proposals: readonly ProposalOrRef[];
  readonly path: UpdatePath | undefined;
}

export const commit = struct<Commit>("Commit", {
  proposals: vector(proposalOrRef, { countMax: PROPOSALS_COUNT_MAX }),
  path: optional(updatePath),
});
