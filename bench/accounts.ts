/**
 * What registering and logging in cost: end to end as a user waits for it, and how much of that is
 * stretching the password; the server's CPU time for a login; and how many logins one server takes
 * with 32 clients. Clients and server are two processes on this machine, over QUIC.
 *
 * `npm run bench -- accounts`. Trust the ratios; the figures are this machine's.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parsePin, systemRandom } from "../packages/adapters/mod.ts";
import { openEitherKey } from "../packages/adapters/stores.ts";
import { accountFolder } from "../packages/client/account-store.ts";
import { connectServer, logInClient, openClient, registerClient } from "../packages/client/mod.ts";
import { logIn, register } from "../packages/features/accounts/client.ts";
import {
  finishRegistration,
  KEY_STRETCHING,
  type KeyStretching,
  openOpaqueServer,
  startRegistration,
} from "../packages/features/accounts/opaque.ts";
import { parseAccountName } from "../packages/features/accounts/names.ts";
import { runtimeCryptoProvider } from "../packages/mls/mod.ts";

const ROUNDS = 5;
const CLIENTS = 32;
const LOGINS_EACH = 20;
const PASSWORD = "correct horse battery";
/** As little as Argon2id allows: takes stretching out of a figure. */
const NO_STRETCHING: KeyStretching = {
  "argon2id-custom": { memory: 8, iterations: 1, parallelism: 1 },
};

const folder = await mkdtemp(join(tmpdir(), "qpq-bench-"));
const server = await openServer();
try {
  await endToEnd();
  await serverWork();
} finally {
  await server.close();
  await rm(folder, { recursive: true });
}
Deno.exit(0);

/** What a user waits for: `qpq register-user` and `qpq login` without the program's start. */
async function endToEnd(): Promise<void> {
  const times: Record<"register" | "login" | "open" | "opaque" | "store", number[]> = {
    ...{ register: [], login: [], open: [], opaque: [], store: [] },
  };
  for (let round = 0; round < ROUNDS; round++) {
    const options = (stateFolder: string) => ({
      ...{ stateFolder: join(folder, stateFolder), name: `user-${round}`, password: PASSWORD },
      ...{ server: server.address, trust: parsePin(server.pin), serverName: "localhost" },
    });
    const [first, second] = [options("first"), options("second")];
    const use = async (
      name: "register" | "login" | "open",
      opening: () => ReturnType<typeof openClient>,
    ): Promise<void> => {
      const started = performance.now();
      await using client = await opening();
      await client.connected();
      times[name].push(performance.now() - started);
    };
    await use("register", () => registerClient(first));
    await use("login", () => logInClient(second));
    await use("open", () => openClient(first));
    times.opaque.push(await stretchingMs());
    const started = performance.now();
    const path = `${accountFolder(first)}/client.db`;
    (await openEitherKey(path, PASSWORD)).key.fill(0);
    times.store.push(performance.now() - started);
  }
  const [opaque, store] = [median(times.opaque), median(times.store)];
  print(
    `median of ${ROUNDS}; a device made ready: account, store, list, session, 101 key packages`,
  );
  const shares = { register: opaque + store, login: opaque + store, open: store };
  for (const [name, stretching] of Object.entries(shares)) {
    const total = median(times[name as keyof typeof times]);
    print(
      `${name.padEnd(10)} ${total.toFixed(0).padStart(5)} ms, of it stretching ` +
        `${stretching.toFixed(0)} ms (${(100 * stretching / total).toFixed(0)} %)`,
    );
  }
  print(`stretching: login ${opaque.toFixed(0)} ms (WebAssembly), store ${store.toFixed(0)} ms`);
}

/** The same step of OPAQUE with and without stretching: the difference. */
async function stretchingMs(): Promise<number> {
  const opaque = await openOpaqueServer();
  const setup = opaque.createSetup();
  const identifiers = { accountName: parseAccountName("bench"), serverName: "localhost" };
  const finishMs = async (keyStretching: KeyStretching): Promise<number> => {
    const step = await startRegistration(PASSWORD);
    const { request } = step;
    const response = opaque.registrationResponse(setup, { ...identifiers, request });
    const started = performance.now();
    await finishRegistration(step, { ...identifiers, response, keyStretching });
    return performance.now() - started;
  };
  return await finishMs(KEY_STRETCHING) - await finishMs(NO_STRETCHING);
}

/** Many clients at once, each logging in again and again; stretching is left out. */
async function serverWork(): Promise<void> {
  const primitives = runtimeCryptoProvider().cipherSuite(0x0003);
  const homes = Array.from({ length: CLIENTS }, (_, index) => ({
    rpc: connectServer({ server: server.address, trust: parsePin(server.pin) }),
    options: {
      ...{ name: `many-${index}`, password: PASSWORD, serverName: "localhost" },
      ...{ primitives, random: systemRandom, keyStretching: NO_STRETCHING },
    },
  }));
  for (const { rpc, options } of homes) {
    using _ = await register(rpc, options);
  }
  const idle = await idleCpuShare();
  const cpuBefore = await server.cpuMs();
  const started = performance.now();
  await Promise.all(homes.map(async ({ rpc, options }) => {
    for (let login = 0; login < LOGINS_EACH; login++) {
      using _ = await logIn(rpc, options);
    }
  }));
  const wallMs = performance.now() - started;
  const cpuMs = await server.cpuMs() - cpuBefore - idle * wallMs;
  const logins = CLIENTS * LOGINS_EACH;
  print(
    `\n${CLIENTS} clients, ${logins} logins: ${
      (cpuMs / logins).toFixed(2)
    } ms of the server's CPU ` +
      "a login, with QUIC, calls and store (wanted: at most 3)",
  );
  print(
    `${(1_000 * logins / wallMs).toFixed(0)} logins/s with the clients on the same machine; ` +
      `${(1_000 * logins / cpuMs).toFixed(0)} a second of the server's CPU, clients excluded`,
  );
  for (const { rpc } of homes) await rpc.close();
}

/** CPU that the server uses with nothing to do, as a share of one core. */
async function idleCpuShare(): Promise<number> {
  const [cpuBefore, started] = [await server.cpuMs(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (await server.cpuMs() - cpuBefore) / (performance.now() - started);
}

async function openServer() {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--allow-all", "--quiet"],
      ...[fileURLToPath(new URL("./accounts/server.ts", import.meta.url)), folder],
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const asking = process.stdin.getWriter();
  let rest = "";
  const read = async (): Promise<Record<string, unknown>> => {
    while (!rest.includes("\n")) {
      const { value, done } = await lines.read();
      if (done) throw new Error("the server ended");
      rest += value;
    }
    const end = rest.indexOf("\n");
    const line = rest.slice(0, end);
    rest = rest.slice(end + 1);
    return JSON.parse(line);
  };
  const { pin, port } = await read();
  return {
    pin: String(pin),
    address: { hostname: "127.0.0.1", port: Number(port) },
    cpuMs: async (): Promise<number> => {
      await asking.write(new TextEncoder().encode("\n"));
      return Number((await read()).cpuMs);
    },
    close: async (): Promise<void> => {
      process.kill("SIGKILL");
      await process.status;
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] as number;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
