/** How much of a chat a member has read. A member's own messages, deleted ones and those for others need no reading. */
import type { Database } from "bun:sqlite";
import { lazily } from "../../../lib/lazily.ts";
import { addressedBit, deletedKind } from "../messages/stored-message.ts";

/** Of one chat, so that a list of chats stays cheap. */
const placesMax = 256;

interface ChatTail {
  readonly chatId: number;
  readonly lastSeq: number;
  readonly tailSenderId: number | null;
  readonly tailSeq: number | null;
}

/** Of the places looked at. */
interface Behind {
  readonly firstUnreadSeq: number | null;
  readonly reachedSeq: number | null;
  readonly unread: number;
}

export function createReadState(db: Database) {
  const behind = lazily(() =>
    db.prepare<Behind, [number, number, number]>(
      `SELECT min(iif(isUnread, seq, NULL)) firstUnreadSeq, max(seq) reachedSeq, coalesce(sum(isUnread), 0) unread FROM (
         SELECT seq, sender_id <> ?3 AND kind % ${addressedBit} <> ${deletedKind}
           AND (kind < ${addressedBit} OR EXISTS (SELECT 1 FROM message_texts t WHERE t.message_id = m.message_id AND t.user_id = ?3))
           isUnread
         FROM messages m WHERE chat_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ${placesMax})`,
    ),
  );

  /** `readSeq` is what the member said. */
  return function readIn(chat: ChatTail, userId: number, readSeq: number): { readSeq: number; unread: number } {
    const { chatId, lastSeq, tailSenderId, tailSeq } = chat;
    const allOwn = tailSenderId === userId && tailSeq !== null && tailSeq <= readSeq + 1;
    const found = allOwn || lastSeq <= readSeq ? null : behind().get(chatId, readSeq, userId);
    if (found === null || found.reachedSeq === null) return { readSeq: Math.max(readSeq, lastSeq), unread: 0 };
    const { firstUnreadSeq, reachedSeq, unread } = found;
    return {
      readSeq: firstUnreadSeq === null ? reachedSeq : firstUnreadSeq - 1,
      unread: unread + lastSeq - reachedSeq,
    };
  };
}
