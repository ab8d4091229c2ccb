/** The messages between the main thread and the Worker of search. */
import type { Fields } from "../../../lib/log.ts";
import type { FoundPage, PageRequest } from "./pages.ts";

/** How much the Worker does at a time, and when. */
export interface SearchPace {
  /** Messages of a shard. Another number makes the index anew. */
  readonly shardMessages: number;
  /** A slice of indexing, and the pause behind it, in which searches are answered. */
  readonly sliceMs: number;
  readonly pauseMs: number;
  /** The pause while messages arrive, so that their commits have the processor. */
  readonly yieldPauseMs: number;
  /** The pause while very many arrive. */
  readonly busyPauseMs: number;
  /** From a failure to the next try. */
  readonly retryMs: number;
  /** What the disk must have left, or nothing is indexed. */
  readonly roomBytesMin: number;
}

export type ToSearchWorker =
  | { readonly type: "open"; readonly dataDir: string; readonly pace: SearchPace }
  /** There may be something to index. */
  | { readonly type: "wake" }
  | ({ readonly type: "find"; readonly id: number } & PageRequest)
  | { readonly type: "close" };

export type FromSearchWorker =
  | {
      readonly type: "log";
      readonly level: "info" | "warn" | "error";
      readonly message: string;
      readonly fields: Fields;
    }
  | ({ readonly type: "found"; readonly id: number } & FoundPage)
  /** The query has no word; or something failed, which was logged. */
  | { readonly type: "refused"; readonly id: number; readonly reason: "no_word" | "failed" }
  /** Up to this mark everything is in the index. */
  | { readonly type: "marks"; readonly through: number }
  /** There is nothing to do. */
  | { readonly type: "idle" }
  | { readonly type: "closed" };
