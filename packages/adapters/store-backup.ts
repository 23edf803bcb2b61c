import { INCARNATION_VOID_KEY, keyAfter, MessengerError } from "@qpq/ports";
import { dirname } from "node:path";
import {
  decodeFileHeader,
  decodeFrameHeader,
  FILE_HEADER_BYTES,
  openFrame,
} from "./file-frames.ts";
import { FRAME_HEADER_BYTES } from "./file-frames.ts";
import { corruptAt, FileLog } from "./file-log.ts";
import { type LogEntry, readLog } from "./file-recovery.ts";
import { keyFilePath, openKeyFile } from "./key-file.ts";
import type { BackupSummary, DurableStore } from "./store-durable.ts";
import { openWithKey, type StoreLocation, takePlaceOf } from "./store-open.ts";
import { fileError, fileExists, replaceFile } from "./store-lock.ts";

/**
 * Writes all that is durable at one moment, and the key file, to a new `file` while transactions go
 * on: what `qpq-server backup FILE` asks of the running server.
 * @throws MessengerError see `DurableStore.backup`
 */
export function backupStore(store: DurableStore, file: string): Promise<BackupSummary> {
  return store.backup(file);
}

export interface RestoreOptions extends StoreLocation {
  /** The one that the store had; empty or left out: it was not encrypted. */
  readonly password?: string;
}

/**
 * Makes a store from a backup, of either kind, at `options.path`: `qpq-server restore FILE`. It holds
 * `INCARNATION_VOID_KEY`: the server renews its log incarnation before it serves anybody. The store
 * appears when it is complete.
 *
 * @param options.path in a folder that is empty, or is made
 * @throws MessengerError `store/exists`: the folder isn't empty; `store/wrong-password`;
 *   `store/wrong-key`: a password too many or too few; `store/not-a-store`, `store/newer-format`,
 *   `store/corrupt` (also a backup that isn't complete): of `file`; `store/disk-full`,
 *   `store/read-only`, `store/io`. Then the folder is as it was.
 */
export async function restoreBackup(file: string, options: RestoreOptions): Promise<BackupSummary> {
  const folder = dirname(options.path);
  const isFolderNew = !fileExists(folder);
  if (!isFolderNew && [...Deno.readDirSync(folder)].length > 0) {
    throw new MessengerError("store/exists", "Cannot restore: the folder is not empty");
  }
  try {
    const keyFile = readBackupKeyFile(file);
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return await restoreInto(file, keyFile, options);
  } catch (cause) {
    if (fileExists(folder)) {
      for (const entry of [...Deno.readDirSync(folder)]) Deno.removeSync(`${folder}/${entry.name}`);
      if (isFolderNew) Deno.removeSync(folder);
    }
    throw fileError("Cannot restore", cause);
  }
}

async function restoreInto(
  file: string,
  keyFile: Uint8Array | undefined,
  options: RestoreOptions,
): Promise<BackupSummary> {
  const { path, password = "" } = options;
  if ((keyFile !== undefined) !== (password !== "")) {
    throw new MessengerError(
      "store/wrong-key",
      `Cannot restore: the backup is ${keyFile === undefined ? "not " : ""}encrypted`,
    );
  }
  if (keyFile !== undefined) replaceFile(keyFilePath(path), keyFile);
  const key = keyFile && await openKeyFile(keyFilePath(path), password);
  const part = `${path}.restore`;
  try {
    const log = FileLog.open(file, key, "read");
    let summary: BackupSummary;
    try {
      summary = await copyLog(log, { ...options, path: part }, key);
    } finally {
      log.close();
    }
    takePlaceOf(path, part);
    return summary;
  } finally {
    key?.fill(0);
  }
}

async function copyLog(
  log: FileLog,
  location: StoreLocation,
  key: Uint8Array | undefined,
): Promise<BackupSummary> {
  await using store = await openWithKey(location, key, true);
  let batch: LogEntry[] = [];
  const recovery = await readLog(log, {
    entries: (entries) => batch.push(...entries),
    batchEnds: async () => {
      await store.transaction(async (transaction) => {
        for (const { key, value } of batch) {
          if (value === undefined) transaction.delete(key);
          else transaction.put(key, value);
        }
      });
      batch = [];
    },
  });
  if (!recovery.closed || recovery.tornBytes > 0) {
    throw new MessengerError("store/corrupt", "Cannot restore: the backup is not complete");
  }
  let entries = 0;
  let start: Uint8Array | undefined = new Uint8Array(0);
  while (start !== undefined) {
    const from: Uint8Array = start;
    const page = await store.snapshot((snapshot) =>
      snapshot.range({ prefix: new Uint8Array(0), start: from })
    );
    entries += page.entries.length;
    const last = page.entries.at(-1)?.key;
    start = page.more && last !== undefined ? keyAfter(last) : undefined;
  }
  await store.transaction(async (transaction) => {
    transaction.put(INCARNATION_VOID_KEY, new Uint8Array(0));
  });
  return { entries, bytes: recovery.end.offset };
}

/** The key file is in the first frame behind a session's, and not encrypted again. */
function readBackupKeyFile(file: string): Uint8Array | undefined {
  using handle = Deno.openSync(file);
  const bytes = new Uint8Array(4_096);
  let length = 0;
  while (length < bytes.length) {
    const count = handle.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  const start = bytes.subarray(0, length);
  const { fileId, encrypted } = decodeFileHeader(start.subarray(0, FILE_HEADER_BYTES));
  if (!encrypted) return undefined;
  let offset = FILE_HEADER_BYTES;
  for (let frames = 0; frames < 2; frames++) {
    const place = { fileId, offset, sessionKey: undefined };
    const header = decodeFrameHeader(start.subarray(offset), place);
    const content = header && openFrame(header, start.subarray(offset), place);
    if (header === undefined || content === undefined) throw corruptAt(offset);
    if (header.kind === "key-file") return content;
    offset += FRAME_HEADER_BYTES + header.bodyBytes;
  }
  throw new MessengerError("store/corrupt", "Cannot restore: the backup has no key file");
}
