/** Text in rows of a terminal: wrapped by the columns that characters take, with styles. */
import { displayWidth } from "../../features/messages/display-width.ts";
import { printable } from "../output.ts";
import { characters, type Line } from "./line.ts";

export type Style = "faint" | "name" | "own-name" | "notice" | "warning";

/** A piece of text, whoever wrote it: what it is made of is made harmless when it is laid out. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
  /** Rows behind begin where this one ends, if that leaves them room. */
  readonly hangs?: true;
}

export type Row = readonly Span[];

/** Rows behind the first of one entry begin with it: no text of others begins at the left edge. */
const INDENT = "  ";
/** Narrower ones are written as if they had so many. */
export const COLUMNS_MIN = 20;

interface Cell {
  readonly text: string;
  readonly width: number;
  /** Columns that it takes where emoji of several code points stand beside one another. */
  readonly widthMax: number;
  readonly style: Style | undefined;
}

/**
 * Lays one entry out.
 * @param columns of the terminal; left out: rows are as long as the text's own lines
 */
export function wrapRows(spans: Row, columns?: number): readonly Row[] {
  const widthMax = columns === undefined ? Infinity : Math.max(columns, COLUMNS_MIN) - 1;
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let width = 0;
  const indent = " ".repeat(Math.max(INDENT.length, hangOf(spans, widthMax)));
  const begin = (cells: readonly Cell[]): void => {
    row = [{ ...cellOf(indent), width: indent.length, widthMax: indent.length }, ...cells];
    width = row.reduce((sum, cell) => sum + cell.widthMax, 0);
  };
  for (const cell of cellsOf(spans)) {
    if (cell.text === "\n") {
      rows.push(row);
      begin([]);
      continue;
    }
    if (width + cell.widthMax > widthMax) {
      const carried = cell.text === " " ? [] : lastWord(row, rows.length > 0);
      rows.push(row.slice(0, row.length - carried.length));
      begin(carried);
      if (cell.text === " ") continue;
    }
    row.push(cell);
    width += cell.widthMax;
  }
  rows.push(row);
  return rows.map(joined);
}

/** Columns in front of an entry's further rows, if one of its spans says so. */
function hangOf(spans: Row, widthMax: number): number {
  const last = spans.findLastIndex(({ hangs }) => hangs === true);
  const width = last < 0 ? 0 : rowWidth(spans.slice(0, last + 1));
  return width <= widthMax / 2 ? width : 0;
}

/** What of a full row goes on in the next one: the word at its end, unless that fills it. */
function lastWord(row: readonly Cell[], isIndented: boolean): readonly Cell[] {
  const blank = row.findLastIndex(({ text }) => text === " ");
  const isWhole = blank < (isIndented ? 1 : 0);
  return isWhole ? [] : row.slice(blank + 1);
}

/** The line being typed, and where its cursor is. */
export interface LaidLine {
  readonly rows: readonly Row[];
  readonly cursorRow: number;
  readonly cursorColumn: number;
}

/** Lays the prompt and the line out. Line ends in it show as an arrow. */
export function layLine(prompt: Row, line: Line, columns: number): LaidLine {
  const widthMax = Math.max(columns, COLUMNS_MIN) - 1;
  const cells = cellsOf(prompt);
  const shown = (text: string): Cell[] => cellsOf([{ text: text.replaceAll("\n", "⏎") }]);
  cells.push(...shown(line.text.slice(0, line.cursor)));
  const cursorCell = cells.length;
  cells.push(...shown(line.text.slice(line.cursor)));
  const rows: Cell[][] = [[]];
  let width = 0;
  let room = 0;
  let cursor: { row: number; column: number } | undefined;
  for (const [index, cell] of cells.entries()) {
    if (room + cell.widthMax > widthMax) {
      rows.push([]);
      width = 0;
      room = 0;
    }
    if (index === cursorCell) cursor = { row: rows.length - 1, column: width };
    rows.at(-1)?.push(cell);
    width += cell.width;
    room += cell.widthMax;
  }
  cursor ??= { row: rows.length - 1, column: width };
  return { rows: rows.map(joined), cursorRow: cursor.row, cursorColumn: cursor.column };
}

/** Columns that a row takes. */
export function rowWidth(row: Row): number {
  return cellsOf(row).reduce((sum, { width }) => sum + width, 0);
}

/** SGR parameters, ECMA-48 §8.3.117. */
const COLOURS: Readonly<Record<Style, string>> = {
  faint: "2",
  name: "1;36",
  "own-name": "1;32",
  notice: "33",
  warning: "1;31",
};

/** A row as bytes for the terminal, or a file. */
export function paint(row: Row, hasColour: boolean): string {
  return row.map(({ text, style }) =>
    style === undefined || !hasColour ? text : `\x1b[${COLOURS[style]}m${text}\x1b[0m`
  ).join("");
}

function cellsOf(spans: Row): Cell[] {
  return spans.flatMap(({ text, style }) =>
    characters(printable(text).replaceAll("\t", "    "))
      .map((character) => cellOf(character, style))
  );
}

function cellOf(text: string, style?: Style): Cell {
  const width = displayWidth(text);
  const points = [...text];
  const apart = points.length === 1
    ? width
    : points.reduce((sum, point) => sum + displayWidth(point), 0);
  return { text, width, widthMax: Math.max(width, apart), style };
}

function joined(cells: readonly Cell[]): Row {
  const spans: { text: string; style?: Style }[] = [];
  for (const { text, style } of cells) {
    const last = spans.at(-1);
    if (last !== undefined && last.style === style) last.text += text;
    else spans.push({ text, ...style === undefined ? {} : { style } });
  }
  return spans;
}
