// Generated from devices.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type BoundMethod,
  CALL_BYTES_MAX,
  type Caller,
  type CallOptions,
  type DecodeLimits,
  ELEMENT,
  type Method,
  openFrame,
  openWriter,
  type Reader,
  type Writer,
} from "@qpq/capnp";
import {
  type DirectoryWrite,
  readDirectoryWrite,
  readSigned,
  type Signed,
  writeDirectoryWrite,
  writeSigned,
} from "../accounts/accounts.gen.ts";

/** Signed by the account key: this device speaks for the account. */
export interface DeviceCertificate {
  readonly accountId: Uint8Array;
  readonly accountName: string;
  readonly deviceId: Uint8Array;
  /** Ed25519: of the device's MLS leaves and of its sessions. */
  readonly signatureKey: Uint8Array;
  /** Raised whenever devices are revoked: certificates of earlier ones are void. */
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly serverName: string;
}

/** Signed by the account key: these devices, and no others, speak for the account. */
export interface DeviceList {
  readonly accountId: Uint8Array;
  readonly accountName: string;
  /** Only grows, from list to list, by 1. */
  readonly counter: number;
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly devices: readonly ListedDevice[];
  readonly serverName: string;
}

export interface ListedDevice {
  readonly deviceId: Uint8Array;
  /** SHA-256 of the certificate's statement. */
  readonly certificateHash: Uint8Array;
}

/** The identity of an MLS leaf's basic credential, in the only encoding that is accepted. */
export interface Credential {
  readonly accountKey: Uint8Array;
  readonly certificate: Signed;
}

/** Signed by a device key: this device opened the session. */
export interface SessionProof {
  /** The server's, of this session. */
  readonly nonce: Uint8Array;
  readonly serverName: string;
}

/** What the server says of an account; a client verifies all of it. */
export interface AccountView {
  readonly accountId: Uint8Array;
  readonly name: string;
  readonly accountKey: Uint8Array;
  readonly keyChanges: readonly Signed[];
  /** None before the first device. */
  readonly list?: Signed | undefined;
  readonly certificates: readonly Signed[];
}

export interface DevicesUpdateParams {
  readonly list: Signed;
  readonly certificates: readonly Signed[];
  readonly vault: Uint8Array;
  readonly write: Signed;
  readonly keyChange?: Signed | undefined;
}

export type DevicesUpdateResults = Readonly<Record<never, never>>;

export interface DevicesOpenSessionParams {
  readonly deviceId: Uint8Array;
  readonly proof: Uint8Array;
}

export interface DevicesOpenSessionResults {
  readonly token: Uint8Array;
  readonly expiresAtMs: number;
}

export type DevicesCloseSessionParams = Readonly<Record<never, never>>;

export type DevicesCloseSessionResults = Readonly<Record<never, never>>;

export interface DevicesFindByNameParams {
  readonly name: string;
}

export interface DevicesFindByIdParams {
  readonly accountId: Uint8Array;
}

export interface DevicesRotateParams {
  readonly list: Signed;
  readonly certificates: readonly Signed[];
  readonly vault: Uint8Array;
  readonly write: Signed;
  readonly keyChange?: Signed | undefined;
  readonly directory: DirectoryWrite;
}

export type DevicesRotateResults = Readonly<Record<never, never>>;

export interface StoredDevice {
  readonly certificate: Signed;
  readonly signatureKey: Uint8Array;
  readonly addedAtMs: number;
  /** SHA-256 of its token; empty while it is logged out. */
  readonly sessionHash: Uint8Array;
}

export interface StoredSession {
  readonly accountId: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly expiresAtMs: number;
}

export interface StoredOwnDevice {
  readonly deviceId: Uint8Array;
  readonly signatureSeed: Uint8Array;
  /** Null until the server has taken it. */
  readonly certificate?: Signed | undefined;
  /** Empty while logged out. */
  readonly sessionToken: Uint8Array;
}

/** What this client holds an account to. */
export interface StoredPin {
  readonly accountId: Uint8Array;
  readonly name: string;
  readonly accountKey: Uint8Array;
  readonly generation: number;
  readonly listCounter: number;
  /** SHA-256 of the newest list's statement; empty when only key and counter are known. */
  readonly listHash: Uint8Array;
  /** Safety numbers were compared. */
  readonly isVerified: boolean;
  readonly firstSeenAtMs: number;
  /** Another key that was given since. Stays until the user has decided. */
  readonly offered?: OfferedKey | undefined;
  /** What the directory said last; empty before. Only who knows what it replaces replaces it. */
  readonly sharedKey: Uint8Array;
  /** As in the directory. */
  readonly listResets: number;
}

/** The own account's newest device list, as this device has verified it. */
export interface StoredOwnList {
  readonly accountKey: Uint8Array;
  readonly list: Signed;
  readonly certificates: readonly Signed[];
  /** The account's before this one; each signed the change to the next. */
  readonly earlierKeys: readonly Uint8Array[];
}

export interface OfferedKey {
  /** Another one: the name was given to another account. */
  readonly accountId: Uint8Array;
  readonly accountKey: Uint8Array;
  /** The pinned key signed the change. */
  readonly isSigned: boolean;
}

export const devicesMethods: {
  readonly update: Method<DevicesUpdateParams, DevicesUpdateResults>;
  readonly openSession: Method<DevicesOpenSessionParams, DevicesOpenSessionResults>;
  readonly closeSession: Method<DevicesCloseSessionParams, DevicesCloseSessionResults>;
  readonly findByName: Method<DevicesFindByNameParams, AccountView>;
  readonly findById: Method<DevicesFindByIdParams, AccountView>;
  readonly rotate: Method<DevicesRotateParams, DevicesRotateResults>;
} = {
  update: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 0,
    name: "devices/update",
    kind: "call",
    encodeParams: encodeDevicesUpdateParams,
    decodeParams: decodeDevicesUpdateParams,
    encodeResults: encodeDevicesUpdateResults,
    decodeResults: decodeDevicesUpdateResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  openSession: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 1,
    name: "devices/open-session",
    kind: "call",
    encodeParams: encodeDevicesOpenSessionParams,
    decodeParams: decodeDevicesOpenSessionParams,
    encodeResults: encodeDevicesOpenSessionResults,
    decodeResults: decodeDevicesOpenSessionResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  closeSession: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 2,
    name: "devices/close-session",
    kind: "call",
    encodeParams: encodeDevicesCloseSessionParams,
    decodeParams: decodeDevicesCloseSessionParams,
    encodeResults: encodeDevicesCloseSessionResults,
    decodeResults: decodeDevicesCloseSessionResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  findByName: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 3,
    name: "devices/find-by-name",
    kind: "call",
    encodeParams: encodeDevicesFindByNameParams,
    decodeParams: decodeDevicesFindByNameParams,
    encodeResults: encodeAccountView,
    decodeResults: decodeAccountView,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  findById: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 4,
    name: "devices/find-by-id",
    kind: "call",
    encodeParams: encodeDevicesFindByIdParams,
    decodeParams: decodeDevicesFindByIdParams,
    encodeResults: encodeAccountView,
    decodeResults: decodeAccountView,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  rotate: {
    interfaceId: 0xf057f4c5ab31e4b9n,
    ordinal: 5,
    name: "devices/rotate",
    kind: "large",
    encodeParams: encodeDevicesRotateParams,
    decodeParams: (frame) => decodeDevicesRotateParams(frame, { bytesMax: 600_000 }),
    encodeResults: encodeDevicesRotateResults,
    decodeResults: (frame) => decodeDevicesRotateResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 600_000,
    resultsBytesMax: 262_144,
  },
};

export interface DevicesClient {
  /**
   * Replaces the list: adds devices, revokes them, or moves to a new account key; with the vault, at once.
   * Needs a fresh login. Revoked devices' sessions end.
   */
  update(params: DevicesUpdateParams, options?: CallOptions): Promise<DevicesUpdateResults>;
  /** Needs a fresh login. Ends the device's earlier session. */
  openSession(
    params: DevicesOpenSessionParams,
    options?: CallOptions,
  ): Promise<DevicesOpenSessionResults>;
  /** Logs the calling device out; it stays on the list. */
  closeSession(
    params: DevicesCloseSessionParams,
    options?: CallOptions,
  ): Promise<DevicesCloseSessionResults>;
  /** Needs a device or a fresh login. */
  findByName(params: DevicesFindByNameParams, options?: CallOptions): Promise<AccountView>;
  /** The same. */
  findById(params: DevicesFindByIdParams, options?: CallOptions): Promise<AccountView>;
  /** As update, and replaces the directory at once. Needs a device, too. */
  rotate(params: DevicesRotateParams, options?: CallOptions): Promise<DevicesRotateResults>;
}

export function devicesClient(caller: Caller): DevicesClient {
  return {
    update: (params, options) => caller.call(devicesMethods.update, params, options),
    openSession: (params, options) => caller.call(devicesMethods.openSession, params, options),
    closeSession: (params, options) => caller.call(devicesMethods.closeSession, params, options),
    findByName: (params, options) => caller.call(devicesMethods.findByName, params, options),
    findById: (params, options) => caller.call(devicesMethods.findById, params, options),
    rotate: (params, options) => caller.call(devicesMethods.rotate, params, options),
  };
}

export interface DevicesHandlers<Context> {
  /**
   * Replaces the list: adds devices, revokes them, or moves to a new account key; with the vault, at once.
   * Needs a fresh login. Revoked devices' sessions end.
   */
  update(
    params: DevicesUpdateParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DevicesUpdateResults>;
  /** Needs a fresh login. Ends the device's earlier session. */
  openSession(
    params: DevicesOpenSessionParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DevicesOpenSessionResults>;
  /** Logs the calling device out; it stays on the list. */
  closeSession(
    params: DevicesCloseSessionParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DevicesCloseSessionResults>;
  /** Needs a device or a fresh login. */
  findByName(
    params: DevicesFindByNameParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountView>;
  /** The same. */
  findById(
    params: DevicesFindByIdParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<AccountView>;
  /** As update, and replaces the directory at once. Needs a device, too. */
  rotate(
    params: DevicesRotateParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DevicesRotateResults>;
}

export function devicesHandlers<Context>(
  handlers: DevicesHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: devicesMethods.update,
      handler: (params: DevicesUpdateParams, context, signal) =>
        handlers.update(params, context, signal),
    },
    {
      method: devicesMethods.openSession,
      handler: (params: DevicesOpenSessionParams, context, signal) =>
        handlers.openSession(params, context, signal),
    },
    {
      method: devicesMethods.closeSession,
      handler: (params: DevicesCloseSessionParams, context, signal) =>
        handlers.closeSession(params, context, signal),
    },
    {
      method: devicesMethods.findByName,
      handler: (params: DevicesFindByNameParams, context, signal) =>
        handlers.findByName(params, context, signal),
    },
    {
      method: devicesMethods.findById,
      handler: (params: DevicesFindByIdParams, context, signal) =>
        handlers.findById(params, context, signal),
    },
    {
      method: devicesMethods.rotate,
      handler: (params: DevicesRotateParams, context, signal) =>
        handlers.rotate(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDeviceCertificate(value: DeviceCertificate): Uint8Array {
  const writer = openWriter(2, 5);
  writeDeviceCertificate(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDeviceCertificate(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DeviceCertificate {
  return readDeviceCertificate(openFrame(frame, limits), 1);
}

export function readDeviceCertificate(reader: Reader, _depth: number): DeviceCertificate {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "DeviceCertificate.accountId"),
    accountName: reader.text(pointers + 8, end, 32, "DeviceCertificate.accountName"),
    deviceId: reader.bytes(pointers + 16, end, 16, "DeviceCertificate.deviceId"),
    signatureKey: reader.bytes(pointers + 24, end, 32, "DeviceCertificate.signatureKey"),
    generation: reader.uint32(data, pointers),
    issuedAtMs: reader.safeInteger(data + 8, pointers, false, "DeviceCertificate.issuedAtMs"),
    serverName: reader.text(pointers + 32, end, 255, "DeviceCertificate.serverName"),
  };
}

export function writeDeviceCertificate(writer: Writer, at: number, value: DeviceCertificate): void {
  writer.data(at + 16, value.accountId, 16, "DeviceCertificate.accountId");
  writer.text(at + 24, value.accountName, 32, "DeviceCertificate.accountName");
  writer.data(at + 32, value.deviceId, 16, "DeviceCertificate.deviceId");
  writer.data(at + 40, value.signatureKey, 32, "DeviceCertificate.signatureKey");
  writer.uint32(at, value.generation);
  writer.safeInteger(at + 8, value.issuedAtMs, false);
  writer.text(at + 48, value.serverName, 255, "DeviceCertificate.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDeviceList(value: DeviceList): Uint8Array {
  const writer = openWriter(3, 4);
  writeDeviceList(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDeviceList(frame: Uint8Array, limits?: DecodeLimits): DeviceList {
  return readDeviceList(openFrame(frame, limits), 1);
}

export function readDeviceList(reader: Reader, depth: number): DeviceList {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "DeviceList.accountId"),
    accountName: reader.text(pointers + 8, end, 32, "DeviceList.accountName"),
    counter: reader.safeInteger(data, pointers, false, "DeviceList.counter"),
    generation: reader.uint32(data + 8, pointers),
    issuedAtMs: reader.safeInteger(data + 16, pointers, false, "DeviceList.issuedAtMs"),
    devices: readListOfListedDevice(reader, pointers + 16, end, 64, depth, "DeviceList.devices"),
    serverName: reader.text(pointers + 24, end, 255, "DeviceList.serverName"),
  };
}

export function writeDeviceList(writer: Writer, at: number, value: DeviceList): void {
  writer.data(at + 24, value.accountId, 16, "DeviceList.accountId");
  writer.text(at + 32, value.accountName, 32, "DeviceList.accountName");
  writer.safeInteger(at, value.counter, false);
  writer.uint32(at + 8, value.generation);
  writer.safeInteger(at + 16, value.issuedAtMs, false);
  if (value.devices.length !== 0) {
    writeListOfListedDevice(writer, at + 40, value.devices, 64, "DeviceList.devices");
  }
  writer.text(at + 48, value.serverName, 255, "DeviceList.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeListedDevice(value: ListedDevice): Uint8Array {
  const writer = openWriter(0, 2);
  writeListedDevice(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeListedDevice(frame: Uint8Array, limits?: DecodeLimits): ListedDevice {
  return readListedDevice(openFrame(frame, limits), 1);
}

export function readListedDevice(reader: Reader, _depth: number): ListedDevice {
  const { pointers, end } = reader;
  return {
    deviceId: reader.bytes(pointers, end, 16, "ListedDevice.deviceId"),
    certificateHash: reader.bytes(pointers + 8, end, 32, "ListedDevice.certificateHash"),
  };
}

export function writeListedDevice(writer: Writer, at: number, value: ListedDevice): void {
  writer.data(at, value.deviceId, 16, "ListedDevice.deviceId");
  writer.data(at + 8, value.certificateHash, 32, "ListedDevice.certificateHash");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeCredential(value: Credential): Uint8Array {
  const writer = openWriter(0, 2);
  writeCredential(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeCredential(frame: Uint8Array, limits?: DecodeLimits): Credential {
  return readCredential(openFrame(frame, limits), 1);
}

export function readCredential(reader: Reader, depth: number): Credential {
  const { pointers, end } = reader;
  return {
    accountKey: reader.bytes(pointers, end, 32, "Credential.accountKey"),
    certificate: readSigned(
      reader.openStruct(pointers + 8, end, depth, "Credential.certificate"),
      depth + 1,
    ),
  };
}

export function writeCredential(writer: Writer, at: number, value: Credential): void {
  writer.data(at, value.accountKey, 32, "Credential.accountKey");
  writeSigned(writer, writer.struct(at + 8, 0, 2), value.certificate);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeSessionProof(value: SessionProof): Uint8Array {
  const writer = openWriter(0, 2);
  writeSessionProof(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeSessionProof(frame: Uint8Array, limits?: DecodeLimits): SessionProof {
  return readSessionProof(openFrame(frame, limits), 1);
}

export function readSessionProof(reader: Reader, _depth: number): SessionProof {
  const { pointers, end } = reader;
  return {
    nonce: reader.bytes(pointers, end, 32, "SessionProof.nonce"),
    serverName: reader.text(pointers + 8, end, 255, "SessionProof.serverName"),
  };
}

export function writeSessionProof(writer: Writer, at: number, value: SessionProof): void {
  writer.data(at, value.nonce, 32, "SessionProof.nonce");
  writer.text(at + 8, value.serverName, 255, "SessionProof.serverName");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeAccountView(value: AccountView): Uint8Array {
  const writer = openWriter(0, 6);
  writeAccountView(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeAccountView(frame: Uint8Array, limits?: DecodeLimits): AccountView {
  return readAccountView(openFrame(frame, limits), 1);
}

export function readAccountView(reader: Reader, depth: number): AccountView {
  const { pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "AccountView.accountId"),
    name: reader.text(pointers + 8, end, 32, "AccountView.name"),
    accountKey: reader.bytes(pointers + 16, end, 32, "AccountView.accountKey"),
    keyChanges: readListOfSigned(reader, pointers + 24, end, 16, depth, "AccountView.keyChanges"),
    list: reader.isNull(pointers + 32, end)
      ? undefined
      : readSigned(reader.openStruct(pointers + 32, end, depth, "AccountView.list"), depth + 1),
    certificates: readListOfSigned(
      reader,
      pointers + 40,
      end,
      64,
      depth,
      "AccountView.certificates",
    ),
  };
}

export function writeAccountView(writer: Writer, at: number, value: AccountView): void {
  writer.data(at, value.accountId, 16, "AccountView.accountId");
  writer.text(at + 8, value.name, 32, "AccountView.name");
  writer.data(at + 16, value.accountKey, 32, "AccountView.accountKey");
  if (value.keyChanges.length !== 0) {
    writeListOfSigned(writer, at + 24, value.keyChanges, 16, "AccountView.keyChanges");
  }
  if (value.list !== undefined) {
    writeSigned(writer, writer.struct(at + 32, 0, 2), value.list);
  }
  if (value.certificates.length !== 0) {
    writeListOfSigned(writer, at + 40, value.certificates, 64, "AccountView.certificates");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesUpdateParams(value: DevicesUpdateParams): Uint8Array {
  const writer = openWriter(0, 5);
  writeDevicesUpdateParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesUpdateParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesUpdateParams {
  return readDevicesUpdateParams(openFrame(frame, limits), 1);
}

export function readDevicesUpdateParams(reader: Reader, depth: number): DevicesUpdateParams {
  const { pointers, end } = reader;
  return {
    list: readSigned(
      reader.openStruct(pointers, end, depth, "Devices.update$Params.list"),
      depth + 1,
    ),
    certificates: readListOfSigned(
      reader,
      pointers + 8,
      end,
      64,
      depth,
      "Devices.update$Params.certificates",
    ),
    vault: reader.bytes(pointers + 16, end, 1024, "Devices.update$Params.vault"),
    write: readSigned(
      reader.openStruct(pointers + 24, end, depth, "Devices.update$Params.write"),
      depth + 1,
    ),
    keyChange: reader.isNull(pointers + 32, end) ? undefined : readSigned(
      reader.openStruct(pointers + 32, end, depth, "Devices.update$Params.keyChange"),
      depth + 1,
    ),
  };
}

export function writeDevicesUpdateParams(
  writer: Writer,
  at: number,
  value: DevicesUpdateParams,
): void {
  writeSigned(writer, writer.struct(at, 0, 2), value.list);
  if (value.certificates.length !== 0) {
    writeListOfSigned(writer, at + 8, value.certificates, 64, "Devices.update$Params.certificates");
  }
  writer.data(at + 16, value.vault, 1024, "Devices.update$Params.vault");
  writeSigned(writer, writer.struct(at + 24, 0, 2), value.write);
  if (value.keyChange !== undefined) {
    writeSigned(writer, writer.struct(at + 32, 0, 2), value.keyChange);
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesUpdateResults(value: DevicesUpdateResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeDevicesUpdateResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesUpdateResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesUpdateResults {
  return readDevicesUpdateResults(openFrame(frame, limits), 1);
}

export function readDevicesUpdateResults(_reader: Reader, _depth: number): DevicesUpdateResults {
  return {};
}

export function writeDevicesUpdateResults(
  _writer: Writer,
  _at: number,
  _value: DevicesUpdateResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesOpenSessionParams(value: DevicesOpenSessionParams): Uint8Array {
  const writer = openWriter(0, 2);
  writeDevicesOpenSessionParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesOpenSessionParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesOpenSessionParams {
  return readDevicesOpenSessionParams(openFrame(frame, limits), 1);
}

export function readDevicesOpenSessionParams(
  reader: Reader,
  _depth: number,
): DevicesOpenSessionParams {
  const { pointers, end } = reader;
  return {
    deviceId: reader.bytes(pointers, end, 16, "Devices.openSession$Params.deviceId"),
    proof: reader.bytes(pointers + 8, end, 64, "Devices.openSession$Params.proof"),
  };
}

export function writeDevicesOpenSessionParams(
  writer: Writer,
  at: number,
  value: DevicesOpenSessionParams,
): void {
  writer.data(at, value.deviceId, 16, "Devices.openSession$Params.deviceId");
  writer.data(at + 8, value.proof, 64, "Devices.openSession$Params.proof");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesOpenSessionResults(value: DevicesOpenSessionResults): Uint8Array {
  const writer = openWriter(1, 1);
  writeDevicesOpenSessionResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesOpenSessionResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesOpenSessionResults {
  return readDevicesOpenSessionResults(openFrame(frame, limits), 1);
}

export function readDevicesOpenSessionResults(
  reader: Reader,
  _depth: number,
): DevicesOpenSessionResults {
  const { data, pointers, end } = reader;
  return {
    token: reader.bytes(pointers, end, 32, "Devices.openSession$Results.token"),
    expiresAtMs: reader.safeInteger(
      data,
      pointers,
      false,
      "Devices.openSession$Results.expiresAtMs",
    ),
  };
}

export function writeDevicesOpenSessionResults(
  writer: Writer,
  at: number,
  value: DevicesOpenSessionResults,
): void {
  writer.data(at + 8, value.token, 32, "Devices.openSession$Results.token");
  writer.safeInteger(at, value.expiresAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesCloseSessionParams(value: DevicesCloseSessionParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeDevicesCloseSessionParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesCloseSessionParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesCloseSessionParams {
  return readDevicesCloseSessionParams(openFrame(frame, limits), 1);
}

export function readDevicesCloseSessionParams(
  _reader: Reader,
  _depth: number,
): DevicesCloseSessionParams {
  return {};
}

export function writeDevicesCloseSessionParams(
  _writer: Writer,
  _at: number,
  _value: DevicesCloseSessionParams,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesCloseSessionResults(value: DevicesCloseSessionResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeDevicesCloseSessionResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesCloseSessionResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesCloseSessionResults {
  return readDevicesCloseSessionResults(openFrame(frame, limits), 1);
}

export function readDevicesCloseSessionResults(
  _reader: Reader,
  _depth: number,
): DevicesCloseSessionResults {
  return {};
}

export function writeDevicesCloseSessionResults(
  _writer: Writer,
  _at: number,
  _value: DevicesCloseSessionResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesFindByNameParams(value: DevicesFindByNameParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeDevicesFindByNameParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesFindByNameParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesFindByNameParams {
  return readDevicesFindByNameParams(openFrame(frame, limits), 1);
}

export function readDevicesFindByNameParams(
  reader: Reader,
  _depth: number,
): DevicesFindByNameParams {
  const { pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Devices.findByName$Params.name"),
  };
}

export function writeDevicesFindByNameParams(
  writer: Writer,
  at: number,
  value: DevicesFindByNameParams,
): void {
  writer.text(at, value.name, 64, "Devices.findByName$Params.name");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesFindByIdParams(value: DevicesFindByIdParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeDevicesFindByIdParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesFindByIdParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesFindByIdParams {
  return readDevicesFindByIdParams(openFrame(frame, limits), 1);
}

export function readDevicesFindByIdParams(reader: Reader, _depth: number): DevicesFindByIdParams {
  const { pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "Devices.findById$Params.accountId"),
  };
}

export function writeDevicesFindByIdParams(
  writer: Writer,
  at: number,
  value: DevicesFindByIdParams,
): void {
  writer.data(at, value.accountId, 16, "Devices.findById$Params.accountId");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesRotateParams(value: DevicesRotateParams): Uint8Array {
  const writer = openWriter(0, 6);
  writeDevicesRotateParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesRotateParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesRotateParams {
  return readDevicesRotateParams(openFrame(frame, limits), 1);
}

export function readDevicesRotateParams(reader: Reader, depth: number): DevicesRotateParams {
  const { pointers, end } = reader;
  return {
    list: readSigned(
      reader.openStruct(pointers, end, depth, "Devices.rotate$Params.list"),
      depth + 1,
    ),
    certificates: readListOfSigned(
      reader,
      pointers + 8,
      end,
      64,
      depth,
      "Devices.rotate$Params.certificates",
    ),
    vault: reader.bytes(pointers + 16, end, 1024, "Devices.rotate$Params.vault"),
    write: readSigned(
      reader.openStruct(pointers + 24, end, depth, "Devices.rotate$Params.write"),
      depth + 1,
    ),
    keyChange: reader.isNull(pointers + 32, end) ? undefined : readSigned(
      reader.openStruct(pointers + 32, end, depth, "Devices.rotate$Params.keyChange"),
      depth + 1,
    ),
    directory: readDirectoryWrite(
      reader.openStruct(pointers + 40, end, depth, "Devices.rotate$Params.directory"),
      depth + 1,
    ),
  };
}

export function writeDevicesRotateParams(
  writer: Writer,
  at: number,
  value: DevicesRotateParams,
): void {
  writeSigned(writer, writer.struct(at, 0, 2), value.list);
  if (value.certificates.length !== 0) {
    writeListOfSigned(writer, at + 8, value.certificates, 64, "Devices.rotate$Params.certificates");
  }
  writer.data(at + 16, value.vault, 1024, "Devices.rotate$Params.vault");
  writeSigned(writer, writer.struct(at + 24, 0, 2), value.write);
  if (value.keyChange !== undefined) {
    writeSigned(writer, writer.struct(at + 32, 0, 2), value.keyChange);
  }
  writeDirectoryWrite(writer, writer.struct(at + 40, 2, 1), value.directory);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDevicesRotateResults(value: DevicesRotateResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeDevicesRotateResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDevicesRotateResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DevicesRotateResults {
  return readDevicesRotateResults(openFrame(frame, limits), 1);
}

export function readDevicesRotateResults(_reader: Reader, _depth: number): DevicesRotateResults {
  return {};
}

export function writeDevicesRotateResults(
  _writer: Writer,
  _at: number,
  _value: DevicesRotateResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredDevice(value: StoredDevice): Uint8Array {
  const writer = openWriter(1, 3);
  writeStoredDevice(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredDevice(frame: Uint8Array, limits?: DecodeLimits): StoredDevice {
  return readStoredDevice(openFrame(frame, limits), 1);
}

export function readStoredDevice(reader: Reader, depth: number): StoredDevice {
  const { data, pointers, end } = reader;
  return {
    certificate: readSigned(
      reader.openStruct(pointers, end, depth, "StoredDevice.certificate"),
      depth + 1,
    ),
    signatureKey: reader.bytes(pointers + 8, end, 32, "StoredDevice.signatureKey"),
    addedAtMs: reader.safeInteger(data, pointers, false, "StoredDevice.addedAtMs"),
    sessionHash: reader.bytes(pointers + 16, end, 32, "StoredDevice.sessionHash"),
  };
}

export function writeStoredDevice(writer: Writer, at: number, value: StoredDevice): void {
  writeSigned(writer, writer.struct(at + 8, 0, 2), value.certificate);
  writer.data(at + 16, value.signatureKey, 32, "StoredDevice.signatureKey");
  writer.safeInteger(at, value.addedAtMs, false);
  writer.data(at + 24, value.sessionHash, 32, "StoredDevice.sessionHash");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredSession(value: StoredSession): Uint8Array {
  const writer = openWriter(1, 2);
  writeStoredSession(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredSession(frame: Uint8Array, limits?: DecodeLimits): StoredSession {
  return readStoredSession(openFrame(frame, limits), 1);
}

export function readStoredSession(reader: Reader, _depth: number): StoredSession {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "StoredSession.accountId"),
    deviceId: reader.bytes(pointers + 8, end, 16, "StoredSession.deviceId"),
    expiresAtMs: reader.safeInteger(data, pointers, false, "StoredSession.expiresAtMs"),
  };
}

export function writeStoredSession(writer: Writer, at: number, value: StoredSession): void {
  writer.data(at + 8, value.accountId, 16, "StoredSession.accountId");
  writer.data(at + 16, value.deviceId, 16, "StoredSession.deviceId");
  writer.safeInteger(at, value.expiresAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredOwnDevice(value: StoredOwnDevice): Uint8Array {
  const writer = openWriter(0, 4);
  writeStoredOwnDevice(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredOwnDevice(frame: Uint8Array, limits?: DecodeLimits): StoredOwnDevice {
  return readStoredOwnDevice(openFrame(frame, limits), 1);
}

export function readStoredOwnDevice(reader: Reader, depth: number): StoredOwnDevice {
  const { pointers, end } = reader;
  return {
    deviceId: reader.bytes(pointers, end, 16, "StoredOwnDevice.deviceId"),
    signatureSeed: reader.bytes(pointers + 8, end, 32, "StoredOwnDevice.signatureSeed"),
    certificate: reader.isNull(pointers + 16, end) ? undefined : readSigned(
      reader.openStruct(pointers + 16, end, depth, "StoredOwnDevice.certificate"),
      depth + 1,
    ),
    sessionToken: reader.bytes(pointers + 24, end, 32, "StoredOwnDevice.sessionToken"),
  };
}

export function writeStoredOwnDevice(writer: Writer, at: number, value: StoredOwnDevice): void {
  writer.data(at, value.deviceId, 16, "StoredOwnDevice.deviceId");
  writer.data(at + 8, value.signatureSeed, 32, "StoredOwnDevice.signatureSeed");
  if (value.certificate !== undefined) {
    writeSigned(writer, writer.struct(at + 16, 0, 2), value.certificate);
  }
  writer.data(at + 24, value.sessionToken, 32, "StoredOwnDevice.sessionToken");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredPin(value: StoredPin): Uint8Array {
  const writer = openWriter(4, 6);
  writeStoredPin(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredPin(frame: Uint8Array, limits?: DecodeLimits): StoredPin {
  return readStoredPin(openFrame(frame, limits), 1);
}

export function readStoredPin(reader: Reader, depth: number): StoredPin {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "StoredPin.accountId"),
    name: reader.text(pointers + 8, end, 32, "StoredPin.name"),
    accountKey: reader.bytes(pointers + 16, end, 32, "StoredPin.accountKey"),
    generation: reader.uint32(data, pointers),
    listCounter: reader.safeInteger(data + 8, pointers, false, "StoredPin.listCounter"),
    listHash: reader.bytes(pointers + 24, end, 32, "StoredPin.listHash"),
    isVerified: reader.bool(data + 4, 0, pointers),
    firstSeenAtMs: reader.safeInteger(data + 16, pointers, false, "StoredPin.firstSeenAtMs"),
    offered: reader.isNull(pointers + 32, end) ? undefined : readOfferedKey(
      reader.openStruct(pointers + 32, end, depth, "StoredPin.offered"),
      depth + 1,
    ),
    sharedKey: reader.bytes(pointers + 40, end, 32, "StoredPin.sharedKey"),
    listResets: reader.uint32(data + 24, pointers),
  };
}

export function writeStoredPin(writer: Writer, at: number, value: StoredPin): void {
  writer.data(at + 32, value.accountId, 16, "StoredPin.accountId");
  writer.text(at + 40, value.name, 32, "StoredPin.name");
  writer.data(at + 48, value.accountKey, 32, "StoredPin.accountKey");
  writer.uint32(at, value.generation);
  writer.safeInteger(at + 8, value.listCounter, false);
  writer.data(at + 56, value.listHash, 32, "StoredPin.listHash");
  writer.bool(at + 4, 0, value.isVerified);
  writer.safeInteger(at + 16, value.firstSeenAtMs, false);
  if (value.offered !== undefined) {
    writeOfferedKey(writer, writer.struct(at + 64, 1, 2), value.offered);
  }
  writer.data(at + 72, value.sharedKey, 32, "StoredPin.sharedKey");
  writer.uint32(at + 24, value.listResets);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredOwnList(value: StoredOwnList): Uint8Array {
  const writer = openWriter(0, 4);
  writeStoredOwnList(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredOwnList(frame: Uint8Array, limits?: DecodeLimits): StoredOwnList {
  return readStoredOwnList(openFrame(frame, limits), 1);
}

export function readStoredOwnList(reader: Reader, depth: number): StoredOwnList {
  const { pointers, end } = reader;
  return {
    accountKey: reader.bytes(pointers, end, 32, "StoredOwnList.accountKey"),
    list: readSigned(reader.openStruct(pointers + 8, end, depth, "StoredOwnList.list"), depth + 1),
    certificates: readListOfSigned(
      reader,
      pointers + 16,
      end,
      64,
      depth,
      "StoredOwnList.certificates",
    ),
    earlierKeys: readListOfData(
      reader,
      pointers + 24,
      end,
      16,
      32,
      depth,
      "StoredOwnList.earlierKeys",
    ),
  };
}

export function writeStoredOwnList(writer: Writer, at: number, value: StoredOwnList): void {
  writer.data(at, value.accountKey, 32, "StoredOwnList.accountKey");
  writeSigned(writer, writer.struct(at + 8, 0, 2), value.list);
  if (value.certificates.length !== 0) {
    writeListOfSigned(writer, at + 16, value.certificates, 64, "StoredOwnList.certificates");
  }
  if (value.earlierKeys.length !== 0) {
    writeListOfData(writer, at + 24, value.earlierKeys, 16, 32, "StoredOwnList.earlierKeys");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeOfferedKey(value: OfferedKey): Uint8Array {
  const writer = openWriter(1, 2);
  writeOfferedKey(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeOfferedKey(frame: Uint8Array, limits?: DecodeLimits): OfferedKey {
  return readOfferedKey(openFrame(frame, limits), 1);
}

export function readOfferedKey(reader: Reader, _depth: number): OfferedKey {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "OfferedKey.accountId"),
    accountKey: reader.bytes(pointers + 8, end, 32, "OfferedKey.accountKey"),
    isSigned: reader.bool(data, 0, pointers),
  };
}

export function writeOfferedKey(writer: Writer, at: number, value: OfferedKey): void {
  writer.data(at + 8, value.accountId, 16, "OfferedKey.accountId");
  writer.data(at + 16, value.accountKey, 32, "OfferedKey.accountKey");
  writer.bool(at, 0, value.isSigned);
}

function readListOfListedDevice(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): ListedDevice[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: ListedDevice[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readListedDevice(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfListedDevice(
  writer: Writer,
  pointerAt: number,
  items: readonly ListedDevice[],
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
    writeListedDevice(writer, at, item);
    at += 16;
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

function readListOfData(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): Uint8Array[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.bytes(at, at + 8, itemMax, field));
  }
  return items;
}

function writeListOfData(
  writer: Writer,
  pointerAt: number,
  items: readonly Uint8Array[],
  itemsMax: number,
  itemMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.pointer,
    64,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.data(at, item, itemMax, field);
    at += 8;
  }
}
