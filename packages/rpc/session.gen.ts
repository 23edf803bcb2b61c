// Generated from session.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type DecodeLimits,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  type Writer,
} from "@qpq/capnp";

export type ClientMessage =
  & {
    /** Of a call and its cancellation: chosen by the client, not in use for another call. 0 elsewhere. */
    readonly callId: number;
  }
  & (
    | {
      /** The first message of the first stream. */
      readonly kind: "hello";
      readonly hello: ClientHello;
    }
    | {
      /** The second: proves that the client has read the server's hello. Again whenever the client logs in. */
      readonly kind: "start";
      readonly start: Start;
    }
    | {
      /** The parameters follow, in a frame of their own. On any further stream this comes first and only once. */
      readonly kind: "call";
      readonly call: {
        readonly interfaceId: bigint;
        readonly ordinal: number;
        /** When the client will have given up; 0 leaves it to the server. */
        readonly timeoutMs: number;
      };
    }
    | {
      /** The client no longer waits for the call. */
      readonly kind: "cancel";
    }
    | {
      readonly kind: "ping";
    }
    | {
      readonly kind: "pong";
    }
    | { readonly kind: "unknown" }
  );

export type ServerMessage =
  & {
    readonly callId: number;
  }
  & (
    | {
      readonly kind: "hello";
      readonly hello: ServerHello;
    }
    | {
      /** Who the client says it is has been accepted. */
      readonly kind: "started";
    }
    | {
      /** It has not; the session goes on with nobody. */
      readonly kind: "notStarted";
      readonly notStarted: Refusal;
    }
    | {
      /** The results follow, in a frame of their own. */
      readonly kind: "result";
    }
    | {
      /** The call was refused; on a stream of its own this is the last message. */
      readonly kind: "error";
      readonly error: Refusal;
    }
    | {
      /** The last message of a subscription that came to its end. */
      readonly kind: "end";
    }
    | {
      readonly kind: "ping";
    }
    | {
      readonly kind: "pong";
    }
    | {
      /** The server stops: it finishes what has begun. Connect anew. */
      readonly kind: "goingAway";
    }
    | { readonly kind: "unknown" }
  );

export interface ClientHello {
  readonly versionMin: number;
  /** Protocol versions that the client speaks. */
  readonly versionMax: number;
  /** The client's build, for example "qpq/0.1.0". */
  readonly build: string;
  /** The server's access token, if it wants one. */
  readonly authToken: Uint8Array;
}

export interface ServerHello {
  /** The one that both sides speak from here on. */
  readonly version: number;
  readonly build: string;
  readonly serverName: string;
  /** Of the server's logs (16 bytes): changes when it was restored from a backup. */
  readonly incarnation: Uint8Array;
  /** 32 fresh random bytes: the client sends them back, and a device signs them. */
  readonly nonce: Uint8Array;
  /** Calls that may be in flight on the call stream. */
  readonly callsMax: number;
  /** Large calls and subscriptions that may be open. */
  readonly streamsMax: number;
}

export interface Start {
  /** The server's: so that nothing recorded can be sent again. */
  readonly nonce: Uint8Array;
  /** From a login; empty for nobody. */
  readonly sessionToken: Uint8Array;
  /** The device's Ed25519 signature over the server's nonce and name. */
  readonly deviceSignature: Uint8Array;
}

export interface Refusal {
  /** One of packages/ports/errors.ts. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** 0: not said. */
  readonly retryAfterMs: number;
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeClientMessage(value: ClientMessage): Uint8Array {
  const writer = openWriter(3, 1);
  writeClientMessage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeClientMessage(frame: Uint8Array, limits?: DecodeLimits): ClientMessage {
  return readClientMessage(openFrame(frame, limits), 1);
}

export function readClientMessage(reader: Reader, depth: number): ClientMessage {
  const { data, pointers, end } = reader;
  const fieldCallId = reader.uint32(data, pointers);
  switch (reader.uint16(data + 4, pointers)) {
    case 0:
      return {
        callId: fieldCallId,
        kind: "hello",
        hello: readClientHello(
          reader.openStruct(pointers, end, depth, "ClientMessage.hello"),
          depth + 1,
        ),
      };
    case 1:
      return {
        callId: fieldCallId,
        kind: "start",
        start: readStart(reader.openStruct(pointers, end, depth, "ClientMessage.start"), depth + 1),
      };
    case 2:
      return {
        callId: fieldCallId,
        kind: "call",
        call: {
          interfaceId: reader.uint64(data + 8, pointers),
          ordinal: reader.uint16(data + 6, pointers),
          timeoutMs: reader.uint32(data + 16, pointers),
        },
      };
    case 3:
      return { callId: fieldCallId, kind: "cancel" };
    case 4:
      return { callId: fieldCallId, kind: "ping" };
    case 5:
      return { callId: fieldCallId, kind: "pong" };
    default:
      return { callId: fieldCallId, kind: "unknown" };
  }
}

export function writeClientMessage(writer: Writer, at: number, value: ClientMessage): void {
  writer.uint32(at, value.callId);
  switch (value.kind) {
    case "hello":
      writeClientHello(writer, writer.struct(at + 24, 1, 2), value.hello);
      break;
    case "start":
      writer.uint16(at + 4, 1);
      writeStart(writer, writer.struct(at + 24, 0, 3), value.start);
      break;
    case "call":
      writer.uint16(at + 4, 2);
      writer.uint64(at + 8, value.call.interfaceId);
      writer.uint16(at + 6, value.call.ordinal);
      writer.uint32(at + 16, value.call.timeoutMs);
      break;
    case "cancel":
      writer.uint16(at + 4, 3);
      break;
    case "ping":
      writer.uint16(at + 4, 4);
      break;
    case "pong":
      writer.uint16(at + 4, 5);
      break;
    default:
      refuseUnknown("ClientMessage");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeServerMessage(value: ServerMessage): Uint8Array {
  const writer = openWriter(1, 1);
  writeServerMessage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeServerMessage(frame: Uint8Array, limits?: DecodeLimits): ServerMessage {
  return readServerMessage(openFrame(frame, limits), 1);
}

export function readServerMessage(reader: Reader, depth: number): ServerMessage {
  const { data, pointers, end } = reader;
  const fieldCallId = reader.uint32(data, pointers);
  switch (reader.uint16(data + 4, pointers)) {
    case 0:
      return {
        callId: fieldCallId,
        kind: "hello",
        hello: readServerHello(
          reader.openStruct(pointers, end, depth, "ServerMessage.hello"),
          depth + 1,
        ),
      };
    case 1:
      return { callId: fieldCallId, kind: "started" };
    case 2:
      return {
        callId: fieldCallId,
        kind: "notStarted",
        notStarted: readRefusal(
          reader.openStruct(pointers, end, depth, "ServerMessage.notStarted"),
          depth + 1,
        ),
      };
    case 3:
      return { callId: fieldCallId, kind: "result" };
    case 4:
      return {
        callId: fieldCallId,
        kind: "error",
        error: readRefusal(
          reader.openStruct(pointers, end, depth, "ServerMessage.error"),
          depth + 1,
        ),
      };
    case 5:
      return { callId: fieldCallId, kind: "end" };
    case 6:
      return { callId: fieldCallId, kind: "ping" };
    case 7:
      return { callId: fieldCallId, kind: "pong" };
    case 8:
      return { callId: fieldCallId, kind: "goingAway" };
    default:
      return { callId: fieldCallId, kind: "unknown" };
  }
}

export function writeServerMessage(writer: Writer, at: number, value: ServerMessage): void {
  writer.uint32(at, value.callId);
  switch (value.kind) {
    case "hello":
      writeServerHello(writer, writer.struct(at + 8, 1, 4), value.hello);
      break;
    case "started":
      writer.uint16(at + 4, 1);
      break;
    case "notStarted":
      writer.uint16(at + 4, 2);
      writeRefusal(writer, writer.struct(at + 8, 1, 2), value.notStarted);
      break;
    case "result":
      writer.uint16(at + 4, 3);
      break;
    case "error":
      writer.uint16(at + 4, 4);
      writeRefusal(writer, writer.struct(at + 8, 1, 2), value.error);
      break;
    case "end":
      writer.uint16(at + 4, 5);
      break;
    case "ping":
      writer.uint16(at + 4, 6);
      break;
    case "pong":
      writer.uint16(at + 4, 7);
      break;
    case "goingAway":
      writer.uint16(at + 4, 8);
      break;
    default:
      refuseUnknown("ServerMessage");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeClientHello(value: ClientHello): Uint8Array {
  const writer = openWriter(1, 2);
  writeClientHello(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeClientHello(frame: Uint8Array, limits?: DecodeLimits): ClientHello {
  return readClientHello(openFrame(frame, limits), 1);
}

export function readClientHello(reader: Reader, _depth: number): ClientHello {
  const { data, pointers, end } = reader;
  return {
    versionMin: reader.uint16(data, pointers),
    versionMax: reader.uint16(data + 2, pointers),
    build: reader.text(pointers, end, 64, "ClientHello.build"),
    authToken: reader.bytes(pointers + 8, end, 256, "ClientHello.authToken"),
  };
}

export function writeClientHello(writer: Writer, at: number, value: ClientHello): void {
  writer.uint16(at, value.versionMin);
  writer.uint16(at + 2, value.versionMax);
  writer.text(at + 8, value.build, 64, "ClientHello.build");
  writer.data(at + 16, value.authToken, 256, "ClientHello.authToken");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeServerHello(value: ServerHello): Uint8Array {
  const writer = openWriter(1, 4);
  writeServerHello(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeServerHello(frame: Uint8Array, limits?: DecodeLimits): ServerHello {
  return readServerHello(openFrame(frame, limits), 1);
}

export function readServerHello(reader: Reader, _depth: number): ServerHello {
  const { data, pointers, end } = reader;
  return {
    version: reader.uint16(data, pointers),
    build: reader.text(pointers, end, 64, "ServerHello.build"),
    serverName: reader.text(pointers + 8, end, 255, "ServerHello.serverName"),
    incarnation: reader.bytes(pointers + 16, end, 16, "ServerHello.incarnation"),
    nonce: reader.bytes(pointers + 24, end, 32, "ServerHello.nonce"),
    callsMax: reader.uint16(data + 2, pointers),
    streamsMax: reader.uint16(data + 4, pointers),
  };
}

export function writeServerHello(writer: Writer, at: number, value: ServerHello): void {
  writer.uint16(at, value.version);
  writer.text(at + 8, value.build, 64, "ServerHello.build");
  writer.text(at + 16, value.serverName, 255, "ServerHello.serverName");
  writer.data(at + 24, value.incarnation, 16, "ServerHello.incarnation");
  writer.data(at + 32, value.nonce, 32, "ServerHello.nonce");
  writer.uint16(at + 2, value.callsMax);
  writer.uint16(at + 4, value.streamsMax);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeStart(value: Start): Uint8Array {
  const writer = openWriter(0, 3);
  writeStart(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeStart(frame: Uint8Array, limits?: DecodeLimits): Start {
  return readStart(openFrame(frame, limits), 1);
}

export function readStart(reader: Reader, _depth: number): Start {
  const { pointers, end } = reader;
  return {
    nonce: reader.bytes(pointers, end, 32, "Start.nonce"),
    sessionToken: reader.bytes(pointers + 8, end, 64, "Start.sessionToken"),
    deviceSignature: reader.bytes(pointers + 16, end, 64, "Start.deviceSignature"),
  };
}

export function writeStart(writer: Writer, at: number, value: Start): void {
  writer.data(at, value.nonce, 32, "Start.nonce");
  writer.data(at + 8, value.sessionToken, 64, "Start.sessionToken");
  writer.data(at + 16, value.deviceSignature, 64, "Start.deviceSignature");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeRefusal(value: Refusal): Uint8Array {
  const writer = openWriter(1, 2);
  writeRefusal(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeRefusal(frame: Uint8Array, limits?: DecodeLimits): Refusal {
  return readRefusal(openFrame(frame, limits), 1);
}

export function readRefusal(reader: Reader, _depth: number): Refusal {
  const { data, pointers, end } = reader;
  return {
    code: reader.text(pointers, end, 64, "Refusal.code"),
    message: reader.text(pointers + 8, end, 512, "Refusal.message"),
    retryAfterMs: reader.uint32(data, pointers),
  };
}

export function writeRefusal(writer: Writer, at: number, value: Refusal): void {
  writer.text(at + 8, value.code, 64, "Refusal.code");
  writer.text(at + 16, value.message, 512, "Refusal.message");
  writer.uint32(at, value.retryAfterMs);
}
