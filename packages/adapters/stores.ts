/**
 * Stores on disk, and what operators do with them. Apart from `mod.ts`, because these load native
 * code (the database, Argon2), for which a sandboxed program needs leave.
 *
 * - `openStore` opens what a configuration names, by password; `openSqliteStore` and `openFileStore`
 *   by key.
 * - `backupStore`, `restoreBackup`, `rekeyStore`, `salvageFileStore` for operators.
 *
 * @module
 */
export * from "./key-change.ts";
export * from "./key-file.ts";
export * from "./key-remembered.ts";
export * from "./store-backup.ts";
export * from "./store-durable.ts";
export * from "./store-file.ts";
export { lockStore } from "./store-lock.ts";
export * from "./store-open.ts";
export * from "./store-salvage.ts";
export * from "./store-sqlite.ts";
