/**
 * The server's configuration: one table of keys. Each key `some_key` is also the flag `--some-key`
 * and the environment variable `QPQ_SOME_KEY`. Precedence: flag, environment, file, default.
 */
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import type { LogLevel } from "@qpq/adapters";
import { parseHostPort } from "@qpq/ports";
import { resolve } from "node:path";

export interface ServerConfig {
  readonly listen: string;
  readonly data_dir: string;
  readonly tls_cert: string;
  readonly tls_key: string;
  readonly tls_names: readonly string[];
  readonly tls_self_signed: boolean;
  /** What accounts belong to; kept in the store from its first start on. */
  readonly server_name: string;
  readonly registration: "open" | "invite" | "closed";
  readonly auth_token: readonly string[];
  readonly store_backend: "sql" | "file" | "postgres";
  readonly db_path: string;
  readonly db_key: string;
  readonly db_url: string;
  readonly devices_max: number;
  readonly key_packages_max: number;
  readonly account_calls_per_minute: number;
  readonly address_calls_per_minute: number;
  readonly address_logins_per_minute: number;
  readonly address_registrations_per_minute: number;
  readonly conversation_messages_per_minute: number;
  readonly account_conversations_per_minute: number;
  readonly http_listen: string;
  readonly log_level: LogLevel;
}

/** Where a value came from, in words that a message can use. */
export type ConfigSource = "default" | "flag" | "environment" | "file";

export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly sources: Readonly<Record<keyof ServerConfig, ConfigSource>>;
}

/** A mistake in the configuration. The message names the place, the key and what is expected. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

interface KeyRow {
  readonly expects: string;
  readonly schema: v.GenericSchema<unknown, unknown>;
  readonly default: unknown;
  readonly secret?: true;
  /** How the text of a flag or variable becomes what a file would hold; text stays text if absent. */
  readonly fromText?: (text: string) => unknown;
  readonly help: string;
}

const TEXT_LENGTH_MAX = 4096;
const TLS_NAMES_MAX = 64;
const AUTH_TOKENS_MAX = 2;

const RATE_PER_MINUTE_MAX = 1_000_000;

const text = v.pipe(v.string(), v.maxLength(TEXT_LENGTH_MAX));
const address = v.pipe(text, v.check((value) => parseHostPort(value) !== undefined));
const commaList = (value: string): unknown =>
  value === "" ? [] : value.split(",").map((part) => part.trim());
const boolean = (value: string): unknown =>
  value === "true" ? true : value === "false" ? false : value;

function wholeNumber(
  { min, max, default: value }: {
    readonly min: number;
    readonly max: number;
    readonly default: number;
  },
) {
  return {
    expects: `a whole number from ${min} to ${max}`,
    schema: v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)),
    default: value,
    fromText: (text: string): unknown => /^\d{1,15}$/.test(text) ? Number(text) : text,
  };
}

/** Every key, in the order in which `--help`, `--print-config` and the example show them. */
export const CONFIG_KEYS: Readonly<Record<keyof ServerConfig, KeyRow>> = {
  listen: {
    expects: 'an address such as "127.0.0.1:7000" or "[::]:7000"',
    schema: address,
    default: "127.0.0.1:7000",
    help: "UDP address for clients; port 0 takes a free one",
  },
  data_dir: {
    // The sandbox can't name a socket below a folder with a comma.
    expects: "a folder's path without a comma",
    schema: v.pipe(text, v.minLength(1), v.regex(/^[^,]*$/)),
    default: "data",
    help: "the only folder the server writes; made if missing",
  },
  tls_cert: {
    expects: "a certificate file's path (PEM or DER)",
    schema: text,
    default: "",
    help: "certificate; default <data_dir>/server-cert.der, made on first run",
  },
  tls_key: {
    expects: "a private key file's path (PEM or DER)",
    schema: text,
    default: "",
    help: "its private key; default <data_dir>/server-key.der, made on first run",
  },
  tls_names: {
    expects: `a list of at most ${TLS_NAMES_MAX} host names or addresses`,
    schema: v.pipe(
      v.array(v.pipe(text, v.regex(/^[A-Za-z0-9.:-]{1,253}$/))),
      v.maxLength(TLS_NAMES_MAX),
    ),
    default: [],
    fromText: commaList,
    help: "further names for the certificate that is made on first run",
  },
  tls_self_signed: {
    expects: "true or false",
    schema: v.boolean(),
    default: false,
    fromText: boolean,
    help: "in production: a self-made certificate is meant, because clients pin it",
  },
  server_name: {
    expects: "a host name, or an address",
    schema: v.pipe(text, v.regex(/^[a-z0-9.:-]{0,253}$/)),
    default: "",
    help: "what users know the server by, for good; default the first of tls_names, or localhost",
  },
  registration: {
    expects: '"open", "invite" or "closed"',
    schema: v.picklist(["open", "invite", "closed"]),
    default: "open",
    help: "who may make an account: anyone, who has a code (qpq-server invite), or nobody",
  },
  auth_token: {
    expects: "a token, or a list of two while one replaces the other",
    schema: v.union([
      text,
      v.pipe(v.array(v.pipe(text, v.minLength(1))), v.maxLength(AUTH_TOKENS_MAX)),
    ]),
    default: [],
    fromText: commaList,
    secret: true,
    help: "if set, clients must present it to be served at all",
  },
  store_backend: {
    expects: '"sql", "file" or "postgres"',
    schema: v.picklist(["sql", "file", "postgres"]),
    default: "sql",
    help: "where the server keeps what it must not lose",
  },
  db_path: {
    expects: "a file's path",
    schema: text,
    default: "",
    help: "the database inside data_dir; default <data_dir>/server.db",
  },
  db_key: {
    expects: "a password",
    schema: text,
    default: "",
    secret: true,
    help: "encrypts the database; empty: not encrypted",
  },
  db_url: {
    expects: "a postgres:// URL",
    schema: text,
    default: "",
    secret: true,
    help: 'the PostgreSQL database, with store_backend = "postgres"',
  },
  devices_max: {
    ...wholeNumber({ min: 1, max: 64, default: 10 }),
    help: "devices of an account",
  },
  key_packages_max: {
    // A client keeps 100 in stock.
    ...wholeNumber({ min: 100, max: 1_000, default: 200 }),
    help: "single-use key packages of a device that the server keeps",
  },
  account_calls_per_minute: {
    ...wholeNumber({ min: 60, max: RATE_PER_MINUTE_MAX, default: 12_000 }),
    help: "calls of an account, from all its devices; a third of them at once",
  },
  address_calls_per_minute: {
    ...wholeNumber({ min: 60, max: RATE_PER_MINUTE_MAX, default: 600 }),
    help: "calls from an address by who isn't logged in; two thirds of them at once",
  },
  address_logins_per_minute: {
    ...wholeNumber({ min: 1, max: RATE_PER_MINUTE_MAX, default: 60 }),
    help: "logins begun from an address by devices that the account doesn't know",
  },
  address_registrations_per_minute: {
    ...wholeNumber({ min: 1, max: RATE_PER_MINUTE_MAX, default: 1 }),
    help: "accounts made from an address; thirty times as many at once",
  },
  conversation_messages_per_minute: {
    ...wholeNumber({ min: 60, max: RATE_PER_MINUTE_MAX, default: 1_200 }),
    help: "messages of an account to one conversation; five thirds of them at once",
  },
  account_conversations_per_minute: {
    ...wholeNumber({ min: 1, max: RATE_PER_MINUTE_MAX, default: 10 }),
    help: "conversations that an account makes; twice as many at once",
  },
  http_listen: {
    expects: 'an address such as "127.0.0.1:7080", or "" for none',
    schema: v.union([v.literal(""), address]),
    default: "",
    help: "TCP address of /healthz, /readyz and /metrics; empty: none",
  },
  log_level: {
    expects: '"debug", "info", "warn", "error" or "silent"',
    schema: v.picklist(["debug", "info", "warn", "error", "silent"]),
    default: "info",
    help: "least level that is logged, to standard error, as JSON lines",
  },
};

export const CONFIG_KEY_NAMES = Object.keys(CONFIG_KEYS) as readonly (keyof ServerConfig)[];

export function flagOf(key: keyof ServerConfig): string {
  return `--${key.replaceAll("_", "-")}`;
}

export function variableOf(key: keyof ServerConfig): string {
  return `QPQ_${key.toUpperCase()}`;
}

export interface ConfigInput {
  /** Flags by key, as typed. */
  readonly flags: Readonly<Partial<Record<keyof ServerConfig, string>>>;
  readonly environment: (variable: string) => string | undefined;
  readonly file?: { readonly path: string; readonly text: string };
  /** Relative paths, wherever they stand, start here. */
  readonly workingFolder: string;
}

/**
 * Reads the whole configuration and checks every value, used or not.
 * @throws ConfigError naming the place, the key and the expectation
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const fromFile = input.file === undefined ? {} : readFile(input.file);
  const values: Record<string, unknown> = {};
  const sources: Record<string, ConfigSource> = {};
  for (const key of CONFIG_KEY_NAMES) {
    const row = CONFIG_KEYS[key];
    const variable = input.environment(variableOf(key));
    const flag = input.flags[key];
    const candidates: { source: ConfigSource; place: string; value: unknown }[] = [];
    if (flag !== undefined) {
      candidates.push({ source: "flag", place: flagOf(key), value: (row.fromText ?? same)(flag) });
    }
    if (variable !== undefined) {
      const value = (row.fromText ?? same)(variable);
      candidates.push({ source: "environment", place: variableOf(key), value });
    }
    if (Object.hasOwn(fromFile, key)) {
      const place = `${input.file?.path}: ${key}`;
      candidates.push({ source: "file", place, value: fromFile[key] });
    }
    for (const candidate of candidates) {
      if (v.safeParse(row.schema, candidate.value).success) continue;
      throw new ConfigError(`${candidate.place}: expected ${row.expects}`);
    }
    const chosen = candidates[0] ?? { source: "default" as const, value: row.default };
    values[key] = chosen.value;
    sources[key] = chosen.source;
  }
  const raw = values as unknown as ServerConfig & { readonly auth_token: string | string[] };
  const path = (value: string): string => resolve(input.workingFolder, value);
  const dataFolder = path(raw.data_dir);
  const config: ServerConfig = {
    ...raw,
    data_dir: dataFolder,
    tls_cert: raw.tls_cert === "" ? `${dataFolder}/server-cert.der` : path(raw.tls_cert),
    tls_key: raw.tls_key === "" ? `${dataFolder}/server-key.der` : path(raw.tls_key),
    db_path: raw.db_path === "" ? `${dataFolder}/server.db` : path(raw.db_path),
    server_name: raw.server_name || (raw.tls_names[0]?.toLowerCase() ?? "localhost"),
    auth_token: [raw.auth_token].flat().filter((token) => token !== ""),
  };
  checkTogether(config, sources as Record<keyof ServerConfig, ConfigSource>);
  return { config, sources: sources as Record<keyof ServerConfig, ConfigSource> };
}

function readFile(file: { readonly path: string; readonly text: string }): Record<string, unknown> {
  let table: Record<string, unknown>;
  try {
    table = parseToml(file.text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0];
    throw new ConfigError(`${file.path}:${error.line}:${error.column}: ${reason}`);
  }
  for (const key of Object.keys(table)) {
    if (Object.hasOwn(CONFIG_KEYS, key)) continue;
    throw new ConfigError(
      `${file.path}: unknown key "${key}": expected one of ${CONFIG_KEY_NAMES.join(", ")}`,
    );
  }
  return table;
}

function checkTogether(
  config: ServerConfig,
  sources: Readonly<Record<keyof ServerConfig, ConfigSource>>,
): void {
  if ((sources.tls_cert === "default") !== (sources.tls_key === "default")) {
    throw new ConfigError("tls_cert and tls_key: expected both or neither");
  }
  if (!config.db_path.startsWith(`${config.data_dir}/`)) {
    throw new ConfigError(
      "db_path: expected a file inside data_dir: the server writes nowhere else",
    );
  }
  if (config.store_backend === "postgres" && !/^postgres(ql)?:\/\//.test(config.db_url)) {
    throw new ConfigError('db_url: expected a postgres:// URL with store_backend = "postgres"');
  }
}

/** What holds, one `key = value` line each with its source, as TOML; a secret only as a comment. */
export function printConfig({ config, sources }: LoadedConfig): string {
  const lines = CONFIG_KEY_NAMES.map((key) => {
    const isShown = CONFIG_KEYS[key].secret !== true || config[key].toString() === "";
    const entry = isShown
      ? `${key} = ${JSON.stringify(config[key])}`
      : `# ${key} is set, not shown`;
    return { entry, source: sources[key] };
  });
  const width = Math.max(...lines.map(({ entry }) => entry.length));
  return lines.map(({ entry, source }) => `${entry.padEnd(width)}  # ${source}`).join("\n");
}

function same(value: string): unknown {
  return value;
}
