/** One entry of a channel's log, processed: what it changes is collected in a draft. */
import {
  type CommitSummary,
  type GroupState,
  membersOf,
  mergeStaged,
  type Outcome,
  processMessage,
} from "@qpq/mls";
import { assert, compareKeys, MessengerError } from "@qpq/ports";
import type { Entry } from "../../features/channels/client.ts";
import type { LeafDevice } from "../../features/devices/credential.ts";
import type { PendingCommit, StoredConversation } from "../../features/groups/group-store.ts";
import { authenticateWith, policyOf } from "../../features/groups/rules.ts";
import { type Body, decodeBody } from "../../features/messages/body.ts";
import type { StoredQueued } from "../../features/messages/history.ts";
import type { Draft } from "./draft.ts";
import { type Ground, pausing } from "./ground.ts";
import { noteAccepted, noteChanges, noteOthers, requireTree } from "./noting.ts";
import { standingOf } from "./succession.ts";

/** What a conversation has on its way while it processes. */
export interface InFlight {
  readonly commit: PendingCommit | undefined;
  /** By place in the queue. */
  readonly queue: ReadonlyMap<number, StoredQueued>;
}

/** Why a device is out whose place was taken by another with its key: it does not take it back by itself. */
export const REPLACED = "replaced";

/** This device can't follow the group any more: `code` says why. */
export class Behind extends Error {
  readonly code: string;

  constructor(code: string, options?: ErrorOptions) {
    super(`cannot follow the group: ${code}`, options);
    this.code = code;
  }
}

/**
 * Processes one entry.
 * @throws Behind: it is a commit that this device can't process, or comes behind one that it never had
 */
export async function processEntry(
  ground: Ground,
  draft: Draft,
  entry: Entry,
  inFlight: InFlight,
): Promise<void> {
  draft.record = { ...draft.record, cursor: entry.sequence };
  const { commit } = inFlight;
  if (commit !== undefined && draft.commit === undefined && isOwnCommit(commit, entry)) {
    return await applyOwn(ground, draft, entry, commit);
  }
  if (entry.kind === "closed") return close(draft, entry, commit);
  if (entry.kind !== "commit" && returnOwn(draft, entry, inFlight.queue)) return;
  if (commit?.stored.call === "enter" && draft.commit === undefined) {
    // Between what this device lost and where it comes in: nothing that it could read.
    if (draft.state !== undefined) draft.missedCount++;
    return;
  }
  // Before this device came in, or after it went out: nothing here is for it.
  if (draft.state === undefined) return;
  if (entry.kind === "commit") await processForeignCommit(ground, draft, entry, inFlight);
  else await processOther(ground, draft, entry);
}

function isOwnCommit({ stored, upload }: PendingCommit, entry: Entry): boolean {
  return entry.kind === "commit" && same(stored.entryId, entry.entryId) &&
    same(upload.message, entry.message);
}

async function applyOwn(
  ground: Ground,
  draft: Draft,
  entry: Entry,
  commit: PendingCommit,
): Promise<void> {
  const { staged } = commit;
  if (commit.stored.call === "enter") {
    const isRejoin = draft.record.state === "broken";
    const { state } = draft.record;
    if (state === "removed" || state === "left") {
      draft.record = { ...draft.record, state: "joining" };
    }
    const before = draft.state && membersOf(await draft.state.tree.load());
    if (draft.state !== undefined) draft.spent.push(draft.state);
    draft.isFresh = true;
    draft.state = staged.next;
    const members = membersOf(requireTree(staged.next));
    draft.entered.push(...members.map(({ leafNode }) => ground.leaves.open(leafNode)));
    draft.record = { ...draft.record, isUnconfirmed: members.length > 1 };
    enter(ground, draft, staged.summary);
    draft.note(
      isRejoin ? { kind: "rejoined" } : { kind: "joined", code: "entered" },
      entry.acceptedAtMs,
    );
    if (before !== undefined) noteOthers(ground, draft, { before, members, entry });
  } else {
    assert(draft.state !== undefined, "who commits is in the group");
    const before = draft.state;
    draft.advance(mergeStaged(before, staged));
    // The same people as before; who is missing is said with the succession.
    if (commit.stored.call !== "succeed") {
      noteChanges(ground, draft, { summary: staged.summary, before, atMs: entry.acceptedAtMs });
    }
  }
  draft.commit = "applied";
  draft.isBoundary = true;
  draft.record = {
    ...draft.record,
    needsUpdate: false,
    failure: "",
    state: commit.stored.call === "leave" ? "leaving" : stateAfterOwn(draft.record),
  };
  draft.effects.push((thread) => thread.noteConversation());
}

function stateAfterOwn(record: StoredConversation): StoredConversation["state"] {
  const { state } = record;
  return state === "joining" ? "active" : state === "broken" ? standingOf(record) : state;
}

/** A device that somebody had added comes in before its Welcome: whether to join is the user's choice. */
function enter(ground: Ground, draft: Draft, { removed }: CommitSummary): void {
  const wasAdded = removed.some(({ leafNode }) =>
    same(ground.leaves.open(leafNode).deviceId, ground.deviceId)
  );
  const { kind, state } = draft.record;
  if (kind !== "group" || state !== "joining" || !wasAdded) return;
  draft.record = { ...draft.record, state: "invited" };
}

/** The server's last word: a successor takes the channel's place. */
function close(draft: Draft, entry: Entry, commit: PendingCommit | undefined): void {
  const { state } = draft.record;
  if (state === "closed") return;
  if (commit !== undefined) draft.commit = "lost";
  draft.isBoundary = true;
  draft.record = {
    ...draft.record,
    state: "closed",
    stood: standingOf(draft.record),
  };
  draft.note({ kind: "closed" }, entry.acceptedAtMs);
  draft.effects.push((thread) => thread.noteConversation());
}

/** An own message that comes back: it is where it belongs. */
function returnOwn(
  draft: Draft,
  entry: Entry,
  queue: ReadonlyMap<number, StoredQueued>,
): boolean {
  for (const [order, queued] of queue) {
    if (!isReturn(queued, entry)) continue;
    if (draft.returned.has(order)) return true;
    draft.returned.add(order);
    // Names hold in the order of the log, also for who gave one.
    if (queued.position === 0 && queued.body.length > 0) takeName(draft, decodeBody(queued.body));
    draft.effects.push(async (thread) => {
      const { acceptedAtMs } = entry;
      await thread.changeText(queued.position, { state: "sent", acceptedAtMs });
      thread.dequeue(order, queued.sequence === 0 ? queued : undefined);
    });
    return true;
  }
  return false;
}

/** The id is the server's word; the message, or the place that it was accepted at, is not another's. */
function isReturn({ entryId, message, sequence }: StoredQueued, entry: Entry): boolean {
  if (entryId.length === 0 || !same(entryId, entry.entryId)) return false;
  return sequence === 0 ? same(message, entry.message) : sequence === entry.sequence;
}

async function processForeignCommit(
  ground: Ground,
  draft: Draft,
  entry: Entry,
  { commit }: InFlight,
): Promise<void> {
  const before = requireState(draft);
  const outcome = await process(ground, before, entry).catch((error: unknown) => {
    if (isOurs(error)) throw new Behind(codeOf(error), { cause: error });
    throw error;
  });
  if (outcome.kind === "past-epoch" || outcome.kind === "other-group") {
    return ground.log.warn("commit-ignored", { outcome: outcome.kind });
  }
  if (outcome.kind === "removed") return leave(ground, draft, { summary: outcome.summary, entry });
  if (outcome.kind !== "commit-staged") throw new Behind(`mls/${outcome.kind}`);
  draft.advance(outcome.state);
  draft.advance(mergeStaged(outcome.state, outcome.staged));
  // An external commit can be made on what the server hands out: it proves nothing.
  if (outcome.staged.summary.sender.kind === "member") confirmMembers(draft);
  if (commit !== undefined) draft.commit = "lost";
  draft.isBoundary = true;
  noteChanges(ground, draft, {
    summary: outcome.staged.summary,
    before,
    atMs: entry.acceptedAtMs,
  });
  draft.effects.push((thread) => thread.noteConversation());
}

/** Somebody else has the group's keys: its members are who they were said to be. */
function confirmMembers(draft: Draft): void {
  if (!draft.record.isUnconfirmed) return;
  draft.record = { ...draft.record, isUnconfirmed: false };
  draft.effects.push((thread) => thread.noteConversation());
}

function leave(
  ground: Ground,
  draft: Draft,
  { summary, entry }: { readonly summary: CommitSummary; readonly entry: Entry },
): void {
  if (draft.state !== undefined) draft.spent.push(draft.state);
  draft.state = undefined;
  draft.commit = "lost";
  draft.isBoundary = true;
  const isOwnWish = draft.record.state === "leaving";
  const { accountName, deviceId } = ground.leaves.open(summary.committer.leafNode);
  const isReplaced = summary.sender.kind === "new-member-commit" && same(deviceId, ground.deviceId);
  draft.record = {
    ...draft.record,
    state: isOwnWish ? "left" : "removed",
    ...isReplaced ? { failure: REPLACED } : {},
  };
  draft.note(
    isReplaced
      ? { kind: "device-replaced", name: accountName }
      : isOwnWish
      ? { kind: "left-self" }
      : { kind: "removed-self", name: accountName },
    entry.acceptedAtMs,
  );
  draft.effects.push((thread) => thread.noteConversation());
}

async function processOther(ground: Ground, draft: Draft, entry: Entry): Promise<void> {
  const before = requireState(draft);
  let outcome: Outcome;
  try {
    outcome = await process(ground, before, entry);
  } catch (error) {
    if (!isOurs(error)) throw error;
    return noteUndecryptable(draft, entry, { name: "", code: codeOf(error) });
  }
  switch (outcome.kind) {
    case "application":
      draft.advance(outcome.state);
      confirmMembers(draft);
      return receive(ground, draft, { entry, outcome });
    case "proposal":
      // By reference only SelfRemoves are committed here; nothing else may keep us from sending.
      return draft.advance(
        outcome.proposal.kind === "self-remove"
          ? outcome.state
          : { ...outcome.state, pendingProposals: before.pendingProposals },
      );
    case "future-epoch":
      throw new Behind("mls/future-epoch");
    case "own-message":
      // What we sent and know of was found by its entry id: this was never ours, or of a lost store.
      return ground.log.warn("own-message-unknown", { sequence: entry.sequence });
    case "commit-staged":
    case "removed":
    case "own-commit":
      // The server says that it is no commit.
      return noteUndecryptable(draft, entry, { name: "", code: "channels/bad-answer" });
    default:
      return ground.log.warn("entry-ignored", { outcome: outcome.kind });
  }
}

function receive(
  ground: Ground,
  draft: Draft,
  { entry, outcome }: {
    readonly entry: Entry;
    readonly outcome: Extract<Outcome, { readonly kind: "application" }>;
  },
): void {
  const author = ground.leaves.open(outcome.sender.leafNode);
  const { accountName: name } = author;
  if (outcome.skippedCount > 0) {
    const { skippedCount: count } = outcome;
    draft.note({ kind: "missing-messages", name, count }, entry.acceptedAtMs);
  }
  let body: Body;
  try {
    body = decodeBody(outcome.data);
  } catch (error) {
    if (!isOurs(error)) throw error;
    return noteUndecryptable(draft, entry, { name, code: codeOf(error) });
  }
  const isOwn = same(author.accountId, ground.own.accountId);
  // What a group is called says also who was asked for it while it was only invited.
  if (body.kind !== "group-name") noteAccepted(draft, author, entry.acceptedAtMs);
  if (body.kind === "text") {
    const { messageId, sentAtMs, text } = body;
    draft.effects.push(async (thread) => {
      await thread.addText({
        messageId,
        accountId: author.accountId,
        accountName: name,
        text,
        sentAtMs,
        acceptedAtMs: entry.acceptedAtMs,
        state: isOwn ? "sent" : "received",
        isOwn,
      });
    });
  } else if (body.kind === "group-name") rename(draft, { name: body.name, by: author, entry });
  else if (body.kind === "joined") {
    if (isOwn) join(ground, draft, entry);
  } else noteUndecryptable(draft, entry, { name, code: "messages/unsupported" });
}

/** Another device of the account has accepted for all of them. */
function join(ground: Ground, draft: Draft, entry: Entry): void {
  const { state, judgedList } = draft.record;
  // What is no device of the account's decides nothing.
  if (state !== "invited" || judgedList !== ground.ownDevices.counter) return;
  draft.record = { ...draft.record, state: "active", isFromStranger: false };
  draft.note({ kind: "joined" }, entry.acceptedAtMs);
  draft.effects.push((thread) => thread.noteConversation());
}

function rename(
  draft: Draft,
  { name, by, entry }: {
    readonly name: string;
    readonly by: LeafDevice;
    readonly entry: Entry;
  },
): void {
  if (!takeName(draft, { kind: "group-name", name })) return;
  draft.note({ kind: "renamed", name: by.accountName, names: [name] }, entry.acceptedAtMs);
  draft.effects.push((thread) => thread.noteConversation());
}

/** @returns whether it is another name than before */
function takeName(
  draft: Draft,
  body: { readonly kind: Body["kind"]; readonly name?: string },
): boolean {
  const { kind, name: before } = draft.record;
  if (body.kind !== "group-name" || body.name === undefined) return false;
  if (kind !== "group" || before === body.name) return false;
  draft.record = { ...draft.record, name: body.name };
  return true;
}

/** An entry that this program can't take in: it is said so, and what follows goes on. */
export function giveUp(draft: Draft, entry: Entry): void {
  if (entry.kind === "commit") throw new Behind("internal");
  draft.record = { ...draft.record, cursor: entry.sequence };
  noteUndecryptable(draft, entry, { name: "", code: "internal" });
}

function noteUndecryptable(
  draft: Draft,
  entry: Entry,
  { name, code }: { readonly name: string; readonly code: string },
): void {
  draft.note({ kind: "undecryptable", name, code }, entry.acceptedAtMs);
}

async function process(ground: Ground, state: GroupState, entry: Entry): Promise<Outcome> {
  return await processMessage(state, entry.message, {
    authenticate: authenticateWith(ground.leaves),
    policy: policyOf(state, ground.leaves),
    pause: pausing({ clock: ground.clock }),
  });
}

function requireState(draft: Draft): GroupState {
  assert(draft.state !== undefined, "the group's state is there");
  return draft.state;
}

/** Something about the bytes, not about this device: a store that fails is no peer's fault. */
function isOurs(error: unknown): error is MessengerError {
  return error instanceof MessengerError && !error.code.startsWith("store/");
}

function codeOf(error: MessengerError): string {
  return error.code;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return compareKeys(one, other) === 0;
}
