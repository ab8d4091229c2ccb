/**
 * One process per data folder. The lock is SQLite's own exclusive lock on `lock.db`, which the kernel releases when the
 * process ends, however it ends; so there is no stale lock to clean up. `roost.pid` only tells who holds it.
 */
import { Database } from "bun:sqlite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class DataFolderLocked extends Error {
  readonly dir: string;
  /** Of the holder, where it is known. */
  readonly pid: number | undefined;

  constructor(dir: string, pid: number | undefined) {
    super(`the data folder ${dir} is in use by another Roost${pid === undefined ? "" : ` (pid ${pid})`}`);
    this.name = "DataFolderLocked";
    this.dir = dir;
    this.pid = pid;
  }
}

export interface FolderLock {
  /** Safe to call twice. */
  release(): void;
}

/** Holds the folder for the life of the process, or until `release`. Throws `DataFolderLocked`. */
export function lockDataFolder(dir: string): FolderLock {
  const pidFile = join(dir, "roost.pid");
  const db = new Database(join(dir, "lock.db"));
  try {
    // It does not wait: a server holds the lock for days.
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (isBusy(error)) throw new DataFolderLocked(dir, readPid(pidFile));
    throw error;
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(pidFile, { force: true });
      db.close();
    },
  };
}

const isBusy = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "SQLITE_BUSY";

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // Told for convenience; the lock itself does not depend on it.
  }
}
