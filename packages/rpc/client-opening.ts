import { type Connection, MessengerError } from "@qpq/ports";
import {
  brokenRule,
  ClientSession,
  type ClientSessionOptions,
  errorOfClose,
} from "./client-session.ts";
import { CLOSE_CODES } from "./close-codes.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import {
  INCARNATION_BYTES,
  MESSAGE_BYTES_MAX,
  NONCE_BYTES,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from "./limits.ts";
import { decodeServerMessage, encodeClientMessage, type ServerHello } from "./session.gen.ts";

/**
 * Opens a session on a fresh connection, and closes the connection when that fails.
 * @throws MessengerError `rpc/version-unsupported`, `rpc/bad-auth-token`, `rpc/going-away`,
 *   `rpc/protocol`, `rpc/handshake-timeout`, `transport/closed`; `cancelled` when aborted
 */
export async function openClientSession(
  connection: Connection,
  options: ClientSessionOptions & { readonly signal: AbortSignal },
): Promise<ClientSession> {
  const { clock, limits, signal } = options;
  let given: MessengerError | undefined;
  const giveUp = (error: MessengerError): void => {
    given ??= error;
    connection.close(CLOSE_CODES.done, "");
  };
  const onAbort = (): void => giveUp(new MessengerError("cancelled", "The caller gave up"));
  const timer = clock.schedule(
    limits.openingTimeoutMs,
    () => giveUp(new MessengerError("rpc/handshake-timeout", "The server does not open a session")),
  );
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const stream = await connection.openStream();
    const reader = new FrameReader(stream);
    await stream.write(encodeClientMessage({
      callId: 0,
      kind: "hello",
      hello: {
        versionMin: PROTOCOL_VERSION_MIN,
        versionMax: PROTOCOL_VERSION_MAX,
        build: options.build,
        authToken: new TextEncoder().encode(options.authToken),
      },
    }));
    const frame = await reader.next(MESSAGE_BYTES_MAX);
    if (frame === undefined) throw new MessengerError("transport/closed", "The connection is over");
    const message = decodeServerMessage(frame.slice());
    if (message.kind !== "hello") throw brokenRule("the first message is not a hello");
    return new ClientSession(connection, {
      ...options,
      reader,
      hello: checkHello(message.hello),
      writer: (onFailure) => new FrameWriter(stream, onFailure),
    });
  } catch (error) {
    connection.close(CLOSE_CODES.protocol, "");
    if (given !== undefined) throw given;
    // Why a server ended it stands in the reason that it closed with.
    const reason = await connection.closed;
    throw reason.error === undefined ? error : errorOfClose(reason.reason);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

function checkHello(hello: ServerHello): ServerHello {
  if (hello.version < PROTOCOL_VERSION_MIN || hello.version > PROTOCOL_VERSION_MAX) {
    throw new MessengerError("rpc/version-unsupported", `The server speaks ${hello.version}`);
  }
  if (
    hello.nonce.length !== NONCE_BYTES || hello.incarnation.length !== INCARNATION_BYTES ||
    hello.callsMax === 0
  ) {
    throw brokenRule("its hello is not complete");
  }
  return hello;
}
