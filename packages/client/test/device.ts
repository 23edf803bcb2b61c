/** Devices with state folders of their own, in a world in memory: for tests. */
import { type DeviceWorld, SERVER_NAME } from "../../features/test/device-world.ts";
import { FAST_STRETCHING } from "../../features/test/world.ts";
import type { ClientOptions, Surroundings } from "../client-core.ts";
import type { Client } from "../client.ts";

const CHEAP = { memoryKiB: 64, passes: 1, lanes: 1 };

/** A device: a state folder, and everything that opening an account there takes. */
export interface Device extends AsyncDisposable {
  readonly stateFolder: string;
  readonly options: (password?: string, surroundings?: Partial<Surroundings>) => ClientOptions;
}

/** A device with a state folder of its own. */
export async function device(world: DeviceWorld): Promise<Device> {
  const stateFolder = await Deno.makeTempDir({ prefix: "qpq-client-" });
  return {
    stateFolder,
    options: (password = "first password", surroundings = {}) => ({
      stateFolder,
      server: { hostname: "127.0.0.1", port: 7000 },
      trust: { kind: "system" },
      serverName: SERVER_NAME,
      name: "alice",
      password,
      surroundings: {
        clock: world.clock,
        random: world.random,
        connect: ({ credentials }) => world.connect({ credentials }),
        keyStretching: FAST_STRETCHING,
        keyFileCost: CHEAP,
        ...surroundings,
      },
    }),
    [Symbol.asyncDispose]: () => Deno.remove(stateFolder, { recursive: true }),
  };
}

/** Opens, uses and closes. */
export async function withClient<Result>(
  opening: Promise<Client>,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  await using client = await opening;
  return await use(client);
}

export const connects = (client: Client) => client.connected();
