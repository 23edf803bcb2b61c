/**
 * One conversation with a channel, in memory: its group's state, what waits to be sent, and the own
 * commit that is on its way. One operation at a time; memory changes only after the store has.
 */
import { changedRecords, type GroupState, type RecordChanges, retire } from "@qpq/mls";
import { assert, MessengerError, type StoreTransaction } from "@qpq/ports";
import {
  deleteCommit,
  deleteConversation,
  deleteGroup,
  loadCommit,
  loadState,
  type PendingCommit,
  putCommit,
  putConversation,
  putState,
  readConversation,
  type StoredConversation,
} from "../../features/groups/group-store.ts";
import { readQueue, type StoredQueued } from "../../features/messages/history.ts";
import { ThreadWriter } from "../../features/messages/thread.ts";
import type { ConversationId } from "../conversation-views.ts";
import type { Ground } from "./ground.ts";
import { NOT_ENCRYPTED } from "./queueing.ts";

/** What one transaction changes of a conversation, and with it in memory. */
export interface Change {
  readonly record?: Partial<StoredConversation>;
  /** The new state; `gone`: the group is left for good. Left out: as before. */
  readonly state?: GroupState | "gone";
  /** The new state is no descendant of the one before. */
  readonly isFresh?: boolean;
  /** States in between, which hold keys of their own. */
  readonly spent?: readonly GroupState[];
  /** The own commit on its way: a new one, with how it is stored; or none any more. */
  readonly commit?:
    | {
      readonly pending: PendingCommit;
      readonly encoded: { readonly upload: Uint8Array; readonly staged: Uint8Array };
    }
    | "applied"
    | "lost";
  readonly history?: (thread: ThreadWriter) => void | Promise<void>;
  /** This group comes in its place: history and queue are this one's from here on. Runs alone, too. */
  readonly supersedes?: LiveConversation | undefined;
  /** What else belongs to the same moment. */
  readonly also?: (transaction: StoreTransaction) => void | Promise<void>;
}

/** Nothing is left of the conversation: who goes on with it begins anew. */
export class Forgotten extends MessengerError {
  constructor() {
    super("conversations/unknown", "Cannot go on: the conversation never came to be");
  }
}

export class LiveConversation {
  /** Called when another group has come in this one's place: nothing of its own will be settled any more. */
  onSuperseded: () => void = () => {};
  /** Of the group, and of its channel. */
  readonly groupId: Uint8Array;
  /** The same in hexadecimal. */
  readonly channel: string;
  readonly #ground: Ground;
  #record: StoredConversation;
  #state: GroupState | undefined;
  #commit: PendingCommit | undefined;
  readonly #queue = new Map<number, StoredQueued>();
  #nextOrder = 1;
  #isLoaded = false;
  #isForgotten = false;
  #failedAt = 0;
  #revokedLeaves: readonly number[] = [];
  #lane: Promise<unknown> = Promise.resolve();
  #settled: Promise<void> = Promise.resolve();

  /** @param isNew nothing of it is stored yet */
  constructor(
    ground: Ground,
    options: {
      readonly groupId: Uint8Array;
      readonly record: StoredConversation;
      readonly isNew: boolean;
    },
  ) {
    this.#ground = ground;
    this.groupId = options.groupId;
    this.channel = options.groupId.toHex();
    this.#record = options.record;
    this.#isLoaded = options.isNew;
  }

  /** What the conversation goes by, and its history: the first group's id, when others followed it. */
  get threadId(): Uint8Array {
    const { threadId } = this.#record;
    return threadId.length > 0 ? threadId : this.groupId;
  }

  get id(): ConversationId {
    return this.threadId.toHex() as ConversationId;
  }

  /** Whether what waits in the conversation's queue is for this group. */
  get #hasQueue(): boolean {
    const { state, predecessorId, successorId } = this.#record;
    return successorId.length === 0 && !(state === "joining" && predecessorId.length > 0);
  }

  get record(): StoredConversation {
    return this.#record;
  }

  /** Not while a way in is only being tried. */
  get isStored(): boolean {
    return this.#record.version > 0;
  }

  /** The group as it stands; undefined before this device is in, and after it left. */
  get state(): GroupState | undefined {
    return this.#state;
  }

  get commit(): PendingCommit | undefined {
    return this.#commit;
  }

  /** Nothing is left of it: there is another one, if any. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  /** The entry that this program failed at; 0: none. */
  get failedAt(): number {
    return this.#failedAt;
  }

  /** What is in memory is not trusted any more. */
  failAt(sequence: number): void {
    this.#failedAt = sequence;
    this.#isLoaded = false;
  }

  /** Own messages whose entries haven't come back, by place. */
  get queue(): ReadonlyMap<number, StoredQueued> {
    return this.#queue;
  }

  /**
   * Whether a commit comes before anything is sent: somebody leaves, a device of the account was revoked,
   * or this device's keys are not fresh.
   */
  get owesCommit(): boolean {
    const { needsUpdate } = this.#record;
    return needsUpdate || this.#revokedLeaves.length > 0 || this.hasLeaver;
  }

  /** Whether another member waits to be removed, as it has asked for. */
  get hasLeaver(): boolean {
    return this.#state !== undefined && hasLeaver(this.#state);
  }

  get revokedLeaves(): readonly number[] {
    return this.#revokedLeaves;
  }

  /** Leaves, in this epoch, of devices that the account has revoked. Only inside `exclusive`. */
  noteRevoked(leafIndices: readonly number[]): void {
    this.#revokedLeaves = leafIndices;
  }

  /** Resolves when what is being written is in memory, too: who hears of a change may be early. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Runs alone: whatever reads or changes the group does so here. */
  exclusive<Result>(fn: () => Promise<Result>): Promise<Result> {
    const run = this.#lane.then(async () => {
      await this.#load();
      return await fn();
    });
    this.#lane = run.catch(() => {});
    return run;
  }

  /** Places for messages that are about to be queued. */
  takeOrders(count: number): readonly number[] {
    const first = this.#nextOrder;
    this.#nextOrder += count;
    return Array.from({ length: count }, (_, index) => first + index);
  }

  /**
   * Writes, then speaks: memory follows only what is durable, and the secrets that are over are
   * overwritten behind it. Only inside `exclusive`.
   * @throws Forgotten
   */
  async write(change: Change): Promise<void> {
    if (this.#isForgotten) throw new Forgotten();
    const writing = this.#write(change);
    this.#settled = writing.catch(() => {});
    // Who hears of it asks by what the conversation went by before.
    if (change.supersedes !== undefined) change.supersedes.#settled = this.#settled;
    try {
      await writing;
    } catch (error) {
      // What was made in memory is used up, and was never stored: go on from what is.
      this.#isLoaded = false;
      throw error;
    }
  }

  async #write(change: Change): Promise<void> {
    const before = this.#state;
    const after = change.state === "gone" ? undefined : change.state ?? before;
    const isFresh = change.isFresh === true;
    let records: RecordChanges | undefined;
    if (after !== undefined && after !== before) {
      records = changedRecords(isFresh ? undefined : before, after);
    }
    const { version } = this.#record;
    const epoch = after === undefined ? this.#record.epoch : Number(after.context.epoch);
    const hasNewEpoch = isFresh || epoch !== this.#record.epoch;
    const record = {
      ...this.#record,
      ...hasNewEpoch ? { judgedList: 0 } : {},
      ...change.record,
      epoch,
      version: version + 1,
    };
    const { groupId } = this;
    const old = change.supersedes;
    const closed: StoredConversation | undefined = old && {
      ...old.#record,
      state: "closed",
      successorId: groupId,
      version: old.#record.version + 1,
    };
    const inherited = old === undefined ? undefined : inheritanceOf(old.#queue);
    const threadId = record.threadId.length > 0 ? record.threadId : groupId;
    await this.#ground.store.transaction(async (transaction) => {
      const stored = await readConversation(transaction, groupId);
      // Made beside the store: worth something only for the version that it was made of.
      assert((stored?.version ?? 0) === version, "nobody else writes a conversation");
      if (change.state === "gone" || isFresh) await deleteGroup(transaction, groupId);
      if (records !== undefined) await putState(transaction, groupId, records);
      if (typeof change.commit === "string") await deleteCommit(transaction, groupId);
      else if (change.commit !== undefined) {
        const { pending: { stored }, encoded } = change.commit;
        await putCommit(transaction, groupId, { stored, ...encoded });
      }
      putConversation(transaction, groupId, record);
      if (old !== undefined && closed !== undefined) {
        await deleteGroup(transaction, old.groupId);
        putConversation(transaction, old.groupId, closed);
      }
      await change.also?.(transaction);
      if (change.history === undefined && inherited === undefined) return;
      const thread = await ThreadWriter.open(transaction, threadId);
      for (const [order, counted] of inherited?.gone ?? []) thread.dequeue(order, counted);
      for (const [order, queued] of inherited?.waiting ?? []) thread.requeue(order, queued);
      await change.history?.(thread);
      thread.flush();
    });
    if (old !== undefined && closed !== undefined && inherited !== undefined) {
      this.#nextOrder = Math.max(this.#nextOrder, old.#nextOrder);
      for (const [order, queued] of inherited.waiting) this.#queue.set(order, queued);
      old.#becomeSuperseded(closed);
    }
    this.#record = record;
    this.#state = after;
    if (hasNewEpoch || after === undefined) this.#revokedLeaves = [];
    const commit = this.#commit;
    if (change.commit !== undefined) {
      this.#commit = typeof change.commit === "string" ? undefined : change.commit.pending;
    }
    for (const state of new Set([before, ...change.spent ?? []])) {
      if (state !== undefined && state !== after) retire(state, after);
    }
    if (change.commit === "lost" && commit !== undefined) retire(commit.staged.next, after);
  }

  #becomeSuperseded(record: StoredConversation): void {
    this.#record = record;
    this.#queue.clear();
    if (this.#commit !== undefined) retire(this.#commit.staged.next, this.#state);
    if (this.#state !== undefined) retire(this.#state, undefined);
    this.#commit = undefined;
    this.#state = undefined;
    this.#revokedLeaves = [];
    this.onSuperseded();
  }

  /** Puts in memory what `history` of a change has put into the stored queue. */
  setQueued(order: number, queued: StoredQueued | undefined): void {
    if (queued === undefined) this.#queue.delete(order);
    else this.#queue.set(order, queued);
  }

  /** Deletes it, for good: a conversation that never came to be. Only inside `exclusive`. */
  async forget(): Promise<void> {
    this.#isForgotten = true;
    await this.#ground.store.transaction((transaction) =>
      deleteConversation(transaction, this.groupId)
    );
    if (this.#commit !== undefined) retire(this.#commit.staged.next, this.#state);
    if (this.#state !== undefined) retire(this.#state, undefined);
    this.#state = undefined;
    this.#commit = undefined;
    this.#queue.clear();
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    const { store, crypto } = this.#ground;
    const current = await loadState(store, crypto, this.groupId);
    const stored = await store.snapshot((reader) => readConversation(reader, this.groupId));
    if (stored !== undefined) this.#record = stored;
    const [commit, queue] = await Promise.all([
      loadCommit(store, this.groupId, { crypto, current }),
      this.#hasQueue ? readQueue(store, this.threadId) : [],
    ]);
    this.#state = current;
    this.#commit = commit;
    this.#queue.clear();
    for (const { order, queued } of queue) this.#queue.set(order, queued);
    this.#nextOrder = (queue.at(-1)?.order ?? 0) + 1;
    this.#isLoaded = true;
  }
}

/**
 * What becomes of what waited in a group when another one comes in its place: what the server had is
 * done, all else is encrypted anew.
 */
function inheritanceOf(queue: ReadonlyMap<number, StoredQueued>): {
  readonly gone: readonly (readonly [order: number, counted: StoredQueued | undefined])[];
  readonly waiting: readonly (readonly [order: number, queued: StoredQueued])[];
} {
  const all = [...queue];
  // Nothing but a SelfRemove has no message id: it was for the old group.
  const isOver = ({ sequence, messageId }: StoredQueued): boolean =>
    sequence > 0 || messageId.length === 0;
  return {
    gone: all.filter(([, queued]) => isOver(queued))
      .map(([order, queued]) => [order, queued.sequence === 0 ? queued : undefined] as const),
    waiting: all.filter(([, queued]) => !isOver(queued))
      .map(([order, queued]) => [order, { ...queued, ...NOT_ENCRYPTED }] as const),
  };
}

/** Whether another member's SelfRemove waits. */
function hasLeaver({ pendingProposals, ownLeafIndex }: GroupState): boolean {
  return pendingProposals.some(({ message: { content: { sender } } }) =>
    sender.kind === "member" && sender.leafIndex !== ownLeafIndex
  );
}
