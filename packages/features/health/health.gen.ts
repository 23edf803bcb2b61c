// Generated from health.capnp by scripts/generate.ts: change the schema, not this file.
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

export type ServerState = "serving" | "draining" | "unknown";

export type HealthCheckParams = Readonly<Record<never, never>>;

export interface HealthCheckResults {
  readonly state: ServerState;
  readonly version: string;
  readonly uptimeMs: number;
}

export const healthMethods: {
  readonly check: Method<HealthCheckParams, HealthCheckResults>;
} = {
  check: {
    interfaceId: 0xbf535253405bac88n,
    ordinal: 0,
    name: "health/check",
    kind: "call",
    encodeParams: encodeHealthCheckParams,
    decodeParams: decodeHealthCheckParams,
    encodeResults: encodeHealthCheckResults,
    decodeResults: decodeHealthCheckResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

export interface HealthClient {
  check(params: HealthCheckParams, options?: CallOptions): Promise<HealthCheckResults>;
}

export function healthClient(caller: Caller): HealthClient {
  return {
    check: (params, options) => caller.call(healthMethods.check, params, options),
  };
}

export interface HealthHandlers<Context> {
  check(
    params: HealthCheckParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<HealthCheckResults>;
}

export function healthHandlers<Context>(
  handlers: HealthHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: healthMethods.check,
      handler: (params: HealthCheckParams, context, signal) =>
        handlers.check(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeHealthCheckParams(value: HealthCheckParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeHealthCheckParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeHealthCheckParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): HealthCheckParams {
  return readHealthCheckParams(openFrame(frame, limits), 1);
}

export function readHealthCheckParams(_reader: Reader, _depth: number): HealthCheckParams {
  return {};
}

export function writeHealthCheckParams(
  _writer: Writer,
  _at: number,
  _value: HealthCheckParams,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeHealthCheckResults(value: HealthCheckResults): Uint8Array {
  const writer = openWriter(2, 1);
  writeHealthCheckResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeHealthCheckResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): HealthCheckResults {
  return readHealthCheckResults(openFrame(frame, limits), 1);
}

export function readHealthCheckResults(reader: Reader, _depth: number): HealthCheckResults {
  const { data, pointers, end } = reader;
  return {
    state: readServerState(reader.uint16(data, pointers)),
    version: reader.text(pointers, end, 64, "Health.check$Results.version"),
    uptimeMs: reader.safeInteger(data + 8, pointers, false, "Health.check$Results.uptimeMs"),
  };
}

export function writeHealthCheckResults(
  writer: Writer,
  at: number,
  value: HealthCheckResults,
): void {
  writer.uint16(at, ordinalOfServerState(value.state));
  writer.text(at + 16, value.version, 64, "Health.check$Results.version");
  writer.safeInteger(at + 8, value.uptimeMs, false);
}

export function readServerState(ordinal: number): ServerState {
  switch (ordinal) {
    case 0:
      return "serving";
    case 1:
      return "draining";
    default:
      return "unknown";
  }
}

export function ordinalOfServerState(value: ServerState): number {
  switch (value) {
    case "serving":
      return 0;
    case "draining":
      return 1;
    default:
      return refuseUnknown("ServerState");
  }
}
