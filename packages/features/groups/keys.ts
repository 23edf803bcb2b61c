import { encodeKey, type KeyPart, type SliceSchema } from "@qpq/ports";

/** The first part of every key of this slice, on a client. */
const SLICE = "groups";

export const groupsSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

/** `StoredSync`. */
export const SYNC_KEY: Uint8Array = encodeKey(SLICE, "sync");

/** `StoredConversation`. */
export const conversationKey = (groupId: Uint8Array): Uint8Array =>
  encodeKey(SLICE, "conversation", groupId);
export const CONVERSATION_KEYS: Uint8Array = encodeKey(SLICE, "conversation");

/** A record of the MLS group's state (packages/mls). */
export const recordKey = (groupId: Uint8Array, parts: readonly KeyPart[]): Uint8Array =>
  encodeKey(SLICE, "mls", groupId, ...parts);

/** `StoredCommit`: the own commit that is on its way. */
export const commitKey = (groupId: Uint8Array): Uint8Array => encodeKey(SLICE, "commit", groupId);
export const COMMIT_KEYS: Uint8Array = encodeKey(SLICE, "commit");
/** What goes out with it, as one body: `CommitUpload`. */
export const uploadParts = (groupId: Uint8Array): readonly KeyPart[] => [SLICE, "upload", groupId];
/** The epoch that it leads to, as one body. */
export const stagedParts = (groupId: Uint8Array): readonly KeyPart[] => [SLICE, "staged", groupId];

/** Empty; there while a program runs, and after one that did not end in order. */
export const RUN_KEY: Uint8Array = encodeKey(SLICE, "run");
/** `StoredAttempt`; of the inbox for no group. */
export const attemptKey = (groupId: Uint8Array): Uint8Array => encodeKey(SLICE, "attempt", groupId);
