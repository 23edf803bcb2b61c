import assert from "node:assert/strict";
import type { Random } from "@qpq/ports";
import type { AeadInput, Bytes, CipherSuite } from "../crypto/provider.ts";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { encryptMessage, epochAuthenticator } from "../group/application.ts";
import { createCommit, mergeStaged } from "../group/create-commit.ts";
import { createGroup } from "../group/create-group.ts";
import { createProposal, createUpdate } from "../group/create-proposal.ts";
import { joinByExternalCommit } from "../group/external-commit.ts";
import { createGroupInfo } from "../group/group-info.ts";
import {
  createIdentity,
  createKeyPackage,
  type Identity,
  type OwnKeyPackage,
} from "../group/identity.ts";
import { joinGroup, retireKeyPackage } from "../group/join.ts";
import type { StagedCommit } from "../group/outcome.ts";
import { type Outcome, processMessage } from "../group/process-message.ts";
import { changedRecords, loadGroup, recordsOf } from "../group/records.ts";
import { decodeStaged, encodeStaged } from "../group/staged-record.ts";
import { type GroupState, retire } from "../group/state.ts";
import { chooseIndex } from "../vectors/seeded-random.ts";
import type { MessageWireFormat } from "../wire/framing.ts";
import type { Proposal } from "../wire/proposal.ts";
import { applyChanges, RecordMap } from "./record-map.ts";

/** A client with its state, in memory and stored. */
export interface Client {
  readonly name: string;
  state: GroupState;
  readonly records: RecordMap;
  /** Asked after each step: whether the client starts again from its records. */
  readonly isRestarting: () => boolean;
}

export const NOW_MS = 1_800_000_000_000;
const LIFETIME = { notBefore: 1_799_999_000n, notAfter: 1_801_000_000n };

export const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);

export function choose<T>(random: Random, items: readonly T[]): T {
  const chosen = items[chooseIndex(random, items.length)];
  assert.ok(chosen !== undefined, "there is something to choose from");
  return chosen;
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const order = [...items];
  for (let index = order.length - 1; index > 0; index--) {
    const other = chooseIndex(random, index + 1);
    [order[index], order[other]] = [order[other] as T, order[index] as T];
  }
  return order;
}

/** A suite that notes the keys with which something was decrypted. */
export function watched(
  inner: CipherSuite,
): { readonly crypto: CipherSuite; readonly openedWith: Set<string> } {
  const openedWith = new Set<string>();
  const note = ({ key }: AeadInput, opened: Bytes | undefined): Bytes | undefined => {
    if (opened !== undefined) openedWith.add(key.toHex());
    return opened;
  };
  const crypto: CipherSuite = {
    ...inner,
    aeadOpen: (input) => note(input, inner.aeadOpen(input)),
    *aeadOpening(input) {
      return note(input, yield* inner.aeadOpening(input));
    },
  };
  return { crypto, openedWith };
}

export function newIdentity(crypto: CipherSuite, name: string, random: Random): Identity {
  return createIdentity(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    signatureKeyPair: crypto.generateSignatureKeyPair(random),
    random,
  });
}

export async function foundGroup(
  crypto: CipherSuite,
  name: string,
  random: Random,
): Promise<Client> {
  const identity = newIdentity(crypto, name, random);
  const state = await createGroup(crypto, { identity, lifetime: LIFETIME, random });
  return clientWith(name, state);
}

const provider = runtimeCryptoProvider();

export function clientWith(
  name: string,
  state: GroupState,
  isRestarting: () => boolean = () => false,
): Client {
  const records = new RecordMap();
  applyChanges(records, recordsOf(state));
  return { name, state, records, isRestarting };
}

/** The same client, which from now on starts again from its records now and then. */
export function restless(client: Client, random: Random): Client {
  return { ...client, isRestarting: () => chooseIndex(random, 4) === 0 };
}

/** Goes on to `next`: stores what changed, then overwrites what `next` does not need. */
export async function advance(client: Client, next: GroupState): Promise<void> {
  const previous = client.state;
  applyChanges(client.records, changedRecords(previous, next));
  client.state = next;
  retire(previous, next);
  if (!client.isRestarting()) return;
  const loaded = await loadGroup(provider, client.records);
  assert.ok(loaded !== undefined);
  client.state = loaded;
}

export interface Invitation {
  readonly name: string;
  readonly identity: Identity;
  readonly keyPackage: OwnKeyPackage;
}

export async function invite(
  crypto: CipherSuite,
  name: string,
  random: Random,
): Promise<Invitation> {
  const identity = newIdentity(crypto, name, random);
  const keyPackage = await createKeyPackage(crypto, { identity, lifetime: LIFETIME, random });
  return { name, identity, keyPackage };
}

export async function enter(
  crypto: CipherSuite,
  invitation: Invitation,
  welcome: Uint8Array,
): Promise<Client> {
  const { name, keyPackage } = invitation;
  const joined = await joinGroup(crypto, welcome, { keyPackages: [keyPackage], authenticate });
  retireKeyPackage(crypto, keyPackage);
  return clientWith(name, joined.state);
}

export async function enterExternally(
  crypto: CipherSuite,
  name: string,
  options: { readonly from: Client; readonly random: Random },
): Promise<{ readonly client: Client; readonly commit: Uint8Array }> {
  const identity = newIdentity(crypto, name, options.random);
  const groupInfo = await createGroupInfo(options.from.state);
  const { staged, commit } = await joinByExternalCommit(crypto, groupInfo, {
    identity,
    random: options.random,
    authenticate,
  });
  return { client: clientWith(name, staged.next), commit };
}

export interface Made {
  readonly staged: StagedCommit;
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array | undefined;
}

/** Makes a commit; whether it wins is decided later. */
export async function makeCommit(
  client: Client,
  options: {
    readonly proposals: readonly Proposal[];
    readonly wireFormat: MessageWireFormat;
    readonly random: Random;
  },
): Promise<Made> {
  const created = await createCommit(client.state, { ...options, nowMs: NOW_MS, authenticate });
  const { staged, commit, welcome } = created;
  const bytes = encodeStaged(created.state, staged);
  await advance(client, created.state);
  // A staged commit, too, may have to be read back before it is merged.
  const stored = client.isRestarting()
    ? await decodeStaged(provider, bytes, { current: client.state })
    : staged;
  return { staged: stored, commit, welcome };
}

/** The client sees the commit that won the epoch: its own, or another's. */
export async function seeCommit(
  client: Client,
  commit: Uint8Array,
  own: readonly StagedCommit[] = [],
): Promise<Outcome> {
  const outcome = await processMessage(client.state, commit, { authenticate, staged: own });
  if (outcome.kind === "own-commit") {
    await advance(client, mergeStaged(client.state, outcome.staged));
  } else if (outcome.kind === "commit-staged") {
    await advance(client, outcome.state);
    await advance(client, mergeStaged(client.state, outcome.staged));
  } else {
    assert.equal(outcome.kind, "removed");
  }
  return outcome;
}

/** Proposes by reference: an Update of its own leaf, or the removal of another. */
export async function propose(
  client: Client,
  options: { readonly removed: number | undefined; readonly random: Random },
): Promise<Uint8Array> {
  const { random, removed } = options;
  const made = removed === undefined
    ? await createUpdate(client.state, { random, nowMs: NOW_MS })
    : await createProposal(client.state, { kind: "remove", removed }, { random, nowMs: NOW_MS });
  await advance(client, made.state);
  return made.message;
}

export async function send(client: Client, text: string, random: Random): Promise<Uint8Array> {
  const { state, message } = encryptMessage(client.state, new TextEncoder().encode(text), {
    random,
  });
  await advance(client, state);
  return message;
}

export async function receive(client: Client, message: Uint8Array): Promise<Outcome> {
  const outcome = await processMessage(client.state, message, { authenticate });
  if ("state" in outcome) await advance(client, outcome.state);
  return outcome;
}

export function assertSameEpoch(clients: readonly Client[]): void {
  const [first, ...others] = clients.map(({ state }) => epochAuthenticator(state).toHex());
  for (const other of others) assert.equal(other, first, "epoch authenticators differ");
}
