/** The messages between the main thread and the files Worker. */
import type { MessageFile, MessageKind } from "../../domain/model.ts";

export type ToFilesWorker =
  | {
      readonly type: "open";
      readonly dataDir: string;
      readonly durable: boolean;
      readonly bytesMax: number;
      /** The limit for all files together; 0 means no limit. */
      readonly totalBytesMax: number;
    }
  | {
      readonly type: "put";
      readonly id: number;
      readonly kind: MessageKind;
      readonly content: string | Uint8Array;
      readonly asBase64: boolean;
    }
  /** The message of a `put` was committed or failed; the file is no longer held for it. */
  | { readonly type: "settled"; readonly hash: string }
  /** No message refers to these files; those that a `put` holds stay. */
  | { readonly type: "remove"; readonly hashes: readonly string[] };

export type FromFilesWorker =
  | { readonly type: "put"; readonly id: number; readonly file: MessageFile }
  | {
      readonly type: "refused";
      readonly id: number;
      readonly code: "storage_full" | "message_too_large";
      readonly reason: string;
    }
  /** Files found at start. The main thread, which has the database, answers which of them no message refers to. */
  | { readonly type: "found"; readonly hashes: readonly string[] };
