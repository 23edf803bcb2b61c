/**
 * The administrator's door to a running server: a Unix socket in its data folder, for the folder's
 * owner alone. One connection is one request, a JSON line, and one reply, a JSON line.
 */
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { ERROR_CODES, isErrorCode, type Log, MessengerError } from "@qpq/ports";

const REQUEST_BYTES_MAX = 65_536;
const REPLY_BYTES_MAX = 16_777_216;
/** Milliseconds for a request to come in whole. */
const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 8;

/** What a command gets and gives: JSON objects. */
export type AdminObject = Readonly<Record<string, unknown>>;
/** @throws MessengerError: the administrator sees its code and message */
export type AdminCommand = (request: AdminObject) => Promise<AdminObject>;

const requestSchema = v.looseObject({ command: v.string() });
const replySchema = v.union([
  v.object({ result: v.record(v.string(), v.unknown()) }),
  v.object({ error: v.object({ code: v.string(), message: v.string() }) }),
]);

/**
 * Serves commands at `path`, replacing what a killed server left there; so the caller must hold the
 * data folder's lock.
 * @throws MessengerError `server/admin-socket`
 */
export function serveAdmin(
  options: {
    readonly path: string;
    readonly commands: Readonly<Record<string, AdminCommand>>;
    readonly log: Log;
  },
): AsyncDisposable {
  const listener = listen(options.path);
  const open = new Set<Promise<void>>();
  const accepting = (async () => {
    for (;;) {
      let connection: Deno.UnixConn;
      try {
        connection = await listener.accept();
      } catch {
        // Closed: the server is stopping.
        return;
      }
      if (open.size >= CONNECTIONS_MAX) {
        connection.close();
        continue;
      }
      const served = answer(connection, options.commands, options.log);
      open.add(served);
      void served.finally(() => open.delete(served));
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await accepting;
      await Promise.all(open);
      await Deno.remove(options.path).catch(() => {});
    },
  };
}

/**
 * Asks the server whose socket is at `path`.
 * @throws MessengerError `server/not-running`; whatever the command was refused with
 */
export async function callAdmin(path: string, request: AdminObject): Promise<AdminObject> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path });
  } catch (cause) {
    throw new MessengerError(
      "server/not-running",
      `Cannot reach the server at ${path}: it isn't running, or is another user's`,
      { cause },
    );
  }
  using _ = connection;
  await writeLine(connection, request);
  const line = await readLine(connection, REPLY_BYTES_MAX);
  if (line === undefined) {
    throw new MessengerError("server/not-running", "The server stopped before it answered");
  }
  const reply = v.parse(replySchema, JSON.parse(line));
  if ("result" in reply) return reply.result;
  const { code, message } = reply.error;
  throw new MessengerError(isErrorCode(code) ? code : "internal", message);
}

function listen(path: string): Deno.UnixListener {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw socketError(path, cause);
  }
  try {
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o600);
    return listener;
  } catch (cause) {
    throw socketError(path, cause);
  }
}

function socketError(path: string, cause: unknown): MessengerError {
  const reason = cause instanceof Error ? cause.message : "unknown";
  return new MessengerError("server/admin-socket", `Cannot listen at ${path}: ${reason}`, {
    cause,
  });
}

async function answer(
  connection: Deno.UnixConn,
  commands: Readonly<Record<string, AdminCommand>>,
  log: Log,
): Promise<void> {
  using _ = connection;
  const timer = setTimeout(() => closeQuietly(connection), REQUEST_TIMEOUT_MS);
  try {
    const line = await readLine(connection, REQUEST_BYTES_MAX);
    clearTimeout(timer);
    if (line === undefined) return;
    await writeLine(connection, await run(line, commands, log));
  } catch (error) {
    log.debug("admin-connection-lost", { reason: error instanceof Error ? error.name : "unknown" });
  } finally {
    clearTimeout(timer);
  }
}

async function run(
  line: string,
  commands: Readonly<Record<string, AdminCommand>>,
  log: Log,
): Promise<AdminObject> {
  try {
    const request = v.safeParse(requestSchema, parseJson(line));
    if (!request.success) {
      throw new MessengerError("malformed", "Cannot read the request: it names no command");
    }
    const name = request.output.command;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      throw new MessengerError("malformed", "This server knows no such command");
    }
    log.info("admin-command", { command: name });
    return { result: await command(request.output) };
  } catch (error) {
    if (error instanceof MessengerError) {
      return { error: { code: error.code, message: error.message } };
    }
    log.error("admin-command-failed", { reason: error instanceof Error ? error.name : "unknown" });
    return { error: { code: "internal", message: ERROR_CODES.internal.meaning } };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns the line without its end; undefined when there is none within `bytesMax` */
async function readLine(connection: Deno.Conn, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(16_384);
    const count = await connection.read(chunk);
    if (count === null) return undefined;
    chunks.push(chunk.subarray(0, count));
    length += count;
    const last = chunk[count - 1];
    if (last === 0x0a) {
      return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, length - 1));
    }
    if (length > bytesMax) return undefined;
  }
}

async function writeLine(connection: Deno.Conn, value: AdminObject): Promise<void> {
  let rest = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
