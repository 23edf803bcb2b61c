import { openDatabase } from "./sqlite-database.ts";
import { FileLog } from "./file-log.ts";
import { keyText } from "./sorted-map.ts";
import type { BackupSummary } from "./store-durable.ts";
import type { Write } from "./store-engine.ts";

export interface BackupRequest {
  readonly path: string;
  readonly key: Uint8Array | undefined;
  readonly nativeBinding: string | undefined;
  /** Where the copy is written. It must not exist. */
  readonly file: string;
  readonly keyFile: Uint8Array | undefined;
}

/** Bytes of entries that are written at once. */
const BATCH_BYTES = 524_288;

/**
 * Copies a database, as of now, into a file log that stands on its own. Writers go on; only the
 * write-ahead log can't be cut meanwhile. Blocks its thread.
 */
export function writeSqliteBackup(request: BackupRequest): BackupSummary {
  const database = openDatabase({ ...request, mode: "read" });
  try {
    const target = FileLog.create(request.file, request.key);
    try {
      if (request.keyFile !== undefined) target.appendMark("key-file", request.keyFile);
      // One statement reads one snapshot for as long as it runs.
      const rows = database.prepare("select key, value from kv order by key").raw().iterate();
      let batch: Write[] = [];
      let bytes = 0;
      let entries = 0;
      for (const row of rows) {
        const [key, value] = row as [Uint8Array, Uint8Array];
        batch.push([keyText(key), value]);
        bytes += key.length + value.length;
        entries++;
        if (bytes < BATCH_BYTES) continue;
        target.append(batch);
        batch = [];
        bytes = 0;
      }
      if (batch.length > 0) target.append(batch);
      target.appendMark("closed");
      target.syncSync();
      return { entries, bytes: target.end.offset };
    } finally {
      target.close();
    }
  } finally {
    database.close();
    request.key?.fill(0);
  }
}
