/** A line as it was typed: a message, or a command and its words. */
import type { ReplWords } from "./commands.ts";

/** Characters of a line that is named. */
const NAMED_LENGTH_MAX = 60;

/** Two slashes begin a message with one. */
export function isCommand(line: string): boolean {
  return /^\s*\/(?!\/)/.test(line);
}

export function messageOf(line: string): string {
  return line.replace(/^\s*\/\//, "/");
}

/** A command's own word. */
export function wordOf(line: string): string {
  return line.trim().split(/\s+/)[0] ?? "";
}

export function wordsOf(line: string): ReplWords {
  const [, ...words] = line.trim().split(/\s+/);
  return { words, rest: line.trim().slice(wordOf(line).length).trim() };
}

/** A line in a line of ours. */
export function named(line: string): string {
  const all = [...line.trim().replace(/\s+/gu, " ")];
  const isLong = all.length > NAMED_LENGTH_MAX;
  return isLong ? `${all.slice(0, NAMED_LENGTH_MAX).join("")}…` : all.join("");
}
