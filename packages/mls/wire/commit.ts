import { encoding, longVector, opaque, optional } from "../codec/codec.ts";
import { decodingFrom, type NamedCodec, struct } from "../codec/codec.ts";
import { CODEC_SLICE_BYTES } from "../slices.ts";
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
  nodes: longVector(
    struct<UpdatePathNode>("UpdatePathNode", {
      encryptionKey: opaque,
      encryptedPathSecrets: longVector(hpkeCiphertext, { countMax: LEAVES_COUNT_MAX }),
    }),
    { countMax: PATH_NODES_COUNT_MAX },
  ),
});

/** RFC 9420 §12.4 */
export interface Commit {
  readonly proposals: readonly ProposalOrRef[];
  readonly path: UpdatePath | undefined;
}

const fields = struct<Commit>("Commit", {
  proposals: longVector(proposalOrRef, { countMax: PROPOSALS_COUNT_MAX }),
  path: optional(updatePath),
});

/**
 * Some megabytes in a large group, and signed, hashed, tagged and sent: a long commit, which nobody
 * changes, is encoded once. One that was decoded has the bytes that it came in: there are no others.
 */
const encodings = new WeakMap<Commit, Uint8Array>();

export const commit: NamedCodec<Commit> = {
  name: "Commit",
  encode: (writer, value) => {
    const known = encodings.get(value);
    if (known === undefined) fields.encode(writer, value);
    else writer.bytes(known);
  },
  decode: fields.decode,
  slices: {
    *encode(writer, value) {
      const bytes = encodings.get(value) ?? (yield* encoding(fields, value));
      if (bytes.length >= CODEC_SLICE_BYTES) encodings.set(value, bytes);
      writer.bytes(bytes);
    },
    *decode(reader) {
      const { offset } = reader;
      const value = yield* decodingFrom(reader, fields);
      encodings.set(value, reader.readSince(offset));
      return value;
    },
  },
};
