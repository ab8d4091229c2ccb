/** What the main thread and the writer Worker say to each other. Batches and answers are JSON text: the cheapest clone there is. */
import type { Batch, CommittedBatch } from "./batch-log.ts";
import type { Outcome } from "./committer.ts";
import type { Durability } from "./open.ts";

export type ToWorker =
  | {
      readonly type: "open";
      readonly dataDir: string;
      readonly durability: Durability;
      readonly nowMs: number;
    }
  | ({ readonly type: "batch" } & Batch)
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "opened"; readonly migrated: readonly string[]; readonly sweeps: readonly number[] }
  | { readonly type: "failed"; readonly name: string; readonly message: string }
  | ({ readonly type: "settled" } & CommittedBatch)
  /** Writing is possible again, or not, without a batch having asked. */
  | { readonly type: "storage"; readonly storage: string | null }
  | { readonly type: "closed" };

export type Outcomes = readonly Outcome[];
