/** What a terminal sends when keys are pressed, as keys. */

export type KeyName =
  | "enter"
  | "tab"
  | "backspace"
  | "delete"
  | "left"
  | "right"
  | "word-left"
  | "word-right"
  | "home"
  | "end"
  | "up"
  | "down"
  | "interrupt"
  | "end-of-input"
  | "erase-word"
  | "erase-before"
  | "erase-after"
  | "clear-screen"
  | "suspend";

export type Key =
  | { readonly kind: "named"; readonly name: KeyName }
  /** Typed, or pasted: then it may have line ends. */
  | { readonly kind: "text"; readonly text: string };

/** Characters of one paste; the rest of it is dropped. */
export const PASTE_LENGTH_MAX = 65_536;
/** Characters of a sequence that no end comes of. */
const SEQUENCE_LENGTH_MAX = 32;

const ESCAPE = "\x1b";
const PASTE_BEGIN = "[200~";
const PASTE_END = "\x1b[201~";

const CONTROLS: Readonly<Record<string, KeyName>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x01": "home",
  "\x02": "left",
  "\x03": "interrupt",
  "\x04": "end-of-input",
  "\x05": "end",
  "\x06": "right",
  "\x0b": "erase-after",
  "\x0c": "clear-screen",
  "\x0e": "down",
  "\x10": "up",
  "\x15": "erase-before",
  "\x17": "erase-word",
  "\x1a": "suspend",
};

/** Behind an escape: xterm's, in both cursor modes, and those of rxvt and the Linux console. */
const SEQUENCES: Readonly<Record<string, KeyName>> = {
  "[A": "up",
  "OA": "up",
  "[B": "down",
  "OB": "down",
  "[C": "right",
  "OC": "right",
  "[D": "left",
  "OD": "left",
  "[H": "home",
  "OH": "home",
  "[1~": "home",
  "[7~": "home",
  "[F": "end",
  "OF": "end",
  "[4~": "end",
  "[8~": "end",
  "[3~": "delete",
  "[1;5C": "word-right",
  "[1;3C": "word-right",
  f: "word-right",
  "[1;5D": "word-left",
  "[1;3D": "word-left",
  b: "word-left",
  "\x7f": "erase-word",
  "\b": "erase-word",
};

/** Reads keys from bytes that come in any pieces. */
export class KeyReader {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #paste: string | undefined;

  push(bytes: Uint8Array): readonly Key[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const keys: Key[] = [];
    while (this.#rest !== "") {
      const key = this.#paste === undefined ? this.#next() : this.#nextOfPaste(this.#paste);
      if (key === "incomplete") break;
      if (key !== "nothing") keys.push(key);
    }
    return keys;
  }

  #next(): Key | "nothing" | "incomplete" {
    const first = this.#rest[0] as string;
    if (first === ESCAPE) return this.#nextOfSequence();
    const name = CONTROLS[first];
    if (name !== undefined) {
      this.#take(1);
      return { kind: "named", name };
    }
    const text = /^[^\p{Cc}]+/u.exec(this.#rest)?.[0];
    this.#take(text?.length ?? 1);
    return text === undefined ? "nothing" : { kind: "text", text };
  }

  #nextOfSequence(): Key | "nothing" | "incomplete" {
    // ECMA-48 §5.4: parameters, then one final character; SS3 takes one character.
    // deno-lint-ignore no-control-regex
    const sequence = /^\x1b(\[[0-?]*[ -/]*[@-~]|O[@-~]|[^[O])/su.exec(this.#rest)?.[1];
    if (sequence === undefined) {
      if (this.#rest.length <= SEQUENCE_LENGTH_MAX) return "incomplete";
      this.#take(1);
      return "nothing";
    }
    if (sequence === PASTE_BEGIN) {
      this.#paste = "";
      this.#take(1 + sequence.length);
      return "nothing";
    }
    // Alt-Enter: a line end in the text.
    if (sequence === "\r" || sequence === "\n") {
      this.#take(1 + sequence.length);
      return { kind: "text", text: "\n" };
    }
    const name = SEQUENCES[sequence];
    // Escape alone, then something else: the latter stands for itself.
    const isAlone = name === undefined && sequence.length === 1;
    this.#take(isAlone ? 1 : 1 + sequence.length);
    return name === undefined ? "nothing" : { kind: "named", name };
  }

  #nextOfPaste(before: string): Key | "nothing" | "incomplete" {
    const end = this.#rest.indexOf(PASTE_END);
    if (end < 0) {
      // The end's own beginning may be there already.
      const certain = Math.max(0, this.#rest.length - PASTE_END.length);
      this.#paste = (before + this.#rest.slice(0, certain)).slice(0, PASTE_LENGTH_MAX);
      this.#take(certain);
      return "incomplete";
    }
    const text = (before + this.#rest.slice(0, end)).slice(0, PASTE_LENGTH_MAX);
    this.#paste = undefined;
    this.#take(end + PASTE_END.length);
    const clean = text.replace(/\r\n?/g, "\n").replaceAll("\t", "    ")
      .replace(/(?!\n)\p{Cc}/gu, "");
    return clean === "" ? "nothing" : { kind: "text", text: clean };
  }

  #take(length: number): void {
    this.#rest = this.#rest.slice(length);
  }
}
