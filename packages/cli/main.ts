/** `qpq`: one command a run. */
import { runProgram } from "./program.ts";

Deno.exit(await runProgram(Deno.args));
