/** What may be meant by the word before the cursor. */
import { handleOf } from "../conversations/describe.ts";
import type { Views } from "../conversations/views.ts";
import { COMMANDS, findCommand } from "./commands.ts";
import type { Completion } from "./completion.ts";

/** @param before the text before the cursor */
export function suggest(before: string, views: Views): Completion {
  const words = before.trimStart().split(/\s+/);
  const from = before.search(/\S*$/);
  if (words.length <= 1) {
    return { from, candidates: before.startsWith("/") ? COMMANDS.map(({ name }) => name) : [] };
  }
  const kind = findCommand(words[0] ?? "")?.completes;
  if (kind === "commands") return { from, candidates: COMMANDS.map(({ name }) => name) };
  if (kind === "names") return { from, candidates: views.names };
  if (kind === "conversations") return suggestHandle(before, views);
  return { from, candidates: [] };
}

/** Groups' names may have blanks in them. */
function suggestHandle(before: string, views: Views): Completion {
  const from = before.length - before.trimStart().replace(/^\S+\s+/, "").length;
  return { from, candidates: views.all.map(handleOf) };
}
