/** The functions that read and write structs, enums and lists: straight-line code over `Reader` and `Writer`. */
import { hasUnion, isVoid, plainFields, TAG, typeOf, unionFields, UNKNOWN } from "./emit-types.ts";
import type { Field, Node, StructBody, Value } from "./request.ts";
import {
  type PlainValueKind,
  type Schema,
  SchemaError,
  type Slot,
  type ValueType,
} from "./schema.ts";

/** How a plain value travels: the reader's and writer's method, its size, and its list element. */
interface PlainCodec {
  readonly method: string;
  readonly bits: number;
  readonly element: string;
  /** Arguments after the place: for reading, and for writing after the value. */
  readonly signed?: boolean;
}

const PLAIN: Readonly<Record<Exclude<PlainValueKind, "void" | "text" | "data">, PlainCodec>> = {
  bool: { method: "bool", bits: 1, element: "bit" },
  int8: { method: "int8", bits: 8, element: "byte" },
  uint8: { method: "uint8", bits: 8, element: "byte" },
  int16: { method: "int16", bits: 16, element: "twoBytes" },
  uint16: { method: "uint16", bits: 16, element: "twoBytes" },
  int32: { method: "int32", bits: 32, element: "fourBytes" },
  uint32: { method: "uint32", bits: 32, element: "fourBytes" },
  float32: { method: "float32", bits: 32, element: "fourBytes" },
  int64: { method: "int64", bits: 64, element: "eightBytes" },
  uint64: { method: "uint64", bits: 64, element: "eightBytes" },
  float64: { method: "float64", bits: 64, element: "eightBytes" },
  safeInt64: { method: "safeInteger", bits: 64, element: "eightBytes", signed: true },
  safeUint64: { method: "safeInteger", bits: 64, element: "eightBytes", signed: false },
};

export function emitEnumCodec(schema: Schema, node: Node): string {
  if (node.body.kind !== "enum") throw new SchemaError(`${node.displayName}: not an enum`);
  const name = schema.name(node.id);
  const names = node.body.enumerants.map((enumerant) => JSON.stringify(enumerant.name));
  return `
export function read${name}(ordinal: number): ${name} {
  switch (ordinal) {
    ${names.map((text, ordinal) => `case ${ordinal}:\nreturn ${text};`).join("\n")}
    default:
      return "${UNKNOWN}";
  }
}

export function ordinalOf${name}(value: ${name}): number {
  switch (value) {
    ${names.map((text, ordinal) => `case ${text}:\nreturn ${ordinal};`).join("\n")}
    default:
      return refuseUnknown("${name}");
  }
}
`;
}

export function emitStructCodec(schema: Schema, node: Node): string {
  const name = schema.name(node.id);
  const { dataWords, pointers } = schema.struct(node.id);
  return `
/** @throws MessengerError \`too-large\`: a field above its limit */
export function encode${name}(value: ${name}): Uint8Array {
  const writer = openWriter(${dataWords}, ${pointers});
  write${name}(writer, writer.rootAt, value);
  return writer.finish();
}

/** @throws MessengerError \`malformed\`, \`too-large\` */
export function decode${name}(frame: Uint8Array, limits?: DecodeLimits): ${name} {
  return read${name}(openFrame(frame, limits), 1);
}

${emitRead(schema, node)}
${emitWrite(schema, node)}
`;
}

/** The element types of all lists in `nodes`, innermost first, each once. */
export function listTypes(schema: Schema, nodes: readonly Node[]): readonly ValueType[] {
  const found = new Map<string, ValueType>();
  const add = (type: ValueType): void => {
    if (type.kind !== "list") return;
    add(type.element);
    found.set(listName(schema, type.element), type.element);
  };
  const visit = (node: Node): void => {
    if (node.body.kind !== "struct") return;
    for (const field of node.body.fields) {
      if (field.body.kind === "group") visit(schema.node(field.body.typeId));
      else add(schema.slot(node, field, field.body).type);
    }
  };
  nodes.forEach(visit);
  return [...found.values()];
}

export function emitListCodec(schema: Schema, item: ValueType): string {
  const name = listName(schema, item);
  const itemType = typeOf(schema, item);
  const items = itemType.startsWith("readonly ") ? `(${itemType})[]` : `${itemType}[]`;
  const bounded = isBounded(item);
  const parameters = `itemsMax: number, ${bounded ? "itemMax: number, " : ""}`;
  return `
function read${name}(reader: Reader, pointerAt: number, end: number, ${parameters}depth: number, field: string): ${items} {
  ${
    item.kind === "struct"
      ? `const count = reader.openStructList(pointerAt, end, itemsMax, depth, field);
         const { listAt, stride, itemDataBytes, itemBytes } = reader;`
      : `const count = reader.openList(pointerAt, end, ELEMENT.${
        elementOf(item)
      }, itemsMax, depth, field);
         ${
        item.kind === "void"
          ? ""
          : item.kind === "bool"
          ? "const { listAt } = reader;"
          : "const { listAt, stride } = reader;"
      }`
  }
  const items: ${items} = [];
  for (let index = 0; index < count; index++) {
    ${readItem(schema, item)}
  }
  return items;
}

function write${name}(writer: Writer, pointerAt: number, items: ${
    typeOf(schema, { kind: "list", element: item })
  }, ${parameters}field: string): void {
  ${writeItems(schema, item)}
}
`;
}

function emitRead(schema: Schema, node: Node): string {
  const name = schema.name(node.id);
  const body = schema.struct(node.id);
  if (body.fields.every(isVoid)) {
    return `export function read${name}(_reader: Reader, _depth: number): ${name} {\n  return {};\n}`;
  }
  const code = readBody(schema, node, body);
  const locals = ["data", "pointers", "end"].filter((word) => says(code, word));
  const depth = says(code, "depth") ? "depth" : "_depth";
  return `export function read${name}(reader: Reader, ${depth}: number): ${name} {
  const { ${locals.join(", ")} } = reader;
  ${code}
}
${emitGroupReads(schema, node, body)}`;
}

/** Groups that hold a union need a switch, so a function. */
function emitGroupReads(schema: Schema, owner: Node, { fields }: StructBody): string {
  return fields.map(({ body }) => {
    if (body.kind !== "group") return "";
    const group = schema.node(body.typeId);
    const struct = schema.struct(group.id);
    const inner = emitGroupReads(schema, owner, struct);
    if (!hasUnion(struct)) return inner;
    const code = readBody(schema, group, struct);
    const parameters = ["data", "pointers", "end", "depth"]
      .map((name) => `${says(code, name) ? "" : "_"}${name}: number`).join(", ");
    return `
function read${schema.name(group.id)}(reader: Reader, ${parameters}): ${groupType(schema, group)} {
  ${code}
}
${inner}`;
  }).join("");
}

/** The type of a group by the path from the struct that holds it. */
function groupType(schema: Schema, group: Node): string {
  const parent = schema.node(group.scopeId);
  const { isGroup, fields } = schema.struct(parent.id);
  const own = isGroup ? groupType(schema, parent) : schema.name(parent.id);
  const field = fields.find(({ body }) => body.kind === "group" && body.typeId === group.id);
  if (field === undefined) throw new SchemaError(`${group.displayName}: no field holds this group`);
  const key = JSON.stringify(field.name);
  if (field.discriminant === undefined) return `${own}[${key}]`;
  return `Extract<${own}, { readonly ${TAG}: ${key} }>[${key}]`;
}

function readBody(schema: Schema, owner: Node, body: StructBody): string {
  const plain = plainFields(body).filter((field) => !isVoid(field));
  if (!hasUnion(body)) {
    return `return ${readObject(schema, owner, plain)};`;
  }
  const constants = plain.map((field) =>
    `const ${localOf(field)} = ${readField(schema, owner, field)};`
  );
  const common = plain.map((field) => `${field.name}: ${localOf(field)}, `).join("");
  const arms = unionFields(body).map((field) =>
    `case ${field.discriminant}:
      return { ${common}${TAG}: ${JSON.stringify(field.name)}${
      isVoid(field) ? "" : `, ${field.name}: ${readField(schema, owner, field)}`
    } };`
  );
  return `${constants.join("\n")}
  switch (reader.uint16(${plus("data", body.discriminantOffset * 2)}, pointers)) {
    ${arms.join("\n")}
    default:
      return { ${common}${TAG}: "${UNKNOWN}" };
  }`;
}

function localOf({ name }: Field): string {
  return `field${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

function readObject(schema: Schema, owner: Node, fields: readonly Field[]): string {
  const properties = fields.map((field) => `${field.name}: ${readField(schema, owner, field)},`);
  return properties.length === 0 ? "{}" : `{\n${properties.join("\n")}\n}`;
}

function readField(schema: Schema, owner: Node, field: Field): string {
  const { body } = field;
  if (body.kind === "group") {
    const group = schema.node(body.typeId);
    const struct = schema.struct(group.id);
    if (hasUnion(struct)) {
      return `read${schema.name(group.id)}(reader, data, pointers, end, depth)`;
    }
    return readObject(schema, group, plainFields(struct).filter((field) => !isVoid(field)));
  }
  const { type, max, itemMax, optional } = schema.slot(owner, field, body);
  const where = JSON.stringify(whereOf(owner, field));
  switch (type.kind) {
    case "void":
      return "undefined";
    case "text":
    case "data": {
      const at = plus("pointers", body.offset * 8);
      const method = type.kind === "text" ? "text" : "bytes";
      const read = `reader.${method}(${at}, end, ${max}, ${where})`;
      const absent = optional ? "undefined" : defaultLiteral(body.defaultValue);
      return absent === undefined ? read : `reader.isNull(${at}, end) ? ${absent} : ${read}`;
    }
    case "list": {
      const at = plus("pointers", body.offset * 8);
      const name = listName(schema, type.element);
      const limits = isBounded(type.element) ? `${max}, ${itemMax}` : max;
      const read = `read${name}(reader, ${at}, end, ${limits}, depth, ${where})`;
      return optional ? `reader.isNull(${at}, end) ? undefined : ${read}` : read;
    }
    case "struct": {
      const at = plus("pointers", body.offset * 8);
      const name = schema.name(type.typeId);
      const read = `read${name}(reader.openStruct(${at}, end, depth, ${where}), depth + 1)`;
      return optional ? `reader.isNull(${at}, end) ? undefined : ${read}` : read;
    }
    case "enum": {
      const mask = maskOf(body.defaultValue);
      const ordinal = `reader.uint16(${plus("data", body.offset * 2)}, pointers${mask})`;
      return `read${schema.name(type.typeId)}(${ordinal})`;
    }
    case "bool": {
      const read = `reader.bool(${plus("data", body.offset >> 3)}, ${body.offset & 7}, pointers)`;
      return isTrue(body.defaultValue) ? `!${read}` : read;
    }
    default: {
      const { method, bits, signed } = PLAIN[type.kind];
      const extra = signed === undefined ? maskOf(body.defaultValue) : `, ${signed}, ${where}`;
      return `reader.${method}(${plus("data", body.offset * bits / 8)}, pointers${extra})`;
    }
  }
}

function emitWrite(schema: Schema, node: Node): string {
  const name = schema.name(node.id);
  const body = schema.struct(node.id);
  const code = writeBody(schema, node, body, "value", body.dataWords);
  const unused = code.trim() === "" ? "_" : "";
  const at = says(code, "at") ? "at" : "_at";
  return `
export function write${name}(${unused}writer: Writer, ${at}: number, ${unused}value: ${name}): void {
  ${code}
}
${emitGroupWrites(schema, body, body.dataWords)}`;
}

function emitGroupWrites(schema: Schema, { fields }: StructBody, dataWords: number): string {
  return fields.map(({ body }) => {
    if (body.kind !== "group") return "";
    const group = schema.node(body.typeId);
    const struct = schema.struct(group.id);
    const inner = emitGroupWrites(schema, struct, dataWords);
    if (!hasUnion(struct)) return inner;
    return `
function write${schema.name(group.id)}(writer: Writer, at: number, value: ${
      groupType(schema, group)
    }): void {
  ${writeBody(schema, group, struct, "value", dataWords)}
}
${inner}`;
  }).join("");
}

function writeBody(
  schema: Schema,
  owner: Node,
  body: StructBody,
  value: string,
  dataWords: number,
): string {
  const plain = plainFields(body)
    .map((field) => writeField(schema, owner, field, `${value}.${field.name}`, dataWords)).join("");
  if (!hasUnion(body)) return plain;
  const arms = unionFields(body).map((field) => {
    const tag = field.discriminant === 0
      ? ""
      : `writer.uint16(${plus("at", body.discriminantOffset * 2)}, ${field.discriminant});\n`;
    const member = writeField(schema, owner, field, `${value}.${field.name}`, dataWords);
    return `case ${JSON.stringify(field.name)}:\n${tag}${member}break;\n`;
  });
  return `${plain}switch (${value}.${TAG}) {
    ${arms.join("")}default:
      refuseUnknown(${JSON.stringify(pathOf(owner))});
  }
`;
}

function writeField(
  schema: Schema,
  owner: Node,
  field: Field,
  value: string,
  dataWords: number,
): string {
  const { body } = field;
  if (body.kind === "group") {
    const group = schema.node(body.typeId);
    const struct = schema.struct(group.id);
    if (hasUnion(struct)) return `write${schema.name(group.id)}(writer, at, ${value});\n`;
    return writeBody(schema, group, struct, value, dataWords);
  }
  const { type, optional } = schema.slot(owner, field, body);
  if (!optional) return writeSlot(schema, owner, field, body, value, dataWords);
  const write = writeSlot(schema, owner, field, body, value, dataWords);
  return type.kind === "void" ? "" : `if (${value} !== undefined) {\n${write}}\n`;
}

function writeSlot(
  schema: Schema,
  owner: Node,
  field: Field,
  slot: Slot,
  value: string,
  dataWords: number,
): string {
  const { type, max, itemMax, optional } = schema.slot(owner, field, slot);
  const where = JSON.stringify(whereOf(owner, field));
  const pointerAt = plus("at", (dataWords + slot.offset) * 8);
  switch (type.kind) {
    case "void":
      return "";
    case "text":
    case "data": {
      const present = optional || defaultLiteral(slot.defaultValue) !== undefined;
      const [plain, always] = type.kind === "text"
        ? ["text", "presentText"]
        : ["data", "presentData"];
      return `writer.${present ? always : plain}(${pointerAt}, ${value}, ${max}, ${where});\n`;
    }
    case "list": {
      const limits = isBounded(type.element) ? `${max}, ${itemMax}` : max;
      const name = listName(schema, type.element);
      const write = `write${name}(writer, ${pointerAt}, ${value}, ${limits}, ${where});\n`;
      return optional ? write : `if (${value}.length !== 0) {\n${write}}\n`;
    }
    case "struct": {
      const { dataWords: words, pointers } = schema.struct(type.typeId);
      const name = schema.name(type.typeId);
      return `write${name}(writer, writer.struct(${pointerAt}, ${words}, ${pointers}), ${value});\n`;
    }
    case "enum": {
      const ordinal = `ordinalOf${schema.name(type.typeId)}(${value})`;
      return `writer.uint16(${plus("at", slot.offset * 2)}, ${ordinal}${
        maskOf(slot.defaultValue)
      });\n`;
    }
    case "bool": {
      const stored = isTrue(slot.defaultValue) ? `!${value}` : value;
      return `writer.bool(${plus("at", slot.offset >> 3)}, ${slot.offset & 7}, ${stored});\n`;
    }
    default: {
      const { method, bits, signed } = PLAIN[type.kind];
      const extra = signed === undefined ? maskOf(slot.defaultValue) : `, ${signed}`;
      return `writer.${method}(${plus("at", slot.offset * bits / 8)}, ${value}${extra});\n`;
    }
  }
}

function listName(schema: Schema, item: ValueType): string {
  switch (item.kind) {
    case "list":
      return `ListOf${listName(schema, item.element)}`;
    case "enum":
    case "struct":
      return `ListOf${schema.name(item.typeId)}`;
    default:
      return `ListOf${item.kind.slice(0, 1).toUpperCase()}${item.kind.slice(1)}`;
  }
}

function elementOf(item: ValueType): string {
  switch (item.kind) {
    case "void":
      return "void";
    case "text":
    case "data":
    case "list":
      return "pointer";
    case "enum":
      return "twoBytes";
    case "struct":
      return "composite";
    default:
      return PLAIN[item.kind].element;
  }
}

function readItem(schema: Schema, item: ValueType): string {
  const at = "const at = listAt + index * stride;\n";
  switch (item.kind) {
    case "void":
      return "items.push(undefined);";
    case "bool":
      return `const at = listAt + (index >> 3);
        items.push(reader.bool(at, index & 7, at + 1));`;
    case "text":
      return `${at}items.push(reader.text(at, at + 8, itemMax, field));`;
    case "data":
      return `${at}items.push(reader.bytes(at, at + 8, itemMax, field));`;
    case "list": {
      const limits = isBounded(item.element) ? "itemMax, " + defaultLimit(item.element) : "itemMax";
      return `${at}items.push(
        read${listName(schema, item.element)}(reader, at, at + 8, ${limits}, depth + 1, field));`;
    }
    case "struct":
      return `${at}items.push(
        read${
        schema.name(item.typeId)
      }(reader.openItem(at, itemDataBytes, itemBytes), depth + 1));`;
    case "enum":
      return `${at}items.push(read${schema.name(item.typeId)}(reader.uint16(at, at + 2)));`;
    default: {
      const { method, bits, signed } = PLAIN[item.kind];
      const extra = signed === undefined ? "" : `, ${signed}, field`;
      return `${at}items.push(reader.${method}(at, at + ${bits / 8}${extra}));`;
    }
  }
}

function writeItems(schema: Schema, item: ValueType): string {
  if (item.kind === "struct") {
    const { dataWords, pointers } = schema.struct(item.typeId);
    return `let at = writer.structList(
      pointerAt, ${dataWords}, ${pointers}, items.length, itemsMax, field);
    for (const item of items) {
      write${schema.name(item.typeId)}(writer, at, item);
      at += ${(dataWords + pointers) * 8};
    }`;
  }
  const bits = bitsOf(item);
  const list = `writer.list(
    pointerAt, ELEMENT.${elementOf(item)}, ${bits}, items.length, itemsMax, field)`;
  switch (item.kind) {
    case "void":
      return `${list};`;
    case "bool":
      return `const at = ${list};
      for (let index = 0; index < items.length; index++) {
        writer.bool(at + (index >> 3), index & 7, items[index] as boolean);
      }`;
    default:
      return `let at = ${list};
      for (const item of items) {
        ${writeItem(schema, item)}
        at += ${bits / 8};
      }`;
  }
}

function writeItem(schema: Schema, item: ValueType): string {
  switch (item.kind) {
    case "text":
    case "data":
      return `writer.${item.kind}(at, item, itemMax, field);`;
    case "list": {
      const limits = isBounded(item.element) ? "itemMax, " + defaultLimit(item.element) : "itemMax";
      return `write${listName(schema, item.element)}(writer, at, item, ${limits}, field);`;
    }
    case "enum":
      return `writer.uint16(at, ordinalOf${schema.name(item.typeId)}(item));`;
    case "void":
    case "bool":
    case "struct":
      return "";
    default: {
      const { method, signed } = PLAIN[item.kind];
      return `writer.${method}(at, item${signed === undefined ? "" : `, ${signed}`});`;
    }
  }
}

function bitsOf(item: ValueType): number {
  switch (item.kind) {
    case "void":
      return 0;
    case "enum":
      return 16;
    case "text":
    case "data":
    case "list":
    case "struct":
      return 64;
    default:
      return PLAIN[item.kind].bits;
  }
}

function isBounded({ kind }: ValueType): boolean {
  return kind === "text" || kind === "data" || kind === "list";
}

/** Three levels down, no annotation reaches. */
function defaultLimit({ kind }: ValueType): string {
  return kind === "text" ? "TEXT_BYTES_MAX" : kind === "data" ? "DATA_BYTES_MAX" : "LIST_ITEMS_MAX";
}

function plus(base: string, offset: number): string {
  return offset === 0 ? base : `${base} + ${offset}`;
}

/** Whether `code` uses the variable `word`: not in a text, nor as a property. */
function says(code: string, word: string): boolean {
  return new RegExp(`(?<!\\.)\\b${word}\\b(?!:)`).test(code.replaceAll(/"(\\.|[^"\\])*"/g, ""));
}

/** The last argument of a numeric read or write, where the default is not zero. */
function maskOf(value: Value): string {
  switch (value.kind) {
    case "number":
      return value.value === 0 ? "" : `, ${value.value}`;
    case "bigint":
      return value.value === 0n ? "" : `, ${value.value}n`;
    case "float32":
      return value.bits === 0 ? "" : `, 0x${value.bits.toString(16)}`;
    case "float64":
      return value.bits === 0n ? "" : `, 0x${value.bits.toString(16)}n`;
    default:
      return "";
  }
}

function isTrue(value: Value): boolean {
  return value.kind === "bool" && value.value;
}

/** A Text or Data default other than empty. */
function defaultLiteral(value: Value): string | undefined {
  if (value.kind === "text" && value.value !== "") return JSON.stringify(value.value);
  if (value.kind === "data" && value.value.length > 0) {
    return `Uint8Array.of(${[...value.value].join(", ")})`;
  }
  return undefined;
}

function pathOf({ displayName }: Node): string {
  return displayName.split(":")[1] ?? displayName;
}

function whereOf(owner: Node, field: Field): string {
  return `${pathOf(owner)}.${field.name}`;
}
