/** The database of a server in this process, mostly one that was stopped. */
import { Database } from "bun:sqlite";

/** The thread that wrote it may still be closing it, which locks it for a moment: that is waited for. */
export function openStopped(path: string, options?: { readonly: boolean }): Database {
  const db = options === undefined ? new Database(path) : new Database(path, options);
  db.run("PRAGMA busy_timeout = 10000");
  return db;
}
