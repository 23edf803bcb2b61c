import assert from "node:assert/strict";
import { acceptAll, commitOptions, createMembers, CRYPTO } from "../test/members.ts";
import { identityOf, keyPackageOf, LIFETIME, random, receive } from "../test/members.ts";
import { type Extension, EXTENSION_TYPE } from "../wire/extension.ts";
import { EXTENSION_BYTES_MAX, MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import type { Proposal } from "../wire/proposal.ts";
import { encryptMessage } from "./application.ts";
import { createCommit } from "./create-commit.ts";
import { createExternalProposal, createProposal, createUpdate } from "./create-proposal.ts";
import { createGroupInfo } from "./group-info.ts";
import { createKeyPackage } from "./identity.ts";
import { joinByExternalCommit } from "./external-commit.ts";
import type { GroupState } from "./state.ts";

/** What no receiver could decode is refused where it is made: else its author goes on alone. */

/** One that every client supports. */
const one: Extension = {
  extensionType: EXTENSION_TYPE.applicationId,
  extensionData: Uint8Array.of(1),
};
const twice = [one, one];
const tooLong = [{ extensionType: 1, extensionData: new Uint8Array(EXTENSION_BYTES_MAX) }];
const malformed = { code: "malformed" };

const REFUSED: readonly (readonly [string, Exclude<Proposal, { readonly kind: "update" }>])[] = [
  ["extensions of the group", { kind: "group-context-extensions", extensions: twice }],
  ["an extension beyond its limit", { kind: "group-context-extensions", extensions: tooLong }],
  [
    "extensions of a ReInit",
    { kind: "reinit", groupId: Uint8Array.of(7), version: 1, cipherSuite: 1, extensions: twice },
  ],
];

for (const [what, proposal] of REFUSED) {
  Deno.test(`createCommit(), createProposal() and createExternalProposal() refuse what nobody decodes: ${what}`, async () => {
    const [alice] = await createMembers(2) as [GroupState];
    await assert.rejects(
      createCommit(alice, { ...commitOptions, proposals: [proposal] }),
      malformed,
    );
    await assert.rejects(createProposal(alice, proposal, commitOptions), malformed);
    const sender = { kind: "external", senderIndex: 0 } as const;
    const external = () =>
      createExternalProposal(CRYPTO, proposal, {
        groupId: alice.context.groupId,
        epoch: alice.context.epoch,
        sender,
        signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
      });
    assert.throws(external, malformed);
  });
}

Deno.test("an identity with an extension twice is refused in every leaf that it would make", async () => {
  const identity = identityOf("alice", { extensions: twice });
  const [alice] = await createMembers(2) as [GroupState];
  await assert.rejects(createCommit(alice, { ...commitOptions, identity }), malformed);
  await assert.rejects(createUpdate(alice, { ...commitOptions, identity }), malformed);
  await assert.rejects(keyPackageOf(identity), malformed);
  const groupInfo = await createGroupInfo(alice);
  const joined = joinByExternalCommit(CRYPTO, groupInfo, { ...acceptAll, random, identity });
  await assert.rejects(joined, malformed);
});

Deno.test("createKeyPackage() refuses an extension that is there twice", async () => {
  const identity = identityOf("dave");
  const options = { identity, lifetime: LIFETIME, random };
  await assert.rejects(createKeyPackage(CRYPTO, { ...options, extensions: twice }), malformed);
  await createKeyPackage(CRYPTO, { ...options, extensions: [one] });
});

Deno.test("createCommit() refuses extensions of a Welcome that no joiner decodes", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const secondTree = [{
    extensionType: EXTENSION_TYPE.ratchetTree,
    extensionData: new Uint8Array(),
  }];
  for (const welcomeExtensions of [twice, secondTree]) {
    const refused = createCommit(alice, { ...commitOptions, welcomeExtensions });
    await assert.rejects(refused, malformed);
  }
});

Deno.test("encryptMessage() refuses what is too long for everybody, and spends no key", async () => {
  const [alice, bob] = await createMembers(2) as [GroupState, GroupState];
  const data = new Uint8Array(MESSAGE_BYTES_MAX);
  assert.throws(() => encryptMessage(alice, data, { random, padding: { kind: "none" } }), {
    code: "too-large",
  });
  const { message } = encryptMessage(alice, data.subarray(0, 1), { random });
  assert.equal((await receive(bob, message, "application")).generation, 0);
});
