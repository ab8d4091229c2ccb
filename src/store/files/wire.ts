/** What the main thread and the files Worker say to each other. */
import type { MessageFile, MessageKind } from "../../domain/model.ts";

export type ToFilesWorker =
  | {
      readonly type: "open";
      readonly dataDir: string;
      readonly durable: boolean;
      readonly bytesMax: number;
      /** Of all files together; 0: no limit. */
      readonly totalBytesMax: number;
    }
  | {
      readonly type: "put";
      readonly id: number;
      readonly kind: MessageKind;
      readonly content: string | Uint8Array;
      readonly asBase64: boolean;
    }
  /** The message of a `put` was committed, or was not; the file is no longer kept for it. */
  | { readonly type: "settled"; readonly hash: string }
  /** No message refers to these; what a `put` holds stays. */
  | { readonly type: "remove"; readonly hashes: readonly string[] };

export type FromFilesWorker =
  | { readonly type: "put"; readonly id: number; readonly file: MessageFile }
  | {
      readonly type: "refused";
      readonly id: number;
      readonly code: "storage_full" | "message_too_large";
      readonly reason: string;
    }
  /** Found at start; whoever knows the database says which of them nothing refers to. */
  | { readonly type: "found"; readonly hashes: readonly string[] };
