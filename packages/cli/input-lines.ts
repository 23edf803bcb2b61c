/** Lines of standard input, or of anything else that gives bytes. */
import { MessengerError } from "@qpq/ports";

/** Characters of a line: above the bytes of any message. */
export const INPUT_LINE_LENGTH_MAX = 65_536;
const BUFFER_BYTES = 16_384;

export type ReadBytes = () => Promise<Uint8Array | null>;

export const readStandardInput: ReadBytes = async () => {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const count = await Deno.stdin.read(buffer);
  return count === null ? null : buffer.subarray(0, count);
};

/**
 * Lines without their ends; the last one needs none.
 * @throws MessengerError `too-large`: a line above `INPUT_LINE_LENGTH_MAX`; `malformed`: no UTF-8
 */
export async function* inputLines(read: ReadBytes): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for (let isOver = false; !isOver;) {
    const bytes = await read();
    isOver = bytes === null;
    const lines = (rest + decoded(decoder, bytes)).split("\n");
    rest = lines.pop() ?? "";
    if (isOver && rest !== "") lines.push(rest);
    for (const line of lines) yield checked(line.endsWith("\r") ? line.slice(0, -1) : line);
    checked(rest);
  }
}

/**
 * All of it as one text, without the line end at its end.
 * @throws MessengerError `too-large`, `malformed`
 */
export async function inputText(read: ReadBytes): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for (let bytes = await read(); bytes !== null; bytes = await read()) {
    text = checked(text + decoded(decoder, bytes));
  }
  return (text + decoded(decoder, null)).replace(/\r?\n$/, "");
}

function decoded(decoder: TextDecoder, bytes: Uint8Array | null): string {
  try {
    return bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    throw new MessengerError("malformed", "Cannot read the input: it is no UTF-8 text");
  }
}

function checked(text: string): string {
  if (text.length <= INPUT_LINE_LENGTH_MAX) return text;
  throw new MessengerError(
    "too-large",
    `Cannot read the input: above ${INPUT_LINE_LENGTH_MAX} characters without an end`,
  );
}
