import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of accounts and devices. */
export const ACCOUNT_CODES = {
  // Accounts: names, passwords, the vault, the directory.
  "accounts/name-invalid": row(
    "never",
    2,
    "A name has 2 to 32 of a-z 0-9 . _ - and begins with no . or -.",
  ),
  "accounts/name-reserved": row("never", 2, "The name is kept for the service itself."),
  "accounts/name-taken": row("never", 1, "Somebody has the name already."),
  "accounts/password-invalid": row("never", 2, "A password has 1 to 1024 bytes of text."),
  "accounts/registration-closed": row("never", 1, "The server takes no new accounts."),
  "accounts/invite-invalid": row(
    "never",
    1,
    "The server wants an invite code, and was given none, or a used or expired one.",
  ),
  "accounts/login-refused": row("never", 4, "Name or password is wrong."),
  "accounts/login-expired": row(
    "later",
    4,
    "The login was not begun on this connection, or took too long: log in again.",
  ),
  "accounts/not-fresh": row(
    "never",
    4,
    "This needs the password: log in with it first, on the same connection.",
  ),
  "accounts/rate-limited": row(
    "later",
    1,
    "Too many attempts or calls from this account or address.",
  ),
  "accounts/suspended": row("never", 4, "The operator of the server has suspended the account."),
  "accounts/unknown": row("never", 1, "There is no such account."),
  "accounts/version-conflict": row(
    "later",
    1,
    "Another device has written since: read again, then write.",
  ),
  "accounts/bad-signature": row(
    "never",
    1,
    "A change of an account is not signed by its account key, or says something else.",
  ),
  "accounts/wrong-account": row(
    "never",
    1,
    "The server answers with another account than the one asked for.",
  ),
  "accounts/own-key-changed": row(
    "never",
    1,
    "The own account has another key, made on another device: log in with the password.",
  ),
  "accounts/wrong-server": row(
    "never",
    1,
    "The server goes by another name than the one this account is on.",
  ),
  "accounts/vault-refused": row(
    "never",
    1,
    "The vault does not open, or is not this account's: the server changed or swapped it.",
  ),
  "accounts/vault-rolled-back": row(
    "never",
    1,
    "The server gives an older vault than it gave before.",
  ),
  "accounts/directory-refused": row(
    "never",
    1,
    "The directory does not open: the server changed or swapped it, or another device has given it a new key: log in.",
  ),
  "accounts/directory-rolled-back": row(
    "never",
    1,
    "The server gives an older directory than it gave before.",
  ),
  // Devices, and what others' servers say about them.
  "devices/unknown": row("never", 1, "The account has no such device."),
  "devices/too-many": row(
    "never",
    1,
    "The account has as many devices as the server allows: revoke one.",
  ),
  "devices/revoked": row("never", 4, "The device was revoked, or logged out."),
  "devices/bad-certificate": row(
    "never",
    1,
    "A device certificate is not signed by its account, or says something else.",
  ),
  "devices/bad-list": row(
    "never",
    1,
    "A device list is not signed by its account, or does not fit its certificates.",
  ),
  "devices/list-rolled-back": row(
    "never",
    1,
    "A device list is older than one seen before, or another of the same number.",
  ),
  "devices/counter-jump": row(
    "never",
    1,
    "The counter of a device list is further ahead than can be.",
  ),
  "devices/key-changed": row(
    "never",
    1,
    "The account key is not the pinned one: compare safety numbers, then accept it.",
  ),
  "devices/unknown-own-device": row(
    "never",
    1,
    "A device that is not on the account's list is in the conversation as one of its own: give the account a new key, which removes it.",
  ),
  "devices/not-pinned": row("never", 1, "Nothing is known of that account yet."),

  // Key packages.
  "key-packages/too-many": row("never", 1, "The device has as many key packages as are allowed."),
  "key-packages/wrong-suite": row("never", 1, "The cipher suite is not one that is accepted."),
  "key-packages/wrong-device": row(
    "never",
    1,
    "A key package is not of the device and account that it should be of.",
  ),
  "key-packages/stock-wrong": row(
    "never",
    1,
    "The server says that it has more key packages of this device than the device has made.",
  ),
  "key-packages/given-twice": row(
    "never",
    1,
    "The server gives a key package for one use that it gave before.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
