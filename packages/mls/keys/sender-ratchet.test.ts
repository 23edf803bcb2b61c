import assert from "node:assert/strict";
import { AssertionFailure, type MessengerError } from "@qpq/ports";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import {
  createRatchet,
  FORWARD_GENERATIONS_MAX,
  keyToReceive,
  keyToSend,
  type MessageKey,
  type SenderRatchet,
  SKIPPED_KEYS_COUNT_MAX,
} from "./sender-ratchet.ts";

const crypto = runtimeCryptoProvider().cipherSuite(1);
const fresh = (): SenderRatchet => createRatchet(new Uint8Array(32).fill(7));

function receive(
  ratchet: SenderRatchet,
  generation: number,
): { readonly messageKey: MessageKey; readonly next: SenderRatchet } {
  const received = keyToReceive(crypto, ratchet, generation);
  assert.ok(received.kind === "key");
  return received;
}

/** Keys of the first generations, as the sender makes them. */
function sentKeys(count: number): readonly MessageKey[] {
  const keys: MessageKey[] = [];
  for (let ratchet = fresh(); keys.length < count;) {
    const { messageKey, next } = keyToSend(crypto, ratchet);
    keys.push(messageKey);
    ratchet = next;
  }
  return keys;
}

/** All byte strings that a state holds. */
function bytesIn(value: unknown): readonly string[] {
  if (value instanceof Uint8Array) return [value.toHex()];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(bytesIn);
}

Deno.test("keyToReceive() gives the keys that keyToSend() gave, in any order", () => {
  const sent = sentKeys(6);
  let ratchet = fresh();
  for (const generation of [2, 0, 5, 3, 1, 4]) {
    const { messageKey, next } = receive(ratchet, generation);
    assert.deepEqual(messageKey, sent[generation]);
    ratchet = next;
  }
  assert.equal(ratchet.skipped.length, 0);
});

Deno.test("a skipped generation leaves its key and nonce, and no secret that leads to a later key (mistake 1)", () => {
  const secrets: string[] = [];
  let sender = fresh();
  for (let generation = 0; generation < 4; generation++) {
    secrets.push(sender.secret.toHex());
    sender = keyToSend(crypto, sender).next;
  }
  const { next, messageKey } = receive(fresh(), 3);
  const held = bytesIn(next);
  for (const secret of secrets) assert.ok(!held.includes(secret), "an old secret is kept");
  assert.ok(!held.includes(messageKey.key.toHex()), "the key that was used is kept");
  assert.equal(next.skipped.length, 3);
  for (const kept of next.skipped) {
    assert.deepEqual(Object.keys(kept).sort(), ["generation", "key", "nonce"]);
  }
});

Deno.test("a skipped key is gone once it was used (mistake 1)", () => {
  const late = receive(fresh(), 3).next;
  const { next, messageKey } = receive(late, 1);
  assert.ok(!bytesIn(next).includes(messageKey.key.toHex()));
  assert.deepEqual(keyToReceive(crypto, next, 1), { kind: "replayed" });
  assert.deepEqual(keyToReceive(crypto, next, 3), { kind: "replayed" });
  assert.equal(receive(next, 0).messageKey.generation, 0);
});

Deno.test("keyToReceive() leaves the state that it was given as it was", () => {
  const before = fresh();
  const copy = structuredClone(before);
  keyToReceive(crypto, before, 5);
  assert.deepEqual(before, copy);
  const late = receive(before, 5).next;
  const lateCopy = structuredClone(late);
  keyToReceive(crypto, late, 2);
  keyToReceive(crypto, late, 9);
  assert.deepEqual(late, lateCopy);
});

Deno.test("keyToReceive() keeps the last skipped keys only", () => {
  const { next } = receive(fresh(), 50);
  assert.equal(next.skipped.length, SKIPPED_KEYS_COUNT_MAX);
  assert.equal(next.skipped[0]?.generation, 50 - SKIPPED_KEYS_COUNT_MAX);
  const outside = 50 - SKIPPED_KEYS_COUNT_MAX - 1;
  assert.deepEqual(keyToReceive(crypto, next, outside), { kind: "replayed" });
  const further = receive(next, 60).next;
  assert.ok(further.skipped.every((key) => 60 - key.generation <= SKIPPED_KEYS_COUNT_MAX));
});

Deno.test("keyToReceive() refuses a generation too far ahead (mistake 10)", () => {
  const { next } = receive(fresh(), FORWARD_GENERATIONS_MAX);
  assert.equal(next.generation, FORWARD_GENERATIONS_MAX + 1);
  for (const generation of [FORWARD_GENERATIONS_MAX + 1, 2 ** 31, 2 ** 32 - 1]) {
    assert.throws(
      () => keyToReceive(crypto, fresh(), generation),
      (error: MessengerError) => error.code === "mls/generation-too-far",
    );
  }
});

Deno.test("a ratchet at its last generation is not sent with, nor received past", () => {
  const last: SenderRatchet = { ...fresh(), generation: 2 ** 32 - 2 };
  assert.throws(
    () => keyToSend(crypto, last),
    (error: MessengerError) => error.code === "mls/group-full",
  );
  assert.throws(
    () => keyToReceive(crypto, last, 2 ** 32 - 1),
    (error: MessengerError) => error.code === "mls/generation-too-far",
  );
});

Deno.test("keyToSend() refuses a ratchet that was sent with (mistake 8)", () => {
  const ratchet = fresh();
  keyToSend(crypto, ratchet);
  ratchet.sending.spent = true;
  assert.throws(() => keyToSend(crypto, ratchet), AssertionFailure);
});
