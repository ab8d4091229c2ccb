/** How a chat ends, for one member or for all, with the durable events that tell each of them. */
import type { Tx } from "../engine/tx.ts";
import type { ChatParts, LeftParts } from "./chat-parts.ts";

export type ChatRemoval = ReturnType<typeof createChatRemoval>;

export function createChatRemoval(tx: Tx, parts: ChatParts) {
  const { db } = tx;
  const deleteMember = db.prepare("DELETE FROM members WHERE chat_id = ? AND user_id = ?");
  // If the user comes back, their devices must be told of the chat again.
  const forgetTold = db.prepare(
    "DELETE FROM device_chats WHERE chat_id = ?1 AND device_id IN (SELECT device_id FROM devices WHERE user_id = ?2)",
  );
  const touch = db.prepare("UPDATE chats SET updated_at_ms = ? WHERE chat_id = ?");
  const setOwner = db.prepare("UPDATE chats SET owner_id = ? WHERE chat_id = ?");
  const deleteChat = db.prepare("DELETE FROM chats WHERE chat_id = ?");
  const insertSweep = db.prepare("INSERT OR IGNORE INTO sweeps (chat_id) VALUES (?)");
  const selectChats = db.prepare<{ chatId: number }, [number]>(
    "SELECT chat_id chatId FROM members WHERE user_id = ? ORDER BY chat_id",
  );

  const selectHooks = db.prepare<{ userId: number }, [number]>("SELECT user_id userId FROM hooks WHERE chat_id = ?");
  const deleteUser = db.prepare("DELETE FROM users WHERE user_id = ?");

  const hooksOf = (chatId: number): number[] => selectHooks.all(chatId).map(({ userId }) => userId);

  /** A hook that is in its chat no more goes, with its user. */
  function dropHooks(hooks: readonly number[]): void {
    for (const userId of hooks) {
      tx.writes += 1;
      deleteUser.run(userId);
      tx.userChanged(userId);
    }
  }

  /** Some of the members leave; others stay. `heir`: what the owner had is that member's. */
  function leave(chatId: number, leaving: readonly number[], heir?: number): LeftParts {
    const newOwner = heir === undefined ? undefined : parts.summary(heir);
    const before = parts.get(chatId);
    const chat = parts.chatOf(chatId);
    const users = leaving.map(parts.summary);
    for (const userId of leaving) {
      tx.writes += 1;
      deleteMember.run(chatId, userId);
      forgetTold.run(chatId, userId);
    }
    touchChat(chatId);
    const told = before.members;
    const hooks = hooksOf(chatId).filter((userId) => leaving.includes(userId));
    const rows = parts.tell({ type: "left", chat, users, deleted: false, newOwner, told, everyDoor: new Set() });
    dropHooks(hooks);
    return { chat, users, rows, deleted: false, newOwner };
  }

  /** The chat goes at once; its messages follow in slices, so that no commit is long. */
  function drop(chatId: number): LeftParts {
    const chat = parts.chatOf(chatId);
    const told = parts.get(chatId).members;
    const users = told.map(parts.summary);
    const hooks = hooksOf(chatId);
    const rows = parts.tell({ type: "left", chat, users, deleted: true, told, everyDoor: new Set() });
    tx.writes += 1;
    insertSweep.run(chatId);
    deleteChat.run(chatId);
    tx.chatChanged(chatId);
    dropHooks(hooks);
    return { chat, users, rows, deleted: true };
  }

  /** A user leaves all their chats. */
  function leaveAll(userId: number): LeftParts[] {
    return selectChats.all(userId).map(({ chatId }) => leaveOne(chatId, userId));
  }

  /** Whether people stay in the chat when these leave it. */
  const keepsPeople = (members: readonly number[], leaving: readonly number[]): boolean =>
    members.some((member) => !leaving.includes(member) && tx.sender(member)?.isPerson === true);

  /** The person who has been in the chat longest becomes its owner. A chat without people is dropped. */
  function leaveOne(chatId: number, userId: number): LeftParts {
    const { members } = parts.get(chatId);
    const heir = members.find((member) => member !== userId && tx.sender(member)?.isPerson === true);
    if (heir === undefined) return drop(chatId);
    if (parts.chatOf(chatId).ownerId !== userId) return leave(chatId, [userId]);
    tx.writes += 1;
    setOwner.run(heir, chatId);
    return leave(chatId, [userId], heir);
  }

  function touchChat(chatId: number): void {
    tx.writes += 1;
    touch.run(tx.nowMs, chatId);
    tx.chatChanged(chatId);
  }

  return { keepsPeople, leave, leaveOne, drop, leaveAll, touchChat };
}
