/** Lines that were typed, for the up and down keys. Kept with the client's encrypted data. */
import type { Settings } from "@qpq/client";

/** Lines at most; the oldest go. */
export const HISTORY_LINES_MAX = 500;
/** Characters of one line; a longer one is kept until the end of the program. */
const STORED_LINE_LENGTH_MAX = 2_000;
/** Bytes of all together, as they are stored. */
const HISTORY_BYTES_MAX = 60_000;
const SETTING = "repl/input-history";

export class InputHistory {
  #lines: string[];
  /** Where up and down have led: `#lines.length` is the line being typed. */
  #at: number;
  #draft = "";
  readonly #settings: Settings | undefined;
  #saving: Promise<void> = Promise.resolve();
  #isSaved = true;

  constructor(lines: readonly string[] = [], settings?: Settings) {
    this.#lines = [...lines];
    this.#at = lines.length;
    this.#settings = settings;
  }

  static async open(settings: Settings): Promise<InputHistory> {
    const bytes = await settings.read(SETTING);
    return new InputHistory(bytes === undefined ? [] : parseLines(bytes), settings);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(line: string): void {
    if (line.trim() !== "" && line !== this.#lines.at(-1)) {
      this.#lines = [...this.#lines, line].slice(-HISTORY_LINES_MAX);
      this.#save();
    }
    this.#at = this.#lines.length;
    this.#draft = "";
  }

  /** @param typed kept, to come back to */
  older(typed: string): string | undefined {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#lines.length) this.#draft = typed;
    return this.#lines[--this.#at];
  }

  newer(): string | undefined {
    if (this.#at === this.#lines.length) return undefined;
    this.#at++;
    return this.#lines[this.#at] ?? this.#draft;
  }

  /** Waits until all of it is stored. @throws MessengerError what the store says */
  async saved(): Promise<void> {
    await this.#saving;
  }

  /** Lines that come while one write is under way share the next. */
  #save(): void {
    const settings = this.#settings;
    if (settings === undefined || !this.#isSaved) return;
    this.#isSaved = false;
    this.#saving = this.#saving.catch(() => {}).then(() => {
      this.#isSaved = true;
      return settings.write(SETTING, encodeLines(this.#lines));
    });
    // Told by saved().
    this.#saving.catch(() => {});
  }
}

function encodeLines(all: readonly string[]): Uint8Array {
  const lines = all.filter(({ length }) => length <= STORED_LINE_LENGTH_MAX);
  for (let from = 0;; from += Math.ceil(lines.length / 10)) {
    const bytes = new TextEncoder().encode(JSON.stringify(lines.slice(from)));
    if (bytes.length <= HISTORY_BYTES_MAX) return bytes;
  }
}

/** What isn't a history is taken for an empty one: nothing depends on it. */
function parseLines(bytes: Uint8Array): readonly string[] {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(value) ? value.filter((line) => typeof line === "string") : [];
  } catch {
    return [];
  }
}
