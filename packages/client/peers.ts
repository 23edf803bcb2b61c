/** Other accounts: their keys, pinned on first use, and what this device thinks of them. */
import type { CallOptions } from "@qpq/capnp";
import { type Log, MessengerError } from "@qpq/ports";
import type { EnrolmentHome } from "../features/devices/enrolment.ts";
import { parseAccountId, parseAccountName } from "../features/accounts/names.ts";
import type { AccountIdentity } from "../features/accounts/unlocked.ts";
import type { DeviceOptions } from "../features/devices/client.ts";
import {
  acceptKey,
  fetchPeer,
  forgetListSeen,
  markVerified,
  type Peer,
  type PeerState,
  rejectKey,
} from "../features/devices/peers.ts";
import { safetyNumber, safetyQrText } from "../features/devices/safety-number.ts";
import { sharePins } from "../features/devices/shared-pins.ts";

/** What is known of another account. */
export interface PeerView {
  readonly name: string;
  readonly state: PeerState;
  /** 32 bytes; what messages to the account are bound to. */
  readonly pinnedKey: Uint8Array;
  /** 60 digits in 12 groups, of the pinned key; the same on the other side. */
  readonly safetyNumber: string;
  /** The same as text of a QR code. */
  readonly safetyQrText: string;
  readonly firstSeenAtMs: number;
  /** Another key that was given since, and its safety number: compare, then accept or reject it. */
  readonly offered?: { readonly accountKey: Uint8Array; readonly safetyNumber: string };
  /** As the server says now, and the account's key has signed. */
  readonly accountId: Uint8Array;
  readonly deviceIds: readonly Uint8Array[];
  readonly generation: number;
}

export interface PeersOptions extends DeviceOptions {
  readonly home: EnrolmentHome;
  readonly log: Log;
  /** Takes the directory's key from the vault, with the password. @returns false without it */
  readonly renewDirectoryKey: () => Promise<boolean>;
}

export class Peers {
  readonly #own: AccountIdentity;
  readonly #options: PeersOptions;

  constructor(own: AccountIdentity, options: PeersOptions) {
    this.#own = own;
    this.#options = options;
  }

  /**
   * Asks the server for an account, verifies all of it, and pins its key at first use: by any of the
   * own account's devices, so the directory is read before and written after.
   * @param options `timeoutMs` of each call
   * @throws MessengerError `accounts/unknown`, `cancelled`, and as `fetchPeer` and `syncDirectory`
   */
  async fetch(name: string, options: CallOptions = {}): Promise<PeerView> {
    const home = callingWithin(this.#options.home, options);
    const peer = await this.#withDirectory(() => fetchPeer(home, name, this.#options));
    if (peer.state.kind === "first-use") await this.syncDirectory(options);
    return this.#view(peer);
  }

  /**
   * Accepts the key that the account has now; its safety number counts as not compared.
   * @param accountKey the one that the user was shown
   * @throws MessengerError `devices/not-pinned`: nothing, or another key, was offered
   */
  async acceptKey(
    name: string,
    accountKey: Uint8Array,
    options: CallOptions = {},
  ): Promise<void> {
    await acceptKey(this.#options.store, parseAccountName(name), accountKey);
    await this.syncDirectory(options);
  }

  /**
   * Notes that the user has compared safety numbers for this key.
   * @throws MessengerError `devices/not-pinned`
   */
  async markVerified(
    name: string,
    accountKey: Uint8Array,
    options: CallOptions = {},
  ): Promise<void> {
    await markVerified(this.#options.store, parseAccountName(name), accountKey);
    await this.syncDirectory(options);
  }

  /**
   * Keeps the pinned key: the one that was offered is wrong.
   * @param accountKey the offered one, as the user was shown it
   * @throws MessengerError as `acceptKey`
   */
  async rejectKey(name: string, accountKey: Uint8Array): Promise<void> {
    await rejectKey(this.#options.store, parseAccountName(name), accountKey);
    await this.syncDirectory();
  }

  /**
   * Lets the list of devices count that the server has now, though this device has seen a newer one: after
   * the user was told that a device may be on it that was revoked since.
   * @throws MessengerError `devices/not-pinned`, and as `fetch`
   */
  async acceptOlderList(name: string): Promise<PeerView> {
    await forgetListSeen(this.#options.store, parseAccountName(name));
    await this.syncDirectory();
    return await this.fetch(name);
  }

  /**
   * Shares pins with the account's other devices, both ways. What fails does not take back what was
   * decided here: the next time shares it.
   * @throws MessengerError as `sharePins`
   */
  async syncDirectory(options: CallOptions = {}): Promise<void> {
    const home = callingWithin(this.#options.home, options);
    const { leftOut } = await this.#withDirectory(() => sharePins(home, this.#options));
    if (leftOut > 0) this.#options.log.warn("directory-full", { leftOut });
  }

  /** Once more when the directory is under another key than this device's. */
  async #withDirectory<Result>(use: () => Promise<Result>): Promise<Result> {
    try {
      return await use();
    } catch (error) {
      const isRefused = error instanceof MessengerError &&
        error.code === "accounts/directory-refused";
      if (!isRefused || !await this.#options.renewDirectoryKey()) throw error;
      return await use();
    }
  }

  #view({ account, state, pin }: Peer): PeerView {
    const number = (accountKey: Uint8Array, accountId: Uint8Array): string =>
      safetyNumber(this.#options.primitives, this.#own, {
        accountId: parseAccountId(accountId),
        accountKey,
      });
    const { offered } = pin;
    return {
      name: account.name,
      state,
      pinnedKey: pin.accountKey,
      safetyNumber: number(pin.accountKey, pin.accountId),
      safetyQrText: safetyQrText(this.#options.primitives, this.#own, {
        accountId: parseAccountId(pin.accountId),
        accountKey: pin.accountKey,
      }),
      firstSeenAtMs: pin.firstSeenAtMs,
      ...offered === undefined ? {} : {
        offered: {
          accountKey: offered.accountKey,
          safetyNumber: number(offered.accountKey, offered.accountId),
        },
      },
      accountId: account.accountId,
      deviceIds: account.list?.devices.map(({ deviceId }) => deviceId) ?? [],
      generation: account.list?.generation ?? 0,
    };
  }
}

/** The same server, whose calls end as `options` say. */
function callingWithin(home: EnrolmentHome, options: CallOptions): EnrolmentHome {
  return {
    call: (method, params, given) => home.call(method, params, { ...options, ...given }),
    subscribe: (method, params, given) => home.subscribe(method, params, { ...options, ...given }),
    connected: (given) => home.connected({ ...options, ...given }),
    authenticate: () => home.authenticate(),
  };
}
