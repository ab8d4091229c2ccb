/** Which file holds a message's content, and which users may see it. Asked only for rows without content of their own. */
import type { Database } from "bun:sqlite";
import { contentForms, type MessageFile, type UserId } from "../../../domain/model.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";

interface FileRow {
  readonly hash: Uint8Array;
  readonly bytes: number;
  readonly form: number;
  readonly mediaType: string;
}

export function createFileReader(db: Database) {
  const byMessage = lazily(() =>
    db.prepare<FileRow, [number]>(
      "SELECT hash, bytes, form, media_type mediaType FROM message_files WHERE message_id = ?",
    ),
  );
  const anyOf = lazily(() =>
    db.prepare<{ one: 1 }, [Uint8Array]>("SELECT 1 one FROM message_files WHERE hash = ? LIMIT 1"),
  );
  // From the user's chats to the file, a seek each: a file many chats have does not cost more.
  const forMember = lazily(() =>
    db.prepare<FileRow, [Uint8Array, number]>(
      `SELECT f.hash, f.bytes, f.form, f.media_type mediaType FROM members m
       CROSS JOIN message_files f ON f.hash = ?1 AND f.chat_id = m.chat_id WHERE m.user_id = ?2 LIMIT 1`,
    ),
  );

  function ofMessage(messageId: number): MessageFile | undefined {
    return toFile(byMessage().get(messageId));
  }

  return {
    ofMessage,
    /** What the message will take in memory where files up to `inlineBytesMax` are read. */
    inlineBytes(messageId: number, inlineBytesMax: number): number {
      const bytes = ofMessage(messageId)?.bytes ?? 0;
      return bytes > inlineBytesMax ? 0 : bytes;
    },
    isReferenced: (hash: string): boolean => anyOf().get(bytesOfHex(hash)) !== null,
    /** Through a message of a chat the user is in. */
    findFor: (userId: UserId, hash: string): MessageFile | undefined =>
      toFile(forMember().get(bytesOfHex(hash), userId)),
  };
}

function toFile(row: FileRow | null): MessageFile | undefined {
  if (row === null) return undefined;
  return {
    hash: hexOf(row.hash),
    bytes: row.bytes,
    form: contentForms[row.form] ?? "bytes",
    mediaType: row.mediaType,
  };
}
