/**
 * What users take of the disk, and the most that a user may take: `limits.disk_bytes_per_user`. It binds users whom neither
 * the operator nor a backend made. A change that would take more throws `share_full` and leaves nothing behind; what
 * makes room is never refused.
 */
import type { UserId } from "../model.ts";

export interface DiskShareReads {
  /** What the user's messages, files, uploads and retained messages take. */
  takenOfDisk(userId: UserId): Promise<number>;
}

export interface DiskShareStore extends DiskShareReads {
  /** From now on; 0: no limit. What was taken before stays. */
  setDiskShare(bytes: number): Promise<void>;
}
