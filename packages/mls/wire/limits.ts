/** What a peer may make us hold. Bytes unless the name says otherwise. */

/** Any MLSMessage. A Welcome for 1000 joiners of the hybrid suite, tree inside, has 4 MB. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A KeyPackage, alone or in a proposal. One of the hybrid suite has 2.7 kB without its credential. */
export const KEY_PACKAGE_BYTES_MAX = 64 * 1024;
/** A LeafNode: in a KeyPackage, a path, a tree. One of the hybrid suite has 1.4 kB besides its credential. */
export const LEAF_NODE_BYTES_MAX = 48 * 1024;
/** A credential; a chain of certificates is the longest. */
export const CREDENTIAL_BYTES_MAX = 32 * 1024;
/** One extension of a leaf, KeyPackage or group context. In a GroupInfo, where one is the tree, any. */
export const EXTENSION_BYTES_MAX = 64 * 1024;
/** A ratchet tree, also one that comes beside a Welcome or GroupInfo. */
export const RATCHET_TREE_BYTES_MAX = MESSAGE_BYTES_MAX;

/**
 * One input may have `BYTE_STRINGS_COUNT_BASE` byte strings, one more for each
 * `BYTES_PER_BYTE_STRING_MIN` of its bytes, and never above `BYTE_STRINGS_COUNT_MAX`: a byte string
 * takes some 200 bytes of memory and an empty one a single byte of input, so lists within their own
 * limits, nested, could ask for 200 times the input. What else is decoded needs no count: numbers and
 * blank nodes become 8 bytes each, and every structure of a list has a byte string, but a Remove, a
 * SelfRemove and an empty list of extensions, of which one message has `PROPOSALS_COUNT_MAX`.
 *
 * Densest in what is honest, with keys of 32 bytes: a parent node, one in 18 bytes of input; then a
 * stored record's key, one in 9. The count of a tree with `LEAVES_COUNT_MAX` leaves is 460,000; of a
 * Commit that adds as many, 600,000.
 */
export const BYTE_STRINGS_COUNT_BASE = 1024;
export const BYTES_PER_BYTE_STRING_MIN = 8;
export const BYTE_STRINGS_COUNT_MAX = 2 ** 20;

/** Members of a group. */
export const LEAVES_COUNT_MAX = 2 ** 16;
/** Nodes of its ratchet tree. */
export const NODES_COUNT_MAX = 2 * LEAVES_COUNT_MAX - 1;
/** Height of its ratchet tree, and so the length of a path. */
export const PATH_NODES_COUNT_MAX = 16;

/** In one list. */
export const EXTENSIONS_COUNT_MAX = 256;
/** Entries in one list of capabilities. */
export const CAPABILITIES_COUNT_MAX = 512;
/** In one X.509 credential. */
export const CERTIFICATES_COUNT_MAX = 16;
/** In one group context. */
export const EXTERNAL_SENDERS_COUNT_MAX = 256;
/** Proposals in one Commit: enough to add every member at once. */
export const PROPOSALS_COUNT_MAX = LEAVES_COUNT_MAX;
/** Pre-shared keys in one Commit or Welcome. */
export const PSKS_COUNT_MAX = 256;
/** Last epoch of a group that is joined: those after it can still be counted. */
export const EPOCH_MAX = 2n ** 63n;
