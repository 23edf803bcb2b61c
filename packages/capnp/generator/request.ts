/**
 * What `capnp compile -o-` says about schemas: its CodeGeneratorRequest, itself a Cap'n Proto
 * message, as plain objects. Offsets are those of `schema.capnp` in Cap'n Proto 0.9; later versions
 * only add to it.
 *
 * @see https://capnproto.org/otherlang.html#how-to-write-compiler-plugins
 */
import { assert } from "@qpq/ports";
import type { DecodeLimits } from "../limits.ts";
import { openFrame, type Reader } from "../reader.ts";

/** A request describes every schema at once: the limits of a message from outside do not fit it. */
const REQUEST_LIMITS: DecodeLimits = { bytesMax: 64 * 1024 * 1024 };
const NAME_BYTES_MAX = 64 * 1024;
const ITEMS_MAX = 65_536;

export interface Request {
  readonly nodes: readonly Node[];
  readonly files: readonly RequestedFile[];
}

export interface RequestedFile {
  readonly id: bigint;
  /** As it stood on the command line. */
  readonly filename: string;
}

export interface Node {
  readonly id: bigint;
  /** `path/to/file.capnp:Outer.Inner`. */
  readonly displayName: string;
  readonly scopeId: bigint;
  readonly isGeneric: boolean;
  readonly nestedNodes: readonly NestedNode[];
  readonly comment: string;
  readonly body: NodeBody;
}

export interface NestedNode {
  readonly name: string;
  readonly id: bigint;
}

export type NodeBody =
  | { readonly kind: "file" | "const" | "annotation" }
  | StructBody
  | { readonly kind: "enum"; readonly enumerants: readonly Enumerant[] }
  | { readonly kind: "interface"; readonly methods: readonly Method[]; readonly extends: number };

export interface StructBody {
  readonly kind: "struct";
  readonly dataWords: number;
  readonly pointers: number;
  readonly isGroup: boolean;
  /** 0 without an unnamed union. */
  readonly discriminantCount: number;
  /** In multiples of 16 bits. */
  readonly discriminantOffset: number;
  readonly fields: readonly Field[];
}

export interface Enumerant {
  readonly name: string;
  readonly comment: string;
}

export interface Field {
  readonly name: string;
  readonly codeOrder: number;
  readonly comment: string;
  readonly annotations: readonly Annotation[];
  /** Absent outside of a union. */
  readonly discriminant: number | undefined;
  readonly body:
    | {
      readonly kind: "slot";
      /** In multiples of the field's own size. */
      readonly offset: number;
      readonly type: Type;
      readonly defaultValue: Value;
    }
    | { readonly kind: "group"; readonly typeId: bigint };
}

export interface Method {
  readonly name: string;
  readonly comment: string;
  readonly paramsId: bigint;
  readonly resultsId: bigint;
  readonly annotations: readonly Annotation[];
}

export interface Annotation {
  readonly id: bigint;
  readonly value: Value;
}

export type Type =
  | { readonly kind: PlainKind }
  | { readonly kind: "list"; readonly element: Type }
  | { readonly kind: "enum" | "struct"; readonly typeId: bigint }
  | { readonly kind: "interface" | "anyPointer" };

export type PlainKind = typeof PLAIN_KINDS[number];

/** In the order of the discriminants of `Type` and `Value`. */
const PLAIN_KINDS = [
  "void",
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float32",
  "float64",
  "text",
  "data",
] as const;

/** A default or an annotation's value. */
export type Value =
  | { readonly kind: "void" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "bigint"; readonly value: bigint }
  /** As the bits of the floating-point number. */
  | { readonly kind: "float32"; readonly value: number; readonly bits: number }
  | { readonly kind: "float64"; readonly value: number; readonly bits: bigint }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "data"; readonly value: Uint8Array }
  /** `uint32s` holds the struct's data section, for annotations whose value is a struct. */
  | { readonly kind: "pointer"; readonly isNull: boolean; readonly uint32s: readonly number[] };

/**
 * @param frame the request as one frame of one segment (`capnp convert` makes it one)
 * @throws MessengerError `malformed`, `too-large`
 */
export function decodeRequest(frame: Uint8Array): Request {
  const reader = openFrame(frame, REQUEST_LIMITS);
  const { pointers, end } = reader;
  const comments = readComments(reader, pointers + 24, end);
  return {
    nodes: readList(reader, pointers, end, (node) => readNode(node, comments)),
    files: readList(reader, pointers + 8, end, (file) => {
      const { data, pointers, end } = file;
      return { id: file.uint64(data, pointers), filename: readName(file, pointers, end) };
    }),
  };
}

interface Comments {
  readonly own: string;
  readonly members: readonly string[];
}

function readComments(
  reader: Reader,
  pointerAt: number,
  end: number,
): ReadonlyMap<bigint, Comments> {
  return new Map(readList(reader, pointerAt, end, (info) => {
    const { data, pointers, end } = info;
    const id = info.uint64(data, pointers);
    const own = readName(info, pointers, end);
    const members = readList(info, pointers + 8, end, (m) => readName(m, m.pointers, m.end));
    return [id, { own, members }] as const;
  }));
}

function readNode(reader: Reader, comments: ReadonlyMap<bigint, Comments>): Node {
  const { data, pointers, end } = reader;
  const id = reader.uint64(data, pointers);
  const { own, members } = comments.get(id) ?? { own: "", members: [] };
  return {
    id,
    displayName: readName(reader, pointers, end),
    scopeId: reader.uint64(data + 16, pointers),
    isGeneric: reader.bool(data + 36, 0, pointers),
    nestedNodes: readList(reader, pointers + 8, end, (nested) => {
      const { data, pointers, end } = nested;
      return { id: nested.uint64(data, pointers), name: readName(nested, pointers, end) };
    }),
    comment: own,
    body: readNodeBody(reader, data, pointers, end, members),
  };
}

function readNodeBody(
  reader: Reader,
  data: number,
  pointers: number,
  end: number,
  comments: readonly string[],
): NodeBody {
  switch (reader.uint16(data + 12, pointers)) {
    case 0:
      return { kind: "file" };
    case 1:
      return {
        kind: "struct",
        dataWords: reader.uint16(data + 14, pointers),
        pointers: reader.uint16(data + 24, pointers),
        isGroup: reader.bool(data + 28, 0, pointers),
        discriminantCount: reader.uint16(data + 30, pointers),
        discriminantOffset: reader.uint32(data + 32, pointers),
        fields: readList(reader, pointers + 24, end, (f, i) => readField(f, comments[i] ?? "")),
      };
    case 2:
      return {
        kind: "enum",
        enumerants: readList(reader, pointers + 24, end, (enumerant, index) => ({
          name: readName(enumerant, enumerant.pointers, enumerant.end),
          comment: comments[index] ?? "",
        })),
      };
    case 3: {
      const methods = readList(
        reader,
        pointers + 24,
        end,
        (method, index) => readMethod(method, comments[index] ?? ""),
      );
      return { kind: "interface", methods, extends: countList(reader, pointers + 32, end) };
    }
    case 4:
      return { kind: "const" };
    case 5:
      return { kind: "annotation" };
    default:
      assert(false, "a schema node is of a kind that Cap'n Proto 0.9 has");
  }
}

function readField(reader: Reader, comment: string): Field {
  const { data, pointers, end } = reader;
  const discriminant = reader.uint16(data + 2, pointers, 0xffff);
  return {
    name: readName(reader, pointers, end),
    codeOrder: reader.uint16(data, pointers),
    comment,
    annotations: readAnnotations(reader, pointers + 8, end),
    discriminant: discriminant === 0xffff ? undefined : discriminant,
    body: reader.uint16(data + 8, pointers) === 1
      ? { kind: "group", typeId: reader.uint64(data + 16, pointers) }
      : {
        kind: "slot",
        offset: reader.uint32(data + 4, pointers),
        type: readType(reader.openStruct(pointers + 16, end, 0, "Field.type")),
        defaultValue: readValue(reader.openStruct(pointers + 24, end, 0, "Field.defaultValue")),
      },
  };
}

function readMethod(reader: Reader, comment: string): Method {
  const { data, pointers, end } = reader;
  return {
    name: readName(reader, pointers, end),
    comment,
    paramsId: reader.uint64(data + 8, pointers),
    resultsId: reader.uint64(data + 16, pointers),
    annotations: readAnnotations(reader, pointers + 8, end),
  };
}

function readAnnotations(reader: Reader, pointerAt: number, end: number): Annotation[] {
  return readList(reader, pointerAt, end, (annotation) => {
    const { data, pointers, end } = annotation;
    return {
      id: annotation.uint64(data, pointers),
      value: readValue(annotation.openStruct(pointers, end, 0, "Annotation.value")),
    };
  });
}

function readType(reader: Reader): Type {
  const { data, pointers, end } = reader;
  const kind = reader.uint16(data, pointers);
  const plain = PLAIN_KINDS[kind];
  if (plain !== undefined) return { kind: plain };
  switch (kind) {
    case 14:
      return {
        kind: "list",
        element: readType(reader.openStruct(pointers, end, 0, "Type.elementType")),
      };
    case 15:
      return { kind: "enum", typeId: reader.uint64(data + 8, pointers) };
    case 16:
      return { kind: "struct", typeId: reader.uint64(data + 8, pointers) };
    case 17:
      return { kind: "interface" };
    default:
      return { kind: "anyPointer" };
  }
}

function readValue(reader: Reader): Value {
  const { data, pointers, end } = reader;
  switch (reader.uint16(data, pointers)) {
    case 1:
      return { kind: "bool", value: reader.bool(data + 2, 0, pointers) };
    case 2:
      return { kind: "number", value: reader.int8(data + 2, pointers) };
    case 3:
      return { kind: "number", value: reader.int16(data + 2, pointers) };
    case 4:
      return { kind: "number", value: reader.int32(data + 4, pointers) };
    case 5:
      return { kind: "bigint", value: reader.int64(data + 8, pointers) };
    case 6:
      return { kind: "number", value: reader.uint8(data + 2, pointers) };
    case 7:
    case 15:
      return { kind: "number", value: reader.uint16(data + 2, pointers) };
    case 8:
      return { kind: "number", value: reader.uint32(data + 4, pointers) };
    case 9:
      return { kind: "bigint", value: reader.uint64(data + 8, pointers) };
    case 10: {
      const bits = reader.uint32(data + 4, pointers);
      return { kind: "float32", value: reader.float32(data + 4, pointers), bits };
    }
    case 11: {
      const bits = reader.uint64(data + 8, pointers);
      return { kind: "float64", value: reader.float64(data + 8, pointers), bits };
    }
    case 12:
      return { kind: "text", value: readName(reader, pointers, end) };
    case 13:
      return { kind: "data", value: reader.bytes(pointers, end, NAME_BYTES_MAX, "Value.data") };
    case 14:
      return { kind: "pointer", isNull: reader.isNull(pointers, end), uint32s: [] };
    case 16: {
      const isNull = reader.isNull(pointers, end);
      const value = reader.openStruct(pointers, end, 0, "Value.struct");
      const uint32s: number[] = [];
      for (let at = value.data; at < value.pointers; at += 4) {
        uint32s.push(value.uint32(at, value.pointers));
      }
      return { kind: "pointer", isNull, uint32s };
    }
    default:
      return { kind: "void" };
  }
}

function readName(reader: Reader, pointerAt: number, end: number): string {
  return reader.text(pointerAt, end, NAME_BYTES_MAX, "a schema's text");
}

function countList(reader: Reader, pointerAt: number, end: number): number {
  return reader.openStructList(pointerAt, end, ITEMS_MAX, 0, "a schema's list");
}

function readList<Item>(
  reader: Reader,
  pointerAt: number,
  end: number,
  readItem: (reader: Reader, index: number) => Item,
): Item[] {
  const count = countList(reader, pointerAt, end);
  const { listAt, stride, itemDataBytes, itemBytes } = reader;
  const items: Item[] = [];
  for (let index = 0; index < count; index++) {
    items.push(readItem(reader.openItem(listAt + index * stride, itemDataBytes, itemBytes), index));
  }
  return items;
}
