/** Changes to uploads: content that waits for the message that will name it. */
import { DomainError } from "../../../domain/errors.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MessageFiles } from "./message-files.ts";

export const uploadColumns = "upload_id uploadId, bytes, written, type, name, hash, expires_at_ms expiresAtMs";

export interface UploadRow {
  readonly uploadId: string;
  readonly bytes: number;
  readonly written: number;
  readonly type: string | null;
  readonly name: string | null;
  readonly hash: Uint8Array | null;
  readonly expiresAtMs: SteadyMs;
}

export interface WireUpload extends Omit<UploadRow, "hash"> {
  readonly complete: boolean;
}

export const toWireUpload = ({ hash, ...row }: UploadRow): WireUpload => ({ ...row, complete: hash !== null });

interface Own {
  readonly userId: number;
  readonly uploadId: string;
}

export function createUploadChanges(tx: Tx, files: MessageFiles) {
  const { db } = tx;
  const count = db.prepare<{ count: number }, [number]>("SELECT count(*) count FROM uploads WHERE user_id = ?");
  const insert = db.prepare<UploadRow, [string, number, number, string | null, string | null, number]>(
    `INSERT INTO uploads (upload_id, user_id, bytes, type, name, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?)
     RETURNING ${uploadColumns}`,
  );
  const select = db.prepare<UploadRow, [string, number, number]>(
    `SELECT ${uploadColumns} FROM uploads WHERE upload_id = ? AND user_id = ? AND expires_at_ms > ?`,
  );
  const advance = db.prepare("UPDATE uploads SET written = ? WHERE upload_id = ?");
  const finish = db.prepare("UPDATE uploads SET written = bytes, hash = ?, head = ?, is_text = ? WHERE upload_id = ?");
  const expired = db.prepare<{ uploadId: string }, [number, number]>(
    "SELECT upload_id uploadId FROM uploads WHERE expires_at_ms <= ? ORDER BY expires_at_ms, upload_id LIMIT ?",
  );

  function openUpload(args: {
    uploadId: string;
    userId: number;
    bytes: number;
    type?: string | undefined;
    name?: string | undefined;
    lifetimeMs: number;
    uploadsMax: number;
  }): WireUpload {
    const { uploadId, userId, bytes, type, name, lifetimeMs, uploadsMax } = args;
    const user = tx.sender(userId);
    if (user === undefined) throw new DomainError("user_not_found");
    if (user.disabled) throw new DomainError("user_disabled");
    if ((count.get(userId)?.count ?? 0) >= uploadsMax) {
      throw new DomainError("share_full", `it has ${uploadsMax} uploads; one ends a day after it began`);
    }
    if (user.hasShare) tx.disk.require(userId, bytes, bytes);
    tx.writes += 1;
    const expiresAtMs = later(tx.steadyMs, lifetimeMs);
    const row = insert.get(uploadId, userId, bytes, type ?? null, name ?? null, expiresAtMs);
    if (row === null) throw new Error("an upload was not made");
    return toWireUpload(row);
  }

  function get({ uploadId, userId }: Own): UploadRow {
    const row = select.get(uploadId, userId, tx.steadyMs);
    if (row === null) throw new DomainError("file_not_found");
    return row;
  }

  /** So much of it is on disk now. */
  function advanceUpload({ offset, ...own }: Own & { offset: number }): WireUpload {
    const row = get(own);
    if (row.hash !== null) return toWireUpload(row);
    tx.writes += 1;
    advance.run(offset, own.uploadId);
    return { ...toWireUpload(row), written: offset };
  }

  /** All of it is there, as the file with this hash. */
  function finishUpload(args: Own & { hash: string; head: string; isText: boolean }): WireUpload {
    const { hash, head, isText, ...own } = args;
    const row = get(own);
    tx.writes += 1;
    finish.run(bytesOfHex(hash), bytesOfHex(head), isText ? 1 : 0, own.uploadId);
    return { ...toWireUpload(row), written: row.bytes, complete: true };
  }

  function endUpload({ uploadId, userId }: Own): boolean {
    if (select.get(uploadId, userId, tx.steadyMs) === null) return false;
    files.endUpload(uploadId);
    return true;
  }

  function endExpiredUploads({ max }: { max: number }): number {
    const found = expired.all(tx.steadyMs, max);
    for (const { uploadId } of found) files.endUpload(uploadId);
    return found.length;
  }

  return {
    openUpload: growing(openUpload),
    advanceUpload: growing(advanceUpload),
    finishUpload: growing(finishUpload),
    endUpload: freeing(endUpload),
    endExpiredUploads: freeing(endExpiredUploads),
  };
}
