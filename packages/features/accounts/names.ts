import { MessengerError } from "@qpq/ports";

declare const brand: unique symbol;

/** A checked, folded account name. */
export type AccountName = string & { readonly [brand]: "AccountName" };
/** 16 random bytes that the account's first client drew. */
export type AccountId = Uint8Array & { readonly [brand]: "AccountId" };
/** 16 random bytes that the device drew. */
export type DeviceId = Uint8Array & { readonly [brand]: "DeviceId" };

export const NAME_LENGTH_MIN = 2;
export const NAME_LENGTH_MAX = 32;
export const ACCOUNT_ID_BYTES = 16;
export const DEVICE_ID_BYTES = 16;

/** Names that would pass for the service, its operator, or a word of the commands. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(
  ("abuse admin administrator all anonymous everyone help here hostmaster info me moderator " +
    "nobody notes noreply no-reply null operator owner postmaster qpq quicproquo root security " +
    "self server service staff support sysadmin system undefined unknown webmaster you").split(" "),
);

/** The first is no dot and no hyphen, so that a name is never taken for an option or a folder. */
const NAME_PATTERN = /^[a-z0-9_][a-z0-9._-]*$/;

/**
 * Folds and checks the name of an account that may exist.
 * @throws MessengerError `accounts/name-invalid`
 */
export function parseAccountName(text: string): AccountName {
  // ASCII only: no other letter has a lower case among those that are allowed, but U+212A does.
  const name = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (name.length < NAME_LENGTH_MIN || name.length > NAME_LENGTH_MAX || !NAME_PATTERN.test(name)) {
    throw new MessengerError(
      "accounts/name-invalid",
      `Cannot use name: it needs ${NAME_LENGTH_MIN} to ${NAME_LENGTH_MAX} of a-z 0-9 . _ - ` +
        "and no . or - at its beginning",
    );
  }
  return name as AccountName;
}

/**
 * The same for a name that is to be registered.
 * @throws MessengerError `accounts/name-invalid`, `accounts/name-reserved`
 */
export function parseNewAccountName(text: string): AccountName {
  const name = parseAccountName(text);
  if (RESERVED_NAMES.has(name)) {
    throw new MessengerError("accounts/name-reserved", "Cannot use name: it is reserved");
  }
  return name;
}

/** @throws MessengerError `malformed`: not 16 bytes */
export function parseAccountId(bytes: Uint8Array): AccountId {
  return parseBytes(bytes, ACCOUNT_ID_BYTES, "account id") as AccountId;
}

/** An id that no account has: stands for the account of a name that nobody has. */
export const NOBODY = new Uint8Array(ACCOUNT_ID_BYTES) as AccountId;

/** @throws MessengerError `malformed`: not 16 bytes */
export function parseDeviceId(bytes: Uint8Array): DeviceId {
  return parseBytes(bytes, DEVICE_ID_BYTES, "device id") as DeviceId;
}

/** @throws MessengerError `malformed`: not exactly `length` bytes */
export function parseBytes(bytes: Uint8Array, length: number, field: string): Uint8Array {
  if (bytes.length !== length) {
    throw new MessengerError(
      "malformed",
      `Cannot accept ${field}: ${bytes.length} bytes instead of ${length}`,
    );
  }
  return bytes;
}
