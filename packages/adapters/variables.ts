/**
 * The `QPQ_…` variables that the two programs take, and what was probably meant by a name that nobody knows.
 * Light: the launchers' first run loads it.
 *
 * @module
 */

/** What `qpq` takes: an option each, and the secrets. */
export const CLIENT_VARIABLES = [
  "QPQ_SERVER",
  "QPQ_PIN",
  "QPQ_CA_CERT",
  "QPQ_SERVER_NAME",
  "QPQ_AUTH_TOKEN",
  "QPQ_USERNAME",
  "QPQ_STATE_DIR",
  "QPQ_TIMEOUT",
  "QPQ_JSON",
  "QPQ_VERBOSE",
  "QPQ_INVITE",
  "QPQ_PASSWORD",
  "QPQ_NEW_PASSWORD",
  "QPQ_FORMER_PASSWORD",
] as const;

/** What `qpq-server` takes: a key of its configuration each, and three more. */
export const SERVER_VARIABLES = [
  "QPQ_LISTEN",
  "QPQ_DATA_DIR",
  "QPQ_TLS_CERT",
  "QPQ_TLS_KEY",
  "QPQ_TLS_NAMES",
  "QPQ_TLS_SELF_SIGNED",
  "QPQ_SERVER_NAME",
  "QPQ_REGISTRATION",
  "QPQ_AUTH_TOKEN",
  "QPQ_STORE_BACKEND",
  "QPQ_DB_PATH",
  "QPQ_DB_KEY",
  "QPQ_DB_URL",
  "QPQ_DEVICES_MAX",
  "QPQ_KEY_PACKAGES_MAX",
  "QPQ_ACCOUNT_CALLS_PER_MINUTE",
  "QPQ_ADDRESS_CALLS_PER_MINUTE",
  "QPQ_ADDRESS_LOGINS_PER_MINUTE",
  "QPQ_ADDRESS_REGISTRATIONS_PER_MINUTE",
  "QPQ_CONVERSATION_MESSAGES_PER_MINUTE",
  "QPQ_ACCOUNT_CONVERSATIONS_PER_MINUTE",
  "QPQ_HTTP_LISTEN",
  "QPQ_LOG_LEVEL",
  "QPQ_CONFIG",
  "QPQ_PRODUCTION",
  "QPQ_NEW_DB_KEY",
] as const;

/** Where the launcher tells the names of those that are set. */
export const GIVEN_VARIABLES = "QPQ_GIVEN_VARIABLES";

const KNOWN: readonly string[] = [...CLIENT_VARIABLES, ...SERVER_VARIABLES];
const PREFIX = "QPQ_";
/** Letters that may be wrong, missing, too many or swapped. */
const DISTANCE_MAX = 2;
/** Letters behind the prefix that are enough to be a part of a name. */
const PART_LENGTH_MIN = 4;
/** Names longer than any of ours aren't looked at. */
const NAME_LENGTH_MAX = 64;

/**
 * A warning for each name that neither program reads, and that is near one that a program does. Others
 * are somebody else's.
 * @param given names, divided by blanks or line ends, as the launcher tells them
 */
export function variableWarnings(program: string, given = ""): readonly string[] {
  return given.split(/\s+/).flatMap((name) => {
    const meant = KNOWN.includes(name) ? undefined : nearest(name);
    return meant === undefined
      ? []
      : [`${program}: warning: nothing reads ${name}: is ${meant} meant?`];
  });
}

function nearest(name: string): string | undefined {
  if (!name.startsWith(PREFIX) || !/^\w+$/.test(name) || name.length > NAME_LENGTH_MAX) {
    return undefined;
  }
  const [best] = KNOWN.map((known) => ({ known, distance: distanceOf(name.toUpperCase(), known) }))
    .filter(({ distance }) => distance <= DISTANCE_MAX)
    .toSorted((one, other) => one.distance - other.distance);
  return best?.known ?? KNOWN.find((known) => isPart(name, known) || isPart(known, name));
}

/** Whether one name begins or ends as the whole of another. */
function isPart(part: string, whole: string): boolean {
  const [inner, outer] = [part.slice(PREFIX.length), whole.slice(PREFIX.length)];
  return inner.length >= PART_LENGTH_MIN && (outer.startsWith(inner) || outer.endsWith(inner));
}

/** Letters to change, add, take away or swap with their neighbour (optimal string alignment). */
export function distanceOf(one: string, other: string): number {
  let before: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] &&
        one[row - 2] === other[column - 1];
      next.push(Math.min(
        at(last, column) + 1,
        at(next, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, column - 2) + 1 : Infinity,
      ));
    }
    [before, last] = [last, next];
  }
  return at(last, other.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
