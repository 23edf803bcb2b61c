import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { encryptMessage, epochAuthenticator } from "../group/application.ts";
import { createCommit, mergeStaged } from "../group/create-commit.ts";
import { createGroup } from "../group/create-group.ts";
import { createProposal } from "../group/create-proposal.ts";
import { joinByExternalCommit } from "../group/external-commit.ts";
import { createGroupInfo } from "../group/group-info.ts";
import {
  createCapabilities,
  createIdentity,
  createKeyPackage,
  type Identity,
  type OwnKeyPackage,
} from "../group/identity.ts";
import { joinGroup } from "../group/join.ts";
import { processMessage } from "../group/process-message.ts";
import { recordsOf } from "../group/records.ts";
import { encodeStaged } from "../group/staged-record.ts";
import type { GroupState } from "../group/state.ts";
import type { PreSharedKeyId, Proposal } from "../wire/proposal.ts";
import type { OwnVectors } from "./own-primitives.ts";
import { seededRandom } from "./seeded-random.ts";

const NOW_MS = 1_800_000_000_000;
const LIFETIME = { notBefore: 1_799_999_000n, notAfter: 1_801_000_000n };
const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);

function identityOf(crypto: CipherSuite, name: string, random: Random): Identity {
  return createIdentity(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    signatureKeyPair: crypto.generateSignatureKeyPair(random),
    random,
    capabilities: createCapabilities({ cipherSuites: [crypto.id], credentials: [1] }),
  });
}

interface Trio {
  readonly alice: GroupState;
  readonly bob: GroupState;
  readonly carol: GroupState;
  readonly carolsKeyPackage: OwnKeyPackage;
  readonly welcome: Uint8Array;
}

/** Alice adds Bob and Carol. */
async function createTrio(crypto: CipherSuite, random: Random): Promise<Trio> {
  const packageOf = (name: string): Promise<OwnKeyPackage> =>
    createKeyPackage(crypto, {
      identity: identityOf(crypto, name, random),
      lifetime: LIFETIME,
      random,
    });
  const [bobsKeyPackage, carolsKeyPackage] = [await packageOf("bob"), await packageOf("carol")];
  const alone = await createGroup(crypto, {
    identity: identityOf(crypto, "alice", random),
    lifetime: LIFETIME,
    random,
  });
  const added = await createCommit(alone, {
    random,
    nowMs: NOW_MS,
    authenticate,
    proposals: [bobsKeyPackage, carolsKeyPackage].map(({ keyPackage }): Proposal => ({
      kind: "add",
      keyPackage,
    })),
  });
  const { welcome } = added;
  assert.ok(welcome !== undefined);
  const join = async (own: OwnKeyPackage): Promise<GroupState> =>
    (await joinGroup(crypto, welcome, { keyPackages: [own], authenticate })).state;
  return {
    alice: mergeStaged(added.state, added.staged),
    bob: await join(bobsKeyPackage),
    carol: await join(carolsKeyPackage),
    carolsKeyPackage,
    welcome,
  };
}

async function follow(state: GroupState, commit: Uint8Array): Promise<GroupState> {
  const outcome = await processMessage(state, commit, { authenticate });
  assert.ok(outcome.kind === "commit-staged", outcome.kind);
  return mergeStaged(outcome.state, outcome.staged);
}

/** Carol follows: an update, a proposal by reference with a PSK by value, an external commit. */
export async function ownPassiveClient(crypto: CipherSuite): Promise<OwnVectors> {
  const random = seededRandom("own/passive-client");
  const { alice, bob, carolsKeyPackage, welcome } = await createTrio(crypto, random);
  const initialAuthenticator = epochAuthenticator(alice).toHex();
  const options = { random, nowMs: NOW_MS, authenticate };
  const epochs: OwnVectors[] = [];
  const push = (proposals: readonly Uint8Array[], commit: Uint8Array, after: GroupState): void => {
    epochs.push({
      proposals: proposals.map((each) => each.toHex()),
      commit: commit.toHex(),
      epoch_authenticator: epochAuthenticator(after).toHex(),
    });
  };

  const update = await createCommit(bob, options);
  const bobUpdated = mergeStaged(update.state, update.staged);
  let aliceNow = await follow(alice, update.commit);
  push([], update.commit, aliceNow);

  const psk: PreSharedKeyId = {
    kind: "external",
    pskId: new TextEncoder().encode("psk"),
    pskNonce: random.bytes(crypto.hashLength),
  };
  const pskValue = random.bytes(32);
  const removal = await createProposal(aliceNow, {
    kind: "remove",
    removed: bobUpdated.ownLeafIndex,
  }, options);
  const removed = await createCommit(removal.state, {
    ...options,
    proposals: [{ kind: "psk", psk }],
    findPsks: async (ids) => ids.map(() => pskValue),
  });
  aliceNow = mergeStaged(removed.state, removed.staged);
  push([removal.message], removed.commit, aliceNow);

  const joined = await joinByExternalCommit(crypto, await createGroupInfo(aliceNow), {
    identity: identityOf(crypto, "dave", random),
    random,
    authenticate,
  });
  push([], joined.commit, joined.staged.next);

  return {
    cipher_suite: crypto.id,
    external_psks: [{ psk_id: psk.pskId.toHex(), psk: pskValue.toHex() }],
    key_package: carolsKeyPackage.message.toHex(),
    signature_priv: carolsKeyPackage.signaturePrivateKey.toHex(),
    encryption_priv: carolsKeyPackage.encryptionPrivateKey.toHex(),
    init_priv: carolsKeyPackage.initPrivateKey.toHex(),
    welcome: welcome.toHex(),
    ratchet_tree: null,
    initial_epoch_authenticator: initialAuthenticator,
    epochs,
  };
}

/** Carol's records in the middle of an epoch, a staged commit of hers beside them, and what comes next. */
export async function ownStoredGroup(crypto: CipherSuite): Promise<OwnVectors> {
  const random = seededRandom("own/stored-group");
  const { alice, carol } = await createTrio(crypto, random);
  const text = (word: string): Uint8Array => new TextEncoder().encode(word);
  const padding = { kind: "none" } as const;
  const first = encryptMessage(alice, text("skipped"), { random, padding });
  const second = encryptMessage(first.state, text("received before"), { random, padding });
  const third = encryptMessage(second.state, text("received after"), { random, padding });
  const received = await processMessage(carol, second.message, { authenticate });
  assert.ok(received.kind === "application");
  const made = await createCommit(received.state, { random, nowMs: NOW_MS, authenticate });
  return {
    cipher_suite: crypto.id,
    records: recordsOf(made.state).put.map(([key, value]) => ({ key, value: value.toHex() })),
    staged: encodeStaged(made.state, made.staged).toHex(),
    commit: made.commit.toHex(),
    messages: [
      { message: first.message.toHex(), data: text("skipped").toHex() },
      { message: third.message.toHex(), data: text("received after").toHex() },
    ],
    replayed: second.message.toHex(),
    epoch_authenticator: epochAuthenticator(made.state).toHex(),
    next_epoch_authenticator: epochAuthenticator(made.staged.next).toHex(),
  };
}
