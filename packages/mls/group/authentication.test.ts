import assert from "node:assert/strict";
import { addOf, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, receive } from "../test/members.ts";
import { membersOf } from "../tree/ratchet-tree.ts";
import { type ExternalSender, externalSendersExtension } from "../wire/proposal.ts";
import { createCommit } from "./create-commit.ts";
import { joinByExternalCommit } from "./external-commit.ts";
import { createGroupInfo } from "./group-info.ts";
import type { Identity } from "./identity.ts";
import { joinGroup } from "./join.ts";
import type { Authenticate, EnteringCredential } from "./outcome.ts";
import { processMessage } from "./process-message.ts";
import type { GroupState } from "./state.ts";

/** RFC 9420 §5.3.1: whom the authentication service is asked about. Of proposals: pending-proposals.test.ts. */

const EMPTY = new Uint8Array();

/** One that refuses a single signature key, and remembers what it was asked. */
function refusing(
  signatureKey: Uint8Array,
): { readonly authenticate: Authenticate; readonly asked: EnteringCredential[] } {
  const asked: EnteringCredential[] = [];
  const name = signatureKey.toHex();
  return {
    asked,
    authenticate(entering) {
      asked.push(...entering);
      return Promise.resolve(entering.map((each) => each.signatureKey.toHex() !== name));
    },
  };
}

function senderOf({ signatureKeyPair, credential }: Identity): ExternalSender {
  return { signatureKey: signatureKeyPair.publicKey, credential };
}

const keysOf = (entering: readonly EnteringCredential[]): readonly string[] =>
  entering.map(({ signatureKey }) => signatureKey.toHex()).sort();

for (const entry of ["a Welcome", "an external commit"]) {
  Deno.test(`who joins by ${entry} authenticates all members and external senders`, async () => {
    const watcher = identityOf("watcher");
    const extensions = [externalSendersExtension([senderOf(watcher)])];
    const [alice] = await createMembers(3, { extensions }) as [GroupState];
    const identity = identityOf("dave");
    const own = await keyPackageOf(identity);
    const members = membersOf(await alice.tree.load()).map(({ leafNode }) => leafNode.signatureKey);
    const commit = await createCommit(alice, { ...commitOptions, proposals: [addOf(own)] });
    const groupInfo = await createGroupInfo(alice);
    const join = (authenticate: Authenticate): Promise<unknown> =>
      entry === "a Welcome"
        ? joinGroup(CRYPTO, commit.welcome as Uint8Array, { authenticate, keyPackages: [own] })
        : joinByExternalCommit(CRYPTO, groupInfo, { ...commitOptions, authenticate, identity });
    for (const signatureKey of [...members, watcher.signatureKeyPair.publicKey]) {
      const { authenticate, asked } = refusing(signatureKey);
      await assert.rejects(join(authenticate), { code: "mls/credential-refused" });
      // An external joiner's own leaf enters as every committer's does.
      const self = entry === "a Welcome" ? [] : [identity.signatureKeyPair.publicKey];
      const expected = [...members, watcher.signatureKeyPair.publicKey, ...self];
      assert.deepEqual(keysOf(asked), expected.map((key) => key.toHex()).sort());
    }
    await join(refusing(EMPTY).authenticate);
  });
}

Deno.test("the authentication service is asked once for all credentials that enter", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const added = await Promise.all(
    ["carol", "dave"].map((name) => keyPackageOf(identityOf(name))),
  );
  const commit = await createCommit(alice, { ...commitOptions, proposals: added.map(addOf) });
  const batches: number[] = [];
  const authenticate = (entering: readonly unknown[]): Promise<boolean[]> => {
    batches.push(entering.length);
    return Promise.resolve(entering.map((_, index) => index === 0));
  };
  await assert.rejects(processMessage(bob, commit.commit, { authenticate }), {
    code: "mls/credential-refused",
  });
  assert.deepEqual(batches, [2]);
  await receive(bob, commit.commit, "commit-staged");
});

Deno.test("a leaf that keeps credential and key asks nothing; any other change does", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const asked: number[] = [];
  const authenticate = (entering: readonly unknown[]): Promise<boolean[]> => {
    asked.push(entering.length);
    return Promise.resolve(entering.map(() => true));
  };
  const same = await createCommit(alice, commitOptions);
  await processMessage(bob, same.commit, { authenticate });
  assert.deepEqual(asked, []);
  const old = identityOf("member 0");
  const identity = { ...old, credential: { kind: "x509", certificates: [EMPTY] } } as const;
  const credentials = [1, 2];
  const capabilities = { ...old.capabilities, credentials };
  const changed = createCommit(same.state, {
    ...commitOptions,
    identity: { ...identity, capabilities },
  });
  // Bob's leaf does not support the type.
  await assert.rejects(changed, { code: "mls/invalid-proposal-list" });
  const renamed = await createCommit(same.state, { ...commitOptions, identity: old });
  await processMessage(bob, renamed.commit, { authenticate });
  assert.deepEqual(asked, [1]);
});

Deno.test("new external senders are authenticated (§5.3.1)", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const watcher = identityOf("watcher");
  const extension = externalSendersExtension([senderOf(watcher)]);
  const commit = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "group-context-extensions", extensions: [extension] }],
  });
  const { authenticate, asked } = refusing(watcher.signatureKeyPair.publicKey);
  await assert.rejects(processMessage(bob, commit.commit, { authenticate }), {
    code: "mls/credential-refused",
  });
  assert.deepEqual(asked.map(({ credential }) => credential), [watcher.credential]);
});
