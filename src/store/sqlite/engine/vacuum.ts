/**
 * Gives free pages of the database back to the disk, in slices that end after milliseconds and wait for no sync. A page that
 * is free is not lost: new rows take it first. So only what is free for long and in number is worth the work.
 */
import type { Database } from "bun:sqlite";
import { rowsOf } from "./rows.ts";

/** It begins where so many pages and so large a part of the file are free, and goes on until few are. */
const worthPages = 512;
const worthPart = 1 / 8;
const leftPages = 64;
const leftPart = 1 / 32;

/** The pages that one statement gives back; between statements the slice may end. */
const stepPages = 8;

export interface Vacuum {
  /** Whether so much is free that it should be given back, until little is. */
  isWorth(): boolean;
  /** Gives back pages for about so long. True where there are more. */
  slice(forMs: number): boolean;
}

export function createVacuum(db: Database): Vacuum {
  const counts = db.prepare<{ pages: number; free: number }, []>(
    "SELECT (SELECT page_count FROM pragma_page_count) pages, (SELECT freelist_count FROM pragma_freelist_count) free",
  );
  const step = db.prepare(`PRAGMA incremental_vacuum(${stepPages})`);
  const [[synchronous] = []] = rowsOf(db, "PRAGMA synchronous");
  let hasBegun = false;

  const count = () => counts.get() ?? { pages: 0, free: 0 };

  function isWorth(): boolean {
    const { pages, free } = count();
    hasBegun = hasBegun ? free > Math.max(leftPages, pages * leftPart) : free > Math.max(worthPages, pages * worthPart);
    return hasBegun;
  }

  function slice(forMs: number): boolean {
    if (count().free === 0) return false;
    const end = performance.now() + forMs;
    // What moves needs no sync of its own: the next commit, or the checkpoint, brings it to the disk in its order.
    db.run("PRAGMA synchronous = NORMAL");
    try {
      db.run("BEGIN IMMEDIATE");
      do step.run();
      while (count().free > 0 && performance.now() < end);
      db.run("COMMIT");
    } finally {
      if (db.inTransaction) db.run("ROLLBACK");
      db.run(`PRAGMA synchronous = ${synchronous}`);
    }
    return count().free > 0;
  }

  return { isWorth, slice };
}
