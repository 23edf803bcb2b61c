/**
 * The schemas of a request by id, with what our annotations say, and the refusals: a schema outside
 * of the subset does not generate, and the message says where and why.
 */
import { FRAME_BYTES_MAX } from "../limits.ts";
import type { Annotation, Field, Method, Node, Request, StructBody, Type } from "./request.ts";

/** The ids of `schema/qpq.capnp`. */
const ANNOTATION = {
  max: 0xba7587a442500039n,
  itemMax: 0xaf586ecf068b2f7an,
  optional: 0xca6843dae232349bn,
  safeInteger: 0xe23c8ed24555a0c6n,
  large: 0xbdbe75db62081a3cn,
  subscription: 0xa9ac0db5b70a1587n,
} as const;

/** The defaults of `Large` in `schema/qpq.capnp`, by which its fields are XORed. */
const LARGE_DEFAULT_BYTES = 262_144;

/** A schema that this generator does not accept: the author's to mend. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** A type with `$safeInteger` applied. */
export type ValueType =
  | { readonly kind: PlainValueKind }
  | { readonly kind: "list"; readonly element: ValueType }
  | { readonly kind: "enum" | "struct"; readonly typeId: bigint };

export type PlainValueKind =
  | Exclude<Type["kind"], "list" | "enum" | "struct" | "interface" | "anyPointer">
  | "safeInt64"
  | "safeUint64";

export type Slot = Extract<Field["body"], { kind: "slot" }>;

/** What annotations say about a field that is no group. */
export interface SlotTraits {
  readonly type: ValueType;
  /** TypeScript expressions: a number, or the name of a default in limits.ts. */
  readonly max: string;
  readonly itemMax: string;
  readonly optional: boolean;
}

export interface MethodTraits {
  readonly kind: "call" | "large" | "subscription";
  /** TypeScript expressions, as in `SlotTraits`. */
  readonly paramsBytesMax: string;
  readonly resultsBytesMax: string;
}

export interface Schema {
  /** Types declared in the file, outermost first, then in the order of the file. */
  typesOf(fileId: bigint): readonly Node[];
  node(id: bigint): Node;
  struct(id: bigint): StructBody;
  /** `Outer.Inner` becomes `OuterInner`, `Interface.method$Params` `InterfaceMethodParams`. */
  name(id: bigint): string;
  /** The file's name as it stood in the request: before the colon of a display name. */
  fileOf(id: bigint): string;
  slot(owner: Node, field: Field, slot: Slot): SlotTraits;
  method(owner: Node, method: Method): MethodTraits;
}

export function openSchema(request: Request): Schema {
  const nodes = new Map(request.nodes.map((node) => [node.id, node]));
  const node = (id: bigint): Node => {
    const found = nodes.get(id);
    if (found === undefined) throw new SchemaError(`no node @0x${id.toString(16)} in the request`);
    return found;
  };
  const struct = (id: bigint): StructBody => {
    const { body, displayName } = node(id);
    if (body.kind !== "struct") throw new SchemaError(`${displayName}: a struct is expected`);
    return body;
  };
  return {
    typesOf: (fileId) => typesBelow(node(fileId), nodes),
    node,
    struct,
    name: (id) => typeName(node(id)),
    fileOf: (id) => node(id).displayName.split(":")[0] ?? "",
    slot: slotTraits,
    method: methodTraits,
  };
}

function typesBelow(scope: Node, nodes: ReadonlyMap<bigint, Node>): Node[] {
  return scope.nestedNodes.flatMap(({ id }) => {
    const node = nodes.get(id);
    // Annotations and constants that nobody uses are not in the request.
    if (node === undefined || node.body.kind === "annotation" || node.body.kind === "const") {
      return [];
    }
    if (node.isGeneric) throw new SchemaError(`${node.displayName}: generics are not supported`);
    if (node.body.kind !== "interface") return [node, ...typesBelow(node, nodes)];
    // A method's own parameter and result structs have no scope: only the method names them.
    const own = node.body.methods.flatMap(({ paramsId, resultsId }) =>
      [paramsId, resultsId].flatMap((id) => {
        const struct = nodes.get(id);
        return struct !== undefined && struct.displayName.includes("$") ? [struct] : [];
      })
    );
    return [...own, node, ...typesBelow(node, nodes)];
  });
}

function typeName({ displayName }: Node): string {
  const path = displayName.split(":")[1] ?? "";
  return path.split(/[.$]/).map((part) => part.slice(0, 1).toUpperCase() + part.slice(1)).join("");
}

function slotTraits(owner: Node, field: Field, slot: Slot): SlotTraits {
  const where = `${owner.displayName}.${field.name}`;
  const traits = {
    max: uint32Of(field.annotations, ANNOTATION.max),
    itemMax: uint32Of(field.annotations, ANNOTATION.itemMax),
    optional: has(field.annotations, ANNOTATION.optional),
    safeInteger: has(field.annotations, ANNOTATION.safeInteger),
  };
  const type = valueType(slot.type, traits.safeInteger, where);
  const item = type.kind === "list" ? type.element : undefined;
  refuseIf(traits.max !== undefined && !isBounded(type), where, "$max fits Text, Data and List");
  refuseIf(
    traits.itemMax !== undefined && !(item !== undefined && isBounded(item)),
    where,
    "$itemMax fits a List of Text, Data or List",
  );
  refuseIf(traits.optional && !isPointer(type), where, "$optional fits Text, Data, List, structs");
  const hasDefault = isPointer(type) && !isEmpty(slot);
  refuseIf(traits.optional && hasDefault, where, "$optional and a default exclude each other");
  refuseIf(
    hasDefault && (type.kind === "list" || type.kind === "struct"),
    where,
    "defaults of lists and structs are not supported",
  );
  refuseIf(
    traits.safeInteger && slot.defaultValue.kind === "bigint" && slot.defaultValue.value !== 0n,
    where,
    "$safeInteger and a default exclude each other",
  );
  return {
    type,
    max: boundOf(type, traits.max),
    itemMax: item === undefined ? "0" : boundOf(item, traits.itemMax),
    optional: traits.optional,
  };
}

function methodTraits(owner: Node, { name, annotations }: Method): MethodTraits {
  const large = annotations.find(({ id }) => id === ANNOTATION.large);
  const bytes = (index: number): string => {
    if (large === undefined) return "CALL_BYTES_MAX";
    const difference = large.value.kind === "pointer" ? large.value.uint32s[index] ?? 0 : 0;
    const value = (difference ^ LARGE_DEFAULT_BYTES) >>> 0;
    refuseIf(
      value > FRAME_BYTES_MAX,
      `${owner.displayName}.${name}`,
      "$large above FRAME_BYTES_MAX",
    );
    return decimal(value);
  };
  return {
    kind: has(annotations, ANNOTATION.subscription)
      ? "subscription"
      : large === undefined
      ? "call"
      : "large",
    paramsBytesMax: bytes(0),
    resultsBytesMax: bytes(1),
  };
}

function valueType(type: Type, safeInteger: boolean, where: string): ValueType {
  switch (type.kind) {
    case "list":
      return { kind: "list", element: valueType(type.element, safeInteger, where) };
    case "interface":
    case "anyPointer":
      throw new SchemaError(`${where}: capabilities and AnyPointer are not supported`);
    case "int64":
      return { kind: safeInteger ? "safeInt64" : "int64" };
    case "uint64":
      return { kind: safeInteger ? "safeUint64" : "uint64" };
    default:
      refuseIf(safeInteger, where, "$safeInteger fits Int64 and UInt64");
      return type;
  }
}

function isEmpty({ defaultValue }: Slot): boolean {
  switch (defaultValue.kind) {
    case "text":
    case "data":
      return defaultValue.value.length === 0;
    case "pointer":
      return defaultValue.isNull;
    default:
      return true;
  }
}

function isPointer(type: ValueType): boolean {
  return isBounded(type) || type.kind === "struct";
}

/** Whether a peer chooses its size. */
export function isBounded({ kind }: ValueType): boolean {
  return kind === "text" || kind === "data" || kind === "list";
}

/** @param max what the schema says */
export function boundOf({ kind }: ValueType, max?: number): string {
  if (max !== undefined) return decimal(max);
  switch (kind) {
    case "text":
      return "TEXT_BYTES_MAX";
    case "data":
      return "DATA_BYTES_MAX";
    case "list":
      return "LIST_ITEMS_MAX";
    default:
      return "0";
  }
}

/** 262144 as 262_144: these numbers are read by people. */
function decimal(value: number): string {
  return value < 10_000 ? String(value) : value.toLocaleString("en").replaceAll(",", "_");
}

function has(annotations: readonly Annotation[], id: bigint): boolean {
  return annotations.some((annotation) => annotation.id === id);
}

function uint32Of(annotations: readonly Annotation[], id: bigint): number | undefined {
  const value = annotations.find((annotation) => annotation.id === id)?.value;
  return value?.kind === "number" ? value.value : undefined;
}

export function refuseIf(condition: boolean, where: string, why: string): void {
  if (condition) throw new SchemaError(`${where}: ${why}`);
}
