/** What Tab makes of a word. */

export interface Completion {
  /** Where the word begins, an index into the text before the cursor. */
  readonly from: number;
  /** Whole words that it may become. */
  readonly candidates: readonly string[];
}

export type Completed =
  /** What stands in place of the text before the cursor. */
  | { readonly kind: "replaced"; readonly before: string }
  /** Nothing can be added; these may be meant. */
  | { readonly kind: "several"; readonly candidates: readonly string[] }
  | { readonly kind: "none" };

export function completeWord(before: string, { from, candidates }: Completion): Completed {
  const word = before.slice(from);
  const fitting = candidates.filter((candidate) => startsWithWord(candidate, word)).toSorted();
  const [first] = fitting;
  if (first === undefined) return { kind: "none" };
  if (fitting.length === 1) {
    return { kind: "replaced", before: `${before.slice(0, from)}${first} ` };
  }
  const common = fitting.reduce(commonBeginning);
  return common.length > word.length
    ? { kind: "replaced", before: before.slice(0, from) + common }
    : { kind: "several", candidates: fitting };
}

function startsWithWord(candidate: string, word: string): boolean {
  return candidate.slice(0, word.length).toLowerCase() === word.toLowerCase();
}

function commonBeginning(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  // Never half of a surrogate pair.
  return one.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
