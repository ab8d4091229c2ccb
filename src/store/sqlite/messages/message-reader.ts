/** Reads of messages, as `people/user-reader.ts`; bare SQL, since pages are hot. */
import type { Database } from "bun:sqlite";
import { chatKeyOf, userKeyOf } from "../../../domain/keys.ts";
import { hidden, withText } from "../../../domain/messages/addressed.ts";
import type { ChangedMessages } from "../../../domain/messages/edit-store.ts";
import {
  type ChatId,
  type ChatKind,
  type Message,
  type MessageId,
  type MessageReader,
  messageKinds,
  type UserId,
} from "../../../domain/model.ts";
import type { DeliveryStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { parseExtras, shownExtras } from "./extras.ts";
import { createFileReader } from "./file-reader.ts";
import { addressedBit, isDeletedRow, type StoredMessageRow, storedMessageColumns } from "./stored-message.ts";

/** Names kept at hand for the pages of history: sender → key, chat → key. Emptied when full. */
const namesMax = 50_000;
/** Content of one page of catching up. */
const pageBytesMax = 1024 * 1024;

interface ChangedRow extends StoredMessageRow {
  readonly revision: number;
}

interface ChatNameRow {
  readonly chatId: number;
  readonly kind: ChatKind;
  readonly chatKey: string | null;
  readonly directLow: number | null;
  readonly directHigh: number | null;
}

export type MessageReads = ReturnType<typeof createMessageReader>;

export type StoredMessages = ReturnType<typeof createMessageReader>;

export function createMessageReader(db: Database) {
  const files = createFileReader(db);
  /** Prepared together, by the first that is used. */
  const statements = lazily(() => ({
    nameOfUser: db.prepare<{ username: string | null }, [number]>("SELECT username FROM users WHERE user_id = ?"),
    nameOfChat: db.prepare<ChatNameRow, [number]>(
      "SELECT chat_id chatId, kind, chat_key chatKey, direct_low directLow, direct_high directHigh FROM chats WHERE chat_id = ?",
    ),
    pageAfter: db.prepare<StoredMessageRow, [number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    pageBefore: db.prepare<StoredMessageRow, [number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ),
    runFrom: db.prepare<StoredMessageRow, [number, number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq >= ? AND message_id <= ? ORDER BY seq LIMIT ?`,
    ),
    ownFrom: db.prepare<StoredMessageRow, [number, number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE message_id BETWEEN ? AND ?
     AND seq > (SELECT joined_seq FROM members m WHERE m.chat_id = messages.chat_id AND m.user_id = ?)
     ORDER BY message_id LIMIT ?`,
    ),
    messageById: db.prepare<StoredMessageRow, [number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE message_id = ?`,
    ),
    ownText: db.prepare<{ content: string }, [number, number, number]>(
      "SELECT content FROM message_texts WHERE message_id = ?1 AND user_id = ?2 AND device_id IN (0, ?3) ORDER BY device_id DESC LIMIT 1",
    ),
    changedAfterRevision: db.prepare<ChangedRow, [number, number, number]>(
      `SELECT ${storedMessageColumns}, revision FROM
       (SELECT message_id changedId, revision FROM message_revisions WHERE chat_id = ? AND revision > ? ORDER BY revision LIMIT ?)
       JOIN messages ON message_id = changedId ORDER BY revision`,
    ),
    revisionOf: db.prepare<{ revision: number; heldRevision: number | null }, [number]>(
      "SELECT revision, held_revision heldRevision FROM chats WHERE chat_id = ?",
    ),
    isAddressee: db.prepare<{ one: 1 }, [number, number, number]>(
      "SELECT 1 one FROM message_texts WHERE message_id = ?1 AND user_id = ?2 AND device_id IN (0, ?3) LIMIT 1",
    ),
    nextMessageId: db.prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'message'"),
  }));
  const userKeys = new Map<number, string>();
  const chatKeys = new Map<number, string>();

  function page(of: {
    chatId: ChatId;
    afterSeq: number | undefined;
    beforeSeq: number | undefined;
    limit: number;
    inlineBytesMax: number | undefined;
    bytesMax: number | undefined;
    by: MessageReader | undefined;
  }): Message[] {
    const { chatId, afterSeq, beforeSeq, limit, inlineBytesMax, bytesMax = Number.POSITIVE_INFINITY, by } = of;
    if (afterSeq !== undefined) {
      const { rows } = upToBytes(statements().pageAfter.iterate(chatId, afterSeq, limit), inlineBytesMax, bytesMax);
      return toMessages(beforeSeq === undefined ? rows : rows.filter((row) => row.seq < beforeSeq), by);
    }
    const newest = statements().pageBefore.iterate(chatId, beforeSeq ?? Number.MAX_SAFE_INTEGER, limit);
    return toMessages(upToBytes(newest, inlineBytesMax, bytesMax).rows.reverse(), by);
  }

  function run(from: Parameters<DeliveryStore["run"]>[0]): Message[] {
    const all = statements().runFrom.iterate(from.chatId, from.seq, from.through, from.limit);
    return toMessages(upToBytes(all, from.inlineBytesMax).rows, from.reader);
  }

  function scan(range: Parameters<DeliveryStore["scan"]>[0]) {
    const all = statements().ownFrom.iterate(range.from, range.to, range.userId, range.limit + 1);
    const { rows, cut } = upToBytes(all, range.inlineBytesMax);
    // One row more than asked for, or fewer because they are large: the rest of the range was not looked at.
    const messages = toMessages(rows.slice(0, range.limit), range);
    const complete = rows.length <= range.limit && !cut;
    return { messages, through: complete ? range.to : (messages.at(-1)?.messageId ?? range.from) };
  }

  /**
   * Rows up to about `pageBytesMax` of content, one at least, so that a page of large messages does not fill the memory. Files
   * up to `inlineBytesMax` will be read, and count; without it, all.
   */
  function upToBytes<Row extends StoredMessageRow>(
    all: Iterable<Row>,
    inlineBytesMax = Number.POSITIVE_INFINITY,
    bytesMax = pageBytesMax,
  ) {
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of all) {
      rows.push(row);
      bytes += row.content?.length ?? files.inlineBytes(row.messageId, inlineBytesMax);
      if (bytes >= bytesMax) return { rows, cut: true };
    }
    return { rows, cut: false };
  }

  /** See `EditReads.changedAfter`. */
  function changedAfter(of: {
    chatId: ChatId;
    after: number;
    limit: number;
    reader: MessageReader;
    bytesMax?: number | undefined;
  }): ChangedMessages {
    const { chatId, after, limit, reader, bytesMax } = of;
    const chat = statements().revisionOf.get(chatId);
    if (chat === null) return { messages: [], through: after, more: false };
    const all = statements().changedAfterRevision.iterate(chatId, after, limit + 1);
    const { rows, cut } = upToBytes(all, undefined, bytesMax);
    const page = rows.slice(0, limit);
    const more = cut || rows.length > limit;
    const messages = page.flatMap((row) => (isHeldBack(row, chat, reader) ? [] : changedRow(row, reader)));
    return { messages, through: more ? (page.at(-1)?.revision ?? after) : chat.revision, more };
  }

  function changedRow(row: StoredMessageRow, reader: MessageReader): Message[] {
    if (row.kind < addressedBit) return [toMessage(row)];
    if (statements().isAddressee.get(row.messageId, reader.userId, reader.deviceId ?? 0) === null) return [];
    return isDeletedRow(row) ? [toMessage({ ...row, kind: row.kind - addressedBit })] : [addressedTo(row, reader)];
  }

  function toMessages(rows: readonly StoredMessageRow[], by: MessageReader | undefined): Message[] {
    return rows.map((row) => (row.kind < addressedBit ? toMessage(row) : addressedTo(row, by)));
  }

  /** A message with one text for each recipient, as this reader sees it. It never stands in a file. */
  function addressedTo(row: StoredMessageRow, by: MessageReader | undefined): Message {
    const message = toMessage({ ...row, kind: row.kind - addressedBit });
    // Whom a deleted one was for is known only to tell them that it is gone (`change-reader.ts`).
    if (isDeletedRow(row)) return hidden(message);
    const own = by === undefined ? null : statements().ownText.get(row.messageId, by.userId, by.deviceId ?? 0);
    return own === null ? hidden(message) : withText(message, own.content);
  }

  function toMessage(row: StoredMessageRow): Message {
    const kind = messageKinds[row.kind] ?? "file";
    const file = row.content === null && kind !== "deleted" ? files.ofMessage(row.messageId) : undefined;
    const message: Message = {
      messageId: row.messageId as MessageId,
      chatId: row.chatId as ChatId,
      chatKey: chatKey(row.chatId),
      seq: row.seq,
      senderId: row.senderId as UserId,
      senderKey: userKey(row.senderId),
      kind,
      type: row.type ?? kind,
      content: row.content ?? "",
      clientId: row.clientId ?? undefined,
      clientTimeMs: row.clientTimeMs ?? undefined,
      sentAtMs: row.sentAtMs,
    };
    const whole = file === undefined ? message : { ...message, file };
    return row.extras === null ? whole : { ...whole, ...shownExtras(parseExtras(row.extras)) };
  }

  function userKey(userId: number): string {
    const known = userKeys.get(userId);
    if (known !== undefined) return known;
    const key = userKeyOf({ userId, username: statements().nameOfUser.get(userId)?.username });
    remember(userKeys, userId, key);
    return key;
  }

  function chatKey(chatId: number): string {
    const known = chatKeys.get(chatId);
    if (known !== undefined) return known;
    const row = statements().nameOfChat.get(chatId);
    const key = row === null ? `chat.${chatId}` : chatKeyOf(row);
    remember(chatKeys, chatId, key);
    return key;
  }

  return {
    page,
    toMessages,
    messageById: (messageId: MessageId): Message | undefined => {
      const row = statements().messageById.get(messageId);
      return row === null ? undefined : toMessages([row], undefined)[0];
    },
    changedAfter,
    /** Those of them that are there, in the same order. Messages for others are hidden. */
    byIds: (messageIds: readonly MessageId[]): Message[] =>
      toMessages(
        messageIds.flatMap((messageId) => statements().messageById.get(messageId) ?? []),
        undefined,
      ),
    run,
    scan,
    isFileReferenced: files.isReferenced,
    /** A user has another key from now on. */
    forgetUserKeys: (): void => userKeys.clear(),
    findFile: files.findFor,
    chatsOfFile: files.chatsFor,
    findNamedFile: files.named,
    lastMessageId: (): MessageId => ((statements().nextMessageId.get()?.next ?? 1) - 1) as MessageId,
  };
}

/** One user of the direct chat blocks the other: of what happened since, only deletions are for both. */
function isHeldBack(
  row: ChangedRow,
  { heldRevision }: { readonly heldRevision: number | null },
  reader: MessageReader,
): boolean {
  if (heldRevision === null || row.revision < heldRevision || isDeletedRow(row)) return false;
  return parseExtras(row.extras).heldBy !== reader.userId;
}

function remember(names: Map<number, string>, id: number, key: string): void {
  if (names.size >= namesMax) names.clear();
  names.set(id, key);
}
