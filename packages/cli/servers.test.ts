import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { parseServer } from "./server-address.ts";
import { readKnownServers, updateKnownServers } from "./servers.ts";

const PIN = `sha256:${"ab".repeat(32)}`;

function withFolder(use: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    use(`${folder}/state`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("updateKnownServers() changes what is there now, not what a run saw when it began", () => {
  withFolder((folder) => {
    const before = readKnownServers(folder);
    assert.deepEqual(before, { pins: {}, found: {}, names: {} });
    for (const name of ["a:1", "b:1"]) {
      updateKnownServers(folder, (known) => ({ ...known, pins: { ...known.pins, [name]: PIN } }));
    }
    assert.deepEqual(Object.keys(readKnownServers(folder).pins), ["a:1", "b:1"]);
    assert.equal((Deno.statSync(`${folder}/servers.json`).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("updateKnownServers() overwrites nothing that it cannot read", () => {
  withFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/servers.json`, "{");
    assert.throws(
      () => updateKnownServers(folder, (known) => known),
      (error) => error instanceof MessengerError && error.code === "cli/state-unreadable",
    );
    assert.equal(Deno.readTextFileSync(`${folder}/servers.json`), "{");
  });
});

Deno.test("parseServer() gives one server one spelling", () => {
  for (const text of ["chat.example.org", "CHAT.example.org:7000", "chat.example.org.:7000"]) {
    assert.deepEqual(parseServer(text), { hostname: "chat.example.org", port: 7000 });
  }
  assert.deepEqual(parseServer("[::1]"), { hostname: "::1", port: 7000 });
  assert.equal(parseServer("a:b:c"), undefined);
});
