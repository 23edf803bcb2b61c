import type { Store } from "@qpq/ports";

/** What a backup holds. */
export interface BackupSummary {
  readonly entries: number;
  /** Of the file. */
  readonly bytes: number;
}

/** A store on disk. */
export interface DurableStore extends Store {
  /**
   * Writes all that is durable at one moment, and the key file, to a new `file`, while transactions
   * go on; encrypted if the store is. The file appears when it is complete and on the disk.
   * `restoreBackup` reads it.
   * @throws MessengerError `store/exists`, `store/disk-full`, `store/read-only`, `store/io`,
   *   `store/closed`
   */
  backup(file: string): Promise<BackupSummary>;
}

export function withBackup(
  store: Store,
  backup: (file: string) => Promise<BackupSummary>,
): DurableStore {
  return {
    closed: store.closed,
    transaction: (fn, options) => store.transaction(fn, options),
    snapshot: (fn) => store.snapshot(fn),
    watch: (prefix, onChange) => store.watch(prefix, onChange),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    backup,
  };
}
