/** The TypeScript types of structs and enums, and the rules about names in them. */
import type { Field, Node, StructBody } from "./request.ts";
import { refuseIf, type Schema, SchemaError, type ValueType } from "./schema.ts";

/** The property that tells the members of a union apart, and its value for one of a newer peer. */
export const TAG = "kind";
export const UNKNOWN = "unknown";

export function emitEnumType(schema: Schema, node: Node): string {
  if (node.body.kind !== "enum") throw new SchemaError(`${node.displayName}: not an enum`);
  const names = node.body.enumerants.map(({ name }) => name);
  refuseIf(names.includes(UNKNOWN), node.displayName, `the name "${UNKNOWN}" is taken`);
  const members = [...names, UNKNOWN].map((name) => JSON.stringify(name)).join(" | ");
  return `${docOf(node.comment)}export type ${schema.name(node.id)} = ${members};\n`;
}

export function emitStructType(schema: Schema, node: Node): string {
  const name = schema.name(node.id);
  const body = schema.struct(node.id);
  refuseEndlessDefault(schema, node);
  const doc = docOf(node.comment);
  if (body.fields.length === 0) {
    return `${doc}export type ${name} = Readonly<Record<never, never>>;\n`;
  }
  if (!hasUnion(body)) return `${doc}export interface ${name} ${structType(schema, node, body)}\n`;
  return `${doc}export type ${name} = ${structType(schema, node, body)};\n`;
}

/** The fields outside of the unnamed union, in the order of the schema's text. */
export function plainFields({ fields }: StructBody): readonly Field[] {
  return fields.filter(({ discriminant }) => discriminant === undefined).toSorted(byCodeOrder);
}

/** The members of the unnamed union, by discriminant. */
export function unionFields({ fields }: StructBody): readonly (Field & { discriminant: number })[] {
  return fields.flatMap((field) => {
    const { discriminant } = field;
    return discriminant === undefined ? [] : [{ ...field, discriminant }];
  }).toSorted((left, right) => left.discriminant - right.discriminant);
}

export function hasUnion({ discriminantCount }: StructBody): boolean {
  return discriminantCount > 0;
}

/** A slot of type Void takes no space and says nothing: it has no property. */
export function isVoid({ body }: Field): boolean {
  return body.kind === "slot" && body.type.kind === "void";
}

/** The type of a value, as it stands in a property. */
export function typeOf(schema: Schema, type: ValueType): string {
  switch (type.kind) {
    case "bool":
      return "boolean";
    case "int64":
    case "uint64":
      return "bigint";
    case "text":
      return "string";
    case "data":
      return "Uint8Array";
    case "void":
      return "undefined";
    case "list": {
      const item = typeOf(schema, type.element);
      return `readonly ${item.startsWith("readonly ") ? `(${item})` : item}[]`;
    }
    case "enum":
    case "struct":
      return schema.name(type.typeId);
    default:
      return "number";
  }
}

export function docOf(comment: string): string {
  const lines = comment.trim().replaceAll("*/", "* /").split("\n");
  if (lines.length === 1) return lines[0] === "" ? "" : `/** ${lines[0]} */\n`;
  return `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`;
}

function structType(schema: Schema, owner: Node, body: StructBody): string {
  const plain = plainFields(body).filter((field) => !isVoid(field));
  const properties = plain.map((field) => propertyOf(schema, owner, field)).join("");
  if (!hasUnion(body)) return `{\n${properties}}`;
  const members = unionFields(body);
  const taken = [...plain, ...members].map(({ name }) => name);
  refuseIf(taken.includes(TAG), owner.displayName, `the name "${TAG}" is taken by the union's tag`);
  refuseIf(
    members.some(({ name }) => name === UNKNOWN),
    owner.displayName,
    `the name "${UNKNOWN}" is taken`,
  );
  const arms = members.map((field) =>
    `  | {\n${docOf(field.comment)}readonly ${TAG}: ${JSON.stringify(field.name)};\n${
      isVoid(field) ? "" : propertyOf(schema, owner, { ...field, comment: "" })
    }}\n`
  );
  arms.push(`  | { readonly ${TAG}: "${UNKNOWN}" }\n`);
  return properties === "" ? `\n${arms.join("")}` : `\n& {\n${properties}}\n& (\n${arms.join("")})`;
}

function propertyOf(schema: Schema, owner: Node, field: Field): string {
  const doc = docOf(field.comment);
  if (field.body.kind === "group") {
    const group = schema.node(field.body.typeId);
    const type = structType(schema, group, schema.struct(group.id));
    return `${doc}readonly ${field.name}: ${type};\n`;
  }
  const { type, optional } = schema.slot(owner, field, field.body);
  const text = typeOf(schema, type);
  return optional
    ? `${doc}readonly ${field.name}?: ${text} | undefined;\n`
    : `${doc}readonly ${field.name}: ${text};\n`;
}

/**
 * A null pointer reads as a struct of defaults. One that contains itself without an optional field, a
 * list or a later union member between would have no end.
 */
function refuseEndlessDefault(schema: Schema, start: Node): void {
  const visit = (id: bigint, path: readonly bigint[]): void => {
    const owner = schema.node(id);
    refuseIf(path.includes(id), owner.displayName, "contains itself: make a field $Qpq.optional");
    for (const typeId of defaultStructs(schema, owner)) visit(typeId, [...path, id]);
  };
  visit(start.id, []);
}

function defaultStructs(schema: Schema, owner: Node): readonly bigint[] {
  return schema.struct(owner.id).fields
    .filter(({ discriminant }) => (discriminant ?? 0) === 0)
    .flatMap((field) => {
      if (field.body.kind === "group") {
        return defaultStructs(schema, schema.node(field.body.typeId));
      }
      const { type, optional } = schema.slot(owner, field, field.body);
      return type.kind === "struct" && !optional ? [type.typeId] : [];
    });
}

function byCodeOrder(left: Field, right: Field): number {
  return left.codeOrder - right.codeOrder;
}
