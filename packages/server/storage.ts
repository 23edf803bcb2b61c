/** The server's store: which one the configuration names, and what identifies its logs. */
import { databaseAddon } from "@qpq/adapters/native-code";
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
 * @param options.voided prefixes of what a restore voids, deleted before the new incarnation is there:
 *   cut short, the next start does it again, and nobody was served in between
 */
export async function openIncarnation(
  store: Store,
  options: { readonly random: Random; readonly voided: readonly Uint8Array[] },
): Promise<Uint8Array> {
  const fresh = options.random.bytes(INCARNATION_BYTES);
  const isRestored = await store.snapshot((reader) => reader.get(INCARNATION_VOID_KEY));
  if (isRestored !== undefined) {
    for (const prefix of options.voided) await deleteRange(store, prefix);
  }
  return await store.transaction(async (transaction) => {
    const kept = await transaction.get(INCARNATION_KEY);
    if (kept !== undefined && isRestored === undefined) return kept;
    transaction.put(INCARNATION_KEY, fresh);
    transaction.delete(INCARNATION_VOID_KEY);
    return fresh;
  });
}

/** In several transactions: there may be more than one holds. */
async function deleteRange(store: Store, prefix: Uint8Array): Promise<void> {
  let more = true;
  while (more) {
    more = await store.transaction(async (transaction) => {
      const page = await transaction.range({ prefix });
      for (const { key } of page.entries) transaction.delete(key);
      return page.more;
    });
  }
}
