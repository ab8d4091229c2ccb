/** How a chat ends, for one member or for all, with the durable events that tell each of them. */
import { and, eq, sql } from "drizzle-orm";
import type { Tx } from "../engine/tx.ts";
import { chats, members, sweeps } from "../schema.ts";
import type { ChatParts, LeftParts } from "./chat-parts.ts";

export type ChatEnds = ReturnType<typeof createChatEnds>;

export function createChatEnds(tx: Tx, parts: ChatParts) {
  const { orm } = tx;
  const p = sql.placeholder;
  const deleteMember = orm
    .delete(members)
    .where(and(eq(members.chatId, p("chatId")), eq(members.userId, p("userId"))))
    .prepare();
  // If the user comes back, their devices must be told of the chat again.
  const forgetTold = tx.db.prepare(
    "DELETE FROM device_chats WHERE chat_id = ?1 AND device_id IN (SELECT device_id FROM devices WHERE user_id = ?2)",
  );
  const touch = orm
    .update(chats)
    .set({ updatedAtMs: sql`${p("nowMs")}` })
    .where(eq(chats.chatId, p("chatId")))
    .prepare();
  const setOwner = orm
    .update(chats)
    .set({ ownerId: sql`${p("ownerId")}` })
    .where(eq(chats.chatId, p("chatId")))
    .prepare();
  const deleteChat = orm
    .delete(chats)
    .where(eq(chats.chatId, p("chatId")))
    .prepare();
  const insertSweep = orm
    .insert(sweeps)
    .values({ chatId: p("chatId") })
    .onConflictDoNothing()
    .prepare();
  const selectChats = orm
    .select({ chatId: members.chatId })
    .from(members)
    .where(eq(members.userId, p("userId")))
    .prepare();

  /** Some of the members leave; others stay. */
  function leave(chatId: number, leaving: readonly number[]): LeftParts {
    const before = parts.get(chatId);
    const chat = parts.chatOf(chatId);
    const users = leaving.map(parts.summary);
    for (const userId of leaving) {
      tx.writes += 1;
      deleteMember.run({ chatId, userId });
      forgetTold.run(chatId, userId);
    }
    touchChat(chatId);
    const told = before.members;
    const rows = parts.tell({ type: "left", chat, users, deleted: false, told, everyDoor: new Set() });
    return { chat, users, rows, deleted: false };
  }

  /** The chat goes at once; its messages follow in slices, so that no commit is long. */
  function drop(chatId: number): LeftParts {
    const chat = parts.chatOf(chatId);
    const told = parts.get(chatId).members;
    const users = told.map(parts.summary);
    const rows = parts.tell({ type: "left", chat, users, deleted: true, told, everyDoor: new Set() });
    tx.writes += 1;
    insertSweep.run({ chatId });
    deleteChat.run({ chatId });
    tx.chatChanged(chatId);
    return { chat, users, rows, deleted: true };
  }

  /** A user leaves all their chats. */
  function leaveAll(userId: number): LeftParts[] {
    return selectChats.all({ userId }).map(({ chatId }) => leaveOne(chatId, userId));
  }

  /** The member who has been in the chat longest becomes its owner. A chat without members is dropped. */
  function leaveOne(chatId: number, userId: number): LeftParts {
    const heir = parts.get(chatId).members.find((member) => member !== userId);
    if (heir === undefined) return drop(chatId);
    if (parts.chatOf(chatId).ownerId === userId) {
      tx.writes += 1;
      setOwner.run({ chatId, ownerId: heir });
    }
    return leave(chatId, [userId]);
  }

  function touchChat(chatId: number): void {
    tx.writes += 1;
    touch.run({ chatId, nowMs: tx.nowMs });
    tx.chatChanged(chatId);
  }

  return { leave, leaveOne, drop, leaveAll, touchChat };
}
