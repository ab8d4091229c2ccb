/** What the main thread and the writer Worker say to each other. Batches and answers are JSON text: the cheapest clone there is. */
import type { Fields } from "../../../lib/log.ts";
import type { Batch, CommittedBatch } from "./batch-log.ts";
import type { Outcome } from "./committer.ts";
import type { Opening } from "./opening.ts";

export type ToWorker =
  | ({ readonly type: "open" } & Opening)
  | ({ readonly type: "batch" } & Batch)
  | { readonly type: "close" };

export type FromWorker =
  /** For the log, before the database is open. */
  | { readonly type: "log"; readonly level: "info" | "warn"; readonly message: string; readonly fields: Fields }
  | { readonly type: "opened"; readonly sweeps: readonly number[] }
  | { readonly type: "failed"; readonly name: string; readonly message: string }
  | ({ readonly type: "settled" } & CommittedBatch)
  /** Writing is possible again, or not, without a batch having asked. */
  | { readonly type: "storage"; readonly storage: string | null }
  | { readonly type: "closed" };

export type Outcomes = readonly Outcome[];
