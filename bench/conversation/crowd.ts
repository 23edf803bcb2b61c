/** Many accounts that have key packages with the server and do nothing: to be invited. */
import {
  createQuicTransport,
  openMemoryStore,
  parsePin,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import { createKeyPackage, HYBRID_CIPHER_SUITE, runtimeCryptoProvider } from "@qpq/mls";
import { type HostPort, silentLog } from "@qpq/ports";
import { openRpcClient, type RpcClient } from "@qpq/rpc";
import { enrol } from "../../packages/features/devices/enrolment.ts";
import { deviceCredentials } from "../../packages/features/devices/own-device.ts";
import { ownLeafIdentity } from "../../packages/features/key-packages/client.ts";
import { keyPackagesClient } from "../../packages/features/key-packages/key-packages.gen.ts";
import { openClientStore } from "../../packages/features/test/device-world.ts";
import { FAST_STRETCHING, primitives } from "../../packages/features/test/world.ts";

const SERVER_NAME = "localhost";
const AT_A_TIME = 8;
const DAY_S = 24 * 3_600;

export interface CrowdMember {
  readonly name: string;
  readonly accountId: Uint8Array;
  /** Logged in. */
  readonly rpc: RpcClient;
}

export async function openCrowd(
  server: { readonly address: HostPort; readonly pin: string },
  options: { readonly count: number; readonly packagesCount: number },
): Promise<readonly CrowdMember[]> {
  const members: CrowdMember[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (next < options.count) {
      const name = `crowd-${next++}`;
      members.push(await openMember(server, { ...options, name }));
    }
  }));
  return members;
}

async function openMember(
  server: { readonly address: HostPort; readonly pin: string },
  { name, packagesCount }: { readonly name: string; readonly packagesCount: number },
): Promise<CrowdMember> {
  const store = await openClientStore(openMemoryStore());
  const transport = createQuicTransport({ clock: systemClock, trust: parsePin(server.pin) });
  const rpc = openRpcClient({
    connect: (signal) => transport.connect(server.address, { signal }),
    build: "bench",
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    credentials: deviceCredentials({ store, primitives, serverName: SERVER_NAME }),
  });
  using unlocked = await enrol(rpc, {
    kind: "register",
    name,
    password: "correct horse battery staple",
    serverName: SERVER_NAME,
    store,
    clock: systemClock,
    random: systemRandom,
    primitives,
    keyStretching: FAST_STRETCHING,
  });
  const suite = runtimeCryptoProvider().cipherSuite(HYBRID_CIPHER_SUITE);
  const identity = await ownLeafIdentity({ store, primitives, suite, random: systemRandom });
  const nowS = BigInt(Math.floor(Date.now() / 1_000));
  const lifetime = { notBefore: nowS - 3_600n, notAfter: nowS + BigInt(89 * DAY_S) };
  const packages = await Promise.all(
    Array.from(
      { length: packagesCount },
      () => createKeyPackage(suite, { identity, lifetime, random: systemRandom }),
    ),
  );
  await keyPackagesClient(rpc).publish({ packages: packages.map(({ message }) => message) });
  return { name, accountId: unlocked.identity.accountId, rpc };
}
