import assert from "node:assert/strict";
import { CLIENT_VARIABLES } from "@qpq/adapters/variables";
import { Command } from "commander";
import { addAccountCommands } from "./account-commands.ts";
import { addConversationCommands } from "./conversation-commands.ts";
import { permissionsFor } from "./permissions.ts";
import { variableOf } from "./secret-options.ts";
import { SECRETS, STORE_COMMANDS } from "./store-commands.ts";

function flags(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  last?: string,
): Readonly<Record<string, string>> {
  const list = permissionsFor({
    args,
    environment: (variable) => ({ QPQ_STATE_DIR: "/state", ...variables })[variable],
    workingFolder: "/home/ada",
    lastServer: () => last,
  });
  return Object.fromEntries(list.map((flag) => {
    const [name, value = ""] = flag.split(/=(.*)/);
    return [name as string, value];
  }));
}

const SOCKETS = "0.0.0.0:0,[::]:0";

Deno.test("permissionsFor() allows one server: typed, from the environment, remembered, default", () => {
  const net = (...input: Parameters<typeof flags>) => flags(...input)["--allow-net"];
  assert.equal(net([]), `127.0.0.1:7000,${SOCKETS}`);
  assert.equal(net([], {}, "10.0.0.1:1"), `10.0.0.1:1,${SOCKETS}`);
  assert.equal(net([], { QPQ_SERVER: "[::1]:2" }, "10.0.0.1:1"), `[::1]:2,${SOCKETS}`);
  assert.equal(net(["ping", "--server", "10.0.0.3"], {}, "10.0.0.1:1"), `10.0.0.3:7000,${SOCKETS}`);
  assert.equal(net(["ping", "--server=10.0.0.3:4"]), `10.0.0.3:4,${SOCKETS}`);
  assert.equal(net(["ping", "--server", "not an address"]), SOCKETS);
});

Deno.test("permissionsFor() allows a named server by its name: its addresses may change", () => {
  assert.equal(
    flags(["ping", "--server", "chat.example.org:7000"])["--allow-net"],
    `chat.example.org,${SOCKETS}`,
  );
});

Deno.test("permissionsFor() allows one folder to write, and reads only what is named", () => {
  const found = flags(["ping", "--ca-cert", "a,b.pem", "--state-dir", "mine"]);
  assert.equal(found["--allow-write"], "/home/ada/mine");
  assert.equal(
    found["--allow-read"],
    "/home/ada/mine,/home/ada/a,,b.pem,/home/ada/data/server-cert.der",
  );
});

Deno.test("permissionsFor() allows native code to commands that open a store, and to no other", () => {
  for (const command of STORE_COMMANDS) {
    const found = flags([command, "--password-file", "p", "--new-password-file=n"]);
    assert.equal(found["--allow-ffi"]?.split(",").length, 2, command);
    assert.match(found["--allow-ffi"] as string, /sqlite3[^,]*\.node,[^,]*argon2[^,]*\.node$/);
    assert.equal(found["--allow-sys"], "cpus,networkInterfaces,hostname");
    assert.match(found["--allow-read"] as string, /\/home\/ada\/p,\/home\/ada\/n,/);
  }
  for (const args of [["ping"], ["health"], ["ping", "login"], []]) {
    const found = flags(args);
    assert.deepEqual([found["--allow-ffi"], found["--allow-sys"]], [undefined, undefined]);
  }
});

Deno.test("the launcher knows every variable of the commands' options and secrets, and no other", () => {
  const program = new Command();
  addAccountCommands(program, () => {});
  addConversationCommands(program, () => {});
  const ofOptions = program.commands.flatMap(({ options }) => options).flatMap(({ envVar }) =>
    envVar ?? []
  );
  assert.deepEqual(
    [...CLIENT_VARIABLES].toSorted(),
    [...new Set([...ofOptions, ...SECRETS.map(variableOf)])].toSorted(),
  );
});

Deno.test("permissionsFor() never allows everything of a kind, nor programs", () => {
  for (const [name, value] of Object.entries(flags([], {}))) {
    if (name.startsWith("--allow")) assert.notEqual(value, "", name);
    assert.doesNotMatch(name, /run|ffi|all$/);
  }
});
