/**
 * Where batches of changes get their order and their durability. The writer gathers changes and knows nothing of how they
 * are committed; a log commits them and knows nothing of who asked.
 */

import type { SteadyMs } from "../../../lib/clock.ts";

/** What one turn gathered, as it is committed: all of it is one transaction. */
export interface Batch {
  /** What the clock says, UTC epoch milliseconds; the time of every change in it is made of that. */
  readonly nowMs: number;
  readonly steadyMs: SteadyMs;
  /** What is random in the batch is derived from this. */
  readonly seed: string;
  /** The JSON text of `NamedChange[]`. */
  readonly changes: string;
  /** The bytes of those changes that have any, by their place. */
  readonly blobs: readonly (readonly [place: number, bytes: readonly Uint8Array[]])[];
}

/** A batch that is on disk and executed. */
export interface CommittedBatch {
  /** The JSON text of an `Outcome` for each change, in order. */
  readonly outcomes: string;
  /** When it moves, the member lists known so far are void. */
  readonly generation: number;
  /** Why writing is refused just now, if it is. */
  readonly storage: string | null;
  /** Files that no message refers to since this commit. */
  readonly releasedFiles?: readonly string[];
}

export interface BatchLog {
  /** Resolves once the batch is on disk and executed. One batch at a time; never settles where the log ends before. */
  append(batch: Batch): Promise<CommittedBatch>;
  /** Called at once when the log ends by itself: what became of the batch under way is not known. */
  onEnd(listener: (error: Error) => void): void;
  /** After the last batch. */
  close(): Promise<void>;
}
