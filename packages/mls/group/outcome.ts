import { MessengerError } from "@qpq/ports";
import { encode } from "../codec/codec.ts";
import type { PreSharedKey } from "../keys/key-schedule.ts";
import { sameBytes } from "../tree/validation.ts";
import type { Extension } from "../wire/extension.ts";
import type { Sender } from "../wire/framing.ts";
import {
  type Credential,
  credential as credentialCodec,
  type LeafNode,
} from "../wire/leaf-node.ts";
import { findExternalSenders, type PreSharedKeyId } from "../wire/proposal.ts";
import type { Proposal, ReInit } from "../wire/proposal.ts";
import { type GroupState, requireLive } from "./state.ts";

/** A member, as a leaf of one epoch. */
export interface Member {
  readonly leafIndex: number;
  readonly leafNode: LeafNode;
}

/** One proposal of a commit, and who made it. */
export interface CommittedProposal {
  readonly proposal: Proposal;
  readonly sender: Sender;
  /** By reference to a proposal that was sent before; else by value, from the committer. */
  readonly byReference: boolean;
}

/**
 * What a commit does, for the policy of the application: roles, who may enter, what must match.
 * Everything in it comes from the commit's bytes and the state before it.
 */
export interface CommitSummary {
  readonly groupId: Uint8Array;
  /** The epoch that the commit ends; the new one is this + 1. */
  readonly epoch: bigint;
  readonly sender: Sender;
  /** Before the commit; undefined for an external one. */
  readonly committerBefore: LeafNode | undefined;
  /** After it. */
  readonly committer: Member;
  readonly authenticatedData: Uint8Array;
  readonly proposals: readonly CommittedProposal[];
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  readonly updated: readonly Member[];
  readonly extensionsBefore: readonly Extension[];
  readonly extensionsAfter: readonly Extension[];
  readonly psks: readonly PreSharedKeyId[];
  readonly reinit: ReInit | undefined;
  readonly hasPath: boolean;
}

/** A next epoch, ready to be taken or dropped. */
export interface StagedCommit {
  /** The commit as it goes over the wire. */
  readonly message: Uint8Array;
  readonly summary: CommitSummary;
  readonly next: GroupState;
}

/** A credential that is new in the group, for the authentication service (RFC 9420 §5.3.1). */
export interface EnteringCredential {
  readonly credential: Credential;
  readonly signatureKey: Uint8Array;
  /** Undefined for an external sender. */
  readonly leafNode: LeafNode | undefined;
  /** The one whose place it takes: it must be an acceptable successor. */
  readonly replaces: Credential | undefined;
}

/** @returns for each credential, in order, whether it is valid */
export type Authenticate = (
  entering: readonly EnteringCredential[],
) => Promise<readonly boolean[]>;

/** @returns why the commit is refused, or undefined */
export type Policy = (summary: CommitSummary) => Promise<string | undefined>;

/** @returns for each id, in order, its key, or undefined when it is not held */
export type FindPsks = (
  ids: readonly PreSharedKeyId[],
) => Promise<readonly (Uint8Array | undefined)[]>;

/** @throws MessengerError `mls/credential-refused` */
export async function authenticateAll(
  authenticate: Authenticate,
  entering: readonly EnteringCredential[],
): Promise<void> {
  if (entering.length === 0) return;
  const answers = await authenticate(entering);
  if (answers.length !== entering.length || !answers.every((isValid) => isValid)) {
    throw new MessengerError(
      "mls/credential-refused",
      "Cannot accept members: the authentication service refuses a credential",
    );
  }
}

/** A member's new credential, if it is one: the same again with the same key needs no question. */
export function enteringLeaf(
  leafNode: LeafNode,
  before: LeafNode | undefined,
): readonly EnteringCredential[] {
  if (before !== undefined && isSameClient(leafNode, before)) return [];
  const { credential, signatureKey } = leafNode;
  return [{ credential, signatureKey, leafNode, replaces: before?.credential }];
}

function isSameClient(one: LeafNode, other: LeafNode): boolean {
  return sameBytes(one.signatureKey, other.signatureKey) &&
    sameCredential(one.credential, other.credential);
}

/** Whether two credentials are byte for byte the same. */
function sameCredential(one: Credential, other: Credential): boolean {
  return sameBytes(encode(credentialCodec, one), encode(credentialCodec, other));
}

/** External senders that the new extensions have and the old ones had not (RFC 9420 §5.3.1). */
export function enteringExternalSenders(
  before: readonly Extension[],
  after: readonly Extension[],
): readonly EnteringCredential[] {
  if (before === after) return [];
  const known = findExternalSenders(before);
  return findExternalSenders(after)
    .filter((sender) =>
      !known.some((each) =>
        sameBytes(each.signatureKey, sender.signatureKey) &&
        sameCredential(each.credential, sender.credential)
      )
    )
    .map(({ credential, signatureKey }) => ({
      credential,
      signatureKey,
      leafNode: undefined,
      replaces: undefined,
    }));
}

/**
 * The keys of all ids, in order; undefined for those that are not held. This group's resumption key of
 * the current epoch is known. A key that links a group to the one that it follows is held only for
 * the very group and epoch of a given `options.state`, whatever `findPsks` says: who expects one
 * predecessor gets no other (RFC 9420 §11.2, §11.3).
 * @param options.state the group, or for who joins or creates one that follows another, that other
 */
export async function findHeldPsks(
  ids: readonly PreSharedKeyId[],
  options: { readonly state: GroupState | undefined; readonly findPsks: FindPsks | undefined },
): Promise<readonly (Uint8Array | undefined)[]> {
  if (ids.length === 0) return [];
  const { state, findPsks } = options;
  const found = await findPsks?.(ids) ?? [];
  return ids.map((id, index) => {
    const current = currentResumptionPsk(id, state);
    const leadsElsewhere = state !== undefined && isLink(id) && current === undefined;
    return leadsElsewhere ? undefined : found[index] ?? current;
  });
}

/**
 * The same, where all are needed.
 * @throws MessengerError `mls/missing-psk`
 */
export async function lookUpPsks(
  ids: readonly PreSharedKeyId[],
  options: Parameters<typeof findHeldPsks>[1],
): Promise<readonly PreSharedKey[]> {
  const keys = await findHeldPsks(ids, options);
  return ids.map((id, index): PreSharedKey => {
    const psk = keys[index];
    if (psk === undefined) {
      throw new MessengerError("mls/missing-psk", "Cannot go on: a pre-shared key is not held");
    }
    return { id, psk };
  });
}

function isLink(id: PreSharedKeyId): boolean {
  return id.kind === "resumption" && id.usage !== "application";
}

function currentResumptionPsk(
  id: PreSharedKeyId,
  state: GroupState | undefined,
): Uint8Array | undefined {
  if (state === undefined || id.kind !== "resumption") return undefined;
  const { groupId, epoch } = state.context;
  if (!sameBytes(id.pskGroupId, groupId) || id.pskEpoch !== epoch) return undefined;
  requireLive(state);
  return state.secrets.resumptionPsk;
}
