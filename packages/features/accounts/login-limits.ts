import { type Clock, MessengerError, networkOf } from "@qpq/ports";
import type { CallContext } from "../devices/caller.ts";
import { BackOff, type BackOffLimits } from "../limits/back-off.ts";
import { type Rate, TokenBuckets } from "../limits/token-buckets.ts";
import type { AccountName } from "./names.ts";

/** What strangers may do; all in the memory of one server process. */
export interface StrangerLimits {
  /** Steps of registrations from one address; an account takes two. */
  readonly registrations: Rate;
  /** Logins begun from one address, whatever the names. */
  readonly logins: Rate;
  /** Logins begun and not completed under one name, from all addresses but the account's devices. */
  readonly loginsOfName: Rate;
  /** Waits between logins of one name from one address, or from one device of the account. */
  readonly loginBackOff: BackOffLimits;
}

export const STRANGER_LIMITS: StrangerLimits = {
  registrations: { burst: 60, perMinute: 2 },
  logins: { burst: 60, perMinute: 60 },
  loginsOfName: { burst: 100, perMinute: 1 },
  loginBackOff: {
    freeAttempts: 5,
    firstWaitMs: 1_000,
    waitMaxMs: 900_000,
    forgetAfterMs: 3_600_000,
  },
};

/** Who tries what, and how often. */
export interface LoginLimiter {
  /** @throws MessengerError `accounts/rate-limited` */
  register(context: CallContext): void;
  /**
   * Counts a login as failed until `succeeded`: who guesses learns from the server's first answer
   * whether the guess was right, and never says so.
   * @throws MessengerError `accounts/rate-limited`
   */
  begin(name: AccountName, context: CallContext): void;
  succeeded(name: AccountName, context: CallContext): void;
}

export function createLoginLimiter(clock: Clock, limits: StrangerLimits): LoginLimiter {
  const registrations = new TokenBuckets({ clock, rate: limits.registrations });
  const logins = new TokenBuckets({ clock, rate: limits.logins });
  const loginsOfName = new TokenBuckets({ clock, rate: limits.loginsOfName });
  const backOff = new BackOff(clock, limits.loginBackOff);
  return {
    register: (context) => refuseFor(registrations.take(addressOf(context)), "register"),
    begin(name, context) {
      const device = ownDevice(name, context);
      if (device !== undefined) {
        // Nothing that strangers do with the name reaches this count.
        return refuseFor(backOff.attempt(device), "log in");
      }
      refuseFor(logins.take(addressOf(context)), "log in");
      refuseFor(backOff.attempt(`${name} ${addressOf(context)}`), "log in");
      refuseFor(loginsOfName.take(name), "log in");
    },
    succeeded(name, context) {
      const device = ownDevice(name, context);
      backOff.succeeded(device ?? `${name} ${addressOf(context)}`);
      if (device === undefined) loginsOfName.giveBack(name);
    },
  };
}

function addressOf({ session }: CallContext): string {
  return networkOf(session.remoteAddress.hostname);
}

/** A key for the calling device, if it is one of that account and not revoked. */
function ownDevice(name: AccountName, { identity }: CallContext): string | undefined {
  if (identity?.accountName !== name || identity.revoked.aborted) return undefined;
  return `device ${identity.accountId.toHex()} ${identity.deviceId.toHex()}`;
}

function refuseFor(retryAfterMs: number, action: string): void {
  if (retryAfterMs === 0) return;
  throw new MessengerError("accounts/rate-limited", `Cannot ${action}: too many attempts`, {
    retryAfterMs,
  });
}
