import { encodeKey, type SliceSchema } from "@qpq/ports";
import type { AccountId, AccountName } from "./names.ts";

/** The first part of every key of this slice, on a server and on a client. */
const SLICE = "accounts";

export const accountsSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

// The server's.

/** OPAQUE's setup and the server's name: `StoredSetup`. */
export const SETUP_KEY: Uint8Array = encodeKey(SLICE, "setup");
/** `StoredAccount`. */
export const accountKey = (id: AccountId): Uint8Array => encodeKey(SLICE, "account", id);
/** The id of the account with that name: 16 bytes. */
export const nameKey = (name: AccountName): Uint8Array => encodeKey(SLICE, "name", name);
export const NAME_KEYS: Uint8Array = encodeKey(SLICE, "name");
/** `StoredInvite`, by the SHA-256 of its code. */
export const inviteKey = (codeHash: Uint8Array): Uint8Array => encodeKey(SLICE, "invite", codeHash);
export const INVITE_KEYS: Uint8Array = encodeKey(SLICE, "invite");
/** `StoredDirectory`. */
export const directoryKey = (id: AccountId): Uint8Array => encodeKey(SLICE, "directory", id);

// A client's: one account a store.

/** `StoredOwnAccount`. */
export const OWN_ACCOUNT_KEY: Uint8Array = encodeKey(SLICE, "own");
/** There, with nothing in it, when the server has refused the password that `opens` this store. */
export const refusedPasswordKey = (opens: "present" | "staged"): Uint8Array =>
  encodeKey(SLICE, "refused-password", opens);
