/** The server's store: which one the configuration names, and what identifies its logs. */
import { type DurableStore, openStore, type StoreLocation } from "@qpq/adapters/stores";
import {
  encodeKey,
  INCARNATION_VOID_KEY,
  type Log,
  MessengerError,
  openSlices,
  type Random,
  type SliceSchema,
  type Store,
} from "@qpq/ports";
import { INCARNATION_BYTES } from "@qpq/rpc";
import type { ServerConfig } from "./config.ts";
import { databaseAddon } from "./native-code.ts";

/** What the server itself keeps, besides the slices. */
const SERVER_SCHEMA: SliceSchema = { name: "server", version: 1, migrations: [] };
const INCARNATION_KEY = encodeKey(SERVER_SCHEMA.name, "incarnation");

/** @throws MessengerError `server/store-backend`: one that this version doesn't have */
export function storeLocation(config: ServerConfig, log?: Log): StoreLocation {
  if (config.store_backend === "postgres") {
    throw new MessengerError(
      "server/store-backend",
      'store_backend = "postgres" is not in this version yet: choose "sql" or "file"',
    );
  }
  return {
    kind: config.store_backend === "sql" ? "sqlite" : "file",
    path: config.db_path,
    nativeBinding: databaseAddon().path,
    ...(log === undefined ? {} : { log }),
  };
}

/**
 * Opens the store, making it on the first start, and brings the data of every slice to its version.
 * @throws MessengerError `server/store-backend`, and as `openStore` and `openSlices`
 */
export async function openServerStore(
  config: ServerConfig,
  options: { readonly log: Log; readonly slices: readonly SliceSchema[] },
): Promise<DurableStore> {
  const location = storeLocation(config, options.log);
  const store = await openStore({ ...location, password: config.db_key, create: true });
  try {
    await openSlices(store, [SERVER_SCHEMA, ...options.slices]);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * The incarnation of this server's logs: random, kept, and renewed once after a restore, because
 * cursors of the time after the backup name entries that are no more.
 */
export async function openIncarnation(store: Store, random: Random): Promise<Uint8Array> {
  const fresh = random.bytes(INCARNATION_BYTES);
  return await store.transaction(async (transaction) => {
    const [kept, isVoid] = await Promise.all([
      transaction.get(INCARNATION_KEY),
      transaction.get(INCARNATION_VOID_KEY),
    ]);
    if (kept !== undefined && isVoid === undefined) return kept;
    transaction.put(INCARNATION_KEY, fresh);
    transaction.delete(INCARNATION_VOID_KEY);
    return fresh;
  });
}
