/** Reads of history: see `domain/history-store.ts`. Every statement looks at no more rows than its caller named. */
import type { Database } from "bun:sqlite";
import {
  type ChatLog,
  type HistoryReads,
  oddTimeMs,
  type Piece,
  type Stretch,
} from "../../../domain/messages/history-store.ts";
import type { ChatId, Message, MessageId, MessageReader } from "../../../domain/model.ts";
import { lazily } from "../../../lib/lazily.ts";
import { seqThrough } from "./seq-through.ts";
import { type StoredMessageRow, storedMessageColumns } from "./stored-message.ts";

/** Content of one piece; a larger message comes alone. */
const pieceBytesMax = 1024 * 1024;

type Range = [chatId: number, from: number, to: number];

const logColumns =
  "c.chat_id chatId, c.kind, c.first_seq firstSeq, c.last_seq lastSeq, c.last_message_id lastMessageId";
const bySenders = "AND sender_id IN (?4, ?5)";
/** As the partial index `messages_odd_time` has it, or it would not be used. */
const isOdd = `AND client_time_ms IS NOT NULL AND abs(client_time_ms - sent_at_ms) > ${oddTimeMs}`;

/** @param toMessages of the message reader: it knows the names of users and chats, and each reader's text. */
export function createHistoryReader(
  db: Database,
  toMessages: (rows: readonly StoredMessageRow[], by: MessageReader) => Message[],
): HistoryReads & {
  /** As `messageIdOf`, by a plain read. */
  messageIdNow(chatId: ChatId, seq: number): MessageId | undefined;
} {
  const stretch = (where: string, order: "ASC" | "DESC", limit = "") =>
    db.prepare<StoredMessageRow, number[]>(historyStatements.stretch(where, order, limit));
  const statements = new Map<string, ReturnType<typeof stretch>>();
  const logOf = lazily(() =>
    db.prepare<ChatLog, [number, number]>(
      `SELECT ${logColumns} FROM members m JOIN chats c USING (chat_id) WHERE m.chat_id = ? AND m.user_id = ?`,
    ),
  );
  const logs = lazily(() =>
    db.prepare<ChatLog, [number]>(
      `SELECT ${logColumns} FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ? AND c.last_seq >= c.first_seq`,
    ),
  );
  const sharedLogs = lazily(() =>
    db.prepare<ChatLog, [number, number]>(
      `SELECT ${logColumns} FROM members m JOIN chats c USING (chat_id) JOIN members o ON o.chat_id = m.chat_id AND o.user_id = ?2
       WHERE m.user_id = ?1 AND c.last_seq >= c.first_seq`,
    ),
  );
  const idOf = lazily(() => db.prepare<{ messageId: MessageId }, [number, number]>(historyStatements.idOf));
  const timeFrom = lazily(() =>
    db.prepare<{ messageId: number; sentAtMs: number }, [number]>(historyStatements.timeFrom),
  );
  const nextId = lazily(() => db.prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'message'"));

  /** Prepared once for each way to read. */
  function prepared(key: string, make: () => ReturnType<typeof stretch>): ReturnType<typeof stretch> {
    const known = statements.get(key);
    if (known !== undefined) return known;
    const made = make();
    statements.set(key, made);
    return made;
  }

  function read({ chatId, from, to, descending, senders, reader }: Stretch, odd?: { limit: number }): Piece {
    const where = `${odd === undefined ? "" : isOdd} ${senders === undefined ? "" : bySenders}`;
    const order = descending ? "DESC" : "ASC";
    const limit = odd === undefined ? "" : `LIMIT ${odd.limit}`;
    const statement = prepared(`${where}${order}${limit}`, () => stretch(where, order, limit));
    const range: Range = [chatId, from, to];
    const rows: StoredMessageRow[] = [];
    let bytes = 0;
    for (const row of statement.iterate(...range, ...(senders ?? []))) {
      rows.push(row);
      bytes += row.content?.length ?? 0;
      if (bytes >= pieceBytesMax) break;
    }
    const cut = bytes >= pieceBytesMax || (odd !== undefined && rows.length === odd.limit);
    const end = descending ? from : to;
    return { messages: toMessages(rows, reader), reached: cut ? (rows.at(-1)?.seq ?? end) : end };
  }

  /** The first `seq` of a chat whose message id is `messageId` or above. */
  const messageIdNow = (chatId: ChatId, seq: number): MessageId | undefined => idOf().get(chatId, seq)?.messageId;

  function seqFrom({ chatId, firstSeq, lastSeq, lastMessageId }: ChatLog, messageId: number): number {
    if (messageId > lastMessageId) return lastSeq + 1;
    return seqThrough(messageId - 1, { firstSeq, lastSeq }, (seq) => idOf().get(chatId, seq)?.messageId) + 1;
  }

  /** Ids and the server's times rise together, but for what its clock was set back. */
  function messageIdAt(sentAtMs: number): number {
    let low = 1;
    let high = nextId().get()?.next ?? 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = timeFrom().get(middle);
      if (row === null || row.sentAtMs >= sentAtMs) high = middle;
      else low = row.messageId + 1;
    }
    return low;
  }

  return {
    findChatLog: async (userId, chatId) => logOf().get(chatId, userId) ?? undefined,
    chatLogs: async (userId, other) => (other === userId ? logs().all(userId) : sharedLogs().all(userId, other)),
    readStretch: async (of) => read(of),
    readOddTimes: async (of) => read(of, { limit: of.limit }),
    seqFrom: async (log, messageId) => seqFrom(log, messageId),
    messageIdOf: async (chatId, seq) => messageIdNow(chatId, seq),
    messageIdNow,
    messageIdAt: async (sentAtMs) => messageIdAt(sentAtMs),
  };
}

/** The statements whose plans are held by a test. */
export const historyStatements = {
  stretch: (where: string, order: "ASC" | "DESC", limit: string) =>
    `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ?1 AND seq BETWEEN ?2 AND ?3 ${where} ORDER BY seq ${order} ${limit}`,
  idOf: "SELECT message_id messageId FROM messages WHERE chat_id = ? AND seq = ?",
  timeFrom:
    "SELECT message_id messageId, sent_at_ms sentAtMs FROM messages WHERE message_id >= ? ORDER BY message_id LIMIT 1",
  bySenders,
  isOdd,
} as const;
