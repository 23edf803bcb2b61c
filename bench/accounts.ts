/**
 * What a password costs: registration and login end to end, with the share of key stretching, which is
 * the client's alone; and the server's work for a login, which bounds how many it can serve.
 *
 * Client and server are one process without a network between them: calls are encoded and decoded as on
 * the wire. `npm run bench -- accounts`. Trust the ratios; the figures are this machine's.
 */
import { openMemoryStore, systemClock, systemRandom } from "../packages/adapters/mod.ts";
import type { Method } from "../packages/capnp/mod.ts";
import { accountsClient } from "../packages/features/accounts/accounts.gen.ts";
import { logIn, register } from "../packages/features/accounts/client.ts";
import type { Home } from "../packages/features/accounts/home.ts";
import { accountsSchema } from "../packages/features/accounts/keys.ts";
import { parseAccountName } from "../packages/features/accounts/names.ts";
import {
  finishLogin,
  KEY_STRETCHING,
  type KeyStretching,
  startLogin,
} from "../packages/features/accounts/opaque.ts";
import { type Accounts, openAccounts } from "../packages/features/accounts/server.ts";
import { runtimeCryptoProvider } from "../packages/mls/mod.ts";
import { assert, openSlices, silentLog } from "../packages/ports/mod.ts";

const SERVER_NAME = "example.org";
const ROUNDS = 7;
const CLIENTS = 32;
const LOGINS_EACH = 20;
const LEAST_STRETCHING: KeyStretching = {
  "argon2id-custom": { memory: 8, iterations: 1, parallelism: 1 },
};
/** No limit of the server's stands in the way of measuring it. */
const UNLIMITED = { burst: 1_000_000, perMinute: 1_000_000 };

const primitives = runtimeCryptoProvider().cipherSuite(0x0003);
const accounts = await openServer();
let serverMs = 0;

const full = await endToEnd(KEY_STRETCHING, "full");
const least = await endToEnd(LEAST_STRETCHING, "least");
print(`median of ${ROUNDS}: ms, of which key stretching (64 MiB, 3 passes, 4 lanes)\n`);
for (const kind of ["register", "login"] as const) {
  const stretching = full[kind] - least[kind];
  print(`${kind.padEnd(9)} ${ms(full[kind])}  stretching ${ms(stretching)}`);
}
await serverWork();

async function openServer(): Promise<Accounts> {
  const store = openMemoryStore();
  await openSlices(store, [accountsSchema]);
  return await openAccounts({
    store,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    primitives,
    serverName: SERVER_NAME,
    registration: "open",
    limits: {
      registrations: UNLIMITED,
      logins: UNLIMITED,
      loginsOfName: UNLIMITED,
      loginBackOff: { freeAttempts: 1_000, firstWaitMs: 0, waitMaxMs: 0, forgetAfterMs: 60_000 },
    },
  });
}

/** A connection of its own, whose server's part of each call is added to `serverMs`. */
function connect(): Home {
  const session = {
    remoteAddress: { hostname: "192.0.2.1", port: 1 },
    clientBuild: "bench",
    protocolVersion: 1,
    nonce: systemRandom.bytes(32),
  };
  return {
    connected: () => Promise.resolve({ name: SERVER_NAME, nonce: session.nonce }),
    async call<Params, Results>(method: Method<Params, Results>, params: Params): Promise<Results> {
      const row = accounts.methods.find((each) => each.method.name === method.name);
      assert(row !== undefined, "the server has the method");
      const frame = method.encodeParams(params);
      const begin = performance.now();
      const results = await row.handler(
        row.method.decodeParams(frame),
        { session, identity: undefined },
        new AbortController().signal,
      );
      const answer = row.method.encodeResults(results);
      serverMs += performance.now() - begin;
      return method.decodeResults(answer);
    },
    subscribe: () => {
      throw new Error("accounts have no subscriptions");
    },
  };
}

async function endToEnd(keyStretching: KeyStretching, prefix: string) {
  const times = { register: [] as number[], login: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const options = {
      name: `${prefix}${round}`,
      password: "correct horse battery staple",
      serverName: SERVER_NAME,
      primitives,
      random: systemRandom,
      keyStretching,
    };
    let begin = performance.now();
    (await register(connect(), options))[Symbol.dispose]();
    times.register.push(performance.now() - begin);
    begin = performance.now();
    (await logIn(connect(), options))[Symbol.dispose]();
    times.login.push(performance.now() - begin);
  }
  return { register: median(times.register), login: median(times.login) };
}

/** Logins one after another for the work of each; then by many clients at once, their part taken out. */
async function serverWork(): Promise<void> {
  const name = parseAccountName("least0");
  const identifiers = { accountName: name, serverName: SERVER_NAME };
  let clientMs = 0;
  const timed = async <Result>(run: () => Result | Promise<Result>): Promise<Result> => {
    const begin = performance.now();
    const result = await run();
    clientMs += performance.now() - begin;
    return result;
  };
  const once = async (): Promise<void> => {
    const calls = accountsClient(connect());
    const step = await timed(() => startLogin("correct horse battery staple"));
    const { response } = await calls.loginStart({ name, request: step.request });
    const finished = await timed(() =>
      finishLogin(step, { response, ...identifiers, keyStretching: LEAST_STRETCHING })
    );
    assert(finished !== undefined, "the password is right");
    await calls.loginFinish({ finish: finished.finish });
  };
  for (let warm = 0; warm < 20; warm++) await once();
  const work: number[] = [];
  for (let login = 0; login < 200; login++) {
    serverMs = 0;
    await once();
    work.push(serverMs);
  }
  print(`\nserver's work for a login: median ${ms(median(work))} (wanted: at most 3)`);
  // Each alone, so that clients' time is not counted twice; then as many at once.
  clientMs = 0;
  const alone = performance.now();
  for (let login = 0; login < CLIENTS * 3; login++) await once();
  const clientEachMs = clientMs / (CLIENTS * 3);
  const aloneEachMs = (performance.now() - alone) / (CLIENTS * 3);
  const begin = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (let login = 0; login < LOGINS_EACH; login++) await once();
  }));
  const count = CLIENTS * LOGINS_EACH;
  const eachMs = (performance.now() - begin) / count;
  print(`one at a time: ${ms(aloneEachMs)} a login, of which the client ${ms(clientEachMs)}`);
  print(
    `${CLIENTS} clients: ${Math.round(1_000 / (eachMs - clientEachMs))} logins/s on one thread, ` +
      `client cost excluded`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
