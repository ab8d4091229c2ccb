/** Who entered or left a chat, or muted it, as the writer tells it, in the domain's words. */
import type { ChatId, Entered, EventId, Left, Mute, UserId } from "../../../domain/model.ts";
import type { WireMute } from "./chat-changes.ts";
import type { EnteredParts, LeftParts } from "./chat-parts.ts";

export function toEntered(parts: EnteredParts): Entered {
  return { type: "entered", chat: parts.chat, users: parts.users, rows: toRows(parts) };
}

export function toLeft(parts: LeftParts): Left {
  const { chat, users, deleted, newOwner } = parts;
  return { type: "left", chat, users, deleted, newOwner, rows: toRows(parts) };
}

export const toMute = ({ chatId, chatKey, mutedUntilMs }: WireMute): Mute => ({
  chatId: chatId as ChatId,
  chatKey,
  mutedUntilMs: mutedUntilMs ?? undefined,
});

const toRows = (parts: EnteredParts) =>
  parts.rows.map(([eventId, userId]) => ({ eventId: eventId as EventId, userId: userId as UserId }));
