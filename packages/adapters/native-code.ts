/**
 * The native code that programs load: one file for the database, one for stretching passwords. Apart
 * from `mod.ts`: the launchers' first run, which may read next to nothing, needs only this.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

export interface NativeCode {
  readonly path: string;
}

/** The database's addon for this machine, inside its package. */
export function databaseAddon(): NativeCode {
  const { os, arch } = Deno.build;
  const platform = `${os === "darwin" ? "darwin" : "linux"}-${
    arch === "aarch64" ? "arm64" : "x64"
  }`;
  return installed(`better-sqlite3-multiple-ciphers/prebuilds/${platform}.node`);
}

/** Argon2's addon for this machine. */
export function argon2Addon(): NativeCode {
  const { os, arch } = Deno.build;
  const cpu = arch === "aarch64" ? "arm64" : "x64";
  const platform = os === "darwin" ? `darwin-${cpu}` : `linux-${cpu}-gnu`;
  return installed(`@node-rs/argon2-${platform}/argon2.${platform}.node`);
}

/** What Argon2's loader asks of its surroundings before it chooses its addon. */
export const ARGON2_NEEDS = {
  variables: [
    "NAPI_RS_WASI_FLAVOR",
    "NAPI_RS_FORCE_WASI",
    "NAPI_RS_NATIVE_LIBRARY_PATH",
    "NAPI_RS_ENFORCE_VERSION_CHECK",
  ],
  system: ["cpus", "networkInterfaces", "hostname"],
} as const;

/** The folder of the project's sources: a store's writing thread loads its own. */
export function sourceFolder(): string {
  return fileURLToPath(new URL("..", import.meta.url));
}

function installed(path: string): NativeCode {
  return { path: fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url)) };
}
