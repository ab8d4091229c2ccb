/** Messages as search reads them from the database of messages, on a connection that only reads. */
import type { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { unpackContent } from "../../../domain/messages/content.ts";
import { kindOfType } from "../../../domain/messages/messages.ts";
import { contentForms, messageKinds } from "../../../domain/model.ts";
import { hexOf } from "../../../lib/hex.ts";
import { filePath } from "../../files/folder.ts";

export interface TextRow {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly kind: number;
  readonly type: string | null;
  readonly content: string | Uint8Array | null;
  readonly sentAtMs: number;
}

const columns = "message_id messageId, chat_id chatId, seq, kind, type, content, sent_at_ms sentAtMs";
const kinds = { text: messageKinds.indexOf("text"), system: messageKinds.indexOf("system") };

export type TextRows = ReturnType<typeof createTextRows>;

export function createTextRows(db: Database, dataDir: string) {
  const statements: Disposable[] = [];
  const prepare = <Row, Values extends number[]>(sql: string) => {
    const statement = db.prepare<Row, Values>(sql);
    statements.push(statement);
    return statement;
  };
  const byId = prepare<TextRow, [number]>(`SELECT ${columns} FROM messages WHERE message_id = ?`);
  const upwards = prepare<TextRow, [number, number]>(
    `SELECT ${columns} FROM messages WHERE message_id > ? AND message_id <= ? ORDER BY message_id`,
  );
  const downwards = prepare<TextRow, [number, number]>(
    `SELECT ${columns} FROM messages WHERE message_id > ? AND message_id < ? ORDER BY message_id DESC`,
  );
  const next = prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'message'");
  const fileOf = prepare<{ hash: Uint8Array; form: number }, [number]>(
    "SELECT hash, form FROM message_files WHERE message_id = ?",
  );
  const marks = prepare<{ markId: number; chatId: number; messageId: number | null }, [number, number]>(
    "SELECT mark_id markId, chat_id chatId, message_id messageId FROM search_marks WHERE mark_id > ? ORDER BY mark_id LIMIT ?",
  );
  const chatsOf = prepare<{ chatId: number; lastMessageId: number }, [number]>(
    "SELECT m.chat_id chatId, c.last_message_id lastMessageId FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ?",
  );

  /** The text that search may find the message by; undefined for other kinds, and where each recipient has a text of their own. */
  function textOf({ messageId, kind, type, content }: TextRow): string | undefined {
    if (kind !== kinds.text && (kind !== kinds.system || kindOfType(type ?? "text") !== "text")) return undefined;
    if (content === null) return textInFile(messageId);
    return typeof content === "string" ? content : undefined;
  }

  /** Undefined where the file cannot be read, or is no text. */
  function textInFile(messageId: number): string | undefined {
    const file = fileOf.get(messageId);
    if (file === null || contentForms[file.form] !== "text") return undefined;
    try {
      const content = unpackContent(readFileSync(filePath(dataDir, hexOf(file.hash))), "text");
      return typeof content === "string" ? content : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    byId: (messageId: number): TextRow | undefined => byId.get(messageId) ?? undefined,
    /** Above `after`, up to `through`. */
    upwards: (after: number, through: number): Iterable<TextRow> => upwards.iterate(after, through),
    /** Above `after`, below `before`, the newest first. */
    downwards: (after: number, before: number): Iterable<TextRow> => downwards.iterate(after, before),
    lastMessageId: (): number => (next.get()?.next ?? 1) - 1,
    /** What the index must look at again, after this mark. */
    marks: (after: number, limit: number) => marks.all(after, limit),
    chatsOf: (userId: number) => chatsOf.all(userId),
    textOf,
    /** With them the connection can be closed. */
    close(): void {
      for (const statement of statements) statement[Symbol.dispose]();
    },
  };
}
