/** Opening an account that may be remembered: then nobody is asked for its password. */
import { type Client, hasRememberedKey, openClient } from "@qpq/client";
import type { AccountChoice, AccountOptions } from "./account-session.ts";
import { printDiagnostic } from "./output.ts";
import { readGivenPassword, readPassword } from "./passwords.ts";
import type { RememberOptions } from "./secret-options.ts";

/** @throws MessengerError as `openClient` */
export async function openRemembered(
  options: AccountOptions & RememberOptions,
  { place }: AccountChoice,
): Promise<Client> {
  const given = await readGivenPassword(options);
  const asks = given !== undefined || options.remember === true || options.forget === true;
  if (!asks && hasRememberedKey(place)) return await openClient(place);
  const password = given ?? await readPassword(options);
  const client = await openClient({ ...place, password });
  try {
    await applyRemembering(client, password, options);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

/** Does what `--remember` and `--forget` ask for. */
export async function applyRemembering(
  client: Client,
  password: string,
  { remember = false, forget = false }: RememberOptions,
): Promise<void> {
  if (forget) client.forget();
  if (!remember) return;
  await client.remember(password);
  printDiagnostic(
    "qpq: remembered: whoever can copy this account's folder reads everything, without the password. " +
      "--forget ends it",
  );
}
