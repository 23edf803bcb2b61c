import assert from "node:assert/strict";
import { join } from "node:path";
import { MessengerError, silentLog } from "@qpq/ports";
import { type AdminCommand, callAdmin, serveAdmin } from "./admin.ts";

async function withAdmin(
  commands: Readonly<Record<string, AdminCommand>>,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "admin.sock");
  try {
    await using _ = serveAdmin({ path, commands, log: silentLog });
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}

Deno.test("callAdmin() gets what the command gives, or the error it was refused with", async () => {
  const refuse = () => Promise.reject(new MessengerError("too-large", "Cannot: too large"));
  const double: AdminCommand = ({ value }) => Promise.resolve({ value: Number(value) * 2 });
  await withAdmin({ double, refuse }, async (path) => {
    assert.deepEqual(await callAdmin(path, { command: "double", value: 4 }), { value: 8 });
    await assert.rejects(callAdmin(path, { command: "refuse" }), refusedWith("too-large"));
    await assert.rejects(callAdmin(path, { command: "toString" }), refusedWith("malformed"));
    await assert.rejects(callAdmin(path, {}), refusedWith("malformed"));
  });
});

Deno.test("serveAdmin() hides what is behind a bug", async () => {
  const fail = () => Promise.reject(new TypeError("secret path"));
  await withAdmin({ fail }, async (path) => {
    await assert.rejects(callAdmin(path, { command: "fail" }), (error) => {
      assert.ok(refusedWith("internal")(error));
      return !(error as Error).message.includes("secret");
    });
  });
});

Deno.test("serveAdmin() lets the folder's owner in alone, and replaces a dead server's socket", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "admin.sock");
  await Deno.writeTextFile(path, "left over");
  {
    await using _ = serveAdmin({ path, commands: {}, log: silentLog });
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }
  await assert.rejects(callAdmin(path, { command: "x" }), refusedWith("server/not-running"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("serveAdmin() survives requests that are none, too long, or broken off", async () => {
  const echo: AdminCommand = (request) => Promise.resolve(request);
  await withAdmin({ echo }, async (path) => {
    for (const bytes of ["{}\n", "[1]\n", "nonsense\n", "", "x".repeat(70_000)]) {
      const connection = await Deno.connect({ transport: "unix", path });
      await connection.write(new TextEncoder().encode(bytes)).catch(() => {});
      connection.close();
    }
    assert.deepEqual(await callAdmin(path, { command: "echo", a: 1 }), { command: "echo", a: 1 });
  });
});
