import type { Caller, CallOptions } from "@qpq/capnp";
import { healthClient, type ServerState } from "./health.gen.ts";

export interface ServerHealth {
  /** `unknown`: a newer server's word that this client doesn't know. */
  readonly state: ServerState;
  /** The server's build, at most 64 bytes of text from outside. */
  readonly version: string;
  readonly uptimeMs: number;
}

/** Asks whether the server takes work. @throws MessengerError as any call */
export function checkHealth(caller: Caller, options?: CallOptions): Promise<ServerHealth> {
  return healthClient(caller).check({}, options);
}
