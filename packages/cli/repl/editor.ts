/** The line editor: keys in, lines out; the screen follows. */
import { completeWord, type Completion } from "./completion.ts";
import type { InputHistory } from "./input-history.ts";
import { type Key, type KeyName, KeyReader } from "./keys.ts";
import { EMPTY_LINE, erase, insert, type Line, lineOf, move } from "./line.ts";
import type { Screen } from "./screen.ts";

export interface EditorOptions {
  /** The terminal's bytes, in raw mode; `null` at the end. */
  readonly read: () => Promise<Uint8Array | null>;
  readonly screen: Screen;
  readonly history: InputHistory;
  /** @param before the text before the cursor */
  readonly complete: (before: string) => Completion;
  /** Whether the line stays on the screen when it is entered. */
  readonly keeps: (line: string) => boolean;
  /** The first Ctrl-C. @returns whether something under way was ended by it */
  readonly interrupt: () => boolean;
  /** Gives the terminal back to who started the program; returns when it has it again. */
  readonly suspend: () => void;
}

/** Lines that wait to be taken; Enter does nothing beyond. */
const LINES_WAITING_MAX = 64;

export class Editor {
  readonly #options: EditorOptions;
  readonly #keys = new KeyReader();
  readonly #entered: string[] = [];
  #line: Line = EMPTY_LINE;
  #wasInterrupted = false;
  #isOver = false;
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(options: EditorOptions) {
    this.#options = options;
  }

  /** Lines as they are entered, until Ctrl-D, a second Ctrl-C, or the terminal's end. */
  async *lines(): AsyncGenerator<string, void, void> {
    const { screen } = this.#options;
    screen.begin();
    // A read that is under way can't be taken back: the next program gets what comes.
    void this.#readKeys();
    try {
      for (;;) {
        const line = this.#entered.shift();
        if (line !== undefined) yield line;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#isOver) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      screen.end();
    }
  }

  /** Ends the lines, as Ctrl-D does. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async #readKeys(): Promise<void> {
    try {
      while (!this.#isOver) {
        const bytes = await this.#options.read();
        if (bytes === null) return;
        for (const key of this.#keys.push(bytes)) if (!this.#isOver) this.#press(key);
      }
    } catch (cause) {
      this.#failure = cause;
    } finally {
      this.end();
    }
  }

  #press(key: Key): void {
    const wasInterrupted = this.#wasInterrupted;
    this.#wasInterrupted = false;
    if (key.kind === "text") this.#set(insert(this.#line, key.text));
    else if (key.name === "interrupt") this.#interrupt(wasInterrupted);
    else this.#pressNamed(key.name);
  }

  #pressNamed(name: Exclude<KeyName, "interrupt">): void {
    const { screen, history } = this.#options;
    switch (name) {
      case "enter":
        return this.#enter();
      case "tab":
        return this.#complete();
      case "end-of-input":
        if (this.#line.text === "") this.#isOver = true;
        else this.#set(erase(this.#line, "right"));
        return;
      case "up":
        return this.#recall(history.older(this.#line.text));
      case "down":
        return this.#recall(history.newer());
      case "backspace":
        return this.#set(erase(this.#line, "left"));
      case "delete":
        return this.#set(erase(this.#line, "right"));
      case "erase-word":
        return this.#set(erase(this.#line, "word-left"));
      case "erase-before":
        return this.#set(erase(this.#line, "home"));
      case "erase-after":
        return this.#set(erase(this.#line, "end"));
      case "clear-screen":
        return screen.clear();
      case "suspend":
        return this.#suspend();
      default:
        return this.#set(move(this.#line, name));
    }
  }

  #suspend(): void {
    const { screen, suspend } = this.#options;
    screen.end();
    suspend();
    screen.begin();
  }

  #set(line: Line): void {
    this.#line = line;
    this.#options.screen.show({ line });
  }

  #recall(text: string | undefined): void {
    if (text !== undefined) this.#set(lineOf(text));
  }

  #enter(): void {
    const { screen, history, keeps } = this.#options;
    const { text } = this.#line;
    if (text.trim() === "") return this.#set(EMPTY_LINE);
    if (this.#entered.length >= LINES_WAITING_MAX) return screen.ring();
    history.add(text);
    if (keeps(text)) screen.keepLine();
    this.#set(EMPTY_LINE);
    this.#entered.push(text);
    this.#wake();
  }

  #interrupt(wasInterrupted: boolean): void {
    if (wasInterrupted) {
      this.#isOver = true;
      return;
    }
    this.#wasInterrupted = true;
    // What is being typed has nothing to do with what waits.
    if (this.#options.interrupt()) return;
    this.#set(EMPTY_LINE);
    this.#options.screen.print([[{ text: "Ctrl-C again, or Ctrl-D, leaves", style: "faint" }]]);
  }

  #complete(): void {
    const { screen, complete } = this.#options;
    const { text, cursor } = this.#line;
    const before = text.slice(0, cursor);
    const completed = completeWord(before, complete(before));
    if (completed.kind === "replaced") {
      const rest = text.slice(cursor);
      this.#set({ text: completed.before + rest, cursor: completed.before.length });
    } else if (completed.kind === "several") {
      screen.print([[{ text: completed.candidates.join("  "), style: "faint" }]]);
    } else screen.ring();
  }
}
