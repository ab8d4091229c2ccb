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
      /** No longer text is one. */
      readonly textBytesMax: number;
    }
  | {
      readonly type: "put";
      readonly id: number;
      readonly kind: MessageKind;
      readonly content: string | Uint8Array;
      readonly asBase64: boolean;
    }
  /** One step of an upload; the main thread asks for the next one when this one is answered. */
  | { readonly type: "upload"; readonly id: number; readonly upload: string; readonly step: UploadStep }
  /** The change that needed a file was committed or failed; the file is no longer held for it. By hash or upload id. */
  | { readonly type: "settled"; readonly name: string }
  /** Nothing refers to these files, by hash or upload id; those that are held stay. */
  | { readonly type: "remove"; readonly names: readonly string[] };

export type UploadStep =
  /** It will have so many bytes. The file is held until `settled`. */
  | { readonly is: "begin"; readonly bytes: number }
  | { readonly is: "append"; readonly offset: number; readonly content: Uint8Array }
  | { readonly is: "sync" }
  /** It has all its bytes. The file that it becomes is held until `settled`. */
  | { readonly is: "finish"; readonly bytes: number };

/** What an upload became. */
export interface FinishedUpload {
  readonly hash: string;
  /** Its first bytes, hex. */
  readonly head: string;
  /** It is UTF-8, and no longer than a text may be. */
  readonly isText: boolean;
}

export type FromFilesWorker =
  | { readonly type: "put"; readonly id: number; readonly file: MessageFile }
  | {
      readonly type: "refused";
      readonly id: number;
      readonly code: "storage_full" | "message_too_large" | "busy";
      readonly reason: string;
    }
  /** A step of an upload is done; the last one has an outcome. */
  | { readonly type: "uploaded"; readonly id: number; readonly finished?: FinishedUpload | undefined }
  | {
      readonly type: "upload refused";
      readonly id: number;
      /** `file_not_found`: the file has less than was kept of it. */
      readonly code: "storage_full" | "busy" | "file_not_found";
      readonly reason: string;
    }
  /** The disk takes no more content of some size, for this reason, or (null) it does again. */
  | { readonly type: "disk"; readonly reason: string | null }
  /** Files found at start. The main thread, which has the database, answers which of them nothing refers to. */
  | { readonly type: "found"; readonly names: readonly string[] };
