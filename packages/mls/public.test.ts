import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { countingProvider, type WorkCounter } from "./fuzz/counting-provider.ts";
import { encryptMessage } from "./group/application.ts";
import { createCommit } from "./group/create-commit.ts";
import { createExternalProposal } from "./group/create-proposal.ts";
import { joinByExternalCommit } from "./group/external-commit.ts";
import { createGroupInfo, ratchetTree } from "./group/group-info.ts";
import { createKeyPackage } from "./group/identity.ts";
import { joinGroup } from "./group/join.ts";
import { processMessage } from "./group/process-message.ts";
import type { GroupState } from "./group/state.ts";
import {
  acceptKeyPackage,
  externalCommitOf,
  membersOf,
  parseGroupInfo,
  parseKeyPackage,
  parseMessageHeader,
  parseRatchetTree,
  validateGroupInfo,
  validateGroupInfoPausing,
  validateKeyPackage,
  validateKeyPackageLifetime,
  verifyPublicMessage,
} from "./public.ts";
import { forgeKeyPackage } from "./test/forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "./test/members.ts";
import { identityOf, keyPackageOf, LIFETIME, NOW_MS, provider, random } from "./test/members.ts";
import { VALIDATION_SLICE_NODES_COUNT } from "./slices.ts";
import type { UnsignedKeyPackage } from "./wire/key-package.ts";
import { KEY_PACKAGE_BYTES_MAX } from "./wire/limits.ts";

Deno.test("public.ts reaches no module that holds, derives or decrypts a secret", () => {
  const root = dirname(fileURLToPath(import.meta.url));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const [, from] of readFileSync(path, "utf8").matchAll(/from "(\..*?)";/g)) {
      visit(join(dirname(path), from as string));
    }
  };
  visit(join(root, "public.ts"));
  const paths = [...reached].map((path) => relative(root, path));
  const isPublic = (path: string): boolean =>
    /^(codec|wire|tree)\//.test(path) ||
    ["public.ts", "labels.ts", "key-package.ts", "group-info.ts", "slices.ts", "crypto/provider.ts"]
      .includes(path);
  assert.deepEqual(paths.filter((path) => !isPublic(path)), []);
  assert(paths.length > 10);
});

Deno.test("parseMessageHeader() shows of a PrivateMessage what is in clear", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const authenticatedData = Uint8Array.of(4, 5);
  const { message } = encryptMessage(alice, Uint8Array.of(1), { random, authenticatedData });
  const header = parseMessageHeader(message);
  assert.deepEqual(header, {
    wireFormat: "private-message",
    groupId: alice.context.groupId,
    epoch: 1n,
    contentType: "application",
    authenticatedData,
    sender: undefined,
    publicMessage: undefined,
  });
  assert.equal(externalCommitOf(header), undefined);
  const group = { context: alice.context, tree: await alice.tree.load() };
  assert.throws(() => verifyPublicMessage(CRYPTO, header, group), { code: "mls/invalid-message" });
});

Deno.test("parseMessageHeader() shows the sender of a PublicMessage", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const commit = await createCommit(alice, { ...commitOptions, wireFormat: "public-message" });
  const header = parseMessageHeader(commit.commit);
  assert.equal(header.contentType, "commit");
  assert.deepEqual(header.sender, { kind: "member", leafIndex: 0 });
  const own = await keyPackageOf(identityOf("carol"));
  assert.throws(() => parseMessageHeader(own.message), { code: "mls/invalid-message" });
});

Deno.test("verifyPublicMessage() refuses an outsider's Add to another group or epoch", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const identity = identityOf("carol");
  const { keyPackage } = await keyPackageOf(identity);
  const { context } = alice;
  const tree = await alice.tree.load();
  const verifyAddTo = (place: { readonly groupId?: Uint8Array; readonly epoch?: bigint }): void => {
    // Nothing but the header says which group it is for: its signature covers no context.
    const message = createExternalProposal(CRYPTO, { kind: "add", keyPackage }, {
      groupId: context.groupId,
      epoch: context.epoch,
      ...place,
      sender: { kind: "new-member-proposal" },
      signaturePrivateKey: identity.signatureKeyPair.privateKey,
    });
    verifyPublicMessage(CRYPTO, parseMessageHeader(message), { context, tree });
  };
  verifyAddTo({});
  assert.throws(() => verifyAddTo({ epoch: 9n }), { code: "mls/invalid-message" });
  const groupId = Uint8Array.of(9);
  assert.throws(() => verifyAddTo({ groupId }), { code: "mls/invalid-message" });
});

Deno.test("a KeyPackage's capabilities have its own extensions (RFC 9420 §10)", async () => {
  const extensions = [{ extensionType: 0xf0f0, extensionData: Uint8Array.of(1) }];
  const refused = { code: "mls/invalid-key-package", message: /own extensions/ };
  const outer = (each: UnsignedKeyPackage): UnsignedKeyPackage => ({ ...each, extensions });
  const forged = await forgeKeyPackage(identityOf("carol"), { outer });
  assert.throws(() => validateKeyPackage(CRYPTO, forged.keyPackage), refused);
  const options = { lifetime: LIFETIME, random, extensions };
  const unable = createKeyPackage(CRYPTO, { ...options, identity: identityOf("carol") });
  await assert.rejects(unable, refused);
  const able = identityOf("carol", { extensionTypes: [0xf0f0] });
  const own = await createKeyPackage(CRYPTO, { ...options, identity: able });
  validateKeyPackage(CRYPTO, own.keyPackage);
});

Deno.test("acceptKeyPackage() decodes with a limit and checks everything", async () => {
  const own = await keyPackageOf(identityOf("carol"));
  const options = { nowMs: NOW_MS };
  assert.deepEqual(acceptKeyPackage(CRYPTO, own.message, options), own.keyPackage);
  const huge = new Uint8Array(KEY_PACKAGE_BYTES_MAX + 1);
  assert.throws(() => parseKeyPackage(huge), { code: "too-large" });
  const [alice] = await createMembers(1) as [GroupState];
  const groupInfo = await createGroupInfo(alice);
  assert.throws(() => parseKeyPackage(groupInfo), { code: "mls/invalid-key-package" });
  const lifetimeSecondsMax = 60;
  assert.throws(() => acceptKeyPackage(CRYPTO, own.message, { ...options, lifetimeSecondsMax }), {
    code: "mls/key-package-expired",
  });
});

Deno.test("validateKeyPackageLifetime() refuses a leaf without a lifetime", async () => {
  const { keyPackage } = await keyPackageOf(identityOf("carol"));
  const leafNode = { ...keyPackage.leafNode, source: { kind: "update" } } as const;
  const refused = () => validateKeyPackageLifetime({ ...keyPackage, leafNode }, { nowMs: NOW_MS });
  assert.throws(refused, { code: "mls/invalid-key-package" });
});

Deno.test("validateGroupInfo() refuses another cipher suite than its own", async () => {
  const [alice] = await createMembers(1) as [GroupState];
  const info = parseGroupInfo(await createGroupInfo(alice));
  const groupContext = { ...info.groupContext, cipherSuite: 3 };
  assert.throws(() => validateGroupInfo(CRYPTO, { ...info, groupContext }), {
    code: "mls/invalid-group-info",
  });
});

Deno.test("validateGroupInfo() does no work for a tree of more leaves than it is asked for", async () => {
  const counter: WorkCounter = { operations: 0 };
  const crypto = countingProvider(provider, counter).cipherSuite(CRYPTO.id);
  const [alice] = await createMembers(3) as [GroupState];
  for (const isInside of [true, false]) {
    const info = parseGroupInfo(await createGroupInfo(alice, { ratchetTree: isInside }));
    const beside = isInside ? undefined : await ratchetTree(alice);
    counter.operations = 0;
    const refused = () =>
      validateGroupInfo(crypto, info, { ratchetTree: beside, leavesCountMax: 2 });
    assert.throws(refused, { code: "mls/invalid-group-info", message: /more than 2 leaves/ });
    assert.equal(counter.operations, 0);
    validateGroupInfo(crypto, info, { ratchetTree: beside, leavesCountMax: 3 });
    assert.ok(counter.operations > 0);
  }
});

Deno.test("who joins a large group pauses after a bounded number of nodes, or stops", async () => {
  const counter: WorkCounter = { operations: 0 };
  const crypto = countingProvider(provider, counter).cipherSuite(CRYPTO.id);
  const count = 3 * VALIDATION_SLICE_NODES_COUNT;
  const [alice] = await createMembers(count) as [GroupState];
  const info = await createGroupInfo(alice);
  const own = await keyPackageOf(identityOf("dave"));
  const added = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
  const entries: readonly ((pause: () => Promise<void>) => Promise<unknown>)[] = [
    (pause) => validateGroupInfoPausing(crypto, parseGroupInfo(info), { pause }),
    (pause) =>
      joinByExternalCommit(crypto, info, { ...commitOptions, identity: identityOf("dave"), pause }),
    (pause) =>
      joinGroup(crypto, added.welcome as Uint8Array, { ...acceptAll, keyPackages: [own], pause }),
  ];
  for (const enter of entries) {
    const slices: number[] = [];
    counter.operations = 0;
    await enter(() => {
      slices.push(counter.operations);
      counter.operations = 0;
      return Promise.resolve();
    });
    // Subtrees' hashes, parents twice, leaves.
    assert.ok(slices.length >= 6);
    // A leaf and a parent are one hash each; a leaf's signature, and what comes before the first slice.
    for (const operations of slices) assert.ok(operations <= 3 * VALIDATION_SLICE_NODES_COUNT);
    const stop = new Error("enough");
    await assert.rejects(enter(() => Promise.reject(stop)), stop);
  }
});

Deno.test("who processes a commit of many Adds pauses after a bounded number of them", async () => {
  const counter: WorkCounter = { operations: 0 };
  const crypto = countingProvider(provider, counter).cipherSuite(CRYPTO.id);
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const proposals = await Promise.all(
    Array.from(
      { length: 3 * VALIDATION_SLICE_NODES_COUNT },
      async (_, index) => addOf(await keyPackageOf(identityOf(`member ${index}`))),
    ),
  );
  const slices: number[] = [];
  const pause = (): Promise<void> => {
    slices.push(counter.operations);
    counter.operations = 0;
    return Promise.resolve();
  };
  const { commit } = await createCommit({ ...alice, crypto }, {
    ...commitOptions,
    proposals,
    pause,
  });
  // KeyPackages, hashes of subtrees, and who is encrypted to.
  assert.ok(slices.length >= 8);
  const created = slices.length;
  counter.operations = 0;
  await processMessage({ ...bob, crypto }, commit, { ...acceptAll, pause });
  assert.ok(slices.length - created >= 6);
  // A leaf and its KeyPackage are signed; after the last subtree's hashes comes the path.
  for (const operations of slices) assert.ok(operations <= 4 * VALIDATION_SLICE_NODES_COUNT);
  const stop = new Error("enough");
  const stopping = { ...acceptAll, pause: () => Promise.reject(stop) };
  await assert.rejects(processMessage(bob, commit, stopping), stop);
});

Deno.test("validateGroupInfo() gives the members, the tree inside or beside", async () => {
  const [alice] = await createMembers(3) as [GroupState];
  for (const isInside of [true, false]) {
    const info = parseGroupInfo(await createGroupInfo(alice, { ratchetTree: isInside }));
    const beside = isInside ? undefined : await ratchetTree(alice);
    const tree = validateGroupInfo(CRYPTO, info, { ratchetTree: beside });
    assert.equal(membersOf(tree).length, 3);
  }
  const own = await keyPackageOf(identityOf("carol"));
  assert.throws(() => parseGroupInfo(own.message), { code: "mls/invalid-group-info" });
  const tree = parseRatchetTree(await ratchetTree(alice));
  assert.deepEqual(tree.leaves, (await alice.tree.load()).leaves);
});
