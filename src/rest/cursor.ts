/**
 * `next` of GET /messages: opaque text that holds how far a reader has come. Up to `backlogEnd`, the newest message when
 * the reader first asked, a message is for them if their position has not passed it; after that, every message is.
 */
import { safeInteger } from "../domain/keys.ts";
import type { MessageId } from "../domain/model.ts";

export interface Cursor {
  /** The reader has every message up to here. */
  readonly messageId: MessageId;
  /** The reader has every event up to here. */
  readonly eventId: number;
  readonly backlogEnd: MessageId;
}

export function encodeCursor(cursor: Cursor): string {
  const end = Math.max(cursor.messageId, cursor.backlogEnd);
  return Buffer.from(`1.${cursor.messageId}.${cursor.eventId}.${end}`).toString("base64url");
}

/** Undefined for what `encodeCursor` did not write. */
export function decodeCursor(text: string): Cursor | undefined {
  if (!/^[A-Za-z0-9_-]{8,96}$/.test(text)) return undefined;
  const parts = Buffer.from(text, "base64url").toString("latin1").split(".");
  const [version, ...numbers] = parts;
  const [messageId, eventId, backlogEnd] = numbers.map(safeInteger);
  if (version !== "1" || numbers.length !== 3) return undefined;
  if (messageId === undefined || eventId === undefined || backlogEnd === undefined) return undefined;
  return { messageId: messageId as MessageId, eventId, backlogEnd: backlogEnd as MessageId };
}
