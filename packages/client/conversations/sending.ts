/**
 * Sending: the new state, the exact bytes and the message in one transaction, then the bytes leave; and
 * the same bytes again until the server has a definite answer.
 */
import { createProposal, encryptMessage, type GroupState, membersOf } from "@qpq/mls";
import { compareKeys, ERROR_CODES, MessengerError, sleep } from "@qpq/ports";
import { newEntryId } from "../../features/channels/client.ts";
import { encodeText, newMessageId } from "../../features/messages/body.ts";
import { positionOf, readItem, type StoredQueued } from "../../features/messages/history.ts";
import {
  accepted,
  type NewNotice,
  QUEUED_COUNT_MAX,
  type ThreadWriter,
} from "../../features/messages/thread.ts";
import type { StoredConversation } from "../../features/groups/group-store.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import {
  encryptAgain,
  isSelfRemove,
  isUnencrypted,
  NOT_ENCRYPTED,
  queuedAcceptance,
  queuedName,
} from "./queueing.ts";
import { isPassing } from "./receiving.ts";
import { idReused, keyChanged, notActive, queueFull, unknownDevice } from "./refusing.ts";
import { takesTexts } from "./succession.ts";

/** Messages of one conversation that are on their way at a time. */
const WINDOW_COUNT = 64;
/** Texts that one transaction queues. */
const BATCH_COUNT_MAX = 64;
/** Milliseconds before a refusal that passes by itself is tried again, where the server does not say. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 60_000;
/** UTF-16 units of a failure's text: at most three bytes each in UTF-8, of the 1,024 that are kept. */
const FAILURE_TEXT_UNITS_MAX = 300;

interface Request {
  readonly messageId: Uint8Array;
  readonly isRetry: boolean;
  readonly text: string;
  readonly sentAtMs: number;
  readonly body: Uint8Array;
  readonly resolve: (position: number) => void;
  readonly reject: (error: unknown) => void;
}

type Placed = readonly [order: number, queued: StoredQueued];

/** What the server said of one message. */
type Answer =
  | { readonly kind: "accepted"; readonly sequence: number; readonly acceptedAtMs: number }
  | { readonly kind: "too-old" }
  | { readonly kind: "later"; readonly afterMs: number }
  | { readonly kind: "offline" }
  | { readonly kind: "refused"; readonly error: MessengerError };

/** Whether the conversation may send now, as its owner sees it. */
export interface Readiness {
  /** On line, and all that the server had is processed. */
  readonly isCaughtUp: () => boolean;
  /** Members whose key changed: nothing is sent to them. */
  readonly blockedBy: () => Promise<readonly string[]>;
  /** Every leaf of the own account is a device of its. */
  readonly isJudged: () => boolean;
  /** A commit has to come first: see to it. */
  readonly needsCommit: () => void;
  /** Where the conversation goes on in another group; undefined while it does in this one. */
  readonly successor: () => Sender | undefined;
}

const EMPTY = new Uint8Array();

export class Sender {
  readonly #ground: Ground;
  readonly #live: LiveConversation;
  readonly #readiness: Readiness;
  #requests: Request[] = [];
  #running: Promise<void> | undefined;
  #isKicked = false;
  /** The last epoch in which somebody else was there to read. */
  #readerEpoch: bigint | undefined;

  constructor(ground: Ground, live: LiveConversation, readiness: Readiness) {
    this.#ground = ground;
    this.#live = live;
    this.#readiness = readiness;
  }

  /** @returns the position in the history, when it is durable */
  send(text: string, messageId: Uint8Array | undefined): Promise<number> {
    const { random, clock, signal } = this.#ground;
    // Closed, or failed: it would wait for ever.
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#requests.length >= QUEUED_COUNT_MAX) return Promise.reject(queueFull());
    const sentAtMs = Math.max(0, Math.floor(clock.now()));
    const id = messageId ?? newMessageId(random);
    const body = encodeText({ messageId: id, sentAtMs, text });
    return new Promise((resolve, reject) => {
      const isRetry = messageId !== undefined;
      this.#request([{ messageId: id, isRetry, text, sentAtMs, body, resolve, reject }]);
    });
  }

  #request(requests: readonly Request[]): void {
    const isFirst = this.#requests.length === 0;
    this.#requests.push(...requests);
    // Whatever else is queued until this has its turn shares its transaction.
    if (isFirst) this.#background(this.#takeRequests());
  }

  /** Tells the members what the group is called from now on, here too. */
  async sendName(name: string, notice: NewNotice): Promise<void> {
    const atMs = this.#ground.clock.now();
    const { messageId, body } = queuedName(this.#ground, name);
    await this.#live.exclusive(() => {
      if (this.#live.record.state !== "active") throw notActive();
      if (this.#live.queue.size >= QUEUED_COUNT_MAX) throw queueFull();
      const history = (thread: ThreadWriter) => thread.addNotice(notice, atMs);
      return this.#enqueueHidden({ messageId, body, record: { name }, history });
    });
    this.kick();
  }

  /**
   * Asks the others to remove this device's leaf, unless that is asked for in this epoch already. The
   * conversation is left behind in the same moment. Only inside `exclusive`.
   */
  async enqueueSelfRemove(): Promise<void> {
    const { state, queue, record } = this.#live;
    if (state === undefined) return;
    const isAsked = state.pendingProposals.some(({ message: { content: { sender } } }) =>
      sender.kind === "member" && sender.leafIndex === state.ownLeafIndex
    );
    const isThere = isAsked || [...queue.values()].some(isSelfRemove);
    if (isThere && record.state === "leaving") return;
    await this.#enqueueHidden({ messageId: EMPTY, body: EMPTY, record: { state: "leaving" } });
  }

  /** The invitation is accepted: that is stored, and what tells the members. Only inside `exclusive`. */
  async enqueueAcceptance(): Promise<void> {
    const record = { state: "active", isFromStranger: false } as const;
    await this.#enqueueHidden({ ...queuedAcceptance(this.#ground), record });
  }

  /** Sends what waits, as far as that goes now. */
  kick(): void {
    this.#isKicked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isKicked && !this.#ground.signal.aborted) this.kick();
    });
    this.#background(this.#running);
  }

  async #enqueueHidden(
    { messageId, body, record = {}, history }: {
      readonly messageId: Uint8Array;
      readonly body: Uint8Array;
      readonly record?: Partial<StoredConversation>;
      readonly history?: (thread: ThreadWriter) => void;
    },
  ): Promise<void> {
    const [order] = this.#live.takeOrders(1);
    const queued: StoredQueued = { ...NOT_ENCRYPTED, position: 0, messageId, body };
    await this.#live.write({
      record,
      history: (thread) => {
        thread.enqueue(order as number, queued);
        history?.(thread);
        if (Object.keys(record).length > 0) thread.noteConversation();
      },
    });
    this.#live.setQueued(order as number, queued);
  }

  async #takeRequests(): Promise<void> {
    while (this.#requests.length > 0) {
      await this.#live.exclusive(async () => {
        // Another group has come in this one's place since they were made.
        const successor = this.#readiness.successor();
        if (successor !== undefined) return successor.#request(this.#requests.splice(0));
        const requests = this.#requests.slice(0, BATCH_COUNT_MAX);
        this.#requests = this.#requests.slice(requests.length);
        try {
          await this.#enqueue(requests);
        } catch (error) {
          for (const { reject } of requests) reject(error);
        }
      }).catch((error: unknown) => {
        // What is stored can't be read: nobody is left waiting.
        for (const { reject } of this.#requests.splice(0)) reject(error);
      });
    }
    this.kick();
  }

  async #enqueue(requests: readonly Request[]): Promise<void> {
    const live = this.#live;
    const { own } = this.#ground;
    if (!takesTexts(live)) throw notActive();
    if (live.record.strangers.length > 0) throw unknownDevice();
    const blockedBy = await this.#readiness.blockedBy();
    if (blockedBy.length > 0) throw keyChanged(blockedBy);
    const fresh = await this.#withoutRepeats(requests);
    if (fresh.length === 0) return;
    if (live.queue.size + fresh.length > QUEUED_COUNT_MAX) throw queueFull();
    const orders = live.takeOrders(fresh.length);
    const queued = fresh.map(({ messageId, body }): StoredQueued => ({
      ...NOT_ENCRYPTED,
      position: 0,
      messageId,
      body,
    }));
    const encrypted = await this.#mayEncrypt() && !this.#hasUnencrypted()
      ? await this.#encrypt(queued)
      : undefined;
    const made = encrypted?.queued ?? queued;
    let positioned: readonly StoredQueued[] = [];
    await live.write({
      record: { isFromStranger: false },
      ...encrypted === undefined ? {} : { state: encrypted.state, spent: encrypted.spent },
      history: async (thread) => {
        const placed: StoredQueued[] = [];
        for (const [index, { messageId, text, sentAtMs }] of fresh.entries()) {
          const position = await thread.addText({
            messageId,
            accountId: own.accountId,
            accountName: own.name,
            text,
            sentAtMs,
            acceptedAtMs: 0,
            state: "pending",
            isOwn: true,
          });
          const each = { ...made[index] as StoredQueued, position: position ?? 0 };
          thread.enqueue(orders[index] as number, each);
          placed.push(each);
        }
        positioned = placed;
      },
    });
    for (const [index, each] of positioned.entries()) {
      live.setQueued(orders[index] as number, each);
      (fresh[index] as Request).resolve(each.position);
    }
  }

  /** Answers those that were queued before under the same id, and gives the others. */
  async #withoutRepeats(requests: readonly Request[]): Promise<readonly Request[]> {
    const fresh: Request[] = [];
    const ids = new Set<string>();
    for (const request of requests) {
      const id = request.messageId.toHex();
      const known = request.isRetry ? await this.#find(request.messageId) : undefined;
      if (known === undefined && !ids.has(id)) {
        ids.add(id);
        fresh.push(request);
      } else if (known !== undefined && known.text === request.text) {
        request.resolve(known.position);
      } else request.reject(idReused());
    }
    return fresh;
  }

  async #find(messageId: Uint8Array) {
    const { store, own } = this.#ground;
    const { threadId: groupId } = this.#live;
    return await store.snapshot(async (reader) => {
      const position = await positionOf(reader, { groupId, accountId: own.accountId, messageId });
      if (position === undefined) return undefined;
      const item = await readItem(reader, groupId, position);
      return item?.kind === "text" ? { position, text: item.text.text } : undefined;
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#ground;
    while (this.#isKicked) {
      this.#isKicked = false;
      for (;;) {
        if (signal.aborted || !this.#readiness.isCaughtUp()) break;
        await this.#live.exclusive(() => this.#encryptWaiting());
        const batch = this.#encrypted();
        if (batch.length === 0) break;
        const answers = await Promise.all(batch.map(([, queued]) => this.#append(queued)));
        await this.#live.exclusive(() => this.#take(batch, answers));
        if (answers.some(({ kind }) => kind === "offline")) break;
        const waitMs = Math.max(
          0,
          ...answers.map((each) => each.kind === "later" ? each.afterMs : 0),
        );
        if (waitMs > 0) await sleep(this.#ground.clock, waitMs, signal).catch(() => {});
      }
    }
  }

  /** What is ready to go out, first to go first. */
  #encrypted(): readonly Placed[] {
    return this.#inOrder().filter(([, { message, sequence }]) =>
      message.length > 0 && sequence === 0
    ).slice(0, WINDOW_COUNT);
  }

  #inOrder(): readonly Placed[] {
    return [...this.#live.queue].toSorted(([one], [other]) => one - other);
  }

  #hasUnencrypted(): boolean {
    return [...this.#live.queue.values()].some(isUnencrypted);
  }

  async #mayEncrypt(): Promise<boolean> {
    const { state, commit, record } = this.#live;
    const isIn = record.state === "active" || record.state === "leaving" && !this.#hasAsked(state);
    return state !== undefined && isIn && commit === undefined && !this.#live.owesCommit &&
      this.#readiness.isCaughtUp() && this.#readiness.isJudged() && await this.#hasReader(state);
  }

  /**
   * Whether a direct message has a device of the other account: one that enters later can't read what
   * was encrypted before.
   */
  async #hasReader(state: GroupState): Promise<boolean> {
    if (this.#live.record.kind !== "directMessage") return true;
    const { epoch } = state.context;
    if (this.#readerEpoch === epoch) return true;
    const { leaves, own } = this.#ground;
    const hasReader = membersOf(await state.tree.load()).some(({ leafNode }) =>
      compareKeys(leaves.open(leafNode).accountId, own.accountId) !== 0
    );
    if (hasReader) this.#readerEpoch = epoch;
    return hasReader;
  }

  async #encryptWaiting(): Promise<void> {
    const live = this.#live;
    const { state } = live;
    if (state === undefined) return;
    const epoch = Number(state.context.epoch);
    const waiting = this.#inOrder()
      .filter(([, queued]) => isUnencrypted(queued) && queued.epoch < epoch)
      .slice(0, WINDOW_COUNT);
    if (waiting.length === 0) return;
    if (live.owesCommit && live.commit === undefined && live.record.state === "active") {
      return this.#readiness.needsCommit();
    }
    const blockedBy = await this.#readiness.blockedBy();
    const mayEncrypt = await this.#mayEncrypt() && blockedBy.length === 0;
    const ready = mayEncrypt ? waiting : this.#leaveOf(waiting, blockedBy.length > 0);
    if (ready.length === 0) return;
    const encrypted = await this.#encrypt(ready.map(([, queued]) => queued));
    await live.write({
      state: encrypted.state,
      spent: encrypted.spent,
      history: (thread) => {
        for (const [index, [order]] of ready.entries()) {
          thread.requeue(order, encrypted.queued[index] as StoredQueued);
        }
      },
    });
    for (const [index, [order]] of ready.entries()) {
      live.setQueued(order, encrypted.queued[index]);
    }
  }

  /** Nothing comes behind an own SelfRemove in its epoch (RFC 9420 §12.4). */
  #hasAsked(state: GroupState | undefined): boolean {
    return state !== undefined && state.pendingProposals.length > 0 ||
      [...this.#live.queue.values()].some((each) => isSelfRemove(each) && !isUnencrypted(each));
  }

  /**
   * A SelfRemove says nothing that anybody could read who should not, and goes out whoever is there. Only
   * texts that will go out later go before it.
   */
  #leaveOf(waiting: readonly Placed[], isBlocked: boolean): readonly Placed[] {
    const { commit, record: { state, needsUpdate, strangers }, revokedLeaves } = this.#live;
    if (state !== "leaving" || commit !== undefined || !this.#readiness.isCaughtUp()) return [];
    const leaves = waiting.filter(([, queued]) => isSelfRemove(queued));
    const isForGood = isBlocked || needsUpdate || strangers.length > 0 || revokedLeaves.length > 0;
    return isForGood || leaves.length === waiting.length ? leaves : [];
  }

  /** One key a message: each state encrypts once. */
  async #encrypt(waiting: readonly StoredQueued[]): Promise<{
    readonly state: GroupState;
    readonly spent: readonly GroupState[];
    readonly queued: readonly StoredQueued[];
  }> {
    const { random, clock } = this.#ground;
    let state = this.#live.state as GroupState;
    const epoch = Number(state.context.epoch);
    const spent: GroupState[] = [];
    const queued: StoredQueued[] = [];
    for (const each of waiting) {
      const entryId = newEntryId(this.#ground);
      const made = isSelfRemove(each)
        ? await createProposal(state, { kind: "self-remove" }, { random, nowMs: clock.now() })
        : encryptMessage(state, each.body, { random });
      spent.push(state);
      state = made.state;
      queued.push({ ...each, entryId, message: made.message, epoch });
    }
    return { state, spent, queued };
  }

  async #append({ entryId, message }: StoredQueued): Promise<Answer> {
    const { calls, signal } = this.#ground;
    const { groupId: channelId } = this.#live;
    try {
      const result = await calls.append({ channelId, entryId, message }, { signal });
      return { kind: "accepted", ...result };
    } catch (error) {
      return answerOf(error);
    }
  }

  /** Stores what the server said, unless the entry itself came back in the meantime. */
  async #take(
    batch: readonly Placed[],
    answers: readonly Answer[],
  ): Promise<void> {
    const live = this.#live;
    const news = batch.flatMap(([order, before], index) => {
      const answer = answers[index] as Answer;
      const queued = live.queue.get(order);
      const isSame = queued !== undefined && compareKeys(queued.entryId, before.entryId) === 0;
      return isSame && answer.kind !== "later" && answer.kind !== "offline"
        ? [{ order, queued, answer }]
        : [];
    });
    if (news.length === 0) return;
    await live.write({
      history: async (thread) => {
        for (const { order, queued, answer } of news) {
          if (answer.kind === "accepted") {
            const { acceptedAtMs, sequence } = answer;
            await thread.changeText(queued.position, { state: "sent", acceptedAtMs });
            thread.noteAccepted(order, { ...queued, sequence });
          } else if (answer.kind === "too-old") thread.requeue(order, encryptAgain(queued));
          else if (answer.kind === "refused") {
            await thread.changeText(queued.position, {
              state: "failed",
              failureCode: answer.error.code,
              failureMessage: shortened(answer.error.message),
            });
            thread.dequeue(order, queued);
          }
        }
      },
    });
    for (const { order, queued, answer } of news) {
      if (answer.kind === "accepted") {
        live.setQueued(order, accepted({ ...queued, sequence: answer.sequence }));
      } else live.setQueued(order, answer.kind === "too-old" ? encryptAgain(queued) : undefined);
    }
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ground.fail(error));
  }
}

/** What a server says may be of any length. */
function shortened(text: string): string {
  return text.toWellFormed().slice(0, FAILURE_TEXT_UNITS_MAX);
}

function answerOf(error: unknown): Answer {
  if (!(error instanceof MessengerError)) throw error;
  if (isPassing(error)) return { kind: "offline" };
  // A closed channel's conversation goes on in another one, or fails as a whole.
  if (error.code === "channels/epoch-too-old" || error.code === "channels/closed") {
    return { kind: "too-old" };
  }
  if (error.code === "cancelled") return { kind: "offline" };
  const isLater = ERROR_CODES[error.code].retry !== "never" ||
    error.code === "channels/epoch-ahead";
  if (isLater) {
    return { kind: "later", afterMs: Math.min(error.retryAfterMs ?? RETRY_MS, RETRY_MS_MAX) };
  }
  return { kind: "refused", error };
}
