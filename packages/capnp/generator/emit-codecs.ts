/** The functions that read and write structs and enums: straight-line code over `Reader` and `Writer`. */
import { listName } from "./emit-lists.ts";
import { hasUnion, isVoid, plainFields, TAG, unionFields, UNKNOWN } from "./emit-types.ts";
import { PLAIN } from "./plain-codecs.ts";
import type { Field, Node, StructBody, Value } from "./request.ts";
import { isBounded, type Schema, SchemaError, type Slot } from "./schema.ts";

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
