import { type Clock, MessengerError, type StoreReader } from "@qpq/ports";
import type { CallContext } from "../devices/caller.ts";
import type { StoredAccount } from "./accounts.gen.ts";
import type { LoginAttempt } from "./login-limits.ts";
import type { AccountId, AccountName } from "./names.ts";
import { requireAccount } from "./records.ts";

/** A login whose client has yet to show that it knows the password. */
export interface PendingLogin {
  readonly name: AccountName;
  /** Undefined when there is no such account: its login can't be completed. */
  readonly accountId: AccountId | undefined;
  readonly passwordVersion: number;
  /** OPAQUE's. */
  readonly state: string;
  readonly attempt: LoginAttempt;
}

/** Who has just shown the password on this connection. */
export interface FreshLogin {
  readonly name: AccountName;
  readonly accountId: AccountId;
  readonly passwordVersion: number;
}

export interface LoginStateLimits {
  /** Milliseconds from the beginning of a login to its end. */
  readonly pendingLoginMs: number;
  /** Milliseconds after a login in which things may be done that need the password. */
  readonly freshLoginMs: number;
}

/**
 * Logins that are under way: at most one, and one that is fresh, for each connection; they go with
 * it. So what one connection began no other can end, and nobody crowds out others' logins.
 */
export class LoginStates {
  readonly #clock: Clock;
  readonly #limits: LoginStateLimits;
  readonly #pending = new WeakMap<object, PendingLogin & { readonly atMs: number }>();
  readonly #fresh = new WeakMap<object, FreshLogin & { readonly atMs: number }>();

  constructor(clock: Clock, limits: LoginStateLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Replaces one that the connection began before. */
  begin({ session }: CallContext, login: PendingLogin): void {
    this.#pending.set(session, { ...login, atMs: this.#clock.monotonic() });
  }

  /** Each login can be tried to end once. @throws MessengerError `accounts/login-expired` */
  end({ session }: CallContext): PendingLogin {
    const pending = this.#pending.get(session);
    this.#pending.delete(session);
    const ageMs = this.#clock.monotonic() - (pending?.atMs ?? 0);
    if (pending === undefined || ageMs >= this.#limits.pendingLoginMs) {
      throw new MessengerError("accounts/login-expired", "Cannot log in: not begun, or too late");
    }
    return pending;
  }

  setFresh({ session }: CallContext, login: FreshLogin): void {
    this.#fresh.set(session, { ...login, atMs: this.#clock.monotonic() });
  }

  /** @throws MessengerError `accounts/not-fresh` */
  fresh({ session }: CallContext): FreshLogin {
    const fresh = this.#fresh.get(session);
    const ageMs = this.#clock.monotonic() - (fresh?.atMs ?? 0);
    if (fresh === undefined || ageMs >= this.#limits.freshLoginMs) throw notFresh();
    return fresh;
  }
}

/**
 * The account of a fresh login, unless its password was changed since.
 * @throws MessengerError `accounts/not-fresh`, `accounts/unknown`, `accounts/suspended`
 */
export async function requireFreshAccount(
  reader: StoreReader,
  { accountId, passwordVersion }: FreshLogin,
): Promise<StoredAccount> {
  const account = await requireAccount(reader, accountId);
  if (account.passwordVersion !== passwordVersion) throw notFresh();
  return account;
}

function notFresh(): MessengerError {
  return new MessengerError("accounts/not-fresh", "Cannot do this: it needs a login just before");
}
