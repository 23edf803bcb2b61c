import assert from "node:assert/strict";
import { SERVER_VARIABLES } from "@qpq/adapters/variables";
import { ACCOUNT_LIMITS } from "../features/accounts/server.ts";
import { DEVICE_LIMITS, DEVICES_LISTED_MAX } from "../features/devices/server.ts";
import { STOCK_COUNT } from "../features/key-packages/stock.ts";
import { KEY_PACKAGE_LIMITS } from "../features/key-packages/server.ts";
import { CHANNEL_LIMITS } from "../features/channels/limits.ts";
import { CALL_LIMITS } from "../features/limits/call-quota.ts";
import {
  CONFIG_KEY_NAMES,
  CONFIG_KEYS,
  ConfigError,
  loadConfig,
  printConfig,
  variableOf,
} from "./config.ts";
import { type CommandLine, readCommandLine } from "./command-line.ts";
import { quotasOf } from "./quotas.ts";
import { isProduction, productionRefusals } from "./production.ts";

interface World {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

function read(args: readonly string[], world: World = {}): CommandLine {
  return readCommandLine(args, {
    environment: (variable) => world.environment?.[variable],
    readTextFile: (path) => world.files?.[path],
    workingFolder: "/home/ada",
  });
}

function load(args: readonly string[], world: World = {}) {
  const line = read(args, world);
  assert.equal(line.kind, "run", line.kind === "mistake" ? line.message : line.kind);
  return (line as Extract<CommandLine, { kind: "run" }>).loaded;
}

function mistake(args: readonly string[], world: World = {}): string {
  const line = read(args, world);
  assert.equal(line.kind, "mistake");
  return (line as Extract<CommandLine, { kind: "mistake" }>).message;
}

Deno.test("loadConfig() gives the defaults, with paths made absolute", () => {
  const { config } = load([]);
  assert.equal(config.listen, "127.0.0.1:7000");
  assert.equal(config.data_dir, "/home/ada/data");
  assert.equal(config.tls_cert, "/home/ada/data/server-cert.der");
  assert.equal(config.db_path, "/home/ada/data/server.db");
  assert.deepEqual(config.auth_token, []);
  assert.equal(config.server_name, "localhost");
  assert.equal(load(["--tls-names", "Chat.example,b"]).config.server_name, "chat.example");
});

Deno.test("loadConfig() takes flag over environment over file over default, for every key", () => {
  const samples: Readonly<Record<string, readonly [string, string, string]>> = {
    listen: ["[::1]:1", "[::1]:2", "[::1]:3"],
    data_dir: ["/a", "/b", "/c"],
    tls_cert: ["/t/a", "/t/b", "/t/c"],
    tls_key: ["/t/a", "/t/b", "/t/c"],
    tls_names: ["a.example", "b.example", "c.example"],
    tls_self_signed: ["true", "false", "true"],
    server_name: ["a.example", "b.example", "c.example"],
    registration: ["closed", "invite", "open"],
    auth_token: ["token-a", "token-b", "token-c"],
    store_backend: ["sql", "file", "sql"],
    db_path: ["/a/x.db", "/a/y.db", "/a/z.db"],
    db_key: ["a", "b", "c"],
    db_url: ["postgres://a", "postgres://b", "postgres://c"],
    devices_max: ["1", "2", "64"],
    key_packages_max: ["100", "300", "1000"],
    account_calls_per_minute: ["60", "61", "62"],
    address_calls_per_minute: ["60", "61", "62"],
    address_logins_per_minute: ["1", "2", "3"],
    address_registrations_per_minute: ["1", "2", "3"],
    conversation_messages_per_minute: ["60", "61", "62"],
    account_conversations_per_minute: ["1", "2", "3"],
    http_listen: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"],
    log_level: ["debug", "warn", "error"],
  };
  assert.deepEqual(Object.keys(samples), [...CONFIG_KEY_NAMES]);
  for (const key of CONFIG_KEY_NAMES) {
    const [flag, variable, inFile] = samples[key] as readonly [string, string, string];
    const fixed = key === "db_path" ? ["--data-dir", "/a"] : [];
    const pair = key === "tls_cert" ? "tls_key" : key === "tls_key" ? "tls_cert" : undefined;
    const toml = (value: string): string =>
      key === "tls_names"
        ? `["${value}"]`
        : /^(true|false|\d+)$/.test(value)
        ? value
        : `"${value}"`;
    const other = pair === undefined ? "" : `\n${pair} = "/t/o"`;
    const files = { "/home/ada/q.toml": `${key} = ${toml(inFile)}${other}` };
    const environment = { [variableOf(key)]: variable };
    const option = `--${key.replaceAll("_", "-")}`;
    const of = (args: readonly string[], world: World) => {
      const loaded = load([...fixed, ...args], world);
      return [loaded.config[key].toString(), loaded.sources[key]];
    };
    assert.deepEqual(of(["--config", "q.toml", option, flag], { environment, files }), [
      flag,
      "flag",
    ]);
    assert.deepEqual(of(["--config", "q.toml"], { environment, files }), [variable, "environment"]);
    assert.deepEqual(of(["--config", "q.toml"], { files }), [inFile, "file"]);
  }
});

Deno.test("the launcher knows every variable that a key has, and no other", () => {
  const others = ["QPQ_CONFIG", "QPQ_PRODUCTION", "QPQ_NEW_DB_KEY"];
  assert.deepEqual(
    [...SERVER_VARIABLES].toSorted(),
    [...CONFIG_KEY_NAMES.map(variableOf), ...others].toSorted(),
  );
});

Deno.test("quotasOf() gives the slices' own limits by default, and otherwise the operator's", () => {
  const quotas = (args: readonly string[]) => quotasOf(load(args).config);
  const { logins, registrations } = ACCOUNT_LIMITS;
  assert.deepEqual(quotas([]), {
    accounts: { logins, registrations },
    devices: { devicesMax: DEVICE_LIMITS.devicesMax },
    keyPackages: { packagesMax: KEY_PACKAGE_LIMITS.packagesMax },
    channels: { appendRate: CHANNEL_LIMITS.appendRate, createRate: CHANNEL_LIMITS.createRate },
    calls: CALL_LIMITS,
  });
  const own = [
    ...["--devices-max", "3", "--key-packages-max", "150"],
    ...["--account-calls-per-minute", "100", "--address-calls-per-minute", "100"],
    ...["--address-logins-per-minute", "5", "--address-registrations-per-minute", "2"],
    ...["--conversation-messages-per-minute", "60", "--account-conversations-per-minute", "3"],
  ];
  assert.deepEqual(quotas(own), {
    accounts: {
      logins: { burst: 5, perMinute: 5 },
      registrations: { burst: 120, perMinute: 4 },
    },
    devices: { devicesMax: 3 },
    keyPackages: { packagesMax: 150 },
    channels: {
      appendRate: { burst: 100, perMinute: 60 },
      createRate: { burst: 6, perMinute: 3 },
    },
    calls: {
      callsOfAccount: { burst: 34, perMinute: 100 },
      callsOfAddress: { burst: 67, perMinute: 100 },
    },
  });
  const most = CONFIG_KEYS.devices_max.expects;
  assert.match(most, new RegExp(` to ${DEVICES_LISTED_MAX}$`));
  assert.match(CONFIG_KEYS.key_packages_max.expects, new RegExp(` from ${STOCK_COUNT} to`));
});

const MISTAKES: readonly (readonly [string, readonly string[], World, RegExp])[] = [
  ["an unknown key", [], file("listne = 1"), /q\.toml: unknown key "listne": expected one of list/],
  ["a wrong type", [], file("listen = 7000"), /q\.toml: listen: expected an address such as/],
  ["a bad address", ["--listen", "localhost"], {}, /^--listen: expected an address/],
  ["a port above 65535", ["--listen", "localhost:65536"], {}, /^--listen: expected an address/],
  [
    "a bad variable, though a flag wins",
    ["--log-level", "info"],
    { environment: { QPQ_LOG_LEVEL: "loud" } },
    /^QPQ_LOG_LEVEL: expected "debug"/,
  ],
  ["TOML that is none", [], file("listen = "), /q\.toml:1:\d+: /],
  ["a key twice", [], file('listen = "[::1]:1"\nlisten = "[::1]:1"'), /q\.toml:2:/],
  ["a file that isn't there", ["--config", "none.toml"], {}, /^none\.toml: no such/],
  [
    "a certificate without its key",
    ["--tls-cert", "/c"],
    {},
    /tls_cert and tls_key: expected both/,
  ],
  ["a database outside data_dir", ["--db-path", "/x.db"], {}, /db_path: expected a file inside/],
  ["an unknown flag", ["--lsten", "x"], {}, /unknown option '--lsten'/],
  ["a comma in data_dir", ["--data-dir", "a,b"], {}, /^--data-dir: expected .* without a comma/],
  ["a third token", [], file('auth_token = ["a","b","c"]'), /auth_token: expected a token, or a/],
  ["an empty token in a list", [], file('auth_token = ["a",""]'), /auth_token: expected/],
  ["PostgreSQL without its URL", ["--store-backend", "postgres"], {}, /db_url: expected a postg/],
  ["a quota of none", ["--devices-max", "0"], {}, /^--devices-max: expected .* from 1 to 64$/],
  ["a quota above its bound", ["--devices-max", "65"], {}, /^--devices-max: expected a whole/],
  ["a quota that is no number", ["--devices-max", "1e1"], {}, /^--devices-max: expected a whole/],
  ["a quota with a part", [], file("key_packages_max = 100.5"), /key_packages_max: expected a who/],
  ["less than a client's stock", [], file("key_packages_max = 99"), /: expected .* from 100 to/],
  ["a quota as text", [], file('account_calls_per_minute = "60"'), /expected a whole number/],
  ["a word too many", ["start"], {}, /too many arguments/],
];

function file(text: string): World {
  return { environment: { QPQ_CONFIG: "q.toml" }, files: { "/home/ada/q.toml": text } };
}

for (const [name, args, world, expected] of MISTAKES) {
  Deno.test(`readCommandLine() refuses ${name}, naming place, key and expectation`, () => {
    assert.match(mistake(args, world), expected);
  });
}

Deno.test("readCommandLine() reads ./qpq-server.toml when there is one and none is named", () => {
  const files = { "/home/ada/qpq-server.toml": 'log_level = "debug"' };
  assert.equal(load([], { files }).config.log_level, "debug");
});

Deno.test("readCommandLine() knows the operator's tasks, with the configuration around them", () => {
  const taskOf = (args: readonly string[], world: World = {}) => {
    const line = read(args, world);
    assert.equal(line.kind, "run", line.kind === "mistake" ? line.message : line.kind);
    return (line as Extract<CommandLine, { kind: "run" }>).task;
  };
  assert.deepEqual(taskOf([]), { kind: "serve" });
  assert.deepEqual(taskOf(["--print-config"]), { kind: "print-config" });
  assert.deepEqual(taskOf(["backup", "x"]), { kind: "backup", file: "/home/ada/x" });
  assert.deepEqual(taskOf(["--data-dir", "d", "restore", "/x"]), { kind: "restore", file: "/x" });
  assert.deepEqual(taskOf(["salvage", "x", "--data-dir", "d"]), {
    kind: "salvage",
    file: "/home/ada/x",
  });
  assert.deepEqual(taskOf(["rekey", "--new-db-key", ""]), { kind: "rekey", newKey: "" });
  assert.deepEqual(taskOf(["rekey"], { environment: { QPQ_NEW_DB_KEY: "k" } }), {
    kind: "rekey",
    newKey: "k",
  });
  assert.match(mistake(["rekey"]), /--new-db-key: expected/);
  assert.match(mistake(["backup"]), /missing required argument 'file'/);
  const kind = "accounts";
  assert.deepEqual(taskOf(["invite"]), { kind, action: "invite", uses: 1, days: 7 });
  assert.deepEqual(taskOf(["invite", "--uses", "3", "--days", "1"]), {
    ...{ kind, action: "invite" },
    ...{ uses: 3, days: 1 },
  });
  assert.match(mistake(["invite", "--uses", "0"]), /--uses.*whole number/);
  assert.deepEqual(taskOf(["accounts", "list"]), { kind, action: "list" });
  assert.deepEqual(taskOf(["accounts", "suspend", "ada"]), {
    ...{ kind, action: "suspend" },
    name: "ada",
  });
});

Deno.test("printConfig() masks every secret and prints TOML that loads again", () => {
  const secret = "do-not-show-this";
  const loaded = load(["--auth-token", secret, "--db-key", secret, "--db-url", secret]);
  const printed = printConfig(loaded);
  assert.doesNotMatch(printed, new RegExp(secret));
  assert.match(printed, /# auth_token is set, not shown\s+# flag/);
  const again = loadConfig({
    flags: {},
    environment: () => undefined,
    file: { path: "printed", text: printed },
    workingFolder: "/elsewhere",
  });
  assert.equal(again.config.data_dir, loaded.config.data_dir);
});

Deno.test("loadConfig() throws ConfigError only", () => {
  const input = { flags: { listen: "" }, environment: () => undefined, workingFolder: "/" };
  assert.throws(() => loadConfig(input), ConfigError);
});

const GOOD_TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("productionRefusals() lists all reasons at once", () => {
  const refusals = productionRefusals(load([]), false);
  assert.deepEqual(refusals.map((text) => text.split(" ")[0]), [
    "auth_token",
    "db_key",
    "tls_cert",
  ]);
});

Deno.test("productionRefusals() asks for an auth_token only while anyone may register", () => {
  for (const registration of ["invite", "closed"]) {
    const refusals = productionRefusals(load(["--registration", registration]), false);
    assert.doesNotMatch(refusals.join(), /auth_token/);
  }
});

Deno.test("productionRefusals() refuses example and short tokens, each by itself", () => {
  const rest = ["--db-key", "k", "--tls-self-signed", "true"];
  const of = (tokens: string) => productionRefusals(load(["--auth-token", tokens, ...rest]), false);
  assert.match(of("devtoken").join(), /examples show/);
  assert.match(of(GOOD_TOKEN.slice(1)).join(), /shorter than 32/);
  assert.match(of(`${GOOD_TOKEN},devtoken`).join(), /examples show/);
  assert.deepEqual(of(GOOD_TOKEN), []);
});

Deno.test("productionRefusals() knows a self-made certificate in a file, and a token that is no secret", () => {
  const rest = ["--db-key", "k", "--tls-cert", "/c", "--tls-key", "/k"];
  const of = (token: string, selfMade: boolean, extra: readonly string[] = []) =>
    productionRefusals(load(["--auth-token", token, ...rest, ...extra]), selfMade).join();
  assert.match(of(GOOD_TOKEN, true), /signed by itself/);
  assert.equal(of(GOOD_TOKEN, true, ["--tls-self-signed", "true"]), "");
  assert.match(of("a".repeat(32), false), /different characters/);
});

Deno.test("isProduction() takes no value that it doesn't know for a no", () => {
  assert.deepEqual([undefined, "", "0", "1"].map(isProduction), [false, false, false, true]);
  for (const value of ["true", "yes", "on", "1 "]) {
    assert.throws(() => isProduction(value), ConfigError);
  }
});

Deno.test("productionRefusals() takes a given certificate, or a self-made one that is meant", () => {
  const rest = ["--db-key", "k", "--auth-token", GOOD_TOKEN];
  assert.deepEqual(
    productionRefusals(load([...rest, "--tls-cert", "/c", "--tls-key", "/k"]), false),
    [],
  );
  assert.match(productionRefusals(load(rest), false).join(), /tls_self_signed = true/);
});
