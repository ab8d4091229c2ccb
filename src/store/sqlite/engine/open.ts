/** Opens the database file with the settings everything else relies on. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { openOwnDatabase } from "./own-database.ts";

/** `disk`: a commit returns once it is on the disk. `os`: once the operating system has it; a power cut may lose it. */
export type Durability = "disk" | "os";

export const databasePath = (dataDir: string): string => join(dataDir, "roost.db");

/** The one connection that writes; it belongs to the writer Worker. Throws `DatabaseRefused`. */
export function openForWriting(dataDir: string, durability: Durability): Database {
  const db = openOwnDatabase(databasePath(dataDir));
  // Of a new file alone, before anything else is in it: free pages can be given back to the disk.
  db.run("PRAGMA auto_vacuum = INCREMENTAL");
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${durability === "disk" ? "FULL" : "NORMAL"}`);
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA cache_size = -65536");
  db.run("PRAGMA temp_store = MEMORY");
  // The writer checkpoints between batches, so that no commit pays for it.
  db.run("PRAGMA wal_autocheckpoint = 0");
  // A WAL that a long transaction made large is cut when it begins again.
  db.run(`PRAGMA journal_size_limit = ${32 * 1024 * 1024}`);
  return db;
}

/** Reads committed state only; every statement must end within its tick, or it would pin the WAL. */
export function openForReading(dataDir: string): Database {
  const db = new Database(databasePath(dataDir), { readonly: true, strict: true });
  db.run("PRAGMA query_only = ON");
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA cache_size = -16384");
  db.run("PRAGMA temp_store = MEMORY");
  return db;
}
