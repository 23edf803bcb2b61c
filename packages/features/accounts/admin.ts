import {
  assert,
  type Clock,
  decodeKey,
  keyAfter,
  MessengerError,
  type Random,
  type Store,
  type StoreReader,
  type StoreTransaction,
} from "@qpq/ports";
import type { StoredAccount } from "./accounts.gen.ts";
import {
  generateInviteCode,
  hashInviteCode,
  INVITE_DEFAULTS,
  INVITE_LIFETIME_MS_MAX,
  INVITE_USES_MAX,
  type InviteOptions,
  putInvite,
  sweepInvites,
} from "./invites.ts";
import { NAME_KEYS, nameKey } from "./keys.ts";
import { type AccountId, type AccountName, parseAccountId, parseAccountName } from "./names.ts";
import type { Primitives } from "./primitives.ts";
import { findAccountId, putAccount, readAccount } from "./records.ts";
import type { AccountRemoval } from "./removal.ts";

/** What the server's operator may do; each throws MessengerError `accounts/unknown` for no such name. */
export interface AccountsAdmin {
  /** Accounts in the order of their names. */
  list(page?: AccountsPage): Promise<AccountsListed>;
  /** Ends the account's sessions and refuses logins, until `resume`. */
  suspend(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** For good, with all that the server keeps of it. The name is free again. */
  delete(name: string): Promise<void>;
  /** @returns the code, to be handed to who is invited; the server keeps only its hash */
  invite(options?: InviteOptions): Promise<string>;
  /** Deletes expired invites. */
  sweep(): Promise<void>;
}

export interface AccountsPage {
  /** Names behind this one. */
  readonly after?: string;
  /** 1 to 500; default 100. */
  readonly countMax?: number;
}

export interface AccountsListed {
  readonly accounts: readonly AccountSummary[];
  readonly more: boolean;
}

export interface AccountSummary {
  readonly name: AccountName;
  readonly accountId: AccountId;
  readonly createdAtMs: number;
  readonly isSuspended: boolean;
}

const LIST_COUNT_DEFAULT = 100;
const LIST_COUNT_MAX = 500;
/** Transactions of one sweep. */
const SWEEP_TRANSACTIONS_MAX = 1_000;

export function createAccountsAdmin(
  { store, clock, random, primitives, removal }: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly primitives: Primitives;
    readonly removal: AccountRemoval;
  },
): AccountsAdmin {
  const setSuspended = async (name: string, isSuspended: boolean): Promise<AccountId> =>
    await store.transaction(async (transaction) => {
      const { accountId, account } = await requireNamed(transaction, name);
      putAccount(transaction, accountId, { ...account, isSuspended });
      return accountId;
    });
  return {
    list: (page = {}) => store.snapshot((reader) => listAccounts(reader, page)),
    async suspend(name) {
      removal.close(await setSuspended(name, true));
    },
    async resume(name) {
      await setSuspended(name, false);
    },
    async delete(name) {
      const accountId = await store.transaction(async (transaction) => {
        const found = await requireNamed(transaction, name);
        await removal.remove(transaction, found.accountId, found.account);
        return found.accountId;
      });
      removal.close(accountId);
    },
    async invite(options = {}) {
      const { uses, lifetimeMs } = { ...INVITE_DEFAULTS, ...options };
      if (!isWithin(uses, INVITE_USES_MAX) || !isWithin(lifetimeMs, INVITE_LIFETIME_MS_MAX)) {
        throw new MessengerError("too-large", "Cannot make invite: uses or lifetime out of range");
      }
      const code = generateInviteCode(random);
      const codeHash = hashInviteCode(primitives, code);
      const expiresAtMs = clock.now() + lifetimeMs;
      await store.transaction(async (transaction) =>
        putInvite(transaction, codeHash, { uses, expiresAtMs })
      );
      return code;
    },
    async sweep() {
      const nowMs = clock.now();
      let start: Uint8Array | undefined;
      for (let round = 0; round < SWEEP_TRANSACTIONS_MAX; round++) {
        const from = start;
        start = await store.transaction((transaction) =>
          sweepInvites(transaction, { nowMs, start: from })
        );
        if (start === undefined) return;
      }
    },
  };
}

async function listAccounts(reader: StoreReader, page: AccountsPage): Promise<AccountsListed> {
  const { after, countMax = LIST_COUNT_DEFAULT } = page;
  if (!isWithin(countMax, LIST_COUNT_MAX)) {
    throw new MessengerError("too-large", `Cannot list accounts: at most ${LIST_COUNT_MAX}`);
  }
  const { entries, more } = await reader.range({
    prefix: NAME_KEYS,
    countMax,
    ...after === undefined ? {} : { start: keyAfter(nameKey(parseAccountName(after))) },
  });
  const accounts = await Promise.all(entries.map(async ({ key, value }) => {
    const name = decodeKey(key)[2];
    assert(typeof name === "string", "a name's key ends with it");
    const accountId = parseAccountId(value);
    const account = await readAccount(reader, accountId);
    assert(account !== undefined, "a name belongs to an account");
    const { createdAtMs, isSuspended } = account;
    return { name: parseAccountName(name), accountId, createdAtMs, isSuspended };
  }));
  return { accounts, more };
}

async function requireNamed(
  transaction: StoreTransaction,
  name: string,
): Promise<{ readonly accountId: AccountId; readonly account: StoredAccount }> {
  const accountId = await findAccountId(transaction, parseAccountName(name));
  const account = accountId && await readAccount(transaction, accountId);
  if (accountId === undefined || account === undefined) {
    throw new MessengerError("accounts/unknown", "Cannot find account: nobody has that name");
  }
  return { accountId, account };
}

function isWithin(count: number, max: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= max;
}
