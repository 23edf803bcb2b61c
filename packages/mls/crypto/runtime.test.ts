import assert from "node:assert/strict";
import { x448 } from "@noble/curves/ed448.js";
import { AssertionFailure, MessengerError } from "@qpq/ports";
import { seededRandom } from "../vectors/seeded-random.ts";
import { createGroup, drawPrivateKey, type GroupName } from "./diffie-hellman.ts";
import { createKeyCache } from "./key-objects.ts";
import { isMlKem768PublicKey } from "./ml-kem.ts";
import type { CipherSuite } from "./provider.ts";
import { runtimeCryptoProvider } from "./runtime.ts";
import { HYBRID_CIPHER_SUITE } from "./suites.ts";
import { createKdf } from "./symmetric.ts";

const provider = runtimeCryptoProvider();
const random = seededRandom("runtime.test");
const PLAINTEXT = new TextEncoder().encode("path secret");

function isRefusedKey(error: unknown): boolean {
  return error instanceof MessengerError && error.code === "mls/invalid-key";
}

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[index] = (copy[index] as number) ^ 0x01;
  return copy;
}

Deno.test("cipherSuite() has all suites of RFC 9420 and the hybrid, each as one object", () => {
  assert.deepEqual(provider.cipherSuites, [HYBRID_CIPHER_SUITE, 1, 2, 3, 4, 5, 6, 7]);
  for (const id of provider.cipherSuites) {
    assert.equal(provider.cipherSuite(id).id, id);
    assert.equal(provider.cipherSuite(id), provider.cipherSuite(id));
  }
  for (const id of [0, 8, 0x0a0a, 0xffff]) {
    assert.throws(
      () => provider.cipherSuite(id),
      (error: MessengerError) => error.code === "mls/unsupported-cipher-suite",
    );
  }
});

for (const id of provider.cipherSuites) {
  const suite = provider.cipherSuite(id);

  Deno.test(`hpkeOpen() opens what was sealed, and only that: ${suite.name}`, async () => {
    const pair = await suite.generateHpkeKeyPair(random);
    assert.equal(pair.publicKey.length, suite.hpkePublicKeyLength);
    assert.equal(pair.privateKey.length, suite.hpkePrivateKeyLength);
    assert.ok(suite.isHpkePublicKey(pair.publicKey));
    assert.ok(!suite.isHpkePublicKey(pair.publicKey.slice(1)));
    const info = suite.prepareInfo(Uint8Array.of(1, 2, 3));
    const sealed = await suite.hpkeSeal(pair.publicKey, { info, plaintext: PLAINTEXT, random });
    assert.equal(sealed.kemOutput.length, suite.kemOutputLength);
    assert.deepEqual(await suite.hpkeOpen(pair.privateKey, { info, ...sealed }), PLAINTEXT);

    const { kemOutput, ciphertext } = sealed;
    const other = await suite.generateHpkeKeyPair(random);
    const otherInfo = suite.prepareInfo(Uint8Array.of(1, 2, 4));
    const refused = [
      suite.hpkeOpen(other.privateKey, { info, ...sealed }),
      suite.hpkeOpen(pair.privateKey, { info: otherInfo, ...sealed }),
      suite.hpkeOpen(pair.privateKey, { info, kemOutput, ciphertext: flipped(ciphertext, 3) }),
      suite.hpkeOpen(pair.privateKey, { info, kemOutput, ciphertext: ciphertext.slice(0, 15) }),
      suite.hpkeOpen(pair.privateKey, { info, kemOutput: flipped(kemOutput, 9), ciphertext }),
      suite.hpkeOpen(pair.privateKey, { info, kemOutput: kemOutput.slice(1), ciphertext }),
      suite.hpkeOpen(pair.privateKey, { info, kemOutput: new Uint8Array(), ciphertext }),
      suite.hpkeOpen(pair.privateKey, {
        info,
        kemOutput: new Uint8Array(kemOutput.length),
        ciphertext,
      }),
    ];
    for (const opened of await Promise.all(refused)) assert.equal(opened, undefined);
    const shortKey = pair.privateKey.slice(1);
    await assert.rejects(async () => suite.hpkeOpen(shortKey, { info, ...sealed }), isRefusedKey);
  });

  Deno.test(`hpkeExportReceiver() agrees with hpkeExportSender(): ${suite.name}`, async () => {
    const pair = await suite.deriveKeyPair(random.bytes(suite.hashLength));
    const info = suite.prepareInfo(new Uint8Array());
    const exporterContext = new TextEncoder().encode("MLS 1.0 external init secret");
    const length = suite.hashLength;
    const sent = await suite.hpkeExportSender(pair.publicKey, {
      info,
      exporterContext,
      length,
      random,
    });
    const receive = (kemOutput: Uint8Array): Promise<Uint8Array | undefined> =>
      suite.hpkeExportReceiver(pair.privateKey, { info, exporterContext, length, kemOutput });
    assert.deepEqual(await receive(sent.kemOutput), sent.secret);
    assert.equal(sent.secret.length, length);
    assert.equal(await receive(sent.kemOutput.slice(1)), undefined);
    assert.notDeepEqual(await receive(flipped(sent.kemOutput, 5)), sent.secret);
  });

  Deno.test(`deriveKeyPair() depends on its input alone: ${suite.name}`, async () => {
    const input = random.bytes(suite.hashLength);
    const [first, second] = [await suite.deriveKeyPair(input), await suite.deriveKeyPair(input)];
    assert.deepEqual(first, second);
    const other = await suite.deriveKeyPair(flipped(input, 0));
    assert.notDeepEqual(other.publicKey, first.publicKey);
  });

  Deno.test(`verify() takes what sign() made, and only that: ${suite.name}`, () => {
    const pair = suite.generateSignatureKeyPair(random);
    assert.equal(pair.publicKey.length, suite.signaturePublicKeyLength);
    assert.deepEqual(suite.signatureKeyPair(pair.privateKey), pair);
    assert.ok(suite.isSignaturePublicKey(pair.publicKey));
    const signature = suite.sign(pair.privateKey, PLAINTEXT);
    assert.ok(suite.verify(pair.publicKey, PLAINTEXT, signature));
    const other = suite.generateSignatureKeyPair(random);
    assert.ok(!suite.verify(other.publicKey, PLAINTEXT, signature));
    assert.ok(!suite.verify(pair.publicKey, flipped(PLAINTEXT, 0), signature));
    assert.ok(!suite.verify(pair.publicKey, PLAINTEXT, flipped(signature, 12)));
    assert.ok(!suite.verify(pair.publicKey, PLAINTEXT, new Uint8Array()));
    assert.ok(!suite.verify(pair.publicKey, PLAINTEXT, signature.slice(0, -1)));
    assert.ok(!suite.verify(pair.publicKey.slice(1), PLAINTEXT, signature));
    assert.ok(!suite.verify(new Uint8Array(), PLAINTEXT, signature));
    assert.throws(() => suite.sign(pair.privateKey.slice(1), PLAINTEXT), isRefusedKey);
    assert.ok(!suite.isSignaturePublicKey(pair.publicKey.slice(0, -1)));
  });

  Deno.test(`aeadOpen() opens what was sealed, and only that: ${suite.name}`, () => {
    const key = random.bytes(suite.aeadKeyLength);
    const nonce = random.bytes(suite.aeadNonceLength);
    for (const additionalData of [new Uint8Array(), Uint8Array.of(7)]) {
      const input = { key, nonce, additionalData };
      const sealed = suite.aeadSeal({ ...input, text: PLAINTEXT });
      assert.equal(sealed.length, PLAINTEXT.length + suite.aeadTagLength);
      assert.deepEqual(suite.aeadOpen({ ...input, text: sealed }), PLAINTEXT);
      for (const index of [0, PLAINTEXT.length, sealed.length - 1]) {
        assert.equal(suite.aeadOpen({ ...input, text: flipped(sealed, index) }), undefined);
      }
      assert.equal(suite.aeadOpen({ ...input, text: sealed.slice(0, 15) }), undefined);
      assert.equal(suite.aeadOpen({ ...input, key: key.slice(1), text: sealed }), undefined);
      assert.equal(suite.aeadOpen({ ...input, nonce: nonce.slice(1), text: sealed }), undefined);
      const otherData = Uint8Array.of(8);
      assert.equal(
        suite.aeadOpen({ ...input, additionalData: otherData, text: sealed }),
        undefined,
      );
    }
  });

  Deno.test(`destroyKey() overwrites the key: ${suite.name}`, async () => {
    const pair = await suite.generateHpkeKeyPair(random);
    suite.destroyKey(pair.privateKey);
    assert.ok(pair.privateKey.every((byte) => byte === 0));
  });
}

Deno.test("isHpkePublicKey() refuses points of small order", async () => {
  const zero = new Uint8Array(32);
  const x25519 = [
    "00".repeat(32),
    "01" + "00".repeat(31),
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff".repeat(30) + "7f",
    "ed" + "ff".repeat(30) + "7f",
    "ee" + "ff".repeat(30) + "7f",
    "00".repeat(31) + "80",
    "ec" + "ff".repeat(31),
  ].map((text) => Uint8Array.fromHex(text));
  const x448 = [
    "00".repeat(56),
    "01" + "00".repeat(55),
    "fe" + "ff".repeat(27) + "fe" + "ff".repeat(27),
    "ff".repeat(28) + "fe" + "ff".repeat(27),
  ].map((text) => Uint8Array.fromHex(text));
  const hybrid = await provider.cipherSuite(HYBRID_CIPHER_SUITE).generateHpkeKeyPair(random);
  const hybrids = x25519.map((point) => {
    const key = new Uint8Array(hybrid.publicKey);
    key.set(point, key.length - zero.length);
    return key;
  });
  const cases: readonly (readonly [number, readonly Uint8Array[]])[] = [
    [1, x25519],
    [4, x448],
    [HYBRID_CIPHER_SUITE, hybrids],
  ];
  for (const [id, keys] of cases) {
    const suite = provider.cipherSuite(id);
    const info = suite.prepareInfo(new Uint8Array());
    for (const key of keys) {
      assert.ok(!suite.isHpkePublicKey(key));
      const seal = suite.hpkeSeal(key, { info, plaintext: PLAINTEXT, random });
      await assert.rejects(seal, isRefusedKey);
    }
  }
});

Deno.test("isSignaturePublicKey() and verify() refuse keys of small order, which sign everything", () => {
  const y25519 = [
    "00".repeat(32),
    "01" + "00".repeat(31),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff".repeat(30) + "7f",
  ];
  const y448 = [
    "00".repeat(57),
    "01" + "00".repeat(56),
    "fe" + "ff".repeat(27) + "fe" + "ff".repeat(27) + "00",
  ];
  for (const [id, keys] of [[1, y25519], [4, y448]] as const) {
    const suite = provider.cipherSuite(id);
    // R is the neutral element and S is zero.
    const forged = new Uint8Array(id === 1 ? 64 : 114);
    forged[0] = 1;
    for (const key of keys.map((text) => Uint8Array.fromHex(text))) {
      for (const signBit of [0, 0x80]) {
        key[key.length - 1] = ((key.at(-1) as number) & 0x7f) | signBit;
        assert.ok(!suite.isSignaturePublicKey(key));
        for (let message = 0; message < 64; message++) {
          assert.ok(!suite.verify(key, Uint8Array.of(message), forged));
        }
      }
    }
  }
});

Deno.test("agree() refuses a result of zero", async () => {
  for (const name of ["X25519", "X448"] as const) {
    const group = createGroup(name);
    const privateKey = drawPrivateKey(name, random);
    const length = group.publicKeyLength;
    assert.equal(await group.agree(privateKey, new Uint8Array(length)), undefined);
    const publicKey = await group.publicKeyOf(privateKey);
    assert.equal((await group.agree(privateKey, publicKey))?.length, name === "X448" ? 56 : 32);
  }
});

Deno.test("isHpkePublicKey() and isSignaturePublicKey() refuse what is not an uncompressed point of the curve", () => {
  for (const id of [2, 5, 7]) {
    const suite = provider.cipherSuite(id);
    const { publicKey } = suite.generateSignatureKeyPair(random);
    const compressed = publicKey.slice(0, (publicKey.length + 1) / 2);
    compressed[0] = 2;
    // The same point in the hybrid form of X9.62, which some libraries take.
    const hybridForm = publicKey.slice();
    hybridForm[0] = 6 + ((publicKey.at(-1) as number) & 1);
    const refused = [
      flipped(publicKey, publicKey.length - 1),
      compressed,
      hybridForm,
      new Uint8Array(publicKey.length),
      Uint8Array.of(0),
    ];
    for (const key of refused) {
      assert.ok(!suite.isHpkePublicKey(key));
      assert.ok(!suite.isSignaturePublicKey(key));
    }
    assert.ok(suite.isHpkePublicKey(publicKey));
  }
});

Deno.test("signatureKeyPair() refuses a scalar of zero or not below the order", () => {
  const suite = provider.cipherSuite(2);
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  for (const scalar of [new Uint8Array(32), Uint8Array.fromHex(order)]) {
    assert.throws(() => suite.signatureKeyPair(scalar), isRefusedKey);
  }
});

Deno.test("isMlKem768PublicKey() refuses a coefficient of 3329 or more at either end", async () => {
  const { publicKey } = await provider.cipherSuite(HYBRID_CIPHER_SUITE)
    .generateHpkeKeyPair(random);
  const mlKem = publicKey.slice(0, 1184);
  assert.ok(isMlKem768PublicKey(mlKem));
  const first = new Uint8Array(mlKem);
  first.set([0x01, 0x0d | ((mlKem[1] as number) & 0xf0)], 0);
  assert.ok(!isMlKem768PublicKey(first), "3329 as the first coefficient");
  const last = new Uint8Array(mlKem);
  last[1150] = ((mlKem[1150] as number) & 0x0f) | 0x10;
  last[1151] = 0xd0;
  assert.ok(!isMlKem768PublicKey(last), "3329 as the last coefficient");
  last[1150] = (mlKem[1150] as number) & 0x0f;
  assert.ok(isMlKem768PublicKey(last), "3328 as the last coefficient");
  assert.ok(!isMlKem768PublicKey(mlKem.slice(1)));
  const whole = new Uint8Array(publicKey);
  whole.set(first);
  assert.ok(!provider.cipherSuite(HYBRID_CIPHER_SUITE).isHpkePublicKey(whole));
});

Deno.test("prepareInfo() binds the suite: another suite's info is a bug of the caller", async () => {
  const info = provider.cipherSuite(3).prepareInfo(new Uint8Array());
  const { publicKey } = await provider.cipherSuite(1).generateHpkeKeyPair(random);
  assert.throws(
    () => provider.cipherSuite(1).hpkeSeal(publicKey, { info, plaintext: PLAINTEXT, random }),
    AssertionFailure,
  );
});

Deno.test("createKeyCache() forgets a key whose bytes were changed", () => {
  const cache = createKeyCache<string>();
  const key = Uint8Array.of(1, 2, 3);
  cache.set(key, "imported");
  assert.equal(cache.get(key), "imported");
  assert.equal(cache.get(Uint8Array.of(1, 2, 3)), undefined);
  key[0] = 9;
  assert.equal(cache.get(key), undefined);
  key[0] = 1;
  cache.forget(key);
  assert.equal(cache.get(key), undefined);
});

Deno.test("a key that was changed in place is used as it now is", async () => {
  for (const id of [1, HYBRID_CIPHER_SUITE]) {
    const suite: CipherSuite = provider.cipherSuite(id);
    const [first, second] = [
      await suite.generateHpkeKeyPair(random),
      await suite.generateHpkeKeyPair(random),
    ];
    const info = suite.prepareInfo(new Uint8Array());
    const key = new Uint8Array(first.publicKey);
    await suite.hpkeSeal(key, { info, plaintext: PLAINTEXT, random });
    key.set(second.publicKey);
    const sealed = await suite.hpkeSeal(key, { info, plaintext: PLAINTEXT, random });
    assert.deepEqual(await suite.hpkeOpen(second.privateKey, { info, ...sealed }), PLAINTEXT);
    first.privateKey.set(second.privateKey);
    assert.deepEqual(await suite.hpkeOpen(first.privateKey, { info, ...sealed }), PLAINTEXT);
  }
});

Deno.test("drawPrivateKey() gives scalars only, masked where the order is short", async () => {
  const names: readonly GroupName[] = ["X25519", "X448", "P-256", "P-384", "P-521"];
  for (const name of names) {
    const group = createGroup(name);
    for (let draw = 0; draw < 5; draw++) {
      const key = drawPrivateKey(name, random);
      assert.equal(key.length, group.privateKeyLength);
      assert.equal((await group.publicKeyOf(key)).length, group.publicKeyLength);
      if (name === "P-521") assert.ok((key[0] as number) <= 1);
    }
  }
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  const answers = [order, "00".repeat(32), "00".repeat(31) + "07"];
  const scripted = { bytes: () => Uint8Array.fromHex(answers.shift() ?? assert.fail()) };
  assert.equal(drawPrivateKey("P-256", scripted).at(-1), 7);
  const stuck = { bytes: () => new Uint8Array(32) };
  assert.throws(() => drawPrivateKey("P-256", stuck), AssertionFailure);
});

Deno.test("expand() agrees with RFC 5869 A.1 and A.2", () => {
  const kdf = createKdf("SHA-256");
  const bytes = (from: number, to: number): Uint8Array =>
    Uint8Array.from({ length: to - from }, (_, index) => from + index);
  const first = kdf.extract(bytes(0, 13), new Uint8Array(22).fill(0x0b));
  assert.equal(
    kdf.expand(first, bytes(0xf0, 0xfa), 42).toHex(),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  const second = kdf.extract(bytes(0x60, 0xb0), bytes(0x00, 0x50));
  assert.equal(
    kdf.expand(second, bytes(0xb0, 0x100), 82).toHex(),
    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
      "cc30c58179ec3e87c14c01d5c1f3434f1d87",
  );
  assert.deepEqual(kdf.expand(first, bytes(0xf0, 0xfa), 32).length, 32);
  assert.throws(() => kdf.expand(first, new Uint8Array(), 255 * 32 + 1), AssertionFailure);
});

Deno.test("publicKeyOf() and agree() of X448 agree with noble for any scalar", async () => {
  const group = createGroup("X448");
  for (let round = 0; round < 16; round++) {
    const [own, other] = [random.bytes(56), random.bytes(56)];
    assert.equal((await group.publicKeyOf(own)).toHex(), x448.getPublicKey(own).toHex());
    const otherPublic = x448.getPublicKey(other);
    const agreed = await group.agree(own, otherPublic);
    assert.equal(agreed?.toHex(), x448.getSharedSecret(own, otherPublic).toHex());
  }
});
