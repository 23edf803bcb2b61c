// Generated from constructs.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type BoundMethod,
  CALL_BYTES_MAX,
  type Caller,
  type CallOptions,
  DATA_BYTES_MAX,
  type DecodeLimits,
  ELEMENT,
  LIST_ITEMS_MAX,
  type Method,
  openFrame,
  openWriter,
  type Reader,
  refuseUnknown,
  TEXT_BYTES_MAX,
  type Writer,
} from "../mod.ts";

export type Colour = "red" | "green" | "deepBlue" | "unknown";

export type NestedInnerMode = "on" | "off" | "unknown";

/** All plain values, each with and without a default. */
export interface Numbers {
  readonly flag: boolean;
  readonly flagOn: boolean;
  readonly int8: number;
  readonly int8Default: number;
  readonly int16: number;
  readonly int16Default: number;
  readonly int32: number;
  readonly int32Default: number;
  readonly int64: bigint;
  readonly int64Default: bigint;
  readonly uint8: number;
  readonly uint8Default: number;
  readonly uint16: number;
  readonly uint16Default: number;
  readonly uint32: number;
  readonly uint32Default: number;
  readonly uint64: bigint;
  readonly uint64Default: bigint;
  readonly float32: number;
  readonly float32Default: number;
  readonly float64: number;
  readonly float64Default: number;
  readonly colour: Colour;
  readonly colourDefault: Colour;
  readonly sequence: number;
  readonly offset: number;
}

export interface Blobs {
  readonly text: string;
  readonly textDefault: string;
  readonly textOptional?: string | undefined;
  readonly data: Uint8Array;
  readonly dataDefault: Uint8Array;
  readonly dataOptional?: Uint8Array | undefined;
}

export interface Lists {
  readonly voids: readonly undefined[];
  readonly bools: readonly boolean[];
  readonly int8s: readonly number[];
  readonly int16s: readonly number[];
  readonly int32s: readonly number[];
  readonly int64s: readonly bigint[];
  readonly uint8s: readonly number[];
  readonly uint16s: readonly number[];
  readonly uint32s: readonly number[];
  readonly uint64s: readonly bigint[];
  readonly float32s: readonly number[];
  readonly float64s: readonly number[];
  readonly texts: readonly string[];
  readonly datas: readonly Uint8Array[];
  readonly colours: readonly Colour[];
  readonly points: readonly Point[];
  readonly grid: readonly (readonly number[])[];
  readonly names: readonly (readonly string[])[];
  readonly optionalPoints?: readonly Point[] | undefined;
  readonly sequences: readonly number[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

export type Nothing = Readonly<Record<never, never>>;

/** Holds itself, through an optional field and through a list. */
export interface Tree {
  readonly value: number;
  readonly left?: Tree | undefined;
  readonly children: readonly Tree[];
}

export type Shape =
  & {
    readonly name: string;
    readonly area: number;
    /** A group without a union. */
    readonly border: {
      readonly width: number;
      readonly colour: Colour;
      readonly title: string;
    };
    readonly fill:
      | {
        readonly kind: "none";
      }
      | {
        readonly kind: "solid";
        readonly solid: Colour;
      }
      | {
        readonly kind: "pattern";
        readonly pattern: {
          readonly name: string;
          readonly stroke:
            | {
              readonly kind: "dots";
              readonly dots: number;
            }
            | {
              readonly kind: "lines";
              readonly lines: string;
            }
            | { readonly kind: "unknown" };
        };
      }
      | { readonly kind: "unknown" };
  }
  & (
    | {
      /** By its radius. */
      readonly kind: "circle";
      readonly circle: number;
    }
    | {
      readonly kind: "square";
      readonly square: number;
    }
    | {
      readonly kind: "polygon";
      readonly polygon: readonly Point[];
    }
    | {
      readonly kind: "label";
      readonly label: string;
    }
    | {
      readonly kind: "box";
      readonly box: {
        readonly width: number;
        readonly height: number;
      };
    }
    | {
      readonly kind: "empty";
    }
    | {
      readonly kind: "inner";
      readonly inner: Point;
    }
    | { readonly kind: "unknown" }
  );

export interface Nested {
  readonly inner: NestedInner;
  readonly point: Point;
  readonly pointOptional?: Point | undefined;
  readonly nothing: Nothing;
  readonly nothings: readonly Nothing[];
}

export interface NestedInner {
  readonly value: number;
  readonly mode: NestedInnerMode;
}

export interface DirectoryLookUpParams {
  readonly name: string;
  readonly countMax: number;
}

export interface DirectoryLookUpResults {
  readonly points: readonly Point[];
}

export type DirectoryStoreResults = Readonly<Record<never, never>>;

export interface DirectoryUploadParams {
  readonly bytes: Uint8Array;
}

export interface DirectoryUploadResults {
  readonly accepted: boolean;
}

export type DirectoryWatchParams = Readonly<Record<never, never>>;

export const directoryMethods: {
  readonly lookUp: Method<DirectoryLookUpParams, DirectoryLookUpResults>;
  readonly store: Method<Point, DirectoryStoreResults>;
  readonly upload: Method<DirectoryUploadParams, DirectoryUploadResults>;
  readonly watch: Method<DirectoryWatchParams, Point>;
} = {
  lookUp: {
    interfaceId: 0xc0f3b0a6d2c1e984n,
    ordinal: 0,
    name: "directory/look-up",
    kind: "call",
    encodeParams: encodeDirectoryLookUpParams,
    decodeParams: decodeDirectoryLookUpParams,
    encodeResults: encodeDirectoryLookUpResults,
    decodeResults: decodeDirectoryLookUpResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  store: {
    interfaceId: 0xc0f3b0a6d2c1e984n,
    ordinal: 1,
    name: "directory/store",
    kind: "call",
    encodeParams: encodePoint,
    decodeParams: decodePoint,
    encodeResults: encodeDirectoryStoreResults,
    decodeResults: decodeDirectoryStoreResults,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
  upload: {
    interfaceId: 0xc0f3b0a6d2c1e984n,
    ordinal: 2,
    name: "directory/upload",
    kind: "large",
    encodeParams: encodeDirectoryUploadParams,
    decodeParams: (frame) => decodeDirectoryUploadParams(frame, { bytesMax: 2_097_152 }),
    encodeResults: encodeDirectoryUploadResults,
    decodeResults: (frame) => decodeDirectoryUploadResults(frame, { bytesMax: 262_144 }),
    paramsBytesMax: 2_097_152,
    resultsBytesMax: 262_144,
  },
  watch: {
    interfaceId: 0xc0f3b0a6d2c1e984n,
    ordinal: 3,
    name: "directory/watch",
    kind: "subscription",
    encodeParams: encodeDirectoryWatchParams,
    decodeParams: decodeDirectoryWatchParams,
    encodeResults: encodePoint,
    decodeResults: decodePoint,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

/** Calls of every kind. */
export interface DirectoryClient {
  /** Finds points by name. */
  lookUp(params: DirectoryLookUpParams, options?: CallOptions): Promise<DirectoryLookUpResults>;
  store(params: Point, options?: CallOptions): Promise<DirectoryStoreResults>;
  upload(params: DirectoryUploadParams, options?: CallOptions): Promise<DirectoryUploadResults>;
  watch(params: DirectoryWatchParams, options?: CallOptions): AsyncIterable<Point>;
}

export function directoryClient(caller: Caller): DirectoryClient {
  return {
    lookUp: (params, options) => caller.call(directoryMethods.lookUp, params, options),
    store: (params, options) => caller.call(directoryMethods.store, params, options),
    upload: (params, options) => caller.call(directoryMethods.upload, params, options),
    watch: (params, options) => caller.subscribe(directoryMethods.watch, params, options),
  };
}

export interface DirectoryHandlers<Context> {
  /** Finds points by name. */
  lookUp(
    params: DirectoryLookUpParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DirectoryLookUpResults>;
  store(params: Point, context: Context, signal: AbortSignal): Promise<DirectoryStoreResults>;
  upload(
    params: DirectoryUploadParams,
    context: Context,
    signal: AbortSignal,
  ): Promise<DirectoryUploadResults>;
  watch(params: DirectoryWatchParams, context: Context, signal: AbortSignal): AsyncIterable<Point>;
}

export function directoryHandlers<Context>(
  handlers: DirectoryHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: directoryMethods.lookUp,
      handler: (params: DirectoryLookUpParams, context, signal) =>
        handlers.lookUp(params, context, signal),
    },
    {
      method: directoryMethods.store,
      handler: (params: Point, context, signal) => handlers.store(params, context, signal),
    },
    {
      method: directoryMethods.upload,
      handler: (params: DirectoryUploadParams, context, signal) =>
        handlers.upload(params, context, signal),
    },
    {
      method: directoryMethods.watch,
      handler: (params: DirectoryWatchParams, context, signal) =>
        handlers.watch(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNumbers(value: Numbers): Uint8Array {
  const writer = openWriter(14, 0);
  writeNumbers(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNumbers(frame: Uint8Array, limits?: DecodeLimits): Numbers {
  return readNumbers(openFrame(frame, limits), 1);
}

export function readNumbers(reader: Reader, _depth: number): Numbers {
  const { data, pointers } = reader;
  return {
    flag: reader.bool(data, 0, pointers),
    flagOn: !reader.bool(data, 1, pointers),
    int8: reader.int8(data + 1, pointers),
    int8Default: reader.int8(data + 2, pointers, -5),
    int16: reader.int16(data + 4, pointers),
    int16Default: reader.int16(data + 6, pointers, -300),
    int32: reader.int32(data + 8, pointers),
    int32Default: reader.int32(data + 12, pointers, -70000),
    int64: reader.int64(data + 16, pointers),
    int64Default: reader.int64(data + 24, pointers, -5000000000n),
    uint8: reader.uint8(data + 3, pointers),
    uint8Default: reader.uint8(data + 32, pointers, 200),
    uint16: reader.uint16(data + 34, pointers),
    uint16Default: reader.uint16(data + 36, pointers, 60000),
    uint32: reader.uint32(data + 40, pointers),
    uint32Default: reader.uint32(data + 44, pointers, 4000000000),
    uint64: reader.uint64(data + 48, pointers),
    uint64Default: reader.uint64(data + 56, pointers, 18000000000000000000n),
    float32: reader.float32(data + 64, pointers),
    float32Default: reader.float32(data + 68, pointers, 0x3fc00000),
    float64: reader.float64(data + 72, pointers),
    float64Default: reader.float64(data + 80, pointers, 0xc002000000000000n),
    colour: readColour(reader.uint16(data + 38, pointers)),
    colourDefault: readColour(reader.uint16(data + 88, pointers, 1)),
    sequence: reader.safeInteger(data + 96, pointers, false, "Numbers.sequence"),
    offset: reader.safeInteger(data + 104, pointers, true, "Numbers.offset"),
  };
}

export function writeNumbers(writer: Writer, at: number, value: Numbers): void {
  writer.bool(at, 0, value.flag);
  writer.bool(at, 1, !value.flagOn);
  writer.int8(at + 1, value.int8);
  writer.int8(at + 2, value.int8Default, -5);
  writer.int16(at + 4, value.int16);
  writer.int16(at + 6, value.int16Default, -300);
  writer.int32(at + 8, value.int32);
  writer.int32(at + 12, value.int32Default, -70000);
  writer.int64(at + 16, value.int64);
  writer.int64(at + 24, value.int64Default, -5000000000n);
  writer.uint8(at + 3, value.uint8);
  writer.uint8(at + 32, value.uint8Default, 200);
  writer.uint16(at + 34, value.uint16);
  writer.uint16(at + 36, value.uint16Default, 60000);
  writer.uint32(at + 40, value.uint32);
  writer.uint32(at + 44, value.uint32Default, 4000000000);
  writer.uint64(at + 48, value.uint64);
  writer.uint64(at + 56, value.uint64Default, 18000000000000000000n);
  writer.float32(at + 64, value.float32);
  writer.float32(at + 68, value.float32Default, 0x3fc00000);
  writer.float64(at + 72, value.float64);
  writer.float64(at + 80, value.float64Default, 0xc002000000000000n);
  writer.uint16(at + 38, ordinalOfColour(value.colour));
  writer.uint16(at + 88, ordinalOfColour(value.colourDefault), 1);
  writer.safeInteger(at + 96, value.sequence, false);
  writer.safeInteger(at + 104, value.offset, true);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeBlobs(value: Blobs): Uint8Array {
  const writer = openWriter(0, 6);
  writeBlobs(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeBlobs(frame: Uint8Array, limits?: DecodeLimits): Blobs {
  return readBlobs(openFrame(frame, limits), 1);
}

export function readBlobs(reader: Reader, _depth: number): Blobs {
  const { pointers, end } = reader;
  return {
    text: reader.text(pointers, end, 64, "Blobs.text"),
    textDefault: reader.isNull(pointers + 8, end)
      ? 'hello "you"'
      : reader.text(pointers + 8, end, TEXT_BYTES_MAX, "Blobs.textDefault"),
    textOptional: reader.isNull(pointers + 16, end)
      ? undefined
      : reader.text(pointers + 16, end, TEXT_BYTES_MAX, "Blobs.textOptional"),
    data: reader.bytes(pointers + 24, end, 32, "Blobs.data"),
    dataDefault: reader.isNull(pointers + 32, end)
      ? Uint8Array.of(1, 2, 255)
      : reader.bytes(pointers + 32, end, DATA_BYTES_MAX, "Blobs.dataDefault"),
    dataOptional: reader.isNull(pointers + 40, end)
      ? undefined
      : reader.bytes(pointers + 40, end, DATA_BYTES_MAX, "Blobs.dataOptional"),
  };
}

export function writeBlobs(writer: Writer, at: number, value: Blobs): void {
  writer.text(at, value.text, 64, "Blobs.text");
  writer.presentText(at + 8, value.textDefault, TEXT_BYTES_MAX, "Blobs.textDefault");
  if (value.textOptional !== undefined) {
    writer.presentText(at + 16, value.textOptional, TEXT_BYTES_MAX, "Blobs.textOptional");
  }
  writer.data(at + 24, value.data, 32, "Blobs.data");
  writer.presentData(at + 32, value.dataDefault, DATA_BYTES_MAX, "Blobs.dataDefault");
  if (value.dataOptional !== undefined) {
    writer.presentData(at + 40, value.dataOptional, DATA_BYTES_MAX, "Blobs.dataOptional");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeLists(value: Lists): Uint8Array {
  const writer = openWriter(0, 20);
  writeLists(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeLists(frame: Uint8Array, limits?: DecodeLimits): Lists {
  return readLists(openFrame(frame, limits), 1);
}

export function readLists(reader: Reader, depth: number): Lists {
  const { pointers, end } = reader;
  return {
    voids: readListOfVoid(reader, pointers, end, LIST_ITEMS_MAX, depth, "Lists.voids"),
    bools: readListOfBool(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Lists.bools"),
    int8s: readListOfInt8(reader, pointers + 16, end, LIST_ITEMS_MAX, depth, "Lists.int8s"),
    int16s: readListOfInt16(reader, pointers + 24, end, LIST_ITEMS_MAX, depth, "Lists.int16s"),
    int32s: readListOfInt32(reader, pointers + 32, end, LIST_ITEMS_MAX, depth, "Lists.int32s"),
    int64s: readListOfInt64(reader, pointers + 40, end, LIST_ITEMS_MAX, depth, "Lists.int64s"),
    uint8s: readListOfUint8(reader, pointers + 48, end, LIST_ITEMS_MAX, depth, "Lists.uint8s"),
    uint16s: readListOfUint16(reader, pointers + 56, end, LIST_ITEMS_MAX, depth, "Lists.uint16s"),
    uint32s: readListOfUint32(reader, pointers + 64, end, 8, depth, "Lists.uint32s"),
    uint64s: readListOfUint64(reader, pointers + 72, end, LIST_ITEMS_MAX, depth, "Lists.uint64s"),
    float32s: readListOfFloat32(
      reader,
      pointers + 80,
      end,
      LIST_ITEMS_MAX,
      depth,
      "Lists.float32s",
    ),
    float64s: readListOfFloat64(
      reader,
      pointers + 88,
      end,
      LIST_ITEMS_MAX,
      depth,
      "Lists.float64s",
    ),
    texts: readListOfText(reader, pointers + 96, end, 4, 16, depth, "Lists.texts"),
    datas: readListOfData(
      reader,
      pointers + 104,
      end,
      LIST_ITEMS_MAX,
      DATA_BYTES_MAX,
      depth,
      "Lists.datas",
    ),
    colours: readListOfColour(reader, pointers + 112, end, LIST_ITEMS_MAX, depth, "Lists.colours"),
    points: readListOfPoint(reader, pointers + 120, end, LIST_ITEMS_MAX, depth, "Lists.points"),
    grid: readListOfListOfUint16(
      reader,
      pointers + 128,
      end,
      LIST_ITEMS_MAX,
      5,
      depth,
      "Lists.grid",
    ),
    names: readListOfListOfText(
      reader,
      pointers + 136,
      end,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      depth,
      "Lists.names",
    ),
    optionalPoints: reader.isNull(pointers + 144, end)
      ? undefined
      : readListOfPoint(reader, pointers + 144, end, LIST_ITEMS_MAX, depth, "Lists.optionalPoints"),
    sequences: readListOfSafeUint64(
      reader,
      pointers + 152,
      end,
      LIST_ITEMS_MAX,
      depth,
      "Lists.sequences",
    ),
  };
}

export function writeLists(writer: Writer, at: number, value: Lists): void {
  if (value.voids.length !== 0) {
    writeListOfVoid(writer, at, value.voids, LIST_ITEMS_MAX, "Lists.voids");
  }
  if (value.bools.length !== 0) {
    writeListOfBool(writer, at + 8, value.bools, LIST_ITEMS_MAX, "Lists.bools");
  }
  if (value.int8s.length !== 0) {
    writeListOfInt8(writer, at + 16, value.int8s, LIST_ITEMS_MAX, "Lists.int8s");
  }
  if (value.int16s.length !== 0) {
    writeListOfInt16(writer, at + 24, value.int16s, LIST_ITEMS_MAX, "Lists.int16s");
  }
  if (value.int32s.length !== 0) {
    writeListOfInt32(writer, at + 32, value.int32s, LIST_ITEMS_MAX, "Lists.int32s");
  }
  if (value.int64s.length !== 0) {
    writeListOfInt64(writer, at + 40, value.int64s, LIST_ITEMS_MAX, "Lists.int64s");
  }
  if (value.uint8s.length !== 0) {
    writeListOfUint8(writer, at + 48, value.uint8s, LIST_ITEMS_MAX, "Lists.uint8s");
  }
  if (value.uint16s.length !== 0) {
    writeListOfUint16(writer, at + 56, value.uint16s, LIST_ITEMS_MAX, "Lists.uint16s");
  }
  if (value.uint32s.length !== 0) {
    writeListOfUint32(writer, at + 64, value.uint32s, 8, "Lists.uint32s");
  }
  if (value.uint64s.length !== 0) {
    writeListOfUint64(writer, at + 72, value.uint64s, LIST_ITEMS_MAX, "Lists.uint64s");
  }
  if (value.float32s.length !== 0) {
    writeListOfFloat32(writer, at + 80, value.float32s, LIST_ITEMS_MAX, "Lists.float32s");
  }
  if (value.float64s.length !== 0) {
    writeListOfFloat64(writer, at + 88, value.float64s, LIST_ITEMS_MAX, "Lists.float64s");
  }
  if (value.texts.length !== 0) {
    writeListOfText(writer, at + 96, value.texts, 4, 16, "Lists.texts");
  }
  if (value.datas.length !== 0) {
    writeListOfData(writer, at + 104, value.datas, LIST_ITEMS_MAX, DATA_BYTES_MAX, "Lists.datas");
  }
  if (value.colours.length !== 0) {
    writeListOfColour(writer, at + 112, value.colours, LIST_ITEMS_MAX, "Lists.colours");
  }
  if (value.points.length !== 0) {
    writeListOfPoint(writer, at + 120, value.points, LIST_ITEMS_MAX, "Lists.points");
  }
  if (value.grid.length !== 0) {
    writeListOfListOfUint16(writer, at + 128, value.grid, LIST_ITEMS_MAX, 5, "Lists.grid");
  }
  if (value.names.length !== 0) {
    writeListOfListOfText(
      writer,
      at + 136,
      value.names,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      "Lists.names",
    );
  }
  if (value.optionalPoints !== undefined) {
    writeListOfPoint(
      writer,
      at + 144,
      value.optionalPoints,
      LIST_ITEMS_MAX,
      "Lists.optionalPoints",
    );
  }
  if (value.sequences.length !== 0) {
    writeListOfSafeUint64(writer, at + 152, value.sequences, LIST_ITEMS_MAX, "Lists.sequences");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodePoint(value: Point): Uint8Array {
  const writer = openWriter(1, 1);
  writePoint(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodePoint(frame: Uint8Array, limits?: DecodeLimits): Point {
  return readPoint(openFrame(frame, limits), 1);
}

export function readPoint(reader: Reader, _depth: number): Point {
  const { data, pointers, end } = reader;
  return {
    x: reader.int32(data, pointers),
    y: reader.int32(data + 4, pointers),
    label: reader.text(pointers, end, TEXT_BYTES_MAX, "Point.label"),
  };
}

export function writePoint(writer: Writer, at: number, value: Point): void {
  writer.int32(at, value.x);
  writer.int32(at + 4, value.y);
  writer.text(at + 8, value.label, TEXT_BYTES_MAX, "Point.label");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNothing(value: Nothing): Uint8Array {
  const writer = openWriter(0, 0);
  writeNothing(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNothing(frame: Uint8Array, limits?: DecodeLimits): Nothing {
  return readNothing(openFrame(frame, limits), 1);
}

export function readNothing(_reader: Reader, _depth: number): Nothing {
  return {};
}

export function writeNothing(_writer: Writer, _at: number, _value: Nothing): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeTree(value: Tree): Uint8Array {
  const writer = openWriter(1, 2);
  writeTree(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeTree(frame: Uint8Array, limits?: DecodeLimits): Tree {
  return readTree(openFrame(frame, limits), 1);
}

export function readTree(reader: Reader, depth: number): Tree {
  const { data, pointers, end } = reader;
  return {
    value: reader.uint32(data, pointers),
    left: reader.isNull(pointers, end)
      ? undefined
      : readTree(reader.openStruct(pointers, end, depth, "Tree.left"), depth + 1),
    children: readListOfTree(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Tree.children"),
  };
}

export function writeTree(writer: Writer, at: number, value: Tree): void {
  writer.uint32(at, value.value);
  if (value.left !== undefined) {
    writeTree(writer, writer.struct(at + 8, 1, 2), value.left);
  }
  if (value.children.length !== 0) {
    writeListOfTree(writer, at + 16, value.children, LIST_ITEMS_MAX, "Tree.children");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeShape(value: Shape): Uint8Array {
  const writer = openWriter(4, 5);
  writeShape(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeShape(frame: Uint8Array, limits?: DecodeLimits): Shape {
  return readShape(openFrame(frame, limits), 1);
}

export function readShape(reader: Reader, depth: number): Shape {
  const { data, pointers, end } = reader;
  const fieldName = reader.text(pointers, end, TEXT_BYTES_MAX, "Shape.name");
  const fieldArea = reader.float64(data, pointers);
  const fieldBorder = {
    width: reader.uint8(data + 18, pointers),
    colour: readColour(reader.uint16(data + 20, pointers)),
    title: reader.text(pointers + 16, end, TEXT_BYTES_MAX, "Shape.border.title"),
  };
  const fieldFill = readShapeFill(reader, data, pointers, end, depth);
  switch (reader.uint16(data + 16, pointers)) {
    case 0:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "circle",
        circle: reader.float64(data + 8, pointers),
      };
    case 1:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "square",
        square: reader.uint16(data + 8, pointers),
      };
    case 2:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "polygon",
        polygon: readListOfPoint(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Shape.polygon"),
      };
    case 3:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "label",
        label: reader.text(pointers + 8, end, TEXT_BYTES_MAX, "Shape.label"),
      };
    case 4:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "box",
        box: {
          width: reader.uint32(data + 8, pointers),
          height: reader.uint32(data + 12, pointers, 7),
        },
      };
    case 5:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "empty",
      };
    case 6:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "inner",
        inner: readPoint(reader.openStruct(pointers + 8, end, depth, "Shape.inner"), depth + 1),
      };
    default:
      return {
        name: fieldName,
        area: fieldArea,
        border: fieldBorder,
        fill: fieldFill,
        kind: "unknown",
      };
  }
}

function readShapeFill(
  reader: Reader,
  data: number,
  pointers: number,
  end: number,
  depth: number,
): Shape["fill"] {
  switch (reader.uint16(data + 22, pointers)) {
    case 0:
      return { kind: "none" };
    case 1:
      return { kind: "solid", solid: readColour(reader.uint16(data + 24, pointers)) };
    case 2:
      return {
        kind: "pattern",
        pattern: {
          name: reader.text(pointers + 24, end, TEXT_BYTES_MAX, "Shape.fill.pattern.name"),
          stroke: readShapeFillPatternStroke(reader, data, pointers, end, depth),
        },
      };
    default:
      return { kind: "unknown" };
  }
}

function readShapeFillPatternStroke(
  reader: Reader,
  data: number,
  pointers: number,
  end: number,
  _depth: number,
): Extract<Shape["fill"], { readonly kind: "pattern" }>["pattern"]["stroke"] {
  switch (reader.uint16(data + 26, pointers)) {
    case 0:
      return { kind: "dots", dots: reader.uint8(data + 24, pointers) };
    case 1:
      return {
        kind: "lines",
        lines: reader.text(pointers + 32, end, TEXT_BYTES_MAX, "Shape.fill.pattern.stroke.lines"),
      };
    default:
      return { kind: "unknown" };
  }
}

export function writeShape(writer: Writer, at: number, value: Shape): void {
  writer.text(at + 32, value.name, TEXT_BYTES_MAX, "Shape.name");
  writer.float64(at, value.area);
  writer.uint8(at + 18, value.border.width);
  writer.uint16(at + 20, ordinalOfColour(value.border.colour));
  writer.text(at + 48, value.border.title, TEXT_BYTES_MAX, "Shape.border.title");
  writeShapeFill(writer, at, value.fill);
  switch (value.kind) {
    case "circle":
      writer.float64(at + 8, value.circle);
      break;
    case "square":
      writer.uint16(at + 16, 1);
      writer.uint16(at + 8, value.square);
      break;
    case "polygon":
      writer.uint16(at + 16, 2);
      if (value.polygon.length !== 0) {
        writeListOfPoint(writer, at + 40, value.polygon, LIST_ITEMS_MAX, "Shape.polygon");
      }
      break;
    case "label":
      writer.uint16(at + 16, 3);
      writer.text(at + 40, value.label, TEXT_BYTES_MAX, "Shape.label");
      break;
    case "box":
      writer.uint16(at + 16, 4);
      writer.uint32(at + 8, value.box.width);
      writer.uint32(at + 12, value.box.height, 7);
      break;
    case "empty":
      writer.uint16(at + 16, 5);
      break;
    case "inner":
      writer.uint16(at + 16, 6);
      writePoint(writer, writer.struct(at + 40, 1, 1), value.inner);
      break;
    default:
      refuseUnknown("Shape");
  }
}

function writeShapeFill(writer: Writer, at: number, value: Shape["fill"]): void {
  switch (value.kind) {
    case "none":
      break;
    case "solid":
      writer.uint16(at + 22, 1);
      writer.uint16(at + 24, ordinalOfColour(value.solid));
      break;
    case "pattern":
      writer.uint16(at + 22, 2);
      writer.text(at + 56, value.pattern.name, TEXT_BYTES_MAX, "Shape.fill.pattern.name");
      writeShapeFillPatternStroke(writer, at, value.pattern.stroke);
      break;
    default:
      refuseUnknown("Shape.fill");
  }
}

function writeShapeFillPatternStroke(
  writer: Writer,
  at: number,
  value: Extract<Shape["fill"], { readonly kind: "pattern" }>["pattern"]["stroke"],
): void {
  switch (value.kind) {
    case "dots":
      writer.uint8(at + 24, value.dots);
      break;
    case "lines":
      writer.uint16(at + 26, 1);
      writer.text(at + 64, value.lines, TEXT_BYTES_MAX, "Shape.fill.pattern.stroke.lines");
      break;
    default:
      refuseUnknown("Shape.fill.pattern.stroke");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNested(value: Nested): Uint8Array {
  const writer = openWriter(0, 5);
  writeNested(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNested(frame: Uint8Array, limits?: DecodeLimits): Nested {
  return readNested(openFrame(frame, limits), 1);
}

export function readNested(reader: Reader, depth: number): Nested {
  const { pointers, end } = reader;
  return {
    inner: readNestedInner(reader.openStruct(pointers, end, depth, "Nested.inner"), depth + 1),
    point: readPoint(reader.openStruct(pointers + 8, end, depth, "Nested.point"), depth + 1),
    pointOptional: reader.isNull(pointers + 16, end)
      ? undefined
      : readPoint(reader.openStruct(pointers + 16, end, depth, "Nested.pointOptional"), depth + 1),
    nothing: readNothing(reader.openStruct(pointers + 24, end, depth, "Nested.nothing"), depth + 1),
    nothings: readListOfNothing(
      reader,
      pointers + 32,
      end,
      LIST_ITEMS_MAX,
      depth,
      "Nested.nothings",
    ),
  };
}

export function writeNested(writer: Writer, at: number, value: Nested): void {
  writeNestedInner(writer, writer.struct(at, 1, 0), value.inner);
  writePoint(writer, writer.struct(at + 8, 1, 1), value.point);
  if (value.pointOptional !== undefined) {
    writePoint(writer, writer.struct(at + 16, 1, 1), value.pointOptional);
  }
  writeNothing(writer, writer.struct(at + 24, 0, 0), value.nothing);
  if (value.nothings.length !== 0) {
    writeListOfNothing(writer, at + 32, value.nothings, LIST_ITEMS_MAX, "Nested.nothings");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeNestedInner(value: NestedInner): Uint8Array {
  const writer = openWriter(1, 0);
  writeNestedInner(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeNestedInner(frame: Uint8Array, limits?: DecodeLimits): NestedInner {
  return readNestedInner(openFrame(frame, limits), 1);
}

export function readNestedInner(reader: Reader, _depth: number): NestedInner {
  const { data, pointers } = reader;
  return {
    value: reader.uint16(data, pointers, 3),
    mode: readNestedInnerMode(reader.uint16(data + 2, pointers, 1)),
  };
}

export function writeNestedInner(writer: Writer, at: number, value: NestedInner): void {
  writer.uint16(at, value.value, 3);
  writer.uint16(at + 2, ordinalOfNestedInnerMode(value.mode), 1);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryLookUpParams(value: DirectoryLookUpParams): Uint8Array {
  const writer = openWriter(1, 1);
  writeDirectoryLookUpParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryLookUpParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryLookUpParams {
  return readDirectoryLookUpParams(openFrame(frame, limits), 1);
}

export function readDirectoryLookUpParams(reader: Reader, _depth: number): DirectoryLookUpParams {
  const { data, pointers, end } = reader;
  return {
    name: reader.text(pointers, end, 64, "Directory.lookUp$Params.name"),
    countMax: reader.uint16(data, pointers, 10),
  };
}

export function writeDirectoryLookUpParams(
  writer: Writer,
  at: number,
  value: DirectoryLookUpParams,
): void {
  writer.text(at + 8, value.name, 64, "Directory.lookUp$Params.name");
  writer.uint16(at, value.countMax, 10);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryLookUpResults(value: DirectoryLookUpResults): Uint8Array {
  const writer = openWriter(0, 1);
  writeDirectoryLookUpResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryLookUpResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryLookUpResults {
  return readDirectoryLookUpResults(openFrame(frame, limits), 1);
}

export function readDirectoryLookUpResults(reader: Reader, depth: number): DirectoryLookUpResults {
  const { pointers, end } = reader;
  return {
    points: readListOfPoint(
      reader,
      pointers,
      end,
      LIST_ITEMS_MAX,
      depth,
      "Directory.lookUp$Results.points",
    ),
  };
}

export function writeDirectoryLookUpResults(
  writer: Writer,
  at: number,
  value: DirectoryLookUpResults,
): void {
  if (value.points.length !== 0) {
    writeListOfPoint(writer, at, value.points, LIST_ITEMS_MAX, "Directory.lookUp$Results.points");
  }
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryStoreResults(value: DirectoryStoreResults): Uint8Array {
  const writer = openWriter(0, 0);
  writeDirectoryStoreResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryStoreResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryStoreResults {
  return readDirectoryStoreResults(openFrame(frame, limits), 1);
}

export function readDirectoryStoreResults(_reader: Reader, _depth: number): DirectoryStoreResults {
  return {};
}

export function writeDirectoryStoreResults(
  _writer: Writer,
  _at: number,
  _value: DirectoryStoreResults,
): void {
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryUploadParams(value: DirectoryUploadParams): Uint8Array {
  const writer = openWriter(0, 1);
  writeDirectoryUploadParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryUploadParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryUploadParams {
  return readDirectoryUploadParams(openFrame(frame, limits), 1);
}

export function readDirectoryUploadParams(reader: Reader, _depth: number): DirectoryUploadParams {
  const { pointers, end } = reader;
  return {
    bytes: reader.bytes(pointers, end, 1_048_576, "Directory.upload$Params.bytes"),
  };
}

export function writeDirectoryUploadParams(
  writer: Writer,
  at: number,
  value: DirectoryUploadParams,
): void {
  writer.data(at, value.bytes, 1_048_576, "Directory.upload$Params.bytes");
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryUploadResults(value: DirectoryUploadResults): Uint8Array {
  const writer = openWriter(1, 0);
  writeDirectoryUploadResults(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryUploadResults(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryUploadResults {
  return readDirectoryUploadResults(openFrame(frame, limits), 1);
}

export function readDirectoryUploadResults(reader: Reader, _depth: number): DirectoryUploadResults {
  const { data, pointers } = reader;
  return {
    accepted: reader.bool(data, 0, pointers),
  };
}

export function writeDirectoryUploadResults(
  writer: Writer,
  at: number,
  value: DirectoryUploadResults,
): void {
  writer.bool(at, 0, value.accepted);
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDirectoryWatchParams(value: DirectoryWatchParams): Uint8Array {
  const writer = openWriter(0, 0);
  writeDirectoryWatchParams(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDirectoryWatchParams(
  frame: Uint8Array,
  limits?: DecodeLimits,
): DirectoryWatchParams {
  return readDirectoryWatchParams(openFrame(frame, limits), 1);
}

export function readDirectoryWatchParams(_reader: Reader, _depth: number): DirectoryWatchParams {
  return {};
}

export function writeDirectoryWatchParams(
  _writer: Writer,
  _at: number,
  _value: DirectoryWatchParams,
): void {
}

export function readColour(ordinal: number): Colour {
  switch (ordinal) {
    case 0:
      return "red";
    case 1:
      return "green";
    case 2:
      return "deepBlue";
    default:
      return "unknown";
  }
}

export function ordinalOfColour(value: Colour): number {
  switch (value) {
    case "red":
      return 0;
    case "green":
      return 1;
    case "deepBlue":
      return 2;
    default:
      return refuseUnknown("Colour");
  }
}

export function readNestedInnerMode(ordinal: number): NestedInnerMode {
  switch (ordinal) {
    case 0:
      return "on";
    case 1:
      return "off";
    default:
      return "unknown";
  }
}

export function ordinalOfNestedInnerMode(value: NestedInnerMode): number {
  switch (value) {
    case "on":
      return 0;
    case "off":
      return 1;
    default:
      return refuseUnknown("NestedInnerMode");
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

function readListOfBool(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): boolean[] {
  const count = reader.openList(pointerAt, end, ELEMENT.bit, itemsMax, depth, field);
  const { listAt } = reader;
  const items: boolean[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + (index >> 3);
    items.push(reader.bool(at, index & 7, at + 1));
  }
  return items;
}

function writeListOfBool(
  writer: Writer,
  pointerAt: number,
  items: readonly boolean[],
  itemsMax: number,
  field: string,
): void {
  const at = writer.list(
    pointerAt,
    ELEMENT.bit,
    1,
    items.length,
    itemsMax,
    field,
  );
  for (let index = 0; index < items.length; index++) {
    writer.bool(at + (index >> 3), index & 7, items[index] as boolean);
  }
}

function readListOfInt8(
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
    items.push(reader.int8(at, at + 1));
  }
  return items;
}

function writeListOfInt8(
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
    writer.int8(at, item);
    at += 1;
  }
}

function readListOfInt16(
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
    items.push(reader.int16(at, at + 2));
  }
  return items;
}

function writeListOfInt16(
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
    writer.int16(at, item);
    at += 2;
  }
}

function readListOfInt32(
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
    items.push(reader.int32(at, at + 4));
  }
  return items;
}

function writeListOfInt32(
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
    writer.int32(at, item);
    at += 4;
  }
}

function readListOfInt64(
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
    items.push(reader.int64(at, at + 8));
  }
  return items;
}

function writeListOfInt64(
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
    writer.int64(at, item);
    at += 8;
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

function readListOfFloat32(
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
    items.push(reader.float32(at, at + 4));
  }
  return items;
}

function writeListOfFloat32(
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
    writer.float32(at, item);
    at += 4;
  }
}

function readListOfFloat64(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): number[] {
  const count = reader.openList(pointerAt, end, ELEMENT.eightBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.float64(at, at + 8));
  }
  return items;
}

function writeListOfFloat64(
  writer: Writer,
  pointerAt: number,
  items: readonly number[],
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
    writer.float64(at, item);
    at += 8;
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

function readListOfColour(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Colour[] {
  const count = reader.openList(pointerAt, end, ELEMENT.twoBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: Colour[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(readColour(reader.uint16(at, at + 2)));
  }
  return items;
}

function writeListOfColour(
  writer: Writer,
  pointerAt: number,
  items: readonly Colour[],
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
    writer.uint16(at, ordinalOfColour(item));
    at += 2;
  }
}

function readListOfPoint(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Point[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Point[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readPoint(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfPoint(
  writer: Writer,
  pointerAt: number,
  items: readonly Point[],
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
    writePoint(writer, at, item);
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

function readListOfListOfText(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): (readonly string[])[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: (readonly string[])[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readListOfText(reader, at, at + 8, itemMax, TEXT_BYTES_MAX, depth + 1, field),
    );
  }
  return items;
}

function writeListOfListOfText(
  writer: Writer,
  pointerAt: number,
  items: readonly (readonly string[])[],
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
    writeListOfText(writer, at, item, itemMax, TEXT_BYTES_MAX, field);
    at += 8;
  }
}

function readListOfSafeUint64(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): number[] {
  const count = reader.openList(pointerAt, end, ELEMENT.eightBytes, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(reader.safeInteger(at, at + 8, false, field));
  }
  return items;
}

function writeListOfSafeUint64(
  writer: Writer,
  pointerAt: number,
  items: readonly number[],
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
    writer.safeInteger(at, item, false);
    at += 8;
  }
}

function readListOfTree(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Tree[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Tree[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readTree(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfTree(
  writer: Writer,
  pointerAt: number,
  items: readonly Tree[],
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
    writeTree(writer, at, item);
    at += 24;
  }
}

function readListOfNothing(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  depth: number,
  field: string,
): Nothing[] {
  const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Nothing[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readNothing(reader.openItem(at, itemDataBytes, itemBytes), depth + 1),
    );
  }
  return items;
}

function writeListOfNothing(
  writer: Writer,
  pointerAt: number,
  items: readonly Nothing[],
  itemsMax: number,
  field: string,
): void {
  let at = writer.structList(
    pointerAt,
    0,
    0,
    items.length,
    itemsMax,
    field,
  );
  for (const item of items) {
    writeNothing(writer, at, item);
    at += 0;
  }
}
