/** What the main thread and the writer Worker say to each other. Batches and answers are JSON text: the cheapest clone there is. */
import type { Outcome } from "./committer.ts";
import type { Durability } from "./open.ts";

export type ToWorker =
  | {
      readonly type: "open";
      readonly dataDir: string;
      readonly durability: Durability;
      readonly hidesStrangers: boolean;
      readonly nowMs: number;
    }
  /** `changes` is the JSON text of `NamedChange[]`; `blobs` the bytes of those that have any, by their place. */
  | {
      readonly type: "batch";
      readonly nowMs: number;
      readonly changes: string;
      readonly blobs: readonly (readonly [place: number, bytes: readonly Uint8Array[]])[];
    }
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "opened"; readonly migrated: readonly string[]; readonly sweeps: readonly number[] }
  | { readonly type: "failed"; readonly name: string; readonly message: string }
  | {
      readonly type: "settled";
      readonly outcomes: string;
      readonly generation: number;
      readonly storage: string | null;
      readonly releasedFiles?: readonly string[];
    }
  /** Writing is possible again, or not, without a batch having asked. */
  | { readonly type: "storage"; readonly storage: string | null }
  | { readonly type: "closed" };

export type Outcomes = readonly Outcome[];
