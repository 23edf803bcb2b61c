import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { LEAVES_COUNT_MAX } from "../wire/limits.ts";
import { decodeRecord, encodeRecord, type GroupRecord, groupRecord } from "./record-codec.ts";

const RECORD: GroupRecord = {
  context: {
    version: 1,
    cipherSuite: 1,
    groupId: Uint8Array.of(1),
    epoch: 2n,
    treeHash: Uint8Array.of(3),
    confirmedTranscriptHash: Uint8Array.of(4),
    extensions: [],
  },
  ownLeafIndex: 5,
  leafCount: 8,
  confirmationTag: Uint8Array.of(6),
  interimTranscriptHash: Uint8Array.of(7),
  reinit: undefined,
};

Deno.test("decodeRecord() refuses a group record with a tree of an impossible width", () => {
  assert.deepEqual(decodeRecord(groupRecord, encodeRecord(groupRecord, RECORD)), RECORD);
  const impossible: readonly Partial<GroupRecord>[] = [
    { leafCount: 0 },
    { leafCount: 6 },
    { leafCount: 2 * LEAVES_COUNT_MAX },
    { leafCount: 2 ** 31 },
    { leafCount: 4 },
    { ownLeafIndex: 8 },
  ];
  for (const change of impossible) {
    const bytes = encodeRecord(groupRecord, { ...RECORD, ...change });
    assert.throws(
      () => decodeRecord(groupRecord, bytes),
      (error) => error instanceof MessengerError && error.code === "mls/invalid-record",
    );
  }
});
