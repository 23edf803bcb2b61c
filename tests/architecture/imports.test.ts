import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brokenArrows, closureOf, type Exports, importsOf, readTree } from "./imports.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

Deno.test("imports in packages/ follow the arrows of docs/architecture.md", async () => {
  const { tree, exports } = await readTree(ROOT);
  assert.ok(tree.size > 20);
  assert.deepEqual(brokenArrows(tree, exports), []);
});

Deno.test("importsOf() finds every form of import and no comment", () => {
  const text = `
    import assert from "a";
    import { b, type c } from "b";
    import type { d } from "c";
    export * from "d";
    export { e } from './e.ts';
    import "f";
    const g = await import("g");
    // import "no";
    /* import "no"; */
    import {
      h,
    } from "h";
  `;
  assert.deepEqual(importsOf(text), ["a", "b", "c", "d", "./e.ts", "f", "g", "h"]);
});

const EXPORTS: Exports = {
  "@qpq/ports": "packages/ports/mod.ts",
  "@qpq/rpc": "packages/rpc/mod.ts",
  "@qpq/mls": "packages/mls/mod.ts",
  "@qpq/mls/public": "packages/mls/public.ts",
};
const SOUND: readonly (readonly [string, string])[] = [
  ["packages/ports/mod.ts", ""],
  ["packages/rpc/mod.ts", 'import "@qpq/ports";'],
  ["packages/mls/mod.ts", 'import "./key-schedule.ts"; import "./public.ts";'],
  ["packages/mls/public.ts", 'import "./codec.ts";'],
  ["packages/mls/codec.ts", ""],
  ["packages/mls/key-schedule.ts", 'import "./codec.ts";'],
  ["packages/features/ping/server.ts", 'import "@qpq/mls/public"; import "./keys.ts";'],
  ["packages/features/ping/client.ts", 'import "@qpq/mls";'],
  ["packages/features/ping/keys.ts", ""],
  ["packages/features/groups/server.ts", ""],
  ["packages/server/main.ts", 'import "../features/ping/server.ts";'],
];

const PLANTED: readonly (readonly [path: string, text: string, complaint: RegExp])[] = [
  ["packages/ports/mod.ts", 'export * from "@qpq/rpc";', /ports must not know rpc/],
  ["packages/rpc/mod.ts", 'import "../features/ping/server.ts";', /rpc must not know features/],
  ["packages/features/groups/server.ts", 'import "../ping/keys.ts";', /keys are its own/],
  ["packages/server/main.ts", 'import "../features/ping/client.ts";', /the client's half/],
  ["packages/features/ping/server.ts", 'import "@qpq/mls";', /secret half of mls/],
  ["packages/mls/public.ts", 'import "../../tests/x.ts";', /which is not there/],
];

Deno.test("brokenArrows() passes a sound tree", () => {
  assert.deepEqual(brokenArrows(new Map(SOUND), EXPORTS), []);
});

for (const [path, text, complaint] of PLANTED) {
  Deno.test(`brokenArrows() finds a planted ${text} in ${path}`, () => {
    const broken = brokenArrows(new Map([...SOUND, [path, text]]), EXPORTS);
    assert.match(broken.join("\n"), complaint);
  });
}

Deno.test("packages/mls/public.ts reaches no module that holds secrets", async () => {
  const { tree, exports } = await readTree(ROOT);
  if (!tree.has("packages/mls/public.ts")) return;
  const secret =
    /^packages\/mls\/(keys|group|messages)\/|^packages\/mls\/crypto\/(?!provider\.ts$|suites\.ts$)/;
  const reached = [...closureOf("packages/mls/public.ts", tree, exports)];
  assert.deepEqual(reached.filter((path) => secret.test(path)), []);
});

Deno.test("packages/mls/primitives.ts reaches nothing of mls but crypto/ and slices.ts", async () => {
  const { tree, exports } = await readTree(ROOT);
  const reached = [...closureOf("packages/mls/primitives.ts", tree, exports)]
    .filter((path) => path.startsWith("packages/mls/"));
  assert.ok(reached.length > 1);
  const others = reached.filter((path) =>
    !/^packages\/mls\/(crypto\/|(primitives|slices)\.ts$)/.test(path)
  );
  assert.deepEqual(others, []);
});
