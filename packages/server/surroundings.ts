/** What the server's two runs (permissions, then the server) take from the process they are. */
import type { Surroundings } from "./command-line.ts";

export function processSurroundings(): Surroundings {
  return {
    environment: (variable) => Deno.env.get(variable),
    readTextFile: (path) => {
      try {
        return Deno.readTextFileSync(path);
      } catch {
        return undefined;
      }
    },
    // The launcher sets it; asking the runtime would need leave to read the folder.
    workingFolder: Deno.env.get("QPQ_WORKING_FOLDER") ?? Deno.cwd(),
  };
}

export function write(text: string): void {
  writeAll(Deno.stdout, text);
}

export function writeError(text: string): void {
  writeAll(Deno.stderr, text);
}

/** Says what is wrong with the command line or the configuration, and ends with exit code 2. */
export function endWithMistake(message: string): never {
  writeError(`qpq-server: ${message}\nTry 'qpq-server --help'.\n`);
  Deno.exit(2);
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
