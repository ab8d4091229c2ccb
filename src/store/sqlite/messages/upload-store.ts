/** Uploads in the store: their bytes through the files Worker, what is known of them through the writer. */
import type { Database } from "bun:sqlite";
import { DomainError } from "../../../domain/errors.ts";
import type { OwnUpload, Upload, UploadStore } from "../../../domain/messages/upload-store.ts";
import type { Clock } from "../../../lib/clock.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Files } from "../../files/files.ts";
import type { Submit } from "../submit.ts";
import { toWireUpload, type UploadRow, uploadColumns, type WireUpload } from "./upload-changes.ts";

const endedAtOnce = 100;

export function createUploadStore(
  db: Database,
  { submit, files, clock }: { submit: Submit; files: Files; clock: Clock },
): UploadStore {
  const select = lazily(() =>
    db.prepare<UploadRow, [string, number, number]>(
      `SELECT ${uploadColumns} FROM uploads WHERE upload_id = ? AND user_id = ? AND expires_at_ms > ?`,
    ),
  );
  const anyExpired = lazily(() =>
    db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM uploads WHERE expires_at_ms <= ? LIMIT 1"),
  );

  function find({ userId, uploadId }: OwnUpload): Upload | undefined {
    const row = select().get(uploadId, userId, clock.steadyMs());
    return row === null ? undefined : toUpload(toWireUpload(row));
  }

  async function keep({ offset, ...own }: OwnUpload & { offset: number }): Promise<Upload> {
    const { uploadId } = own;
    const known = find(own);
    if (known === undefined) throw new DomainError("file_not_found");
    if (known.complete) return known;
    if (offset < known.bytes) {
      await files.syncUpload(uploadId);
      return toUpload(await submit("advanceUpload", { ...own, offset }));
    }
    const finished = await files.finishUpload(uploadId, known.bytes);
    try {
      return toUpload(await submit("finishUpload", { ...own, ...finished }));
    } finally {
      files.settled(finished.hash);
      files.remove([uploadId]);
    }
  }

  /** What the disk has lost cannot be gone on with. */
  async function orEnd<Value>(own: OwnUpload, step: () => Promise<Value>): Promise<Value> {
    try {
      return await step();
    } catch (error) {
      if (error instanceof DomainError && error.code === "file_not_found") await submit("endUpload", own);
      throw error;
    }
  }

  return {
    findUpload: async (own) => find(own),
    async openUpload(upload) {
      const { uploadId } = upload;
      await files.beginUpload(uploadId, upload.bytes);
      try {
        return toUpload(await submit("openUpload", upload));
      } finally {
        files.settled(uploadId);
      }
    },
    writeUpload: (uploadId, offset, content) => files.appendUpload(uploadId, offset, content),
    keepUpload: (kept) => orEnd({ userId: kept.userId, uploadId: kept.uploadId }, () => keep(kept)),
    endUpload: (own) => submit("endUpload", own),
    endExpiredUploads: async () =>
      anyExpired().get(clock.steadyMs()) === null ? 0 : submit("endExpiredUploads", { max: endedAtOnce }),
  };
}

const toUpload = ({ written, type, name, ...row }: WireUpload): Upload => ({
  ...row,
  offset: written,
  type: type ?? undefined,
  name: name ?? undefined,
});
