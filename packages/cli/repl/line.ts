/** The line being typed: what the editing keys do to it. */

export interface Line {
  readonly text: string;
  /** Where the next character goes: an index into `text`, between two characters as people see them. */
  readonly cursor: number;
}

export const EMPTY_LINE: Line = { text: "", cursor: 0 };

/** Characters of a line, above the bytes of a message: what is longer is told when it is sent. */
export const LINE_LENGTH_MAX = 65_536;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Characters as people see them. */
export function characters(text: string): readonly string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export function lineOf(text: string): Line {
  return { text, cursor: text.length };
}

export function insert({ text, cursor }: Line, added: string): Line {
  const fitting = added.slice(0, Math.max(0, LINE_LENGTH_MAX - text.length));
  return {
    text: text.slice(0, cursor) + fitting + text.slice(cursor),
    cursor: cursor + fitting.length,
  };
}

export type Move = "left" | "right" | "word-left" | "word-right" | "home" | "end";

export function move(line: Line, way: Move): Line {
  return { ...line, cursor: target(line, way) };
}

/** Erases from the cursor to where `way` leads. */
export function erase(line: Line, way: Move): Line {
  const to = target(line, way);
  const [from, until] = to < line.cursor ? [to, line.cursor] : [line.cursor, to];
  return { text: line.text.slice(0, from) + line.text.slice(until), cursor: from };
}

function target({ text, cursor }: Line, way: Move): number {
  switch (way) {
    case "home":
      return 0;
    case "end":
      return text.length;
    case "left":
      return cursor === 0 ? 0 : segmenter.segment(text).containing(cursor - 1)?.index ?? 0;
    case "right": {
      const next = segmenter.segment(text).containing(cursor);
      return next === undefined ? text.length : next.index + next.segment.length;
    }
    case "word-left": {
      let index = text.slice(0, cursor).trimEnd().length;
      while (index > 0 && !isBlank(text[index - 1])) index--;
      return index;
    }
    case "word-right": {
      let index = text.length - text.slice(cursor).trimStart().length;
      while (index < text.length && !isBlank(text[index])) index++;
      return index;
    }
  }
}

function isBlank(character: string | undefined): boolean {
  return character !== undefined && /\s/u.test(character);
}
