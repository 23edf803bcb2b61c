/**
 * A delivery service in a process of its own, for tests that kill it and for benches: real store, real
 * QUIC, the product's calls. Whoever comes is the device that its session token names: what accounts
 * and devices do is left out.
 *
 *     process.ts FOLDER [LIMITS]    FOLDER: where the store and the certificate are; LIMITS: JSON
 *
 * Prints one JSON line when it listens.
 */
import {
  createQuicTransport,
  createSeededRandom,
  listenQuic,
  openServerCertificate,
  parsePin,
  systemClock,
  systemRandom,
} from "@qpq/adapters";
import { openSqliteStore } from "@qpq/adapters/stores";
import { runtimeCryptoProvider } from "@qpq/mls";
import { openSlices, silentLog } from "@qpq/ports";
import { createRpcServer, openRpcClient, type RpcClient } from "@qpq/rpc";
import { fileURLToPath } from "node:url";
import { type ChannelCalls, openChannelCalls } from "../client.ts";
import { type Caller, channelsSchema, openChannels } from "../server.ts";
import { SUITE } from "./messages.ts";

const INCARNATION = new Uint8Array(16).fill(1);

/** What it prints. */
export interface Listening {
  readonly port: number;
  readonly pin: string;
}

async function main([folder = "", limits = "{}"]: readonly string[]): Promise<void> {
  const store = await openSqliteStore({
    path: `${folder}/qpq.db`,
    create: true,
    key: new Uint8Array(32).fill(3),
  });
  await openSlices(store, [channelsSchema]);
  const channels = openChannels<Caller>({
    store,
    clock: systemClock,
    log: silentLog,
    crypto: runtimeCryptoProvider(),
    incarnation: INCARNATION,
    // Each account has one device, whose id is the account's.
    devices: { devicesOf: async (_reader, accountId) => [accountId] },
    readLeaf: () => undefined,
    cipherSuites: [SUITE],
    callerOf: (caller) => caller,
    limits: JSON.parse(limits),
  });
  const revoked = new AbortController().signal;
  const rpc = createRpcServer<Caller, Caller>({
    methods: channels.methods,
    name: "test",
    build: "test",
    incarnation: INCARNATION,
    authTokens: [],
    authenticate: ({ sessionToken: id }) =>
      Promise.resolve({
        accountId: id.slice(),
        deviceId: id.slice(),
        signatureKey: new Uint8Array(32),
        revoked,
      }),
    context: (_session, caller) => caller as Caller,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  const certificate = await openServerCertificate({
    certificateFile: `${folder}/cert.der`,
    keyFile: `${folder}/key.der`,
    names: [],
    clock: systemClock,
    random: systemRandom,
  });
  const listener = listenQuic({ hostname: "127.0.0.1", port: 0 }, {
    clock: systemClock,
    log: silentLog,
    certificate,
    limits: { connectionsPerAddressMax: 8_192 },
  });
  const listening: Listening = { port: listener.address.port, pin: certificate.pin };
  // deno-lint-ignore no-console -- whoever started it reads it
  console.log(JSON.stringify(listening));
  void (async () => {
    for await (const _ of Deno.stdin.readable);
    Deno.exit(0);
  })();
  for (let next; (next = await listener.accept()) !== undefined;) void rpc.serve(next);
}

export interface RunningService {
  readonly listening: Listening;
  readonly pid: number;
  readonly kill: () => Promise<void>;
}

/** Starts it and waits until it listens. */
export async function startService(folder: string, limits: unknown = {}): Promise<RunningService> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      // As bin/qpq-server has it.
      "--v8-flags=--max-semi-space-size=8",
      "--no-prompt",
      "--allow-all",
      "--no-check",
      fileURLToPath(import.meta.url),
      folder,
      JSON.stringify(limits),
    ],
    // Ends the service when whoever started it is gone.
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the service did not start");
    text += value;
  }
  return {
    listening: JSON.parse(text),
    pid: child.pid,
    kill: async () => {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      await child.stdin.close().catch(() => {});
    },
  };
}

export interface ServiceClient {
  readonly id: Uint8Array;
  readonly rpc: RpcClient;
  readonly calls: ChannelCalls;
}

/** A service that was killed starts again, on a machine that does a lot besides. */
const PATIENCE_MS = 60_000;

/** A device of the account of that number, over QUIC; connects again when the service comes back. */
export function openClient(address: () => Listening, number: number): ServiceClient {
  const id = createSeededRandom(number + 1).bytes(16);
  const rpc = openRpcClient({
    connect: (signal) => {
      const { port, pin } = address();
      const transport = createQuicTransport({ clock: systemClock, trust: parsePin(pin) });
      return transport.connect({ hostname: "127.0.0.1", port }, { signal });
    },
    build: "test",
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    limits: { callTimeoutMs: PATIENCE_MS },
    credentials: () => Promise.resolve({ sessionToken: id, deviceSignature: new Uint8Array() }),
  });
  return { id, rpc, calls: openChannelCalls(rpc) };
}

export const SERVICE_INCARNATION: Uint8Array = INCARNATION;

if (import.meta.main) await main(Deno.args);
