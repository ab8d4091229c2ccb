/** Receipts in the store: the change, and what telling them reads. */
import type { Database } from "bun:sqlite";
import type { MemberPlace, MovedMember, PlaceCounts, ReceiptStore } from "../../../domain/deliveries/receipt-store.ts";
import { chatKeyOf, userKeyOf } from "../../../domain/keys.ts";
import type { ChatId, ChatKind, ReceiptRule, UserId } from "../../../domain/model.ts";
import { personCondition } from "../../../domain/people/kinds.ts";
import { lazily } from "../../../lib/lazily.ts";
import { blockQuery } from "../contacts/friends.ts";
import type { Submit } from "../submit.ts";

interface ChatRow {
  readonly kind: ChatKind;
  readonly chatKey: string | null;
  readonly directLow: number | null;
  readonly directHigh: number | null;
}

interface MovedRow extends Omit<MovedMember, "userKey"> {
  readonly username: string | null;
}

export function createReceiptStore(db: Database, submit: Submit): ReceiptStore {
  const chatRow = lazily(() =>
    db.prepare<ChatRow, [number]>(
      "SELECT kind, chat_key chatKey, direct_low directLow, direct_high directHigh FROM chats WHERE chat_id = ?",
    ),
  );
  const memberRows = lazily(() =>
    db.prepare<{ userId: UserId; rule: ReceiptRule }, [number, number]>(
      "SELECT user_id userId, receipts rule FROM members JOIN users USING (user_id) WHERE chat_id = ? LIMIT ?",
    ),
  );
  const placeRows = lazily(() =>
    db.prepare<MemberPlace, [number]>(
      `SELECT user_id userId, delivered_seq deliveredSeq, read_seq readSeq FROM members JOIN users USING (user_id)
       WHERE chat_id = ? AND ${personCondition} ORDER BY ordinal`,
    ),
  );
  const counts = lazily(() =>
    db.prepare<PlaceCounts, [number, number]>(
      `SELECT count(*) members, coalesce(sum(receipts <> 'none' AND delivered_seq >= ?1), 0) delivered,
       coalesce(sum(receipts = 'all' AND read_seq >= ?1), 0) read FROM members JOIN users USING (user_id)
       WHERE chat_id = ?2 AND ${personCondition}`,
    ),
  );
  const nextMove = lazily(() => db.prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'move'"));
  const chatIdRows = lazily(() =>
    db.prepare<{ chatId: ChatId }, [number, number, number]>(
      "SELECT chat_id chatId FROM members WHERE user_id = ? AND chat_id > ? ORDER BY chat_id LIMIT ?",
    ),
  );
  const movedRows = lazily(() =>
    db.prepare<MovedRow, [number, number, number]>(
      `SELECT user_id userId, guid, username, delivered_seq deliveredSeq, read_seq readSeq,
       delivered_move deliveredMove, read_move readMove FROM members JOIN users USING (user_id)
       WHERE chat_id = ?1 AND (delivered_move BETWEEN ?2 AND ?3 OR read_move BETWEEN ?2 AND ?3) AND ${personCondition}`,
    ),
  );
  const newestOwnRow = lazily(() =>
    db.prepare<{ seq: number }, [number, number, number, number]>(
      "SELECT seq FROM messages WHERE chat_id = ? AND seq > ? AND seq <= ? AND sender_id = ? ORDER BY seq DESC LIMIT 1",
    ),
  );
  const ruleRow = lazily(() =>
    db.prepare<{ rule: ReceiptRule }, [number]>("SELECT receipts rule FROM users WHERE user_id = ?"),
  );
  const block = lazily(() => db.prepare<{ one: 1 }, [number, number]>(blockQuery));
  const senderRows = lazily(() =>
    db.prepare<{ seq: number; senderId: UserId }, [number, number, number, number]>(
      "SELECT seq, sender_id senderId FROM messages WHERE chat_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
    ),
  );

  function isBlocked({ kind, directLow, directHigh }: ChatRow): boolean {
    if (kind !== "direct" || directLow === null || directHigh === null) return false;
    return block().get(directLow, directHigh) !== null || block().get(directHigh, directLow) !== null;
  }

  return {
    readThrough: ({ userId, deviceId, chat, place }) =>
      submit("readThrough", { userId, deviceId: deviceId ?? 0, chat, ...place }).then(({ chatId, seq }) => ({
        chatId,
        seq,
      })),
    async receiptChat(chatId: ChatId, membersMax) {
      const row = chatRow().get(chatId);
      if (row === null) return undefined;
      const ids = memberRows().all(chatId, membersMax + 1);
      return {
        chatId,
        chatKey: chatKeyOf({ chatId, ...row }),
        kind: row.kind,
        members: ids.length > membersMax ? undefined : new Map(ids.map(({ userId, rule }) => [userId, rule])),
        blocked: isBlocked(row),
      };
    },
    places: async (chatId) => placeRows().all(chatId),
    lastMove: async () => (nextMove().get()?.next ?? 1) - 1,
    chatIds: async (userId, { after, limit }) =>
      chatIdRows()
        .all(userId, after, limit)
        .map(({ chatId }) => chatId),
    movedMembers: async (chatId, { from, through }) =>
      movedRows()
        .all(chatId, from, through)
        .map(({ username, ...row }) => ({ ...row, userKey: userKeyOf({ userId: row.userId, username }) })),
    newestOwn: async ({ chatId, userId, after, through }) =>
      newestOwnRow().get(chatId, after, through, userId)?.seq ?? 0,
    placeCounts: async (chatId, seq) => counts().get(seq, chatId) ?? { members: 0, delivered: 0, read: 0 },
    receiptRule: async (userId) => ruleRow().get(userId)?.rule ?? "none",
    setReceiptRule: (userId, rule) => submit("setReceiptRule", { userId, rule }).then(() => {}),
    senders: async ({ chatId, after, through, limit }) => senderRows().all(chatId, after, through, limit),
  };
}
