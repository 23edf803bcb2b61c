import { assert, MessengerError } from "@qpq/ports";
import { CODEC_SLICE_BYTES, runSlices, type Slices } from "../slices.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** How one structure of RFC 9420 goes to bytes and back. */
export interface Codec<T> {
  encode(writer: Writer, value: T): void;
  decode(reader: Reader): T;
  /** The same in slices, where a long list may be inside. */
  readonly slices?: SlicesCodec<T>;
}

interface SlicesCodec<T> {
  encode(writer: Writer, value: T): Slices<void>;
  decode(reader: Reader): Slices<T>;
}

/** A structure that also stands alone: it has a name and a limit of its own. */
export interface NamedCodec<T> extends Codec<T> {
  /** As in the RFC. */
  readonly name: string;
}

/** The bytes of `value`, in a buffer of their own. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  codec.encode(writer, value);
  return writer.finish();
}

/** The same in slices. What has a long list holds no secret: an encoding that is given up stays as it is. */
export function* encoding<T>(codec: Codec<T>, value: T): Slices<Uint8Array<ArrayBuffer>> {
  const writer = new Writer();
  yield* encodingTo(writer, codec, value);
  return writer.finish();
}

/**
 * Decodes the whole input.
 * @param options.bytesMax the longest input that is looked at
 * @throws MessengerError `too-large`; `malformed` also for bytes that are left over
 */
export function decodeExact<T>(
  codec: NamedCodec<T>,
  bytes: Uint8Array,
  options: { readonly bytesMax: number },
): T {
  const reader = readerOf(codec, bytes, options);
  const value = codec.decode(reader);
  reader.finish();
  return value;
}

/** The same in slices, of which a short input is one. `bytes` must stay as they are until it is done. */
export function* decoding<T>(
  codec: NamedCodec<T>,
  bytes: Uint8Array,
  options: { readonly bytesMax: number },
): Slices<T> {
  const reader = readerOf(codec, bytes, options);
  const value = bytes.length < CODEC_SLICE_BYTES
    ? codec.decode(reader)
    : yield* decodingFrom(reader, codec);
  reader.finish();
  return value;
}

function readerOf(
  { name }: NamedCodec<unknown>,
  bytes: Uint8Array,
  { bytesMax }: { readonly bytesMax: number },
): Reader {
  if (bytes.length <= bytesMax) return new Reader(name, bytes);
  throw new MessengerError(
    "too-large",
    `Cannot decode ${name}: ${bytes.length} bytes, ${bytesMax} allowed`,
  );
}

/**
 * Refuses a value whose bytes no receiver could decode. One who sent it would go on alone: its own
 * state has what all others refuse.
 * @throws MessengerError `malformed`, `too-large`
 */
export function validateForReceivers<T>(
  codec: NamedCodec<T>,
  value: T,
  options: { readonly bytesMax: number },
): void {
  runSlices(validationForReceivers(codec, value, options));
}

/** The same in slices. @returns how many bytes it has */
export function* validationForReceivers<T>(
  codec: NamedCodec<T>,
  value: T,
  options: { readonly bytesMax: number },
): Slices<number> {
  const bytes = yield* encoding(codec, value);
  yield* decoding(codec, bytes, options);
  return bytes.length;
}

export const uint8: Codec<number> = {
  encode: (writer, value) => writer.uint8(value),
  decode: (reader) => reader.uint8(),
};

export const uint16: Codec<number> = {
  encode: (writer, value) => writer.uint16(value),
  decode: (reader) => reader.uint16(),
};

export const uint32: Codec<number> = {
  encode: (writer, value) => writer.uint32(value),
  decode: (reader) => reader.uint32(),
};

export const uint64: Codec<bigint> = {
  encode: (writer, value) => writer.uint64(value),
  decode: (reader) => reader.uint64(),
};

/** `opaque name<V>` */
export const opaque: Codec<Uint8Array> = {
  encode: (writer, value) => writer.opaque(value),
  decode: (reader) => reader.vector(() => reader.bytes(reader.left)),
};

/** `opaque name[length]` */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    encode: (writer, value) => writer.bytes(value),
    decode: (reader) => reader.bytes(length),
  };
}

/** A number that has one legal value, such as `ProtocolVersion version = mls10`. */
export function constant<N extends number>(width: Codec<number>, expected: N): Codec<N> {
  return {
    encode: (writer) => width.encode(writer, expected),
    decode: (reader) => {
      const found = width.decode(reader);
      if (found !== expected) reader.fail(`${expected} expected, ${found} found`);
      return expected;
    },
  };
}

/** `T name<V>`; at most `countMax` elements, so that a small input cannot become a huge array. */
export function vector<T>(
  element: Codec<T>,
  options: { readonly countMax: number },
): Codec<readonly T[]> {
  return {
    encode: (writer, values) =>
      writer.vector(() => {
        for (const value of values) element.encode(writer, value);
      }),
    decode: (reader) =>
      reader.vector(() => {
        const values: T[] = [];
        while (reader.left > 0) {
          refuseAbove(options.countMax, values, reader);
          values.push(element.decode(reader));
        }
        return values;
      }),
  };
}

export function* encodingTo<T>(writer: Writer, codec: Codec<T>, value: T): Slices<void> {
  if (codec.slices === undefined) codec.encode(writer, value);
  else yield* codec.slices.encode(writer, value);
}

export function* decodingFrom<T>(reader: Reader, codec: Codec<T>): Slices<T> {
  return codec.slices === undefined ? codec.decode(reader) : yield* codec.slices.decode(reader);
}

/** `vector` of what a large group may have thousands of: a slice ends between two elements. */
export function longVector<T>(
  element: Codec<T>,
  options: { readonly countMax: number },
): Codec<readonly T[]> {
  // Asked once, not for each element.
  const { slices } = element;
  return {
    ...vector(element, options),
    slices: {
      *encode(writer, values) {
        const start = writer.beginVector();
        for (const value of values) {
          if (slices === undefined) element.encode(writer, value);
          else yield* slices.encode(writer, value);
          if (writer.isSliceOver()) yield;
        }
        writer.endVector(start);
      },
      *decode(reader) {
        const values: T[] = [];
        const outerEnd = reader.beginVector();
        while (reader.left > 0) {
          refuseAbove(options.countMax, values, reader);
          values.push(slices === undefined ? element.decode(reader) : yield* slices.decode(reader));
          if (reader.isSliceOver()) yield;
        }
        reader.endVector(outerEnd);
        return values;
      },
    },
  };
}

function refuseAbove(countMax: number, values: readonly unknown[], reader: Reader): void {
  if (values.length === countMax) reader.fail(`a vector has more than ${countMax} elements`);
}

/** `optional<T>` (RFC 9420 §2.1.1) */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  const encodePresence = (writer: Writer, value: T | undefined): value is T => {
    writer.uint8(value === undefined ? 0 : 1);
    return value !== undefined;
  };
  const decodePresence = (reader: Reader): boolean => {
    const presence = reader.uint8();
    if (presence > 1) reader.fail(`an optional has the presence ${presence}`);
    return presence === 1;
  };
  return {
    encode: (writer, value) => {
      if (encodePresence(writer, value)) codec.encode(writer, value);
    },
    decode: (reader) => decodePresence(reader) ? codec.decode(reader) : undefined,
    ...codec.slices && {
      slices: {
        *encode(writer, value) {
          if (encodePresence(writer, value)) yield* encodingTo(writer, codec, value);
        },
        *decode(reader) {
          return decodePresence(reader) ? yield* decodingFrom(reader, codec) : undefined;
        },
      },
    },
  };
}

type Fields<T> = { readonly [Name in keyof T]-?: Codec<T[Name]> };

/** `struct { … } Name`: the fields in the order given. */
export function struct<T extends object>(name: string, fields: Fields<T>): NamedCodec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<unknown>][];
  const isLong = entries.some(([, codec]) => codec.slices !== undefined);
  return {
    name,
    encode: (writer, value) => {
      for (const [field, codec] of entries) codec.encode(writer, value[field]);
    },
    decode: (reader) => {
      const value: Partial<T> = {};
      for (const [field, codec] of entries) value[field] = codec.decode(reader) as T[keyof T];
      return value as T;
    },
    ...isLong && {
      slices: {
        *encode(writer, value) {
          for (const [field, codec] of entries) yield* encodingTo(writer, codec, value[field]);
        },
        *decode(reader) {
          const value: Partial<T> = {};
          for (const [field, codec] of entries) {
            value[field] = (yield* decodingFrom(reader, codec)) as T[keyof T];
          }
          return value as T;
        },
      },
    },
  };
}

type Case<T extends { readonly kind: string }, Kind extends T["kind"]> = {
  readonly tag: number;
  readonly fields: Fields<Omit<Extract<T, { readonly kind: Kind }>, "kind">>;
};

/**
 * `select` over a tag: `kind` says in words what the tag says in numbers.
 * A tag that is not listed is `malformed`.
 */
export function select<T extends { readonly kind: string }>(
  name: string,
  width: Codec<number>,
  cases: { readonly [Kind in T["kind"]]: Case<T, Kind> },
): NamedCodec<T> {
  const byKind = new Map<string, { tag: number; codec: NamedCodec<object> }>();
  const byTag = new Map<number, { kind: string; codec: NamedCodec<object> }>();
  for (const [kind, { tag, fields }] of Object.entries<{ tag: number; fields: object }>(cases)) {
    const codec = struct<object>(name, fields);
    byKind.set(kind, { tag, codec });
    byTag.set(tag, { kind, codec });
  }
  const encodeTag = (writer: Writer, value: T): NamedCodec<object> => {
    const { tag, codec } = byKind.get(value.kind) as { tag: number; codec: NamedCodec<object> };
    width.encode(writer, tag);
    return codec;
  };
  const decodeTag = (reader: Reader): { kind: string; codec: NamedCodec<object> } => {
    const tag = width.decode(reader);
    return byTag.get(tag) ?? reader.fail(`${name} has the unknown type ${tag}`);
  };
  const isLong = [...byKind.values()].some(({ codec }) => codec.slices !== undefined);
  return {
    name,
    encode: (writer, value) => encodeTag(writer, value).encode(writer, value),
    decode: (reader) => {
      const { kind, codec } = decodeTag(reader);
      return { kind, ...codec.decode(reader) } as T;
    },
    ...isLong && {
      slices: {
        *encode(writer, value) {
          yield* encodingTo<object>(writer, encodeTag(writer, value), value);
        },
        *decode(reader) {
          const { kind, codec } = decodeTag(reader);
          return { kind, ...yield* decodingFrom(reader, codec) } as T;
        },
      },
    },
  };
}

/** `enum { … } Name`: words for numbers. */
export function enumeration<Word extends string>(
  name: string,
  width: Codec<number>,
  tags: { readonly [Each in Word]: number },
): NamedCodec<Word> {
  const words = new Map(Object.entries<number>(tags).map(([word, tag]) => [tag, word as Word]));
  return {
    name,
    encode: (writer, value) => width.encode(writer, tags[value]),
    decode: (reader) => {
      const tag = width.decode(reader);
      return words.get(tag) ?? reader.fail(`${name} has the unknown type ${tag}`);
    },
  };
}

/** A structure of at most `bytesMax` bytes, wherever it stands: none is decoded further than that. */
export function limited<T>(
  codec: NamedCodec<T>,
  options: { readonly bytesMax: number },
): NamedCodec<T> {
  assert(codec.slices === undefined, "what may be long is limited by the message");
  return {
    name: codec.name,
    encode: (writer, value) => codec.encode(writer, value),
    decode: (reader) => reader.within(options.bytesMax, () => codec.decode(reader)),
  };
}

/** A codec whose decoded value must also pass `refusal`: undefined, or what is wrong with it. */
export function checked<T>(codec: Codec<T>, refusal: (value: T) => string | undefined): Codec<T> {
  const check = (reader: Reader, value: T): T => {
    const reason = refusal(value);
    if (reason !== undefined) reader.fail(reason);
    return value;
  };
  return {
    encode: (writer, value) => codec.encode(writer, value),
    decode: (reader) => check(reader, codec.decode(reader)),
    ...codec.slices && {
      slices: {
        encode: codec.slices.encode,
        *decode(reader) {
          return check(reader, yield* decodingFrom(reader, codec));
        },
      },
    },
  };
}
