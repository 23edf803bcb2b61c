/**
 * Others' text as a terminal may show it. What would move the cursor, reorder, hide or forge becomes
 * U+FFFD, which is seen; letters of every script, emoji, and what joins them stay.
 */

/** Marks on one letter. Scripts need four or so; a hundred climb over the lines above. */
export const MARKS_COUNT_MAX = 8;

const REPLACEMENT = "\ufffd";
/** A line end inside what is shown as one line: U+23CE. */
const LINE_END = "\u23ce";

/** Scripts in which U+200C and U+200D choose between forms of letters; elsewhere they only hide. */
const JOINED_SCRIPTS =
  "Arab Syrc Mong Nkoo Beng Deva Gujr Guru Knda Khmr Mlym Mymr Orya Sinh Taml Telu Tibt"
    .split(" ").map((script) => String.raw`\p{Script=${script}}`).join("");

/** Sequences that stay although a character of them, alone, would not. */
const KEPT = [
  // Emoji with their joiners, selectors and tags.
  String.raw`\p{RGI_Emoji}`,
  // The same where the runtime doesn't know the sequence: seen on both sides of what joins.
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String
    .raw`(?<=\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d(?=\p{Extended_Pictographic})`,
  String.raw`[0-9#*]\ufe0f\u20e3`,
  String.raw`(?<=[${JOINED_SCRIPTS}])[\u200c\u200d](?=[${JOINED_SCRIPTS}])`,
  // Variants of a letter, which names are written with.
  String.raw`(?<=\p{Script=Han})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`(?<=\p{Script=Mong})[\u180b-\u180d\u180f]`,
  // Format characters that are seen: Arabic number signs and the like.
  String.raw`[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]`,
].join("|");

/**
 * Control and format characters (bidirectional overrides, isolates and marks among them), whatever is
 * invisible where it isn't supported (zero-width, blank fillers, tags), line and paragraph separators,
 * halves of surrogate pairs.
 */
const HARMFUL = String.raw`[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]`;

const KEPT_OR_HARMFUL = new RegExp(`(${KEPT})|${HARMFUL}`, "gv");
const SURPLUS_MARKS = new RegExp(String.raw`(\p{M}{${MARKS_COUNT_MAX}})\p{M}+`, "gu");
const LINE_ENDS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;

/** One line, whatever was in it: line ends are shown as U+23CE, a tab is a space. */
export function sanitizeForDisplay(text: string): string {
  return sanitize(text.replace(LINE_ENDS, LINE_END).replaceAll("\t", " "));
}

/** The same for text of more lines: `\n` and tabs stay. Who shows it marks whose lines they are. */
export function sanitizeLines(text: string): string {
  return text.replaceAll("\r\n", "\n").split(/([\n\t])/)
    .map((piece) => piece === "\n" || piece === "\t" ? piece : sanitize(piece)).join("");
}

function sanitize(text: string): string {
  return text
    .replace(KEPT_OR_HARMFUL, (_, kept: string | undefined) => kept ?? REPLACEMENT)
    .replace(SURPLUS_MARKS, `$1${REPLACEMENT}`);
}
