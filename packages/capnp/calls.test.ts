import assert from "node:assert/strict";
import { type BoundMethod, CALL_BYTES_MAX, type Caller, type Method } from "./mod.ts";
import {
  directoryClient,
  type DirectoryHandlers,
  directoryHandlers,
  directoryMethods,
} from "./test/constructs.gen.ts";

interface Context {
  readonly account: string;
}

const signal = new AbortController().signal;

Deno.test("a generated client's calls reach the generated handlers as frames", async () => {
  const seen: string[] = [];
  const handlers: DirectoryHandlers<Context> = {
    lookUp: (params, context) => {
      seen.push(`${context.account} looks up ${params.name}`);
      return Promise.resolve({ points: [{ x: params.countMax, y: 0, label: params.name }] });
    },
    store: () => Promise.resolve({}),
    upload: (params) => Promise.resolve({ accepted: params.bytes.length === 5 }),
    async *watch() {
      yield { x: 1, y: 0, label: "" };
      yield { x: 2, y: 0, label: "" };
    },
  };
  const client = directoryClient(callerOf(directoryHandlers(handlers), { account: "alice" }));
  const found = await client.lookUp({ name: "here", countMax: 3 });
  assert.deepEqual(found, { points: [{ x: 3, y: 0, label: "here" }] });
  assert.deepEqual(await client.store({ x: 0, y: 0, label: "" }), {});
  assert.deepEqual(await client.upload({ bytes: new Uint8Array(5) }), { accepted: true });
  const watched: number[] = [];
  for await (const { x } of client.watch({})) watched.push(x);
  assert.deepEqual(watched, [1, 2]);
  assert.deepEqual(seen, ["alice looks up here"]);
});

Deno.test("a generated method table says each method's place, kind and limits", () => {
  const { lookUp, store, upload, watch } = directoryMethods;
  const methods = [lookUp, store, upload, watch];
  assert.ok(methods.every(({ interfaceId }) => interfaceId === 0xc0f3b0a6d2c1e984n));
  assert.deepEqual(methods.map(({ ordinal }) => ordinal), [0, 1, 2, 3]);
  assert.deepEqual(methods.map(({ kind }) => kind), ["call", "call", "large", "subscription"]);
  assert.equal(lookUp.name, "directory/look-up");
  assert.equal(lookUp.paramsBytesMax, CALL_BYTES_MAX);
  assert.equal(upload.paramsBytesMax, 2 * 1024 * 1024);
  assert.equal(upload.resultsBytesMax, 256 * 1024);
});

Deno.test("a large method's parameters decode up to its own limit", () => {
  const { upload } = directoryMethods;
  const bytes = new Uint8Array(1024 * 1024);
  assert.equal(upload.decodeParams(upload.encodeParams({ bytes })).bytes.length, bytes.length);
});

/** Carries calls within this process, as frames. */
function callerOf(bound: readonly BoundMethod<Context>[], context: Context): Caller {
  const serve = <Params, Results>(method: Method<Params, Results>, params: Params): unknown => {
    const row = bound.find(({ method: { interfaceId, ordinal } }) =>
      interfaceId === method.interfaceId && ordinal === method.ordinal
    );
    assert.ok(row !== undefined);
    return row.handler(method.decodeParams(method.encodeParams(params)), context, signal);
  };
  return {
    call: async (method, params) => {
      const results = await (serve(method, params) as Promise<never>);
      return method.decodeResults(method.encodeResults(results));
    },
    async *subscribe(method, params) {
      for await (const results of serve(method, params) as AsyncIterable<never>) {
        yield method.decodeResults(method.encodeResults(results));
      }
    },
  };
}
