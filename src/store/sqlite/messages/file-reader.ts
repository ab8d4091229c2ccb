/** Which file holds a message's content, and which users may see it. Asked only for rows without content of their own. */
import type { Database } from "bun:sqlite";
import { isHash, isUploadId } from "../../../domain/messages/file-ids.ts";
import { type ChatId, contentForms, type MessageFile, type UserId } from "../../../domain/model.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import { fileInUse } from "./message-files.ts";

export interface FileRow {
  readonly hash: Uint8Array;
  readonly bytes: number;
  readonly form: number;
  readonly mediaType: string;
  readonly name: string | null;
}

/**
 * A file that a message of one of the user's chats refers to. From the user's chats to the file, a seek each: a file many
 * chats have does not cost more.
 */
export const fileOfMember = `SELECT f.hash, f.bytes, f.form, f.media_type mediaType, f.name FROM members m
  CROSS JOIN message_files f ON f.hash = ?1 AND f.chat_id = m.chat_id WHERE m.user_id = ?2 LIMIT 1`;

export function createFileReader(db: Database) {
  /** Prepared together, by the first that is used. */
  const statements = lazily(() => ({
    byMessage: db.prepare<FileRow, [number]>(
      "SELECT hash, bytes, form, media_type mediaType, name FROM message_files WHERE message_id = ?",
    ),
    unfinished: db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM uploads WHERE upload_id = ? AND hash IS NULL"),
    named: db.prepare<Pick<FileRow, "hash" | "bytes">, [string, number]>(
      "SELECT hash, bytes FROM uploads WHERE upload_id = ? AND user_id = ? AND hash IS NOT NULL",
    ),
    chatsForMember: db.prepare<{ chatId: ChatId }, [Uint8Array, number, number]>(
      `SELECT DISTINCT m.chat_id chatId FROM members m
       CROSS JOIN message_files f ON f.hash = ?1 AND f.chat_id = m.chat_id WHERE m.user_id = ?2 LIMIT ?3`,
    ),
  }));
  const anyOf = lazily(() => db.prepare<{ one: 1 }, [Uint8Array]>(fileInUse));
  const forMember = lazily(() => db.prepare<FileRow, [Uint8Array, number]>(fileOfMember));

  function ofMessage(messageId: number): MessageFile | undefined {
    return toFile(statements().byMessage.get(messageId));
  }

  return {
    ofMessage,
    /** What the message will take in memory where files up to `inlineBytesMax` are read. */
    inlineBytes(messageId: number, inlineBytesMax: number): number {
      const bytes = ofMessage(messageId)?.bytes ?? 0;
      return bytes > inlineBytesMax ? 0 : bytes;
    },
    /** By hash, or by the id of an upload, which has a file of its own until it is complete. */
    isReferenced: (file: string): boolean =>
      (isUploadId(file) ? statements().unfinished.get(file) : anyOf().get(bytesOfHex(file))) !== null,
    /** What a message of the user that names a file will have as its content. */
    named(userId: UserId, file: string): { hash: string; bytes: number } | undefined {
      const row = isUploadId(file)
        ? statements().named.get(file, userId)
        : isHash(file)
          ? forMember().get(bytesOfHex(file), userId)
          : null;
      return row === null ? undefined : { hash: hexOf(row.hash), bytes: row.bytes };
    },
    /** Through a message of a chat the user is in. */
    findFor: (userId: UserId, hash: string): MessageFile | undefined =>
      toFile(forMember().get(bytesOfHex(hash), userId)),
    chatsFor: (userId: UserId, hash: string, limit: number) =>
      statements().chatsForMember.all(bytesOfHex(hash), userId, limit),
  };
}

function toFile(row: FileRow | null): MessageFile | undefined {
  if (row === null) return undefined;
  const file = {
    hash: hexOf(row.hash),
    bytes: row.bytes,
    form: contentForms[row.form] ?? "bytes",
    mediaType: row.mediaType,
  };
  return row.name === null ? file : { ...file, name: row.name };
}
