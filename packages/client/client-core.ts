/** What the ways into an account share: a connection, the store, and the change of its password. */
import { systemClock, systemRandom } from "@qpq/adapters";
import { KEY_FILE_COST, type StretchingCost } from "@qpq/adapters/stores";
import type { CallOptions } from "@qpq/capnp";
import { HYBRID_CIPHER_SUITE, runtimeCryptoProvider } from "@qpq/mls";
import {
  assert,
  type Clock,
  type Log,
  MessengerError,
  type Random,
  silentLog,
  type Store,
} from "@qpq/ports";
import type { RpcClient, RpcClientOptions } from "@qpq/rpc";
import {
  changePassword,
  logIn,
  readOwnAccount,
  reloadVault,
  rememberOwnAccount,
} from "../features/accounts/client.ts";
import { refusedPasswordKey } from "../features/accounts/keys.ts";
import { type DeviceId, parseAccountName } from "../features/accounts/names.ts";
import { KEY_STRETCHING, type KeyStretching } from "../features/accounts/opaque.ts";
import type { AccountIdentity, UnlockedAccount } from "../features/accounts/unlocked.ts";
import { readOwnIdentity, refreshCertificate } from "../features/devices/client.ts";
import { requireOwnKey } from "../features/devices/own-list.ts";
import { deviceCredentials, deviceProver, readOwnDevice } from "../features/devices/own-device.ts";
import { ownLeafIdentity } from "../features/key-packages/client.ts";
import {
  type Refill,
  refillKeyPackages,
  sweepKeyPackages,
} from "../features/key-packages/stock.ts";
import {
  type AccountPlace,
  type AccountStore,
  createAccountStore,
  isStorePasswordOpen,
  isWrongPassword,
  openAccountSlices,
  openAccountStore,
  settleStorePassword,
  settleToAccepted,
  stageStorePassword,
} from "./account-store.ts";
import { type ConnectOptions, connectServer } from "./connect.ts";
import { openChannelCalls } from "../features/channels/client.ts";
import { LeafDevices } from "../features/groups/members.ts";
import { CrashGuard } from "./conversations/crash-guard.ts";
import type { Ground } from "./conversations/ground.ts";
import { Forgotten } from "./conversations/live-conversation.ts";
import { OwnDevices } from "./conversations/own-devices.ts";
import { Peers } from "./peers.ts";
import { startUpkeep } from "./upkeep.ts";

export interface ClientOptions extends AccountPlace, Omit<ConnectOptions, "credentials"> {
  /**
   * What the server is called, as its user knows it; `serverNameAt` gives what is usual. An account
   * belongs to it, and a server that says another is refused.
   */
  readonly serverName: string;
  /** The account's: opens this device's store, too. */
  readonly password: string;
  /** Milliseconds to wait for a connection, where one is needed; default: a call's own limit. */
  readonly connectTimeoutMs?: number;
  /** Left out: the machine's own. */
  readonly surroundings?: Partial<Surroundings>;
}

/** Of an account that this device has. */
export interface OpenOptions extends Omit<ClientOptions, "password"> {
  /** The account's. Left out: this device's store opens by the key that `remember` has left. */
  readonly password?: string | undefined;
}

type Credentials = NonNullable<RpcClientOptions["credentials"]>;

/** What tests and simulations replace. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: (options: ConnectOptions & { readonly credentials: Credentials }) => RpcClient;
  readonly keyStretching: KeyStretching;
  /** Of key files. */
  readonly keyFileCost: StretchingCost;
  readonly createStore: typeof createAccountStore;
  readonly openStore: typeof openAccountStore;
  readonly openChannelCalls: typeof openChannelCalls;
}

/** Who this device is. */
export interface OwnIdentity {
  readonly account: AccountIdentity;
  readonly deviceId: DeviceId;
}

const SURROUNDINGS: Surroundings = {
  clock: systemClock,
  random: systemRandom,
  connect: connectServer,
  keyStretching: KEY_STRETCHING,
  keyFileCost: KEY_FILE_COST,
  createStore: createAccountStore,
  openStore: openAccountStore,
  openChannelCalls,
};

/** Cipher suite whose primitives accounts and devices stand on: Ed25519, SHA-256, ChaCha20-Poly1305. */
const ACCOUNTS_CIPHER_SUITE = 0x0003;
/** Times that a write is tried again when another device was first. */
const ATTEMPTS_MAX = 4;

/** What the ways into an account share: a connection, and the store once there is one. */
export class ClientCore {
  readonly options: OpenOptions;
  readonly surroundings: Surroundings;
  readonly log: Log;
  readonly #crypto = runtimeCryptoProvider();
  readonly #primitives = this.#crypto.cipherSuite(ACCOUNTS_CIPHER_SUITE);
  #held: AccountStore | undefined;
  #rpc: RpcClient | undefined;
  #upkeep: AsyncDisposable | undefined;

  constructor(options: OpenOptions) {
    const { surroundings, log = silentLog } = options;
    this.options = options;
    this.log = log;
    this.surroundings = { ...SURROUNDINGS, ...surroundings };
  }

  /** Made with its first use. One that is to know this device comes behind `hold`. */
  get rpc(): RpcClient {
    const credentials: Credentials = (session) =>
      this.#held === undefined
        ? Promise.resolve(undefined)
        : deviceCredentials(this.deviceOptions())(session);
    this.#rpc ??= this.surroundings.connect({ ...this.options, credentials });
    return this.#rpc;
  }

  get store(): Store {
    assert(this.#held !== undefined, "the store is open");
    return this.#held.store;
  }

  /** Takes the store over, and shows its device to the server from now on. */
  async hold(opening: AccountStore): Promise<void> {
    this.#held = opening;
    await openAccountSlices(this.store);
    const own = await readOwnAccount(this.store);
    const { serverName } = this.options;
    if (own !== undefined && own.serverName !== serverName) {
      throw new MessengerError(
        "accounts/wrong-server",
        `Cannot go on: the account is on ${own.serverName}, not ${serverName}`,
      );
    }
  }

  /** @returns the index of the password that opened the store */
  async holdWithEither(passwords: readonly (string | undefined)[]): Promise<number> {
    for (const [index, password] of passwords.entries()) {
      try {
        const { openStore } = this.surroundings;
        await this.hold(await openStore(this.options, { ...this.options, password }));
        return index;
      } catch (error) {
        if (isWrongPassword(error) && index < passwords.length - 1) continue;
        await this.close();
        throw error;
      }
    }
    assert(false, "there is a password to try");
  }

  /**
   * Who this device is.
   * @throws MessengerError `client/no-account`
   */
  async identify(): Promise<OwnIdentity> {
    const account = await readOwnIdentity(this.store);
    const device = await readOwnDevice(this.store, this.#primitives);
    if (account === undefined || device === undefined) {
      await this.close();
      throw new MessengerError(
        "client/no-account",
        "Cannot go on: the first login on this device was cut short",
      );
    }
    return { account, deviceId: device.deviceId };
  }

  deviceOptions() {
    const { clock, random } = this.surroundings;
    const { serverName } = this.options;
    return { store: this.store, clock, random, primitives: this.#primitives, serverName };
  }

  passwordOptions(password: string) {
    const { random, keyStretching } = this.surroundings;
    const { serverName, name } = this.options;
    return {
      name: parseAccountName(name),
      password,
      serverName,
      random,
      primitives: this.#primitives,
      keyStretching,
      ...this.#held === undefined ? {} : { proveDevice: deviceProver(this.deviceOptions()) },
    };
  }

  /** @throws MessengerError why there is no connection */
  async reach(): Promise<void> {
    const { connectTimeoutMs: timeoutMs } = this.options;
    await this.rpc.connected(timeoutMs === undefined ? {} : { timeoutMs });
  }

  async connected(options: { readonly timeoutMs?: number }): Promise<void> {
    await this.#known(options);
    await this.#settleByLogin();
  }

  /** Waits until the server knows this device. */
  async #known(options: CallOptions): Promise<void> {
    const session = await this.rpc.connected(options);
    if (session.name !== this.options.serverName) {
      throw new MessengerError(
        "accounts/wrong-server",
        `Cannot go on: the server says that it is ${session.name}, not ${this.options.serverName}`,
      );
    }
    const { status } = this.rpc;
    if (status.kind === "connected" && status.refusal !== undefined) throw status.refusal;
    const device = await readOwnDevice(this.store, this.#primitives);
    if (device?.stored.sessionToken.length === 0) {
      throw new MessengerError("rpc/not-authenticated", "Cannot go on: this device is logged out");
    }
  }

  /** Keeps the device reachable from now on, until `close`. */
  startUpkeep(peers: () => Peers): void {
    const { log, surroundings: { clock } } = this;
    this.#upkeep = startUpkeep({
      ...{ log, clock },
      connected: (signal) => this.#known({ signal }),
      steps: {
        "certificate": () => refreshCertificate(this.rpc, this.deviceOptions()),
        "key-packages": (signal) => this.refill({ signal }),
        "expiry": () => sweepKeyPackages(this.deviceOptions()),
        "directory": () => peers().syncDirectory(),
      },
    });
  }

  /**
   * Logs in with the password, which settles a change of it that was cut short.
   * @param options.mayBeOlder lets a vault pass that is older than one seen before: to bring it forward
   * @returns the account; the caller disposes it
   */
  async unlock(
    password: string,
    { mayBeOlder = false }: { readonly mayBeOlder?: boolean } = {},
  ): Promise<UnlockedAccount> {
    await this.reach();
    const own = await readOwnAccount(this.store);
    const known = own !== undefined && mayBeOlder ? { ...own, vaultVersion: 0 } : own;
    const unlocked = await logIn(this.rpc, {
      ...this.passwordOptions(password),
      ...known === undefined ? {} : { known },
    });
    try {
      await settleToAccepted(this.options, password);
    } catch (error) {
      unlocked[Symbol.dispose]();
      throw error;
    }
    return unlocked;
  }

  /** Moves the store alone, whose password is behind the account's. */
  async moveStore(passwords: { readonly from: string; readonly to: string }): Promise<void> {
    await this.#stage(passwords);
    settleStorePassword(this.options, "staged");
  }

  async changePassword({ from, to, confirm }: {
    readonly from: string;
    readonly to: string;
    readonly confirm?: () => Promise<void>;
  }) {
    const { random, keyStretching } = this.surroundings;
    if (confirm !== undefined) {
      (await this.unlock(from))[Symbol.dispose]();
      await confirm();
    }
    // Fresh, however long somebody took to confirm.
    using unlocked = await this.unlock(from);
    // Before the server hears of it: from then on the store must open with either.
    await this.#stage({ from, to });
    const password = { password: to, random, keyStretching };
    for (let attempt = 1;; attempt++) {
      try {
        await changePassword(this.rpc, unlocked, password);
        settleStorePassword(this.options, "staged");
        return await rememberOwnAccount(this.store, unlocked);
      } catch (error) {
        const isLate = codeOf(error) === "accounts/version-conflict" && attempt < ATTEMPTS_MAX;
        if (isLate) await reloadVault(this.rpc, unlocked);
        else return await this.#learnOutcome(to, error);
      }
    }
  }

  async refill(options: CallOptions = {}): Promise<Refill> {
    const suite = this.#crypto.cipherSuite(HYBRID_CIPHER_SUITE);
    return await refillKeyPackages(this.rpc, { ...this.deviceOptions(), ...options, suite });
  }

  /** What a device has that is ready: key packages with the server, and the account's pins. */
  async stock(): Promise<void> {
    await this.refill();
    const account = await readOwnIdentity(this.store);
    assert(account !== undefined, "the device was enrolled");
    await this.peersOf(account).syncDirectory();
  }

  peersOf(account: AccountIdentity): Peers {
    const { log, rpc: home } = this;
    const renewDirectoryKey = () => this.#renewDirectoryKey();
    return new Peers(account, { ...this.deviceOptions(), home, log, renewDirectoryKey });
  }

  /** What conversations stand on. */
  ground(
    client: {
      readonly account: () => AccountIdentity;
      readonly deviceId: DeviceId;
      readonly closing: AbortController;
      readonly isOnline: () => boolean;
    },
  ): Ground {
    const { account, deviceId, closing, isOnline } = client;
    const { log, rpc, store } = this;
    const { clock, random } = this.surroundings;
    const options = this.deviceOptions();
    const { primitives, serverName } = options;
    const leaves = new LeafDevices(primitives, serverName);
    const { signal } = closing;
    const fail = (error: unknown): void => {
      if (signal.aborted || error instanceof Forgotten) return;
      const code = error instanceof MessengerError ? error.code : String(error);
      log.error("conversations-failed", { code });
      closing.abort(error);
    };
    const shared = { store, clock, primitives, rpc, leaves, signal, fail };
    return {
      ...shared,
      random,
      log,
      crypto: this.#crypto,
      suite: this.#crypto.cipherSuite(HYBRID_CIPHER_SUITE),
      calls: this.surroundings.openChannelCalls(rpc),
      serverName,
      get own() {
        return account();
      },
      deviceId,
      guard: new CrashGuard(store),
      ownDevices: new OwnDevices({ ...shared, own: account }),
      identity: (suite) => ownLeafIdentity({ store, primitives, random, suite }),
      isOnline,
    };
  }

  /** Ends the session with the server; the store stays open. */
  async disconnect(): Promise<void> {
    await this.#rpc?.close();
  }

  async close(): Promise<void> {
    const idle = this.#upkeep?.[Symbol.asyncDispose]();
    await this.#rpc?.close();
    await idle;
    await this.#held?.store.close();
  }

  /**
   * Another device may have given the directory a new key: this one has it from the vault.
   * @returns false without a password that is right
   */
  async #renewDirectoryKey(): Promise<boolean> {
    const { password } = this.options;
    if (password === undefined) return false;
    const own = await readOwnIdentity(this.store);
    using unlocked = await this.unlock(password).catch((error) => {
      if (codeOf(error) === "accounts/login-refused") return undefined;
      throw error;
    });
    if (unlocked === undefined) return false;
    requireOwnKey(own ?? unlocked.identity, unlocked.identity);
    await rememberOwnAccount(this.store, unlocked);
    return true;
  }

  /** After a change that failed: undone if it was refused, done if the new password works. */
  async #learnOutcome(to: string, failure: unknown): Promise<void> {
    if (codeOf(failure)?.startsWith("accounts/") === true) {
      settleStorePassword(this.options, "present");
      throw failure;
    }
    const outcome = await this.#tryPassword(to);
    if (outcome === "right") return settleStorePassword(this.options, "staged");
    // What was sent may still arrive: both open the store, and a later login settles it.
    throw failure;
  }

  async #stage(passwords: { readonly from: string; readonly to: string }): Promise<void> {
    await this.store.transaction(async (transaction) => {
      for (const opens of ["present", "staged"] as const) {
        transaction.delete(refusedPasswordKey(opens));
      }
    });
    const { keyFileCost: cost } = this.surroundings;
    await stageStorePassword(this.options, { ...passwords, cost });
  }

  /**
   * Settles an open change to the password that opened the store, if the server takes it. Refused, it
   * says only that another one holds, which may be a third: both go on opening the store until a login
   * with the right one. Asked once, since each refusal slows the next login.
   */
  async #settleByLogin(): Promise<void> {
    const { password } = this.options;
    if (!isStorePasswordOpen(this.options) || password === undefined) return;
    const openedBy = this.#held?.openedBy;
    assert(openedBy !== undefined, "the store is open");
    const refusedKey = refusedPasswordKey(openedBy);
    if (await this.store.snapshot((reader) => reader.get(refusedKey)) !== undefined) return;
    const outcome = await this.#tryPassword(password);
    if (outcome === "right") settleStorePassword(this.options, openedBy);
    else if (outcome === "wrong") {
      await this.store.transaction(async (transaction) =>
        transaction.put(refusedKey, new Uint8Array())
      );
    }
  }

  async #tryPassword(password: string): Promise<"right" | "wrong" | "unknown"> {
    try {
      using _ = await logIn(this.rpc, this.passwordOptions(password));
      return "right";
    } catch (error) {
      return codeOf(error) === "accounts/login-refused" ? "wrong" : "unknown";
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof MessengerError ? error.code : undefined;
}
