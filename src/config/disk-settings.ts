/** The share of the disk of each user who registered, `limits.disk_bytes_per_user`. */
import { bytes, mib, type Raw, settingsOf } from "./values.ts";

const size = bytes(0, 1024 * 1024 * 1024 * mib);

export const diskSettings = settingsOf({
  "limits.disk_bytes_per_user": {
    form: "auto | BYTES",
    parse: (raw: Raw): number | "auto" => (raw === "auto" ? "auto" : size.parse(raw)),
    fallback: "auto",
    about:
      "What a user who registered may take of the disk with messages, files, uploads, retained messages and what waits for MQTT sessions. auto: a tenth of the file system. 0: no limit.",
  },
});
