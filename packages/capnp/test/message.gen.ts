// Generated from message.capnp by scripts/generate.ts: change the schema, not this file.
import { type DecodeLimits, openFrame, openWriter, type Reader, type Writer } from "../mod.ts";

export interface Message {
  readonly sequence: bigint;
  readonly sentAtMs: bigint;
  readonly epoch: bigint;
  readonly generation: number;
  readonly kind: number;
  readonly urgent: boolean;
  readonly channelId: Uint8Array;
  readonly entryId: Uint8Array;
  readonly sender: string;
  readonly subject: string;
  readonly body: Uint8Array;
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeMessage(value: Message): Uint8Array {
  const writer = openWriter(4, 5);
  writeMessage(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeMessage(frame: Uint8Array, limits?: DecodeLimits): Message {
  return readMessage(openFrame(frame, limits), 1);
}

export function readMessage(reader: Reader, _depth: number): Message {
  const { data, pointers, end } = reader;
  return {
    sequence: reader.uint64(data, pointers),
    sentAtMs: reader.uint64(data + 8, pointers),
    epoch: reader.uint64(data + 16, pointers),
    generation: reader.uint32(data + 24, pointers),
    kind: reader.uint16(data + 28, pointers),
    urgent: reader.bool(data + 30, 0, pointers),
    channelId: reader.bytes(pointers, end, 16, "Message.channelId"),
    entryId: reader.bytes(pointers + 8, end, 16, "Message.entryId"),
    sender: reader.text(pointers + 16, end, 64, "Message.sender"),
    subject: reader.text(pointers + 24, end, 128, "Message.subject"),
    body: reader.bytes(pointers + 32, end, 65_536, "Message.body"),
  };
}

export function writeMessage(writer: Writer, at: number, value: Message): void {
  writer.uint64(at, value.sequence);
  writer.uint64(at + 8, value.sentAtMs);
  writer.uint64(at + 16, value.epoch);
  writer.uint32(at + 24, value.generation);
  writer.uint16(at + 28, value.kind);
  writer.bool(at + 30, 0, value.urgent);
  writer.data(at + 32, value.channelId, 16, "Message.channelId");
  writer.data(at + 40, value.entryId, 16, "Message.entryId");
  writer.text(at + 48, value.sender, 64, "Message.sender");
  writer.text(at + 56, value.subject, 128, "Message.subject");
  writer.data(at + 64, value.body, 65_536, "Message.body");
}
