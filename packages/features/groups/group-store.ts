/** A conversation's MLS group in this device's store: the state in small records, and an own commit on its way. */
import {
  type CryptoProvider,
  decodeStaged,
  encodeStaged,
  type GroupState,
  loadGroup,
  type RecordChanges,
  type RecordKey,
  type RecordReader,
  type StagedCommit,
} from "@qpq/mls";
import {
  assert,
  decodeKey,
  deleteBody,
  getBody,
  keyAfter,
  putBody,
  type Store,
  type StoreReader,
  type StoreTransaction,
} from "@qpq/ports";
import {
  type CommitUpload,
  decodeCommitUpload,
  encodeCommitUpload,
} from "../channels/channels.gen.ts";
import {
  decodeStoredAttempt,
  decodeStoredCommit,
  decodeStoredConversation,
  decodeStoredSync,
  encodeStoredAttempt,
  encodeStoredCommit,
  encodeStoredConversation,
  encodeStoredSync,
  type StoredCommit,
  type StoredConversation,
  type StoredSync,
} from "./groups.gen.ts";
import {
  attemptKey,
  commitKey,
  CONVERSATION_KEYS,
  conversationKey,
  recordKey,
  RUN_KEY,
  stagedParts,
  SYNC_KEY,
  uploadParts,
} from "./keys.ts";

export type { StoredCommit, StoredConversation, StoredSync } from "./groups.gen.ts";

/** Bytes that a stored commit with its Welcomes and GroupInfo may have; its staged epoch, too. */
const UPLOAD_BYTES_MAX = 26 * 2 ** 20;

/** The records of one group, each read in a moment of its own: nobody else writes them. */
export function groupRecords(store: Store, groupId: Uint8Array): RecordReader {
  return {
    get: (keys) =>
      store.snapshot((reader) =>
        Promise.all(keys.map((key) => reader.get(recordKey(groupId, key))))
      ),
    list: (prefix) =>
      store.snapshot(async (reader) => {
        const found: (readonly [RecordKey, Uint8Array])[] = [];
        await eachUnder(reader, recordKey(groupId, prefix), (key, value) => {
          found.push([recordPathOf(key), value]);
        });
        return found;
      }),
  };
}

/** The group's state as it was stored last; undefined when there is none. */
export async function loadState(
  store: Store,
  crypto: CryptoProvider,
  groupId: Uint8Array,
): Promise<GroupState | undefined> {
  return await loadGroup(crypto, groupRecords(store, groupId));
}

/** Writes what `after` changes of `before`. */
export async function putState(
  transaction: StoreTransaction,
  groupId: Uint8Array,
  changes: RecordChanges,
): Promise<void> {
  for (const prefix of changes.deleteUnder) {
    await deleteUnder(transaction, recordKey(groupId, prefix));
  }
  for (const key of changes.delete) transaction.delete(recordKey(groupId, key));
  for (const [key, value] of changes.put) transaction.put(recordKey(groupId, key), value);
}

/** Deletes everything of the group but the conversation itself. */
export async function deleteGroup(
  transaction: StoreTransaction,
  groupId: Uint8Array,
): Promise<void> {
  await deleteUnder(transaction, recordKey(groupId, []));
  await deleteCommit(transaction, groupId);
}

/** An own commit that is on its way, with what it needs to go out again. */
export interface PendingCommit {
  readonly stored: StoredCommit;
  readonly upload: CommitUpload;
  readonly staged: StagedCommit;
}

/** To be written in the transaction that writes the state which the commit was made from. */
export async function putCommit(
  transaction: StoreTransaction,
  groupId: Uint8Array,
  commit: {
    readonly stored: StoredCommit;
    readonly upload: Uint8Array;
    readonly staged: Uint8Array;
  },
): Promise<void> {
  transaction.put(commitKey(groupId), encodeStoredCommit(commit.stored));
  await putBody(transaction, uploadParts(groupId), commit.upload);
  await putBody(transaction, stagedParts(groupId), commit.staged);
}

/** What `putCommit` writes, made before its transaction. */
export function encodeCommit(
  state: GroupState | undefined,
  { upload, staged }: { readonly upload: CommitUpload; readonly staged: StagedCommit },
): { readonly upload: Uint8Array; readonly staged: Uint8Array } {
  return { upload: encodeCommitUpload(upload), staged: encodeStaged(state, staged) };
}

export async function deleteCommit(
  transaction: StoreTransaction,
  groupId: Uint8Array,
): Promise<void> {
  transaction.delete(commitKey(groupId));
  await deleteBody(transaction, uploadParts(groupId));
  await deleteBody(transaction, stagedParts(groupId));
}

/** @param options.current the group as it stands */
export async function loadCommit(
  store: Store,
  groupId: Uint8Array,
  options: { readonly crypto: CryptoProvider; readonly current: GroupState | undefined },
): Promise<PendingCommit | undefined> {
  const found = await store.snapshot(async (reader) => {
    const stored = await reader.get(commitKey(groupId));
    if (stored === undefined) return undefined;
    const [upload, staged] = await Promise.all([
      getBody(reader, uploadParts(groupId)),
      getBody(reader, stagedParts(groupId)),
    ]);
    return { stored, upload, staged };
  });
  if (found === undefined) return undefined;
  const { stored, upload, staged } = found;
  assert(upload !== undefined && staged !== undefined, "a commit is stored whole");
  const about = decodeStoredCommit(stored);
  // Who enters by external commit stands on nothing that it has.
  const current = about.call === "enter" ? undefined : options.current;
  return {
    stored: about,
    upload: decodeCommitUpload(upload, { bytesMax: UPLOAD_BYTES_MAX }),
    staged: await decodeStaged(options.crypto, staged, { current }),
  };
}

/** Every conversation with a channel, by its group id. */
export async function readConversations(
  store: Store,
): Promise<readonly { readonly groupId: Uint8Array; readonly stored: StoredConversation }[]> {
  return await store.snapshot(async (reader) => {
    const found: { groupId: Uint8Array; stored: StoredConversation }[] = [];
    await eachUnder(reader, CONVERSATION_KEYS, (key, value) => {
      const groupId = decodeKey(key).at(-1);
      assert(groupId instanceof Uint8Array, "a conversation's key ends with its group id");
      found.push({ groupId, stored: decodeStoredConversation(value) });
    });
    return found;
  });
}

export async function readConversation(
  reader: Pick<StoreReader, "get">,
  groupId: Uint8Array,
): Promise<StoredConversation | undefined> {
  const stored = await reader.get(conversationKey(groupId));
  return stored === undefined ? undefined : decodeStoredConversation(stored);
}

export function putConversation(
  transaction: StoreTransaction,
  groupId: Uint8Array,
  stored: StoredConversation,
): void {
  transaction.put(conversationKey(groupId), encodeStoredConversation(stored));
}

/** A conversation that never came to be. */
export async function deleteConversation(
  transaction: StoreTransaction,
  groupId: Uint8Array,
): Promise<void> {
  transaction.delete(conversationKey(groupId));
  await deleteGroup(transaction, groupId);
}

/** @returns undefined before the first session with a server */
export async function readSync(reader: Pick<StoreReader, "get">): Promise<StoredSync | undefined> {
  const stored = await reader.get(SYNC_KEY);
  return stored === undefined ? undefined : decodeStoredSync(stored);
}

export function putSync(transaction: StoreTransaction, sync: StoredSync): void {
  transaction.put(SYNC_KEY, encodeStoredSync(sync));
}

/** @returns whether the last run did not end in order */
export async function beginRun(store: Store): Promise<boolean> {
  return await store.transaction(async (transaction) => {
    const wasCut = await transaction.get(RUN_KEY) !== undefined;
    if (!wasCut) transaction.put(RUN_KEY, new Uint8Array());
    return wasCut;
  });
}

export async function endRun(store: Store): Promise<void> {
  await store.transaction((transaction) => {
    transaction.delete(RUN_KEY);
    return Promise.resolve();
  });
}

/**
 * Notes, before it is tried, that an entry is.
 * @param entry.groupId empty: an entry of the inbox
 * @returns how many times it was tried, this one included
 */
export async function countAttempt(
  store: Store,
  { groupId, sequence }: { readonly groupId: Uint8Array; readonly sequence: number },
): Promise<number> {
  return await store.transaction(async (transaction) => {
    const key = attemptKey(groupId);
    const stored = await transaction.get(key);
    const before = stored === undefined ? undefined : decodeStoredAttempt(stored);
    const count = before?.sequence === sequence ? before.count + 1 : 1;
    transaction.put(key, encodeStoredAttempt({ sequence, count }));
    return count;
  });
}

/** The parts behind slice, kind and group. */
function recordPathOf(key: Uint8Array): RecordKey {
  return decodeKey(key).slice(3).map((part) => {
    assert(typeof part === "string" || typeof part === "number", "records have words and numbers");
    return part;
  });
}

async function deleteUnder(transaction: StoreTransaction, prefix: Uint8Array): Promise<void> {
  const keys: Uint8Array[] = [];
  await eachUnder(transaction, prefix, (key) => keys.push(key));
  for (const key of keys) transaction.delete(key);
}

async function eachUnder(
  reader: StoreReader,
  prefix: Uint8Array,
  visit: (key: Uint8Array, value: Uint8Array) => void,
): Promise<void> {
  let start: Uint8Array | undefined;
  for (;;) {
    const page = await reader.range({ prefix, ...start === undefined ? {} : { start } });
    for (const { key, value } of page.entries) visit(key, value);
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    start = keyAfter(last.key);
  }
}
