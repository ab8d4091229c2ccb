/**
 * Which messages stand in files, and which uploads wait for theirs, inside the writer. A file that nothing refers to any
 * more is named in `tx.releasedFiles`; the main thread removes it once the commit is through, so that a crash leaves a file
 * too many at most.
 */
import { contentForms, type MessageFile } from "../../../domain/model.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import type { Tx } from "../engine/tx.ts";

export type MessageFiles = ReturnType<typeof createMessageFiles>;

interface HashRow {
  readonly hash: Uint8Array;
}

interface MessageRow extends HashRow {
  readonly messageId: number;
}

/** Whether a message or an upload has this file. */
export const fileInUse = `SELECT 1 one FROM message_files WHERE hash = ?1
  UNION ALL SELECT 1 FROM uploads WHERE hash = ?1 LIMIT 1`;

export function createMessageFiles(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare(
    "INSERT INTO message_files (message_id, chat_id, hash, bytes, form, media_type, name) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const ofMessage = db.prepare<HashRow & { form: number; bytes: number }, [number]>(
    "SELECT hash, form, bytes FROM message_files WHERE message_id = ?",
  );
  const deleteOfMessage = db.prepare<MessageRow, [number]>(
    "DELETE FROM message_files WHERE message_id = ? RETURNING message_id messageId, hash",
  );
  const deleteOfSlice = db.prepare<MessageRow, [number, number]>(
    `DELETE FROM message_files WHERE message_id IN (SELECT message_id FROM messages WHERE chat_id = ? ORDER BY seq LIMIT ?)
     RETURNING message_id messageId, hash`,
  );
  const anyOf = db.prepare<{ one: 1 }, [Uint8Array]>(fileInUse);
  const deleteUpload = db.prepare<{ hash: Uint8Array | null }, [string]>(
    "DELETE FROM uploads WHERE upload_id = ? RETURNING hash",
  );
  const deleteUsed = db.prepare("DELETE FROM uploads WHERE message_id = ?");
  const uploadsOf = db.prepare<{ uploadId: string }, [number]>(
    "SELECT upload_id uploadId FROM uploads WHERE user_id = ? ORDER BY upload_id",
  );

  /** The message's content stands in this file. */
  function refer(messageId: number, chatId: number, file: MessageFile): void {
    const { hash, bytes, form, mediaType, name } = file;
    insert.run(messageId, chatId, bytesOfHex(hash), bytes, contentForms.indexOf(form), mediaType, name ?? null);
  }

  /** Whether an earlier message says the same. */
  function isSame(messageId: number, file: MessageFile): boolean {
    const row = ofMessage.get(messageId);
    return row !== null && contentForms[row.form] === file.form && hexOf(row.hash) === file.hash;
  }

  /** Of the message's file; 0 where it has none. */
  const bytesOf = (messageId: number): number => ofMessage.get(messageId)?.bytes ?? 0;

  /** The message loses its content, whatever the reason: the one thing to call before its row is emptied or removed. */
  function releaseContent(messageId: number): void {
    released(deleteOfMessage.all(messageId));
  }

  /** The same for the oldest `rows` messages of a chat. */
  function releaseSlice(chatId: number, rows: number): void {
    released(deleteOfSlice.all(chatId, rows));
  }

  /** The upload is gone; messages that named it keep their content. */
  function endUpload(uploadId: string): void {
    tx.writes += 1;
    const hash = deleteUpload.get(uploadId)?.hash;
    if (hash === undefined || hash === null) tx.releasedFiles.push(uploadId);
    else releaseUnused([{ hash }]);
  }

  /** The user is about to be removed. */
  function endUploadsOf(userId: number): void {
    for (const { uploadId } of uploadsOf.all(userId)) endUpload(uploadId);
  }

  function released(rows: readonly MessageRow[]): void {
    if (rows.length === 0) return;
    tx.writes += 1;
    for (const { messageId } of rows) deleteUsed.run(messageId);
    releaseUnused(rows);
  }

  function releaseUnused(rows: readonly HashRow[]): void {
    for (const hash of new Set(rows.map((row) => hexOf(row.hash)))) {
      if (anyOf.get(bytesOfHex(hash)) === null) tx.releasedFiles.push(hash);
    }
  }

  return { refer, isSame, bytesOf, releaseContent, releaseSlice, endUpload, endUploadsOf };
}
