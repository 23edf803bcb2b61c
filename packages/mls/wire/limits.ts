/** What a peer may make us hold. Bytes unless the name says otherwise. */

/** Any MLSMessage. A Welcome for 1000 joiners of the hybrid suite, tree inside, has 4 MB. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A KeyPackage alone. One of the hybrid suite has 2.7 kB without its credential. */
export const KEY_PACKAGE_BYTES_MAX = 64 * 1024;
/** A ratchet tree that comes beside a Welcome or GroupInfo. */
export const RATCHET_TREE_BYTES_MAX = 256 * 1024 * 1024;

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
