import assert from "node:assert/strict";
import { cp, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { testWithTool } from "../test/reference-tool.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const GENERATED = "packages/capnp/test/imported.gen.ts";

testWithTool("generate.ts --check names what is not current, and changes nothing", async () => {
  const root = await Deno.makeTempDir();
  try {
    await copyProject(root);
    assert.deepEqual(await check(root), { code: 0, named: [] });

    await Deno.writeTextFile(`${root}/${GENERATED}`, "// changed by hand\n", { append: true });
    const changed = await Deno.readTextFile(`${root}/${GENERATED}`);
    assert.deepEqual(await check(root), { code: 1, named: [`not current: ${GENERATED}`] });
    assert.equal(await Deno.readTextFile(`${root}/${GENERATED}`), changed);

    await Deno.rename(`${root}/${GENERATED}`, `${root}/packages/capnp/test/other.gen.ts`);
    assert.deepEqual(await check(root), {
      code: 1,
      named: [`not current: ${GENERATED}`, "no schema for: packages/capnp/test/other.gen.ts"],
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

async function check(root: string): Promise<{ code: number; named: readonly string[] }> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "scripts/generate.ts", "--check"],
    cwd: root,
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return { code, named: lines.filter((line) => /^(not current|no schema)/.test(line)) };
}

/** What the generator needs of the project, and this package's schemas. */
async function copyProject(root: string): Promise<void> {
  await mkdir(`${root}/scripts`, { recursive: true });
  for (const path of ["packages/ports", "packages/capnp", "scripts/generate.ts", "package.json"]) {
    await cp(`${ROOT}${path}`, `${root}/${path}`, { recursive: true });
  }
  const configuration = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  configuration.workspace = ["./packages/ports", "./packages/capnp"];
  await Deno.writeTextFile(`${root}/deno.json`, JSON.stringify(configuration));
}
