/** The way on when the server is back at an earlier state than this device has seen. */
import { MessengerError } from "@qpq/ports";
import { completeEnrolment } from "../features/devices/enrolment.ts";
import {
  bringDirectoryForward,
  bringForward,
  findDirectorySetback,
  findSetback,
  isSetback,
  type Setback,
} from "../features/devices/recovery.ts";
import { ClientCore } from "./client-core.ts";
import { Client, type LogInOptions } from "./client.ts";

export type { Setback } from "../features/devices/recovery.ts";

export interface RecoverOptions extends LogInOptions {
  /**
   * Shows the user what the server has lost, and asks. A server that only pretends to have lost it looks
   * the same: nothing that this device has seen is given up, but whoever runs the server should be asked.
   */
  readonly confirm: (setback: Setback) => Promise<boolean>;
}

/**
 * Logs in on a device that is refused with `accounts/vault-rolled-back`, `devices/list-rolled-back` or
 * `accounts/directory-rolled-back` after the server's operator has restored a backup, and brings the server
 * forward: what this device has seen of the account, under numbers above all of it. Where nothing is
 * older it is a login.
 * @throws MessengerError `accounts/vault-rolled-back`, `accounts/directory-rolled-back`: the user doesn't
 *   confirm; `devices/revoked`: this device was, as far as it knows; as `logInClient`
 */
export async function recoverClient(options: RecoverOptions): Promise<Client> {
  const { confirm, formerPassword, password } = options;
  const core = new ClientCore(options);
  const passwords = formerPassword === undefined ? [password] : [password, formerPassword];
  const opener = await core.holdWithEither(passwords);
  try {
    using unlocked = await core.unlock(password, { mayBeOlder: true });
    if (opener > 0) await core.moveStore({ from: passwords[opener] as string, to: password });
    const device = core.deviceOptions();
    const setback = await findSetback(core.rpc, unlocked, device);
    if (isSetback(setback)) {
      if (!await confirm(setback)) throw notConfirmed("accounts/vault-rolled-back");
      await bringForward(core.rpc, unlocked, device);
    }
    await completeEnrolment(core.rpc, unlocked, device);
    const directory = await findDirectorySetback(core.rpc, device.store);
    if (isSetback({ ...setback, directory })) {
      if (!isSetback(setback) && !await confirm({ ...setback, directory })) {
        throw notConfirmed("accounts/directory-rolled-back");
      }
      await bringDirectoryForward(core.rpc, device);
    }
    await core.stock();
    return await Client.open(core);
  } catch (error) {
    await core.close();
    throw error;
  }
}

function notConfirmed(
  code: "accounts/vault-rolled-back" | "accounts/directory-rolled-back",
): MessengerError {
  return new MessengerError(code, "Cannot go on: the server is behind what this device has seen");
}
