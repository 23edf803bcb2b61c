/** A small terminal, for tests: what stands on it after what was written. */
import { displayWidth } from "../../features/messages/display-width.ts";
import { characters } from "../repl/line.ts";

interface Place {
  row: number;
  column: number;
}

/** Knows what the REPL writes, and fails on anything else: an escape that others sent, say. */
export class TestTerminal {
  readonly hasColour = false;
  columns: number;
  rows: number;
  readonly at: Place = { row: 0, column: 0 };
  bells = 0;
  /** Whether colours are expected; they aren't drawn. */
  takesColour = false;
  /** A wide character's second cell is "". */
  readonly #cells: string[][] = [[]];

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  readonly size = () => ({ columns: this.columns, rows: this.rows });

  readonly write = (text: string): void => {
    for (let rest = text; rest !== "";) rest = rest.slice(this.#take(rest));
  };

  /** Its rows, without what is blank at their ends. */
  get lines(): readonly string[] {
    const lines = this.#cells.map((cells) => cells.map((cell) => cell ?? " ").join("").trimEnd());
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** @returns how much of the text it was */
  #take(text: string): number {
    // deno-lint-ignore no-control-regex
    const sequence = /^\x1b\[([?\d;]*)([A-Za-z])/.exec(text);
    if (sequence !== null) {
      this.#obey(sequence[2] as string, sequence[1] as string);
      return sequence[0].length;
    }
    const [first = ""] = characters(text.slice(0, 64));
    if (first === "\r\n") {
      this.at.column = 0;
      this.at.row++;
    } else if (first === "\r") this.at.column = 0;
    else if (first === "\n") this.at.row++;
    else if (first === "\x07") this.bells++;
    else if (/\p{Cc}/u.test(first)) throw new Error(`control character: ${JSON.stringify(first)}`);
    else this.#put(first);
    return first.length;
  }

  #obey(command: string, parameter: string): void {
    const count = Number(parameter || 1);
    if (command === "A") this.at.row = Math.max(0, this.at.row - count);
    else if (command === "C") this.at.column = Math.min(this.columns - 1, this.at.column + count);
    else if (command === "J" && parameter === "") {
      this.#cells.length = Math.min(this.#cells.length, this.at.row + 1);
      this.#row().length = Math.min(this.#row().length, this.at.column);
    } else if (command === "J" && parameter === "2") this.#cells.length = 0;
    else if (command === "H" && parameter === "") Object.assign(this.at, { row: 0, column: 0 });
    else if (command === "m" && this.takesColour) return;
    else if (!(parameter === "?2004" && /[hl]/.test(command))) {
      throw new Error(`unknown sequence: ${parameter}${command}`);
    }
  }

  #put(character: string): void {
    const width = displayWidth(character);
    if (this.at.column + width > this.columns) {
      this.at.row++;
      this.at.column = 0;
    }
    const row = this.#row();
    while (row.length < this.at.column) row.push(" ");
    row[this.at.column] = character;
    if (width === 2) row[this.at.column + 1] = "";
    this.at.column += width;
  }

  #row(): string[] {
    while (this.#cells.length <= this.at.row) this.#cells.push([]);
    return this.#cells[this.at.row] as string[];
  }
}
