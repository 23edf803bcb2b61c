/** The way on when a server is back at an earlier state, from a backup. */
import { recoverClient, type Setback } from "@qpq/client";
import { type AccountOptions, chooseAccount, ownerOf } from "../account-session.ts";
import { type ExitCode, printDiagnostic, printJson, printLine, UsageError } from "../output.ts";
import { readFormerPassword, usePassword } from "../passwords.ts";
import { askLine, canAsk } from "../prompt.ts";

/** Shows what the server has lost, asks, and brings it forward; without a loss it is a login. */
export async function runRecoverAccount(
  options: AccountOptions & { readonly yes?: boolean },
): Promise<ExitCode> {
  if (options.yes !== true && !canAsk()) {
    throw new UsageError(
      "expected --yes: what the server has lost is shown, and nobody can be asked",
    );
  }
  const choice = await chooseAccount(options, { mustExist: true });
  const former = await readFormerPassword(options);
  let lost: Setback | undefined;
  const confirm = async (setback: Setback): Promise<boolean> => {
    lost = setback;
    if (!options.json) showSetback(setback);
    return options.yes === true ||
      await askLine("Bring the server forward to what this device knows? (yes/no) ") === "yes";
  };
  await using client = await usePassword(
    options,
    ownerOf(choice),
    (password) =>
      choice.reaching(() =>
        recoverClient({
          ...choice.place,
          password,
          confirm,
          ...former === undefined ? {} : { formerPassword: former },
        })
      ),
  );
  const { name } = client.account;
  if (options.json) {
    printJson({ name, deviceId: client.deviceId.toHex(), lost: describe(lost) });
  } else if (lost === undefined) printLine(`${name}: the server has lost nothing; logged in`);
  else {
    printLine(
      `${name}: the server has again what this device knows. Log in on your other devices.`,
    );
    printDiagnostic("qpq: what other devices alone knew is lost; compare qpq devices with them");
  }
  return 0;
}

function showSetback({ vault, list, directory, isEarlierKey, revoked, missing }: Setback): void {
  printLine(
    "The server is behind what this device has seen. Did its operator restore a backup? If not,",
  );
  printLine("it may be hiding something from you: ask before you go on.");
  const show = (what: string, { seen, given }: Setback["vault"]): void => {
    if (given < seen) {
      printLine(`  ${what}: it gives number ${given}, this device has seen ${seen}`);
    }
  };
  show("vault", vault);
  show("list of devices", list);
  show("directory", directory);
  for (const id of revoked) printLine(`  revoked, and listed again by the server: ${id.toHex()}`);
  for (const id of missing) printLine(`  missing there: ${id.toHex()}`);
  if (isEarlierKey) {
    printLine(
      "  The account key is an earlier one again. If that one had leaked: rotate-account-key.",
    );
  }
}

function describe(lost: Setback | undefined) {
  if (lost === undefined) return null;
  const { vault, list, directory, isEarlierKey, revoked, missing } = lost;
  return {
    ...{ vault, list, directory, isEarlierKey },
    revoked: revoked.map((id) => id.toHex()),
    missing: missing.map((id) => id.toHex()),
  };
}
