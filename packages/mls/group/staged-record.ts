import {
  type Codec,
  type NamedCodec,
  opaque,
  optional,
  struct,
  uint32,
  uint64,
  uint8,
  vector,
} from "../codec/codec.ts";
import { MessengerError } from "@qpq/ports";
import type { Bytes, CryptoProvider } from "../crypto/provider.ts";
import { extensions } from "../wire/extension.ts";
import { type Sender, sender } from "../wire/framing.ts";
import { leafNode } from "../wire/leaf-node.ts";
import { LEAVES_COUNT_MAX, NODES_COUNT_MAX, PROPOSALS_COUNT_MAX } from "../wire/limits.ts";
import { PSKS_COUNT_MAX } from "../wire/limits.ts";
import { preSharedKeyId, proposal, reInit } from "../wire/proposal.ts";
import type { CommitSummary, CommittedProposal, Member, StagedCommit } from "./outcome.ts";
import { decodeRecord, encodeRecord, type RecordKey } from "./record-codec.ts";
import {
  changedRecords,
  loadGroup,
  readWholeSecretTree,
  type RecordReader,
  treeOfRecords,
} from "./records.ts";
import type { RecordChanges } from "./records.ts";
import { type GroupState, retire, treeInMemory } from "./state.ts";

interface StagedRecord {
  readonly message: Uint8Array;
  readonly summary: CommitSummary;
  readonly changes: RecordChanges;
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();
const KEY_PARTS_COUNT_MAX = 8;

const keyPart: Codec<string | number> = {
  encode: (writer, value) => {
    writer.uint8(typeof value === "number" ? 0 : 1);
    if (typeof value === "number") writer.uint32(value);
    else writer.opaque(textEncoder.encode(value));
  },
  decode: (reader) =>
    reader.uint8() === 0 ? reader.uint32() : textDecoder.decode(opaque.decode(reader)),
};

const recordKey: Codec<RecordKey> = vector(keyPart, { countMax: KEY_PARTS_COUNT_MAX });
const RECORDS_COUNT_MAX = 2 * NODES_COUNT_MAX;
const recordKeys = vector(recordKey, { countMax: RECORDS_COUNT_MAX });

const recordPut: Codec<readonly [RecordKey, Bytes]> = {
  encode: (writer, [key, value]) => {
    recordKey.encode(writer, key);
    writer.opaque(value);
  },
  decode: (reader) => [recordKey.decode(reader), opaque.decode(reader) as Bytes],
};

const recordChanges = struct<RecordChanges>("record changes", {
  deleteUnder: recordKeys,
  delete: recordKeys,
  put: vector(recordPut, { countMax: RECORDS_COUNT_MAX }),
});

const member = struct<Member>("member", { leafIndex: uint32, leafNode });
const members = vector(member, { countMax: LEAVES_COUNT_MAX });

const boolean: Codec<boolean> = {
  encode: (writer, value) => writer.uint8(value ? 1 : 0),
  decode: (reader) => uint8.decode(reader) === 1,
};

const committedProposal = struct<CommittedProposal>("committed proposal", {
  proposal,
  sender: sender as Codec<Sender>,
  byReference: boolean,
});

const commitSummary = struct<CommitSummary>("commit summary", {
  groupId: opaque,
  epoch: uint64,
  sender: sender as Codec<Sender>,
  committerBefore: optional(leafNode),
  committer: member,
  authenticatedData: opaque,
  proposals: vector(committedProposal, { countMax: PROPOSALS_COUNT_MAX }),
  added: members,
  removed: members,
  updated: members,
  extensionsBefore: extensions,
  extensionsAfter: extensions,
  psks: vector(preSharedKeyId, { countMax: PSKS_COUNT_MAX }),
  reinit: optional(reInit),
  hasPath: boolean,
});

const stagedRecord: NamedCodec<StagedRecord> = struct<StagedRecord>("staged commit record", {
  message: opaque,
  summary: commitSummary,
  changes: recordChanges,
});

/**
 * A staged commit as one record, to be kept beside the current epoch's: what it changes, not the
 * whole group. It holds the next epoch's secrets.
 * @param state the epoch that it was made in, or for an external commit undefined
 */
export function encodeStaged(state: GroupState | undefined, staged: StagedCommit): Bytes {
  const { message, summary, next } = staged;
  const changes = changedRecords(state, next);
  using used = new DisposableStack();
  used.defer(() => wipeSecrets(changes));
  return encodeRecord(stagedRecord, { message, summary, changes });
}

/**
 * The staged commit again. Its tree shares with the current one what the commit left as it was, so
 * that merging it writes the commit's path.
 * @param options.current the epoch that it was made in; for an external commit undefined
 * @throws MessengerError `mls/invalid-record`
 */
export async function decodeStaged(
  provider: CryptoProvider,
  bytes: Uint8Array,
  options: { readonly current: GroupState | undefined },
): Promise<StagedCommit> {
  const { message, summary, changes } = decodeRecord(stagedRecord, bytes);
  using used = new DisposableStack();
  used.defer(() => wipeSecrets(changes));
  const reader = readerOf(changes);
  const loaded = await loadGroup(provider, reader);
  if (loaded === undefined) {
    throw new MessengerError("mls/invalid-record", "Cannot read staged commit: it has no group");
  }
  using refused = new DisposableStack();
  refused.defer(() => retire(loaded, options.current));
  const isWhole = changes.deleteUnder.some(([kind]) => kind === "tree");
  const tree = treeOfRecords(loaded.crypto, [
    ...changes.delete.filter(isOfTree).map((key) => [key, undefined] as const),
    ...changes.put.filter(([key]) => isOfTree(key)),
  ], {
    leafCount: loaded.tree.leafCount,
    hash: loaded.context.treeHash,
    before: isWhole ? undefined : await options.current?.tree.load(),
  });
  // Read whole, so that the copy of the epoch's secrets in `changes` can go at once.
  const next = { ...await readWholeSecretTree(loaded, reader), tree: treeInMemory(tree) };
  refused.move();
  return { message, summary, next };
}

/** The copies of an epoch's secrets; the nodes of its tree are public. */
function wipeSecrets({ put }: RecordChanges): void {
  for (const [key, value] of put) if (!isOfTree(key)) value.fill(0);
}

function isOfTree([kind]: RecordKey): boolean {
  return kind === "tree";
}

/** What changes put: all of the new epoch but the nodes of the tree that it shares with the old. */
function readerOf(changes: RecordChanges): RecordReader {
  const nameOf = (key: RecordKey): string => JSON.stringify(key);
  const values = new Map(changes.put.map(([key, value]) => [nameOf(key), value]));
  return {
    get: (keys) => Promise.resolve(keys.map((key) => values.get(nameOf(key)))),
    list: (prefix) => Promise.resolve(changes.put.filter(([key]) => isUnder(key, prefix))),
  };
}

function isUnder(key: RecordKey, prefix: RecordKey): boolean {
  return key.length > prefix.length && prefix.every((part, index) => part === key[index]);
}
