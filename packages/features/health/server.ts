import type { BoundMethod } from "@qpq/capnp";
import { type Clock, VERSION } from "@qpq/ports";
import { healthHandlers, type ServerState } from "./health.gen.ts";

export interface HealthOptions {
  readonly clock: Clock;
  /** Asked for each check. */
  readonly state: () => Exclude<ServerState, "unknown">;
}

/** Answers anyone who was let in: no account is needed. Counts its uptime from this call. */
export function serveHealth(options: HealthOptions): readonly BoundMethod<unknown>[] {
  const startedAt = options.clock.monotonic();
  return healthHandlers({
    check: () =>
      Promise.resolve({
        state: options.state(),
        version: VERSION,
        uptimeMs: Math.floor(options.clock.monotonic() - startedAt),
      }),
  });
}
