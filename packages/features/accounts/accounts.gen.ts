// Generated from accounts.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type BoundMethod,
  CALL_BYTES_MAX,
  type Caller,
  type CallOptions,
  type DecodeLimits,
  type Method,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  type Writer,
} from "@qpq/capnp";

export type DirectoryConversationKind = "group" | "directMessage" | "notes" | "unknown";

/** The exact bytes that were signed travel; nobody encodes them again. */
export interface Signed {
  /** One frame; its struct follows from where it stands. */
  readonly statement: Uint8Array;
  /** Ed25519 over the statement's label, a zero byte, and the statement. */
  readonly signature: Uint8Array;
}

/** In clear only while an operation that asked for the password runs. */
export interface VaultContent {
  /** Ed25519 (RFC 8032). */
  readonly accountKeySeed: Uint8Array;
  readonly directoryKey: Uint8Array;
  /** Of the device certificates that are in force. */
  readonly generation: number;
  /** Of the newest device list. */
  readonly listCounter: number;
}

/** What a vault is bound to: the associated data of its encryption. */
export interface VaultContext {
  readonly accountId: Uint8Array;
  readonly serverName: string;
  readonly version: number;
}

/** Signed by the account key: lets the server replace the vault. */
export interface VaultWrite {
  readonly accountId: Uint8Array;
  /** The new one: one above the old one; more after a restore, above all that was seen. */
  readonly version: number;
  readonly vaultHash: Uint8Array;
  /** Of the new OPAQUE record; empty when it stays. */
  readonly recordHash: Uint8Array;
  /** The version that the server has: 0 for a new account. */
  readonly replaces: number;
  readonly serverName: string;
}

/** Signed by the account key. */
export interface AccountDeletion {
  readonly accountId: Uint8Array;
  readonly version: number;
  readonly serverName: string;
}

/** Signed by the old key. */
export interface AccountKeyChange {
  readonly accountId: Uint8Array;
  readonly oldKey: Uint8Array;
  readonly newKey: Uint8Array;
  readonly changedAtMs: number;
  readonly serverName: string;
}

export interface DirectoryWrite {
  /** The version that the server has; 0: none. */
  readonly replaces: number;
  readonly version: number;
  readonly sealed: Uint8Array;
}

/** Both full, with every field full, still fit. */
export interface DirectoryContent {
  readonly conversations: readonly DirectoryConversation[];
  readonly pins: readonly DirectoryPin[];
}

export interface DirectoryConversation {
  readonly groupId: Uint8Array;
  readonly epoch: number;
  /** Both as last seen: no device may be led behind them. */
  readonly confirmedTranscriptHash: Uint8Array;
  readonly kind: DirectoryConversationKind;
  /** Of a group; of a direct message the peer's account name. */
  readonly name: string;
}

export interface DirectoryPin {
  readonly accountId: Uint8Array;
  readonly accountName: string;
  readonly accountKey: Uint8Array;
  readonly generation: number;
  readonly listCounter: number;
  /** The user has compared safety numbers. */
  readonly isVerified: boolean;
  /** Times that the user has accepted an older list: numbers of before no longer count. */
  readonly listResets: number;
}

export interface DeviceProof {
  readonly deviceId: Uint8Array;
  /** By the device key, over the session's `SessionProof`. */
  readonly signature: Uint8Array;
}

export interface AccountsRegisterStartParams {
  readonly name: string;
  readonly request: Uint8Array;
  readonly invite: string;
}

export interface AccountsRegisterStartResults {
  readonly response: Uint8Array;
}

export interface AccountsRegisterFinishParams {
  readonly name: string;
  readonly invite: string;
  readonly accountId: Uint8Array;
  readonly accountKey: Uint8Array;
  readonly record: Uint8Array;
  readonly vault: Uint8Array;
  readonly write: Signed;
}

export type AccountsRegisterFinishResults = Readonly<Record<never, never>>;

export interface AccountsLoginStartParams {
  readonly name: string;
  readonly request: Uint8Array;
  readonly device?: DeviceProof | undefined;
}

export interface AccountsLoginStartResults {
  readonly response: Uint8Array;
}

export interface AccountsLoginFinishParams {
  readonly finish: Uint8Array;
}

export interface AccountsLoginFinishResults {
  readonly accountId: Uint8Array;
  readonly accountKey: Uint8Array;
  readonly vault: Uint8Array;
  readonly version: number;
}

export type AccountsVaultParams = Readonly<Record<never, never>>;

export interface AccountsVaultResults {
  readonly accountKey: Uint8Array;
  readonly vault: Uint8Array;
  readonly version: number;
}

export interface AccountsPasswordStartParams {
  readonly request: Uint8Array;
}

export interface AccountsPasswordStartResults {
  readonly response: Uint8Array;
}

export interface AccountsPasswordFinishParams {
  readonly record: Uint8Array;
  readonly vault: Uint8Array;
  readonly write: Signed;
}

export type AccountsPasswordFinishResults = Readonly<Record<never, never>>;

export interface AccountsDeleteParams {
  readonly deletion: Signed;
}

export type AccountsDeleteResults = Readonly<Record<never, never>>;

export type AccountsReadDirectoryParams = Readonly<Record<never, never>>;

export interface AccountsReadDirectoryResults {
  readonly version: number;
  readonly sealed: Uint8Array;
}

export interface AccountsWriteDirectoryParams {
  readonly version: number;
  readonly sealed: Uint8Array;
  readonly replaces: number;
}

export type AccountsWriteDirectoryResults = Readonly<Record<never, never>>;

export interface StoredSetup {
  /** OPAQUE's: its loss voids every password. */
  readonly setup: Uint8Array;
  readonly serverName: string;
}

export interface StoredAccount {
  readonly name: string;
  readonly accountKey: Uint8Array;
  readonly createdAtMs: number;
  readonly isSuspended: boolean;
  readonly version: number;
  /** Counts the changes of the password. */
  readonly passwordVersion: number;
  readonly record: Uint8Array;
  readonly vault: Uint8Array;
  /** Newest last. */
  readonly keyChanges: readonly Signed[];
}

export interface StoredInvite {
  readonly usesLeft: number;
  readonly expiresAtMs: number;
}

export interface StoredDirectory {
  readonly version: number;
  readonly sealed: Uint8Array;
}

export interface StoredOwnAccount {
  readonly accountId: Uint8Array;
  readonly name: string;
  readonly serverName: string;
  readonly accountKey: Uint8Array;
  readonly directoryKey: Uint8Array;
  /** The highest seen: the server may not serve an older one. */
  readonly vaultVersion: number;
  /** The same. */
  readonly directoryVersion: number;
}

export const accountsMethods: {
  readonly registerStart: Method<AccountsRegisterStartParams, AccountsRegisterStartResults>;
  readonly registerFinish: Method<AccountsRegisterFinishParams, AccountsRegisterFinishResults>;
  readonly loginStart: Method<AccountsLoginStartParams, AccountsLoginStartResults>;
  readonly loginFinish: Method<AccountsLoginFinishParams, AccountsLoginFinishResults>;
  readonly vault: Method<AccountsVaultParams, AccountsVaultResults>;
  readonly passwordStart: Method<AccountsPasswordStartParams, AccountsPasswordStartResults>;
  readonly passwordFinish: Method<AccountsPasswordFinishParams, AccountsPasswordFinishResults>;
  readonly delete: Method<AccountsDeleteParams, AccountsDeleteResults>;
  readonly readDirectory: Method<AccountsReadDirectoryParams, AccountsReadDirectoryResults>;
  readonly writeDirectory: Method<AccountsWriteDirectoryParams, AccountsWriteDirectoryResults>;
} = {
  registerStart: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 0,
    name: "accounts/register-start",
    kind: "call",
    encodeParams: encodeAccountsRegisterStartParams,
    decodeParams: decodeAccountsRegisterStartParams,
    encodeResults: encodeAccountsRegisterStartResults,
    decodeResults: decodeAccountsRegisterStartResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  registerFinish: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 1,
    name: "accounts/register-finish",
    kind: "call",
    encodeParams: encodeAccountsRegisterFinishParams,
    decodeParams: decodeAccountsRegisterFinishParams,
    encodeResults: encodeAccountsRegisterFinishResults,
    decodeResults: decodeAccountsRegisterFinishResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  loginStart: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 2,
    name: "accounts/login-start",
    kind: "call",
    encodeParams: encodeAccountsLoginStartParams,
    decodeParams: decodeAccountsLoginStartParams,
    encodeResults: encodeAccountsLoginStartResults,
    decodeResults: decodeAccountsLoginStartResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  loginFinish: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 3,
    name: "accounts/login-finish",
    kind: "call",
    encodeParams: encodeAccountsLoginFinishParams,
    decodeParams: decodeAccountsLoginFinishParams,
    encodeResults: encodeAccountsLoginFinishResults,
    decodeResults: decodeAccountsLoginFinishResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  vault: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 4,
    name: "accounts/vault",
    kind: "call",
    encodeParams: encodeAccountsVaultParams,
    decodeParams: decodeAccountsVaultParams,
    encodeResults: encodeAccountsVaultResults,
    decodeResults: decodeAccountsVaultResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  passwordStart: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 5,
    name: "accounts/password-start",
    kind: "call",
    encodeParams: encodeAccountsPasswordStartParams,
    decodeParams: decodeAccountsPasswordStartParams,
    encodeResults: encodeAccountsPasswordStartResults,
    decodeResults: decodeAccountsPasswordStartResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  passwordFinish: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 6,
    name: "accounts/password-finish",
    kind: "call",
    encodeParams: encodeAccountsPasswordFinishParams,
    decodeParams: decodeAccountsPasswordFinishParams,
    encodeResults: encodeAccountsPasswordFinishResults,
    decodeResults: decodeAccountsPasswordFinishResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  delete: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 7,
    name: "accounts/delete",
    kind: "call",
    encodeParams: encodeAccountsDeleteParams,
    decodeParams: decodeAccountsDeleteParams,
    encodeResults: encodeAccountsDeleteResults,
    decodeResults: decodeAccountsDeleteResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  readDirectory: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 8,
    name: "accounts/read-directory",
    kind: "large",
    encodeParams: encodeAccountsReadDirectoryParams,
    decodeParams: (frame) => decodeAccountsReadDirectoryParams(frame, { bytesMax: 262_144 }),
    encodeResults: encodeAccountsReadDirectoryResults,
    decodeResults: (frame) => decodeAccountsReadDirectoryResults(frame, { bytesMax: 524_800 }),
    paramsBytesMax: 262_144,
    resultsBytesMax: 524_800,
  },
  writeDirectory: {
    interfaceId: 0xaf725c645bbb7a8fn,
    ordinal: 9,
    name: "accounts/write-directory",
    kind: "large",
    encodeParams: encodeAccountsWriteDirectoryParams,
    decodeParams: (frame) => decodeAccountsWriteDirectoryParams(frame, { bytesMax: 524_800 }),
    encodeResults: encodeAccountsWriteDirectoryResults,
    decodeResults: (frame) => decodeAccountsWriteDirectoryResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 524_800,
    resultsBytesMax: 262_144,
  },
};

/** Lengths of OPAQUE's messages: RFC 9807 with ristretto255-SHA512. */
export interface AccountsClient {
  registerStart(
    params: AccountsRegisterStartParams,
    options?: CallOptions,
  ): Promise<AccountsRegisterStartResults>;
  /** Leaves the session with a fresh login. The same again has the same result. */
  registerFinish(
    params: AccountsRegisterFinishParams,
    options?: CallOptions,
  ): Promise<AccountsRegisterFinishResults>;
  loginStart(
    params: AccountsLoginStartParams,
    options?: CallOptions,
  ): Promise<AccountsLoginStartResults>;
  /** Leaves the session with a fresh login. */
  loginFinish(
    params: AccountsLoginFinishParams,
    options?: CallOptions,
  ): Promise<AccountsLoginFinishResults>;
  /** As it is now. Needs a fresh login. */
  vault(params: AccountsVaultParams, options?: CallOptions): Promise<AccountsVaultResults>;
  /** Needs a fresh login. */
  passwordStart(
    params: AccountsPasswordStartParams,
    options?: CallOptions,
  ): Promise<AccountsPasswordStartResults>;
  /** Replaces record and vault at once, and voids every fresh login of the account. */
  passwordFinish(
    params: AccountsPasswordFinishParams,
    options?: CallOptions,
  ): Promise<AccountsPasswordFinishResults>;
  /** Needs a fresh login. The name is free again afterwards. */
  delete(params: AccountsDeleteParams, options?: CallOptions): Promise<AccountsDeleteResults>;
  /** Needs a device. */
  readDirectory(
    params: AccountsReadDirectoryParams,
    options?: CallOptions,
  ): Promise<AccountsReadDirectoryResults>;
  /** Needs a device. */
  writeDirectory(
    params: AccountsWriteDirectoryParams,
    options?: CallOptions,
  ): Promise<AccountsWriteDirectoryResults>;
}

export function accountsClient(caller: Caller): AccountsClient {
  return {
    registerStart: (params, options) => caller.call(accountsMethods.registerStart, params, options),
    registerFinish: (params, options) =>
      caller.call(accountsMethods.registerFinish, params, options),
    loginStart: (params, options) => caller.call(accountsMethods.loginStart, params, options),
    loginFinish: (params, options) => caller.call(accountsMethods.loginFinish, params, options),
    vault: (params, options) => caller.call(accountsMethods.vault, params, options),
    passwordStart: (params, options) => caller.call(accountsMethods.passwordStart, params, options),
    passwordFinish: (params, options) =>
      caller.call(accountsMethods.passwordFinish, params, options),
    delete: (params, options) => caller.call(accountsMethods.delete, params, options),
    readDirectory: (params, options) => caller.call(accountsMethods.readDirectory, params, options),
    writeDirectory: (params, options) =>
      caller.call(accountsMethods.writeDirectory, params, options),
  };
}

export interface AccountsHandlers<Context> {
  registerStart(
    params: AccountsRegisterStartParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsRegisterStartResults>;
  /** Leaves the session with a fresh login. The same again has the same result. */
  registerFinish(
    params: AccountsRegisterFinishParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsRegisterFinishResults>;
  loginStart(
    params: AccountsLoginStartParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsLoginStartResults>;
  /** Leaves the session with a fresh login. */
  loginFinish(
    params: AccountsLoginFinishParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsLoginFinishResults>;
  /** As it is now. Needs a fresh login. */
  vault(
    params: AccountsVaultParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsVaultResults>;
  /** Needs a fresh login. */
  passwordStart(
    params: AccountsPasswordStartParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsPasswordStartResults>;
  /** Replaces record and vault at once, and voids every fresh login of the account. */
  passwordFinish(
    params: AccountsPasswordFinishParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsPasswordFinishResults>;
  /** Needs a fresh login. The name is free again afterwards. */
  delete(
    params: AccountsDeleteParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsDeleteResults>;
  /** Needs a device. */
  readDirectory(
    params: AccountsReadDirectoryParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsReadDirectoryResults>;
  /** Needs a device. */
  writeDirectory(
    params: AccountsWriteDirectoryParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountsWriteDirectoryResults>;
}

export function accountsHandlers<Context>(
  handlers: AccountsHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: accountsMethods.registerStart,
      handler: (params: AccountsRegisterStartParams, context, signal) =>
        handlers.registerStart(params, context, signal),
    },
    {
      method: accountsMethods.registerFinish,
      handler: (params: AccountsRegisterFinishParams, context, signal) =>
        handlers.registerFinish(params, context, signal),
    },
    {
      method: accountsMethods.loginStart,
      handler: (params: AccountsLoginStartParams, context, signal) =>
        handlers.loginStart(params, context, signal),
    },
    {
      method: accountsMethods.loginFinish,
      handler: (params: AccountsLoginFinishParams, context, signal) =>
        handlers.loginFinish(params, context, signal),
    },
    {
      method: accountsMethods.vault,
      handler: (params: AccountsVaultParams, context, signal) =>
        handlers.vault(params, context, signal),
    },
    {
      method: accountsMethods.passwordStart,
      handler: (params: AccountsPasswordStartParams, context, signal) =>
        handlers.passwordStart(params, context, signal),
    },
    {
      method: accountsMethods.passwordFinish,
      handler: (params: AccountsPasswordFinishParams, context, signal) =>
        handlers.passwordFinish(params, context, signal),
    },
    {
      method: accountsMethods.delete,
      handler: (params: AccountsDeleteParams, context, signal) =>
        handlers.delete(params, context, signal),
    },
    {
      method: accountsMethods.readDirectory,
      handler: (params: AccountsReadDirectoryParams, context, signal) =>
        handlers.readDirectory(params, context, signal),
    },
    {
      method: accountsMethods.writeDirectory,
      handler: (params: AccountsWriteDirectoryParams, context, signal) =>
        handlers.writeDirectory(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeSigned(value: Signed): Uint8Array {
  const writer = openWriter(0, 2);
  writeSigned(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeSigned(frame: Uint8Array, limits?: DecodeLimits): Signed {
  return readSigned(openFrame(frame, limits), 1);
}

export function readSigned(reader: Reader, _depth: number): Signed {
  const { pointers, end } = reader;
  return {
    statement: reader.bytes(pointers, end, 8192, "Signed.statement"),
    signature: reader.bytes(pointers + 8, end, 64, "Signed.signature"),
  };
}

export function writeSigned(writer: Writer, at: number, value: Signed): void {
  writer.data(at, value.statement, 8192, "Signed.statement");
  writer.data(at + 8, value.signature, 64, "Signed.signature");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeVaultContent(value: VaultContent): Uint8Array {
  const writer = openWriter(2, 2);
  writeVaultContent(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeVaultContent(frame: Uint8Array, limits?: DecodeLimits): VaultContent {
  return readVaultContent(openFrame(frame, limits), 1);
}

export function readVaultContent(reader: Reader, _depth: number): VaultContent {
  const { data, pointers, end } = reader;
  return {
    accountKeySeed: reader.bytes(pointers, end, 32, "VaultContent.accountKeySeed"),
    directoryKey: reader.bytes(pointers + 8, end, 32, "VaultContent.directoryKey"),
    generation: reader.uint32(data, pointers),
    listCounter: reader.safeInteger(data + 8, pointers, false, "VaultContent.listCounter"),
  };
}

export function writeVaultContent(writer: Writer, at: number, value: VaultContent): void {
  writer.data(at + 16, value.accountKeySeed, 32, "VaultContent.accountKeySeed");
  writer.data(at + 24, value.directoryKey, 32, "VaultContent.directoryKey");
  writer.uint32(at, value.generation);
  writer.safeInteger(at + 8, value.listCounter, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeVaultContext(value: VaultContext): Uint8Array {
  const writer = openWriter(1, 2);
  writeVaultContext(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeVaultContext(frame: Uint8Array, limits?: DecodeLimits): VaultContext {
  return readVaultContext(openFrame(frame, limits), 1);
}

export function readVaultContext(reader: Reader, _depth: number): VaultContext {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "VaultContext.accountId"),
    serverName: reader.text(pointers + 8, end, 255, "VaultContext.serverName"),
    version: reader.safeInteger(data, pointers, false, "VaultContext.version"),
  };
}

export function writeVaultContext(writer: Writer, at: number, value: VaultContext): void {
  writer.data(at + 8, value.accountId, 16, "VaultContext.accountId");
  writer.text(at + 16, value.serverName, 255, "VaultContext.serverName");
  writer.safeInteger(at, value.version, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeVaultWrite(value: VaultWrite): Uint8Array {
  const writer = openWriter(2, 4);
  writeVaultWrite(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeVaultWrite(frame: Uint8Array, limits?: DecodeLimits): VaultWrite {
  return readVaultWrite(openFrame(frame, limits), 1);
}

export function readVaultWrite(reader: Reader, _depth: number): VaultWrite {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "VaultWrite.accountId"),
    version: reader.safeInteger(data, pointers, false, "VaultWrite.version"),
    vaultHash: reader.bytes(pointers + 8, end, 32, "VaultWrite.vaultHash"),
    recordHash: reader.bytes(pointers + 16, end, 32, "VaultWrite.recordHash"),
    replaces: reader.safeInteger(data + 8, pointers, false, "VaultWrite.replaces"),
    serverName: reader.text(pointers + 24, end, 255, "VaultWrite.serverName"),
  };
}

export function writeVaultWrite(writer: Writer, at: number, value: VaultWrite): void {
  writer.data(at + 16, value.accountId, 16, "VaultWrite.accountId");
  writer.safeInteger(at, value.version, false);
  writer.data(at + 24, value.vaultHash, 32, "VaultWrite.vaultHash");
  writer.data(at + 32, value.recordHash, 32, "VaultWrite.recordHash");
  writer.safeInteger(at + 8, value.replaces, false);
  writer.text(at + 40, value.serverName, 255, "VaultWrite.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountDeletion(value: AccountDeletion): Uint8Array {
  const writer = openWriter(1, 2);
  writeAccountDeletion(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountDeletion(frame: Uint8Array, limits?: DecodeLimits): AccountDeletion {
  return readAccountDeletion(openFrame(frame, limits), 1);
}

export function readAccountDeletion(reader: Reader, _depth: number): AccountDeletion {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "AccountDeletion.accountId"),
    version: reader.safeInteger(data, pointers, false, "AccountDeletion.version"),
    serverName: reader.text(pointers + 8, end, 255, "AccountDeletion.serverName"),
  };
}

export function writeAccountDeletion(writer: Writer, at: number, value: AccountDeletion): void {
  writer.data(at + 8, value.accountId, 16, "AccountDeletion.accountId");
  writer.safeInteger(at, value.version, false);
  writer.text(at + 16, value.serverName, 255, "AccountDeletion.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountKeyChange(value: AccountKeyChange): Uint8Array {
  const writer = openWriter(1, 4);
  writeAccountKeyChange(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountKeyChange(frame: Uint8Array, limits?: DecodeLimits): AccountKeyChange {
  return readAccountKeyChange(openFrame(frame, limits), 1);
}

export function readAccountKeyChange(reader: Reader, _depth: number): AccountKeyChange {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "AccountKeyChange.accountId"),
    oldKey: reader.bytes(pointers + 8, end, 32, "AccountKeyChange.oldKey"),
    newKey: reader.bytes(pointers + 16, end, 32, "AccountKeyChange.newKey"),
    changedAtMs: reader.safeInteger(data, pointers, false, "AccountKeyChange.changedAtMs"),
    serverName: reader.text(pointers + 24, end, 255, "AccountKeyChange.serverName"),
  };
}

export function writeAccountKeyChange(writer: Writer, at: number, value: AccountKeyChange): void {
  writer.data(at + 8, value.accountId, 16, "AccountKeyChange.accountId");
  writer.data(at + 16, value.oldKey, 32, "AccountKeyChange.oldKey");
  writer.data(at + 24, value.newKey, 32, "AccountKeyChange.newKey");
  writer.safeInteger(at, value.changedAtMs, false);
  writer.text(at + 32, value.serverName, 255, "AccountKeyChange.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryWrite(value: DirectoryWrite): Uint8Array {
  const writer = openWriter(2, 1);
  writeDirectoryWrite(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryWrite(frame: Uint8Array, limits?: DecodeLimits): DirectoryWrite {
  return readDirectoryWrite(openFrame(frame, limits), 1);
}

export function readDirectoryWrite(reader: Reader, _depth: number): DirectoryWrite {
  const { data, pointers, end } = reader;
  return {
    replaces: reader.safeInteger(data, pointers, false, "DirectoryWrite.replaces"),
    version: reader.safeInteger(data + 8, pointers, false, "DirectoryWrite.version"),
    sealed: reader.bytes(pointers, end, 524_288, "DirectoryWrite.sealed"),
  };
}

export function writeDirectoryWrite(writer: Writer, at: number, value: DirectoryWrite): void {
  writer.safeInteger(at, value.replaces, false);
  writer.safeInteger(at + 8, value.version, false);
  writer.data(at + 16, value.sealed, 524_288, "DirectoryWrite.sealed");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryContent(value: DirectoryContent): Uint8Array {
  const writer = openWriter(0, 2);
  writeDirectoryContent(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryContent(frame: Uint8Array, limits?: DecodeLimits): DirectoryContent {
  return readDirectoryContent(openFrame(frame, limits), 1);
}

export function readDirectoryContent(reader: Reader, depth: number): DirectoryContent {
  const { pointers, end } = reader;
  return {
    conversations: readListOfDirectoryConversation(
      reader,
      pointers,
      end,
      768,
      depth,
      "DirectoryContent.conversations",
    ),
    pins: readListOfDirectoryPin(reader, pointers + 8, end, 2048, depth, "DirectoryContent.pins"),
  };
}

export function writeDirectoryContent(writer: Writer, at: number, value: DirectoryContent): void {
  if (value.conversations.length !== 0) {
    writeListOfDirectoryConversation(
      writer,
      at,
      value.conversations,
      768,
      "DirectoryContent.conversations",
    );
  }
  if (value.pins.length !== 0) {
    writeListOfDirectoryPin(writer, at + 8, value.pins, 2048, "DirectoryContent.pins");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryConversation(value: DirectoryConversation): Uint8Array {
  const writer = openWriter(2, 3);
  writeDirectoryConversation(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryConversation(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryConversation {
  return readDirectoryConversation(openFrame(frame, limits), 1);
}

export function readDirectoryConversation(reader: Reader, _depth: number): DirectoryConversation {
  const { data, pointers, end } = reader;
  return {
    groupId: reader.bytes(pointers, end, 64, "DirectoryConversation.groupId"),
    epoch: reader.safeInteger(data, pointers, false, "DirectoryConversation.epoch"),
    confirmedTranscriptHash: reader.bytes(
      pointers + 8,
      end,
      64,
      "DirectoryConversation.confirmedTranscriptHash",
    ),
    kind: readDirectoryConversationKind(reader.uint16(data + 8, pointers)),
    name: reader.text(pointers + 16, end, 128, "DirectoryConversation.name"),
  };
}

export function writeDirectoryConversation(
  writer: Writer,
  at: number,
  value: DirectoryConversation,
): void {
  writer.data(at + 16, value.groupId, 64, "DirectoryConversation.groupId");
  writer.safeInteger(at, value.epoch, false);
  writer.data(
    at + 24,
    value.confirmedTranscriptHash,
    64,
    "DirectoryConversation.confirmedTranscriptHash",
  );
  writer.uint16(at + 8, ordinalOfDirectoryConversationKind(value.kind));
  writer.text(at + 32, value.name, 128, "DirectoryConversation.name");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryPin(value: DirectoryPin): Uint8Array {
  const writer = openWriter(3, 3);
  writeDirectoryPin(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryPin(frame: Uint8Array, limits?: DecodeLimits): DirectoryPin {
  return readDirectoryPin(openFrame(frame, limits), 1);
}

export function readDirectoryPin(reader: Reader, _depth: number): DirectoryPin {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "DirectoryPin.accountId"),
    accountName: reader.text(pointers + 8, end, 32, "DirectoryPin.accountName"),
    accountKey: reader.bytes(pointers + 16, end, 32, "DirectoryPin.accountKey"),
    generation: reader.uint32(data, pointers),
    listCounter: reader.safeInteger(data + 8, pointers, false, "DirectoryPin.listCounter"),
    isVerified: reader.bool(data + 4, 0, pointers),
    listResets: reader.uint32(data + 16, pointers),
  };
}

export function writeDirectoryPin(writer: Writer, at: number, value: DirectoryPin): void {
  writer.data(at + 24, value.accountId, 16, "DirectoryPin.accountId");
  writer.text(at + 32, value.accountName, 32, "DirectoryPin.accountName");
  writer.data(at + 40, value.accountKey, 32, "DirectoryPin.accountKey");
  writer.uint32(at, value.generation);
  writer.safeInteger(at + 8, value.listCounter, false);
  writer.bool(at + 4, 0, value.isVerified);
  writer.uint32(at + 16, value.listResets);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDeviceProof(value: DeviceProof): Uint8Array {
  const writer = openWriter(0, 2);
  writeDeviceProof(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDeviceProof(frame: Uint8Array, limits?: DecodeLimits): DeviceProof {
  return readDeviceProof(openFrame(frame, limits), 1);
}

export function readDeviceProof(reader: Reader, _depth: number): DeviceProof {
  const { pointers, end } = reader;
  return {
    deviceId: reader.bytes(pointers, end, 16, "DeviceProof.deviceId"),
    signature: reader.bytes(pointers + 8, end, 64, "DeviceProof.signature"),
  };
}

export function writeDeviceProof(writer: Writer, at: number, value: DeviceProof): void {
  writer.data(at, value.deviceId, 16, "DeviceProof.deviceId");
  writer.data(at + 8, value.signature, 64, "DeviceProof.signature");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsRegisterStartParams(value: AccountsRegisterStartParams): Uint8Array {
  const writer = openWriter(0, 3);
  writeAccountsRegisterStartParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsRegisterStartParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsRegisterStartParams {
  return readAccountsRegisterStartParams(openFrame(frame, limits), 1);
}

export function readAccountsRegisterStartParams(
  reader: Reader,
  _depth: number,
): AccountsRegisterStartParams {
  const { pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Accounts.registerStart$Params.name"),
    request: reader.bytes(pointers + 8, end, 32, "Accounts.registerStart$Params.request"),
    invite: reader.text(pointers + 16, end, 64, "Accounts.registerStart$Params.invite"),
  };
}

export function writeAccountsRegisterStartParams(
  writer: Writer,
  at: number,
  value: AccountsRegisterStartParams,
): void {
  writer.text(at, value.name, 64, "Accounts.registerStart$Params.name");
  writer.data(at + 8, value.request, 32, "Accounts.registerStart$Params.request");
  writer.text(at + 16, value.invite, 64, "Accounts.registerStart$Params.invite");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsRegisterStartResults(
  value: AccountsRegisterStartResults,
): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsRegisterStartResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsRegisterStartResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsRegisterStartResults {
  return readAccountsRegisterStartResults(openFrame(frame, limits), 1);
}

export function readAccountsRegisterStartResults(
  reader: Reader,
  _depth: number,
): AccountsRegisterStartResults {
  const { pointers, end } = reader;
  return {
    response: reader.bytes(pointers, end, 64, "Accounts.registerStart$Results.response"),
  };
}

export function writeAccountsRegisterStartResults(
  writer: Writer,
  at: number,
  value: AccountsRegisterStartResults,
): void {
  writer.data(at, value.response, 64, "Accounts.registerStart$Results.response");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsRegisterFinishParams(
  value: AccountsRegisterFinishParams,
): Uint8Array {
  const writer = openWriter(0, 7);
  writeAccountsRegisterFinishParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsRegisterFinishParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsRegisterFinishParams {
  return readAccountsRegisterFinishParams(openFrame(frame, limits), 1);
}

export function readAccountsRegisterFinishParams(
  reader: Reader,
  depth: number,
): AccountsRegisterFinishParams {
  const { pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Accounts.registerFinish$Params.name"),
    invite: reader.text(pointers + 8, end, 64, "Accounts.registerFinish$Params.invite"),
    accountId: reader.bytes(pointers + 16, end, 16, "Accounts.registerFinish$Params.accountId"),
    accountKey: reader.bytes(pointers + 24, end, 32, "Accounts.registerFinish$Params.accountKey"),
    record: reader.bytes(pointers + 32, end, 192, "Accounts.registerFinish$Params.record"),
    vault: reader.bytes(pointers + 40, end, 1024, "Accounts.registerFinish$Params.vault"),
    write: readSigned(
      reader.openStruct(pointers + 48, end, depth, "Accounts.registerFinish$Params.write"),
      depth + 1,
    ),
  };
}

export function writeAccountsRegisterFinishParams(
  writer: Writer,
  at: number,
  value: AccountsRegisterFinishParams,
): void {
  writer.text(at, value.name, 64, "Accounts.registerFinish$Params.name");
  writer.text(at + 8, value.invite, 64, "Accounts.registerFinish$Params.invite");
  writer.data(at + 16, value.accountId, 16, "Accounts.registerFinish$Params.accountId");
  writer.data(at + 24, value.accountKey, 32, "Accounts.registerFinish$Params.accountKey");
  writer.data(at + 32, value.record, 192, "Accounts.registerFinish$Params.record");
  writer.data(at + 40, value.vault, 1024, "Accounts.registerFinish$Params.vault");
  writeSigned(writer, writer.struct(at + 48, 0, 2), value.write);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsRegisterFinishResults(
  value: AccountsRegisterFinishResults,
): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsRegisterFinishResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsRegisterFinishResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsRegisterFinishResults {
  return readAccountsRegisterFinishResults(openFrame(frame, limits), 1);
}

export function readAccountsRegisterFinishResults(
  _reader: Reader,
  _depth: number,
): AccountsRegisterFinishResults {
  return {};
}

export function writeAccountsRegisterFinishResults(
  _writer: Writer,
  _at: number,
  _value: AccountsRegisterFinishResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsLoginStartParams(value: AccountsLoginStartParams): Uint8Array {
  const writer = openWriter(0, 3);
  writeAccountsLoginStartParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsLoginStartParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsLoginStartParams {
  return readAccountsLoginStartParams(openFrame(frame, limits), 1);
}

export function readAccountsLoginStartParams(
  reader: Reader,
  depth: number,
): AccountsLoginStartParams {
  const { pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Accounts.loginStart$Params.name"),
    request: reader.bytes(pointers + 8, end, 96, "Accounts.loginStart$Params.request"),
    device: reader.isNull(pointers + 16, end) ? undefined : readDeviceProof(
      reader.openStruct(pointers + 16, end, depth, "Accounts.loginStart$Params.device"),
      depth + 1,
    ),
  };
}

export function writeAccountsLoginStartParams(
  writer: Writer,
  at: number,
  value: AccountsLoginStartParams,
): void {
  writer.text(at, value.name, 64, "Accounts.loginStart$Params.name");
  writer.data(at + 8, value.request, 96, "Accounts.loginStart$Params.request");
  if (value.device !== undefined) {
    writeDeviceProof(writer, writer.struct(at + 16, 0, 2), value.device);
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsLoginStartResults(value: AccountsLoginStartResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsLoginStartResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsLoginStartResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsLoginStartResults {
  return readAccountsLoginStartResults(openFrame(frame, limits), 1);
}

export function readAccountsLoginStartResults(
  reader: Reader,
  _depth: number,
): AccountsLoginStartResults {
  const { pointers, end } = reader;
  return {
    response: reader.bytes(pointers, end, 320, "Accounts.loginStart$Results.response"),
  };
}

export function writeAccountsLoginStartResults(
  writer: Writer,
  at: number,
  value: AccountsLoginStartResults,
): void {
  writer.data(at, value.response, 320, "Accounts.loginStart$Results.response");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsLoginFinishParams(value: AccountsLoginFinishParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsLoginFinishParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsLoginFinishParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsLoginFinishParams {
  return readAccountsLoginFinishParams(openFrame(frame, limits), 1);
}

export function readAccountsLoginFinishParams(
  reader: Reader,
  _depth: number,
): AccountsLoginFinishParams {
  const { pointers, end } = reader;
  return {
    finish: reader.bytes(pointers, end, 64, "Accounts.loginFinish$Params.finish"),
  };
}

export function writeAccountsLoginFinishParams(
  writer: Writer,
  at: number,
  value: AccountsLoginFinishParams,
): void {
  writer.data(at, value.finish, 64, "Accounts.loginFinish$Params.finish");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsLoginFinishResults(value: AccountsLoginFinishResults): Uint8Array {
  const writer = openWriter(1, 3);
  writeAccountsLoginFinishResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsLoginFinishResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsLoginFinishResults {
  return readAccountsLoginFinishResults(openFrame(frame, limits), 1);
}

export function readAccountsLoginFinishResults(
  reader: Reader,
  _depth: number,
): AccountsLoginFinishResults {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "Accounts.loginFinish$Results.accountId"),
    accountKey: reader.bytes(pointers + 8, end, 32, "Accounts.loginFinish$Results.accountKey"),
    vault: reader.bytes(pointers + 16, end, 1024, "Accounts.loginFinish$Results.vault"),
    version: reader.safeInteger(data, pointers, false, "Accounts.loginFinish$Results.version"),
  };
}

export function writeAccountsLoginFinishResults(
  writer: Writer,
  at: number,
  value: AccountsLoginFinishResults,
): void {
  writer.data(at + 8, value.accountId, 16, "Accounts.loginFinish$Results.accountId");
  writer.data(at + 16, value.accountKey, 32, "Accounts.loginFinish$Results.accountKey");
  writer.data(at + 24, value.vault, 1024, "Accounts.loginFinish$Results.vault");
  writer.safeInteger(at, value.version, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsVaultParams(value: AccountsVaultParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsVaultParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsVaultParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsVaultParams {
  return readAccountsVaultParams(openFrame(frame, limits), 1);
}

export function readAccountsVaultParams(_reader: Reader, _depth: number): AccountsVaultParams {
  return {};
}

export function writeAccountsVaultParams(
  _writer: Writer,
  _at: number,
  _value: AccountsVaultParams,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsVaultResults(value: AccountsVaultResults): Uint8Array {
  const writer = openWriter(1, 2);
  writeAccountsVaultResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsVaultResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsVaultResults {
  return readAccountsVaultResults(openFrame(frame, limits), 1);
}

export function readAccountsVaultResults(reader: Reader, _depth: number): AccountsVaultResults {
  const { data, pointers, end } = reader;
  return {
    accountKey: reader.bytes(pointers, end, 32, "Accounts.vault$Results.accountKey"),
    vault: reader.bytes(pointers + 8, end, 1024, "Accounts.vault$Results.vault"),
    version: reader.safeInteger(data, pointers, false, "Accounts.vault$Results.version"),
  };
}

export function writeAccountsVaultResults(
  writer: Writer,
  at: number,
  value: AccountsVaultResults,
): void {
  writer.data(at + 8, value.accountKey, 32, "Accounts.vault$Results.accountKey");
  writer.data(at + 16, value.vault, 1024, "Accounts.vault$Results.vault");
  writer.safeInteger(at, value.version, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsPasswordStartParams(value: AccountsPasswordStartParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsPasswordStartParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsPasswordStartParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsPasswordStartParams {
  return readAccountsPasswordStartParams(openFrame(frame, limits), 1);
}

export function readAccountsPasswordStartParams(
  reader: Reader,
  _depth: number,
): AccountsPasswordStartParams {
  const { pointers, end } = reader;
  return {
    request: reader.bytes(pointers, end, 32, "Accounts.passwordStart$Params.request"),
  };
}

export function writeAccountsPasswordStartParams(
  writer: Writer,
  at: number,
  value: AccountsPasswordStartParams,
): void {
  writer.data(at, value.request, 32, "Accounts.passwordStart$Params.request");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsPasswordStartResults(
  value: AccountsPasswordStartResults,
): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsPasswordStartResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsPasswordStartResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsPasswordStartResults {
  return readAccountsPasswordStartResults(openFrame(frame, limits), 1);
}

export function readAccountsPasswordStartResults(
  reader: Reader,
  _depth: number,
): AccountsPasswordStartResults {
  const { pointers, end } = reader;
  return {
    response: reader.bytes(pointers, end, 64, "Accounts.passwordStart$Results.response"),
  };
}

export function writeAccountsPasswordStartResults(
  writer: Writer,
  at: number,
  value: AccountsPasswordStartResults,
): void {
  writer.data(at, value.response, 64, "Accounts.passwordStart$Results.response");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsPasswordFinishParams(
  value: AccountsPasswordFinishParams,
): Uint8Array {
  const writer = openWriter(0, 3);
  writeAccountsPasswordFinishParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsPasswordFinishParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsPasswordFinishParams {
  return readAccountsPasswordFinishParams(openFrame(frame, limits), 1);
}

export function readAccountsPasswordFinishParams(
  reader: Reader,
  depth: number,
): AccountsPasswordFinishParams {
  const { pointers, end } = reader;
  return {
    record: reader.bytes(pointers, end, 192, "Accounts.passwordFinish$Params.record"),
    vault: reader.bytes(pointers + 8, end, 1024, "Accounts.passwordFinish$Params.vault"),
    write: readSigned(
      reader.openStruct(pointers + 16, end, depth, "Accounts.passwordFinish$Params.write"),
      depth + 1,
    ),
  };
}

export function writeAccountsPasswordFinishParams(
  writer: Writer,
  at: number,
  value: AccountsPasswordFinishParams,
): void {
  writer.data(at, value.record, 192, "Accounts.passwordFinish$Params.record");
  writer.data(at + 8, value.vault, 1024, "Accounts.passwordFinish$Params.vault");
  writeSigned(writer, writer.struct(at + 16, 0, 2), value.write);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsPasswordFinishResults(
  value: AccountsPasswordFinishResults,
): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsPasswordFinishResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsPasswordFinishResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsPasswordFinishResults {
  return readAccountsPasswordFinishResults(openFrame(frame, limits), 1);
}

export function readAccountsPasswordFinishResults(
  _reader: Reader,
  _depth: number,
): AccountsPasswordFinishResults {
  return {};
}

export function writeAccountsPasswordFinishResults(
  _writer: Writer,
  _at: number,
  _value: AccountsPasswordFinishResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsDeleteParams(value: AccountsDeleteParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeAccountsDeleteParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsDeleteParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsDeleteParams {
  return readAccountsDeleteParams(openFrame(frame, limits), 1);
}

export function readAccountsDeleteParams(reader: Reader, depth: number): AccountsDeleteParams {
  const { pointers, end } = reader;
  return {
    deletion: readSigned(
      reader.openStruct(pointers, end, depth, "Accounts.delete$Params.deletion"),
      depth + 1,
    ),
  };
}

export function writeAccountsDeleteParams(
  writer: Writer,
  at: number,
  value: AccountsDeleteParams,
): void {
  writeSigned(writer, writer.struct(at, 0, 2), value.deletion);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsDeleteResults(value: AccountsDeleteResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsDeleteResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsDeleteResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsDeleteResults {
  return readAccountsDeleteResults(openFrame(frame, limits), 1);
}

export function readAccountsDeleteResults(_reader: Reader, _depth: number): AccountsDeleteResults {
  return {};
}

export function writeAccountsDeleteResults(
  _writer: Writer,
  _at: number,
  _value: AccountsDeleteResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsReadDirectoryParams(value: AccountsReadDirectoryParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsReadDirectoryParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsReadDirectoryParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsReadDirectoryParams {
  return readAccountsReadDirectoryParams(openFrame(frame, limits), 1);
}

export function readAccountsReadDirectoryParams(
  _reader: Reader,
  _depth: number,
): AccountsReadDirectoryParams {
  return {};
}

export function writeAccountsReadDirectoryParams(
  _writer: Writer,
  _at: number,
  _value: AccountsReadDirectoryParams,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsReadDirectoryResults(
  value: AccountsReadDirectoryResults,
): Uint8Array {
  const writer = openWriter(1, 1);
  writeAccountsReadDirectoryResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsReadDirectoryResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsReadDirectoryResults {
  return readAccountsReadDirectoryResults(openFrame(frame, limits), 1);
}

export function readAccountsReadDirectoryResults(
  reader: Reader,
  _depth: number,
): AccountsReadDirectoryResults {
  const { data, pointers, end } = reader;
  return {
    version: reader.safeInteger(data, pointers, false, "Accounts.readDirectory$Results.version"),
    sealed: reader.bytes(pointers, end, 524_288, "Accounts.readDirectory$Results.sealed"),
  };
}

export function writeAccountsReadDirectoryResults(
  writer: Writer,
  at: number,
  value: AccountsReadDirectoryResults,
): void {
  writer.safeInteger(at, value.version, false);
  writer.data(at + 8, value.sealed, 524_288, "Accounts.readDirectory$Results.sealed");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsWriteDirectoryParams(
  value: AccountsWriteDirectoryParams,
): Uint8Array {
  const writer = openWriter(2, 1);
  writeAccountsWriteDirectoryParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsWriteDirectoryParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsWriteDirectoryParams {
  return readAccountsWriteDirectoryParams(openFrame(frame, limits), 1);
}

export function readAccountsWriteDirectoryParams(
  reader: Reader,
  _depth: number,
): AccountsWriteDirectoryParams {
  const { data, pointers, end } = reader;
  return {
    version: reader.safeInteger(data, pointers, false, "Accounts.writeDirectory$Params.version"),
    sealed: reader.bytes(pointers, end, 524_288, "Accounts.writeDirectory$Params.sealed"),
    replaces: reader.safeInteger(
      data + 8,
      pointers,
      false,
      "Accounts.writeDirectory$Params.replaces",
    ),
  };
}

export function writeAccountsWriteDirectoryParams(
  writer: Writer,
  at: number,
  value: AccountsWriteDirectoryParams,
): void {
  writer.safeInteger(at, value.version, false);
  writer.data(at + 16, value.sealed, 524_288, "Accounts.writeDirectory$Params.sealed");
  writer.safeInteger(at + 8, value.replaces, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountsWriteDirectoryResults(
  value: AccountsWriteDirectoryResults,
): Uint8Array {
  const writer = openWriter(0, 0);
  writeAccountsWriteDirectoryResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountsWriteDirectoryResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): AccountsWriteDirectoryResults {
  return readAccountsWriteDirectoryResults(openFrame(frame, limits), 1);
}

export function readAccountsWriteDirectoryResults(
  _reader: Reader,
  _depth: number,
): AccountsWriteDirectoryResults {
  return {};
}

export function writeAccountsWriteDirectoryResults(
  _writer: Writer,
  _at: number,
  _value: AccountsWriteDirectoryResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredSetup(value: StoredSetup): Uint8Array {
  const writer = openWriter(0, 2);
  writeStoredSetup(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredSetup(frame: Uint8Array, limits?: DecodeLimits): StoredSetup {
  return readStoredSetup(openFrame(frame, limits), 1);
}

export function readStoredSetup(reader: Reader, _depth: number): StoredSetup {
  const { pointers, end } = reader;
  return {
    setup: reader.bytes(pointers, end, 128, "StoredSetup.setup"),
    serverName: reader.text(pointers + 8, end, 255, "StoredSetup.serverName"),
  };
}

export function writeStoredSetup(writer: Writer, at: number, value: StoredSetup): void {
  writer.data(at, value.setup, 128, "StoredSetup.setup");
  writer.text(at + 8, value.serverName, 255, "StoredSetup.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredAccount(value: StoredAccount): Uint8Array {
  const writer = openWriter(3, 5);
  writeStoredAccount(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredAccount(frame: Uint8Array, limits?: DecodeLimits): StoredAccount {
  return readStoredAccount(openFrame(frame, limits), 1);
}

export function readStoredAccount(reader: Reader, depth: number): StoredAccount {
  const { data, pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 32, "StoredAccount.name"),
    accountKey: reader.bytes(pointers + 8, end, 32, "StoredAccount.accountKey"),
    createdAtMs: reader.safeInteger(data, pointers, false, "StoredAccount.createdAtMs"),
    isSuspended: reader.bool(data + 8, 0, pointers),
    version: reader.safeInteger(data + 16, pointers, false, "StoredAccount.version"),
    passwordVersion: reader.uint32(data + 12, pointers),
    record: reader.bytes(pointers + 16, end, 192, "StoredAccount.record"),
    vault: reader.bytes(pointers + 24, end, 1024, "StoredAccount.vault"),
    keyChanges: readListOfSigned(reader, pointers + 32, end, 16, depth, "StoredAccount.keyChanges"),
  };
}

export function writeStoredAccount(writer: Writer, at: number, value: StoredAccount): void {
  writer.text(at + 24, value.name, 32, "StoredAccount.name");
  writer.data(at + 32, value.accountKey, 32, "StoredAccount.accountKey");
  writer.safeInteger(at, value.createdAtMs, false);
  writer.bool(at + 8, 0, value.isSuspended);
  writer.safeInteger(at + 16, value.version, false);
  writer.uint32(at + 12, value.passwordVersion);
  writer.data(at + 40, value.record, 192, "StoredAccount.record");
  writer.data(at + 48, value.vault, 1024, "StoredAccount.vault");
  if (value.keyChanges.length !== 0) {
    writeListOfSigned(writer, at + 56, value.keyChanges, 16, "StoredAccount.keyChanges");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredInvite(value: StoredInvite): Uint8Array {
  const writer = openWriter(2, 0);
  writeStoredInvite(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredInvite(frame: Uint8Array, limits?: DecodeLimits): StoredInvite {
  return readStoredInvite(openFrame(frame, limits), 1);
}

export function readStoredInvite(reader: Reader, _depth: number): StoredInvite {
  const { data, pointers } = reader;
  return {
    usesLeft: reader.uint32(data, pointers),
    expiresAtMs: reader.safeInteger(data + 8, pointers, false, "StoredInvite.expiresAtMs"),
  };
}

export function writeStoredInvite(writer: Writer, at: number, value: StoredInvite): void {
  writer.uint32(at, value.usesLeft);
  writer.safeInteger(at + 8, value.expiresAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredDirectory(value: StoredDirectory): Uint8Array {
  const writer = openWriter(1, 1);
  writeStoredDirectory(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredDirectory(frame: Uint8Array, limits?: DecodeLimits): StoredDirectory {
  return readStoredDirectory(openFrame(frame, limits), 1);
}

export function readStoredDirectory(reader: Reader, _depth: number): StoredDirectory {
  const { data, pointers, end } = reader;
  return {
    version: reader.safeInteger(data, pointers, false, "StoredDirectory.version"),
    sealed: reader.bytes(pointers, end, 524_288, "StoredDirectory.sealed"),
  };
}

export function writeStoredDirectory(writer: Writer, at: number, value: StoredDirectory): void {
  writer.safeInteger(at, value.version, false);
  writer.data(at + 8, value.sealed, 524_288, "StoredDirectory.sealed");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredOwnAccount(value: StoredOwnAccount): Uint8Array {
  const writer = openWriter(2, 5);
  writeStoredOwnAccount(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredOwnAccount(frame: Uint8Array, limits?: DecodeLimits): StoredOwnAccount {
  return readStoredOwnAccount(openFrame(frame, limits), 1);
}

export function readStoredOwnAccount(reader: Reader, _depth: number): StoredOwnAccount {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "StoredOwnAccount.accountId"),
    name: reader.text(pointers + 8, end, 32, "StoredOwnAccount.name"),
    serverName: reader.text(pointers + 16, end, 255, "StoredOwnAccount.serverName"),
    accountKey: reader.bytes(pointers + 24, end, 32, "StoredOwnAccount.accountKey"),
    directoryKey: reader.bytes(pointers + 32, end, 32, "StoredOwnAccount.directoryKey"),
    vaultVersion: reader.safeInteger(data, pointers, false, "StoredOwnAccount.vaultVersion"),
    directoryVersion: reader.safeInteger(
      data + 8,
      pointers,
      false,
      "StoredOwnAccount.directoryVersion",
    ),
  };
}

export function writeStoredOwnAccount(writer: Writer, at: number, value: StoredOwnAccount): void {
  writer.data(at + 16, value.accountId, 16, "StoredOwnAccount.accountId");
  writer.text(at + 24, value.name, 32, "StoredOwnAccount.name");
  writer.text(at + 32, value.serverName, 255, "StoredOwnAccount.serverName");
  writer.data(at + 40, value.accountKey, 32, "StoredOwnAccount.accountKey");
  writer.data(at + 48, value.directoryKey, 32, "StoredOwnAccount.directoryKey");
  writer.safeInteger(at, value.vaultVersion, false);
  writer.safeInteger(at + 8, value.directoryVersion, false);
}

export function readDirectoryConversationKind(ordinal: number): DirectoryConversationKind {
  switch (ordinal) {
    case 0:
      return "group";
    case 1:
      return "directMessage";
    case 2:
      return "notes";
    default:
      return "unknown";
  }
}

export function ordinalOfDirectoryConversationKind(value: DirectoryConversationKind): number {
  switch (value) {
    case "group":
      return 0;
    case "directMessage":
      return 1;
    case "notes":
      return 2;
    default:
      return refuseUnknown("DirectoryConversationKind");
  }
}

function readListOfDirectoryConversation(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): DirectoryConversation[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: DirectoryConversation[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readDirectoryConversation(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfDirectoryConversation(
  writer: Writer,
  pointerAt: number,
  items: readonly DirectoryConversation[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    3,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeDirectoryConversation(writer, at, item);
    at += 40;
  }
}

function readListOfDirectoryPin(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): DirectoryPin[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: DirectoryPin[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readDirectoryPin(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfDirectoryPin(
  writer: Writer,
  pointerAt: number,
  items: readonly DirectoryPin[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    3,
    3,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeDirectoryPin(writer, at, item);
    at += 48;
  }
}

function readListOfSigned(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Signed[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Signed[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readSigned(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfSigned(
  writer: Writer,
  pointerAt: number,
  items: readonly Signed[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    0,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeSigned(writer, at, item);
    at += 16;
  }
}
