/** Content that a user sends ahead of its message, in one piece or in several (docs/protocols/files.md § Upload). */
import type { SteadyMs } from "../../lib/clock.ts";
import type { UserId } from "../model.ts";

export interface Upload {
  readonly uploadId: string;
  /** All of it. */
  readonly bytes: number;
  /** So much of it is on disk. */
  readonly offset: number;
  /** A message may name it. */
  readonly complete: boolean;
  /** As its sender declared them. */
  readonly type: string | undefined;
  readonly name: string | undefined;
  readonly expiresAtMs: SteadyMs;
}

export interface NewUpload extends Pick<Upload, "uploadId" | "bytes" | "type" | "name"> {
  readonly userId: UserId;
  readonly lifetimeMs: number;
  /** A user has no more at a time. */
  readonly uploadsMax: number;
}

export interface OwnUpload {
  readonly userId: UserId;
  readonly uploadId: string;
}

export interface UploadReads {
  /** Undefined also for an upload of another user, and for one that ended. */
  findUpload(own: OwnUpload): Promise<Upload | undefined>;
}

export interface UploadStore extends UploadReads {
  /** Throws `share_full` where the user has too many, or would take more of the disk than their share, `storage_full`, `busy`, `user_not_found`, `user_disabled`. */
  openUpload(upload: NewUpload): Promise<Upload>;
  /** Writes behind what was kept or written so far. Throws `storage_full`, `busy`, `file_not_found`. */
  writeUpload(uploadId: string, offset: number, content: Uint8Array): Promise<void>;
  /**
   * What was written up to `offset` stays, whatever happens; with the last byte the upload is complete. Throws
   * `file_not_found` where the upload ended, or where the disk has lost it, which ends it.
   */
  keepUpload(own: OwnUpload & { readonly offset: number }): Promise<Upload>;
  /** Gives whether there was one. Messages that name it keep their content. */
  endUpload(own: OwnUpload): Promise<boolean>;
  /** Ends some of those whose time is over; gives how many. */
  endExpiredUploads(): Promise<number>;
}
