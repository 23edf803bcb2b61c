import assert from "node:assert/strict";
import fc from "fast-check";
import { hotCall, hotResult, readHotCall, readHotResult } from "./hot-messages.ts";
import {
  decodeClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  encodeServerMessage,
} from "./session.gen.ts";
import { probeMethods } from "./test/probe.gen.ts";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

Deno.test("hotCall() and readHotCall() are the generated code's, for every call", () => {
  fc.assert(
    fc.property(uint32, uint32, fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(65_535), (...values) => {
      const [callId, timeoutMs, interfaceId, ordinal] = values;
      const call = { interfaceId, ordinal, timeoutMs };
      const frame = encodeClientMessage({ callId, kind: "call", call });
      const method = { ...probeMethods.echo, interfaceId, ordinal };
      assert.deepEqual(hotCall(method, callId, timeoutMs), frame);
      assert.deepEqual(readHotCall(frame), decodeClientMessage(frame));
    }),
  );
});

Deno.test("hotResult() and readHotResult() are the generated code's, for every result", () => {
  fc.assert(
    fc.property(uint32, (callId) => {
      const frame = encodeServerMessage({ callId, kind: "result" });
      assert.deepEqual(hotResult(callId), frame);
      assert.equal(readHotResult(frame), decodeServerMessage(frame).callId);
    }),
  );
});

Deno.test("what differs in a single bit from a known form is read as the generated code reads it", () => {
  const call = encodeClientMessage({
    callId: 7,
    kind: "call",
    call: { interfaceId: 0x1122334455667788n, ordinal: 3, timeoutMs: 1_000 },
  });
  const result = encodeServerMessage({ callId: 7, kind: "result" });
  let left = 0;
  for (let bit = 0; bit < call.length * 8; bit++) {
    const changed = flipped(call, bit);
    const read = readHotCall(changed);
    if (read === undefined) left += 1;
    else assert.deepEqual(read, decodeClientMessage(changed));
  }
  // Header, root pointer, kind, padding and the unused pointer.
  assert.equal(left, 8 * (8 + 8 + 2 + 4 + 8));
  for (let bit = 0; bit < result.length * 8; bit++) {
    const changed = flipped(result, bit);
    const read = readHotResult(changed);
    if (read !== undefined) {
      assert.deepEqual(decodeServerMessage(changed), { callId: read, kind: "result" });
    }
  }
  for (let length = 0; length < call.length; length++) {
    assert.equal(readHotCall(call.subarray(0, length)), undefined);
    assert.equal(readHotResult(result.subarray(0, Math.min(length, 31))), undefined);
  }
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
  return changed;
}
