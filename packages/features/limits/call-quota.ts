import type { BoundMethod } from "@qpq/capnp";
import { type Clock, MessengerError, networkOf } from "@qpq/ports";
import type { CallContext } from "../devices/caller.ts";
import { type Rate, TokenBuckets } from "./token-buckets.ts";

/** Calls that one caller may make, all slices together. */
export interface CallLimits {
  /** Of one account, from all its devices. */
  readonly callsOfAccount: Rate;
  /** From one address, by who is not logged in. */
  readonly callsOfAddress: Rate;
}

export const CALL_LIMITS: CallLimits = {
  callsOfAccount: { burst: 4_000, perMinute: 12_000 },
  callsOfAddress: { burst: 400, perMinute: 600 },
};

/**
 * The same methods, each call counted before its handler runs. A subscription counts once. Heartbeats
 * are no calls.
 * @returns methods that throw MessengerError `accounts/rate-limited`, with `retryAfterMs`
 */
export function limitCalls<Context extends CallContext>(
  methods: readonly BoundMethod<Context>[],
  options: { readonly clock: Clock; readonly limits?: Partial<CallLimits> },
): readonly BoundMethod<Context>[] {
  const { clock } = options;
  const limits = { ...CALL_LIMITS, ...options.limits };
  const ofAccount = new TokenBuckets({ clock, rate: limits.callsOfAccount });
  const ofAddress = new TokenBuckets({ clock, rate: limits.callsOfAddress });
  const count = ({ session, identity }: CallContext): void => {
    const retryAfterMs = identity === undefined
      ? ofAddress.take(networkOf(session.remoteAddress.hostname))
      : ofAccount.take(identity.accountId.toHex());
    if (retryAfterMs === 0) return;
    throw new MessengerError("accounts/rate-limited", "Cannot call: too many calls of late", {
      retryAfterMs,
    });
  };
  return methods.map(({ method, handler }) => ({
    method,
    handler: (params, context: Context, signal) => {
      count(context);
      return handler(params, context, signal);
    },
  }));
}
