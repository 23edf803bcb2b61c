/** `npm run bench [-- NAME…]`: runs the benches under bench/, one after another, or those named. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const all = [...Deno.readDirSync(`${ROOT}bench`)]
  .filter(({ name, isFile }) => isFile && /^[a-z-]+\.ts$/.test(name))
  .map(({ name }) => name.replace(/\.ts$/, "")).sort();
const unknown = Deno.args.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  print(`no bench named ${unknown.join(", ")}; there are: ${all.join(", ")}`);
  Deno.exit(2);
}
for (const name of Deno.args.length === 0 ? all : Deno.args) {
  print(`== ${name}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", `${ROOT}bench/${name}.ts`],
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
