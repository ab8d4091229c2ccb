/** Reads of chats and of who is in them, as `people/user-reader.ts`. */
import type { Database } from "bun:sqlite";
import { chatKeyOf } from "../../../domain/keys.ts";
import type { Chat, ChatId, ChatRef, ChatView, MemberChat, OwnedChat, UserId } from "../../../domain/model.ts";
import type { RecentPlace } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import { toUser } from "../people/user-row.ts";
import type { chats } from "../schema.ts";
import { type ChatLookup, findNamed } from "./chat-references.ts";
import { createReadState } from "./read-state.ts";

export type ChatReader = ReturnType<typeof createChatReader>;

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
      .select({
        chat: chats,
        deliveredSeq: members.deliveredSeq,
        readSeq: members.readSeq,
        mutedUntilMs: members.mutedUntilMs,
      })
      .from(members)
      .innerJoin(chats, eq(chats.chatId, members.chatId))
      .where(and(eq(members.userId, p("userId")), gt(members.chatId, p("after"))))
      .orderBy(asc(members.chatId))
      .limit(p("limit"))
      .prepare(),
  );
  const recentPlaces = lazily(() => db.prepare<RecentPlace, [number, number, number, number]>(recentPlacesQuery));
  const avatarOf = lazily(() =>
    db.prepare<{ avatar: Uint8Array }, [number]>("SELECT avatar FROM chat_avatars WHERE chat_id = ?"),
  );
  const chatPage = late(({ orm, p, asc, eq, gt, chats, users }) =>
    orm
      .select({ chat: chats, ownerGuid: users.guid })
      .from(chats)
      .leftJoin(users, eq(users.userId, chats.ownerId))
      .where(gt(chats.chatId, p("after")))
      .orderBy(asc(chats.chatId))
      .limit(p("limit"))
      .prepare(),
  );
  const memberIds = lazily(() =>
    db.prepare<{ userId: UserId }, [number, number]>(
      "SELECT user_id userId FROM members WHERE chat_id = ? ORDER BY user_id LIMIT ?",
    ),
  );
  const mutedChats = lazily(() =>
    db.prepare<{ chatId: ChatId; untilMs: number }, [number]>(
      "SELECT chat_id chatId, muted_until_ms untilMs FROM members WHERE user_id = ? AND muted_until_ms IS NOT NULL",
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
       first_seq firstSeq, last_seq lastSeq, last_message_id lastMessageId, created_at_ms createdAtMs, updated_at_ms updatedAtMs, revision,
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
    const members = membersOfChat()
      .all({ chatId: chat.chatId })
      .flatMap((row) => toUser(row.user) ?? []);
    // Disabled members of a group are shown again once enabled. A direct chat is named by its two members.
    if (chat.kind === "direct") return { chat, members };
    return { chat, avatar: chatAvatar(chat.chatId), members: members.filter((user) => !user.disabled) };
  }

  const chatAvatar = (chatId: number): Uint8Array | undefined => avatarOf().get(chatId)?.avatar;

  const readIn = createReadState(db);

  /** By rising id. */
  function memberChats(userId: UserId, of: { after: number; limit: number }): MemberChat[] {
    return chatPageOfUser()
      .all({ userId, ...of })
      .flatMap(({ chat, deliveredSeq, readSeq, mutedUntilMs: until }) => {
        const known = toChat(chat);
        const mutedUntilMs = until ?? undefined;
        return known === undefined
          ? []
          : [{ chat: known, deliveredSeq, ...readIn(chat, userId, readSeq), mutedUntilMs }];
      });
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
    chatAvatar,
    chatPage: memberChats,
    recentChatPage(userId: UserId, { before, limit }: { before: RecentPlace | undefined; limit: number }) {
      const { messageId, chatId } = before ?? { messageId: Number.MAX_SAFE_INTEGER, chatId: 0 };
      return recentPlaces()
        .all(userId, messageId, chatId, limit)
        .flatMap((place) =>
          memberChats(userId, { after: place.chatId - 1, limit: 1 }).map((chat) => ({ ...chat, place })),
        );
    },
    listChats: (page: { after: number; limit: number }): OwnedChat[] =>
      chatPage()
        .all(page)
        .flatMap(({ chat, ownerGuid }) => {
          const known = toChat(chat);
          return known === undefined ? [] : [{ chat: known, ownerGuid: ownerGuid ?? undefined }];
        }),
    mutes: (userId: UserId): ReadonlyMap<ChatId, number> =>
      new Map(
        mutedChats()
          .all(userId)
          .map(({ chatId, untilMs }) => [chatId, untilMs]),
      ),
    memberIds: (chatId: ChatId, limit: number) =>
      memberIds()
        .all(chatId, limit)
        .map(({ userId }) => userId),
  };
}

/** One look at each of the user's chats, and none at a message: each chat says which message is its last. */
export const recentPlacesQuery = `SELECT c.last_message_id messageId, m.chat_id chatId FROM members m JOIN chats c USING (chat_id)
WHERE m.user_id = ?1 AND (c.last_message_id, m.chat_id) < (?2, ?3) ORDER BY c.last_message_id DESC, m.chat_id DESC LIMIT ?4`;

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
    revision: row.revision,
  };
}
