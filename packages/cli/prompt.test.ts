import assert from "node:assert/strict";
import { askSecret } from "./prompt.ts";

Deno.test("askSecret() shows its question once nothing is echoed any more", async () => {
  const { stdin, stderr } = Deno;
  const own = { setRaw: stdin.setRaw, read: stdin.read, writeSync: stderr.writeSync };
  const seen: string[] = [];
  stdin.setRaw = (isRaw) => void seen.push(isRaw ? "raw" : "cooked");
  stdin.read = (buffer) => {
    const typed = new TextEncoder().encode("secret\r");
    buffer.set(typed);
    return Promise.resolve(typed.length);
  };
  stderr.writeSync = (bytes) => seen.push(new TextDecoder().decode(bytes)) && bytes.length;
  try {
    assert.equal(await askSecret("Password: "), "secret");
  } finally {
    Object.assign(stdin, { setRaw: own.setRaw, read: own.read });
    Object.assign(stderr, { writeSync: own.writeSync });
  }
  assert.deepEqual(seen, ["raw", "Password: ", "cooked", "\n"]);
});
