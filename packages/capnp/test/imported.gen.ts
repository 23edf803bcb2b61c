// Generated from imported.capnp by scripts/generate.ts: change the schema, not this file.
import {
  type BoundMethod,
  CALL_BYTES_MAX,
  type Caller,
  type CallOptions,
  type DecodeLimits,
  ELEMENT,
  LIST_ITEMS_MAX,
  type Method,
  openFrame,
  openWriter,
  type Reader,
  type Writer,
} from "../mod.ts";
import {
  type Colour,
  decodePoint,
  encodePoint,
  ordinalOfColour,
  type Point,
  readColour,
  readPoint,
  writePoint,
} from "./constructs.gen.ts";

export interface Drawing {
  readonly colour: Colour;
  readonly point: Point;
  readonly points: readonly Point[];
  readonly colours: readonly (readonly Colour[])[];
}

export const drawingsMethods: {
  readonly draw: Method<Drawing, Point>;
} = {
  draw: {
    interfaceId: 0xf1b2a3948576e0d9n,
    ordinal: 0,
    name: "drawings/draw",
    kind: "call",
    encodeParams: encodeDrawing,
    decodeParams: decodeDrawing,
    encodeResults: encodePoint,
    decodeResults: decodePoint,
    paramsBytesMax: CALL_BYTES_MAX,
    resultsBytesMax: CALL_BYTES_MAX,
  },
};

export interface DrawingsClient {
  draw(params: Drawing, options?: CallOptions): Promise<Point>;
}

export function drawingsClient(caller: Caller): DrawingsClient {
  return {
    draw: (params, options) => caller.call(drawingsMethods.draw, params, options),
  };
}

export interface DrawingsHandlers<Context> {
  draw(params: Drawing, context: Context, signal: AbortSignal): Promise<Point>;
}

export function drawingsHandlers<Context>(
  handlers: DrawingsHandlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    {
      method: drawingsMethods.draw,
      handler: (params: Drawing, context, signal) => handlers.draw(params, context, signal),
    },
  ];
}

/** @throws MessengerError `too-large`: a field above its limit */
export function encodeDrawing(value: Drawing): Uint8Array {
  const writer = openWriter(1, 3);
  writeDrawing(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError `malformed`, `too-large` */
export function decodeDrawing(frame: Uint8Array, limits?: DecodeLimits): Drawing {
  return readDrawing(openFrame(frame, limits), 1);
}

export function readDrawing(reader: Reader, depth: number): Drawing {
  const { data, pointers, end } = reader;
  return {
    colour: readColour(reader.uint16(data, pointers)),
    point: readPoint(reader.openStruct(pointers, end, depth, "Drawing.point"), depth + 1),
    points: readListOfPoint(reader, pointers + 8, end, LIST_ITEMS_MAX, depth, "Drawing.points"),
    colours: readListOfListOfColour(
      reader,
      pointers + 16,
      end,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      depth,
      "Drawing.colours",
    ),
  };
}

export function writeDrawing(writer: Writer, at: number, value: Drawing): void {
  writer.uint16(at, ordinalOfColour(value.colour));
  writePoint(writer, writer.struct(at + 8, 1, 1), value.point);
  if (value.points.length !== 0) {
    writeListOfPoint(writer, at + 16, value.points, LIST_ITEMS_MAX, "Drawing.points");
  }
  if (value.colours.length !== 0) {
    writeListOfListOfColour(
      writer,
      at + 24,
      value.colours,
      LIST_ITEMS_MAX,
      LIST_ITEMS_MAX,
      "Drawing.colours",
    );
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

function readListOfListOfColour(
  reader: Reader,
  pointerAt: number,
  end: number,
  itemsMax: number,
  itemMax: number,
  depth: number,
  field: string,
): (readonly Colour[])[] {
  const count = reader.openList(pointerAt, end, ELEMENT.pointer, itemsMax, depth, field);
  const { listAt, stride } = reader;
  const items: (readonly Colour[])[] = [];
  for (let index = 0; index < count; index++) {
    const at = listAt + index * stride;
    items.push(
      readListOfColour(reader, at, at + 8, itemMax, depth + 1, field),
    );
  }
  return items;
}

function writeListOfListOfColour(
  writer: Writer,
  pointerAt: number,
  items: readonly (readonly Colour[])[],
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
    writeListOfColour(writer, at, item, itemMax, field);
    at += 8;
  }
}
