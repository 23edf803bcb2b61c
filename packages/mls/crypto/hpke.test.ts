import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import { XWing } from "@noble/post-quantum/hybrid.js";
import { deterministicMlKem768 } from "../vectors/deterministic-ml-kem.ts";
import { seededRandom } from "../vectors/seeded-random.ts";
import { createDiffieHellmanKem } from "./diffie-hellman.ts";
import { createHpke } from "./hpke.ts";
import { webCryptoMlKem768 } from "./ml-kem.ts";
import { HPKE_VECTORS, KEM_VECTORS, X_WING_VECTOR } from "../vectors/published.ts";
import { createAead, createKdf } from "./symmetric.ts";
import { createXWing } from "./x-wing.ts";

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);

/** Gives the prepared strings, one a call. */
function preparedRandom(strings: readonly string[]): Random {
  let next = 0;
  return {
    bytes(length) {
      const prepared = hex(strings[next++] ?? assert.fail("one call too many"));
      assert.equal(prepared.length, length);
      return prepared;
    },
  };
}

for (const vector of KEM_VECTORS) {
  Deno.test(`createDiffieHellmanKem() agrees with ${vector.source} (${vector.kem})`, async () => {
    const kem = createDiffieHellmanKem(vector.kem);
    if (vector.ephemeralInputKeyMaterial !== undefined) {
      const derived = await kem.deriveKeyPair(hex(vector.ephemeralInputKeyMaterial));
      assert.equal(derived.privateKey.toHex(), vector.ephemeralPrivateKey);
      assert.equal(derived.publicKey.toHex(), vector.output);
    }
    if (vector.inputKeyMaterial !== undefined) {
      const derived = await kem.deriveKeyPair(hex(vector.inputKeyMaterial));
      assert.equal(derived.privateKey.toHex(), vector.privateKey);
      assert.equal(derived.publicKey.toHex(), vector.publicKey);
    }
    if (vector.ephemeralPrivateKey !== undefined) {
      const random = preparedRandom([vector.ephemeralPrivateKey]);
      const sent = await kem.encapsulate(hex(vector.publicKey), random);
      assert.equal(sent.output.toHex(), vector.output);
      assert.equal(sent.secret.toHex(), vector.secret);
    }
    const received = await kem.decapsulate(hex(vector.privateKey), hex(vector.output));
    assert.equal(received?.toHex(), vector.secret);
  });
}

for (const vector of HPKE_VECTORS) {
  Deno.test(`createHpke() agrees with ${vector.source} (${vector.kem})`, async () => {
    const kem = vector.kem === "X-Wing"
      ? createXWing(deterministicMlKem768())
      : createDiffieHellmanKem(vector.kem);
    const hpke = createHpke({
      kem,
      kdf: createKdf("SHA-256"),
      kdfId: 0x0001,
      aead: createAead(vector.aead),
      aeadId: vector.aead === "AES-128-GCM" ? 0x0001 : 0x0003,
    });
    const privateKey = hex(vector.privateKey);
    const publicKey = await publicKeyOf(vector.kem, privateKey);
    const keyScheduleContext = hpke.keyScheduleContext(hex(vector.info));
    const additionalData = hex(vector.additionalData);
    const sealed = await hpke.seal(publicKey, {
      keyScheduleContext,
      additionalData,
      plaintext: hex(vector.plaintext),
      random: preparedRandom(vector.random),
    });
    assert.equal(sealed.ciphertext.toHex(), vector.ciphertext);
    const opened = await hpke.open(privateKey, { keyScheduleContext, additionalData, ...sealed });
    assert.equal(opened?.toHex(), vector.plaintext);

    const exporterContext = hex(vector.exporterContext);
    const length = vector.exported.length / 2;
    const exported = await hpke.exportSender(publicKey, {
      keyScheduleContext,
      exporterContext,
      length,
      random: preparedRandom(vector.random),
    });
    assert.equal(exported.secret.toHex(), vector.exported);
    assert.deepEqual(
      await hpke.exportReceiver(privateKey, {
        keyScheduleContext,
        exporterContext,
        length,
        kemOutput: exported.kemOutput,
      }),
      exported.secret,
    );
  });
}

async function publicKeyOf(kem: string, privateKey: Uint8Array): Promise<Uint8Array> {
  if (kem === "X-Wing") {
    return XWing.getPublicKey?.(privateKey) ?? XWing.keygen(privateKey).publicKey;
  }
  const known = KEM_VECTORS.find((vector) => vector.privateKey === privateKey.toHex());
  return hex(known?.publicKey ?? assert.fail());
}

Deno.test("createXWing() agrees with the draft's vector", async () => {
  const { seed, encapsulationSeed, ...expected } = X_WING_VECTOR;
  const publicKey = new Uint8Array(XWing.keygen(hex(seed)).publicKey);
  assert.equal(publicKey.toHex().slice(0, 32), expected.publicKeyStart);
  const sent = await createXWing(deterministicMlKem768()).encapsulate(
    publicKey,
    preparedRandom([encapsulationSeed.slice(64), encapsulationSeed.slice(0, 64)]),
  );
  assert.equal(sent.output.toHex().slice(0, 32), expected.outputStart);
  assert.equal(sent.secret.toHex(), expected.secret);
  const received = await createXWing(webCryptoMlKem768()).decapsulate(hex(seed), sent.output);
  assert.equal(received?.toHex(), expected.secret);
});

Deno.test("createXWing() with WebCrypto agrees with noble in both directions", async () => {
  const random = seededRandom("x-wing against noble");
  const native = createXWing(webCryptoMlKem768());
  for (let round = 0; round < 8; round++) {
    const pair = await native.generateKeyPair(random);
    const reference = XWing.keygen(pair.privateKey);
    assert.deepEqual(pair.publicKey, new Uint8Array(reference.publicKey));
    const sent = await native.encapsulate(pair.publicKey, random);
    assert.deepEqual(
      new Uint8Array(XWing.decapsulate(sent.output, reference.secretKey)),
      sent.secret,
    );
    const byReference = XWing.encapsulate(pair.publicKey);
    assert.deepEqual(
      await native.decapsulate(pair.privateKey, byReference.cipherText),
      new Uint8Array(byReference.sharedSecret),
    );
  }
});

Deno.test("createXWing().deriveKeyPair() labels its input as draft-ietf-hpke-pq-05 §4 does", async () => {
  const input = hex("c8575d137deab99ac98fb0873048c83c3a1f47ef5b409f609c0ca652f58c83e0");
  const pair = await createXWing(webCryptoMlKem768()).deriveKeyPair(input);
  const expected = "b6bfa0299b955e85224df2e468f29eeab377ff3b96d4462b39447a22d32b91be";
  assert.equal(pair.privateKey.toHex(), expected);
  assert.equal(pair.publicKey.toHex().slice(0, 32), "d3d102410970b8bab298400866991449");
  assert.deepEqual(pair.publicKey, new Uint8Array(XWing.keygen(hex(expected)).publicKey));
});
