/** Devices, the server's half: lists, sessions, and looking accounts up. */
import type { BoundMethod } from "@qpq/capnp";
import {
  assert,
  type Clock,
  MessengerError,
  type Random,
  type Store,
  type StoreReader,
  type StoreTransaction,
} from "@qpq/ports";
import {
  decodeSigned,
  type DirectoryWrite,
  encodeSigned,
  type Signed,
  type StoredAccount,
} from "../accounts/accounts.gen.ts";
import { type FreshLogin, requireFreshAccount } from "../accounts/login-states.ts";
import {
  type AccountId,
  type DeviceId,
  parseAccountId,
  parseAccountName,
  parseDeviceId,
} from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import {
  findAccountId,
  putAccount,
  readAccount,
  replaceDirectory,
  reviseAccount,
} from "../accounts/records.ts";
import type { Accounts } from "../accounts/server.ts";
import { sameBytes } from "../accounts/signed.ts";
import { type Rate, TokenBuckets } from "../limits/token-buckets.ts";
import { type CallContext, requireDevice } from "./caller.ts";
import {
  type AccountView,
  decodeDeviceList,
  decodeStoredDevice,
  type DevicesHandlers,
  devicesHandlers,
  type DevicesUpdateParams,
  encodeStoredDevice,
  type StoredDevice,
} from "./devices.gen.ts";
import { deviceIdOf, deviceKey, deviceKeys, listKey } from "./keys.ts";
import { LiveDevices } from "./live-devices.ts";
import {
  createSessions,
  endSession,
  SESSION_LIFETIMES,
  type SessionLifetimes,
  type Sessions,
} from "./sessions.ts";
import { type CertifiedList, COUNTER_STEP_MAX, verifyKeyChange, verifyList } from "./statements.ts";

export interface DeviceLimits extends SessionLifetimes {
  /** Devices of an account, 1 to `DEVICES_LISTED_MAX`. */
  readonly devicesMax: number;
  /** Accounts that one account may look up: enough to begin a large group at once. */
  readonly lookUps: Rate;
}

export const DEVICE_LIMITS: DeviceLimits = {
  ...SESSION_LIFETIMES,
  devicesMax: 10,
  lookUps: { burst: 500, perMinute: 60 },
};

/** Devices on a list at most, whatever a server allows. */
export const DEVICES_LISTED_MAX = 64;
/** Changes of an account key that are kept. */
const KEY_CHANGES_MAX = 16;

export interface DevicesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly primitives: Primitives;
  readonly accounts: Accounts;
  readonly limits?: Partial<DeviceLimits>;
}

/** Deletes what a slice keeps for devices, in the transaction that voids their certificates. */
export type DeviceCleaner = (
  transaction: StoreTransaction,
  account: AccountId,
  devices: readonly DeviceId[],
) => Promise<void>;

export interface Devices {
  /** What certificates of its accounts name. */
  readonly serverName: string;
  readonly methods: readonly BoundMethod<CallContext>[];
  /** For `RpcServerOptions.authenticate`. */
  readonly authenticate: Sessions["authenticate"];
  /**
   * Devices were revoked, or all certified anew under another account key, or the account is deleted:
   * what carries their old certificates is worth nothing. Only while the server is being put together.
   */
  readonly onVoid: (clean: DeviceCleaner) => void;
  /**
   * Devices are no more: revoked, or the account is deleted. What waits for them can go; what waits
   * for a device that was only certified anew must stay.
   */
  readonly onGone: (clean: DeviceCleaner) => void;
  /** Deletes expired sessions. */
  readonly sweep: Sessions["sweep"];
  /** Ends all sessions, after a restore. */
  readonly voidSessions: Sessions["voidAll"];
  /** Accounts that are connected. */
  readonly liveCount: () => number;
  /** What the server knows of an account's devices, as they were certified. */
  readonly devicesOf: (
    reader: StoreReader,
    account: AccountId,
  ) => Promise<readonly ServerDevice[]>;
}

export interface ServerDevice {
  readonly deviceId: DeviceId;
  readonly signatureKey: Uint8Array;
  readonly certificate: Signed;
}

/** Call it after `openAccounts`. */
export function openDevices(options: DevicesOptions): Devices {
  const { accounts } = options;
  const limits = { ...DEVICE_LIMITS, ...options.limits };
  assert(limits.devicesMax <= DEVICES_LISTED_MAX, "a list holds that many devices");
  const live = new LiveDevices();
  const sessions = createSessions({
    ...options,
    serverName: accounts.serverName,
    live,
    lifetimes: limits,
  });
  const onVoid: DeviceCleaner[] = [];
  const onGone: DeviceCleaner[] = [];
  accounts.removal.onRemove(async (transaction, account) => {
    const devices = await readDevices(transaction, account);
    const ids = devices.map(({ deviceId }) => deviceId);
    for (const clean of [...onVoid, ...onGone]) await clean(transaction, account, ids);
    for (const each of devices) removeDevice(transaction, account, each);
    transaction.delete(listKey(account));
  });
  accounts.removal.onClosed((account) => live.cutOffAccount(account));
  return {
    serverName: accounts.serverName,
    methods: devicesHandlers({
      ...updateHandlers({ ...options, limits, live, onVoid, onGone }),
      ...sessionHandlers(accounts, sessions),
      ...lookUpHandlers(options, limits),
    }),
    authenticate: sessions.authenticate,
    onVoid: (clean) => void onVoid.push(clean),
    onGone: (clean) => void onGone.push(clean),
    sweep: sessions.sweep,
    voidSessions: sessions.voidAll,
    liveCount: () => live.size,
    devicesOf: async (reader, account) =>
      (await readDevices(reader, account)).map(({ deviceId, device }) => ({
        deviceId,
        signatureKey: device.signatureKey,
        certificate: device.certificate,
      })),
  };
}

type Handlers = DevicesHandlers<CallContext>;

interface UpdateOptions extends DevicesOptions {
  readonly limits: DeviceLimits;
  readonly live: LiveDevices;
  readonly onVoid: readonly DeviceCleaner[];
  readonly onGone: readonly DeviceCleaner[];
}

function updateHandlers(options: UpdateOptions): Pick<Handlers, "update" | "rotate"> {
  const { store, accounts, live, onVoid, onGone } = options;
  const change = async (
    params: DevicesUpdateParams,
    context: CallContext,
    directory?: DirectoryWrite,
  ) => {
    const fresh = accounts.freshLogin(context);
    const revoked = await store.transaction(async (transaction) => {
      const { gone, voided } = await replaceList(options, { transaction, fresh, params });
      if (directory !== undefined) {
        await replaceDirectory(transaction, fresh.accountId, directory);
      }
      for (const clean of onVoid) await clean(transaction, fresh.accountId, voided);
      for (const clean of onGone) await clean(transaction, fresh.accountId, gone);
      return gone;
    });
    for (const device of revoked) live.cutOff(fresh.accountId, device);
    return {};
  };
  return {
    update: (params, context) => change(params, context),
    async rotate({ directory, ...params }, context) {
      requireDevice(context);
      return await change(params, context, directory);
    },
  };
}

/** @returns the devices that are no longer on the list, and those whose certificates are void */
async function replaceList(
  { primitives, clock, limits, accounts: { serverName } }: UpdateOptions,
  { transaction, fresh, params }: {
    readonly transaction: StoreTransaction;
    readonly fresh: FreshLogin;
    readonly params: DevicesUpdateParams;
  },
): Promise<{ readonly gone: readonly DeviceId[]; readonly voided: readonly DeviceId[] }> {
  const { accountId, name } = fresh;
  const account = await requireFreshAccount(transaction, fresh);
  const revised = reviseAccount(primitives, accountId, { account, revision: params, serverName });
  const changed = changeKey(primitives, {
    ...{ accountId, serverName, account: revised, change: params.keyChange },
  });
  const next = verifyList(primitives, {
    ...params,
    accountId,
    name,
    serverName,
    accountKey: changed.accountKey,
  });
  if (next.devices.length > limits.devicesMax) {
    throw new MessengerError(
      "devices/too-many",
      `Cannot add device: an account has at most ${limits.devicesMax}`,
    );
  }
  const before = await readDevices(transaction, accountId);
  const kept = new Map(before.map(({ deviceId, device }) => [deviceId.toHex(), device]));
  const listed = new Set(next.devices.map(({ deviceId }) => deviceId.toHex()));
  const gone = before.filter(({ deviceId }) => !listed.has(deviceId.toHex()));
  const mustRenew = gone.length > 0 || params.keyChange !== undefined;
  requireSuccessor(await readList(transaction, accountId), next, mustRenew);
  for (const each of gone) removeDevice(transaction, accountId, each);
  for (const { deviceId, signatureKey, certificate } of next.devices) {
    const known = kept.get(deviceId.toHex());
    if (known !== undefined && !sameBytes(known.signatureKey, signatureKey)) {
      throw new MessengerError("devices/bad-certificate", "Cannot update: a device's key changed");
    }
    const device = known ??
      { signatureKey, addedAtMs: clock.now(), sessionHash: new Uint8Array() };
    transaction.put(deviceKey(accountId, deviceId), encodeStoredDevice({ ...device, certificate }));
  }
  transaction.put(listKey(accountId), encodeSigned(params.list));
  putAccount(transaction, accountId, changed);
  const ids = (entries: readonly DeviceEntry[]) => entries.map(({ deviceId }) => deviceId);
  return { gone: ids(gone), voided: ids(params.keyChange === undefined ? gone : before) };
}

/** The account under its new key, if there is one. */
function changeKey(
  primitives: Primitives,
  { accountId, serverName, account, change }: {
    readonly accountId: AccountId;
    readonly serverName: string;
    readonly account: StoredAccount;
    readonly change: Signed | undefined;
  },
): StoredAccount {
  if (change === undefined) return account;
  const accountKey = verifyKeyChange(primitives, { ...account, accountId, serverName, change });
  const keyChanges = [...account.keyChanges, change].slice(-KEY_CHANGES_MAX);
  return { ...account, accountKey, keyChanges };
}

/** @throws MessengerError `devices/list-rolled-back`, `devices/counter-jump`, `devices/bad-list` */
function requireSuccessor(
  stored: Signed | undefined,
  next: CertifiedList,
  mustRenew: boolean,
): void {
  const before = stored === undefined ? undefined : decodeDeviceList(stored.statement);
  const counter = before?.counter ?? 0;
  if (next.counter <= counter) {
    throw new MessengerError(
      "devices/list-rolled-back",
      `Cannot update devices: list ${next.counter} does not follow ${counter}`,
    );
  }
  if (next.counter - counter > COUNTER_STEP_MAX) {
    throw new MessengerError(
      "devices/counter-jump",
      `Cannot update devices: list ${next.counter} is too far from ${counter}`,
    );
  }
  if (before === undefined) return;
  const raised = next.generation - before.generation;
  // More than 1 after a restore: above all that any device has seen.
  if (raised < (mustRenew ? 1 : 0) || raised > COUNTER_STEP_MAX) {
    throw new MessengerError(
      "devices/bad-list",
      `Cannot update devices: generation ${next.generation} does not follow ${before.generation}`,
    );
  }
}

function sessionHandlers(
  accounts: Accounts,
  sessions: Sessions,
): Pick<Handlers, "openSession" | "closeSession"> {
  return {
    async openSession({ deviceId, proof }, context) {
      const fresh = accounts.freshLogin(context);
      const { session } = context;
      return await sessions.open(fresh, parseDeviceId(deviceId), {
        session,
        signature: proof,
      });
    },
    async closeSession(_, context) {
      await sessions.close(requireDevice(context));
      return {};
    },
  };
}

function lookUpHandlers(
  { store, clock, accounts }: DevicesOptions,
  limits: DeviceLimits,
): Pick<Handlers, "findByName" | "findById"> {
  const lookUps = new TokenBuckets({ clock, rate: limits.lookUps });
  const admit = async (reader: StoreReader, context: CallContext): Promise<void> => {
    const fresh = context.identity === undefined ? accounts.freshLogin(context) : undefined;
    const { accountId } = fresh ?? requireDevice(context);
    // Nobody cuts a login off when its account is suspended, deleted, or given another password.
    if (fresh !== undefined) await requireFreshAccount(reader, fresh);
    const retryAfterMs = lookUps.take(accountId.toHex());
    if (retryAfterMs === 0) return;
    throw new MessengerError("accounts/rate-limited", "Cannot look up: too many of late", {
      retryAfterMs,
    });
  };
  return {
    async findByName({ name }, context) {
      const accountName = parseAccountName(name);
      return await store.snapshot(async (reader) => {
        await admit(reader, context);
        return await viewAccount(reader, await findAccountId(reader, accountName));
      });
    },
    async findById({ accountId }, context) {
      const id = parseAccountId(accountId);
      return await store.snapshot(async (reader) => {
        await admit(reader, context);
        return await viewAccount(reader, id);
      });
    },
  };
}

async function viewAccount(
  reader: StoreReader,
  accountId: AccountId | undefined,
): Promise<AccountView> {
  const account = accountId && await readAccount(reader, accountId);
  if (accountId === undefined || account === undefined) {
    throw new MessengerError("accounts/unknown", "Cannot find account: there is none");
  }
  const list = await readList(reader, accountId);
  const devices = new Map(
    (await readDevices(reader, accountId)).map((
      { deviceId, device },
    ) => [deviceId.toHex(), device]),
  );
  // In the list's order.
  const listed = list === undefined ? [] : decodeDeviceList(list.statement).devices;
  const certificates = listed.map(({ deviceId }) => {
    const device = devices.get(deviceId.toHex());
    assert(device !== undefined, "a listed device is stored");
    return device.certificate;
  });
  const { name, accountKey, keyChanges } = account;
  return {
    accountId,
    name,
    accountKey,
    keyChanges,
    certificates,
    ...list === undefined ? {} : { list },
  };
}

async function readList(reader: StoreReader, account: AccountId): Promise<Signed | undefined> {
  const stored = await reader.get(listKey(account));
  return stored === undefined ? undefined : decodeSigned(stored);
}

interface DeviceEntry {
  readonly deviceId: DeviceId;
  readonly device: StoredDevice;
}

async function readDevices(
  reader: StoreReader,
  account: AccountId,
): Promise<readonly DeviceEntry[]> {
  const { entries, more } = await reader.range({ prefix: deviceKeys(account) });
  assert(!more, "an account has few devices");
  return entries.map(({ key, value }) => ({
    deviceId: deviceIdOf(key),
    device: decodeStoredDevice(value),
  }));
}

function removeDevice(
  transaction: StoreTransaction,
  account: AccountId,
  { deviceId, device }: DeviceEntry,
): void {
  endSession(transaction, device);
  transaction.delete(deviceKey(account, deviceId));
}
