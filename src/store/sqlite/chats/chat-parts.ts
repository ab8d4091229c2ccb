/** The pieces of chats that several changes share: making one, entering it, and telling its members. */
import { userKeyOf } from "../../../domain/keys.ts";
import { type Chat, doors, type UserSummary } from "../../../domain/model.ts";
import type { UserEvents } from "../deliveries/user-events.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import { createEventLog } from "../webhooks/webhook-changes.ts";

export interface EnteredParts {
  readonly chat: Pick<
    Chat,
    "chatId" | "kind" | "chatKey" | "name" | "ownerId" | "lastSeq" | "createdAtMs" | "updatedAtMs" | "revision"
  >;
  readonly users: readonly UserSummary[];
  /** `[eventId, userId]`, one per member told. */
  readonly rows: readonly (readonly [number, number])[];
}

/** `events.body` of who entered or left. */
export interface MembersBody {
  readonly chatKey: string;
  readonly users: readonly UserSummary[];
  readonly deleted: boolean;
  readonly newOwner?: UserSummary | undefined;
}

type ChatRow = Omit<EnteredParts["chat"], "chatKey">;

export type LeftParts = EnteredParts & {
  readonly deleted: boolean;
  /** Who owns the chat from now on, where its owner left. */
  readonly newOwner?: UserSummary | undefined;
};

export type ChatParts = ReturnType<typeof createChatParts>;

export function createChatParts(tx: Tx, people: UserParts, userEvents: UserEvents) {
  const { db } = tx;
  const selectChat = db.prepare<ChatRow, [number]>(
    `SELECT chat_id chatId, kind, name, owner_id ownerId, last_seq lastSeq, created_at_ms createdAtMs, updated_at_ms updatedAtMs, revision
     FROM chats WHERE chat_id = ?`,
  );
  const insertChat = db.prepare(
    `INSERT INTO chats (chat_id, chat_key, kind, direct_low, direct_high, name, owner_id, created_at_ms, updated_at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)`,
  );
  const insertMember = db.prepare(
    `INSERT INTO members (chat_id, user_id, ordinal, joined_seq, delivered_seq, read_seq)
     VALUES (?1, ?2, ?3, ?4, ?4, ?4)`,
  );
  const lastOrdinal = db.prepare<{ ordinal: number }, [number]>(
    "SELECT coalesce(max(ordinal), 0) ordinal FROM members WHERE chat_id = ?",
  );
  const rename = db.prepare("UPDATE chats SET name = ?2, updated_at_ms = ?3 WHERE chat_id = ?1");
  const log = createEventLog(tx);

  function get(chatId: number): ChatEntry {
    const chat = tx.chat(chatId);
    if (chat === undefined) throw new Error(`chat ${chatId} is gone`);
    return chat;
  }

  function findUser(userId: number) {
    return people.find(userId);
  }

  function summary(userId: number): UserSummary {
    const row = findUser(userId);
    if (row === undefined) throw new Error(`user ${userId} is gone`);
    return { userId: row.userId as UserSummary["userId"], guid: row.guid, userKey: userKeyOf(row), nick: row.nick };
  }

  function chatOf(chatId: number): EnteredParts["chat"] {
    const row = selectChat.get(chatId);
    if (row === null) throw new Error(`chat ${chatId} is gone`);
    return { ...row, chatKey: get(chatId).chatKey };
  }

  function makeChat(chat: {
    kind: "direct" | "group";
    chatKey?: string;
    direct?: readonly [number, number];
    name: string;
    ownerId: number;
  }): number {
    const chatId = tx.takeId();
    tx.writes += 1;
    const { chatKey = null, kind, direct: [low, high] = [null, null], name, ownerId } = chat;
    insertChat.run(chatId, chatKey, kind, low, high, name, ownerId, tx.nowMs);
    return chatId;
  }

  /** False where that is the name already. */
  function setName(chatId: number, name: string): boolean {
    if (chatOf(chatId).name === name) return false;
    tx.writes += 1;
    rename.run(chatId, name, tx.nowMs);
    return true;
  }

  /** New members see what is sent from here on as undelivered. */
  function addMembers(chatId: number, userIds: readonly number[]): void {
    let ordinal = lastOrdinal.get(chatId)?.ordinal ?? 0;
    const joinedSeq = get(chatId).lastSeq;
    for (const userId of userIds) {
      ordinal += 1;
      tx.writes += 1;
      insertMember.run(chatId, userId, ordinal, joinedSeq);
    }
    tx.chatChanged(chatId);
  }

  /** One durable event per user in `told`; both doors keep it for those in `everyDoor`, REST alone for the others. */
  function tell(event: {
    type: "entered" | "left";
    chat: EnteredParts["chat"];
    users: readonly UserSummary[];
    deleted: boolean;
    newOwner?: UserSummary | undefined;
    told: readonly number[];
    everyDoor: ReadonlySet<number>;
  }): [number, number][] {
    const { users, deleted, newOwner } = event;
    const body = JSON.stringify({ chatKey: event.chat.chatKey, users, deleted, newOwner } satisfies MembersBody);
    log.append(event.type, event.chat.chatId, body);
    if (event.told.length === 0) return [];
    const shared = userEvents.share(body);
    return event.told.map((userId) => {
      const mask = event.everyDoor.has(userId) ? doors.minioicq | doors.rest : doors.rest;
      const { type, chat } = event;
      const eventId = userEvents.add({ userId, type, chatId: chat.chatId, body: shared, doors: mask });
      return [eventId, userId];
    });
  }

  function enter(chatId: number, entering: readonly number[]): EnteredParts {
    addMembers(chatId, entering);
    const chat = chatOf(chatId);
    const summaries = entering.map(summary);
    const told = get(chatId).members;
    const rows = tell({ type: "entered", chat, users: summaries, deleted: false, told, everyDoor: new Set(entering) });
    return { chat, users: summaries, rows };
  }

  /** The direct chat of two users, or of one user alone, made on first use. */
  function openDirect(a: number, b: number): EnteredParts {
    const low = Math.min(a, b);
    const high = Math.max(a, b);
    const chatId = makeChat({ kind: "direct", direct: [low, high], name: "", ownerId: a });
    return enter(chatId, low === high ? [low] : [a, b]);
  }

  return { get, findUser, summary, chatOf, makeChat, setName, enter, openDirect, tell };
}
