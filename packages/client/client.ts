/** One account on one device: its encrypted store and its session with the server. */
import { MessengerError } from "@qpq/ports";
import type { RpcClient } from "@qpq/rpc";
import { deleteAccount, logIn, register } from "../features/accounts/client.ts";
import type { DeviceId } from "../features/accounts/names.ts";
import type { AccountIdentity, UnlockedAccount } from "../features/accounts/unlocked.ts";
import { changeAccountKey, listOwnDevices, revokeDevices } from "../features/devices/client.ts";
import type { Refill } from "../features/key-packages/stock.ts";
import { completeEnrolment } from "../features/devices/enrolment.ts";
import { logOut } from "../features/devices/own-device.ts";
import { type Settings, settingsOf } from "../features/settings/client.ts";
import {
  type AccountPlace,
  dropEmptyFolder,
  forgetStoreKey,
  hasAccountStore,
  noAccount,
  prepareAccountFolder,
  rememberStoreKey,
  removeAccountStore,
} from "./account-store.ts";
import {
  ClientCore,
  type ClientOptions,
  type OpenOptions,
  type OwnIdentity,
} from "./client-core.ts";
import type { Conversations } from "./conversations-api.ts";
import { openConversations } from "./conversations/conversations.ts";
import { Engine } from "./conversations/engine.ts";
import type { Peers } from "./peers.ts";

/** Asks once more before the point of no return. */
export interface Confirming {
  /**
   * Called when the server takes what was asked for, before anything holds: to show a password that
   * was made. When it throws, nothing was done.
   */
  readonly confirm?: () => Promise<void>;
}

export interface RegisterOptions extends ClientOptions, Confirming {
  /** Where the server asks for one. */
  readonly invite?: string;
}

export interface LogInOptions extends ClientOptions {
  /** What opened this device's store until now, if the account's password was changed elsewhere. */
  readonly formerPassword?: string;
}

/** A device of the own account. */
export interface OwnDeviceEntry {
  readonly deviceId: DeviceId;
  /** By the clock of the device that certified it last: when it was added, or another was revoked. */
  readonly certifiedAtMs: number;
  /** The device that asks. */
  readonly isThis: boolean;
}

/**
 * Opens an account that this device has. The session connects by itself, now and whenever the
 * connection is lost; what is local works without it.
 * @throws MessengerError `client/no-account`; `store/wrong-password`; `store/in-use`: one process at a
 *   time has an account; `store/key-exposed`: others may read the key that is remembered
 */
export async function openClient(options: OpenOptions): Promise<Client> {
  const core = new ClientCore(options);
  await core.holdWithEither([options.password]);
  return await Client.open(core);
}

/**
 * Makes an account, with this device as its first.
 *
 * A forgotten password cannot be reset: nobody has the account key but who knows it.
 * @throws MessengerError `client/has-account`; what `register` and `completeEnrolment` throw. After
 *   `rpc/disconnected` the account may exist: `logInClient` tells, and completes what was begun.
 */
export async function registerClient(options: RegisterOptions): Promise<Client> {
  requireNoStore(options);
  const { invite, confirm } = options;
  return await enter(options, (core) =>
    register(core.rpc, {
      ...core.passwordOptions(options.password),
      ...invite === undefined ? {} : { invite },
      ...confirm === undefined ? {} : { confirm },
    }));
}

/**
 * Enters an account with this device: a new one, one that was logged out or revoked, or one whose
 * registration was cut short. Brings the store's password to the account's.
 * @throws MessengerError `accounts/login-refused`; `store/wrong-password`: neither `password` nor
 *   `formerPassword` opens the store; what `logIn` and `completeEnrolment` throw
 */
export async function logInClient(options: LogInOptions): Promise<Client> {
  if (!hasAccountStore(options)) {
    return await enter(options, (core) => logIn(core.rpc, core.passwordOptions(options.password)));
  }
  const { formerPassword, password } = options;
  const core = new ClientCore(options);
  const passwords = formerPassword === undefined ? [password] : [password, formerPassword];
  const opener = await core.holdWithEither(passwords);
  try {
    using unlocked = await core.unlock(password);
    if (opener > 0) await core.moveStore({ from: passwords[opener] as string, to: password });
    await completeEnrolment(core.rpc, unlocked, core.deviceOptions());
    await core.stock();
    return await Client.open(core);
  } catch (error) {
    await core.close();
    throw error;
  }
}

/** The store is made only when the server has said that the password is right. */
async function enter(
  options: ClientOptions,
  show: (core: ClientCore) => Promise<UnlockedAccount>,
): Promise<Client> {
  prepareAccountFolder(options);
  const core = new ClientCore(options);
  try {
    await core.reach();
    using unlocked = await show(core);
    const { keyFileCost: cost, createStore } = core.surroundings;
    await core.hold(await createStore(options, { ...options, cost }));
    await completeEnrolment(core.rpc, unlocked, core.deviceOptions());
    await core.stock();
    return await Client.open(core);
  } catch (error) {
    await core.close();
    // Refused for good: what was made for the device is of no use. Otherwise a login goes on with it.
    if (isTooMany(error)) removeAccountStore(options);
    dropEmptyFolder(options);
    throw error;
  }
}

/**
 * Deletes all that this device has of an account, without its password and without asking the server:
 * for one that is gone there, or whose password is forgotten. The device stays on the list of an
 * account that isn't gone.
 * @throws MessengerError `client/no-account`; `store/in-use`: a process has it open
 */
export function forgetAccount(place: AccountPlace): void {
  if (!hasAccountStore(place)) throw noAccount(place);
  removeAccountStore(place);
}

function isTooMany(error: unknown): boolean {
  return error instanceof MessengerError && error.code === "devices/too-many";
}

function requireNoStore(place: AccountPlace): void {
  if (!hasAccountStore(place)) return;
  throw new MessengerError("client/has-account", "Cannot register: this device has the account");
}

/**
 * An account on this device. Disposing it ends the session's connection and lets go of the store; the
 * device stays logged in.
 */
export class Client implements AsyncDisposable {
  readonly deviceId: DeviceId;
  /** What the program on top remembers between its runs. */
  readonly settings: Settings;
  /** Direct messages, groups and notes. */
  readonly conversations: Conversations;
  readonly #core: ClientCore;
  readonly #closing = new AbortController();
  readonly #engine: Engine;
  /** By whoever opened it. */
  #isClosed = false;
  #account: AccountIdentity;
  #peers: Peers;

  /** Follows the account's conversations, and keeps its device reachable, from here on. `openClient` and its likes call it. */
  static async open(core: ClientCore): Promise<Client> {
    const client = new Client(core, await core.identify());
    try {
      await client.#engine.start();
      core.startUpkeep(() => client.peers);
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(core: ClientCore, own: OwnIdentity) {
    this.#core = core;
    this.deviceId = own.deviceId;
    this.#engine = new Engine(
      core.ground({
        account: () => this.#account,
        deviceId: own.deviceId,
        closing: this.#closing,
        isOnline: () => this.#engine.isFollowing,
      }),
    );
    this.conversations = openConversations(this.#engine);
    this.settings = settingsOf(core.store);
    this.#account = own.account;
    this.#peers = core.peersOf(own.account);
  }

  /**
   * Why it is of no use any more, such as `store/unknown-outcome` after a disk failed: dispose it, and open
   * it anew. Whatever waits, and whatever is asked of its conversations, rejects with the same; undefined
   * while all is well.
   */
  get failure(): unknown {
    const { aborted, reason } = this.#closing.signal;
    return aborted && !this.#isClosed ? reason : undefined;
  }

  get account(): AccountIdentity {
    return this.#account;
  }

  /** Other accounts: their keys, and what is thought of them. */
  get peers(): Peers {
    return this.#peers;
  }

  get rpc(): RpcClient {
    return this.#core.rpc;
  }

  /**
   * Waits until the server knows this device.
   * @throws MessengerError `rpc/not-authenticated`: logged out, revoked or expired: log in again;
   *   `accounts/suspended`; `accounts/wrong-server`; why there is no connection
   */
  async connected(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#core.connected(options);
  }

  /** The own account's devices, in the order in which they were added. */
  async devices(): Promise<readonly OwnDeviceEntry[]> {
    await this.connected();
    const list = await listOwnDevices(this.rpc, this.account, this.#core.deviceOptions());
    const own = this.deviceId.toHex();
    return (list?.devices ?? []).map(({ deviceId, issuedAtMs }) => ({
      deviceId,
      certifiedAtMs: issuedAtMs,
      isThis: deviceId.toHex() === own,
    }));
  }

  /**
   * Takes devices off the account: their sessions end at once, and peers refuse them.
   * @throws MessengerError `accounts/login-refused`, `devices/unknown`, and as `revokeDevices`
   */
  async revokeDevices(deviceIds: readonly DeviceId[], password: string): Promise<void> {
    using unlocked = await this.#core.unlock(password);
    await revokeDevices(this.rpc, unlocked, { ...this.#core.deviceOptions(), deviceIds });
  }

  /**
   * Changes the password, on the server and of this device's store. Cut short anywhere, either the old
   * one works everywhere or the new one does: the store opens with both until that is known. Other
   * devices stay logged in; their stores keep the old one until they log in with the new one.
   * @throws MessengerError `accounts/login-refused`, `accounts/password-invalid`; when the outcome
   *   can't be learnt, what the connection failed with: log in to see
   */
  async changePassword(
    passwords: { readonly from: string; readonly to: string } & Confirming,
  ): Promise<void> {
    await this.#core.changePassword(passwords);
  }

  /**
   * Gives the account a new key, for when the old one may have leaked. Whoever has pinned the old one is
   * warned, and sends nothing until the new one is accepted; other devices log in once with the
   * password.
   * @throws MessengerError `accounts/login-refused`, and as `changeAccountKey`
   */
  async rotateAccountKey(password: string): Promise<void> {
    using unlocked = await this.#core.unlock(password);
    await changeAccountKey(this.rpc, unlocked, this.#core.deviceOptions());
    this.#account = unlocked.identity;
    this.#peers = this.#core.peersOf(unlocked.identity);
    // The server has thrown away those that the old key vouches for.
    await this.#core.refill();
    await this.#engine.renewLeaves();
  }

  /**
   * Deletes the account from the server, for good, then all that this device has of it. The client is
   * closed then. What others have received stays with them.
   * @throws MessengerError `accounts/login-refused`, and as `deleteAccount`
   */
  async deleteAccount(password: string): Promise<void> {
    {
      using unlocked = await this.#core.unlock(password);
      await deleteAccount(this.rpc, unlocked);
    }
    await this.#close();
    removeAccountStore(this.#core.options);
  }

  /** Ends the session. The device stays on the account, and its store where it is, unremembered. */
  async logOut(): Promise<void> {
    await this.#core.reach();
    await logOut(this.rpc, this.#core.store);
    this.forget();
  }

  /**
   * Lets this device's store open without the password from now on: its key stands in clear in the
   * account's folder, in a file that only its owner may read. Whoever copies that file and the store
   * reads everything.
   * @throws MessengerError `store/wrong-password`
   */
  async remember(password: string): Promise<void> {
    await rememberStoreKey(this.#core.options, password);
  }

  /** Ends what `remember` began. Harmless when nothing is remembered. */
  forget(): void {
    forgetStoreKey(this.#core.options);
  }

  /**
   * Publishes the key packages that others add this device to groups with, as far as the server lacks
   * them. An open client does so by itself, 2 s after it was opened, and every hour.
   * @returns how many were published
   * @throws MessengerError as `refillKeyPackages`
   */
  async refreshKeyPackages(): Promise<Refill> {
    await this.connected();
    return await this.#core.refill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#isClosed = this.failure === undefined;
    this.#closing.abort(new MessengerError("cancelled", "Cannot go on: the client is closed"));
    // What waits for the server ends first; then the store can be let go of.
    await this.#core.disconnect();
    await this.#engine.stop();
    await this.#core.close();
  }
}
