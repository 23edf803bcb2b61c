/** Which file of the project imports which, and the arrows that `docs/architecture.md` draws. */
import { dirname, join, normalize, relative } from "node:path";

/** What each package may import; itself always. DESIGN: arrows point one way. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  ports: [],
  capnp: ["ports"],
  mls: ["ports"],
  rpc: ["ports", "capnp"],
  adapters: ["ports"],
  features: ["ports", "capnp", "mls", "rpc"],
  server: ["ports", "capnp", "mls", "rpc", "features", "adapters"],
  client: ["ports", "capnp", "mls", "rpc", "features", "adapters"],
  cli: ["ports", "capnp", "mls", "rpc", "features", "adapters", "client"],
};

/** A source tree: each file's path from the root, with its text. */
export type Tree = ReadonlyMap<string, string>;

export interface Exports {
  /** `@qpq/mls` or `@qpq/mls/public` to a path from the root. */
  readonly [specifier: string]: string;
}

const IMPORT_PATTERN =
  /(?:^|[\s;}])(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']/g;

/** The paths and bare names that a file's text imports, types included. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(IMPORT_PATTERN)].map((match) => (match[1] ?? match[2]) as string);
}

/** The project files that `path` imports directly. */
export function edgesFrom(path: string, tree: Tree, exports: Exports): readonly string[] {
  const edges: string[] = [];
  for (const specifier of importsOf(tree.get(path) ?? "")) {
    if (specifier.startsWith(".")) edges.push(normalize(join(dirname(path), specifier)));
    else if (specifier.startsWith("@qpq/")) {
      edges.push(exports[specifier] ?? `missing:${specifier}`);
    }
  }
  return edges;
}

/** Everything reachable from `start`, itself included. */
export function closureOf(start: string, tree: Tree, exports: Exports): ReadonlySet<string> {
  const seen = new Set([start]);
  for (const path of seen) for (const edge of edgesFrom(path, tree, exports)) seen.add(edge);
  return seen;
}

/** One line for each import that breaks a rule of DESIGN §3; none when all hold. */
export function brokenArrows(tree: Tree, exports: Exports): readonly string[] {
  const broken: string[] = [];
  for (const path of tree.keys()) {
    const from = packageOf(path);
    if (from === undefined || isTest(path)) continue;
    for (const edge of edgesFrom(path, tree, exports)) {
      const to = packageOf(edge);
      if (!tree.has(edge)) broken.push(`${path} imports ${edge}, which is not there`);
      else if (to === undefined) broken.push(`${path} imports ${edge}, outside packages/`);
      else if (from !== to && ARROWS[from]?.includes(to) !== true) {
        broken.push(`${path} imports ${edge}: ${from} must not know ${to}`);
      }
      const slice = sliceOf(path);
      if (edge.endsWith("/keys.ts") && sliceOf(edge) !== slice && from === "features") {
        broken.push(`${path} imports ${edge}: a slice's keys are its own`);
      }
    }
  }
  return [...broken, ...serverReaches(tree, exports)];
}

function serverReaches(tree: Tree, exports: Exports): readonly string[] {
  // Besides what is public: the cipher suites' functions, which hold no group.
  const open = new Set(
    ["packages/mls/public.ts", "packages/mls/primitives.ts"].flatMap((entry) => [
      ...closureOf(entry, tree, exports),
    ]),
  );
  return [...closureOf("packages/server/main.ts", tree, exports)].flatMap((path) => {
    if (/^packages\/features\/.*client\.ts$/.test(path) || packageOf(path) === "client") {
      return [`the server reaches ${path}: the client's half`];
    }
    if (packageOf(path) === "mls" && !open.has(path)) {
      return [`the server reaches ${path}: the secret half of mls`];
    }
    return [];
  });
}

/** The tree and the package exports below `root`. */
export async function readTree(root: string): Promise<{ tree: Tree; exports: Exports }> {
  const tree = new Map<string, string>();
  const exports: Record<string, string> = {};
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) await walk(path);
      else if (entry.name.endsWith(".ts")) {
        tree.set(relative(root, path), await Deno.readTextFile(path));
      } else if (entry.name === "deno.json") Object.assign(exports, await readExports(root, path));
    }
  };
  await walk(join(root, "packages"));
  return { tree, exports };
}

async function readExports(root: string, path: string): Promise<Record<string, string>> {
  const config: { name: string; exports: string | Record<string, string> } = JSON.parse(
    await Deno.readTextFile(path),
  );
  const entries = typeof config.exports === "string" ? { ".": config.exports } : config.exports;
  const folder = relative(root, dirname(path));
  return Object.fromEntries(
    Object.entries(entries).map((
      [key, target],
    ) => [normalize(join(config.name, key)).replace(/\/$/, ""), normalize(join(folder, target))]),
  );
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

function sliceOf(path: string): string | undefined {
  return /^packages\/features\/([^/]+)\//.exec(path)?.[1];
}

/** Code that no program ships. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|\/(test|testing|fuzz|vectors)\/|-contract\.ts$/.test(path);
}
