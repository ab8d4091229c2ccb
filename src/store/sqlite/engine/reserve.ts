/**
 * 16 MiB kept aside in the data folder. When the disk is full or failing it is given back, so that deletes,
 * confirmations and checkpoints still have room; everything else is refused until it could be put aside again.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

const reserveBytes = 16 * 1024 * 1024;
const sliceBytes = 1024 * 1024;

export interface Reserve {
  /** False while writing is refused. */
  readonly intact: boolean;
  /** Why writing is refused, for operators. */
  readonly reason: string | null;
  /** The disk failed: free the reserve, and refuse what is not urgent. */
  spend(reason: string): void;
  /** Puts it aside the first time, without holding up commits on a slow disk; false where there is no room for it. */
  prepare(): Promise<boolean>;
  /** Tries to put it aside again; true when writing may go on. */
  restore(): boolean;
}

/** @param trial writes to the database, or throws: a disk may have room and still not take what matters. */
export function createReserve(dataDir: string, trial: () => void = () => {}): Reserve {
  const path = join(dataDir, "reserve");
  const partial = `${path}.partial`;
  let reason: string | null = null;

  function spend(why: string): void {
    reason = why;
    rmSync(path, { force: true });
  }

  async function prepare(): Promise<boolean> {
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
      reason ??= error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  const isThere = (): boolean => statSync(path, { throwIfNoEntry: false })?.size === reserveBytes;

  function restore(): boolean {
    try {
      if (!isThere()) fill();
      if (reason !== null) trial();
      reason = null;
      return true;
    } catch (error) {
      rmSync(partial, { force: true });
      reason ??= error instanceof Error ? error.message : String(error);
      return false;
    }
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
    prepare,
    restore,
  };
}
