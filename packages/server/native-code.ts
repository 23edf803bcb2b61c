/** The native code that the server loads: one file for the database, one for stretching passwords. */
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

function installed(path: string): NativeCode {
  return { path: fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url)) };
}
