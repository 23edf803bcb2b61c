import assert from "node:assert/strict";
import {
  createGroupInfo,
  createProposal,
  type EnteringCredential,
  type GroupState,
  type Identity,
  joinByExternalCommit,
  type PreSharedKeyId,
  type Proposal,
} from "@qpq/mls";
import { MessengerError } from "@qpq/ports";
import { type CheckedContext, conversationExtension, directMessageContext } from "./context.ts";
import {
  account,
  claim,
  device,
  forgeCommit,
  groupOf,
  keyPackageOf,
  leaves,
  random,
  receive,
  suite,
} from "./test/groups.ts";
import { authenticateWith } from "./rules.ts";

const alice = account("alice");
const bob = account("bob");
const carol = account("carol");

function group(...admins: readonly { readonly accountId: Uint8Array }[]): CheckedContext {
  return { kind: "group", admins: admins.map(({ accountId }) => accountId) };
}

const dm = directMessageContext(alice.accountId, bob.accountId);

async function refused(state: GroupState, message: Uint8Array, state_: RegExp): Promise<void> {
  const before = state.context.epoch;
  await assert.rejects(
    receive(state, message),
    (error) => error instanceof MessengerError && state_.test(error.message),
  );
  assert.equal(state.context.epoch, before);
}

async function taken(state: GroupState, message: Uint8Array): Promise<void> {
  assert.equal((await receive(state, message)).kind, "commit-staged");
}

async function addOf(identity: Identity): Promise<Proposal> {
  return { kind: "add", keyPackage: (await keyPackageOf(identity)).keyPackage };
}

Deno.test("policyOf(): a member removes nobody else, an admin does", async () => {
  const [atAlice, atBob, atCarol] = await groupOf(group(alice), [
    device(alice),
    device(bob),
    device(carol),
  ]) as [GroupState, GroupState, GroupState];
  const byBob = await forgeCommit(atBob, { proposals: [{ kind: "remove", removed: 2 }] });
  await refused(atAlice, byBob, /no admin/);
  // Who is removed by it refuses it like everybody else.
  await refused(atCarol, byBob, /no admin/);
  const byAlice = await forgeCommit(atAlice, { proposals: [{ kind: "remove", removed: 2 }] });
  await taken(atBob, byAlice);
  assert.equal((await receive(atCarol, byAlice)).kind, "removed");
});

Deno.test("policyOf(): an account's own device may be removed by another one of it", async () => {
  const [, atPhone, atLaptop] = await groupOf(group(alice), [
    device(alice),
    device(bob),
    device(bob),
  ]) as [GroupState, GroupState, GroupState];
  const commit = await forgeCommit(atPhone, { proposals: [{ kind: "remove", removed: 2 }] });
  assert.equal((await receive(atLaptop, commit)).kind, "removed");
});

Deno.test("policyOf(): what a commit says of accounts is what it does", async () => {
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const proposals = [await addOf(device(carol))];
  const ids = { carol: carol.accountId.toHex(), bob: bob.accountId.toHex() };
  for (
    const said of [
      { added: [], removed: [] },
      { added: [ids.carol], removed: [ids.bob] },
      { added: [account("x").accountId.toHex()], removed: [] },
    ]
  ) {
    const commit = await forgeCommit(atAlice, { proposals, authenticatedData: claim(said) });
    await refused(atBob, commit, /other accounts/);
  }
  const none = await forgeCommit(atAlice, { proposals, authenticatedData: new Uint8Array(3) });
  await refused(atBob, none, /bad-claim/);
  // A second device of an account that is in brings no account.
  const another = await forgeCommit(atAlice, { proposals: [await addOf(device(bob))] });
  await taken(atBob, another);
  await taken(atBob, await forgeCommit(atAlice, { proposals }));
});

Deno.test("authenticateWith() takes devices that are certified for this server alone", async () => {
  const leafOf = async (serverName: string) =>
    (await keyPackageOf(device(alice, { serverName }))).keyPackage.leafNode;
  const here = { leafNode: await leafOf("example.org") } as EnteringCredential;
  const elsewhere = { leafNode: await leafOf("example.com") } as EnteringCredential;
  assert.deepEqual(await authenticateWith(leaves)([here, elsewhere]), [true, false]);
});

Deno.test("policyOf(): only an admin changes the admins, and nobody what the conversation is", async () => {
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const change = (context: CheckedContext): readonly Proposal[] => [{
    kind: "group-context-extensions",
    extensions: [conversationExtension(context)],
  }];
  const byBob = await forgeCommit(atBob, { proposals: change(group(bob)) });
  await refused(atAlice, byBob, /who changes the admins is none/);
  const toDirect = await forgeCommit(atAlice, { proposals: change(dm) });
  await refused(atBob, toDirect, /another conversation/);
  const gone = await forgeCommit(atAlice, {
    proposals: [{ kind: "group-context-extensions", extensions: [] }],
  });
  await refused(atBob, gone, /bad-group-info/);
  // Empty lists of what every member must be capable of (RFC 9420 §11.1): harmless, and not ours.
  const required = { extensionType: 3, extensionData: new Uint8Array(3) };
  const more = await forgeCommit(atAlice, {
    proposals: [{
      kind: "group-context-extensions",
      extensions: [...atAlice.context.extensions, required],
    }],
  });
  await refused(atBob, more, /more than the conversation's admins/);
  await taken(atBob, await forgeCommit(atAlice, { proposals: change(group(alice, bob)) }));
});

Deno.test("policyOf(): a direct message takes nobody in, and neither side removes the other", async () => {
  const [atAlice, atBob] = await groupOf(dm, [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const stranger = await forgeCommit(atAlice, { proposals: [await addOf(device(carol))] });
  await refused(atBob, stranger, /takes nobody in/);
  const removal = await forgeCommit(atAlice, { proposals: [{ kind: "remove", removed: 1 }] });
  await refused(atBob, removal, /no admin/);
  await taken(atBob, await forgeCommit(atAlice, { proposals: [await addOf(device(alice))] }));
});

Deno.test("policyOf(): nobody slips a device with another key under an account that is in", async () => {
  const [atAlice, atBob, atCarol] = await groupOf(group(alice), [
    device(alice),
    device(bob),
    device(carol),
  ]) as [GroupState, GroupState, GroupState];
  const imposter = account("bob", bob.accountId);
  const commit = await forgeCommit(atCarol, { proposals: [await addOf(device(imposter))] });
  await refused(atAlice, commit, /another account key/);
  await refused(atBob, commit, /another account key/);
});

Deno.test("policyOf(): a member's leaf stays its device's", async () => {
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const asCarol = await forgeCommit(atBob, { identity: device(carol) });
  await refused(atAlice, asCarol, /another device|other accounts/);
  const asOther = await forgeCommit(atBob, { identity: device(bob) });
  await refused(atAlice, asOther, /another device/);
});

Deno.test("policyOf(): no pre-shared keys and no ReInit", async () => {
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const psk = await forgeCommit(atAlice, {
    proposals: [{
      kind: "psk",
      psk: { kind: "external", pskId: random.bytes(16), pskNonce: random.bytes(48) },
    }],
    findPsks: (ids) => Promise.resolve(ids.map(() => new Uint8Array(48))),
  });
  await refused(atBob, psk, /a psk has no place here/);
  const { groupId, cipherSuite, version, extensions } = atAlice.context;
  const reinit = await forgeCommit(atAlice, {
    proposals: [{ kind: "reinit", groupId, cipherSuite, version, extensions }],
  });
  await refused(atBob, reinit, /a reinit has no place here/);
});

Deno.test("policyOf(): nobody's proposal but a SelfRemove is committed by reference", async () => {
  const states = await groupOf(group(alice), [device(alice), device(bob), device(carol)]);
  const [atAlice, atBob, atCarol] = states as [GroupState, GroupState, GroupState];
  const proposal = { kind: "remove", removed: 1 } as const;
  const made = await createProposal(atCarol, proposal, { random, nowMs: 0 });
  const [pendingAtAlice, pendingAtBob] = await Promise.all(
    [atAlice, atBob].map(async (state) => {
      const outcome = await receive(state, made.message);
      assert.ok(outcome.kind === "proposal");
      return outcome.state;
    }),
  ) as [GroupState, GroupState];
  const commit = await forgeCommit(pendingAtAlice, {
    authenticatedData: claim({ added: [], removed: [bob.accountId.toHex()] }),
  });
  await refused(pendingAtBob, commit, /by value/);
  const leaving = await createProposal(atCarol, { kind: "self-remove" }, { random, nowMs: 0 });
  const heard = await Promise.all([atAlice, atBob].map(async (state) => {
    const outcome = await receive(state, leaving.message);
    assert.ok(outcome.kind === "proposal");
    return outcome.state;
  })) as [GroupState, GroupState];
  const farewell = await forgeCommit(heard[1], {
    authenticatedData: claim({ added: [], removed: [carol.accountId.toHex()] }),
  });
  await taken(heard[0], farewell);
});

async function enter(
  state: GroupState,
  identity: Identity,
  options: {
    readonly removes?: number;
    readonly added?: readonly string[];
    readonly removed?: readonly string[];
    readonly psks?: readonly PreSharedKeyId[];
  } = {},
): Promise<Uint8Array> {
  const { removes, psks, added = [], removed = [] } = options;
  const { commit } = await joinByExternalCommit(suite, await createGroupInfo(state), {
    identity,
    random,
    authenticate: (entering) => Promise.resolve(entering.map(() => true)),
    authenticatedData: claim({ added, removed }),
    ...removes === undefined ? {} : { removes },
    ...psks === undefined ? {} : {
      psks,
      findPsks: (ids: readonly PreSharedKeyId[]) =>
        Promise.resolve(ids.map(() => new Uint8Array(48))),
    },
  });
  return commit;
}

Deno.test("policyOf(): who enters by external commit enters for its own device alone", async () => {
  const bobsPhone = device(bob);
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), bobsPhone]) as [
    GroupState,
    GroupState,
  ];
  const strangers = await enter(atAlice, device(carol), { added: [carol.accountId.toHex()] });
  await refused(atAlice, strangers, /not in the group/);
  const ofAlice = await enter(atBob, device(bob), {
    removes: 0,
    removed: [alice.accountId.toHex()],
  });
  await refused(atBob, ofAlice, /removes another device/);
  const ofPhone = await enter(atAlice, device(bob), { removes: 1 });
  await refused(atAlice, ofPhone, /removes another device/);
  const psks = [{ kind: "external", pskId: random.bytes(16), pskNonce: random.bytes(48) }] as const;
  await refused(atAlice, await enter(atAlice, device(bob), { psks }), /more than that/);
  const imposter = await enter(atAlice, device(account("bob", bob.accountId)));
  await refused(atAlice, imposter, /another account key/);
  await taken(atAlice, await enter(atAlice, device(bob)));
  const again = device(bob, { deviceId: bobsPhone.deviceId });
  await taken(atAlice, await enter(atAlice, again, { removes: 1 }));
});

Deno.test("policyOf(): a certificate below any of its account's opens no door", async () => {
  const [atAlice] = await groupOf(group(alice), [
    device(alice),
    device(bob, { generation: 3 }),
  ]) as [GroupState];
  await refused(atAlice, await enter(atAlice, device(bob, { generation: 2 })), /outdated/);
  await taken(atAlice, await enter(atAlice, device(bob, { generation: 3 })));
});

Deno.test("policyOf(): either side of a direct message enters without a leaf, nobody else", async () => {
  const [atAlice] = await groupOf(dm, [device(alice)]) as [GroupState];
  const carols = await enter(atAlice, device(carol), { added: [carol.accountId.toHex()] });
  await refused(atAlice, carols, /not in the group/);
  await taken(atAlice, await enter(atAlice, device(bob), { added: [bob.accountId.toHex()] }));
});

Deno.test("authenticateWith(): a leaf without a certificate of ours enters nowhere", async () => {
  const [atAlice, atBob] = await groupOf(group(alice), [device(alice), device(bob)]) as [
    GroupState,
    GroupState,
  ];
  const good = device(carol);
  // Carol's certificate, under a key that it does not certify.
  const forged: Identity = { ...good, signatureKeyPair: suite.generateSignatureKeyPair(random) };
  const nobody: Identity = {
    ...good,
    credential: { kind: "basic", identity: random.bytes(64) },
  };
  for (const identity of [forged, nobody]) {
    const { keyPackage } = await keyPackageOf(identity);
    const commit = await forgeCommit(atAlice, {
      proposals: [{ kind: "add", keyPackage }],
      authenticatedData: claim({ added: [carol.accountId.toHex()], removed: [] }),
    });
    await assert.rejects(receive(atBob, commit), { code: "mls/credential-refused" });
  }
});
