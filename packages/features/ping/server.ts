import type { BoundMethod } from "@qpq/capnp";
import type { Clock } from "@qpq/ports";
import { pingHandlers } from "./ping.gen.ts";

/** Answers anyone who was let in: no account is needed. */
export function servePing(options: { readonly clock: Clock }): readonly BoundMethod<unknown>[] {
  return pingHandlers({
    ping: ({ payload }) => Promise.resolve({ payload, serverTimeMs: options.clock.now() }),
  });
}
