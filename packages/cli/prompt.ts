/** Questions to a person at the terminal. They go to standard error: output stays for programs. */
import { MessengerError } from "@qpq/ports";
import { printDiagnostic, printQuestion } from "./output.ts";

const ANSWER_BYTES_MAX = 4_096;
const ENTER = [0x0a, 0x0d];
const BACKSPACE = [0x08, 0x7f];
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;

/** Whether somebody is there who can be asked. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal();
}

/**
 * Asks for a line that isn't shown.
 * @throws MessengerError `cancelled`: Ctrl-C, or Ctrl-D at the beginning
 */
export async function askSecret(question: string): Promise<string> {
  // Before the question: what is typed as soon as it shows isn't shown either.
  Deno.stdin.setRaw(true);
  try {
    printQuestion(question, { isRaw: true });
    return await readUnseen();
  } finally {
    Deno.stdin.setRaw(false);
    printDiagnostic("");
  }
}

/** Asks for a line. @throws MessengerError `cancelled`: Ctrl-D */
export async function askLine(question: string): Promise<string> {
  printQuestion(question);
  const buffer = new Uint8Array(ANSWER_BYTES_MAX);
  const count = await Deno.stdin.read(buffer);
  if (count === null) throw cancelled();
  return new TextDecoder().decode(buffer.subarray(0, count)).trim();
}

async function readUnseen(): Promise<string> {
  const typed: number[] = [];
  const buffer = new Uint8Array(256);
  for (;;) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) throw cancelled();
    for (const byte of buffer.subarray(0, count)) {
      if (ENTER.includes(byte)) return new TextDecoder().decode(Uint8Array.from(typed));
      if (byte === CTRL_C || (byte === CTRL_D && typed.length === 0)) throw cancelled();
      if (byte === CTRL_U) typed.length = 0;
      else if (BACKSPACE.includes(byte)) removeCharacter(typed);
      else if (byte >= 0x20 && typed.length < ANSWER_BYTES_MAX) typed.push(byte);
    }
  }
}

/** Takes the last character away, which may be several bytes of UTF-8. */
function removeCharacter(typed: number[]): void {
  for (let last = typed.pop(); last !== undefined && (last & 0xc0) === 0x80;) last = typed.pop();
}

function cancelled(): MessengerError {
  return new MessengerError("cancelled", "Nothing was done: cancelled");
}
