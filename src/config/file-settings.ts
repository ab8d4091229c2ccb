/** Settings of large content, `files.…` (`Config.files`). */
import { bytes, kib, mib, type Reading, type Shown, settingsOf } from "./values.ts";

const gib = 1024 * mib;

export const fileSettings = settingsOf({
  "files.min_bytes": {
    ...bytes(4 * kib, mib),
    fallback: "64 KiB",
    about: "Content of at least so many bytes stands in a file of its own beside the database.",
  },
  "files.max_bytes": {
    ...bytes(64 * kib, 256 * mib),
    fallback: "16 MiB",
    about:
      "The content of one image, file, audio or video, decoded; text has limits.message_bytes. What it comes in (limits.websocket_frame_bytes, limits.rest_body_bytes, limits.mqtt_packet_bytes) bounds it too.",
  },
  "files.total_bytes": {
    ...bytes(0, 1024 * 1024 * gib),
    fallback: 0,
    about: "All such files together; what would go beyond is refused as on a full disk. 0: as much as the disk has.",
  },
});

export interface FilesConfig {
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** 0: no limit. */
  readonly totalBytesMax: number;
}

export const readFiles = ({ needed }: Reading<typeof fileSettings>): FilesConfig => ({
  bytesMin: needed["files.min_bytes"],
  bytesMax: needed["files.max_bytes"],
  totalBytesMax: needed["files.total_bytes"],
});

/** What is in force, for a reader. */
export const shownFiles = (files: FilesConfig): Shown<typeof fileSettings> => ({
  "files.min_bytes": files.bytesMin,
  "files.max_bytes": files.bytesMax,
  "files.total_bytes": files.totalBytesMax,
});
