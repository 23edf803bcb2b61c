/** Rules about the text of the sources that no linter knows. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isTest, readTree, type Tree } from "./imports.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

interface Rule {
  readonly name: string;
  /** Which files it binds. Tests and benches are free. */
  readonly binds: (path: string) => boolean;
  readonly breaksIt: (line: string) => boolean;
  /** A line that breaks the rule, and one that doesn't. */
  readonly breaks: string;
  readonly keeps: string;
}

const PURE = /^packages\/(ports|capnp|mls|rpc|features)\//;
/** Two operands of a comparison, of which one is named like a secret and neither is a constant. */
function comparesSecret(line: string): boolean {
  if (/\btimingSafeEqual\b|\bBuffer\.compare\b|\bindexedDB\.cmp\b/.test(line)) return true;
  const constant = /^(undefined|null|true|false|[0-9.]+|["'`].*|[A-Z][A-Z0-9_]*|.*\blength)$/;
  const secret = /(^|[a-z.])([tT]oken|[sS]ecret|[mM]ac|[tT]ag|[pP]assword|[pP]in)s?$/;
  return [...line.matchAll(/([\w.\]"'`]+)\)?\s*[!=]==?\s*\(?([\w."'`]+)/g)].some(
    ([, left = "", right = ""]) =>
      (secret.test(left) || secret.test(right)) && !constant.test(left) && !constant.test(right),
  );
}

const RULES: readonly Rule[] = [
  {
    name: "ports, capnp, mls, rpc and features take time, randomness and logs as arguments",
    binds: (path) => PURE.test(path),
    breaksIt: (line) =>
      /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(|\bgetRandomValues\(|\brandomBytes\(|\bsetTimeout\(|\bsetInterval\(|\bDeno\.(?!QuicEndpoint)|\bconsole\./
        .test(line),
    breaks: "const start = performance.now();",
    keeps: "const start = clock.monotonic();",
  },
  {
    name: "only adapters/transport-quic names the runtime's QUIC API",
    binds: (path) => path !== "packages/adapters/transport-quic.ts",
    breaksIt: (line) => /\bDeno\.(?:Quic\w*|connectQuic|upgradeWebTransport)/.test(line),
    breaks: "const endpoint = new Deno.QuicEndpoint();",
    keeps: "const endpoint = transport.endpoint();",
  },
  {
    name: "secrets are compared by equalConstantTime() alone, identity by Object.is()",
    binds: (path) => path !== "packages/ports/constant-time.ts",
    breaksIt: comparesSecret,
    breaks: "if (token === expected) return true;",
    keeps: "if (token !== undefined && equalConstantTime(token, expected)) return true;",
  },
];

function isProduct(path: string): boolean {
  return !isTest(path) && !path.endsWith(".gen.ts");
}

function violations(rule: Rule, tree: Tree): readonly string[] {
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!isProduct(path) || !rule.binds(path)) continue;
    const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""));
    for (const [index, line] of code.split("\n").entries()) {
      if (rule.breaksIt(line.replace(/\/\/.*$/, ""))) {
        found.push(`${path}:${index + 1}: ${line.trim()}`);
      }
    }
  }
  return found;
}

for (const rule of RULES) {
  Deno.test(`sources: ${rule.name}`, async () => {
    const planted = "packages/rpc/planted.ts";
    assert.equal(violations(rule, new Map([[planted, rule.breaks]])).length, 1);
    assert.deepEqual(violations(rule, new Map([[planted, rule.keeps]])), []);
    const { tree } = await readTree(ROOT);
    assert.deepEqual(violations(rule, tree), []);
  });
}

Deno.test("sources: no file of the product is over 500 lines, but generated ones", async () => {
  const { tree } = await readTree(ROOT);
  const long = [...tree].filter(([path, text]) => isProduct(path) && text.split("\n").length > 501);
  assert.deepEqual(long.map(([path]) => path), []);
});

Deno.test("sources: no folder or file is named after nothing in particular", async () => {
  const { tree } = await readTree(ROOT);
  const vague = /(^|\/)(utils?|common|helpers?|types|misc|shared|lib)(\/|\.ts$)/;
  assert.deepEqual([...tree.keys()].filter((path) => vague.test(path)), []);
});
