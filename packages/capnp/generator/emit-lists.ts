/** The functions that read and write lists, one pair for each type of item that a file has. */
import { typeOf } from "./emit-types.ts";
import { PLAIN } from "./plain-codecs.ts";
import type { Node } from "./request.ts";
import { boundOf, isBounded, type Schema, type ValueType } from "./schema.ts";

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
  ${openItems(item)}
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

/** Opens the list; the items' places are known behind it. */
function openItems(item: ValueType): string {
  const open = (call: string): string => `const count = reader.${call}, itemsMax, depth, field);`;
  if (item.kind === "struct") {
    return `${open("openStructList(pointerAt, end")}
      const { listAt, stride, itemDataBytes, itemBytes } = reader;`;
  }
  const opened = open(`openList(pointerAt, end, ELEMENT.${elementOf(item)}`);
  switch (item.kind) {
    case "void":
      return opened;
    case "bool":
      return `${opened}\nconst { listAt } = reader;`;
    default:
      return `${opened}\nconst { listAt, stride } = reader;`;
  }
}

export function listName(schema: Schema, item: ValueType): string {
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
      const limits = isBounded(item.element) ? "itemMax, " + boundOf(item.element) : "itemMax";
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
      const limits = isBounded(item.element) ? "itemMax, " + boundOf(item.element) : "itemMax";
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
