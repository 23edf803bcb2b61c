/** The conversations as they were seen last, for prompts, prefixes and completion. */
import type { ConversationId, Conversations, ConversationView, HistoryItem } from "@qpq/client";
import { handleOf, shownHandle } from "./describe.ts";

/** Names of accounts that completion knows at most. */
const NAMES_COUNT_MAX = 10_000;

export class Views {
  readonly #conversations: Conversations;
  readonly #views = new Map<ConversationId, ConversationView>();
  readonly #names = new Set<string>();

  constructor(conversations: Conversations) {
    this.#conversations = conversations;
  }

  async load(): Promise<readonly ConversationView[]> {
    for (const view of await this.#conversations.list()) this.#keep(view);
    return this.all;
  }

  get all(): readonly ConversationView[] {
    return [...this.#views.values()];
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Own messages that the server doesn't have yet. */
  get queuedCount(): number {
    return this.all.reduce((sum, { queuedCount }) => sum + queuedCount, 0);
  }

  /** As it was seen last. */
  known(id: ConversationId): ConversationView | undefined {
    return this.#views.get(id);
  }

  async get(id: ConversationId): Promise<ConversationView> {
    return this.#views.get(id) ?? await this.refresh(id);
  }

  async refresh(id: ConversationId): Promise<ConversationView> {
    const view = await this.#conversations.get(id);
    this.#keep(view);
    return view;
  }

  /** It isn't there any more. */
  forget(id: ConversationId): void {
    this.#views.delete(id);
  }

  /** Its handle, with digits of its id where another has the same. */
  shown(view: ConversationView): string {
    const handle = handleOf(view);
    return shownHandle(view, this.all.filter((other) => handleOf(other) === handle).length < 2);
  }

  /** Learns the names in an entry. */
  learn(item: HistoryItem): void {
    if (item.kind === "text") this.learnNames([item.author.name]);
    else if ("names" in item.notice) this.learnNames(item.notice.names);
  }

  learnNames(names: readonly string[]): void {
    for (const name of names) if (this.#names.size < NAMES_COUNT_MAX) this.#names.add(name);
  }

  #keep(view: ConversationView): void {
    this.#views.set(view.id, view);
    if (view.kind === "direct-message") this.learnNames([view.name]);
  }
}
