/** What an `interface` becomes: its table of methods, the client's stub, the server's handlers. */
import { docOf } from "./emit-types.ts";
import type { Method, Node } from "./request.ts";
import { refuseIf, type Schema, SchemaError } from "./schema.ts";

export function emitInterface(schema: Schema, node: Node): string {
  const { body } = node;
  if (body.kind !== "interface") throw new SchemaError(`${node.displayName}: not an interface`);
  refuseIf(body.extends > 0, node.displayName, "superclasses are not supported");
  const name = schema.name(node.id);
  const value = name.slice(0, 1).toLowerCase() + name.slice(1);
  const methods = body.methods.map((method, ordinal) => ({
    ...method,
    ordinal,
    params: schema.name(method.paramsId),
    results: schema.name(method.resultsId),
    traits: schema.method(node, method),
  }));
  const types = methods.map(({ name, params, results }) =>
    `readonly ${name}: Method<${params}, ${results}>;`
  );
  const rows = methods.map((method) => emitMethod(node, method));
  const client = methods.map(({ comment, name, params, results, traits }) =>
    `${docOf(comment)}${name}(params: ${params}, options?: CallOptions): ${
      resultOf(traits.kind, results)
    };`
  );
  const stubs = methods.map(({ name, traits }) =>
    `${name}: (params, options) => caller.${
      traits.kind === "subscription" ? "subscribe" : "call"
    }(${value}Methods.${name}, params, options),`
  );
  const handlers = methods.map(({ comment, name, params, results, traits }) =>
    `${docOf(comment)}${name}(params: ${params}, context: Context, signal: AbortSignal): ${
      resultOf(traits.kind, results)
    };`
  );
  const bound = methods.map(({ name, params }) =>
    `{ method: ${value}Methods.${name},
       handler: (params: ${params}, context, signal) => handlers.${name}(params, context, signal) },`
  );
  return `
export const ${value}Methods: {
  ${types.join("\n")}
} = {
  ${rows.join("\n")}
};

${docOf(node.comment)}export interface ${name}Client {
  ${client.join("\n")}
}

export function ${value}Client(caller: Caller): ${name}Client {
  return {
    ${stubs.join("\n")}
  };
}

export interface ${name}Handlers<Context> {
  ${handlers.join("\n")}
}

export function ${value}Handlers<Context>(
  handlers: ${name}Handlers<Context>,
): readonly BoundMethod<Context>[] {
  return [
    ${bound.join("\n")}
  ];
}
`;
}

function emitMethod(
  node: Node,
  method: Method & {
    readonly ordinal: number;
    readonly params: string;
    readonly results: string;
    readonly traits: ReturnType<Schema["method"]>;
  },
): string {
  const { name, ordinal, params, results, traits: { kind, paramsBytesMax, resultsBytesMax } } =
    method;
  const path = `${kebab(node.displayName.split(":")[1] ?? "")}/${kebab(name)}`;
  const decode = (type: string, bytesMax: string): string =>
    bytesMax === "CALL_BYTES_MAX"
      ? `decode${type}`
      : `(frame) => decode${type}(frame, { bytesMax: ${bytesMax} })`;
  return `${name}: {
    interfaceId: 0x${node.id.toString(16)}n,
    ordinal: ${ordinal},
    name: ${JSON.stringify(path)},
    kind: "${kind}",
    encodeParams: encode${params},
    decodeParams: ${decode(params, paramsBytesMax)},
    encodeResults: encode${results},
    decodeResults: ${decode(results, resultsBytesMax)},
    paramsBytesMax: ${paramsBytesMax},
    resultsBytesMax: ${resultsBytesMax},
  },`;
}

function resultOf(kind: "call" | "large" | "subscription", results: string): string {
  return kind === "subscription" ? `AsyncIterable<${results}>` : `Promise<${results}>`;
}

/** `Outer.keyPackages` becomes `outer/key-packages`. */
function kebab(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(".", "-")
    .toLowerCase();
}
