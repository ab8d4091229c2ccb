/** Where the index of search is. A start needs no more of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";

export const indexPath = (dataDir: string): string => join(dataDir, "search.db");

/** Removes the file with what SQLite keeps beside it. */
export function removeIndex(dataDir: string): void {
  for (const ending of ["", "-wal", "-shm", "-journal"]) rmSync(`${indexPath(dataDir)}${ending}`, { force: true });
}
