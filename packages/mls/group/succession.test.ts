import assert from "node:assert/strict";
import type { ErrorCode } from "@qpq/ports";
import { acceptAll, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, LIFETIME, provider, random, stage } from "../test/members.ts";
import type { ReInit } from "../wire/proposal.ts";
import { encryptMessage, epochAuthenticator } from "./application.ts";
import { commitInEpoch, createCommit, mergeStaged } from "./create-commit.ts";
import { createUpdate } from "./create-proposal.ts";
import type { Identity, OwnKeyPackage } from "./identity.ts";
import { joinGroup } from "./join.ts";
import { processMessage } from "./process-message.ts";
import type { GroupState } from "./state.ts";
import { branchGroup, createSuccessor, type Predecessor, predecessorOf } from "./succession.ts";
import { validateSuccession } from "./succession.ts";

/** RFC 9420 §11.2 and §11.3. */

const SUCCESSOR: ReInit = {
  groupId: Uint8Array.of(7, 7),
  version: 1,
  cipherSuite: 3,
  extensions: [],
};
const NONE = new Uint8Array();
const NEW_CRYPTO = provider.cipherSuite(3);

/** Two members after a commit with a ReInit. */
async function reinitialised(): Promise<readonly [GroupState, GroupState]> {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "reinit", ...SUCCESSOR }],
  });
  const staged = await stage(bob, commit.commit);
  assert.deepEqual(staged.summary.reinit, { kind: "reinit", ...SUCCESSOR });
  return [mergeStaged(commit.state, commit.staged), mergeStaged(bob, staged)];
}

const named = (name: string, crypto = NEW_CRYPTO): Identity => identityOf(name, { crypto });

const successorOptions = (own: OwnKeyPackage) => ({
  ...commitOptions,
  identity: named("member 0"),
  lifetime: LIFETIME,
  keyPackages: [own.keyPackage],
});

Deno.test("a group after a ReInit takes no more messages (§12.4.2)", async () => {
  const [alice, bob] = await reinitialised();
  const closed = { code: "mls/group-closed" };
  assert.throws(() => encryptMessage(alice, Uint8Array.of(1), { random }), closed);
  await assert.rejects(createCommit(alice, commitOptions), closed);
  await assert.rejects(createUpdate(alice, commitOptions), closed);
  const stale = { ...alice, reinit: undefined };
  const sent = encryptMessage(stale, Uint8Array.of(1), { random });
  await assert.rejects(processMessage(bob, sent.message, acceptAll), closed);
});

Deno.test("createSuccessor() makes the group that a ReInit asks for", async () => {
  const [alice, bob] = await reinitialised();
  const own = await keyPackageOf(named("member 1"), { crypto: NEW_CRYPTO });
  const created = await createSuccessor(NEW_CRYPTO, alice, successorOptions(own));
  const { state } = await joinGroup(NEW_CRYPTO, created.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [own],
    predecessor: await predecessorOf(bob),
  });
  assert.deepEqual(epochAuthenticator(state), epochAuthenticator(created.staged.next));
  assert.equal(state.context.epoch, 1n);
  assert.deepEqual(state.context.groupId, SUCCESSOR.groupId);
});

const REFUSALS: readonly {
  readonly rule: string;
  readonly code: ErrorCode;
  readonly predecessor: (bob: GroupState) => Promise<Predecessor | undefined>;
}[] = [
  {
    rule: "the old group is known",
    code: "mls/missing-psk",
    predecessor: () => Promise.resolve(undefined),
  },
  {
    rule: "the last commit of the old group has a ReInit",
    code: "mls/invalid-welcome",
    predecessor: (bob) => predecessorOf({ ...bob, reinit: undefined }),
  },
  {
    rule: "the group id is the ReInit's",
    code: "mls/invalid-welcome",
    predecessor: (bob) =>
      predecessorOf({ ...bob, reinit: { ...SUCCESSOR, groupId: Uint8Array.of(8) } }),
  },
  {
    rule: "the cipher suite is the ReInit's",
    code: "mls/invalid-welcome",
    predecessor: (bob) => predecessorOf({ ...bob, reinit: { ...SUCCESSOR, cipherSuite: 1 } }),
  },
  {
    rule: "the version is the ReInit's",
    code: "mls/invalid-welcome",
    predecessor: (bob) => predecessorOf({ ...bob, reinit: { ...SUCCESSOR, version: 2 } }),
  },
  {
    rule: "the extensions are the ReInit's",
    code: "mls/invalid-welcome",
    predecessor: (bob) =>
      predecessorOf({
        ...bob,
        reinit: {
          ...SUCCESSOR,
          extensions: [{ extensionType: 0xf1, extensionData: Uint8Array.of() }],
        },
      }),
  },
  {
    rule: "all members of the old group are in the new one",
    code: "mls/invalid-welcome",
    predecessor: (bob) => predecessorOf(bob, ({ signatureKey }) => signatureKey.toHex()),
  },
];

for (const { rule, code, predecessor } of REFUSALS) {
  Deno.test(`joinGroup() of a ReInit's group holds RFC 9420 §11.2: ${rule}`, async () => {
    const [alice, bob] = await reinitialised();
    const own = await keyPackageOf(named("member 1"), { crypto: NEW_CRYPTO });
    const created = await createSuccessor(NEW_CRYPTO, alice, successorOptions(own));
    const old = await predecessor(bob);
    const joined = joinGroup(NEW_CRYPTO, created.welcome as Uint8Array, {
      ...acceptAll,
      keyPackages: [own],
      ...(old === undefined ? {} : { predecessor: old }),
    });
    await assert.rejects(joined, { code });
  });
}

for (const follows of ["reinit", "branch"]) {
  Deno.test(`joinGroup() refuses a plain group in the place of one that follows by ${follows}`, async () => {
    const [, bob] = follows === "reinit"
      ? await reinitialised()
      : await createMembers(2) as [GroupState, GroupState];
    const own = await keyPackageOf(identityOf("member 1"));
    const [other] = await createMembers(1) as [GroupState];
    const commit = await createCommit(other, {
      ...commitOptions,
      proposals: [{ kind: "add", keyPackage: own.keyPackage }],
    });
    const joined = joinGroup(CRYPTO, commit.welcome as Uint8Array, {
      ...acceptAll,
      keyPackages: [own],
      predecessor: await predecessorOf(bob),
    });
    await assert.rejects(joined, { code: "mls/invalid-welcome" });
  });
}

Deno.test("joinGroup() refuses a link to another group or epoch than the predecessor's", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const [elsewhere] = await createMembers(2) as [GroupState];
  const later = await createCommit(alice, commitOptions);
  const own = await keyPackageOf(identityOf("member 1"));
  const predecessor = await predecessorOf(bob);
  const linked: readonly (readonly [GroupState, string | undefined])[] = [
    [elsewhere, "mls/missing-psk"],
    [later.staged.next, "mls/missing-psk"],
    [alice, undefined],
  ];
  for (const [old, code] of linked) {
    const created = await branchGroup(old, {
      ...successorOptions(own),
      identity: identityOf("member 0"),
    });
    const joined = joinGroup(CRYPTO, created.welcome as Uint8Array, {
      ...acceptAll,
      keyPackages: [own],
      predecessor,
      // The client is a member there, too: it holds that key.
      findPsks: (ids) => Promise.resolve(ids.map(() => old.secrets.resumptionPsk)),
    });
    if (code === undefined) await joined;
    else await assert.rejects(joined, { code });
  }
});

Deno.test("validateSuccession() reads each client's name once", async () => {
  const [alice, bob] = await createMembers(12) as [GroupState, GroupState];
  const tree = await alice.tree.load();
  let count = 0;
  const predecessor = await predecessorOf(bob, ({ credential }) => {
    count++;
    return credential.kind === "basic" ? credential.identity.toHex() : "";
  });
  const groupContext = { ...alice.context, epoch: 1n };
  const groupInfo = {
    groupContext,
    extensions: [],
    confirmationTag: NONE,
    signer: 0,
    signature: NONE,
  };
  validateSuccession({ succession: "branch", groupInfo, tree, predecessor });
  assert.equal(count, 2 * 12);
});

Deno.test("branchGroup() makes a group of some members, linked to the old one (§11.3)", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const own = await keyPackageOf(identityOf("member 1"));
  const created = await branchGroup(alice, {
    ...successorOptions(own),
    identity: identityOf("member 0"),
  });
  const options = { ...acceptAll, keyPackages: [own], predecessor: await predecessorOf(bob) };
  const welcome = created.welcome as Uint8Array;
  const { state } = await joinGroup(CRYPTO, welcome, options);
  assert.deepEqual(epochAuthenticator(state), epochAuthenticator(created.staged.next));
  // §11.3: "Each LeafNode in a new subgroup MUST match some LeafNode in the original group."
  const nobody = {
    ...options,
    predecessor: await predecessorOf(bob, ({ signatureKey }) => signatureKey.toHex()),
  };
  await assert.rejects(joinGroup(CRYPTO, welcome, nobody), { code: "mls/invalid-welcome" });
  const otherSuite = { ...bob, context: { ...bob.context, cipherSuite: 3 } };
  const otherwise = { ...options, predecessor: await predecessorOf(otherSuite) };
  await assert.rejects(joinGroup(CRYPTO, welcome, otherwise), { code: "mls/invalid-welcome" });
});

Deno.test("a group that follows another starts at epoch 1 (§12.4.3.1)", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const own = await keyPackageOf(identityOf("member 1"));
  const first = await createCommit(alice, commitOptions);
  // At epoch 2 a committer that allows itself the resumption key of a branch.

  const psk = {
    kind: "resumption",
    usage: "branch",
    pskGroupId: bob.context.groupId,
    pskEpoch: bob.context.epoch,
    pskNonce: random.bytes(32),
  } as const;
  const created = await commitInEpoch(first.staged.next, {
    ...commitOptions,
    proposals: [{ kind: "psk", psk }, { kind: "add", keyPackage: own.keyPackage }],
  }, { usage: "branch", old: bob });
  const joined = joinGroup(CRYPTO, created.welcome as Uint8Array, {
    ...acceptAll,
    keyPackages: [own],
    predecessor: await predecessorOf(bob),
  });
  await assert.rejects(joined, { code: "mls/invalid-welcome" });
});
