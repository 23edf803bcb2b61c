/** From a name and a password to a device that is ready: registered or logged in, listed, with a session. */
import { MessengerError } from "@qpq/ports";
import { logIn, type PasswordOptions, readOwnAccount, register } from "../accounts/client.ts";
import type { Home } from "../accounts/home.ts";
import { parseAccountName } from "../accounts/names.ts";
import type { UnlockedAccount } from "../accounts/unlocked.ts";
import { type DeviceOptions, enrolDevice } from "./client.ts";
import { openSession } from "./own-device.ts";

/** A home whose session can be authenticated anew: an `RpcClient`. */
export interface EnrolmentHome extends Home {
  authenticate(): Promise<void>;
}

export interface EnrolmentOptions extends PasswordOptions, DeviceOptions {
  /** Whether a new account is made, or an existing one entered. */
  readonly kind: "register" | "log-in";
  readonly invite?: string;
}

/**
 * Leaves this store with an account, a listed device and an open session on `home`. Interrupted
 * anywhere, it can be done again with `log-in`.
 * @returns the account, with its vault open: for what else needs the password just now, such as
 *   reading the directory key. The caller disposes it.
 * @throws MessengerError what `register`, `logIn` and `enrolDevice` throw; `accounts/wrong-account`:
 *   the store belongs to another account or server
 */
export async function enrol(
  home: EnrolmentHome,
  options: EnrolmentOptions,
): Promise<UnlockedAccount> {
  const { store, serverName } = options;
  const known = await readOwnAccount(store);
  const isOther = known !== undefined &&
    (options.kind === "register" || known.serverName !== serverName ||
      known.name !== parseAccountName(options.name));
  if (isOther) {
    throw new MessengerError(
      "accounts/wrong-account",
      "Cannot log in: the store is another account's",
    );
  }
  const unlocked = options.kind === "register"
    ? await register(home, options)
    : await logIn(home, { ...options, ...known === undefined ? {} : { known } });
  try {
    await completeEnrolment(home, unlocked, options);
    return unlocked;
  } catch (error) {
    unlocked[Symbol.dispose]();
    throw error;
  }
}

/**
 * Lists this store's device and opens its session, inside a login of this connection: for who makes
 * the store only once the password is known to be right.
 * @throws MessengerError what `enrolDevice` and `openSession` throw
 */
export async function completeEnrolment(
  home: EnrolmentHome,
  unlocked: UnlockedAccount,
  options: DeviceOptions & { readonly serverName: string },
): Promise<void> {
  await enrolDevice(home, unlocked, options);
  await openSession(home, options);
  await home.authenticate();
}
