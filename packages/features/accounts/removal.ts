import { assert, type StoreTransaction } from "@qpq/ports";
import type { StoredAccount } from "./accounts.gen.ts";
import { accountKey, directoryKey, nameKey } from "./keys.ts";
import { type AccountId, parseAccountName } from "./names.ts";

/** What slices do when an account goes. */
export interface AccountRemoval {
  /** Adds to what is deleted, in the same transaction. Only while the server is being put together. */
  onRemove(
    clean: (transaction: StoreTransaction, accountId: AccountId) => Promise<void>,
  ): void;
  /** Hears, after the fact, that an account was suspended or deleted. Must not throw. */
  onClosed(listener: (accountId: AccountId) => void): void;
  /** Deletes the account and all that slices keep of it. */
  remove(
    transaction: StoreTransaction,
    accountId: AccountId,
    account: StoredAccount,
  ): Promise<void>;
  /** Tells the listeners. */
  close(accountId: AccountId): void;
}

/** Slices at most. */
const LISTENERS_MAX = 64;

export function createAccountRemoval(): AccountRemoval {
  const cleaners: ((transaction: StoreTransaction, accountId: AccountId) => Promise<void>)[] = [];
  const listeners: ((accountId: AccountId) => void)[] = [];
  return {
    onRemove(clean) {
      assert(cleaners.length < LISTENERS_MAX, "one for each slice");
      cleaners.push(clean);
    },
    onClosed(listener) {
      assert(listeners.length < LISTENERS_MAX, "one for each slice");
      listeners.push(listener);
    },
    async remove(transaction, accountId, account) {
      for (const clean of cleaners) await clean(transaction, accountId);
      transaction.delete(nameKey(parseAccountName(account.name)));
      transaction.delete(directoryKey(accountId));
      transaction.delete(accountKey(accountId));
    },
    close(accountId) {
      for (const listener of listeners) listener(accountId);
    },
  };
}
