// Generated from ping.capnp by scripts/generate.ts: change the schema, not this file.
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

export interface PingPingParams {
  readonly payload: Uint8Array;
}

export interface PingPingResults {
  readonly payload: Uint8Array;
  readonly serverTimeMs: number;
}

export const pingMethods: {
  readonly ping: Method<PingPingParams, PingPingResults>;
} = {
  ping: {
    interfaceId: 0xa8c4e1f27b3d9560n,
    ordinal: 0,
    name: "ping/ping",
    kind: "call",
    encodeParams: encodePingPingParams,
    decodeParams: decodePingPingParams,
    encodeResults: encodePingPingResults,
    decodeResults: decodePingPingResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

export interface PingClient {
  ping(params: PingPingParams, options?: CallOptions): Promise<PingPingResults>;
}

export function pingClient(caller: Caller): PingClient {
  return {
    ping: (params, options) => caller.call(pingMethods.ping, params, options),
  };
}

export interface PingHandlers<Context> {
  ping(params: PingPingParams, context: Context, signal: AbortSignal): Promise<PingPingResults>;
}

export function pingHandlers<Context>(
  handlers: PingHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: pingMethods.ping,
      handler: (params: PingPingParams, context, signal) => handlers.ping(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodePingPingParams(value: PingPingParams): Uint8Array {
  const writer = openWriter(0, 1);
  writePingPingParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodePingPingParams(frame: Uint8Array, limits?: DecodeLimits): PingPingParams {
  return readPingPingParams(openFrame(frame, limits), 1);
}

export function readPingPingParams(reader: Reader, _depth: number): PingPingParams {
  const { pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 32_768, "Ping.ping$Params.payload"),
  };
}

export function writePingPingParams(writer: Writer, at: number, value: PingPingParams): void {
  writer.data(at, value.payload, 32_768, "Ping.ping$Params.payload");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodePingPingResults(value: PingPingResults): Uint8Array {
  const writer = openWriter(1, 1);
  writePingPingResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodePingPingResults(frame: Uint8Array, limits?: DecodeLimits): PingPingResults {
  return readPingPingResults(openFrame(frame, limits), 1);
}

export function readPingPingResults(reader: Reader, _depth: number): PingPingResults {
  const { data, pointers, end } = reader;
  return {
    payload: reader.bytes(pointers, end, 32_768, "Ping.ping$Results.payload"),
    serverTimeMs: reader.safeInteger(data, pointers, false, "Ping.ping$Results.serverTimeMs"),
  };
}

export function writePingPingResults(writer: Writer, at: number, value: PingPingResults): void {
  writer.data(at + 8, value.payload, 32_768, "Ping.ping$Results.payload");
  writer.safeInteger(at, value.serverTimeMs, false);
}
