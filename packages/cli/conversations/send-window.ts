/** Sends many messages over one session: queued ahead of the server's answers, told in their order. */
import type { ConversationId, Conversations, MessageId, TextItem, Waiting } from "@qpq/client";
import { MessengerError } from "@qpq/ports";

export interface SendWindowOptions {
  readonly conversations: Conversations;
  /** Each message's. */
  readonly waiting: Waiting;
  readonly onSent: (item: TextItem) => void;
  /** It isn't sent, or isn't known to be; the text that was to be. */
  readonly onFailed: (error: MessengerError, text: string) => void;
}

/** Messages that the server may still owe an answer for. */
const WINDOW_COUNT_MAX = 256;

export class SendWindow {
  readonly #options: SendWindowOptions;
  readonly #outstanding: Promise<void>[] = [];
  #told: Promise<void> = Promise.resolve();

  constructor(options: SendWindowOptions) {
    this.#options = options;
  }

  /** Queues a message, and waits while too many are outstanding. Failures are told by `onFailed`. */
  async send(
    conversationId: ConversationId,
    text: string,
    options: { readonly messageId?: MessageId } = {},
  ): Promise<void> {
    const { conversations, waiting, onSent, onFailed } = this.#options;
    if (this.#outstanding.length >= WINDOW_COUNT_MAX) await this.#outstanding.shift();
    let outcome: Promise<TextItem>;
    try {
      const { messageId } = await this.#queue(conversationId, text, options);
      outcome = conversations.waitUntilSent(conversationId, messageId, waiting);
    } catch (error) {
      outcome = Promise.reject(error);
    }
    const told = Promise.allSettled([outcome, this.#told]).then(([settled]) => {
      if (settled.status === "fulfilled") return onSent(settled.value);
      if (!(settled.reason instanceof MessengerError)) throw settled.reason;
      onFailed(settled.reason, text);
    });
    this.#told = told;
    this.#outstanding.push(told);
    told.catch(() => {});
  }

  /** Waits until the outcome of each is told. */
  async drained(): Promise<void> {
    await Promise.all(this.#outstanding.splice(0));
  }

  async #queue(
    conversationId: ConversationId,
    text: string,
    options: { readonly messageId?: MessageId },
  ): Promise<TextItem> {
    const { conversations, waiting } = this.#options;
    for (;;) {
      try {
        return await conversations.send(conversationId, text, options);
      } catch (error) {
        const isFull = error instanceof MessengerError &&
          error.code === "conversations/queue-full";
        if (!isFull) throw error;
        const oldest = this.#outstanding.shift();
        // Nothing of this run waits: what fills the queue was left by another.
        if (oldest === undefined) await conversations.waitUntilAllSent(waiting);
        else await oldest;
      }
    }
  }
}
