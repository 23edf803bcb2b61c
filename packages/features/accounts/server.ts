/** Accounts, the server's half: registration, logins, vaults and directories. */
import type { BoundMethod } from "@qpq/capnp";
import {
  type Clock,
  equalConstantTime,
  type Log,
  MessengerError,
  type Random,
  type Store,
  type StoreReader,
} from "@qpq/ports";
import { type CallContext, requireDevice } from "../devices/caller.ts";
import {
  type AccountsHandlers,
  accountsHandlers,
  type AccountsRegisterFinishParams,
  decodeAccountDeletion,
  decodeStoredSetup,
  encodeStoredSetup,
  type StoredAccount,
  type StoredSetup,
} from "./accounts.gen.ts";
import { type AccountsAdmin, createAccountsAdmin } from "./admin.ts";
import { type AccountRemoval, createAccountRemoval } from "./removal.ts";
import { hashInviteCode, requireInvite, useInvite } from "./invites.ts";
import { nameKey, SETUP_KEY } from "./keys.ts";
import {
  createLoginLimiter,
  type LoginLimiter,
  STRANGER_LIMITS,
  type StrangerLimits,
} from "./login-limits.ts";
import {
  type FreshLogin,
  type LoginStateLimits,
  LoginStates,
  requireFreshAccount,
} from "./login-states.ts";
import {
  type AccountId,
  type AccountName,
  NOBODY,
  parseAccountId,
  parseAccountName,
  parseBytes,
  parseNewAccountName,
} from "./names.ts";
import { OPAQUE_BYTES, type OpaqueServer, openOpaqueServer } from "./opaque.ts";
import type { Primitives } from "./primitives.ts";
import { createRecognition } from "./recognition.ts";
import {
  checkRevision,
  findAccountId,
  putAccount,
  readAccount,
  readStoredDirectory,
  replaceDirectory,
  reviseAccount,
} from "./records.ts";
import { LABELS, openStatement, sameBytes } from "./signed.ts";

/** Who may make an account. */
export type RegistrationPolicy = "open" | "invite" | "closed";

export type AccountLimits = StrangerLimits & LoginStateLimits;

export const ACCOUNT_LIMITS: AccountLimits = {
  ...STRANGER_LIMITS,
  pendingLoginMs: 60_000,
  freshLoginMs: 300_000,
};

export interface AccountsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly primitives: Primitives;
  /** What this server is called when its store is new; accounts belong to that name for good. */
  readonly serverName: string;
  readonly registration: RegistrationPolicy;
  readonly limits?: Partial<AccountLimits>;
  /** Tests count its calls; default: the real one. */
  readonly opaque?: OpaqueServer;
}

export interface Accounts {
  /**
   * The name that accounts belong to and that devices sign: what `serverName` was when the store was
   * new. Sessions must tell clients this one.
   */
  readonly serverName: string;
  readonly methods: readonly BoundMethod<CallContext>[];
  /**
   * Who has just shown the password on this connection.
   * @throws MessengerError `accounts/not-fresh`
   */
  readonly freshLogin: (context: CallContext) => FreshLogin;
  /** What other slices do when accounts go. */
  readonly removal: AccountRemoval;
  readonly admin: AccountsAdmin;
}

/** Call it after `openSlices`. Makes OPAQUE's setup if the store has none. */
export async function openAccounts(options: AccountsOptions): Promise<Accounts> {
  const opaque = options.opaque ?? await openOpaqueServer();
  const { setup, serverName } = await openSetup(options, opaque);
  if (serverName !== options.serverName) options.log.warn("server-name-kept");
  const limits = { ...ACCOUNT_LIMITS, ...options.limits };
  const states = new LoginStates(options.clock, limits);
  const removal = createAccountRemoval();
  const limiter = createLoginLimiter(options.clock, limits);
  const core = { ...options, opaque, setup, serverName, states, removal, limiter };
  return {
    serverName,
    methods: accountsHandlers({
      ...registrationHandlers(core),
      ...loginHandlers(core),
      ...passwordHandlers(core),
      ...directoryHandlers(core),
    }),
    freshLogin: (context) => states.fresh(context),
    removal,
    admin: createAccountsAdmin(core),
  };
}

interface Core extends AccountsOptions {
  readonly opaque: OpaqueServer;
  readonly setup: Uint8Array;
  readonly states: LoginStates;
  readonly removal: AccountRemoval;
  readonly limiter: LoginLimiter;
}

type Handlers = AccountsHandlers<CallContext>;

async function openSetup(
  { store, serverName }: AccountsOptions,
  opaque: OpaqueServer,
): Promise<StoredSetup> {
  const made = { setup: opaque.createSetup(), serverName };
  return await store.transaction(async (transaction) => {
    const stored = await transaction.get(SETUP_KEY);
    if (stored !== undefined) return decodeStoredSetup(stored);
    transaction.put(SETUP_KEY, encodeStoredSetup(made));
    return made;
  });
}

function registrationHandlers(core: Core): Pick<Handlers, "registerStart" | "registerFinish"> {
  const { store, clock, primitives, registration, opaque, setup, states, limiter } = core;
  /** The hash of the invite that is needed, if one is. */
  const admit = (invite: string): Uint8Array | undefined => {
    if (registration === "closed") {
      throw new MessengerError("accounts/registration-closed", "Cannot register: not open");
    }
    return registration === "invite" ? hashInviteCode(primitives, invite) : undefined;
  };
  return {
    async registerStart({ name, request, invite }, context) {
      limiter.register(context);
      const accountName = parseNewAccountName(name);
      const inviteHash = admit(invite);
      await store.snapshot(async (reader) => {
        if (inviteHash !== undefined) await requireInvite(reader, inviteHash, clock);
        if (await findAccountId(reader, accountName) !== undefined) throw nameTaken();
      });
      return { response: opaque.registrationResponse(setup, { accountName, request }) };
    },
    async registerFinish(params, context) {
      limiter.register(context);
      const accountName = parseNewAccountName(params.name);
      const accountId = parseNewAccountId(params.accountId);
      const inviteHash = admit(params.invite);
      const account = newAccount(core, { ...params, accountId, accountName });
      await store.transaction(async (transaction) => {
        const taken = await findAccountId(transaction, accountName);
        if (taken !== undefined) {
          // The answer to this very request was lost on its way.
          if (isSameAccount(await readAccount(transaction, taken), account, params)) return;
          throw nameTaken();
        }
        if (await readAccount(transaction, accountId) !== undefined) {
          throw new MessengerError("malformed", "Cannot register: the account id is taken");
        }
        if (inviteHash !== undefined) await useInvite(transaction, inviteHash, clock);
        transaction.put(nameKey(accountName), accountId);
        putAccount(transaction, accountId, account);
      });
      states.setFresh(context, { name: accountName, accountId, passwordVersion: 0 });
      return {};
    },
  };
}

function newAccount(
  { primitives, clock, serverName }: Core,
  params: AccountsRegisterFinishParams & {
    readonly accountId: AccountId;
    readonly accountName: AccountName;
  },
): StoredAccount {
  const { accountId, accountName, accountKey, record, vault, write } = params;
  parseBytes(record, OPAQUE_BYTES.record, "OPAQUE record");
  if (!primitives.isSignaturePublicKey(accountKey)) {
    throw new MessengerError("malformed", "Cannot register: the account key is not a key");
  }
  const version = checkRevision(primitives, { vault, write, record }, {
    ...{ id: accountId, accountKey, replaces: 0, serverName },
  });
  return {
    name: accountName,
    accountKey,
    createdAtMs: clock.now(),
    isSuspended: false,
    version,
    passwordVersion: 0,
    record,
    vault,
    keyChanges: [],
  };
}

/** Whether `stored` is what this request made before. */
function isSameAccount(
  stored: StoredAccount | undefined,
  { version, accountKey, vault }: StoredAccount,
  { record }: AccountsRegisterFinishParams,
): boolean {
  return stored !== undefined && stored.version === version &&
    sameBytes(stored.accountKey, accountKey) && sameBytes(stored.vault, vault) &&
    equalConstantTime(stored.record, record);
}

function loginHandlers(core: Core): Pick<Handlers, "loginStart" | "loginFinish" | "vault"> {
  const { store, serverName, opaque, setup, states, limiter } = core;
  const recognise = createRecognition(core);
  return {
    async loginStart({ name, request, device: proof }, context) {
      const accountName = parseAccountName(name);
      const device = await recognise(accountName, { proof, context });
      const attempt = limiter.begin(accountName, { context, device });
      // The same two reads and one OPAQUE call whether the name exists or not.
      const { accountId, account } = await store.snapshot((reader) =>
        readForLogin(reader, accountName)
      );
      const { response, state } = opaque.loginResponse(setup, {
        request,
        record: account?.record,
        accountName,
        serverName,
      });
      states.begin(context, {
        name: accountName,
        accountId,
        passwordVersion: account?.passwordVersion ?? 0,
        state,
        attempt,
      });
      return { response };
    },
    async loginFinish({ finish }, context) {
      const { name, accountId, passwordVersion, state, attempt } = states.end(context);
      const isRight = opaque.finishLogin(state, { finish, accountName: name, serverName });
      if (!isRight || accountId === undefined) throw loginRefused();
      const fresh = { name, accountId, passwordVersion };
      const account = await store.snapshot((reader) => requireFreshAccount(reader, fresh));
      attempt.succeeded();
      states.setFresh(context, fresh);
      const { accountKey, vault, version } = account;
      return { accountId, accountKey, vault, version };
    },
    async vault(_, context) {
      const fresh = states.fresh(context);
      const account = await store.snapshot((reader) => requireFreshAccount(reader, fresh));
      const { accountKey, vault, version } = account;
      return { accountKey, vault, version };
    },
  };
}

async function readForLogin(reader: StoreReader, name: AccountName) {
  const accountId = await findAccountId(reader, name);
  const account = await readAccount(reader, accountId ?? NOBODY);
  return { accountId, account };
}

function passwordHandlers(
  core: Core,
): Pick<Handlers, "passwordStart" | "passwordFinish" | "delete"> {
  const { store, primitives, opaque, setup, states, removal, serverName } = core;
  return {
    async passwordStart({ request }, context) {
      const { name } = states.fresh(context);
      return { response: opaque.registrationResponse(setup, { accountName: name, request }) };
    },
    async passwordFinish({ record, vault, write }, context) {
      const fresh = states.fresh(context);
      parseBytes(record, OPAQUE_BYTES.record, "OPAQUE record");
      await store.transaction(async (transaction) => {
        const account = await requireFreshAccount(transaction, fresh);
        const revision = { vault, write, record };
        putAccount(
          transaction,
          fresh.accountId,
          reviseAccount(primitives, fresh.accountId, { account, revision, serverName }),
        );
      });
      return {};
    },
    async delete({ deletion }, context) {
      const fresh = states.fresh(context);
      await store.transaction(async (transaction) => {
        const account = await requireFreshAccount(transaction, fresh);
        const said = openStatement(primitives, deletion, {
          publicKey: account.accountKey,
          kind: {
            label: LABELS.accountDeletion,
            decode: decodeAccountDeletion,
            code: "accounts/bad-signature",
          },
        });
        const isThis = sameBytes(said.accountId, fresh.accountId) &&
          said.version === account.version && said.serverName === serverName;
        if (!isThis) {
          throw new MessengerError(
            "accounts/bad-signature",
            "Cannot delete account: the deletion is of another one, or of an earlier time",
          );
        }
        await removal.remove(transaction, fresh.accountId, account);
      });
      removal.close(fresh.accountId);
      return {};
    },
  };
}

function directoryHandlers(
  { store }: Core,
): Pick<Handlers, "readDirectory" | "writeDirectory"> {
  return {
    async readDirectory(_, context) {
      const { accountId } = requireDevice(context);
      return await store.snapshot((reader) => readStoredDirectory(reader, accountId));
    },
    async writeDirectory({ version, sealed, replaces }, context) {
      const device = requireDevice(context);
      await store.transaction(async (transaction) => {
        requireDevice(context);
        const stored = await readStoredDirectory(transaction, device.accountId);
        if (version === stored.version && sameBytes(sealed, stored.sealed)) return;
        await replaceDirectory(transaction, device.accountId, { replaces, version, sealed });
      });
      return {};
    },
  };
}

function parseNewAccountId(bytes: Uint8Array): AccountId {
  const id = parseAccountId(bytes);
  if (sameBytes(id, NOBODY)) throw new MessengerError("malformed", "Cannot register: id is zero");
  return id;
}

function nameTaken(): MessengerError {
  return new MessengerError("accounts/name-taken", "Cannot register: somebody has the name");
}

function loginRefused(): MessengerError {
  return new MessengerError("accounts/login-refused", "Cannot log in: wrong name or password");
}
