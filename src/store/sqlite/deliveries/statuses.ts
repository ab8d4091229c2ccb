/**
 * Statuses of single messages, as signed REST tells them: which message a reader may confirm, and what stands before it
 * that this reader never will.
 */
import type { Tx } from "../engine/tx.ts";
import { addressedBit, isDeletedRow } from "../messages/stored-message.ts";
import type { ConfirmingReader, Positions } from "./positions.ts";

export interface ConfirmedMessage {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
}

export type ConfirmationParts = ReturnType<typeof createConfirmationParts>;

export function createConfirmationParts(tx: Tx, positions: Positions) {
  const { db } = tx;
  const message = db.prepare<ConfirmedMessage, [number]>(
    "SELECT message_id messageId, chat_id chatId, seq, sender_id senderId, kind FROM messages WHERE message_id = ?",
  );
  const messageAt = db.prepare<{ messageId: number; senderId: number; kind: number }, [number, number]>(
    "SELECT message_id messageId, sender_id senderId, kind FROM messages WHERE chat_id = ? AND seq = ?",
  );
  const textOf = db.prepare<{ deviceId: number }, [number, number, number]>(
    "SELECT device_id deviceId FROM message_texts WHERE message_id = ?1 AND user_id = ?2 AND device_id IN (0, ?3) ORDER BY device_id DESC LIMIT 1",
  );

  /**
   * The message, if it is in a chat of the reader, from another user, and for the reader, with the device that the text is
   * for (0: all).
   */
  function find(messageId: number, { userId, deviceId }: ConfirmingReader) {
    const row = message.get(messageId);
    if (row === null || tx.chat(row.chatId)?.memberSet.has(userId) !== true) return undefined;
    if (row.kind < addressedBit) return row.senderId === userId ? undefined : { ...row, textFor: 0 };
    const text = isDeletedRow(row) ? null : textOf.get(messageId, userId, deviceId ?? 0);
    return text === null ? undefined : { ...row, textFor: text.deviceId };
  }

  /** Notes statuses of one reader, and gives at the end what came of them. */
  function begin(reader: ConfirmingReader) {
    return positions.begin(reader, (chatId, seq) => isForOthers(chatId, seq, reader));
  }

  /** Gone, the reader's own, or addressed to others: the reader will never confirm it. */
  function isForOthers(chatId: number, seq: number, { userId, deviceId }: ConfirmingReader): boolean {
    const row = messageAt.get(chatId, seq);
    if (row === null) return true;
    if (row.kind < addressedBit) return row.senderId === userId;
    return isDeletedRow(row) || textOf.get(row.messageId, userId, deviceId ?? 0) === null;
  }

  return { find, begin };
}
