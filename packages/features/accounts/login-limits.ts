import { type Clock, MessengerError, networkOf } from "@qpq/ports";
import type { CallContext } from "../devices/caller.ts";
import { BackOff, type BackOffLimits } from "../limits/back-off.ts";
import { type Rate, TokenBuckets } from "../limits/token-buckets.ts";
import type { AccountName } from "./names.ts";
import type { KnownDevice } from "./recognition.ts";

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
   * Counts a login as failed until it `succeeded`: who guesses learns from the server's first answer
   * whether the guess was right, and never says so.
   * @param caller.device a device that is known to be on the account: nothing that strangers do with
   *   the name, or from its address, reaches its count
   * @throws MessengerError `accounts/rate-limited`
   */
  begin(name: AccountName, caller: LoginCaller): LoginAttempt;
}

export interface LoginCaller {
  readonly context: CallContext;
  readonly device: KnownDevice | undefined;
}

export interface LoginAttempt {
  succeeded(): void;
}

export function createLoginLimiter(clock: Clock, limits: StrangerLimits): LoginLimiter {
  const registrations = new TokenBuckets({ clock, rate: limits.registrations });
  const logins = new TokenBuckets({ clock, rate: limits.logins });
  const loginsOfName = new TokenBuckets({ clock, rate: limits.loginsOfName });
  const backOff = new BackOff(clock, limits.loginBackOff);
  return {
    register: (context) => refuseFor(registrations.take(addressOf(context)), "register"),
    begin(name, { context, device }) {
      if (device !== undefined) {
        const key = `device ${device.accountId.toHex()} ${device.deviceId.toHex()}`;
        refuseFor(backOff.attempt(key), "log in");
        return { succeeded: () => backOff.succeeded(key) };
      }
      const address = addressOf(context);
      const key = `${name} ${address}`;
      refuseFor(logins.take(address), "log in");
      refuseFor(backOff.attempt(key), "log in");
      refuseFor(loginsOfName.take(name), "log in");
      return {
        succeeded: () => {
          backOff.succeeded(key);
          loginsOfName.giveBack(name);
        },
      };
    },
  };
}

function addressOf({ session }: CallContext): string {
  return networkOf(session.remoteAddress.hostname);
}

function refuseFor(retryAfterMs: number, action: string): void {
  if (retryAfterMs === 0) return;
  throw new MessengerError("accounts/rate-limited", `Cannot ${action}: too many attempts`, {
    retryAfterMs,
  });
}
