import assert from "node:assert/strict";
import type { CryptoProvider } from "../crypto/provider.ts";
import { epochAuthenticator } from "../group/application.ts";
import { mergeStaged } from "../group/create-commit.ts";
import { processMessage } from "../group/process-message.ts";
import type { RecordKey } from "../group/record-codec.ts";
import { loadGroup } from "../group/records.ts";
import { decodeStaged } from "../group/staged-record.ts";
import { RecordMap } from "../test/record-map.ts";
import { assertBytes, type Entry } from "./entry.ts";

/** A format of our own: a group as it was stored, which every later build must go on with. */
export async function checkStoredGroup(entry: Entry, provider: CryptoProvider): Promise<void> {
  const records = new RecordMap();
  for (const record of entry.objects("records")) {
    records.put(record.list("key") as RecordKey, record.hex("value"));
  }
  const loaded = await loadGroup(provider, records);
  assert.ok(loaded !== undefined);
  let state = loaded;
  assert.equal(state.crypto.id, entry.number("cipher_suite"));
  assertBytes(epochAuthenticator(state), entry.hex("epoch_authenticator"), "epoch_authenticator");
  const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);
  for (const sent of entry.objects("messages")) {
    const outcome = await processMessage(state, sent.hex("message"), { authenticate });
    assert.ok(outcome.kind === "application", outcome.kind);
    assertBytes(outcome.data, sent.hex("data"), "data");
    state = outcome.state;
  }
  const replayed = await processMessage(state, entry.hex("replayed"), { authenticate });
  assert.equal(replayed.kind, "replayed-generation");
  const staged = await decodeStaged(provider, entry.hex("staged"), { current: state });
  const outcome = await processMessage(state, entry.hex("commit"), {
    authenticate,
    staged: [staged],
  });
  assert.ok(outcome.kind === "own-commit", outcome.kind);
  const next = mergeStaged(state, outcome.staged);
  assertBytes(epochAuthenticator(next), entry.hex("next_epoch_authenticator"), "next");
}
