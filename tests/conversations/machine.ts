/** A device that can crash between any two writes: its store is in memory, its timers and connections end with it. */
import { MemoryDisk, type MemoryFault, openMemoryStore } from "@qpq/adapters";
import type { Client, Surroundings } from "@qpq/client";
import {
  type Clock,
  type Connection,
  encodeKey,
  type HostPort,
  type Store,
  type Timer,
  type Transport,
} from "@qpq/ports";
import { storesOpenedBy } from "./memory-stores.ts";

export interface MachineOptions {
  /** The account's. */
  readonly name: string;
  /** Of the account's devices; default 1. */
  readonly number?: number;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Told of every value that becomes durable. */
  readonly onWrite?: (key: Uint8Array, value: Uint8Array) => void;
}

/** What the promises of a crashed device reject with; the program that made them is gone. */
export class Crashed extends Error {}

/** From one start to the next crash. */
interface Run {
  readonly crashed: Promise<never>;
  readonly end: (error: Crashed) => void;
  readonly timers: Set<Timer>;
  readonly connections: Set<Connection>;
  isOver: boolean;
  hasFailed: boolean;
  client: Client | undefined;
}

export class Machine implements AsyncDisposable {
  readonly name: string;
  readonly number: number;
  readonly disk: MemoryDisk = new MemoryDisk();
  /** What goes wrong with the next commits, first first; undefined: nothing. */
  readonly faults: (MemoryFault | undefined)[] = [];
  readonly #options: MachineOptions;
  #run: Run = newRun();
  #store: Store | undefined;
  #commits = 0;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.number = options.number ?? 1;
    const { entries } = this.disk;
    const set = entries.set.bind(entries);
    entries.set = (key, value) => {
      options.onWrite?.(bytesOfKey(key), value);
      set(key, value);
    };
  }

  /** Writes that the device has made, in all its runs. */
  get commits(): number {
    return this.#commits;
  }

  get isCrashed(): boolean {
    return this.#run.isOver;
  }

  /** Its disk failed: the store is closed, and the client of no use. */
  get hasFailed(): boolean {
    return this.#run.hasFailed;
  }

  /** Undefined while it is off. */
  get client(): Client | undefined {
    return this.#run.isOver ? undefined : this.#run.client;
  }

  get store(): Store | undefined {
    return this.#store;
  }

  boot(): void {
    this.#run = newRun();
  }

  /** What `work` comes to, unless the device crashes first. @throws Crashed */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    const run = this.#run;
    work.catch(() => {});
    const result = await Promise.race([work, run.crashed]);
    if (isClient(result)) run.client = result;
    return result;
  }

  /** Crashes with the next write, which is durable or not; makes one if none comes. */
  async crash(options: { readonly written: boolean }): Promise<void> {
    if (this.#run.isOver) return;
    const run = this.#run;
    this.faults.unshift({ kind: "crash", ...options });
    const probing = this.#store?.transaction((transaction) => {
      transaction.put(PROBE_KEY, new Uint8Array());
      return Promise.resolve();
    }) ?? Promise.resolve();
    // A store that is closed, or was never open, takes no write to crash with.
    probing.catch(() => {}).then(() => run.isOver || this.#crashed(run));
    await run.crashed.catch(() => {});
  }

  /** Ends it in order. */
  async shutDown(): Promise<void> {
    await this.client?.[Symbol.asyncDispose]();
    this.#run.client = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.faults.length = 0;
    await this.shutDown();
  }

  /** What stands for the machine in `openRpcClient`. */
  rpc(address: HostPort) {
    const run = this.#run;
    const { transport } = this.#options;
    return {
      clock: this.#clockOf(run),
      connect: async (signal: AbortSignal): Promise<Connection> => {
        if (run.isOver) return await new Promise<never>(() => {});
        const connection = await transport.connect(address, { signal });
        if (run.isOver) {
          connection.close(0, "crashed");
          return await new Promise<never>(() => {});
        }
        run.connections.add(connection);
        void connection.closed.then(() => run.connections.delete(connection));
        return connection;
      },
    };
  }

  get surroundings(): Pick<Surroundings, "clock" | "createStore" | "openStore"> {
    const run = this.#run;
    const open = () => {
      const store = openMemoryStore({
        disk: this.disk,
        faultOf: () => {
          this.#commits++;
          return this.faults.shift();
        },
        onCrash: () => this.#crashed(run),
      });
      this.#store = store;
      void store.closed.then((reason) => run.hasFailed = reason !== undefined);
      return store;
    };
    return { clock: this.#clockOf(run), ...storesOpenedBy(open) };
  }

  #crashed(run: Run): void {
    run.isOver = true;
    for (const timer of run.timers) timer.cancel();
    for (const connection of run.connections) connection.close(0, "crashed");
    run.end(new Crashed("the device has crashed"));
  }

  /** Nothing happens on a device that is off. */
  #clockOf(run: Run): Clock {
    const { clock } = this.#options;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      schedule: (delayMs, callback) => {
        if (run.isOver) return { cancel: () => {} };
        const timer = clock.schedule(delayMs, () => {
          run.timers.delete(timer);
          if (!run.isOver) callback();
        });
        run.timers.add(timer);
        return {
          cancel: () => {
            run.timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }
}

const PROBE_KEY = encodeKey("probe");

function newRun(): Run {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return {
    crashed: promise,
    end: reject,
    timers: new Set(),
    connections: new Set(),
    isOver: false,
    hasFailed: false,
    client: undefined,
  };
}

function isClient(value: unknown): value is Client {
  return typeof value === "object" && value !== null && "conversations" in value;
}

function bytesOfKey(key: string): Uint8Array {
  return Uint8Array.from(key, (unit) => unit.charCodeAt(0));
}
