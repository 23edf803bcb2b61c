/**
 * The server that `bench/accounts.ts` measures, in a process of its own: the product's slices on its
 * store, with the limits that keep strangers from guessing out of the way. Prints where it listens;
 * answers each line with the milliseconds of CPU time that it has used.
 */
import process from "node:process";
import {
  listenQuic,
  openServerCertificate,
  systemClock,
  systemRandom,
} from "../../packages/adapters/mod.ts";
import { openStore } from "../../packages/adapters/stores.ts";
import { accountsSchema } from "../../packages/features/accounts/keys.ts";
import { openAccounts } from "../../packages/features/accounts/server.ts";
import type { CallContext, DeviceIdentity } from "../../packages/features/devices/caller.ts";
import { devicesSchema } from "../../packages/features/devices/keys.ts";
import { openDevices } from "../../packages/features/devices/server.ts";
import { keyPackagesSchema } from "../../packages/features/key-packages/keys.ts";
import { openKeyPackages } from "../../packages/features/key-packages/server.ts";
import { HYBRID_CIPHER_SUITE, runtimeCryptoProvider } from "../../packages/mls/primitives.ts";
import { openSlices, silentLog } from "../../packages/ports/mod.ts";
import { createRpcServer } from "../../packages/rpc/mod.ts";

const [folder = ""] = Deno.args;
const crypto = runtimeCryptoProvider();
const store = await openStore({ kind: "sqlite", path: `${folder}/server.db`, create: true });
await openSlices(store, [accountsSchema, devicesSchema, keyPackagesSchema]);
const often = { burst: 1_000_000, perMinute: 1_000_000 };
const shared = {
  ...{ store, clock: systemClock, random: systemRandom, log: silentLog },
  primitives: crypto.cipherSuite(0x0003),
};
const accounts = await openAccounts({
  ...shared,
  serverName: "localhost",
  registration: "open",
  limits: { registrations: often, logins: often, loginsOfName: often },
});
const devices = openDevices({ ...shared, accounts });
const cipherSuites = [crypto.cipherSuite(HYBRID_CIPHER_SUITE)];
const keyPackages = openKeyPackages({ ...shared, devices, cipherSuites });
const rpc = createRpcServer<DeviceIdentity, CallContext>({
  methods: [...accounts.methods, ...devices.methods, ...keyPackages.methods],
  authenticate: devices.authenticate,
  context: (session, identity) => ({ session, identity }),
  name: accounts.serverName,
  build: "bench",
  incarnation: new Uint8Array(16),
  authTokens: [],
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
});
const certificate = await openServerCertificate({
  certificateFile: `${folder}/server-cert.der`,
  keyFile: `${folder}/server-key.der`,
  names: [],
  clock: systemClock,
  random: systemRandom,
});
const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
  clock: systemClock,
  log: silentLog,
  certificate,
});
void (async () => {
  for (let next; (next = await listener.accept()) !== undefined;) void rpc.serve(next);
})();
print({ pin: certificate.pin, port: listener.address.port });
for await (const _ of process.stdin) {
  const { user, system } = process.cpuUsage();
  print({ cpuMs: (user + system) / 1_000 });
}

function print(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}
