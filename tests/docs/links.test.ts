import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ROOT } from "../e2e/processes.ts";

Deno.test("docs: every relative link leads to something that is there", async () => {
  const broken: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isDirectory) {
        if (!name.startsWith(".") && name !== "node_modules") await walk(path);
      } else if (name.endsWith(".md")) {
        const text = (await Deno.readTextFile(join(ROOT, path))).replace(/```[\s\S]*?```/g, "");
        for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
          if (/^([a-z]+:|..\/..\/actions\/)/.test(target)) continue;
          const found = await Deno.stat(join(ROOT, dirname(path), target)).catch(() => undefined);
          if (found === undefined) broken.push(`${path}: ${target}`);
        }
      }
    }
  };
  await walk("");
  assert.deepEqual(broken, []);
});
