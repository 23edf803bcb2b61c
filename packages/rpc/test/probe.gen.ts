// Generated from probe.capnp by scripts/generate.ts: change the schema, not this file.
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
  type Writer,
} from "@qpq/capnp";

export interface ProbeEchoParams {
  readonly payload: Uint8Array;
}

export interface ProbeEchoResults {
  readonly payload: Uint8Array;
}

export interface ProbeHoldParams {
  readonly name: string;
  readonly resultBytes: number;
}

export interface ProbeHoldResults {
  readonly payload: Uint8Array;
}

export interface ProbeRefuseParams {
  readonly code: string;
}

export type ProbeRefuseResults = Readonly<Record<never, never>>;

export interface ProbeUploadParams {
  readonly payload: Uint8Array;
}

export interface ProbeUploadResults {
  readonly payload: Uint8Array;
}

export interface ProbeCountParams {
  readonly upTo: number;
}

export interface ProbeCountResults {
  readonly value: number;
  readonly padding: Uint8Array;
}

export type ProbeWhoAmIParams = Readonly<Record<never, never>>;

export interface ProbeWhoAmIResults {
  readonly name: string;
}

export const probeMethods: {
  readonly echo: Method<ProbeEchoParams, ProbeEchoResults>;
  readonly hold: Method<ProbeHoldParams, ProbeHoldResults>;
  readonly refuse: Method<ProbeRefuseParams, ProbeRefuseResults>;
  readonly upload: Method<ProbeUploadParams, ProbeUploadResults>;
  readonly count: Method<ProbeCountParams, ProbeCountResults>;
  readonly whoAmI: Method<ProbeWhoAmIParams, ProbeWhoAmIResults>;
} = {
  echo: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 0,
    name: "probe/echo",
    kind: "call",
    encodeParams: encodeProbeEchoParams,
    decodeParams: decodeProbeEchoParams,
    encodeResults: encodeProbeEchoResults,
    decodeResults: decodeProbeEchoResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  hold: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 1,
    name: "probe/hold",
    kind: "call",
    encodeParams: encodeProbeHoldParams,
    decodeParams: decodeProbeHoldParams,
    encodeResults: encodeProbeHoldResults,
    decodeResults: decodeProbeHoldResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  refuse: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 2,
    name: "probe/refuse",
    kind: "call",
    encodeParams: encodeProbeRefuseParams,
    decodeParams: decodeProbeRefuseParams,
    encodeResults: encodeProbeRefuseResults,
    decodeResults: decodeProbeRefuseResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  upload: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 3,
    name: "probe/upload",
    kind: "large",
    encodeParams: encodeProbeUploadParams,
    decodeParams: (frame) => decodeProbeUploadParams(frame, { bytesMax: 4_001_000 }),
    encodeResults: encodeProbeUploadResults,
    decodeResults: (frame) => decodeProbeUploadResults(frame, { bytesMax: 4_001_000 }),
    paramsBytesMax: 4_001_000,
    resultsBytesMax: 4_001_000,
  },
  count: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 4,
    name: "probe/count",
    kind: "subscription",
    encodeParams: encodeProbeCountParams,
    decodeParams: decodeProbeCountParams,
    encodeResults: encodeProbeCountResults,
    decodeResults: decodeProbeCountResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  whoAmI: {
    interfaceId: 0xe3a51c7f90b2d846n,
    ordinal: 5,
    name: "probe/who-am-i",
    kind: "call",
    encodeParams: encodeProbeWhoAmIParams,
    decodeParams: decodeProbeWhoAmIParams,
    encodeResults: encodeProbeWhoAmIResults,
    decodeResults: decodeProbeWhoAmIResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

export interface ProbeClient {
  /** Returns what it gets. */
  echo(params: ProbeEchoParams, options?: CallOptions): Promise<ProbeEchoResults>;
  /** Waits until the test lets it go, or its signal is aborted. */
  hold(params: ProbeHoldParams, options?: CallOptions): Promise<ProbeHoldResults>;
  /** Fails with that code, or, for any other text, with a bug. */
  refuse(params: ProbeRefuseParams, options?: CallOptions): Promise<ProbeRefuseResults>;
  upload(params: ProbeUploadParams, options?: CallOptions): Promise<ProbeUploadResults>;
  /** Counts from 1, above 1000 with 32 KiB of padding each; up to 0 says nothing and never ends. */
  count(params: ProbeCountParams, options?: CallOptions): AsyncIterable<ProbeCountResults>;
  whoAmI(params: ProbeWhoAmIParams, options?: CallOptions): Promise<ProbeWhoAmIResults>;
}

export function probeClient(caller: Caller): ProbeClient {
  return {
    echo: (params, options) => caller.call(probeMethods.echo, params, options),
    hold: (params, options) => caller.call(probeMethods.hold, params, options),
    refuse: (params, options) => caller.call(probeMethods.refuse, params, options),
    upload: (params, options) => caller.call(probeMethods.upload, params, options),
    count: (params, options) => caller.subscribe(probeMethods.count, params, options),
    whoAmI: (params, options) => caller.call(probeMethods.whoAmI, params, options),
  };
}

export interface ProbeHandlers<Context> {
  /** Returns what it gets. */
  echo(params: ProbeEchoParams, context: Context, signal: AbortSignal): Promise<ProbeEchoResults>;
  /** Waits until the test lets it go, or its signal is aborted. */
  hold(params: ProbeHoldParams, context: Context, signal: AbortSignal): Promise<ProbeHoldResults>;
  /** Fails with that code, or, for any other text, with a bug. */
  refuse(
    params: ProbeRefuseParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ProbeRefuseResults>;
  upload(
    params: ProbeUploadParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ProbeUploadResults>;
  /** Counts from 1, above 1000 with 32 KiB of padding each; up to 0 says nothing and never ends. */
  count(
    params: ProbeCountParams,
    context: Context,
    signal: AbortSignal,
  ): AsyncIterable<ProbeCountResults>;
  whoAmI(
    params: ProbeWhoAmIParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<ProbeWhoAmIResults>;
}

export function probeHandlers<Context>(
  handlers: ProbeHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: probeMethods.echo,
      handler: (params: ProbeEchoParams, context, signal) => handlers.echo(params, context, signal),
    },
    {
      method: probeMethods.hold,
      handler: (params: ProbeHoldParams, context, signal) => handlers.hold(params, context, signal),
    },
    {
      method: probeMethods.refuse,
      handler: (params: ProbeRefuseParams, context, signal) =>
        handlers.refuse(params, context, signal),
    },
    {
      method: probeMethods.upload,
      handler: (params: ProbeUploadParams, context, signal) =>
        handlers.upload(params, context, signal),
    },
    {
      method: probeMethods.count,
      handler: (params: ProbeCountParams, context, signal) =>
        handlers.count(params, context, signal),
    },
    {
      method: probeMethods.whoAmI,
      handler: (params: ProbeWhoAmIParams, context, signal) =>
        handlers.whoAmI(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeEchoParams(value: ProbeEchoParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeEchoParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeEchoParams(frame: Uint8Array, limits?: DecodeLimits): ProbeEchoParams {
  return readProbeEchoParams(openFrame(frame, limits), 1);
}

export function readProbeEchoParams(reader: Reader, _depth: number): ProbeEchoParams {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 262_000, "Probe.echo$Params.payload"),
  };
}

export function writeProbeEchoParams(writer: Writer, at: number, value: ProbeEchoParams): void {
  writer.data(at, value.payload, 262_000, "Probe.echo$Params.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeEchoResults(value: ProbeEchoResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeEchoResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeEchoResults(frame: Uint8Array, limits?: DecodeLimits): ProbeEchoResults {
  return readProbeEchoResults(openFrame(frame, limits), 1);
}

export function readProbeEchoResults(reader: Reader, _depth: number): ProbeEchoResults {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 262_000, "Probe.echo$Results.payload"),
  };
}

export function writeProbeEchoResults(writer: Writer, at: number, value: ProbeEchoResults): void {
  writer.data(at, value.payload, 262_000, "Probe.echo$Results.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeHoldParams(value: ProbeHoldParams): Uint8Array {
  const writer = openWriter(1, 1);
  writeProbeHoldParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeHoldParams(frame: Uint8Array, limits?: DecodeLimits): ProbeHoldParams {
  return readProbeHoldParams(openFrame(frame, limits), 1);
}

export function readProbeHoldParams(reader: Reader, _depth: number): ProbeHoldParams {
  const { data, pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Probe.hold$Params.name"),
    resultBytes: reader.uint32(data, pointers),
  };
}

export function writeProbeHoldParams(writer: Writer, at: number, value: ProbeHoldParams): void {
  writer.text(at + 8, value.name, 64, "Probe.hold$Params.name");
  writer.uint32(at, value.resultBytes);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeHoldResults(value: ProbeHoldResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeHoldResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeHoldResults(frame: Uint8Array, limits?: DecodeLimits): ProbeHoldResults {
  return readProbeHoldResults(openFrame(frame, limits), 1);
}

export function readProbeHoldResults(reader: Reader, _depth: number): ProbeHoldResults {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 262_000, "Probe.hold$Results.payload"),
  };
}

export function writeProbeHoldResults(writer: Writer, at: number, value: ProbeHoldResults): void {
  writer.data(at, value.payload, 262_000, "Probe.hold$Results.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeRefuseParams(value: ProbeRefuseParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeRefuseParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeRefuseParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeRefuseParams {
  return readProbeRefuseParams(openFrame(frame, limits), 1);
}

export function readProbeRefuseParams(reader: Reader, _depth: number): ProbeRefuseParams {
  const { pointers, end } = reader;
  return {
    code: reader.text(pointers, end, 64, "Probe.refuse$Params.code"),
  };
}

export function writeProbeRefuseParams(writer: Writer, at: number, value: ProbeRefuseParams): void {
  writer.text(at, value.code, 64, "Probe.refuse$Params.code");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeRefuseResults(value: ProbeRefuseResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeProbeRefuseResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeRefuseResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeRefuseResults {
  return readProbeRefuseResults(openFrame(frame, limits), 1);
}

export function readProbeRefuseResults(_reader: Reader, _depth: number): ProbeRefuseResults {
  return {};
}

export function writeProbeRefuseResults(
  _writer: Writer,
  _at: number,
  _value: ProbeRefuseResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeUploadParams(value: ProbeUploadParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeUploadParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeUploadParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeUploadParams {
  return readProbeUploadParams(openFrame(frame, limits), 1);
}

export function readProbeUploadParams(reader: Reader, _depth: number): ProbeUploadParams {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 4_000_000, "Probe.upload$Params.payload"),
  };
}

export function writeProbeUploadParams(writer: Writer, at: number, value: ProbeUploadParams): void {
  writer.data(at, value.payload, 4_000_000, "Probe.upload$Params.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeUploadResults(value: ProbeUploadResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeUploadResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeUploadResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeUploadResults {
  return readProbeUploadResults(openFrame(frame, limits), 1);
}

export function readProbeUploadResults(reader: Reader, _depth: number): ProbeUploadResults {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 4_000_000, "Probe.upload$Results.payload"),
  };
}

export function writeProbeUploadResults(
  writer: Writer,
  at: number,
  value: ProbeUploadResults,
): void {
  writer.data(at, value.payload, 4_000_000, "Probe.upload$Results.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeCountParams(value: ProbeCountParams): Uint8Array {
  const writer = openWriter(1, 0);
  writeProbeCountParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeCountParams(frame: Uint8Array, limits?: DecodeLimits): ProbeCountParams {
  return readProbeCountParams(openFrame(frame, limits), 1);
}

export function readProbeCountParams(reader: Reader, _depth: number): ProbeCountParams {
  const { data, pointers } = reader;
  return {
    upTo: reader.uint32(data, pointers),
  };
}

export function writeProbeCountParams(writer: Writer, at: number, value: ProbeCountParams): void {
  writer.uint32(at, value.upTo);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeCountResults(value: ProbeCountResults): Uint8Array {
  const writer = openWriter(1, 1);
  writeProbeCountResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeCountResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeCountResults {
  return readProbeCountResults(openFrame(frame, limits), 1);
}

export function readProbeCountResults(reader: Reader, _depth: number): ProbeCountResults {
  const { data, pointers, end } = reader;
  return {
    value: reader.uint32(data, pointers),
    padding: reader.bytes(pointers, end, 65_536, "Probe.count$Results.padding"),
  };
}

export function writeProbeCountResults(writer: Writer, at: number, value: ProbeCountResults): void {
  writer.uint32(at, value.value);
  writer.data(at + 8, value.padding, 65_536, "Probe.count$Results.padding");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeWhoAmIParams(value: ProbeWhoAmIParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeProbeWhoAmIParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeWhoAmIParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeWhoAmIParams {
  return readProbeWhoAmIParams(openFrame(frame, limits), 1);
}

export function readProbeWhoAmIParams(_reader: Reader, _depth: number): ProbeWhoAmIParams {
  return {};
}

export function writeProbeWhoAmIParams(
  _writer: Writer,
  _at: number,
  _value: ProbeWhoAmIParams,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeProbeWhoAmIResults(value: ProbeWhoAmIResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeProbeWhoAmIResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeProbeWhoAmIResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): ProbeWhoAmIResults {
  return readProbeWhoAmIResults(openFrame(frame, limits), 1);
}

export function readProbeWhoAmIResults(reader: Reader, _depth: number): ProbeWhoAmIResults {
  const { pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Probe.whoAmI$Results.name"),
  };
}

export function writeProbeWhoAmIResults(
  writer: Writer,
  at: number,
  value: ProbeWhoAmIResults,
): void {
  writer.text(at, value.name, 64, "Probe.whoAmI$Results.name");
}
