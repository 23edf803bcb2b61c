import assert from "node:assert/strict";
import { createSeededRandom, systemRandom } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import { parseAccountName, parseNewAccountName } from "./names.ts";
import { generatePassphrase, passwordWeakness, preparePassword } from "./passwords.ts";

Deno.test("preparePassword() takes 1 to 1,024 bytes of text and normalises it", () => {
  assert.equal(preparePassword("x"), "x");
  assert.equal(preparePassword("e\u0301"), "\u00e9");
  assert.equal(preparePassword("ü".repeat(512)).length, 512);
  for (
    const refused of ["", "ü".repeat(513), "x".repeat(1_025), "\ud800", "x".repeat(10_000_000)]
  ) {
    assert.throws(
      () => preparePassword(refused),
      (error) => error instanceof MessengerError && error.code === "accounts/password-invalid",
    );
  }
});

Deno.test("passwordWeakness() names what is short, common, or the name", () => {
  assert.equal(passwordWeakness("seven 7", "alice"), "short");
  assert.equal(passwordWeakness("\u{1f600}".repeat(7), "alice"), "short");
  assert.equal(passwordWeakness("Password123", "alice"), "common");
  assert.equal(passwordWeakness("Wonderland", "wonderland"), "name");
  assert.equal(passwordWeakness("eight ch", "alice"), undefined);
});

Deno.test("generatePassphrase() gives 96 bits as six pronounceable words, none twice", () => {
  const random = createSeededRandom(1);
  const phrases = Array.from({ length: 200 }, () => generatePassphrase(random));
  for (const phrase of phrases) {
    assert.match(phrase, /^([bdfghj-np-tvz][aiou][bdfghj-np-tvz][aiou][bdfghj-np-tvz]-?){6}$/);
    assert.equal(passwordWeakness(phrase, "alice"), undefined);
  }
  assert.equal(new Set(phrases).size, 200);
  assert.notEqual(generatePassphrase(systemRandom), generatePassphrase(systemRandom));
});

Deno.test("generatePassphrase() loses none of its random bits", () => {
  const seen = new Set<string>();
  for (let word = 0; word < 65_536; word++) {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setUint16(0, word);
    seen.add(generatePassphrase({ bytes: () => bytes }).slice(0, 5));
  }
  assert.equal(seen.size, 65_536);
});

Deno.test("parseAccountName() folds ASCII letters alone", () => {
  assert.equal(parseAccountName("Alice_1.b-c"), "alice_1.b-c");
  assert.equal(parseAccountName("_x."), "_x.");
  // The Kelvin sign has a lower case that is plain ASCII.
  for (const refused of ["\u212Aelvin", "a", "..", "-rf", "x".repeat(33), "a\n"]) {
    assert.throws(() => parseAccountName(refused), MessengerError);
  }
  assert.throws(
    () => parseNewAccountName("SUPPORT"),
    (error) => error instanceof MessengerError && error.code === "accounts/name-reserved",
  );
});
