/** NATS JetStream with file storage and every write synced: what a user would otherwise pick. */
import { connect, type NatsConnection, StorageType } from "nats";
import { type Rate, rateOf } from "./load.ts";

/** Needs the program `nats-server` (Debian: nats-server) and `chattr`. */
export interface JetStream extends AsyncDisposable {
  /** Durable publishes of `body` by so many connections, so many in flight each. */
  measure(load: { workers: number; inFlight: number; seconds: number }): Promise<Rate>;
}

const CONNECT_TRIES = 100;

/** @returns why not, where it can't be had */
export async function openJetStream(
  body: Uint8Array,
  connections: number,
): Promise<JetStream | string> {
  const folder = await Deno.makeTempDir({ prefix: "qpq-nats-" });
  // Debian's 2.9 has no sync_interval: the folder says that everything below is written through.
  const chattr = await run("chattr", ["+S", folder]);
  if (chattr !== undefined) return `chattr +S: ${chattr}`;
  const port = freePort();
  let server: Deno.ChildProcess;
  try {
    server = new Deno.Command("nats-server", {
      args: ["-js", "-sd", folder, "-a", "127.0.0.1", "-p", String(port)],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch {
    return "nats-server is not installed (Debian: nats-server)";
  }
  const clients: NatsConnection[] = [];
  for (let tries = 0; clients.length < connections; tries++) {
    try {
      clients.push(await connect({ servers: `127.0.0.1:${port}` }));
    } catch (error) {
      if (tries > CONNECT_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const manager = await (clients[0] as NatsConnection).jetstreamManager();
  await manager.streams.add({ name: "log", subjects: ["log.*"], storage: StorageType.File });
  const streams = clients.map((client) => client.jetstream());
  return {
    measure: (load) =>
      rateOf(async (worker) => await streams[worker]?.publish(`log.${worker}`, body), load),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => client.close()));
      server.kill("SIGKILL");
      await server.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function run(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { code, stderr } = await new Deno.Command(program, { args: [...args] }).output();
    return code === 0 ? undefined : new TextDecoder().decode(stderr).trim();
  } catch {
    return "not installed";
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
