import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import {
  type CipherSuite,
  createCommit,
  createGroup,
  createGroupInfo,
  createIdentity,
  createKeyPackage,
  createProposal,
  encryptMessage,
  epochAuthenticator,
  exportSecret,
  EXTENSION_TYPE,
  type GroupState,
  type Identity,
  joinByExternalCommit,
  joinGroup,
  mergeStaged,
  type OwnKeyPackage,
  parseGroupInfo,
  parseKeyPackage,
  processMessage,
  type Proposal,
} from "@qpq/mls";
import {
  type Change,
  EXPORTER_CONTEXT,
  EXPORTER_LABEL,
  EXPORTER_LENGTH,
  type Peer,
  type Proposed,
} from "./peer.ts";

const LIFETIME_SECONDS = 30n * 24n * 60n * 60n;

/** A member on this project's library. */
export function createOwnPeer(name: string, crypto: CipherSuite, random: Random): Peer {
  const identity: Identity = createIdentity(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    signatureKeyPair: crypto.generateSignatureKeyPair(random),
    random,
  });
  const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);
  const nowMs = Date.now();
  const nowSeconds = BigInt(Math.floor(nowMs / 1000));
  const lifetime = { notBefore: nowSeconds - 60n, notAfter: nowSeconds + LIFETIME_SECONDS };
  let state: GroupState | undefined;
  let waiting: OwnKeyPackage | undefined;

  const current = (): GroupState => {
    assert.ok(state !== undefined, `${name} is in a group`);
    return state;
  };

  return {
    async keyPackage() {
      waiting = await createKeyPackage(crypto, { identity, lifetime, random });
      return waiting.message;
    },
    async create(groupId) {
      state = await createGroup(crypto, { identity, lifetime, random, groupId });
    },
    async join(welcome) {
      assert.ok(waiting !== undefined);
      state = (await joinGroup(crypto, welcome, { keyPackages: [waiting], authenticate })).state;
    },
    async joinExternally(groupInfo, { resync }) {
      const joined = await joinByExternalCommit(crypto, groupInfo, {
        identity,
        random,
        authenticate,
        ...(resync ? { removes: current().ownLeafIndex } : {}),
      });
      state = joined.staged.next;
      return joined.commit;
    },
    async commit(change) {
      const created = await createCommit(current(), {
        random,
        nowMs,
        authenticate,
        proposals: proposalsOf(change),
        wireFormat: change.isPublic === true ? "public-message" : "private-message",
      });
      state = mergeStaged(created.state, created.staged);
      return { commit: created.commit, welcome: created.welcome };
    },
    async propose(proposed) {
      const created = await createProposal(current(), proposalOf(proposed), {
        random,
        nowMs,
        wireFormat: "public-message",
      });
      state = created.state;
      return created.message;
    },
    async process(message) {
      const outcome = await processMessage(current(), message, { authenticate });
      if (outcome.kind === "commit-staged") state = mergeStaged(outcome.state, outcome.staged);
      else if (outcome.kind === "proposal") state = outcome.state;
      else assert.equal(outcome.kind, "removed");
    },
    async send(text) {
      const sent = encryptMessage(current(), new TextEncoder().encode(text), { random });
      state = sent.state;
      return sent.message;
    },
    async receive(message) {
      const outcome = await processMessage(current(), message, { authenticate });
      assert.ok(outcome.kind === "application", outcome.kind);
      state = outcome.state;
      return new TextDecoder().decode(outcome.data);
    },
    externalPubForm: "vector",
    async groupInfo(form) {
      const groupInfo = await createGroupInfo(current());
      if (form === "vector") return groupInfo;
      const external = parseGroupInfo(groupInfo).extensions.find(({ extensionType }) =>
        extensionType === EXTENSION_TYPE.externalPub
      );
      assert.ok(external !== undefined);
      const bare = { ...external, extensionData: external.extensionData.slice(1) };
      return await createGroupInfo(current(), { externalPub: false, extensions: [bare] });
    },
    leafIndex: () => current().ownLeafIndex,
    epoch: () => current().context.epoch,
    async agreed() {
      const exported = exportSecret(current(), {
        label: EXPORTER_LABEL,
        context: EXPORTER_CONTEXT,
        length: EXPORTER_LENGTH,
      });
      return epochAuthenticator(current()).toHex() + exported.toHex();
    },
  };
}

function proposalsOf(change: Change): readonly Proposal[] {
  return [
    ...(change.remove ?? []).map((leafIndex) => proposalOf({ kind: "remove", leafIndex })),
    ...(change.add ?? []).map((keyPackage) => proposalOf({ kind: "add", keyPackage })),
  ];
}

function proposalOf(proposed: Proposed): Exclude<Proposal, { readonly kind: "update" }> {
  if (proposed.kind === "remove") return { kind: "remove", removed: proposed.leafIndex };
  return { kind: "add", keyPackage: parseKeyPackage(proposed.keyPackage) };
}
