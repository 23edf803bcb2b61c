import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { issue } from "./test/certificates.ts";
import {
  certificateSha256,
  decodeOffer,
  encodeOffer,
  formatPin,
  OFFER_BYTES_MAX,
  parsePin,
} from "./tls-trust.ts";

const one = await issue("one");
const other = await issue("other");

Deno.test("decodeOffer() reads what encodeOffer() wrote, whole, and refuses the rest", () => {
  const offer = [one.der, other.der];
  const bytes = encodeOffer(offer);
  assert.deepEqual(decodeOffer(bytes), offer);
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeOffer(bytes.subarray(0, length)), undefined);
  }
  assert.throws(() => decodeOffer(Uint8Array.from([...bytes, 0])), isCode("malformed"));
  assert.throws(() => decodeOffer(Uint8Array.of(0)), isCode("too-large"));
  assert.throws(() => decodeOffer(Uint8Array.of(6)), isCode("too-large"));
  assert.throws(() => decodeOffer(Uint8Array.of(1, 0, 0, 64, 1)), isCode("too-large"));
  assert.equal(OFFER_BYTES_MAX, 81_941);
});

Deno.test("parsePin() reads what formatPin() writes, and nothing that is not a pin", () => {
  const text = formatPin(one.der);
  assert.match(text, /^sha256:[0-9a-f]{64}$/);
  const expected = { kind: "pin", sha256: Uint8Array.from(certificateSha256(one.der)) };
  assert.deepEqual(parsePin(text), expected);
  const digits = text.slice(7);
  const withColons = (digits.match(/../g) ?? []).join(":").toUpperCase();
  assert.deepEqual(parsePin(` sha256:${withColons}\n`), expected);
  const wrong = [digits, `sha1:${digits}`, text.slice(0, -1), `${text}0`, text.replace(/.$/, "g")];
  for (const bad of [...wrong, "", "sha256:"]) {
    assert.throws(() => parsePin(bad), isCode("tls/bad-pin"));
  }
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
