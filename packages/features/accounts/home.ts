import type { Caller, CallOptions } from "@qpq/capnp";
import { MessengerError } from "@qpq/ports";

/** The server that an account is on, as a client reaches it: an `RpcClient`. */
export interface Home extends Caller {
  /** Waits for a session. */
  connected(options?: CallOptions): Promise<HomeSession>;
}

/** What the server says of itself in this session. */
export interface HomeSession {
  readonly name: string;
  /** 32 bytes, new in each session. */
  readonly nonce: Uint8Array;
}

/** @throws MessengerError `accounts/wrong-server`; what `connected` throws */
export async function requireHome(home: Home, serverName: string): Promise<HomeSession> {
  const session = await home.connected();
  if (session.name !== serverName) {
    throw new MessengerError(
      "accounts/wrong-server",
      `Cannot go on: the server says that it is ${session.name}, not ${serverName}`,
    );
  }
  return session;
}

/** Of some options, those that a call takes. */
export function callOptions({ signal, timeoutMs }: CallOptions): CallOptions {
  return {
    ...signal === undefined ? {} : { signal },
    ...timeoutMs === undefined ? {} : { timeoutMs },
  };
}
