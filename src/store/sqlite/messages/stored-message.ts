/** A message as its row says it, for those who read one. */

/** The bit in `messages.kind` of a message that has a text of its own for each recipient. */
export const addressedBit = 16;

/** Of the columns below. */
export interface StoredMessageRow {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
  readonly type: string | null;
  readonly content: string | Uint8Array | null;
  readonly clientId: string | null;
  readonly clientTimeMs: number | null;
  readonly sentAtMs: number;
}

export const storedMessageColumns =
  "message_id messageId, chat_id chatId, seq, sender_id senderId, kind, type, content, client_id clientId, client_time_ms clientTimeMs, sent_at_ms sentAtMs";
