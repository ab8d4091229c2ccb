/**
 * Which messages stand in files, inside the writer. A file that no message refers to any more is named in
 * `tx.releasedFiles`; the main thread removes it once the commit is through, so that a crash leaves a file too many at most.
 */
import { contentForms, type MessageFile } from "../../../domain/model.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import type { Tx } from "../engine/tx.ts";

export type MessageFiles = ReturnType<typeof createMessageFiles>;

interface HashRow {
  readonly hash: Uint8Array;
}

export function createMessageFiles(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare(
    "INSERT INTO message_files (message_id, chat_id, hash, bytes, form, media_type) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const ofMessage = db.prepare<HashRow & { form: number }, [number]>(
    "SELECT hash, form FROM message_files WHERE message_id = ?",
  );
  const deleteOfMessage = db.prepare<HashRow, [number]>(
    "DELETE FROM message_files WHERE message_id = ? RETURNING hash",
  );
  const deleteOfSlice = db.prepare<HashRow, [number, number]>(
    `DELETE FROM message_files WHERE message_id IN (SELECT message_id FROM messages WHERE chat_id = ? ORDER BY seq LIMIT ?)
     RETURNING hash`,
  );
  const anyOf = db.prepare<{ one: 1 }, [Uint8Array]>("SELECT 1 one FROM message_files WHERE hash = ? LIMIT 1");

  /** The message's content stands in this file. */
  function refer(messageId: number, chatId: number, file: MessageFile): void {
    const { hash, bytes, form, mediaType } = file;
    insert.run(messageId, chatId, bytesOfHex(hash), bytes, contentForms.indexOf(form), mediaType);
  }

  /** Whether an earlier message says the same. */
  function isSame(messageId: number, file: MessageFile): boolean {
    const row = ofMessage.get(messageId);
    return row !== null && contentForms[row.form] === file.form && hexOf(row.hash) === file.hash;
  }

  /** The message loses its content, whatever the reason: the one thing to call before its row is emptied or removed. */
  function releaseContent(messageId: number): void {
    released(deleteOfMessage.all(messageId));
  }

  /** The same for the oldest `rows` messages of a chat. */
  function releaseSlice(chatId: number, rows: number): void {
    released(deleteOfSlice.all(chatId, rows));
  }

  function released(rows: readonly HashRow[]): void {
    if (rows.length === 0) return;
    tx.writes += 1;
    for (const hash of new Set(rows.map((row) => hexOf(row.hash)))) {
      if (anyOf.get(bytesOfHex(hash)) === null) tx.releasedFiles.push(hash);
    }
  }

  return { refer, isSame, releaseContent, releaseSlice };
}
