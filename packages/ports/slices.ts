import { assert } from "./assert.ts";
import { MessengerError } from "./errors.ts";
import { encodeKey } from "./keys.ts";
import type { Store, StoreTransaction } from "./store.ts";

/** What a slice says about its data. It owns every key whose first part is `name`. */
export interface SliceSchema {
  /** As the first part of its keys; never `store`, which is the stores' own. */
  readonly name: string;
  /** 1 for the first; raised with each change of what the slice keeps. */
  readonly version: number;
  /**
   * Step n - 1 brings data of version n to n + 1, so there are `version - 1` of them. Under the rules
   * of `Store.transaction`: it may run again, but is committed once.
   */
  readonly migrations: readonly ((transaction: StoreTransaction) => Promise<void>)[];
}

/** The first part of the keys that belong to no slice. */
export const STORE_KEY_PART = "store";

/**
 * Present from a restore until the server has renewed its log incarnation (which it does in the
 * transaction that deletes this). Its value says nothing.
 */
export const INCARNATION_VOID_KEY: Uint8Array = encodeKey(STORE_KEY_PART, "incarnation-void");

/**
 * Brings the data of each slice to its version, all in one transaction, and remembers the versions.
 * Call it once, after opening a store and before anything else.
 * @returns the slices that were new or older, and from which version (0: new)
 * @throws MessengerError `store/newer-schema`: a newer program wrote here; nothing was changed
 */
export async function openSlices(
  store: Store,
  slices: readonly SliceSchema[],
): Promise<readonly { readonly name: string; readonly from: number }[]> {
  const names = new Set([STORE_KEY_PART]);
  for (const { name, version, migrations } of slices) {
    assert(!names.has(name), "each slice has a name of its own");
    names.add(name);
    assert(Number.isInteger(version) && version >= 1, "versions count from 1");
    assert(migrations.length === version - 1, "there is one migration for each step");
  }
  return await store.transaction(async (transaction) => {
    const changed: { name: string; from: number }[] = [];
    for (const slice of slices) {
      const key = encodeKey(STORE_KEY_PART, "slice", slice.name);
      const from = decodeVersion(await transaction.get(key));
      if (from > slice.version) {
        throw new MessengerError(
          "store/newer-schema",
          `Cannot open ${slice.name}: its data has version ${from}, this program knows ${slice.version}`,
        );
      }
      if (from === slice.version) continue;
      if (from > 0) {
        for (const migrate of slice.migrations.slice(from - 1)) await migrate(transaction);
      }
      transaction.put(key, encodeVersion(slice.version));
      changed.push({ name: slice.name, from });
    }
    return changed;
  });
}

function encodeVersion(version: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, version);
  return bytes;
}

function decodeVersion(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  const version = bytes.length === 4
    ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
    : 0;
  if (version === 0) {
    throw new MessengerError("store/corrupt", "Cannot open slices: a version is not one");
  }
  return version;
}
