// Generated from key-packages.capnp by scripts/generate.ts: change the schema, not this file.
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

export interface KeyPackagesPublishParams {
  readonly packages: readonly Uint8Array[];
  readonly lastResort?: Uint8Array | undefined;
}

export type KeyPackagesPublishResults = Readonly<Record<never, never>>;

export interface KeyPackagesCountParams {
  readonly cipherSuite: number;
}

export interface KeyPackagesCountResults {
  readonly singleUse: number;
  readonly lastResort?: LastResortState | undefined;
}

export interface KeyPackagesClaimParams {
  readonly accountId: Uint8Array;
  readonly cipherSuite: number;
}

export interface KeyPackagesClaimResults {
  readonly packages: readonly ClaimedPackage[];
}

export interface LastResortState {
  readonly publishedAtMs: number;
  /** 0: not used yet. */
  readonly firstUsedAtMs: number;
}

export interface ClaimedPackage {
  readonly deviceId: Uint8Array;
  readonly package: Uint8Array;
}

export interface StoredPackage {
  readonly package: Uint8Array;
  readonly hash: Uint8Array;
  readonly expiresAtMs: number;
}

export interface StoredLastResort {
  readonly package: Uint8Array;
  readonly expiresAtMs: number;
  readonly state: LastResortState;
}

/** Of one device and suite. */
export interface StoredSupply {
  /** Number of the next package. */
  readonly next: number;
  /** Single-use packages that are stored. */
  readonly count: number;
}

export interface StoredOwnPackage {
  readonly message: Uint8Array;
  readonly initPrivateKey: Uint8Array;
  readonly encryptionPrivateKey: Uint8Array;
  readonly isLastResort: boolean;
  /** A Welcome that comes later can't be opened. */
  readonly keepUntilMs: number;
  readonly madeAtMs: number;
  /** The server has said that it took it. Until then it is sent again. */
  readonly isPublished: boolean;
  /** Of a last resort, when a Welcome for it came; 0: none has. */
  readonly firstUsedAtMs: number;
}

export const keyPackagesMethods: {
  readonly publish: Method<KeyPackagesPublishParams, KeyPackagesPublishResults>;
  readonly count: Method<KeyPackagesCountParams, KeyPackagesCountResults>;
  readonly claim: Method<KeyPackagesClaimParams, KeyPackagesClaimResults>;
} = {
  publish: {
    interfaceId: 0x8a6fa4789143ab8an,
    ordinal: 0,
    name: "key-packages/publish",
    kind: "large",
    encodeParams: encodeKeyPackagesPublishParams,
    decodeParams: (frame) => decodeKeyPackagesPublishParams(frame, { bytesMax: 1_700_000 }),
    encodeResults: encodeKeyPackagesPublishResults,
    decodeResults: (frame) => decodeKeyPackagesPublishResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 1_700_000,
    resultsBytesMax: 262_144,
  },
  count: {
    interfaceId: 0x8a6fa4789143ab8an,
    ordinal: 1,
    name: "key-packages/count",
    kind: "call",
    encodeParams: encodeKeyPackagesCountParams,
    decodeParams: decodeKeyPackagesCountParams,
    encodeResults: encodeKeyPackagesCountResults,
    decodeResults: decodeKeyPackagesCountResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  claim: {
    interfaceId: 0x8a6fa4789143ab8an,
    ordinal: 2,
    name: "key-packages/claim",
    kind: "large",
    encodeParams: encodeKeyPackagesClaimParams,
    decodeParams: (frame) => decodeKeyPackagesClaimParams(frame, { bytesMax: 262_144 }),
    encodeResults: encodeKeyPackagesClaimResults,
    decodeResults: (frame) => decodeKeyPackagesClaimResults(frame, { bytesMax: 540_000 }),
    paramsBytesMax: 262_144,
    resultsBytesMax: 540_000,
  },
};

/** All calls need a device. Packages are MLSMessages. */
export interface KeyPackagesClient {
  publish(
    params: KeyPackagesPublishParams,
    options?: CallOptions,
  ): Promise<KeyPackagesPublishResults>;
  /** The calling device's. */
  count(params: KeyPackagesCountParams, options?: CallOptions): Promise<KeyPackagesCountResults>;
  claim(params: KeyPackagesClaimParams, options?: CallOptions): Promise<KeyPackagesClaimResults>;
}

export function keyPackagesClient(caller: Caller): KeyPackagesClient {
  return {
    publish: (params, options) => caller.call(keyPackagesMethods.publish, params, options),
    count: (params, options) => caller.call(keyPackagesMethods.count, params, options),
    claim: (params, options) => caller.call(keyPackagesMethods.claim, params, options),
  };
}

export interface KeyPackagesHandlers<Context> {
  publish(
    params: KeyPackagesPublishParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<KeyPackagesPublishResults>;
  /** The calling device's. */
  count(
    params: KeyPackagesCountParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<KeyPackagesCountResults>;
  claim(
    params: KeyPackagesClaimParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<KeyPackagesClaimResults>;
}

export function keyPackagesHandlers<Context>(
  handlers: KeyPackagesHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: keyPackagesMethods.publish,
      handler: (params: KeyPackagesPublishParams, context, signal) =>
        handlers.publish(params, context, signal),
    },
    {
      method: keyPackagesMethods.count,
      handler: (params: KeyPackagesCountParams, context, signal) =>
        handlers.count(params, context, signal),
    },
    {
      method: keyPackagesMethods.claim,
      handler: (params: KeyPackagesClaimParams, context, signal) =>
        handlers.claim(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesPublishParams(value: KeyPackagesPublishParams): Uint8Array {
  const writer = openWriter(0, 2);
  writeKeyPackagesPublishParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesPublishParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesPublishParams {
  return readKeyPackagesPublishParams(openFrame(frame, limits), 1);
}

export function readKeyPackagesPublishParams(
  reader: Reader,
  depth: number,
): KeyPackagesPublishParams {
  const { pointers, end } = reader;
  return {
    packages: readListOfData(
      reader,
      pointers,
      end,
      200,
      8192,
      depth,
      "KeyPackages.publish$Params.packages",
    ),
    lastResort: reader.isNull(pointers + 8, end)
      ? undefined
      : reader.bytes(pointers + 8, end, 8192, "KeyPackages.publish$Params.lastResort"),
  };
}

export function writeKeyPackagesPublishParams(
  writer: Writer,
  at: number,
  value: KeyPackagesPublishParams,
): void {
  if (value.packages.length !== 0) {
    writeListOfData(writer, at, value.packages, 200, 8192, "KeyPackages.publish$Params.packages");
  }
  if (value.lastResort !== undefined) {
    writer.presentData(at + 8, value.lastResort, 8192, "KeyPackages.publish$Params.lastResort");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesPublishResults(value: KeyPackagesPublishResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeKeyPackagesPublishResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesPublishResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesPublishResults {
  return readKeyPackagesPublishResults(openFrame(frame, limits), 1);
}

export function readKeyPackagesPublishResults(
  _reader: Reader,
  _depth: number,
): KeyPackagesPublishResults {
  return {};
}

export function writeKeyPackagesPublishResults(
  _writer: Writer,
  _at: number,
  _value: KeyPackagesPublishResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesCountParams(value: KeyPackagesCountParams): Uint8Array {
  const writer = openWriter(1, 0);
  writeKeyPackagesCountParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesCountParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesCountParams {
  return readKeyPackagesCountParams(openFrame(frame, limits), 1);
}

export function readKeyPackagesCountParams(reader: Reader, _depth: number): KeyPackagesCountParams {
  const { data, pointers } = reader;
  return {
    cipherSuite: reader.uint16(data, pointers),
  };
}

export function writeKeyPackagesCountParams(
  writer: Writer,
  at: number,
  value: KeyPackagesCountParams,
): void {
  writer.uint16(at, value.cipherSuite);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesCountResults(value: KeyPackagesCountResults): Uint8Array {
  const writer = openWriter(1, 1);
  writeKeyPackagesCountResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesCountResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesCountResults {
  return readKeyPackagesCountResults(openFrame(frame, limits), 1);
}

export function readKeyPackagesCountResults(
  reader: Reader,
  depth: number,
): KeyPackagesCountResults {
  const { data, pointers, end } = reader;
  return {
    singleUse: reader.uint32(data, pointers),
    lastResort: reader.isNull(pointers, end) ? undefined : readLastResortState(
      reader.openStruct(pointers, end, depth, "KeyPackages.count$Results.lastResort"),
      depth + 1,
    ),
  };
}

export function writeKeyPackagesCountResults(
  writer: Writer,
  at: number,
  value: KeyPackagesCountResults,
): void {
  writer.uint32(at, value.singleUse);
  if (value.lastResort !== undefined) {
    writeLastResortState(writer, writer.struct(at + 8, 2, 0), value.lastResort);
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesClaimParams(value: KeyPackagesClaimParams): Uint8Array {
  const writer = openWriter(1, 1);
  writeKeyPackagesClaimParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesClaimParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesClaimParams {
  return readKeyPackagesClaimParams(openFrame(frame, limits), 1);
}

export function readKeyPackagesClaimParams(reader: Reader, _depth: number): KeyPackagesClaimParams {
  const { data, pointers, end } = reader;
  return {
    accountId: reader.bytes(pointers, end, 16, "KeyPackages.claim$Params.accountId"),
    cipherSuite: reader.uint16(data, pointers),
  };
}

export function writeKeyPackagesClaimParams(
  writer: Writer,
  at: number,
  value: KeyPackagesClaimParams,
): void {
  writer.data(at + 8, value.accountId, 16, "KeyPackages.claim$Params.accountId");
  writer.uint16(at, value.cipherSuite);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeKeyPackagesClaimResults(value: KeyPackagesClaimResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeKeyPackagesClaimResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeKeyPackagesClaimResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): KeyPackagesClaimResults {
  return readKeyPackagesClaimResults(openFrame(frame, limits), 1);
}

export function readKeyPackagesClaimResults(
  reader: Reader,
  depth: number,
): KeyPackagesClaimResults {
  const { pointers, end } = reader;
  return {
    packages: readListOfClaimedPackage(
      reader,
      pointers,
      end,
      64,
      depth,
      "KeyPackages.claim$Results.packages",
    ),
  };
}

export function writeKeyPackagesClaimResults(
  writer: Writer,
  at: number,
  value: KeyPackagesClaimResults,
): void {
  if (value.packages.length !== 0) {
    writeListOfClaimedPackage(writer, at, value.packages, 64, "KeyPackages.claim$Results.packages");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeLastResortState(value: LastResortState): Uint8Array {
  const writer = openWriter(2, 0);
  writeLastResortState(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeLastResortState(frame: Uint8Array, limits?: DecodeLimits): LastResortState {
  return readLastResortState(openFrame(frame, limits), 1);
}

export function readLastResortState(reader: Reader, _depth: number): LastResortState {
  const { data, pointers } = reader;
  return {
    publishedAtMs: reader.safeInteger(data, pointers, false, "LastResortState.publishedAtMs"),
    firstUsedAtMs: reader.safeInteger(data + 8, pointers, false, "LastResortState.firstUsedAtMs"),
  };
}

export function writeLastResortState(writer: Writer, at: number, value: LastResortState): void {
  writer.safeInteger(at, value.publishedAtMs, false);
  writer.safeInteger(at + 8, value.firstUsedAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeClaimedPackage(value: ClaimedPackage): Uint8Array {
  const writer = openWriter(0, 2);
  writeClaimedPackage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeClaimedPackage(frame: Uint8Array, limits?: DecodeLimits): ClaimedPackage {
  return readClaimedPackage(openFrame(frame, limits), 1);
}

export function readClaimedPackage(reader: Reader, _depth: number): ClaimedPackage {
  const { pointers, end } = reader;
  return {
    deviceId: reader.bytes(pointers, end, 16, "ClaimedPackage.deviceId"),
    package: reader.bytes(pointers + 8, end, 8192, "ClaimedPackage.package"),
  };
}

export function writeClaimedPackage(writer: Writer, at: number, value: ClaimedPackage): void {
  writer.data(at, value.deviceId, 16, "ClaimedPackage.deviceId");
  writer.data(at + 8, value.package, 8192, "ClaimedPackage.package");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredPackage(value: StoredPackage): Uint8Array {
  const writer = openWriter(1, 2);
  writeStoredPackage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredPackage(frame: Uint8Array, limits?: DecodeLimits): StoredPackage {
  return readStoredPackage(openFrame(frame, limits), 1);
}

export function readStoredPackage(reader: Reader, _depth: number): StoredPackage {
  const { data, pointers, end } = reader;
  return {
    package: reader.bytes(pointers, end, 8192, "StoredPackage.package"),
    hash: reader.bytes(pointers + 8, end, 32, "StoredPackage.hash"),
    expiresAtMs: reader.safeInteger(data, pointers, false, "StoredPackage.expiresAtMs"),
  };
}

export function writeStoredPackage(writer: Writer, at: number, value: StoredPackage): void {
  writer.data(at + 8, value.package, 8192, "StoredPackage.package");
  writer.data(at + 16, value.hash, 32, "StoredPackage.hash");
  writer.safeInteger(at, value.expiresAtMs, false);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredLastResort(value: StoredLastResort): Uint8Array {
  const writer = openWriter(1, 2);
  writeStoredLastResort(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredLastResort(frame: Uint8Array, limits?: DecodeLimits): StoredLastResort {
  return readStoredLastResort(openFrame(frame, limits), 1);
}

export function readStoredLastResort(reader: Reader, depth: number): StoredLastResort {
  const { data, pointers, end } = reader;
  return {
    package: reader.bytes(pointers, end, 8192, "StoredLastResort.package"),
    expiresAtMs: reader.safeInteger(data, pointers, false, "StoredLastResort.expiresAtMs"),
    state: readLastResortState(
      reader.openStruct(pointers + 8, end, depth, "StoredLastResort.state"),
      depth + 1,
    ),
  };
}

export function writeStoredLastResort(writer: Writer, at: number, value: StoredLastResort): void {
  writer.data(at + 8, value.package, 8192, "StoredLastResort.package");
  writer.safeInteger(at, value.expiresAtMs, false);
  writeLastResortState(writer, writer.struct(at + 16, 2, 0), value.state);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredSupply(value: StoredSupply): Uint8Array {
  const writer = openWriter(2, 0);
  writeStoredSupply(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredSupply(frame: Uint8Array, limits?: DecodeLimits): StoredSupply {
  return readStoredSupply(openFrame(frame, limits), 1);
}

export function readStoredSupply(reader: Reader, _depth: number): StoredSupply {
  const { data, pointers } = reader;
  return {
    next: reader.safeInteger(data, pointers, false, "StoredSupply.next"),
    count: reader.uint32(data + 8, pointers),
  };
}

export function writeStoredSupply(writer: Writer, at: number, value: StoredSupply): void {
  writer.safeInteger(at, value.next, false);
  writer.uint32(at + 8, value.count);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStoredOwnPackage(value: StoredOwnPackage): Uint8Array {
  const writer = openWriter(4, 3);
  writeStoredOwnPackage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStoredOwnPackage(frame: Uint8Array, limits?: DecodeLimits): StoredOwnPackage {
  return readStoredOwnPackage(openFrame(frame, limits), 1);
}

export function readStoredOwnPackage(reader: Reader, _depth: number): StoredOwnPackage {
  const { data, pointers, end } = reader;
  return {
    message: reader.bytes(pointers, end, 8192, "StoredOwnPackage.message"),
    initPrivateKey: reader.bytes(pointers + 8, end, 256, "StoredOwnPackage.initPrivateKey"),
    encryptionPrivateKey: reader.bytes(
      pointers + 16,
      end,
      256,
      "StoredOwnPackage.encryptionPrivateKey",
    ),
    isLastResort: reader.bool(data, 0, pointers),
    keepUntilMs: reader.safeInteger(data + 8, pointers, false, "StoredOwnPackage.keepUntilMs"),
    madeAtMs: reader.safeInteger(data + 16, pointers, false, "StoredOwnPackage.madeAtMs"),
    isPublished: reader.bool(data, 1, pointers),
    firstUsedAtMs: reader.safeInteger(data + 24, pointers, false, "StoredOwnPackage.firstUsedAtMs"),
  };
}

export function writeStoredOwnPackage(writer: Writer, at: number, value: StoredOwnPackage): void {
  writer.data(at + 32, value.message, 8192, "StoredOwnPackage.message");
  writer.data(at + 40, value.initPrivateKey, 256, "StoredOwnPackage.initPrivateKey");
  writer.data(at + 48, value.encryptionPrivateKey, 256, "StoredOwnPackage.encryptionPrivateKey");
  writer.bool(at, 0, value.isLastResort);
  writer.safeInteger(at + 8, value.keepUntilMs, false);
  writer.safeInteger(at + 16, value.madeAtMs, false);
  writer.bool(at, 1, value.isPublished);
  writer.safeInteger(at + 24, value.firstUsedAtMs, false);
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

function readListOfClaimedPackage(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): ClaimedPackage[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: ClaimedPackage[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readClaimedPackage(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfClaimedPackage(
  writer: Writer,
  pointerAt: number,
  items: readonly ClaimedPackage[],
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
    writeClaimedPackage(writer, at, item);
    at += 16;
  }
}
