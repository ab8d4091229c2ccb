/** Reads of chats and of who is in them, as `people/user-reader.ts`. */
import type { Database } from "bun:sqlite";
import { chatKeyOf } from "../../../domain/keys.ts";
import type { Chat, ChatId, ChatRef, ChatView, MemberChat, UserId } from "../../../domain/model.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import { toUser } from "../people/user-row.ts";
import type { chats } from "../schema.ts";
import { type ChatLookup, findNamed } from "./chat-references.ts";

export function createChatReader(db: Database) {
  const late = lateStatements(db);

  const chatById = late(({ orm, p, eq, chats }) =>
    orm
      .select()
      .from(chats)
      .where(eq(chats.chatId, p("chatId")))
      .prepare(),
  );
  const chatByKey = late(({ orm, p, eq, chats }) =>
    orm
      .select()
      .from(chats)
      .where(eq(chats.chatKey, p("chatKey")))
      .prepare(),
  );
  const chatByPair = late(({ orm, p, and, eq, chats }) =>
    orm
      .select()
      .from(chats)
      .where(and(eq(chats.directLow, p("low")), eq(chats.directHigh, p("high"))))
      .prepare(),
  );
  const chatsOfUser = late(({ orm, p, asc, eq, chats, members }) =>
    orm
      .select({ chat: chats })
      .from(members)
      .innerJoin(chats, eq(chats.chatId, members.chatId))
      .where(eq(members.userId, p("userId")))
      .orderBy(asc(chats.chatId))
      .prepare(),
  );
  const chatPageOfUser = late(({ orm, p, and, asc, eq, gt, chats, members }) =>
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
  const membersOfChat = late(({ orm, p, asc, eq, members, users }) =>
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

  return {
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
  };
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
