/** One member of a group, whichever library it stands on. All messages are encoded MLSMessages. */
export interface Peer {
  /** A fresh KeyPackage; its private half waits for `join`. */
  keyPackage(): Promise<Uint8Array>;
  create(groupId: Uint8Array): Promise<void>;
  join(welcome: Uint8Array): Promise<void>;
  /** Enters by external commit; `resync` takes the place of the own former leaf. */
  joinExternally(groupInfo: Uint8Array, options: { readonly resync: boolean }): Promise<Uint8Array>;
  /** Commits at once, with a path, and goes on to the new epoch. */
  commit(change: Change): Promise<Committed>;
  /** Proposes to be committed by another, by reference. */
  propose(change: Proposed): Promise<Uint8Array>;
  /** A commit or a proposal of another. */
  process(message: Uint8Array): Promise<void>;
  send(text: string): Promise<Uint8Array>;
  receive(message: Uint8Array): Promise<string>;
  /** With the external public key and the tree inside, for a joiner that reads it this way. */
  groupInfo(form: ExternalPubForm): Promise<Uint8Array>;
  readonly externalPubForm: ExternalPubForm;
  leafIndex(): number;
  epoch(): bigint;
  /** What all members of an epoch agree on: epoch authenticator and an exported secret, in hex. */
  agreed(): Promise<string>;
}

export interface Change {
  /** KeyPackages. */
  readonly add?: readonly Uint8Array[];
  /** Leaf indices. */
  readonly remove?: readonly number[];
  /** As a PublicMessage instead of a PrivateMessage. */
  readonly isPublic?: boolean;
}

/**
 * RFC 9420 §12.4.3.2 makes `external_pub` a vector, with its length before it. ts-mls 1.6.4 writes and
 * reads the bare key, so each peer gives a joiner the form that its library understands.
 */
export type ExternalPubForm = "vector" | "bare";

export type Proposed =
  | { readonly kind: "add"; readonly keyPackage: Uint8Array }
  | { readonly kind: "remove"; readonly leafIndex: number };

export interface Committed {
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array | undefined;
}

export const EXPORTER_LABEL = "interop";
export const EXPORTER_CONTEXT = Uint8Array.of(1, 2, 3);
export const EXPORTER_LENGTH = 32;
