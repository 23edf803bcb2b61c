/** What `qpq` remembers of servers between runs: the last one used, and whom to trust. */
import * as v from "valibot";
import { MessengerError } from "@qpq/ports";

export interface KnownServers {
  /** `host:port`, as typed. */
  readonly last?: string | undefined;
  /** `host:port` to `sha256:…`: pins that were given. */
  readonly pins: Readonly<Record<string, string>>;
  /** The same of servers on this machine whose certificate was found in their folder. */
  readonly found: Readonly<Record<string, string>>;
  /** `host:port` to the server's own name, where one was given. */
  readonly names: Readonly<Record<string, string>>;
}

export const KNOWN_SERVERS_FILE = "servers.json";
const KNOWN_SERVERS_BYTES_MAX = 1_048_576;

const pins = v.record(v.string(), v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)));
const schema = v.object({
  last: v.optional(v.string()),
  pins,
  found: v.optional(pins, {}),
  names: v.optional(v.record(v.string(), v.string()), {}),
});

/**
 * @returns what is remembered; nothing when there is no file yet
 * @throws MessengerError `cli/state-unreadable`: a pin that cannot be read must not be forgotten in silence
 */
export function readKnownServers(stateFolder: string): KnownServers {
  const path = `${stateFolder}/${KNOWN_SERVERS_FILE}`;
  let text: string;
  try {
    if (Deno.statSync(path).size > KNOWN_SERVERS_BYTES_MAX) throw new Error("too large");
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return { pins: {}, found: {}, names: {} };
    throw unreadable(path, cause);
  }
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * Changes what is remembered, as if alone: other runs of `qpq` wait meanwhile. A crash leaves the old
 * file or the new one.
 * @throws MessengerError `cli/state-unreadable`, `cli/state-unwritable`
 */
export function updateKnownServers(
  stateFolder: string,
  change: (known: KnownServers) => KnownServers,
): void {
  const path = `${stateFolder}/${KNOWN_SERVERS_FILE}`;
  try {
    Deno.mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    using lock = Deno.openSync(`${path}.lock`, { write: true, create: true, mode: 0o600 });
    lock.lockSync(true);
    const before = readKnownServers(stateFolder);
    const after = change(before);
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    replaceFile(path, `${JSON.stringify(after, null, 2)}\n`);
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw new MessengerError(
      "cli/state-unwritable",
      `Cannot write ${path}: ${reason(cause)}; choose another folder with --state-dir`,
      { cause },
    );
  }
}

function replaceFile(path: string, text: string): void {
  const next = `${path}.new`;
  {
    using file = Deno.openSync(next, { write: true, create: true, truncate: true, mode: 0o600 });
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
    file.syncSync();
  }
  Deno.renameSync(next, path);
}

function unreadable(path: string, cause: unknown): MessengerError {
  return new MessengerError(
    "cli/state-unreadable",
    `Cannot read ${path}: ${reason(cause)}; repair it, or remove it and give pins again`,
    { cause },
  );
}

function reason(cause: unknown): string {
  if (cause instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (cause instanceof Deno.errors.NotADirectory) return "a part of the path is not a folder";
  return cause instanceof SyntaxError || cause instanceof v.ValiError
    ? "it is damaged"
    : cause instanceof Error
    ? cause.message
    : "unknown";
}
