import assert from "node:assert/strict";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, LIFETIME, provider, random, stage } from "../test/members.ts";
import { isLastResort, validateKeyPackage } from "../key-package.ts";
import { createCommit } from "./create-commit.ts";
import { createGroup } from "./create-group.ts";
import { createCapabilities, createIdentity, createKeyPackage, GREASE_VALUES } from "./identity.ts";
import { joinGroup, retireKeyPackage } from "./join.ts";
import type { GroupState } from "./state.ts";

Deno.test("GREASE_VALUES are those of RFC 9420 §13.5", () => {
  assert.deepEqual(GREASE_VALUES.slice(0, 3), [0x0a0a, 0x1a1a, 0x2a2a]);
  assert.equal(GREASE_VALUES.at(-1), 0xeaea);
  assert.equal(GREASE_VALUES.length, 15);
});

Deno.test("createCapabilities() lists no default type, and a GREASE value in each list (§7.2)", () => {
  const plain = createCapabilities({ cipherSuites: [1], credentials: [1] });
  assert.deepEqual(plain, {
    versions: [1],
    cipherSuites: [1],
    extensions: [0x000a],
    proposals: [0x000a],
    credentials: [1],
  });
  const { versions, ...greased } = createCapabilities({
    cipherSuites: [1],
    credentials: [1],
    random,
  });
  assert.deepEqual(versions, [1]);
  for (const list of Object.values(greased)) {
    assert(list.some((value: number) => GREASE_VALUES.includes(value)));
  }
});

Deno.test("unknown values and GREASE are ignored where they may be (§13.4, §13.5)", async () => {
  const grease = 0x3a3a;
  const extension = { extensionType: grease, extensionData: random.bytes(9) };
  const identity = identityOf("dave", { extensionTypes: [grease], extensions: [extension] });
  const own = await createKeyPackage(CRYPTO, {
    identity,
    lifetime: LIFETIME,
    random,
    extensions: [extension],
  });
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [addOf(own)],
    welcomeExtensions: [extension],
  });
  await stage(bob, commit.commit);
  const options = { ...acceptAll, keyPackages: [own] };
  const joined = await joinGroup(CRYPTO, commit.welcome as Uint8Array, options);
  assert.deepEqual(joined.groupInfo.extensions.at(-1), extension);
});

Deno.test("createIdentity() lists its own extensions and credential type", async () => {
  const identity = createIdentity(CRYPTO, {
    credential: { kind: "x509", certificates: [Uint8Array.of(1)] },
    signatureKeyPair: CRYPTO.generateSignatureKeyPair(random),
    random,
    extensions: [{ extensionType: 0xf00, extensionData: Uint8Array.of() }],
  });
  assert(identity.capabilities.extensions.includes(0xf00));
  assert(identity.capabilities.credentials.includes(2));
  validateKeyPackage(CRYPTO, (await keyPackageOf(identity)).keyPackage);
});

Deno.test("a last-resort KeyPackage is marked, and joins twice (draft §5.4)", async () => {
  const identity = identityOf("carol");
  const options = { identity, lifetime: LIFETIME, random };
  assert.equal(isLastResort((await createKeyPackage(CRYPTO, options)).keyPackage), false);
  const own = await createKeyPackage(CRYPTO, { ...options, lastResort: true });
  assert.equal(isLastResort(own.keyPackage), true);
  for (let round = 0; round < 2; round++) {
    const [alice] = await createMembers(2) as [GroupState];
    const commit = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
    const { state } = await joinGroup(CRYPTO, commit.welcome as Uint8Array, {
      ...acceptAll,
      keyPackages: [own],
    });
    assert.deepEqual(state.context, commit.staged.next.context);
  }
  retireKeyPackage(CRYPTO, own);
});

for (const id of provider.cipherSuites) {
  const crypto = provider.cipherSuite(id);
  Deno.test(`a group lives in ${crypto.name}`, async () => {
    const [alice, bob] = await createMembers(3, { crypto }) as [GroupState, GroupState];
    const commit = await createCommit(bob, {
      ...commitOptions,
      proposals: [{ kind: "remove", removed: 2 }],
    });
    const staged = await stage(alice, commit.commit);
    assert.deepEqual(staged.next.context, commit.staged.next.context);
  });
}

Deno.test("createGroup() makes a random id, or takes the one given (§11)", async () => {
  const options = { identity: identityOf("alice"), lifetime: LIFETIME, random };
  const [one, other] = [await createGroup(CRYPTO, options), await createGroup(CRYPTO, options)];
  assert.equal(one.context.groupId.length, 32);
  assert.notDeepEqual(one.context.groupId, other.context.groupId);
  assert.equal(one.context.epoch, 0n);
  assert.equal(one.context.confirmedTranscriptHash.length, 0);
  const given = await createGroup(CRYPTO, { ...options, groupId: Uint8Array.of(1) });
  assert.deepEqual(given.context.groupId, Uint8Array.of(1));
});
