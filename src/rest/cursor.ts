/**
 * `next` of GET /messages: opaque text that holds how far a reader has come. Up to `backlogEnd`, the newest message when
 * the reader first asked, a message is for them if their position has not passed it; after that, every message is. The
 * epoch of the data folder stands in it: ids of another one mean nothing here.
 */
import type { MovePlace } from "../domain/deliveries/receipt-store.ts";
import { safeInteger } from "../domain/keys.ts";
import type { MessageId } from "../domain/model.ts";

/** As text. */
export const cursorCharactersMax = 192;

export interface Cursor {
  /** The reader has every message up to here. */
  readonly messageId: MessageId;
  /** The reader has every event up to here. */
  readonly eventId: number;
  readonly backlogEnd: MessageId;
  /** The reader has every receipt up to here; undefined for one who never asked for them. */
  readonly receipts?: MovePlace | undefined;
}

export function encodeCursor({ messageId, eventId, backlogEnd, receipts }: Cursor, epoch: string): string {
  const numbers = [messageId, eventId, Math.max(messageId, backlogEnd)];
  if (receipts !== undefined) numbers.push(receipts.move, receipts.chatId, receipts.userId);
  return Buffer.from([receipts === undefined ? 2 : 3, epoch, ...numbers].join(".")).toString("base64url");
}

/** How many numbers each version of the text holds. The first is from before there was an epoch. */
const numbersOf: Readonly<Record<string, number>> = { "1": 3, "2": 3, "3": 6 };

/** Undefined for what `encodeCursor` did not write. */
export function decodeCursor(text: string, epoch: string): Cursor | "of another epoch" | undefined {
  if (text.length > cursorCharactersMax || !/^[A-Za-z0-9_-]{8,}$/.test(text)) return undefined;
  const parts = Buffer.from(text, "base64url").toString("latin1").split(".");
  const [version = "", ...rest] = parts;
  const numbers = (version === "1" ? rest : rest.slice(1)).map(safeInteger);
  if (numbers.length !== numbersOf[version] || !numbers.every((one) => one !== undefined)) return undefined;
  if (version !== "1" && rest[0] !== epoch) return "of another epoch";
  const [messageId = 0, eventId = 0, backlogEnd = 0, move, chatId = 0, userId = 0] = numbers;
  const cursor = { messageId: messageId as MessageId, eventId, backlogEnd: backlogEnd as MessageId };
  return move === undefined ? cursor : { ...cursor, receipts: { move, chatId, userId } };
}
