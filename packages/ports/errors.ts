/**
 * The one table of error codes. A code is stable: programs switch on it, it crosses the wire, and
 * `docs/errors.md` says the same (a test compares them).
 *
 * - `retry`: what a caller may do. `never`: the same again is refused again. `later`: after
 *   `retryAfterMs`, or a back-off. `reconnect`: on a fresh connection.
 * - `exitCode`: what `qpq` ends with: 1 refused or failed, 2 usage, 3 cannot connect or wrong
 *   certificate, 4 bad token, password or session.
 */
export const ERROR_CODES = {
  // Anywhere.
  "malformed": {
    retry: "never",
    exitCode: 1,
    meaning: "Bytes from outside do not follow their format.",
  },
  "too-large": {
    retry: "never",
    exitCode: 1,
    meaning: "A size or count is above its named limit.",
  },
  "cancelled": { retry: "never", exitCode: 1, meaning: "The caller gave up on it." },
  "internal": {
    retry: "later",
    exitCode: 1,
    meaning: "A bug on the other side; its own log has the cause.",
  },

  // The server's own start.
  "server/data-folder": {
    retry: "never",
    exitCode: 1,
    meaning: "The server cannot make or use its data folder.",
  },

  "server/admin-socket": {
    retry: "never",
    exitCode: 1,
    meaning: "The server cannot listen for its administrator in its data folder.",
  },
  "server/not-running": {
    retry: "later",
    exitCode: 1,
    meaning: "No server answers at the administrator's socket of that data folder.",
  },

  // The command-line client's own files.
  "cli/state-unreadable": {
    retry: "never",
    exitCode: 1,
    meaning: "What the client remembers of servers is damaged or may not be read.",
  },
  "cli/state-unwritable": {
    retry: "never",
    exitCode: 1,
    meaning: "The folder for what the client remembers may not be written.",
  },

  // packages/mls/crypto.
  "mls/unsupported-cipher-suite": {
    retry: "never",
    exitCode: 1,
    meaning: "A cipher suite that this build does not have.",
  },
  "mls/invalid-key": {
    retry: "never",
    exitCode: 1,
    meaning: "A key of the wrong length, not on its curve, or of small order.",
  },
  "mls/invalid-signature": {
    retry: "never",
    exitCode: 1,
    meaning: "A signature does not fit its content and key.",
  },
  "mls/cannot-decrypt": {
    retry: "never",
    exitCode: 1,
    meaning: "A message was not made with the keys of this epoch, or was changed.",
  },
  "mls/invalid-message": {
    retry: "never",
    exitCode: 1,
    meaning: "A message breaks a rule of its framing: sender, tag or content type.",
  },
  "mls/unknown-sender": {
    retry: "never",
    exitCode: 1,
    meaning: "A message names a sender that is not in the group.",
  },
  "mls/generation-too-far": {
    retry: "never",
    exitCode: 1,
    meaning: "A message skips more generations of its sender than are allowed.",
  },
  "mls/invalid-leaf-node": {
    retry: "never",
    exitCode: 1,
    meaning: "A leaf node breaks a rule of RFC 9420, section 7.3.",
  },
  "mls/invalid-key-package": {
    retry: "never",
    exitCode: 1,
    meaning: "A key package breaks a rule of RFC 9420, section 10.1.",
  },
  "mls/key-package-expired": {
    retry: "never",
    exitCode: 1,
    meaning: "A key package is outside its lifetime, or has one that is too long.",
  },
  "mls/invalid-proposal": {
    retry: "never",
    exitCode: 1,
    meaning: "A proposal breaks a rule of RFC 9420, section 12.1.",
  },
  "mls/invalid-proposal-list": {
    retry: "never",
    exitCode: 1,
    meaning: "A commit's proposals break a rule of RFC 9420, section 12.2.",
  },
  "mls/unknown-proposal": {
    retry: "never",
    exitCode: 1,
    meaning: "A commit refers to a proposal that was not received.",
  },
  "mls/invalid-commit": {
    retry: "never",
    exitCode: 1,
    meaning: "A commit breaks a rule of RFC 9420, section 12.4.",
  },
  "mls/wrong-confirmation-tag": {
    retry: "never",
    exitCode: 1,
    meaning: "A commit, or a description of a group, does not lead to the keys it confirms.",
  },
  "mls/invalid-tree": {
    retry: "never",
    exitCode: 1,
    meaning: "A ratchet tree breaks a rule of RFC 9420, section 12.4.3.1.",
  },
  "mls/missing-tree": {
    retry: "never",
    exitCode: 1,
    meaning: "A ratchet tree is needed, and neither inside nor beside the message.",
  },
  "mls/invalid-group-info": {
    retry: "never",
    exitCode: 1,
    meaning: "A description of a group breaks a rule of RFC 9420, section 12.4.3.",
  },
  "mls/invalid-welcome": {
    retry: "never",
    exitCode: 1,
    meaning:
      "A welcome breaks a rule of RFC 9420, section 12.4.3.1, or is for another key package.",
  },
  "mls/missing-psk": {
    retry: "never",
    exitCode: 1,
    meaning: "A pre-shared key that a commit or welcome names is not held.",
  },
  "mls/credential-refused": {
    retry: "never",
    exitCode: 1,
    meaning: "The authentication service does not accept a credential.",
  },
  "mls/commit-refused": {
    retry: "never",
    exitCode: 1,
    meaning: "The policy of the application does not accept a commit.",
  },
  "mls/proposals-pending": {
    retry: "never",
    exitCode: 1,
    meaning: "Proposals are waiting: commit them before sending.",
  },
  "mls/group-closed": {
    retry: "never",
    exitCode: 1,
    meaning: "The group was reinitialised: it takes no more messages.",
  },
  "mls/group-full": {
    retry: "never",
    exitCode: 1,
    meaning: "The group has as many members, or the epoch as many messages, as are allowed.",
  },
  "mls/invalid-record": {
    retry: "never",
    exitCode: 1,
    meaning: "A stored record is missing, damaged, or of a version that this build does not know.",
  },

  // Stores: packages/ports/store.ts, packages/adapters/store-*.ts.
  "store/closed": {
    retry: "reconnect",
    exitCode: 1,
    meaning: "The store is closed, or closed itself after its disk failed.",
  },
  "store/overloaded": {
    retry: "later",
    exitCode: 1,
    meaning: "Too many transactions wait for their turn.",
  },
  "store/unknown-outcome": {
    retry: "reconnect",
    exitCode: 1,
    meaning: "The disk failed while a transaction was on its way: it may be there, or not.",
  },
  "store/disk-full": {
    retry: "later",
    exitCode: 1,
    meaning: "No space is left on the disk; nothing was written.",
  },
  "store/read-only": {
    retry: "never",
    exitCode: 1,
    meaning: "The files of the store may not be written.",
  },
  "store/io": {
    retry: "later",
    exitCode: 1,
    meaning: "The operating system refused to open, read or write a file of the store.",
  },
  "store/in-use": {
    retry: "later",
    exitCode: 1,
    meaning: "Another process has the store open.",
  },
  "store/missing": {
    retry: "never",
    exitCode: 1,
    meaning: "There is no store, or no key file, where one was to be opened.",
  },
  "store/exists": {
    retry: "never",
    exitCode: 1,
    meaning: "There is something already where a store was to be made.",
  },
  "store/wrong-key": {
    retry: "never",
    exitCode: 4,
    meaning: "The database is not encrypted under this key.",
  },
  "store/wrong-password": {
    retry: "never",
    exitCode: 4,
    meaning: "The password does not open the key file.",
  },
  "store/not-a-store": {
    retry: "never",
    exitCode: 1,
    meaning: "The file is something else than a store, a key file or a backup.",
  },
  "store/newer-format": {
    retry: "never",
    exitCode: 1,
    meaning: "A newer program wrote the file; this one cannot read it.",
  },
  "store/newer-schema": {
    retry: "never",
    exitCode: 1,
    meaning: "A newer program wrote the data of a slice; this one cannot read it.",
  },
  "store/corrupt": {
    retry: "never",
    exitCode: 1,
    meaning: "Stored bytes fail their check; restore a backup, or salvage what is readable.",
  },

  // Transport: reaching the other side, and knowing that it is the right one.
  "transport/unreachable": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "Nothing answers: the server is down, or UDP is blocked on the way.",
  },
  "transport/closed": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "The connection or stream is over.",
  },
  "transport/cannot-listen": {
    retry: "never",
    exitCode: 1,
    meaning: "The address to listen on is taken, or is not this machine's.",
  },
  "tls/unknown-issuer": {
    retry: "never",
    exitCode: 3,
    meaning: "Nobody whom this client trusts issued the server's certificate.",
  },
  "tls/pin-mismatch": {
    retry: "never",
    exitCode: 3,
    meaning: "The server's certificate is not the pinned one.",
  },
  "tls/wrong-name": {
    retry: "never",
    exitCode: 3,
    meaning: "The server's certificate is for another name.",
  },
  "tls/expired": {
    retry: "never",
    exitCode: 3,
    meaning: "The server's certificate is no longer, or not yet, valid.",
  },
  "tls/wrong-protocol": {
    retry: "never",
    exitCode: 3,
    meaning: "What answers there does not speak qpq.",
  },
  "tls/handshake-failed": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "The TLS handshake failed for another reason.",
  },
  "tls/bad-certificate-file": {
    retry: "never",
    exitCode: 2,
    meaning: "A certificate or key file cannot be read, or does not fit its partner.",
  },
  "tls/bad-pin": {
    retry: "never",
    exitCode: 2,
    meaning: "A pin is not written as sha256:<64 hexadecimal digits>.",
  },

  // Calls.
  "rpc/disconnected": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "The connection was lost while the call waited: whether it was done is unknown.",
  },
  "rpc/deadline": {
    retry: "later",
    exitCode: 3,
    meaning: "The call took longer than its deadline: whether it was done is unknown.",
  },
  "rpc/overloaded": {
    retry: "later",
    exitCode: 1,
    meaning: "A queue is full: too much is waiting on this connection.",
  },
  "rpc/too-many-calls": {
    retry: "later",
    exitCode: 1,
    meaning: "More calls are in flight on this connection than the server allows.",
  },
  "rpc/too-many-streams": {
    retry: "later",
    exitCode: 1,
    meaning: "More large calls and subscriptions are open than the server allows.",
  },
  "rpc/unknown-method": {
    retry: "never",
    exitCode: 1,
    meaning: "The server does not know this call: it is of another version.",
  },
  "rpc/protocol": {
    retry: "never",
    exitCode: 3,
    meaning: "The other side breaks the session's rules.",
  },
  "rpc/version-unsupported": {
    retry: "never",
    exitCode: 3,
    meaning: "Client and server have no protocol version in common.",
  },
  "rpc/bad-auth-token": {
    retry: "never",
    exitCode: 4,
    meaning: "The server wants an auth_token, and was given none or another.",
  },
  "rpc/not-authenticated": {
    retry: "never",
    exitCode: 4,
    meaning: "The session token or the device's signature is missing or refused.",
  },
  "rpc/handshake-timeout": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "The other side did not complete the session's opening in time.",
  },
  "rpc/going-away": {
    retry: "reconnect",
    exitCode: 3,
    meaning: "The server is stopping and did not start the call.",
  },

  // Accounts: names, passwords, the vault, the directory.
  "accounts/name-invalid": {
    retry: "never",
    exitCode: 2,
    meaning: "A name has 2 to 32 of a-z 0-9 . _ - and begins with no . or -.",
  },
  "accounts/name-reserved": {
    retry: "never",
    exitCode: 2,
    meaning: "The name is kept for the service itself.",
  },
  "accounts/name-taken": {
    retry: "never",
    exitCode: 1,
    meaning: "Somebody has the name already.",
  },
  "accounts/password-invalid": {
    retry: "never",
    exitCode: 2,
    meaning: "A password has 1 to 1024 bytes of text.",
  },
  "accounts/registration-closed": {
    retry: "never",
    exitCode: 1,
    meaning: "The server takes no new accounts.",
  },
  "accounts/invite-invalid": {
    retry: "never",
    exitCode: 1,
    meaning: "The server wants an invite code, and was given none, or a used or expired one.",
  },
  "accounts/login-refused": {
    retry: "never",
    exitCode: 4,
    meaning: "Name or password is wrong.",
  },
  "accounts/login-expired": {
    retry: "later",
    exitCode: 4,
    meaning: "The login was not begun on this connection, or took too long: log in again.",
  },
  "accounts/not-fresh": {
    retry: "never",
    exitCode: 4,
    meaning: "This needs the password: log in with it first, on the same connection.",
  },
  "accounts/rate-limited": {
    retry: "later",
    exitCode: 1,
    meaning: "Too many attempts or calls from this account or address.",
  },
  "accounts/suspended": {
    retry: "never",
    exitCode: 4,
    meaning: "The operator of the server has suspended the account.",
  },
  "accounts/unknown": {
    retry: "never",
    exitCode: 1,
    meaning: "There is no such account.",
  },
  "accounts/version-conflict": {
    retry: "later",
    exitCode: 1,
    meaning: "Another device has written since: read again, then write.",
  },
  "accounts/bad-signature": {
    retry: "never",
    exitCode: 1,
    meaning: "A change of an account is not signed by its account key, or says something else.",
  },
  "accounts/wrong-account": {
    retry: "never",
    exitCode: 1,
    meaning: "The server answers with another account than the one asked for.",
  },
  "accounts/wrong-server": {
    retry: "never",
    exitCode: 1,
    meaning: "The server goes by another name than the one this account is on.",
  },
  "accounts/vault-refused": {
    retry: "never",
    exitCode: 1,
    meaning: "The vault does not open, or is not this account's: the server changed or swapped it.",
  },
  "accounts/vault-rolled-back": {
    retry: "never",
    exitCode: 1,
    meaning: "The server gives an older vault than it gave before.",
  },
  "accounts/directory-refused": {
    retry: "never",
    exitCode: 1,
    meaning: "The directory does not open: the server changed or swapped it.",
  },
  "accounts/directory-rolled-back": {
    retry: "never",
    exitCode: 1,
    meaning: "The server gives an older directory than it gave before.",
  },

  // Devices, and what others' servers say about them.
  "devices/unknown": {
    retry: "never",
    exitCode: 1,
    meaning: "The account has no such device.",
  },
  "devices/too-many": {
    retry: "never",
    exitCode: 1,
    meaning: "The account has as many devices as the server allows: revoke one.",
  },
  "devices/revoked": {
    retry: "never",
    exitCode: 4,
    meaning: "The device was revoked, or logged out.",
  },
  "devices/bad-certificate": {
    retry: "never",
    exitCode: 1,
    meaning: "A device certificate is not signed by its account, or says something else.",
  },
  "devices/bad-list": {
    retry: "never",
    exitCode: 1,
    meaning: "A device list is not signed by its account, or does not fit its certificates.",
  },
  "devices/list-rolled-back": {
    retry: "never",
    exitCode: 1,
    meaning: "A device list is older than one seen before, or another of the same number.",
  },
  "devices/counter-jump": {
    retry: "never",
    exitCode: 1,
    meaning: "The counter of a device list is further ahead than can be.",
  },
  "devices/key-changed": {
    retry: "never",
    exitCode: 1,
    meaning: "The account key is not the pinned one: compare safety numbers, then accept it.",
  },
  "devices/not-pinned": {
    retry: "never",
    exitCode: 1,
    meaning: "Nothing is known of that account yet.",
  },
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;

export interface ErrorCodeRow {
  readonly retry: "never" | "later" | "reconnect";
  readonly exitCode: 1 | 2 | 3 | 4;
  readonly meaning: string;
}

export type ErrorCode = keyof typeof ERROR_CODES;

/** A request that was refused, or bytes that were. Its text is for people; its `code` for programs. */
export class MessengerError extends Error {
  override readonly name = "MessengerError";
  readonly code: ErrorCode;
  /** Milliseconds to wait before trying again, when the refuser said so. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param message action, colon, state: `Cannot decode KeyPackage: 3 bytes left over`. No key, name or plaintext.
   * @param options.cause stays in this process; it never crosses the wire
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether a string that came over the wire is a code that this build knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
