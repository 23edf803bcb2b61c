/**
 * Nothing secret is left behind: every array that a derivation gave is zeros, or reachable from the
 * state that goes on, once the one before was retired.
 */
import assert from "node:assert/strict";
import type { CipherSuite } from "../crypto/provider.ts";
import { encryptMessage } from "../group/application.ts";
import { createCommit } from "../group/create-commit.ts";
import { processMessage } from "../group/process-message.ts";
import { type GroupState, retire } from "../group/state.ts";
import { acceptAll, commitOptions, createMembers, CRYPTO, random, receive } from "./members.ts";

interface Derived {
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** The suite, with every output of HKDF-Expand noted: each is a secret, a key, a nonce or a tag. */
function watch(): { readonly crypto: CipherSuite; readonly derived: Derived[] } {
  const derived: Derived[] = [];
  const crypto: CipherSuite = Object.create(CRYPTO, {
    hkdfExpand: {
      value: (prk: Uint8Array, info: Uint8Array, length: number) => {
        const bytes = CRYPTO.hkdfExpand(prk, info, length);
        const label = new TextDecoder().decode(info).replace(/[^ -~]/g, "");
        derived.push({ label, bytes });
        return bytes;
      },
    },
  });
  return { crypto, derived };
}

function reachableFrom(root: unknown): ReadonlySet<unknown> {
  const seen = new Set<unknown>([root]);
  for (const each of seen) {
    if (typeof each !== "object" || each === null || each instanceof Uint8Array) continue;
    const inside = each instanceof Map ? each.values() : Object.values(each);
    for (const value of inside) seen.add(value);
  }
  return seen;
}

function leftBehind(derived: readonly Derived[], state: GroupState): readonly string[] {
  const { crypto: _, ...rest } = state;
  const held = reachableFrom(rest);
  return derived.filter(({ bytes }) => !held.has(bytes) && bytes.some((byte) => byte !== 0))
    .map(({ label }) => label);
}

const DATA = Uint8Array.of(1, 2, 3);

Deno.test("no key of a message that was read is left, whatever the order it came in", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const messages: Uint8Array[] = [];
  let sending = alice;
  for (let index = 0; index < 4; index++) {
    const { state, message } = encryptMessage(sending, DATA, { random });
    messages.push(message);
    sending = state;
  }
  const { crypto, derived } = watch();
  let reading: GroupState = { ...bob, crypto };
  for (const index of [2, 0, 1, 3]) {
    const { state } = await receive(reading, messages[index] as Uint8Array, "application");
    retire(reading, state);
    reading = state;
  }
  assert.ok(derived.length > 20);
  assert.deepEqual(leftBehind(derived, reading), []);
});

Deno.test("no key of a message that was refused is left", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { crypto, derived } = watch();
  const reading: GroupState = { ...bob, crypto };
  const { message } = encryptMessage(alice, DATA, { random });
  const flipped = message.slice();
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  await assert.rejects(processMessage(reading, flipped, acceptAll));
  const ofMessages = leftBehind(derived, reading).filter((label) => /key|nonce/.test(label));
  assert.deepEqual(ofMessages, []);
  await receive(reading, message, "application");
});

Deno.test("no key of a message that was sent is left", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const { crypto, derived } = watch();
  const sending: GroupState = { ...alice, crypto };
  const { state } = encryptMessage(sending, DATA, { random });
  retire(sending, state);
  assert.ok(derived.length > 3);
  assert.deepEqual(leftBehind(derived, state), []);
});

Deno.test("after a commit was processed no key of its message is left", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { commit } = await createCommit(alice, commitOptions);
  const { crypto, derived } = watch();
  const reading: GroupState = { ...bob, crypto };
  const outcome = await processMessage(reading, commit, acceptAll);
  assert.equal(outcome.kind, "commit-staged");
  if (outcome.kind !== "commit-staged") return;
  retire(outcome.state, outcome.staged.next);
  retire(reading, outcome.staged.next);
  const left = leftBehind(derived, outcome.staged.next);
  assert.deepEqual(left.filter((label) => /key|nonce|secret/.test(label)), []);
});
