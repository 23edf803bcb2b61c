// Generated from evolution.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type DecodeLimits,
  ELEMENT,
  LIST_ITEMS_MAX,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  TEXT_BYTES_MAX,
  type Writer,
} from "../mod.ts";

export type OlderMode = "slow" | "fast" | "unknown";

export type NewerMode = "slow" | "fast" | "faster" | "unknown";

export interface Older {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly number[];
  readonly names: readonly string[];
  readonly shorts: readonly number[];
  readonly bytes: readonly number[];
  readonly longs: readonly bigint[];
  readonly voids: readonly undefined[];
  readonly parts: readonly OlderPart[];
  readonly part: OlderPart;
  readonly mode: OlderMode;
  readonly state:
    | {
      readonly kind: "idle";
    }
    | {
      readonly kind: "busy";
      readonly busy: number;
    }
    | { readonly kind: "unknown" };
  readonly grid: readonly (readonly number[])[];
}

export interface OlderPart {
  readonly size: number;
  readonly label: string;
}

export interface Newer {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly NewerTag[];
  readonly names: readonly NewerName[];
  readonly shorts: readonly NewerShort[];
  readonly bytes: readonly NewerByte[];
  readonly longs: readonly NewerLong[];
  readonly voids: readonly NewerVoid[];
  readonly parts: readonly NewerPart[];
  readonly part: NewerPart;
  readonly mode: NewerMode;
  readonly state:
    | {
      readonly kind: "idle";
    }
    | {
      readonly kind: "busy";
      readonly busy: number;
    }
    | {
      readonly kind: "gone";
      readonly gone: string;
    }
    | { readonly kind: "unknown" };
  readonly grid: readonly (readonly number[])[];
  readonly added: bigint;
  readonly addedText: string;
  readonly addedPart: NewerPart;
  readonly addedOptional?: NewerPart | undefined;
}

export interface NewerTag {
  readonly value: number;
  readonly weight: number;
  readonly note: string;
}

export interface NewerName {
  readonly text: string;
  readonly language: string;
  readonly rank: number;
}

export interface NewerShort {
  readonly value: number;
  readonly more: number;
  readonly wide: bigint;
}

export interface NewerByte {
  readonly value: number;
  readonly more: number;
}

export interface NewerLong {
  readonly value: bigint;
  readonly more: boolean;
}

export interface NewerVoid {
  readonly more: number;
}

export interface NewerPart {
  readonly size: number;
  readonly label: string;
  readonly colour: bigint;
  readonly title: string;
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeOlder(value: Older): Uint8Array {
  const writer = openWriter(2, 10);
  writeOlder(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeOlder(frame: Uint8Array, limits?: DecodeLimits): Older {
  return readOlder(openFrame(frame, limits), 1);
}

export function readOlder(reader: Reader, depth: number): Older {
  const { data, pointers, end } = reader;
  return {
    id: reader.uint32(data, pointers),
    name: reader.text(pointers, end, TEXT_BYTES_MAX, "Older.name"),
    tags: readListOfUint32(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Older.tags"),
    names: readListOfText(
      reader,
      pointers + 16,
      end,
      LIST_ITEMS_MAX,
      TEXT_BYTES_MAX,
      depth,
      "Older.names",
    ),
    shorts: readListOfUint16(reader, pointers + 24, end, LIST_ITEMS_MAX, depth, "Older.shorts"),
    bytes: readListOfUint8(reader, pointers + 32, end, LIST_ITEMS_MAX, depth, "Older.bytes"),
    longs: readListOfUint64(reader, pointers + 40, end, LIST_ITEMS_MAX, depth, "Older.longs"),
    voids: readListOfVoid(reader, pointers + 48, end, LIST_ITEMS_MAX, depth, "Older.voids"),
    parts: readListOfOlderPart(reader, pointers + 56, end, LIST_ITEMS_MAX, depth, "Older.parts"),
    part: readOlderPart(reader.openStruct(pointers + 64, end, depth, "Older.part"), depth + 1),
    mode: readOlderMode(reader.uint16(data + 4, pointers)),
    state: readOlderState(reader, data, pointers, end, depth),
    grid: readListOfListOfUint16(
      reader,
      pointers + 72,
      end,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      depth,
      "Older.grid",
    ),
  };
}

function readOlderState(
  reader: Reader,
  data: number,
  pointers: number,
  _end: number,
  _depth: number,
): Older["state"] {
  switch (reader.uint16(data + 6, pointers)) {
    case 0:
      return { kind: "idle" };
    case 1:
      return { kind: "busy", busy: reader.uint32(data + 8, pointers) };
    default:
      return { kind: "unknown" };
  }
}

export function writeOlder(writer: Writer, at: number, value: Older): void {
  writer.uint32(at, value.id);
  writer.text(at + 16, value.name, TEXT_BYTES_MAX, "Older.name");
  if (value.tags.length !== 0) {
    writeListOfUint32(writer, at + 24, value.tags, LIST_ITEMS_MAX, "Older.tags");
  }
  if (value.names.length !== 0) {
    writeListOfText(writer, at + 32, value.names, LIST_ITEMS_MAX, TEXT_BYTES_MAX, "Older.names");
  }
  if (value.shorts.length !== 0) {
    writeListOfUint16(writer, at + 40, value.shorts, LIST_ITEMS_MAX, "Older.shorts");
  }
  if (value.bytes.length !== 0) {
    writeListOfUint8(writer, at + 48, value.bytes, LIST_ITEMS_MAX, "Older.bytes");
  }
  if (value.longs.length !== 0) {
    writeListOfUint64(writer, at + 56, value.longs, LIST_ITEMS_MAX, "Older.longs");
  }
  if (value.voids.length !== 0) {
    writeListOfVoid(writer, at + 64, value.voids, LIST_ITEMS_MAX, "Older.voids");
  }
  if (value.parts.length !== 0) {
    writeListOfOlderPart(writer, at + 72, value.parts, LIST_ITEMS_MAX, "Older.parts");
  }
  writeOlderPart(writer, writer.struct(at + 80, 1, 1), value.part);
  writer.uint16(at + 4, ordinalOfOlderMode(value.mode));
  writeOlderState(writer, at, value.state);
  if (value.grid.length !== 0) {
    writeListOfListOfUint16(
      writer,
      at + 88,
      value.grid,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      "Older.grid",
    );
  }
}

function writeOlderState(writer: Writer, at: number, value: Older["state"]): void {
  switch (value.kind) {
    case "idle":
      break;
    case "busy":
      writer.uint16(at + 6, 1);
      writer.uint32(at + 8, value.busy);
      break;
    default:
      refuseUnknown("Older.state");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeOlderPart(value: OlderPart): Uint8Array {
  const writer = openWriter(1, 1);
  writeOlderPart(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeOlderPart(frame: Uint8Array, limits?: DecodeLimits): OlderPart {
  return readOlderPart(openFrame(frame, limits), 1);
}

export function readOlderPart(reader: Reader, _depth: number): OlderPart {
  const { data, pointers, end } = reader;
  return {
    size: reader.uint16(data, pointers),
    label: reader.text(pointers, end, TEXT_BYTES_MAX, "OlderPart.label"),
  };
}

export function writeOlderPart(writer: Writer, at: number, value: OlderPart): void {
  writer.uint16(at, value.size);
  writer.text(at + 8, value.label, TEXT_BYTES_MAX, "OlderPart.label");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewer(value: Newer): Uint8Array {
  const writer = openWriter(3, 14);
  writeNewer(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewer(frame: Uint8Array, limits?: DecodeLimits): Newer {
  return readNewer(openFrame(frame, limits), 1);
}

export function readNewer(reader: Reader, depth: number): Newer {
  const { data, pointers, end } = reader;
  return {
    id: reader.uint32(data, pointers),
    name: reader.text(pointers, end, TEXT_BYTES_MAX, "Newer.name"),
    tags: readListOfNewerTag(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Newer.tags"),
    names: readListOfNewerName(reader, pointers + 16, end, LIST_ITEMS_MAX, depth, "Newer.names"),
    shorts: readListOfNewerShort(reader, pointers + 24, end, LIST_ITEMS_MAX, depth, "Newer.shorts"),
    bytes: readListOfNewerByte(reader, pointers + 32, end, LIST_ITEMS_MAX, depth, "Newer.bytes"),
    longs: readListOfNewerLong(reader, pointers + 40, end, LIST_ITEMS_MAX, depth, "Newer.longs"),
    voids: readListOfNewerVoid(reader, pointers + 48, end, LIST_ITEMS_MAX, depth, "Newer.voids"),
    parts: readListOfNewerPart(reader, pointers + 56, end, LIST_ITEMS_MAX, depth, "Newer.parts"),
    part: readNewerPart(reader.openStruct(pointers + 64, end, depth, "Newer.part"), depth + 1),
    mode: readNewerMode(reader.uint16(data + 4, pointers)),
    state: readNewerState(reader, data, pointers, end, depth),
    grid: readListOfListOfUint16(
      reader,
      pointers + 72,
      end,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      depth,
      "Newer.grid",
    ),
    added: reader.uint64(data + 16, pointers, 77n),
    addedText: reader.isNull(pointers + 88, end)
      ? "new"
      : reader.text(pointers + 88, end, TEXT_BYTES_MAX, "Newer.addedText"),
    addedPart: readNewerPart(
      reader.openStruct(pointers + 96, end, depth, "Newer.addedPart"),
      depth + 1,
    ),
    addedOptional: reader.isNull(pointers + 104, end) ? undefined : readNewerPart(
      reader.openStruct(pointers + 104, end, depth, "Newer.addedOptional"),
      depth + 1,
    ),
  };
}

function readNewerState(
  reader: Reader,
  data: number,
  pointers: number,
  end: number,
  _depth: number,
): Newer["state"] {
  switch (reader.uint16(data + 6, pointers)) {
    case 0:
      return { kind: "idle" };
    case 1:
      return { kind: "busy", busy: reader.uint32(data + 8, pointers) };
    case 2:
      return {
        kind: "gone",
        gone: reader.text(pointers + 80, end, TEXT_BYTES_MAX, "Newer.state.gone"),
      };
    default:
      return { kind: "unknown" };
  }
}

export function writeNewer(writer: Writer, at: number, value: Newer): void {
  writer.uint32(at, value.id);
  writer.text(at + 24, value.name, TEXT_BYTES_MAX, "Newer.name");
  if (value.tags.length !== 0) {
    writeListOfNewerTag(writer, at + 32, value.tags, LIST_ITEMS_MAX, "Newer.tags");
  }
  if (value.names.length !== 0) {
    writeListOfNewerName(writer, at + 40, value.names, LIST_ITEMS_MAX, "Newer.names");
  }
  if (value.shorts.length !== 0) {
    writeListOfNewerShort(writer, at + 48, value.shorts, LIST_ITEMS_MAX, "Newer.shorts");
  }
  if (value.bytes.length !== 0) {
    writeListOfNewerByte(writer, at + 56, value.bytes, LIST_ITEMS_MAX, "Newer.bytes");
  }
  if (value.longs.length !== 0) {
    writeListOfNewerLong(writer, at + 64, value.longs, LIST_ITEMS_MAX, "Newer.longs");
  }
  if (value.voids.length !== 0) {
    writeListOfNewerVoid(writer, at + 72, value.voids, LIST_ITEMS_MAX, "Newer.voids");
  }
  if (value.parts.length !== 0) {
    writeListOfNewerPart(writer, at + 80, value.parts, LIST_ITEMS_MAX, "Newer.parts");
  }
  writeNewerPart(writer, writer.struct(at + 88, 2, 2), value.part);
  writer.uint16(at + 4, ordinalOfNewerMode(value.mode));
  writeNewerState(writer, at, value.state);
  if (value.grid.length !== 0) {
    writeListOfListOfUint16(
      writer,
      at + 96,
      value.grid,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      "Newer.grid",
    );
  }
  writer.uint64(at + 16, value.added, 77n);
  writer.presentText(at + 112, value.addedText, TEXT_BYTES_MAX, "Newer.addedText");
  writeNewerPart(writer, writer.struct(at + 120, 2, 2), value.addedPart);
  if (value.addedOptional !== undefined) {
    writeNewerPart(writer, writer.struct(at + 128, 2, 2), value.addedOptional);
  }
}

function writeNewerState(writer: Writer, at: number, value: Newer["state"]): void {
  switch (value.kind) {
    case "idle":
      break;
    case "busy":
      writer.uint16(at + 6, 1);
      writer.uint32(at + 8, value.busy);
      break;
    case "gone":
      writer.uint16(at + 6, 2);
      writer.text(at + 104, value.gone, TEXT_BYTES_MAX, "Newer.state.gone");
      break;
    default:
      refuseUnknown("Newer.state");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerTag(value: NewerTag): Uint8Array {
  const writer = openWriter(1, 1);
  writeNewerTag(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerTag(frame: Uint8Array, limits?: DecodeLimits): NewerTag {
  return readNewerTag(openFrame(frame, limits), 1);
}

export function readNewerTag(reader: Reader, _depth: number): NewerTag {
  const { data, pointers, end } = reader;
  return {
    value: reader.uint32(data, pointers),
    weight: reader.int32(data + 4, pointers, -1),
    note: reader.text(pointers, end, TEXT_BYTES_MAX, "NewerTag.note"),
  };
}

export function writeNewerTag(writer: Writer, at: number, value: NewerTag): void {
  writer.uint32(at, value.value);
  writer.int32(at + 4, value.weight, -1);
  writer.text(at + 8, value.note, TEXT_BYTES_MAX, "NewerTag.note");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerName(value: NewerName): Uint8Array {
  const writer = openWriter(1, 2);
  writeNewerName(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerName(frame: Uint8Array, limits?: DecodeLimits): NewerName {
  return readNewerName(openFrame(frame, limits), 1);
}

export function readNewerName(reader: Reader, _depth: number): NewerName {
  const { data, pointers, end } = reader;
  return {
    text: reader.text(pointers, end, TEXT_BYTES_MAX, "NewerName.text"),
    language: reader.isNull(pointers + 8, end)
      ? "en"
      : reader.text(pointers + 8, end, TEXT_BYTES_MAX, "NewerName.language"),
    rank: reader.uint8(data, pointers, 9),
  };
}

export function writeNewerName(writer: Writer, at: number, value: NewerName): void {
  writer.text(at + 8, value.text, TEXT_BYTES_MAX, "NewerName.text");
  writer.presentText(at + 16, value.language, TEXT_BYTES_MAX, "NewerName.language");
  writer.uint8(at, value.rank, 9);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerShort(value: NewerShort): Uint8Array {
  const writer = openWriter(2, 0);
  writeNewerShort(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerShort(frame: Uint8Array, limits?: DecodeLimits): NewerShort {
  return readNewerShort(openFrame(frame, limits), 1);
}

export function readNewerShort(reader: Reader, _depth: number): NewerShort {
  const { data, pointers } = reader;
  return {
    value: reader.uint16(data, pointers),
    more: reader.uint16(data + 2, pointers, 5),
    wide: reader.uint64(data + 8, pointers, 6n),
  };
}

export function writeNewerShort(writer: Writer, at: number, value: NewerShort): void {
  writer.uint16(at, value.value);
  writer.uint16(at + 2, value.more, 5);
  writer.uint64(at + 8, value.wide, 6n);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerByte(value: NewerByte): Uint8Array {
  const writer = openWriter(1, 0);
  writeNewerByte(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerByte(frame: Uint8Array, limits?: DecodeLimits): NewerByte {
  return readNewerByte(openFrame(frame, limits), 1);
}

export function readNewerByte(reader: Reader, _depth: number): NewerByte {
  const { data, pointers } = reader;
  return {
    value: reader.uint8(data, pointers),
    more: reader.uint8(data + 1, pointers, 5),
  };
}

export function writeNewerByte(writer: Writer, at: number, value: NewerByte): void {
  writer.uint8(at, value.value);
  writer.uint8(at + 1, value.more, 5);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerLong(value: NewerLong): Uint8Array {
  const writer = openWriter(2, 0);
  writeNewerLong(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerLong(frame: Uint8Array, limits?: DecodeLimits): NewerLong {
  return readNewerLong(openFrame(frame, limits), 1);
}

export function readNewerLong(reader: Reader, _depth: number): NewerLong {
  const { data, pointers } = reader;
  return {
    value: reader.uint64(data, pointers),
    more: !reader.bool(data + 8, 0, pointers),
  };
}

export function writeNewerLong(writer: Writer, at: number, value: NewerLong): void {
  writer.uint64(at, value.value);
  writer.bool(at + 8, 0, !value.more);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerVoid(value: NewerVoid): Uint8Array {
  const writer = openWriter(1, 0);
  writeNewerVoid(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerVoid(frame: Uint8Array, limits?: DecodeLimits): NewerVoid {
  return readNewerVoid(openFrame(frame, limits), 1);
}

export function readNewerVoid(reader: Reader, _depth: number): NewerVoid {
  const { data, pointers } = reader;
  return {
    more: reader.uint32(data, pointers, 3),
  };
}

export function writeNewerVoid(writer: Writer, at: number, value: NewerVoid): void {
  writer.uint32(at, value.more, 3);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNewerPart(value: NewerPart): Uint8Array {
  const writer = openWriter(2, 2);
  writeNewerPart(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNewerPart(frame: Uint8Array, limits?: DecodeLimits): NewerPart {
  return readNewerPart(openFrame(frame, limits), 1);
}

export function readNewerPart(reader: Reader, _depth: number): NewerPart {
  const { data, pointers, end } = reader;
  return {
    size: reader.uint16(data, pointers),
    label: reader.text(pointers, end, TEXT_BYTES_MAX, "NewerPart.label"),
    colour: reader.uint64(data + 8, pointers, 1n),
    title: reader.isNull(pointers + 8, end)
      ? "untitled"
      : reader.text(pointers + 8, end, TEXT_BYTES_MAX, "NewerPart.title"),
  };
}

export function writeNewerPart(writer: Writer, at: number, value: NewerPart): void {
  writer.uint16(at, value.size);
  writer.text(at + 16, value.label, TEXT_BYTES_MAX, "NewerPart.label");
  writer.uint64(at + 8, value.colour, 1n);
  writer.presentText(at + 24, value.title, TEXT_BYTES_MAX, "NewerPart.title");
}

export function readOlderMode(ordinal: number): OlderMode {
  switch (ordinal) {
    case 0:
      return "slow";
    case 1:
      return "fast";
    default:
      return "unknown";
  }
}

export function ordinalOfOlderMode(value: OlderMode): number {
  switch (value) {
    case "slow":
      return 0;
    case "fast":
      return 1;
    default:
      return refuseUnknown("OlderMode");
  }
}

export function readNewerMode(ordinal: number): NewerMode {
  switch (ordinal) {
    case 0:
      return "slow";
    case 1:
      return "fast";
    case 2:
      return "faster";
    default:
      return "unknown";
  }
}

export function ordinalOfNewerMode(value: NewerMode): number {
  switch (value) {
    case "slow":
      return 0;
    case "fast":
      return 1;
    case "faster":
      return 2;
    default:
      return refuseUnknown("NewerMode");
  }
}

function readListOfUint32(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): number[] {
  const count = reader.openList(pointerAt, end, ELEMENT.fourBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.uint32(at, at + 4));
  }
  return items;
}

function writeListOfUint32(
  writer: Writer,
  pointerAt: number,
  items: readonly number[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.fourBytes,
    32,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.uint32(at, item);
    at += 4;
  }
}

function readListOfText(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): string[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.text(at, at + 8, itemMax, field));
  }
  return items;
}

function writeListOfText(
  writer: Writer,
  pointerAt: number,
  items: readonly string[],
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
    writer.text(at, item, itemMax, field);
    at += 8;
  }
}

function readListOfUint16(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): number[] {
  const count = reader.openList(pointerAt, end, ELEMENT.twoBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.uint16(at, at + 2));
  }
  return items;
}

function writeListOfUint16(
  writer: Writer,
  pointerAt: number,
  items: readonly number[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.twoBytes,
    16,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.uint16(at, item);
    at += 2;
  }
}

function readListOfUint8(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): number[] {
  const count = reader.openList(pointerAt, end, ELEMENT.byte, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.uint8(at, at + 1));
  }
  return items;
}

function writeListOfUint8(
  writer: Writer,
  pointerAt: number,
  items: readonly number[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.byte,
    8,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.uint8(at, item);
    at += 1;
  }
}

function readListOfUint64(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): bigint[] {
  const count = reader.openList(pointerAt, end, ELEMENT.eightBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: bigint[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.uint64(at, at + 8));
  }
  return items;
}

function writeListOfUint64(
  writer: Writer,
  pointerAt: number,
  items: readonly bigint[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.list(
    pointerAt,
    ELEMENT.eightBytes,
    64,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writer.uint64(at, item);
    at += 8;
  }
}

function readListOfVoid(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): undefined[] {
  const count = reader.openList(pointerAt, end, ELEMENT.void, itemsMax, depth, field);
  const items: undefined[] = [];
  for (let index = 0; index < count; index++) {
    items.push(undefined);
  }
  return items;
}

function writeListOfVoid(
  writer: Writer,
  pointerAt: number,
  items: readonly undefined[],
  itemsMax: number,
  field: string,
): void {
  writer.list(
    pointerAt,
    ELEMENT.void,
    0,
    items.length,
    itemsMax,
    field,
  );
}

function readListOfOlderPart(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): OlderPart[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: OlderPart[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readOlderPart(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfOlderPart(
  writer: Writer,
  pointerAt: number,
  items: readonly OlderPart[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeOlderPart(writer, at, item);
    at += 16;
  }
}

function readListOfListOfUint16(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): (readonly number[])[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: (readonly number[])[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readListOfUint16(reader, at, at + 8, itemMax, depth + 1, field),
    );
  }
  return items;
}

function writeListOfListOfUint16(
  writer: Writer,
  pointerAt: number,
  items: readonly (readonly number[])[],
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
    writeListOfUint16(writer, at, item, itemMax, field);
    at += 8;
  }
}

function readListOfNewerTag(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerTag[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerTag[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerTag(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerTag(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerTag[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerTag(writer, at, item);
    at += 16;
  }
}

function readListOfNewerName(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerName[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerName[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerName(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerName(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerName[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerName(writer, at, item);
    at += 24;
  }
}

function readListOfNewerShort(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerShort[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerShort[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerShort(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerShort(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerShort[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerShort(writer, at, item);
    at += 16;
  }
}

function readListOfNewerByte(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerByte[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerByte[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerByte(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerByte(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerByte[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerByte(writer, at, item);
    at += 8;
  }
}

function readListOfNewerLong(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerLong[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerLong[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerLong(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerLong(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerLong[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerLong(writer, at, item);
    at += 16;
  }
}

function readListOfNewerVoid(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerVoid[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerVoid[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerVoid(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerVoid(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerVoid[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    1,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerVoid(writer, at, item);
    at += 8;
  }
}

function readListOfNewerPart(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): NewerPart[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: NewerPart[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNewerPart(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNewerPart(
  writer: Writer,
  pointerAt: number,
  items: readonly NewerPart[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    2,
    2,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNewerPart(writer, at, item);
    at += 32;
  }
}
