/** Keeps the account's directory of conversations: how far this device has seen each, and what others saw. */
import { MessengerError, sleep } from "@qpq/ports";
import {
  type DirectoryConversation,
  readSharedConversations,
  shareConversations,
} from "../../features/groups/directory.ts";
import type { ConversationId } from "../conversation-views.ts";
import type { Ground } from "./ground.ts";
import { UNNAMED } from "./group-name.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** Milliseconds for which changes are collected. */
const SHARE_AFTER_MS = 3_000;
/** Milliseconds before it is tried again. */
const RETRY_MS = 60_000;

/** What the account's devices have seen of a channel. */
export interface SharedView {
  readonly epoch: number;
  readonly confirmedTranscriptHash: Uint8Array;
  readonly name: string;
}

export class Sharing {
  readonly #ground: Ground;
  readonly #dirty = new Map<ConversationId, LiveConversation>();
  #known: Promise<ReadonlyMap<string, DirectoryConversation>> | undefined;
  #isDue = false;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** What other devices have told of a channel; undefined when nothing. */
  async viewOf(channelId: Uint8Array): Promise<SharedView | undefined> {
    const { rpc, store, primitives, signal } = this.#ground;
    this.#known ??= readSharedConversations(rpc, { store, primitives, signal });
    try {
      return (await this.#known).get(channelId.toHex());
    } catch (error) {
      // Not believed on the strength of nothing: asked again the next time.
      this.#known = undefined;
      throw error;
    }
  }

  /** A new session may know more. */
  forget(): void {
    this.#known = undefined;
  }

  /** The conversation has another epoch, name or state. */
  note(live: LiveConversation): void {
    this.#dirty.set(live.id, live);
    this.#shareIn(SHARE_AFTER_MS);
  }

  #shareIn(waitMs: number): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const { clock, signal, log, fail } = this.#ground;
    let nextMs = SHARE_AFTER_MS;
    sleep(clock, waitMs, signal).then(() => this.#share()).catch((error: unknown) => {
      const isOver = signal.aborted || error instanceof MessengerError;
      if (!isOver) fail(error);
      else if (!signal.aborted) log.warn("conversations-not-shared", { code: codeOf(error) });
      nextMs = RETRY_MS;
    }).finally(() => {
      this.#isDue = false;
      // What failed, and what changed while it was being told.
      if (this.#dirty.size > 0 && !signal.aborted) this.#shareIn(nextMs);
    });
  }

  async #share(): Promise<void> {
    const { rpc, store, primitives, random, signal } = this.#ground;
    const lives = [...this.#dirty.values()];
    this.#dirty.clear();
    const left = lives.filter(({ state }) => state === undefined).map(({ groupId }) => groupId);
    const seen = lives.flatMap(({ state, record, groupId }): readonly DirectoryConversation[] =>
      state === undefined ? [] : [{
        groupId,
        epoch: Number(state.context.epoch),
        confirmedTranscriptHash: state.context.confirmedTranscriptHash,
        kind: record.kind === "directMessage" ? "directMessage" : "group",
        name: record.name === UNNAMED ? "" : record.name,
      }]
    );
    try {
      await shareConversations(rpc, { seen, left }, { store, primitives, random, signal });
    } catch (error) {
      // A group that has come in its place meanwhile is told of instead.
      for (const live of lives) if (!this.#dirty.has(live.id)) this.#dirty.set(live.id, live);
      throw error;
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof MessengerError ? error.code : "";
}
