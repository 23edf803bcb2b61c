import type { CryptoProvider } from "../crypto/provider.ts";
import { Entry } from "./entry.ts";
import { checkPassiveClient, checkWelcome } from "./groups.ts";
import { checkMessageProtection, checkMessages, checkSecretTree } from "./messages.ts";
import {
  checkCryptoBasics,
  checkDeserialization,
  checkKeySchedule,
  checkPskSecret,
  checkTranscriptHashes,
  checkTreeMath,
} from "./primitives.ts";
import { checkStoredGroup } from "./stored-group.ts";
import { checkTreeKem } from "./treekem.ts";
import { checkTreeOperations, checkTreeValidation } from "./trees.ts";

/** What running one vector file gave. */
export interface VectorResult {
  readonly format: string;
  readonly passed: number;
  /** Index of each entry that failed, and why. */
  readonly failures: readonly { readonly index: number; readonly reason: string }[];
  /** Entries of a suite that the provider does not have, or of a format that is unknown. */
  readonly skipped: number;
}

interface Format {
  readonly name: string;
  /** Fields that every entry of this format has, and entries of other formats don't. */
  readonly fields: readonly string[];
  readonly check: (entry: Entry, provider: CryptoProvider) => void | Promise<void>;
}

/** Formats of the MLS working group: `test-vectors.md` of mlswg/mls-implementations. */
const FORMATS: readonly Format[] = [
  { name: "tree-math", fields: ["n_leaves", "sibling"], check: checkTreeMath },
  { name: "deserialization", fields: ["vlbytes_header"], check: checkDeserialization },
  { name: "crypto-basics", fields: ["derive_tree_secret"], check: checkCryptoBasics },
  { name: "psk_secret", fields: ["psks", "psk_secret"], check: checkPskSecret },
  { name: "key-schedule", fields: ["initial_init_secret"], check: checkKeySchedule },
  { name: "transcript-hashes", fields: ["authenticated_content"], check: checkTranscriptHashes },
  { name: "secret-tree", fields: ["sender_data", "leaves"], check: checkSecretTree },
  { name: "message-protection", fields: ["application_priv"], check: checkMessageProtection },
  { name: "messages", fields: ["mls_welcome", "private_message"], check: checkMessages },
  { name: "tree-operations", fields: ["tree_before", "proposal"], check: checkTreeOperations },
  { name: "tree-validation", fields: ["tree_hashes"], check: checkTreeValidation },
  { name: "treekem", fields: ["leaves_private"], check: checkTreeKem },
  { name: "welcome", fields: ["signer_pub"], check: checkWelcome },
  { name: "passive-client", fields: ["initial_epoch_authenticator"], check: checkPassiveClient },
  { name: "stored-group", fields: ["records", "staged"], check: checkStoredGroup },
];

/**
 * Runs every entry of a vector file, whose format is found by its fields.
 * @param json what the file holds: a list of objects
 */
export async function runVectors(json: string, provider: CryptoProvider): Promise<VectorResult> {
  const parsed: unknown = JSON.parse(json);
  const entries = (Array.isArray(parsed) ? parsed : [parsed]).map((each) => new Entry(each));
  const format = FORMATS.find(({ fields }) => fields.every((field) => entries[0]?.has(field)));
  if (format === undefined) {
    return { format: "unknown", passed: 0, failures: [], skipped: entries.length };
  }
  const failures: { index: number; reason: string }[] = [];
  let passed = 0;
  let skipped = 0;
  for (const [index, entry] of entries.entries()) {
    const suite = entry.has("cipher_suite") ? entry.number("cipher_suite") : undefined;
    if (suite !== undefined && !provider.cipherSuites.includes(suite)) {
      skipped++;
      continue;
    }
    try {
      await format.check(entry, provider);
      passed++;
    } catch (error) {
      failures.push({ index, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { format: format.name, passed, failures, skipped };
}
