/** A schema file's generated TypeScript, not yet formatted. */
import { emitInterface } from "./emit-calls.ts";
import { emitEnumCodec, emitStructCodec } from "./emit-codecs.ts";
import { emitListCodec, listTypes } from "./emit-lists.ts";
import { emitEnumType, emitStructType } from "./emit-types.ts";
import type { Node, Request, RequestedFile } from "./request.ts";
import { openSchema, refuseIf, type Schema } from "./schema.ts";

/** What generated code may import from this package; `type` where it is erased. */
const RUNTIME_NAMES = [
  "type BoundMethod",
  "CALL_BYTES_MAX",
  "type Caller",
  "type CallOptions",
  "DATA_BYTES_MAX",
  "type DecodeLimits",
  "ELEMENT",
  "LIST_ITEMS_MAX",
  "type Method",
  "openFrame",
  "openWriter",
  "type Reader",
  "refuseUnknown",
  "TEXT_BYTES_MAX",
  "type Writer",
];

/** What generated code takes from the language: a schema's type of that name would hide it. */
const LANGUAGE_NAMES = [
  "AbortSignal",
  "AsyncIterable",
  "Extract",
  "Promise",
  "Readonly",
  "Record",
  "Uint8Array",
];

/** An interface without an id of its own: the compiler would make one from its name. */
const INTERFACE_WITHOUT_ID = /^\s*interface\s+(\w+)(?!.*@0x)/m;

/** How a file is imported: by a path relative to the generated file, or a package's name. */
export type ImportOf = (from: string, to: string) => string;

/**
 * @param options.source the schema's own text
 * @param options.runtime how the generated file imports this package
 * @param options.importOf how it imports what another schema file generates
 * @throws SchemaError when the schema is outside of the subset
 */
export function generateFile(
  request: Request,
  file: RequestedFile,
  options: { readonly source: string; readonly runtime: string; readonly importOf: ImportOf },
): string {
  const unnamed = INTERFACE_WITHOUT_ID.exec(options.source)?.[1] ?? "";
  refuseIf(
    unnamed !== "",
    `${file.filename}:${unnamed}`,
    "its id is on the wire: give it one of its own",
  );
  const schema = openSchema(request);
  const types = schema.typesOf(file.id);
  refuseTakenNames(schema, types);
  const structs = types.filter(({ body }) => body.kind === "struct");
  const enums = types.filter(({ body }) => body.kind === "enum");
  const interfaces = types.filter(({ body }) => body.kind === "interface");
  const body = [
    ...enums.map((node) => emitEnumType(schema, node)),
    ...structs.map((node) => emitStructType(schema, node)),
    ...interfaces.map((node) => emitInterface(schema, node)),
    ...structs.map((node) => emitStructCodec(schema, node)),
    ...enums.map((node) => emitEnumCodec(schema, node)),
    ...listTypes(schema, structs).map((item) => emitListCodec(schema, item)),
  ].join("\n");
  const imports = emitImports(schema, file, types, body, options);
  const source = file.filename.split("/").at(-1) ?? "";
  return `// Generated from ${source} by scripts/generate.ts: change the schema, not this file.\n${imports}\n\n${body}`;
}

function refuseTakenNames(schema: Schema, types: readonly Node[]): void {
  const taken = new Set(
    [...RUNTIME_NAMES.map((name) => name.replace("type ", "")), ...LANGUAGE_NAMES],
  );
  for (const { id, displayName } of types) {
    const name = schema.name(id);
    refuseIf(taken.has(name), displayName, `the name ${name} is taken in generated code`);
    taken.add(name);
  }
}

function emitImports(
  schema: Schema,
  file: RequestedFile,
  types: readonly Node[],
  body: string,
  { runtime, importOf }: { readonly runtime: string; readonly importOf: ImportOf },
): string {
  const used = (name: string): boolean =>
    new RegExp(`\\b${name.replace("type ", "")}\\b`).test(body);
  const lines = [`import { ${RUNTIME_NAMES.filter(used).join(", ")} } from "${runtime}";`];
  const own = schema.node(file.id).displayName;
  const ownNames = new Set(types.map(({ id }) => schema.name(id)));
  const foreign = new Map<string, Set<string>>();
  for (const id of referenced(schema, types)) {
    const from = schema.fileOf(id);
    if (from === own) continue;
    const name = schema.name(id);
    refuseIf(ownNames.has(name), own, `declares ${name}, and uses the ${name} of ${from}`);
    const names = foreign.get(from) ?? new Set();
    for (const prefix of ["type ", "read", "write", "ordinalOf", "encode", "decode"]) {
      if (used(`${prefix}${name}`)) names.add(`${prefix}${name}`);
    }
    foreign.set(from, names);
  }
  for (const [from, names] of [...foreign].toSorted(([left], [right]) => left < right ? -1 : 1)) {
    lines.push(`import { ${[...names].toSorted().join(", ")} } from "${importOf(own, from)}";`);
  }
  return lines.join("\n");
}

/** The structs and enums that fields and methods of `types` name. */
function referenced(schema: Schema, types: readonly Node[]): ReadonlySet<bigint> {
  const found = new Set<bigint>();
  const visit = (node: Node): void => {
    if (node.body.kind === "interface") {
      for (const { paramsId, resultsId } of node.body.methods) found.add(paramsId).add(resultsId);
    }
    if (node.body.kind !== "struct") return;
    for (const field of node.body.fields) {
      if (field.body.kind === "group") {
        visit(schema.node(field.body.typeId));
        continue;
      }
      let { type } = schema.slot(node, field, field.body);
      while (type.kind === "list") type = type.element;
      if (type.kind === "enum" || type.kind === "struct") found.add(type.typeId);
    }
  };
  types.forEach(visit);
  return found;
}
