import assert from "node:assert/strict";
import {
  acceptAll,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  createProposal,
  decodeMlsMessage,
  defaultCapabilities,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  type KeyPackage,
  mlsExporter,
  type MLSMessage,
  type PrivateKeyPackage,
  processMessage,
  type Proposal,
} from "ts-mls";
import { createGroupInfo } from "ts-mls/createCommit.js";
import {
  type Change,
  EXPORTER_CONTEXT,
  EXPORTER_LABEL,
  EXPORTER_LENGTH,
  type Peer,
  type Proposed,
} from "./peer.ts";

const LIFETIME_SECONDS = 30n * 24n * 60n * 60n;

/** A member on npm `ts-mls` as it is shipped. */
export async function openTsMlsPeer(name: string, suiteName: CiphersuiteName): Promise<Peer> {
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
  return createTsMlsPeer(name, suite);
}

function createTsMlsPeer(name: string, suite: CiphersuiteImpl): Peer {
  const nowSeconds = BigInt(Math.floor(Date.now() / 1000));
  // Its default is all of time, which a committer of ours refuses.
  const lifetime = { notBefore: nowSeconds - 60n, notAfter: nowSeconds + LIFETIME_SECONDS };
  let state: ClientState | undefined;
  let waiting: { publicPackage: KeyPackage; privatePackage: PrivateKeyPackage } | undefined;

  const current = (): ClientState => {
    assert.ok(state !== undefined, `${name} is in a group`);
    return state;
  };
  const newPackage = async () => {
    waiting = await generateKeyPackage(
      { credentialType: "basic", identity: new TextEncoder().encode(name) },
      defaultCapabilities(),
      lifetime,
      [],
      suite,
    );
    return waiting;
  };

  return {
    async keyPackage() {
      const { publicPackage } = await newPackage();
      return encodeMlsMessage({
        version: "mls10",
        wireformat: "mls_key_package",
        keyPackage: publicPackage,
      });
    },
    async create(groupId) {
      const { publicPackage, privatePackage } = await newPackage();
      state = await createGroup(groupId, publicPackage, privatePackage, [], suite);
    },
    async join(bytes) {
      const message = decode(bytes);
      assert.ok(message.wireformat === "mls_welcome" && waiting !== undefined);
      const { publicPackage, privatePackage } = waiting;
      const { welcome } = message;
      state = await joinGroup(welcome, publicPackage, privatePackage, emptyPskIndex, suite);
    },
    async joinExternally(bytes, { resync }) {
      const message = decode(bytes);
      assert.ok(message.wireformat === "mls_group_info");
      const { publicPackage, privatePackage } = resync && waiting ? waiting : await newPackage();
      const { publicMessage, newState } = await joinGroupExternal(
        message.groupInfo,
        publicPackage,
        privatePackage,
        resync,
        suite,
      );
      state = newState;
      return encodeMlsMessage({
        version: "mls10",
        wireformat: "mls_public_message",
        publicMessage,
      });
    },
    async commit(change) {
      const { newState, welcome, commit } = await createCommit(
        { state: current(), cipherSuite: suite },
        {
          extraProposals: proposalsOf(change),
          ratchetTreeExtension: true,
          wireAsPublicMessage: change.isPublic ?? false,
        },
      );
      state = newState;
      return {
        commit: encodeMlsMessage(commit),
        welcome: welcome &&
          encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome }),
      };
    },
    async propose(proposed) {
      const proposal = proposalOf(proposed);
      const { newState, message } = await createProposal(current(), true, proposal, suite);
      state = newState;
      return encodeMlsMessage(message);
    },
    async process(bytes) {
      const message = decode(bytes);
      assert.ok(
        message.wireformat === "mls_public_message" || message.wireformat === "mls_private_message",
      );
      const result = await processMessage(message, current(), emptyPskIndex, acceptAll, suite);
      assert.equal(result.kind, "newState");
      state = result.newState;
    },
    async send(text) {
      const { newState, privateMessage } = await createApplicationMessage(
        current(),
        new TextEncoder().encode(text),
        suite,
      );
      state = newState;
      return encodeMlsMessage({
        version: "mls10",
        wireformat: "mls_private_message",
        privateMessage,
      });
    },
    async receive(bytes) {
      const message = decode(bytes);
      assert.ok(message.wireformat === "mls_private_message");
      const result = await processMessage(message, current(), emptyPskIndex, acceptAll, suite);
      assert.ok(result.kind === "applicationMessage");
      state = result.newState;
      return new TextDecoder().decode(result.message);
    },
    externalPubForm: "bare",
    async groupInfo(form) {
      const bare = await createGroupInfoWithExternalPubAndRatchetTree(current(), [], suite);
      const { groupContext, confirmationTag } = current();
      const groupInfo = form === "bare" ? bare : await createGroupInfo(
        groupContext,
        confirmationTag,
        current(),
        bare.extensions.map((extension) =>
          extension.extensionType === "external_pub"
            ? { ...extension, extensionData: asVector(extension.extensionData) }
            : extension
        ),
        suite,
      );
      return encodeMlsMessage({ version: "mls10", wireformat: "mls_group_info", groupInfo });
    },
    leafIndex: () => current().privatePath.leafIndex,
    epoch: () => current().groupContext.epoch,
    async agreed() {
      const { keySchedule } = current();
      const exported = await mlsExporter(
        keySchedule.exporterSecret,
        EXPORTER_LABEL,
        EXPORTER_CONTEXT,
        EXPORTER_LENGTH,
        suite,
      );
      return keySchedule.epochAuthenticator.toHex() + exported.toHex();
    },
  };
}

/** `opaque<V>` of at most 63 bytes. */
function asVector(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length, ...bytes);
}

function proposalsOf(change: Change): Proposal[] {
  return [
    ...(change.remove ?? []).map((leafIndex) => proposalOf({ kind: "remove", leafIndex })),
    ...(change.add ?? []).map((keyPackage) => proposalOf({ kind: "add", keyPackage })),
  ];
}

function proposalOf(proposed: Proposed): Proposal {
  if (proposed.kind === "remove") {
    return { proposalType: "remove", remove: { removed: proposed.leafIndex } };
  }
  const message = decode(proposed.keyPackage);
  assert.ok(message.wireformat === "mls_key_package");
  return { proposalType: "add", add: { keyPackage: message.keyPackage } };
}

function decode(bytes: Uint8Array): MLSMessage {
  const decoded = decodeMlsMessage(bytes, 0);
  assert.ok(decoded !== undefined && decoded[1] === bytes.length, "ts-mls decodes it whole");
  return decoded[0];
}
