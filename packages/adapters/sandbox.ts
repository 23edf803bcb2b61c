/**
 * Writes the runtime's permission flags for a launcher, which takes one from each line. Light: the
 * launchers' first run loads it.
 *
 * @module
 */

/** A path or address that can't stand in a flag: it has a control character. */
export class UnspeakableError extends Error {
  override readonly name = "UnspeakableError";
}

/** A path as a flag takes it: a comma separates paths, so one inside a path is doubled. */
export function escapePath(path: string): string {
  return path.replaceAll(",", ",,");
}

/**
 * @param flags each becomes one line
 * @throws UnspeakableError: a line break would make two flags of one, and the second could be any
 */
export function flagLines(flags: readonly string[]): string {
  for (const flag of flags) {
    if (!/^--[a-z-]+(=[^\p{Cc}]*)?$/u.test(flag)) {
      const name = /^--[a-z-]+/.exec(flag)?.[0] ?? "a flag";
      throw new UnspeakableError(`a path or address for ${name} holds a control character`);
    }
  }
  return flags.join("\n");
}
