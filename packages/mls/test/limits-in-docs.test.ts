import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  PENDING_PROPOSALS_BYTES_MAX,
  PENDING_PROPOSALS_COUNT_MAX,
  SENDERS_PENDING_BYTES_MAX,
  SENDERS_PENDING_COUNT_MAX,
} from "../group/pending-proposals.ts";
import { KEY_PACKAGE_LIFETIME_SECONDS_MAX } from "../key-package.ts";
import { FORWARD_GENERATIONS_MAX, SKIPPED_KEYS_COUNT_MAX } from "../keys/sender-ratchet.ts";
import { CIPHER_SLICE_BYTES, CODEC_SLICE_BYTES } from "../slices.ts";
import { VALIDATION_SLICE_NODES_COUNT } from "../slices.ts";
import {
  BYTE_STRINGS_COUNT_BASE,
  BYTES_PER_BYTE_STRING_MIN,
  CREDENTIAL_BYTES_MAX,
  EXTENSION_BYTES_MAX,
  KEY_PACKAGE_BYTES_MAX,
  LEAF_NODE_BYTES_MAX,
  LEAVES_COUNT_MAX,
  MESSAGE_BYTES_MAX,
  PSKS_COUNT_MAX,
  RATCHET_TREE_BYTES_MAX,
} from "../wire/limits.ts";

const mebibytes = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
const kibibytes = (bytes: number): string => `${bytes / 2 ** 10} KiB`;

const LIMITS: readonly (readonly [limit: string, value: string])[] = [
  ["members of a group", LEAVES_COUNT_MAX.toLocaleString("en")],
  ["an MLSMessage", mebibytes(MESSAGE_BYTES_MAX)],
  ["a ratchet tree", mebibytes(RATCHET_TREE_BYTES_MAX)],
  ["a KeyPackage", kibibytes(KEY_PACKAGE_BYTES_MAX)],
  ["a leaf node", kibibytes(LEAF_NODE_BYTES_MAX)],
  ["a credential", kibibytes(CREDENTIAL_BYTES_MAX)],
  ["an extension", kibibytes(EXTENSION_BYTES_MAX)],
  [
    "byte strings of one input",
    `1 for each ${BYTES_PER_BYTE_STRING_MIN} bytes, and ${BYTE_STRINGS_COUNT_BASE}`,
  ],
  ["generations that a message may be ahead of its sender's last", `${FORWARD_GENERATIONS_MAX}`],
  ["skipped keys kept, for each sender", `${SKIPPED_KEYS_COUNT_MAX}`],
  ["proposals that wait in one epoch", `${PENDING_PROPOSALS_COUNT_MAX}`],
  ["their bytes", mebibytes(PENDING_PROPOSALS_BYTES_MAX)],
  [
    "of these from one sender",
    `${SENDERS_PENDING_COUNT_MAX} and ${mebibytes(SENDERS_PENDING_BYTES_MAX)}`,
  ],
  ["pre-shared keys in one commit", `${PSKS_COUNT_MAX}`],
  [
    "lifetime of a KeyPackage that is claimed or committed",
    `${KEY_PACKAGE_LIFETIME_SECONDS_MAX / (24 * 60 * 60)} days`,
  ],
];

Deno.test("docs/cryptography.md states the limits that hold", () => {
  const path = fileURLToPath(new URL("../../../docs/cryptography.md", import.meta.url));
  const text = readFileSync(path, "utf8");
  const [, table = ""] = /\| limit \| value \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(text) ?? [];
  const rows = table.trim().split("\n").map((row) => row.slice(2, -2).split(" | "));
  assert.deepEqual(rows, LIMITS);
  assert.ok(text.includes(`in slices of ${VALIDATION_SLICE_NODES_COUNT} nodes`));
  assert.ok(text.includes(`decoded and encoded in slices of ${CODEC_SLICE_BYTES / 1024} KiB`));
  assert.ok(text.includes(`decrypted in slices of ${mebibytes(CIPHER_SLICE_BYTES)}`));
});
