/** What stands in front of the line being typed: the account, where its lines go, and what is wrong. */
import type { ClientStatus } from "@qpq/client";
import type { Clock, Timer } from "@qpq/ports";
import type { Row } from "./rows.ts";

export interface PromptParts {
  readonly account: string;
  /** The conversation's handle, or what leads to one; `""`: none. */
  readonly place: string;
  readonly connection: ClientStatus;
  /** Own messages that the server doesn't have yet. */
  readonly queuedCount: number;
}

/** Milliseconds that a message may be on its way before the prompt counts it. */
export const QUEUED_SHOWN_AFTER_MS = 1_000;

export class Prompt {
  readonly #clock: Clock;
  readonly #show: (prompt: Row) => void;
  #parts: PromptParts | undefined;
  #shown: string | undefined;
  /** Runs while messages are on their way. */
  #timer: Timer | undefined;
  #isSlow = false;

  constructor(clock: Clock, show: (prompt: Row) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  set(parts: PromptParts): void {
    this.#parts = parts;
    if (parts.queuedCount === 0) this.end();
    else {
      this.#timer ??= this.#clock.schedule(QUEUED_SHOWN_AFTER_MS, () => {
        this.#isSlow = true;
        this.#draw();
      });
    }
    this.#draw();
  }

  /** Leaves no timer behind. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isSlow = false;
  }

  #draw(): void {
    if (this.#parts === undefined) return;
    const { account, place, connection, queuedCount } = this.#parts;
    const word = CONNECTION_WORDS[connectionWord(connection)];
    const isCounted = queuedCount > 0 && (word !== "" || this.#isSlow);
    const state = [word, isCounted ? `${queuedCount} queued` : ""].filter((text) => text !== "")
      .join(", ");
    const front = place === "" ? account : `${account} ${place}`;
    const shown = `${front} ${state}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#show([
      { text: front },
      ...state === "" ? [] : [{ text: ` (${state})`, style: "warning" } as const],
      { text: "> " },
    ]);
  }
}

const CONNECTION_WORDS = {
  connected: "",
  connecting: "connecting",
  lost: "offline",
  refused: "logged out",
  closed: "closed",
} as const;

function connectionWord(status: ClientStatus): keyof typeof CONNECTION_WORDS {
  return status.kind === "connected" && status.refusal !== undefined ? "refused" : status.kind;
}
