/** Opening an account that may be remembered: then nobody is asked for its password. */
import { type Client, hasRememberedKey, openClient } from "@qpq/client";
import { type AccountChoice, type AccountOptions, ownerOf } from "./account-session.ts";
import { printDiagnostic } from "./output.ts";
import { readGivenPassword, usePassword } from "./passwords.ts";
import type { RememberOptions } from "./secret-options.ts";

/** @throws MessengerError as `openClient` */
export async function openRemembered(
  options: AccountOptions & RememberOptions,
  choice: AccountChoice,
): Promise<Client> {
  const { place } = choice;
  const given = await readGivenPassword(options);
  const asks = given !== undefined || options.remember === true || options.forget === true;
  if (!asks && hasRememberedKey(place)) return await openClient(place);
  const open = async (password: string): Promise<Client> => {
    const client = await openClient({ ...place, password });
    return await remembering(client, password, options);
  };
  return given === undefined
    ? await usePassword(options, ownerOf(choice), open)
    : await open(given);
}

/** Does what `--remember` and `--forget` ask for; closes the client when that fails. */
export async function remembering(
  client: Client,
  password: string,
  options: RememberOptions,
): Promise<Client> {
  try {
    await applyRemembering(client, password, options);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

async function applyRemembering(
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
