/** The pieces of chats that several changes share: making one, entering it, and telling its members. */
import { userKeyOf } from "../../../domain/keys.ts";
import { type Chat, type ChatId, doors, type UserSummary } from "../../../domain/model.ts";
import type { UserEvents } from "../deliveries/user-events.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import { createEventLog } from "../webhooks/webhook-changes.ts";

export interface EnteredParts {
  readonly chat: Pick<
    Chat,
    "chatId" | "kind" | "chatKey" | "name" | "ownerId" | "lastSeq" | "createdAtMs" | "updatedAtMs"
  >;
  readonly users: readonly UserSummary[];
  /** `[eventId, userId]`, one per member told. */
  readonly rows: readonly (readonly [number, number])[];
}

export type LeftParts = EnteredParts & { readonly deleted: boolean };

export type ChatParts = ReturnType<typeof createChatParts>;

export function createChatParts(tx: Tx, people: UserParts, userEvents: UserEvents) {
  const { orm, p, eq, sql, chats, members } = tx.drizzle();
  const selectChat = orm
    .select()
    .from(chats)
    .where(eq(chats.chatId, p("chatId")))
    .prepare();
  const insertChat = orm
    .insert(chats)
    .values({
      chatId: p("chatId"),
      chatKey: p("chatKey"),
      kind: p("kind"),
      directLow: p("directLow"),
      directHigh: p("directHigh"),
      name: p("name"),
      ownerId: p("ownerId"),
      createdAtMs: p("nowMs"),
      updatedAtMs: p("nowMs"),
    })
    .prepare();
  const insertMember = orm
    .insert(members)
    .values({
      chatId: p("chatId"),
      userId: p("userId"),
      ordinal: p("ordinal"),
      joinedSeq: p("joinedSeq"),
      deliveredSeq: p("joinedSeq"),
      readSeq: p("joinedSeq"),
    })
    .prepare();
  const lastOrdinal = orm
    .select({ ordinal: sql<number>`coalesce(max(${members.ordinal}), 0)` })
    .from(members)
    .where(eq(members.chatId, p("chatId")))
    .prepare();
  const rename = orm
    .update(chats)
    .set({ name: sql`${p("name")}`, updatedAtMs: sql`${p("nowMs")}` })
    .where(eq(chats.chatId, p("chatId")))
    .prepare();
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
    const row = selectChat.get({ chatId });
    if (row === undefined) throw new Error(`chat ${chatId} is gone`);
    return {
      chatId: row.chatId as ChatId,
      kind: row.kind,
      chatKey: get(chatId).chatKey,
      name: row.name,
      ownerId: row.ownerId as Chat["ownerId"],
      lastSeq: row.lastSeq,
      createdAtMs: row.createdAtMs,
      updatedAtMs: row.updatedAtMs,
    };
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
    insertChat.run({
      chatId,
      chatKey: chat.chatKey ?? null,
      kind: chat.kind,
      directLow: chat.direct?.[0] ?? null,
      directHigh: chat.direct?.[1] ?? null,
      name: chat.name,
      ownerId: chat.ownerId,
      nowMs: tx.nowMs,
    });
    return chatId;
  }

  /** False where that is the name already. */
  function setName(chatId: number, name: string): boolean {
    if (chatOf(chatId).name === name) return false;
    tx.writes += 1;
    rename.run({ chatId, name, nowMs: tx.nowMs });
    return true;
  }

  /** New members see what is sent from here on as undelivered. */
  function addMembers(chatId: number, userIds: readonly number[]): void {
    let ordinal = lastOrdinal.get({ chatId })?.ordinal ?? 0;
    const joinedSeq = get(chatId).lastSeq;
    for (const userId of userIds) {
      ordinal += 1;
      tx.writes += 1;
      insertMember.run({ chatId, userId, ordinal, joinedSeq });
    }
    tx.chatChanged(chatId);
  }

  /** One durable event per user in `told`; both doors keep it for those in `everyDoor`, REST alone for the others. */
  function tell(event: {
    type: "entered" | "left";
    chat: EnteredParts["chat"];
    users: readonly UserSummary[];
    deleted: boolean;
    told: readonly number[];
    everyDoor: ReadonlySet<number>;
  }): [number, number][] {
    const body = JSON.stringify({ chatKey: event.chat.chatKey, users: event.users, deleted: event.deleted });
    log.append(event.type, event.chat.chatId, body);
    return event.told.map((userId) => {
      const mask = event.everyDoor.has(userId) ? doors.minioicq | doors.rest : doors.rest;
      const { type, chat } = event;
      const eventId = userEvents.add({ userId, type, chatId: chat.chatId, body, doors: mask });
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
