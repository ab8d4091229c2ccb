/** Opens the database file with the settings everything else relies on. */
import { Database } from "bun:sqlite";
import { join } from "node:path";

/** `disk`: a commit returns once it is on the disk. `os`: once the operating system has it; a power cut may lose it. */
export type Durability = "disk" | "os";

export const databasePath = (dataDir: string): string => join(dataDir, "roost.db");

/** The one connection that writes; it belongs to the writer Worker. */
export function openForWriting(dataDir: string, durability: Durability): Database {
  const db = new Database(databasePath(dataDir), { create: true, readwrite: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${durability === "disk" ? "FULL" : "NORMAL"}`);
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA cache_size = -65536");
  db.run("PRAGMA temp_store = MEMORY");
  // The writer checkpoints between batches, so that no commit pays for it.
  db.run("PRAGMA wal_autocheckpoint = 0");
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
