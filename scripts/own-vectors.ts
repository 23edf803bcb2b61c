/** Writes the vectors of our own making: `packages/mls/vectors/own/*.json`. */
import { writeFileSync } from "node:fs";
import { stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { ownVectorFiles } from "../packages/mls/vectors/own-files.ts";

const FOLDER = fileURLToPath(new URL("../packages/mls/vectors/own/", import.meta.url));

for (const [name, text] of await ownVectorFiles()) {
  writeFileSync(`${FOLDER}${name}`, text);
  stdout.write(`${name}: ${text.length} bytes\n`);
}
