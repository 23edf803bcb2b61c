/** Accounts for tests of something else than how they are made: by the library, and cheap to open. */
import { join } from "node:path";
import { type HostPort, parseHostPort, parsePin, registerClient } from "@qpq/client";
import { keyFilePath, openKeyFile, writeKeyFile } from "../../packages/adapters/key-file.ts";
import { FAST_STRETCHING } from "../../packages/features/test/world.ts";
import type { RunningServer } from "./processes.ts";

/** Of a device's store. Programs read it from the key file, and stretch the password as little as this. */
const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

/** For clients of accounts to which no program logs in by itself. */
export const CHEAP_STRETCHING = { keyFileCost: CHEAP, keyStretching: FAST_STRETCHING };

/** Whose account, and the state folder of its first device. */
export interface QuickAccount {
  readonly name: string;
  readonly password: string;
  readonly stateFolder: string;
  /** Whether a launched program shows its password to the server: for a login, a revocation, a new key. */
  readonly entersAgain?: boolean;
}

/** Does what `qpq register-user` does, without its half second of stretching. */
export async function registerQuickly(
  { address, pin }: Pick<RunningServer, "address" | "pin">,
  { name, password, stateFolder, entersAgain = false }: QuickAccount,
): Promise<void> {
  await using _client = await registerClient({
    stateFolder,
    server: parseHostPort(address) as HostPort,
    serverName: "localhost",
    trust: parsePin(pin),
    name,
    password,
    surroundings: entersAgain ? { keyFileCost: CHEAP } : CHEAP_STRETCHING,
  });
}

/** Makes the store cheap to open that a program has made. */
export async function cheapen(
  { address }: Pick<RunningServer, "address">,
  { name, password, stateFolder }: Omit<QuickAccount, "entersAgain">,
): Promise<void> {
  const path = keyFilePath(join(stateFolder, address.replace(":", "_"), name, "client.db"));
  await writeKeyFile(path, await openKeyFile(path, password), password, CHEAP);
}
