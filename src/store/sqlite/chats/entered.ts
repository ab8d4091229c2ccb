/** Who entered or left a chat, as the writer tells it, in the domain's words. */
import type { Entered, EventId, Left, UserId } from "../../../domain/model.ts";
import type { EnteredParts, LeftParts } from "./chat-parts.ts";

export function toEntered(parts: EnteredParts): Entered {
  return { type: "entered", chat: parts.chat, users: parts.users, rows: toRows(parts) };
}

export function toLeft(parts: LeftParts): Left {
  return { type: "left", chat: parts.chat, users: parts.users, deleted: parts.deleted, rows: toRows(parts) };
}

const toRows = (parts: EnteredParts) =>
  parts.rows.map(([eventId, userId]) => ({ eventId: eventId as EventId, userId: userId as UserId }));
