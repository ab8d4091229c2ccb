/**
 * Messages whose content is a file that is there already: an upload of their sender, or the hash of a file that their
 * sender may fetch. Whatever else a message names, the answer is the same.
 */
import { DomainError } from "../../../domain/errors.ts";
import { isHash, isUploadId } from "../../../domain/messages/file-ids.ts";
import { mediaTypeOf, plainBytes, plainText } from "../../../domain/messages/media-types.ts";
import { kindOfType } from "../../../domain/messages/messages.ts";
import { contentForms, type MessageFile } from "../../../domain/model.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import type { Tx } from "../engine/tx.ts";
import { type FileRow, fileOfMember } from "./file-reader.ts";

export interface NamedFile {
  readonly file: MessageFile;
  /** The message's, where its sender gave none. */
  readonly type: string;
  /** The sender's use of the disk has it already. */
  readonly isCounted: boolean;
}

interface UploadRow {
  readonly hash: Uint8Array;
  readonly head: Uint8Array;
  readonly isText: number;
  readonly isUnused: number;
  readonly bytes: number;
  readonly type: string | null;
  readonly name: string | null;
}

export type NamedFiles = ReturnType<typeof createNamedFiles>;

export function createNamedFiles(tx: Tx) {
  const { db } = tx;
  const upload = db.prepare<UploadRow, [string, number, number]>(
    `SELECT hash, head, is_text isText, message_id IS NULL isUnused, bytes, type, name FROM uploads
     WHERE upload_id = ? AND user_id = ? AND hash IS NOT NULL AND expires_at_ms > ?`,
  );
  const shared = db.prepare<FileRow, [Uint8Array, number]>(fileOfMember);
  const use = db.prepare("UPDATE uploads SET message_id = ? WHERE upload_id = ? AND message_id IS NULL");

  /** @param declared the message's type, or empty. Throws `file_not_found`, `invalid_message`. */
  function get(from: number, named: string, declared: string): NamedFile {
    if (isUploadId(named)) {
      const row = upload.get(named, from, tx.steadyMs);
      if (row !== null) return ofUpload(row, declared === "" ? (row.type ?? "file") : declared);
    } else if (isHash(named)) {
      const row = shared.get(bytesOfHex(named), from);
      if (row !== null) return ofShared(row, declared === "" ? typeOf(row.mediaType) : declared);
    }
    throw new DomainError("file_not_found");
  }

  function ofUpload({ hash, head, isText, isUnused, bytes, name }: UploadRow, type: string): NamedFile {
    const kind = kindOfType(type);
    if (kind === "text" && isText === 0) throw noText();
    const file = {
      hash: hexOf(hash),
      bytes,
      form: kind === "text" ? ("text" as const) : ("bytes" as const),
      mediaType: kind === "text" ? plainText : mediaTypeOf(kind, head),
    };
    return { file: name === null ? file : { ...file, name }, type, isCounted: isUnused !== 0 };
  }

  function ofShared({ hash, bytes, form, mediaType, name }: FileRow, type: string): NamedFile {
    const known = contentForms[form] ?? "bytes";
    if (kindOfType(type) === "text" && known !== "text") throw noText();
    const file = { hash: hexOf(hash), bytes, form: known, mediaType };
    return { file: name === null ? file : { ...file, name }, type, isCounted: false };
  }

  /** A message names it. */
  function used(named: string, messageId: number): void {
    if (isUploadId(named)) use.run(messageId, named);
  }

  return { get, used };
}

const noText = () =>
  new DomainError("invalid_message", "a message of this type is a text, and the file is none or is too long for one");

const typeOf = (mediaType: string): string =>
  mediaType === plainText ? "text" : mediaType === plainBytes ? "file" : mediaType;
