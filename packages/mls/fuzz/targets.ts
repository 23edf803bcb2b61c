import { assert } from "@qpq/ports";
import { decodeExact, encode, type NamedCodec } from "../codec/codec.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite, CryptoProvider } from "../crypto/provider.ts";
import { encryptMessage } from "../group/application.ts";
import { createCommit } from "../group/create-commit.ts";
import { createProposal } from "../group/create-proposal.ts";
import { joinByExternalCommit } from "../group/external-commit.ts";
import { createGroupInfo, ratchetTree } from "../group/group-info.ts";
import { joinGroup } from "../group/join.ts";
import { processMessage } from "../group/process-message.ts";
import { loadGroup, readWholeSecretTree, recordsOf } from "../group/records.ts";
import { decodeStaged, encodeStaged } from "../group/staged-record.ts";
import type { GroupState } from "../group/state.ts";
import { openLeaf } from "../keys/secret-tree.ts";
import { keyToSend } from "../keys/sender-ratchet.ts";
import { signLeaf } from "../keys/treekem.ts";
import { encryptPrepared, expandWithLabel, prepareEncryption, signWithLabel } from "../labels.ts";
import {
  acceptKeyPackage,
  externalCommitOf,
  parseGroupInfo,
  parseMessageHeader,
  parseRatchetTree,
  validateGroupInfo,
} from "../public.ts";
import { forgeCommit, forgeProposal, readCommit } from "../test/forge.ts";
import {
  acceptAll,
  addOf,
  commitOptions,
  createMembers,
  identityOf,
  keyPackageOf,
  NOW_MS,
  random,
} from "../test/members.ts";
import { applyChanges, RecordMap } from "../test/record-map.ts";
import { seededRandom } from "../vectors/seeded-random.ts";
import { runSlices } from "../slices.ts";
import { treeHash } from "../tree/hashes.ts";
import { leafAt, type RatchetTree, treeFromNodes } from "../tree/ratchet-tree.ts";
import { commit } from "../wire/commit.ts";
import {
  authenticatedContent,
  decodeMessage,
  encodeMessage,
  privateContentAdditionalData,
  senderData,
  senderDataAdditionalData,
} from "../wire/framing.ts";
import { type GroupInfo, groupInfo, groupInfoToBeSigned } from "../wire/group-info.ts";
import { groupSecrets } from "../keys/group-secrets.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import { type Proposal, proposal } from "../wire/proposal.ts";
import { type Node, ratchetTreeExtension, ratchetTreeNodes } from "../wire/ratchet-tree.ts";
import { editCommit, editNodes } from "./edits.ts";

/** Something that takes bytes of a peer or of a disk. */
export interface Target {
  readonly name: string;
  /** Genuine ones, of which mutations are made. */
  readonly inputs: readonly Uint8Array[];
  /** Of all mutations, in parts: quick targets get more. */
  readonly share: number;
  readonly run: (bytes: Uint8Array) => unknown;
}

export interface Corpus {
  readonly targets: readonly Target[];
  /** The state that everything is given to: it must stay as it is. */
  readonly receiver: GroupState;
  readonly genuineMessage: Uint8Array;
}

/** A group of three in one suite, with every kind of message and record that it makes. */
export async function createCorpus(provider: CryptoProvider, suite: number): Promise<Corpus> {
  const crypto = provider.cipherSuite(suite);
  const [alice, bob] = await createMembers(3, { crypto }) as [GroupState, GroupState];
  const newcomer = await keyPackageOf(identityOf("newcomer", { crypto }), { crypto });
  const added = await createCommit(alice, { ...commitOptions, proposals: [addOf(newcomer)] });
  const publicCommit = await createCommit(alice, {
    ...commitOptions,
    proposals: [{ kind: "remove", removed: 2 }, addOf(newcomer)],
    wireFormat: "public-message",
  });
  const wireFormat = "public-message";
  const proposed = await createProposal(alice, { kind: "remove", removed: 2 }, {
    ...commitOptions,
    wireFormat,
  });
  const application = encryptMessage(bobsSender(alice), new Uint8Array(20), { random });
  const info = await createGroupInfo(alice);
  const tree = await ratchetTree(alice);
  const joiner = identityOf("joiner", { crypto });
  const external = await joinByExternalCommit(crypto, info, {
    ...acceptAll,
    identity: joiner,
    random,
  });
  assert(added.welcome !== undefined, "a commit that adds has a Welcome");
  const welcome = added.welcome;
  const toGroup = [
    added.commit,
    publicCommit.commit,
    proposed.message,
    application.message,
    external.commit,
  ];
  const whole = [...toGroup, info, welcome, newcomer.message];
  const records = new RecordMap();
  applyChanges(records, recordsOf(bob));
  const staged = encodeStaged(publicCommit.state, publicCommit.staged);

  const process = (bytes: Uint8Array) => processMessage(bob, bytes, acceptAll);
  const join = (bytes: Uint8Array) =>
    joinGroup(crypto, bytes, { ...acceptAll, keyPackages: [newcomer] });
  const targets: readonly Target[] = [
    { name: "MLSMessage", inputs: whole, share: 30, run: decodeMessage },
    { name: "message header", inputs: toGroup, share: 10, run: readHeader },
    {
      name: "KeyPackage",
      inputs: [newcomer.message],
      share: 6,
      run: (bytes) => acceptKeyPackage(crypto, bytes, { nowMs: NOW_MS }),
    },
    {
      name: "GroupInfo",
      inputs: [info],
      share: 6,
      run: (bytes) => validateGroupInfo(crypto, parseGroupInfo(bytes)),
    },
    {
      name: "ratchet tree beside a GroupInfo",
      inputs: [tree],
      share: 6,
      run: (bytes) => {
        parseRatchetTree(bytes);
        return validateGroupInfo(crypto, parseGroupInfo(info), { ratchetTree: bytes });
      },
    },
    { name: "message to a group", inputs: toGroup, share: 12, run: process },
    { name: "Welcome", inputs: [welcome], share: 4, run: join },
    ...recordTargets(provider, records, application.message),
    {
      name: "staged commit record",
      inputs: [staged],
      share: 3,
      run: (bytes) => decodeStaged(provider, bytes, { current: publicCommit.state }),
    },
    ...codecTargets(crypto, { commitBytes: publicCommit.commit, info, welcome }),
    ...insiderTargets(alice, {
      publicCommit: publicCommit.commit,
      proposed: proposed.message,
      process,
    }),
    groupSecretsTarget(crypto, { welcome, initKey: newcomer.keyPackage.initKey, join }),
    ...treeTargets(alice, info),
  ];
  return { targets, receiver: bob, genuineMessage: publicCommit.commit };
}

/** The same state before it sent: commits and messages of the corpus come from one state each. */
function bobsSender(state: GroupState): GroupState {
  return { ...state, secretTree: structuredClone(state.secretTree), pendingProposals: [] };
}

function readHeader(bytes: Uint8Array): unknown {
  return externalCommitOf(parseMessageHeader(bytes));
}

/** Each record damaged by itself, the others as they were; then the state is used. */
function recordTargets(
  provider: CryptoProvider,
  records: RecordMap,
  message: Uint8Array,
): readonly Target[] {
  return records.entries().map(([key, value]) => ({
    name: `record ${key[0]} ${key[2] ?? ""}`.trim(),
    inputs: [value],
    share: 1,
    run: async (bytes: Uint8Array) => {
      const damaged = records.copy();
      damaged.put(key, bytes);
      const loaded = await loadGroup(provider, damaged);
      assert(loaded !== undefined, "the group record is there");
      const opened = await processMessage(loaded, message, acceptAll);
      await loaded.tree.load();
      encryptMessage(loaded, new Uint8Array(), { random });
      await readWholeSecretTree(loaded, damaged);
      return opened;
    },
  }));
}

/** Structures that are decrypted, or stand inside others, decoded alone. */
function codecTargets(
  crypto: CipherSuite,
  genuine: {
    readonly commitBytes: Uint8Array;
    readonly info: Uint8Array;
    readonly welcome: Uint8Array;
  },
): readonly Target[] {
  const target = <T>(codec: NamedCodec<T>, value: T): Target => ({
    name: `${codec.name} alone`,
    inputs: [encode(codec, value)],
    share: 8,
    run: (bytes) => decodeExact(codec, bytes, { bytesMax: 1_000_000 }),
  });
  const { framed, commit: value, confirmationTag } = readCommit(genuine.commitBytes);
  const [first] = value.proposals;
  assert(first?.kind === "proposal", "the commit has a proposal by value");
  const secret = random.bytes(crypto.hashLength);
  return [
    target(commit, value),
    target(proposal, first.proposal),
    target(groupInfo, parseGroupInfo(genuine.info)),
    target(groupSecrets, {
      joinerSecret: secret,
      pathSecret: { pathSecret: secret },
      psks: [{ kind: "external", pskId: secret, pskNonce: secret }],
    }),
    target(authenticatedContent, {
      wireFormat: "public-message",
      content: framed,
      auth: { signature: secret, confirmationTag },
    }),
  ];
}

/** A member that signs and encrypts whatever it likes. */
function insiderTargets(
  alice: GroupState,
  options: {
    readonly publicCommit: Uint8Array;
    readonly proposed: Uint8Array;
    readonly process: (bytes: Uint8Array) => unknown;
  },
): readonly Target[] {
  const { crypto, context, secrets } = alice;
  const { process } = options;
  const { commit: genuine, confirmationTag } = readCommit(options.publicCommit);
  const decoded = decodeMessage(options.proposed);
  assert(decoded.kind === "public-message", "the proposal is public");
  const { content } = decoded.publicMessage.content;
  assert(content.kind === "proposal", "it is one");
  const limit = { bytesMax: 1_000_000 };
  const byValue = genuine.proposals.flatMap((each) =>
    each.kind === "proposal" ? [each.proposal] : []
  );
  const own = leafAt(alice.tree.loaded as RatchetTree, alice.ownLeafIndex) as LeafNode;
  const pskNonce = random.bytes(crypto.hashLength);
  const others: readonly Proposal[] = [
    ...byValue,
    { kind: "remove", removed: alice.ownLeafIndex },
    { kind: "remove", removed: 1 },
    { kind: "remove", removed: 7 },
    { kind: "remove", removed: 2 ** 32 - 1 },
    { kind: "update", leafNode: own },
    { kind: "external-init", kemOutput: random.bytes(crypto.kemOutputLength) },
    { kind: "self-remove" },
    { kind: "psk", psk: { kind: "external", pskId: pskNonce, pskNonce } },
    { kind: "psk", psk: { kind: "external", pskId: pskNonce, pskNonce: new Uint8Array() } },
    {
      kind: "psk",
      psk: { kind: "resumption", usage: "branch", pskGroupId: pskNonce, pskEpoch: 1n, pskNonce },
    },
    { kind: "reinit", groupId: pskNonce, version: 1, cipherSuite: 9, extensions: [] },
    {
      kind: "group-context-extensions",
      extensions: [{ extensionType: 0x0003, extensionData: random.bytes(9) }],
    },
    {
      kind: "group-context-extensions",
      extensions: [{ extensionType: 0xf00d, extensionData: random.bytes(9) }],
    },
  ];
  const sign = (leaf: LeafNode): LeafNode =>
    signLeaf(crypto, leaf, {
      groupId: context.groupId,
      leafIndex: alice.ownLeafIndex,
      signaturePrivateKey: alice.ownKeys.signaturePrivateKey,
    });

  const place = { leafIndex: alice.ownLeafIndex, leafCount: alice.tree.leafCount };
  const { ratchets } = openLeaf(crypto, alice.secretTree, place);
  const { messageKey } = keyToSend(crypto, ratchets.application);
  const header = {
    groupId: context.groupId,
    epoch: context.epoch,
    contentType: "application",
    authenticatedData: new Uint8Array(),
  } as const;
  const reuseGuard = new Uint8Array(4);
  const sealed = (plaintext: Uint8Array, sender: Uint8Array): Uint8Array => {
    const ciphertext = crypto.aeadSeal({
      key: messageKey.key,
      nonce: messageKey.nonce,
      additionalData: privateContentAdditionalData(header),
      text: plaintext,
    });
    const sample = ciphertext.subarray(0, crypto.hashLength);
    const expand = (label: string, length: number) =>
      expandWithLabel(crypto, secrets.senderDataSecret, { label, context: sample, length });
    const encryptedSenderData = crypto.aeadSeal({
      key: expand("key", crypto.aeadKeyLength),
      nonce: expand("nonce", crypto.aeadNonceLength),
      additionalData: senderDataAdditionalData(header),
      text: sender,
    });
    const privateMessage = { ...header, encryptedSenderData, ciphertext };
    return encodeMessage({ kind: "private-message", privateMessage });
  };
  const writer = new Writer();
  writer.opaque(new Uint8Array(20));
  writer.opaque(new Uint8Array(64));
  writer.bytes(new Uint8Array(10));
  const plaintext = writer.finish();
  const sender = encode(senderData, { leafIndex: place.leafIndex, generation: 0, reuseGuard });
  return [
    {
      name: "Commit of a malicious member",
      inputs: [encode(commit, genuine)],
      share: 5,
      run: (bytes) =>
        process(forgeCommit(alice, decodeExact(commit, bytes, limit), { confirmationTag })),
    },
    {
      name: "Commit of a malicious member, edited",
      inputs: [random.bytes(16)],
      share: 8,
      run: (seed) => {
        const edited = editCommit(genuine, seededRandom(seed.toHex()), { others, sign });
        return process(forgeCommit(alice, edited, { confirmationTag }));
      },
    },
    {
      name: "Proposal of a malicious member",
      inputs: [content.proposal, ...byValue].map((each) => encode(proposal, each)),
      share: 5,
      run: (bytes) => process(forgeProposal(alice, decodeExact(proposal, bytes, limit))),
    },
    {
      name: "PrivateMessageContent of a malicious member",
      inputs: [plaintext],
      share: 5,
      run: (bytes) => process(sealed(bytes, sender)),
    },
    {
      name: "SenderData of a malicious member",
      inputs: [sender],
      share: 3,
      run: (bytes) => process(sealed(plaintext, bytes)),
    },
  ];
}

/** GroupSecrets that a malicious committer encrypts to the joiner. */
function groupSecretsTarget(
  crypto: CipherSuite,
  options: {
    readonly welcome: Uint8Array;
    readonly initKey: Uint8Array;
    readonly join: (bytes: Uint8Array) => unknown;
  },
): Target {
  const decoded = decodeMessage(options.welcome);
  assert(decoded.kind === "welcome", "it is one");
  const { welcome } = decoded;
  const info = prepareEncryption(crypto, "Welcome", welcome.encryptedGroupInfo);
  const secret = random.bytes(crypto.hashLength);
  return {
    name: "GroupSecrets of a malicious committer",
    inputs: [encode(groupSecrets, {
      joinerSecret: secret,
      pathSecret: { pathSecret: secret },
      psks: [],
    })],
    share: 2,
    run: async (plaintext) => {
      const sealed = await encryptPrepared(crypto, options.initKey, { info, plaintext, random });
      const secrets = welcome.secrets.map((each) => ({ ...each, encryptedGroupSecrets: sealed }));
      return await options.join(
        encodeMessage({ kind: "welcome", welcome: { ...welcome, secrets } }),
      );
    },
  };
}

/** Trees that a malicious member puts into a GroupInfo, with the hash that they have. */
function treeTargets(alice: GroupState, genuine: Uint8Array): readonly Target[] {
  const { crypto } = alice;
  const info = parseGroupInfo(genuine);
  const genuineNodes = decodeExact(ratchetTreeNodes, treeIn(info), LIMIT);
  const validate = (nodes: readonly (Node | undefined)[]): unknown => {
    const unsigned = {
      ...info,
      groupContext: { ...info.groupContext, treeHash: treeHash(crypto, treeFromNodes(nodes)) },
      extensions: [runSlices(ratchetTreeExtension(nodes))],
    };
    const signature = signWithLabel(crypto, alice.ownKeys.signaturePrivateKey, {
      label: "GroupInfoTBS",
      content: groupInfoToBeSigned(unsigned),
    });
    return validateGroupInfo(crypto, { ...unsigned, signature });
  };
  return [
    {
      name: "ratchet tree of a malicious member",
      inputs: [encode(ratchetTreeNodes, genuineNodes)],
      share: 5,
      run: (bytes) => validate(decodeExact(ratchetTreeNodes, bytes, LIMIT)),
    },
    {
      name: "ratchet tree of a malicious member, edited",
      inputs: [random.bytes(16)],
      share: 5,
      run: (seed) => validate(editNodes(genuineNodes, seededRandom(seed.toHex()))),
    },
  ];
}

const LIMIT = { bytesMax: 1_000_000 };

function treeIn(info: GroupInfo): Uint8Array {
  const extension = info.extensions.find(({ extensionType }) => extensionType === 2);
  assert(extension !== undefined, "the tree is inside");
  return extension.extensionData;
}
