/**
 * Reads, on the calling thread's own connection. Each statement runs to its end within the tick: one left open would
 * pin the WAL. Prepared once, Drizzle where a row is an object, bare SQL on the hot pages.
 */
import type { Database } from "bun:sqlite";
import { and, asc, eq, gt, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { chatKeyOf, userIdOfKey, userKeyOf } from "../../domain/keys.ts";
import { hidden, withText } from "../../domain/messages/addressed.ts";
import {
  type Chat,
  type ChatId,
  type ChatRef,
  type ChatView,
  type DeviceId,
  type Door,
  doors,
  type EventId,
  type MemberChat,
  type Message,
  type MessageId,
  type MessageReader,
  messageKinds,
  type Position,
  type StoredEvent,
  type TokenOwner,
  type User,
  type UserId,
  type UserSummary,
} from "../../domain/model.ts";
import type { TokenKind } from "../../domain/people/token-store.ts";
import type { DeliveryStore, Head, ParticipantView } from "../../domain/store.ts";
import { lazily } from "../../lib/lazily.ts";
import { parseRanges } from "../../lib/ranges.ts";
import { type ChatLookup, findNamed } from "./chats/chat-references.ts";
import { addressedBit } from "./deliveries/statuses.ts";
import type { StatusBody } from "./messages/exchange-changes.ts";
import { createFileReader } from "./messages/file-reader.ts";
import { type StoredMessageRow, storedMessageColumns } from "./messages/message-changes.ts";
import { seqThrough } from "./messages/seq-through.ts";
import { chats, devices, members, tokens, users } from "./schema.ts";

/** Names kept at hand for the pages of history: sender → key, chat → key. Emptied when full. */
const namesMax = 50_000;
/** Content of one page of catching up. */
const pageBytesMax = 1024 * 1024;

export type Reader = ReturnType<typeof createReader>;

export function createReader(db: Database) {
  const orm = drizzle({ client: db });
  const p = sql.placeholder;
  const files = createFileReader(db);

  const userById = lazily(() =>
    orm
      .select()
      .from(users)
      .where(eq(users.userId, p("userId")))
      .prepare(),
  );
  const userByUsername = lazily(() =>
    orm
      .select()
      .from(users)
      .where(eq(users.username, p("username")))
      .prepare(),
  );
  const userByGuid = lazily(() =>
    orm
      .select()
      .from(users)
      .where(eq(users.guid, p("guid")))
      .prepare(),
  );
  const userByDeviceGuid = lazily(() =>
    orm
      .select({ user: users })
      .from(devices)
      .innerJoin(users, eq(users.userId, devices.userId))
      .where(eq(devices.guid, p("guid")))
      .prepare(),
  );
  const keyedDevices = lazily(() =>
    orm
      .select({ guid: devices.guid, publicKey: devices.publicKey })
      .from(devices)
      .where(and(eq(devices.userId, p("userId")), isNotNull(devices.publicKey)))
      .orderBy(asc(devices.deviceId))
      .prepare(),
  );
  const sharedChat = lazily(() =>
    db.prepare<{ one: 1 }, [number, number]>(
      "SELECT 1 one FROM members m JOIN members o ON o.chat_id = m.chat_id AND o.user_id = ?2 WHERE m.user_id = ?1 LIMIT 1",
    ),
  );
  const userPage = lazily(() =>
    orm
      .select()
      .from(users)
      .where(and(gt(users.userId, p("after")), or(eq(users.disabled, false), sql`${p("disabledToo")}`)))
      .orderBy(asc(users.userId))
      .limit(p("limit"))
      .prepare(),
  );
  const usersByIds = lazily(() =>
    orm
      .select()
      .from(users)
      .where(and(eq(users.disabled, false), inArray(users.userId, sql`(SELECT value FROM json_each(${p("ids")}))`)))
      .orderBy(asc(users.userId))
      .prepare(),
  );
  const passwordHash = lazily(() =>
    db.prepare<{ hash: string | null }, [number]>("SELECT password_hash hash FROM users WHERE user_id = ?"),
  );
  const tokenByHash = lazily(() =>
    orm
      .select({
        user: users,
        deviceId: tokens.deviceId,
        door: tokens.door,
        expiresAtMs: tokens.expiresAtMs,
        deviceKey: devices.publicKey,
      })
      .from(tokens)
      .innerJoin(users, eq(users.userId, tokens.userId))
      .leftJoin(devices, eq(devices.deviceId, tokens.deviceId))
      .where(and(eq(tokens.hash, p("hash")), eq(tokens.kind, p("kind")), isNull(tokens.endedAtMs)))
      .prepare(),
  );
  // Every start asks it, and building the statement would take longer than answering.
  const keyByName = lazily(() =>
    db.prepare<{ hash: Uint8Array; createdAtMs: number }, [string]>(
      "SELECT hash, created_at_ms createdAtMs FROM server_keys WHERE name = ?",
    ),
  );
  const chatById = lazily(() =>
    orm
      .select()
      .from(chats)
      .where(eq(chats.chatId, p("chatId")))
      .prepare(),
  );
  const chatByKey = lazily(() =>
    orm
      .select()
      .from(chats)
      .where(eq(chats.chatKey, p("chatKey")))
      .prepare(),
  );
  const chatByPair = lazily(() =>
    orm
      .select()
      .from(chats)
      .where(and(eq(chats.directLow, p("low")), eq(chats.directHigh, p("high"))))
      .prepare(),
  );
  const chatsOfUser = lazily(() =>
    orm
      .select({ chat: chats })
      .from(members)
      .innerJoin(chats, eq(chats.chatId, members.chatId))
      .where(eq(members.userId, p("userId")))
      .orderBy(asc(chats.chatId))
      .prepare(),
  );
  const chatPageOfUser = lazily(() =>
    orm
      .select({ chat: chats, deliveredSeq: members.deliveredSeq, readSeq: members.readSeq })
      .from(members)
      .innerJoin(chats, eq(chats.chatId, members.chatId))
      .where(and(eq(members.userId, p("userId")), gt(members.chatId, p("after"))))
      .orderBy(asc(members.chatId))
      .limit(p("limit"))
      .prepare(),
  );
  const memberIds = lazily(() =>
    db.prepare<{ userId: UserId }, [number, number]>(
      "SELECT user_id userId FROM members WHERE chat_id = ? ORDER BY user_id LIMIT ?",
    ),
  );
  const membersOfChat = lazily(() =>
    orm
      .select({ user: users })
      .from(members)
      .innerJoin(users, eq(users.userId, members.userId))
      .where(eq(members.chatId, p("chatId")))
      .orderBy(asc(members.ordinal))
      .prepare(),
  );
  const membership = lazily(() =>
    db.prepare<{ one: 1 }, [number, number]>("SELECT 1 one FROM members WHERE chat_id = ? AND user_id = ?"),
  );
  const chatOfMember = lazily(() =>
    db.prepare<typeof chats.$inferSelect & { isMember: 1 | null }, [string, number]>(
      `SELECT c.chat_id chatId, chat_key chatKey, kind, direct_low directLow, direct_high directHigh, name, owner_id ownerId,
       first_seq firstSeq, last_seq lastSeq, last_message_id lastMessageId, created_at_ms createdAtMs, updated_at_ms updatedAtMs,
       (SELECT 1 FROM members m WHERE m.chat_id = c.chat_id AND m.user_id = ?2) isMember FROM chats c WHERE chat_key = ?1`,
    ),
  );
  const pageAfter = lazily(() =>
    db.prepare<StoredMessageRow, [number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
  );
  const pageBefore = lazily(() =>
    db.prepare<StoredMessageRow, [number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ),
  );
  const runFrom = lazily(() =>
    db.prepare<StoredMessageRow, [number, number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ? AND seq >= ? AND message_id <= ? ORDER BY seq LIMIT ?`,
    ),
  );
  const ownFrom = lazily(() =>
    db.prepare<StoredMessageRow, [number, number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE message_id BETWEEN ? AND ?
     AND seq > (SELECT joined_seq FROM members m WHERE m.chat_id = messages.chat_id AND m.user_id = ?)
     ORDER BY message_id LIMIT ?`,
    ),
  );
  const messageById = lazily(() =>
    db.prepare<StoredMessageRow, [number]>(`SELECT ${storedMessageColumns} FROM messages WHERE message_id = ?`),
  );
  const ownText = lazily(() =>
    db.prepare<{ content: string }, [number, number, number]>(
      "SELECT content FROM message_texts WHERE message_id = ?1 AND user_id = ?2 AND device_id IN (0, ?3) ORDER BY device_id DESC LIMIT 1",
    ),
  );
  const nextMessageId = lazily(() =>
    db.prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'message'"),
  );
  const firstFrom = lazily(() =>
    db.prepare<{ seq: number; messageId: number }, [number, number]>(
      "SELECT seq, message_id messageId FROM messages WHERE chat_id = ? AND seq >= ? ORDER BY seq LIMIT 1",
    ),
  );
  const behindUser = lazily(() =>
    db.prepare<{ chatId: number; seq: number; ranges: string | null }, [number]>(
      "SELECT c.chat_id chatId, m.delivered_seq + 1 seq, m.delivered_ranges ranges FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ? AND c.last_seq > m.delivered_seq",
    ),
  );
  const behindDevice = lazily(() =>
    db.prepare<{ chatId: number; seq: number | null; joinedSeq: number; ranges: string | null }, [number, number]>(
      `SELECT c.chat_id chatId, d.delivered_seq + 1 seq, m.joined_seq joinedSeq, d.delivered_ranges ranges FROM members m JOIN chats c USING (chat_id)
     LEFT JOIN device_positions d ON d.device_id = ?1 AND d.chat_id = m.chat_id
     WHERE m.user_id = ?2 AND c.last_seq > max(coalesce(d.delivered_seq, 0), m.joined_seq)`,
    ),
  );
  const deviceSince = lazily(() =>
    db.prepare<{ since: number }, [number]>("SELECT since_message_id since FROM devices WHERE device_id = ?"),
  );
  const movedChats = lazily(() =>
    db.prepare<{ chatId: number; firstSeq: number; lastSeq: number; joinedSeq: number }, [number, number]>(
      "SELECT c.chat_id chatId, c.first_seq firstSeq, c.last_seq lastSeq, m.joined_seq joinedSeq FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ? AND c.last_message_id > ?",
    ),
  );
  const idAt = lazily(() =>
    db.prepare<{ messageId: number }, [number, number]>(
      "SELECT message_id messageId FROM messages WHERE chat_id = ? AND seq = ?",
    ),
  );
  const userPositions = lazily(() =>
    db.prepare<Position, [number]>(
      "SELECT chat_id chatId, delivered_seq deliveredSeq, read_seq readSeq FROM members WHERE user_id = ?",
    ),
  );
  const eventPage = lazily(() =>
    db.prepare<EventRecord, [number, number, number, number]>(
      "SELECT event_id eventId, user_id userId, type, chat_id chatId, body, created_at_ms createdAtMs FROM events WHERE user_id = ? AND event_id > ? AND doors & ? <> 0 ORDER BY event_id LIMIT ?",
    ),
  );
  const userKeys = new Map<number, string>();
  const chatKeys = new Map<number, string>();

  const findUser = (userId: number): User | undefined => toUser(userById().get({ userId }));

  function findUserByKey(key: string): User | undefined {
    const named = toUser(userByUsername().get({ username: key }));
    if (named !== undefined) return named;
    const userId = userIdOfKey(key);
    return userId === undefined ? undefined : findUser(userId);
  }

  function findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined {
    const row = tokenByHash().get({ hash: Buffer.from(hash), kind });
    const user = toUser(row?.user);
    if (row === undefined || user === undefined) return undefined;
    return {
      user,
      deviceId: (row.deviceId ?? undefined) as DeviceId | undefined,
      signingKey: row.deviceKey ?? user.publicKey,
      expiresAtMs: row.expiresAtMs ?? undefined,
      remembered: row.door === "minioicq",
    };
  }

  function findParticipant(guid: string): ParticipantView | undefined {
    const user = toUser(userByGuid().get({ guid }) ?? userByDeviceGuid().get({ guid })?.user);
    if (user === undefined) return undefined;
    const keyed = keyedDevices()
      .all({ userId: user.userId })
      .flatMap(({ guid, publicKey }) => (publicKey === null ? [] : [{ guid, publicKey }]));
    return { user, devices: keyed };
  }

  function findBackendKey(): { hash: Uint8Array; createdAtMs: number } | undefined {
    return keyByName().get("backend_key") ?? undefined;
  }

  const look: ChatLookup<Chat> = {
    byId: (chatId) => toChat(chatById().get({ chatId })),
    byGivenKey: (chatKey) => toChat(chatByKey().get({ chatKey })),
    byPair: (low, high) => toChat(chatByPair().get({ low, high })),
  };

  const findChat = (ref: ChatRef, asSeenBy: UserId | undefined): Chat | undefined => findNamed(look, ref, asSeenBy);

  /** One statement for the usual case, since each takes and releases a lock on the WAL's index. */
  function findChatOf(userId: UserId, ref: ChatRef): Chat | undefined {
    if ("key" in ref) {
      const row = chatOfMember().get(ref.key, userId);
      if (row !== null) return row.isMember === null ? undefined : toChat(row);
    }
    const chat = findChat(ref, userId);
    return chat !== undefined && isMember(chat.chatId, userId) ? chat : undefined;
  }

  const isMember = (chatId: ChatId, userId: UserId): boolean => membership().get(chatId, userId) !== null;

  function findChatView(ref: ChatRef, asSeenBy: UserId | undefined): ChatView | undefined {
    const chat = findChat(ref, asSeenBy);
    if (chat === undefined) return undefined;
    const rows = membersOfChat().all({ chatId: chat.chatId });
    return { chat, members: rows.flatMap((row) => toUser(row.user) ?? []) };
  }

  function page(of: {
    chatId: ChatId;
    afterSeq: number | undefined;
    beforeSeq: number | undefined;
    limit: number;
    bytesMax: number | undefined;
    by: MessageReader | undefined;
  }): Message[] {
    const { chatId, afterSeq, beforeSeq, limit, bytesMax = Number.POSITIVE_INFINITY, by } = of;
    if (afterSeq !== undefined) {
      const { rows } = upToBytes(pageAfter().iterate(chatId, afterSeq, limit), 0, bytesMax);
      return toMessages(beforeSeq === undefined ? rows : rows.filter((row) => row.seq < beforeSeq), by);
    }
    const newest = pageBefore().iterate(chatId, beforeSeq ?? Number.MAX_SAFE_INTEGER, limit);
    return toMessages(upToBytes(newest, 0, bytesMax).rows.reverse(), by);
  }

  function run(from: Parameters<DeliveryStore["run"]>[0]): Message[] {
    const all = runFrom().iterate(from.chatId, from.seq, from.through, from.limit);
    return toMessages(upToBytes(all, from.inlineBytesMax).rows, from.reader);
  }

  function scan(range: Parameters<DeliveryStore["scan"]>[0]) {
    const all = ownFrom().iterate(range.from, range.to, range.userId, range.limit + 1);
    const { rows, cut } = upToBytes(all, range.inlineBytesMax);
    // One row more than asked for, or fewer because they are large: the rest of the range was not looked at.
    const messages = toMessages(rows.slice(0, range.limit), range);
    const complete = rows.length <= range.limit && !cut;
    return { messages, through: complete ? range.to : (messages.at(-1)?.messageId ?? range.from) };
  }

  const lastMessageId = (): MessageId => ((nextMessageId().get()?.next ?? 1) - 1) as MessageId;

  function undelivered(userId: UserId, deviceId: DeviceId | undefined): Head[] {
    if (deviceId === undefined)
      return behindUser()
        .all(userId)
        .flatMap(({ chatId, seq, ranges }) => headAt(chatId, seq, ranges) ?? []);
    const since = (deviceSince().get(deviceId)?.since ?? 0) as MessageId;
    return behindDevice()
      .all(deviceId, userId)
      .flatMap(({ chatId, seq, joinedSeq, ranges }) => {
        const from = seq === null ? seqAfter(chatId, since) : seq;
        return headAt(chatId, Math.max(from, joinedSeq + 1), ranges) ?? [];
      });
  }

  function newerThan(userId: UserId, after: MessageId): Head[] {
    return movedChats()
      .all(userId, after)
      .flatMap(({ chatId, joinedSeq }) => {
        return headAt(chatId, Math.max(seqAfter(chatId, after), joinedSeq + 1)) ?? [];
      });
  }

  function headAt(chatId: number, seq: number, ranges: string | null = null): Head | undefined {
    const row = firstFrom().get(chatId, seq);
    if (row === null) return undefined;
    const head = { chatId: chatId as ChatId, seq: row.seq, messageId: row.messageId as MessageId };
    return ranges === null ? head : { ...head, confirmed: parseRanges(ranges) };
  }

  /** The first `seq` of a chat whose message id is above `after`. */
  function seqAfter(chatId: number, after: MessageId): number {
    const row = chatById().get({ chatId });
    if (row === undefined) return 1;
    return seqThrough(after, row, (seq) => idAt().get(chatId, seq)?.messageId) + 1;
  }

  function readEvents(userId: UserId, door: Door, of: { after: number; limit: number }): StoredEvent[] {
    return eventPage().all(userId, of.after, doors[door], of.limit).map(toStoredEvent);
  }

  /**
   * Rows up to about `pageBytesMax` of content, one at least, so that a page of large messages does not fill the memory. Files
   * up to `inlineBytesMax` will be read, and count; without it, all.
   */
  function upToBytes(
    all: Iterable<StoredMessageRow>,
    inlineBytesMax = Number.POSITIVE_INFINITY,
    bytesMax = pageBytesMax,
  ) {
    const rows: StoredMessageRow[] = [];
    let bytes = 0;
    for (const row of all) {
      rows.push(row);
      bytes += row.content?.length ?? files.inlineBytes(row.messageId, inlineBytesMax);
      if (bytes >= bytesMax) return { rows, cut: true };
    }
    return { rows, cut: false };
  }

  function toMessages(rows: readonly StoredMessageRow[], by: MessageReader | undefined): Message[] {
    return rows.map((row) => (row.kind < addressedBit ? toMessage(row) : addressedTo(row, by)));
  }

  /** A message that addresses each recipient by himself, with this reader's text. It never stands in a file. */
  function addressedTo(row: StoredMessageRow, by: MessageReader | undefined): Message {
    const message = toMessage({ ...row, kind: row.kind - addressedBit });
    const own = by === undefined ? null : ownText().get(row.messageId, by.userId, by.deviceId ?? 0);
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
    return file === undefined ? message : { ...message, file };
  }

  function userKey(userId: number): string {
    const known = userKeys.get(userId);
    if (known !== undefined) return known;
    const row = userById().get({ userId });
    const key = userKeyOf({ userId, username: row?.username });
    remember(userKeys, userId, key);
    return key;
  }

  function chatKey(chatId: number): string {
    const known = chatKeys.get(chatId);
    if (known !== undefined) return known;
    const row = chatById().get({ chatId });
    const key = row === undefined ? `chat.${chatId}` : chatKeyOf(row);
    remember(chatKeys, chatId, key);
    return key;
  }

  return {
    findUser,
    findUserByKey,
    findPasswordHash: (userId: UserId) => passwordHash().get(userId)?.hash ?? undefined,
    listUsers: ({ after, limit, disabledToo = false }: { after: number; limit: number; disabledToo?: boolean }) =>
      userPage()
        .all({ after, limit, disabledToo: disabledToo ? 1 : 0 })
        .flatMap((row) => toUser(row) ?? []),
    enabledUsers: (userIds: readonly UserId[]) =>
      usersByIds()
        .all({ ids: JSON.stringify(userIds) })
        .flatMap((row) => toUser(row) ?? []),
    findToken,
    findParticipant,
    shareChat: (userId: UserId, other: UserId): boolean => sharedChat().get(userId, other) !== null,
    findBackendKey,
    findChat,
    findChatView,
    isMember,
    findChatOf,
    chatsOf: (userId: UserId) =>
      chatsOfUser()
        .all({ userId })
        .flatMap((row) => toChat(row.chat) ?? []),
    chatPage: (userId: UserId, of: { after: number; limit: number }): MemberChat[] =>
      chatPageOfUser()
        .all({ userId, ...of })
        .flatMap(({ chat, deliveredSeq, readSeq }) => {
          const known = toChat(chat);
          return known === undefined ? [] : [{ chat: known, deliveredSeq, readSeq }];
        }),
    memberIds: (chatId: ChatId, limit: number) =>
      memberIds()
        .all(chatId, limit)
        .map(({ userId }) => userId),
    page,
    toMessages,
    messageById: (messageId: MessageId): Message | undefined => {
      const row = messageById().get(messageId);
      return row === null ? undefined : toMessages([row], undefined)[0];
    },
    run,
    scan,
    isFileReferenced: files.isReferenced,
    findFile: files.findFor,
    lastMessageId,
    undelivered,
    newerThan,
    positions: (userId: UserId) => userPositions().all(userId),
    events: readEvents,
  };
}

function remember(names: Map<number, string>, id: number, key: string): void {
  if (names.size >= namesMax) names.clear();
  names.set(id, key);
}

export function toUser(row: typeof users.$inferSelect | undefined): User | undefined {
  if (row === undefined) return undefined;
  return {
    userId: row.userId as UserId,
    guid: row.guid,
    username: row.username ?? undefined,
    userKey: userKeyOf(row),
    nick: row.nick,
    names: row.names,
    surnames: row.surnames,
    phone: row.phone ?? undefined,
    avatar: row.avatar ?? undefined,
    avatarLink: row.avatarLink,
    publicKey: row.publicKey ?? undefined,
    disabled: row.disabled,
    createdAtMs: row.createdAtMs,
    lastSeenAtMs: row.lastSeenAtMs ?? undefined,
    updatedAtMs: row.updatedAtMs,
  };
}

function toStoredEvent(row: EventRecord): StoredEvent {
  const event = {
    eventId: row.eventId as EventId,
    userId: row.userId as UserId,
    chatId: row.chatId as ChatId,
    createdAtMs: row.createdAtMs,
  };
  if (row.type === "delivered" || row.type === "read") {
    const { chatKey, messageId, by, guid } = JSON.parse(row.body) as StatusBody;
    const about = { messageId: messageId as MessageId, guid };
    return { ...event, type: row.type, chatKey, users: [by], deleted: false, about };
  }
  const body = JSON.parse(row.body) as { chatKey: string; users: UserSummary[]; deleted: boolean };
  return { ...event, type: row.type, ...body };
}

function toChat(row: typeof chats.$inferSelect | undefined): Chat | undefined {
  if (row === undefined) return undefined;
  return {
    chatId: row.chatId as ChatId,
    kind: row.kind,
    chatKey: chatKeyOf(row),
    name: row.name,
    ownerId: row.ownerId as UserId,
    lastSeq: row.lastSeq,
    createdAtMs: row.createdAtMs,
    updatedAtMs: row.updatedAtMs,
  };
}

interface EventRecord {
  readonly eventId: number;
  readonly userId: number;
  readonly type: StoredEvent["type"];
  readonly chatId: number;
  readonly body: string;
  readonly createdAtMs: number;
}
