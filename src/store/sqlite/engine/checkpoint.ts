/**
 * Moves the WAL into the database between batches, so that no commit pays for it. PASSIVE never waits for a reader, and lets
 * the next commit begin the WAL anew once all of it was moved.
 */
import type { Database } from "bun:sqlite";
import { freeBytes } from "./free-bytes.ts";
import type { Reserve } from "./reserve.ts";

/** 4 KiB pages in the WAL before they are moved: often enough that one slice stays short. */
const usualPages = 4096;
/** The same where the disk has little room: all that waits must fit into what the reserve gives back. */
const pagesWhenShort = 1024;
const shortBytes = 64 * 1024 * 1024;
const pagesWhenFull = 256;

export interface Checkpoint {
  /** Moves the pages if enough of them wait. Throws where the disk does not take them. */
  ifDue(): void;
  now(): void;
  /** Also gives the room of the WAL back to the disk. Waits for readers. */
  andTruncate(): void;
}

export function createCheckpoint(
  db: Database,
  { dataDir, reserve }: { dataDir: string; reserve: Reserve },
): Checkpoint {
  const counts = db.prepare("PRAGMA wal_checkpoint(NOOP)");
  const passive = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");

  function isDue(): boolean {
    const [counted] = counts.values() as [number, number, number][];
    const waiting = (counted?.[1] ?? 0) - (counted?.[2] ?? 0);
    if (!reserve.intact) return waiting >= pagesWhenFull;
    return waiting >= usualPages || (waiting >= pagesWhenShort && freeBytes(dataDir) < shortBytes);
  }

  function now(): void {
    try {
      passive.values();
    } catch (error) {
      if (!reserve.spendLast(String(error))) throw error;
      passive.values();
    }
  }

  return {
    ifDue() {
      if (isDue()) now();
    },
    now,
    andTruncate() {
      now();
      db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").values();
    },
  };
}
