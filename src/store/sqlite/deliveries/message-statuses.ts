/**
 * A message with a text for each recipient tells its sender how far each recipient is: a status for each, stored for the
 * sender, whichever way the recipient confirmed it. Of other messages receipts are told and nothing is stored.
 */
import { doors, type ReceiptRule, systemUserId, type UserSummary } from "../../../domain/model.ts";
import { isInRanges, type Range } from "../../../lib/ranges.ts";
import type { ChatParts } from "../chats/chat-parts.ts";
import type { Tx } from "../engine/tx.ts";
import { addressedBit } from "../messages/stored-message.ts";
import type { UserEvents } from "./user-events.ts";

/** As many as a user may have of them. */
const statusesMax = 10_000;

export type Status = "delivered" | "read";

/** What a user, or one of the user's devices, confirmed in a chat. */
export interface Covered {
  readonly through: number;
  readonly ranges: readonly Range[];
}

/** `events.body` of a status. */
export interface StatusBody {
  readonly chatKey: string;
  readonly messageId: number;
  readonly by: UserSummary;
  readonly guid: string;
}

export interface Confirming {
  readonly chatId: number;
  readonly userId: number;
  /** That confirmed it; null: none. */
  readonly deviceId: number | null;
  /** What is confirmed is the device's own. */
  readonly ofDevice: boolean;
  readonly status: Status;
  readonly before: Covered;
  readonly after: Covered;
}

export type MessageStatuses = ReturnType<typeof createMessageStatuses>;

export function createMessageStatuses(tx: Tx, { chats, events }: { chats: ChatParts; events: UserEvents }) {
  const { db } = tx;
  const lastAddressed = db.prepare<{ seq: number | null }, [number]>(
    `SELECT max(seq) seq FROM messages WHERE chat_id = ? AND kind >= ${addressedBit}`,
  );
  const addressed = db.prepare<{ messageId: number; seq: number; senderId: number }, [number, number, number, number]>(
    `SELECT message_id messageId, seq, sender_id senderId FROM messages
     WHERE chat_id = ? AND seq > ? AND seq <= ? AND kind >= ${addressedBit} ORDER BY seq LIMIT ?`,
  );
  const text = db.prepare<{ one: 1 }, [number, number, number]>(
    "SELECT 1 one FROM message_texts WHERE message_id = ? AND user_id = ? AND device_id = ?",
  );
  const ruleOf = db.prepare<{ rule: ReceiptRule }, [number]>("SELECT receipts rule FROM users WHERE user_id = ?");
  const guidOfDevice = db.prepare<{ guid: string }, [number]>("SELECT guid FROM devices WHERE device_id = ?");

  /** Whether there is a message of this form in the chat after `seq`. Nearly always there is none. */
  function isAfter(chatId: number, seq: number): boolean {
    const chat = tx.chatAtHand(chatId);
    if (chat === undefined) return (lastAddressed.get(chatId)?.seq ?? 0) > seq;
    chat.addressedSeq ??= lastAddressed.get(chatId)?.seq ?? 0;
    return chat.addressedSeq > seq;
  }

  /** Stores the statuses, and adds the senders to `told`. */
  function tell(confirming: Confirming, told: number[]): void {
    const { chatId, userId, status, before, after } = confirming;
    const through = Math.max(after.through, after.ranges.at(-1)?.[1] ?? 0);
    if (through <= before.through || !isAfter(chatId, before.through) || !mayTell(chatId, userId, status)) return;
    for (const { messageId, seq, senderId } of addressed.all(chatId, before.through, through, statusesMax)) {
      if (!isCovered(after, seq) || isCovered(before, seq) || !isFor(messageId, confirming)) continue;
      const sender = tx.sender(senderId);
      if (senderId === systemUserId || sender === undefined || sender.disabled) continue;
      const by = chats.summary(userId);
      const { deviceId, ofDevice } = confirming;
      const guid = ofDevice && deviceId !== null ? (guidOfDevice.get(deviceId)?.guid ?? by.guid) : by.guid;
      const body: StatusBody = { chatKey: chats.get(chatId).chatKey, messageId, by, guid };
      events.add({ userId: senderId, type: status, chatId, body: JSON.stringify(body), doors: doors.rest });
      told.push(senderId);
    }
  }

  /** The user lets it be known, and neither of the two in a direct chat blocks the other. */
  function mayTell(chatId: number, userId: number, status: Status): boolean {
    const rule = ruleOf.get(userId)?.rule ?? "none";
    if (rule === "none" || (rule === "delivered" && status === "read")) return false;
    return tx.chat(chatId)?.blocked.length === 0;
  }

  /** A device's own text is confirmed by that device alone; the user's text by any device without one of its own. */
  function isFor(messageId: number, { userId, deviceId, ofDevice }: Confirming): boolean {
    const own = deviceId !== null && text.get(messageId, userId, deviceId) !== null;
    return ofDevice ? own : !own && text.get(messageId, userId, 0) !== null;
  }

  return { isAfter, tell };
}

const isCovered = ({ through, ranges }: Covered, seq: number): boolean => seq <= through || isInRanges(ranges, seq);
