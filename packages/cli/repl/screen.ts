/**
 * The terminal: entries above, the line being typed at the bottom. An entry that comes goes in above
 * the line, in one write, so that nothing flickers.
 */
import { EMPTY_LINE, type Line } from "./line.ts";
import { type LaidLine, layLine, paint, type Row, rowWidth, wrapRows } from "./rows.ts";

/** A terminal's output. */
export interface TerminalOutput {
  readonly write: (text: string) => void;
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly hasColour: boolean;
}

/** What a terminal that doesn't say is taken to be. */
const SIZE_DEFAULT = { columns: 80, rows: 24 };

// ECMA-48 §8.3: CUU, CUF, ED. Bracketed paste is xterm's private mode 2004.
const up = (count: number): string => count === 0 ? "" : `\x1b[${count}A`;
const right = (count: number): string => count === 0 ? "" : `\x1b[${count}C`;
const ERASE_BELOW = "\x1b[J";
const CLEAR = "\x1b[H\x1b[2J";
const BELL = "\x07";
const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";

export class Screen {
  readonly #output: TerminalOutput;
  #prompt: Row = [];
  #line: Line = EMPTY_LINE;
  /** What is drawn; nothing while the line is hidden. */
  #drawn: LaidLine | undefined;

  constructor(output: TerminalOutput) {
    this.#output = output;
  }

  get columns(): number {
    return this.#size().columns;
  }

  /** Shows the line from now on. */
  begin(): void {
    this.#output.write(PASTE_ON);
    this.#redraw("");
  }

  /** Somebody else has written to the terminal, or changed how it works: shows the line where the cursor is. */
  resume(): void {
    if (this.#drawn === undefined) return;
    this.#drawn = undefined;
    this.#output.write(`\r${ERASE_BELOW}`);
    this.begin();
  }

  /** Takes the line away. */
  end(): void {
    this.#output.write(this.#erasing() + PASTE_OFF);
    this.#drawn = undefined;
  }

  show(change: { readonly prompt?: Row; readonly line?: Line }): void {
    this.#prompt = change.prompt ?? this.#prompt;
    this.#line = change.line ?? this.#line;
    if (this.#drawn !== undefined) this.#redraw("");
  }

  /** Puts entries above the line. */
  print(entries: readonly Row[]): void {
    const { columns } = this.#size();
    const text = entries.flatMap((entry) => wrapRows(entry, columns))
      .map((row) => `${paint(row, this.#output.hasColour)}\r\n`).join("");
    if (this.#drawn === undefined) this.#output.write(text);
    else this.#redraw(text);
  }

  /** The line as it was typed becomes an entry; an empty one begins. */
  keepLine(): void {
    this.print([[...this.#prompt, { text: this.#line.text }]]);
    this.show({ line: EMPTY_LINE });
  }

  clear(): void {
    this.#drawn = undefined;
    this.#output.write(CLEAR);
    this.#redraw("");
  }

  /** Nothing came of a key. */
  ring(): void {
    this.#output.write(BELL);
  }

  #redraw(above: string): void {
    const erasing = this.#erasing();
    const { columns, rows: height } = this.#size();
    const laid = windowOf(layLine(this.#prompt, this.#line, columns), height - 1);
    const rows = laid.rows.map((row) => paint(row, this.#output.hasColour)).join("\r\n");
    const back = `${up(laid.rows.length - 1 - laid.cursorRow)}\r${right(laid.cursorColumn)}`;
    this.#output.write(`${erasing}${above}${rows}${back}`);
    this.#drawn = laid;
  }

  /** Moves to the line's beginning, and erases from there. */
  #erasing(): string {
    if (this.#drawn === undefined) return "";
    const { columns } = this.#size();
    // After the window has become narrower, a row stands in several.
    const above = this.#drawn.rows.slice(0, this.#drawn.cursorRow)
      .reduce((sum, row) => sum + Math.max(1, Math.ceil(rowWidth(row) / columns)), 0);
    const within = Math.floor(this.#drawn.cursorColumn / columns);
    return `\r${up(above + within)}${ERASE_BELOW}`;
  }

  #size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#output.size();
    return {
      columns: columns > 0 ? columns : SIZE_DEFAULT.columns,
      rows: rows > 0 ? rows : SIZE_DEFAULT.rows,
    };
  }
}

/** A line with more rows than the terminal shows the ones about its cursor. */
function windowOf(laid: LaidLine, rowsMax: number): LaidLine {
  const count = Math.max(1, rowsMax);
  if (laid.rows.length <= count) return laid;
  const first = Math.min(Math.max(0, laid.cursorRow - count + 1), laid.rows.length - count);
  return {
    ...laid,
    rows: laid.rows.slice(first, first + count),
    cursorRow: laid.cursorRow - first,
  };
}
