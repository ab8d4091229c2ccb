/**
 * 16 MiB kept aside in the data folder. When the disk is full or failing it is given back, so that deletes,
 * confirmations and checkpoints still have room; everything else is refused until it could be put aside again. The last
 * part of it is for checkpoints alone: what deletes write waits in the WAL, and must be able to leave it.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isOutOfDescriptors } from "../../../lib/system-errors.ts";
import { freeBytes } from "./free-bytes.ts";

const reserveBytes = 16 * 1024 * 1024;
const lastBytes = 6 * 1024 * 1024;
const sliceBytes = 1024 * 1024;
/** What must be free besides, so that writing goes on for a while once it works again. */
const spareBytes = 4 * 1024 * 1024;

export interface Reserve {
  /** False while writing is refused. */
  readonly intact: boolean;
  /** Why writing is refused, for operators. */
  readonly reason: string | null;
  /** The disk failed: free the reserve but for its last part, and refuse what is not urgent. */
  spend(reason: string): void;
  /** A checkpoint found no room: free the last part. False where it is gone already. */
  spendLast(reason: string): boolean;
  /**
   * Puts it aside the first time, without holding up commits on a slow disk. False where there is no room for it, and
   * writing is refused from now on; undefined where the process has no descriptor for it just now.
   */
  prepare(): Promise<boolean | undefined>;
  /** Tries to put it aside again; true when writing may go on. */
  restore(): boolean;
}

/** What the reserve asks of the database. */
export interface ReserveParts {
  /** Writes to the database, or throws: a disk may have room and still not take what matters. */
  trial(): void;
  /** Ways to give space back to the disk, the cheapest first; they are tried until there is enough of it. */
  readonly givers: readonly (() => void)[];
}

/** @param parts what the database can do; without it the folder alone decides */
export function createReserve(dataDir: string, parts: Partial<ReserveParts> = {}): Reserve {
  const { trial = () => {}, givers = [] } = parts;
  const path = join(dataDir, "reserve");
  const partial = `${path}.partial`;
  let reason: string | null = null;

  function spend(why: string): void {
    reason ??= why;
    if (sizeOf(path) > lastBytes) truncateSync(path, lastBytes);
  }

  function spendLast(why: string): boolean {
    spend(why);
    const isThere = sizeOf(path) > 0;
    rmSync(path, { force: true });
    return isThere;
  }

  async function prepare(): Promise<boolean | undefined> {
    if (isThere()) return true;
    try {
      const file = await open(partial, "w");
      try {
        const slice = Buffer.alloc(sliceBytes);
        for (let written = 0; written < reserveBytes; ) written += (await file.write(slice)).bytesWritten;
        await file.sync();
      } finally {
        await file.close();
      }
      renameSync(partial, path);
      return true;
    } catch (error) {
      rmSync(partial, { force: true });
      if (isOutOfDescriptors(error)) return undefined;
      reason ??= error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  const isThere = (): boolean => sizeOf(path) === reserveBytes;

  function restore(): boolean {
    try {
      if (!isThere() && !makeRoom()) return false;
      if (reason !== null) trial();
      if (!isThere()) fill();
      reason = null;
      return true;
    } catch (error) {
      rmSync(partial, { force: true });
      reason ??= error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  function makeRoom(): boolean {
    for (const give of givers) {
      if (hasRoom()) return true;
      give();
    }
    return hasRoom();
  }

  /** Asked for first: to try by writing would take the room from what still works. */
  function hasRoom(): boolean {
    return freeBytes(dataDir) >= reserveBytes + spareBytes;
  }

  /** Real blocks, not a hole: they must be there when they are needed. */
  function fill(): void {
    const file = openSync(partial, "w");
    try {
      const slice = Buffer.alloc(sliceBytes);
      for (let written = 0; written < reserveBytes; written += writeSync(file, slice));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  }

  return {
    get intact() {
      return reason === null;
    },
    get reason() {
      return reason;
    },
    spend,
    spendLast,
    prepare,
    restore,
  };
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
