/** Pushes beyond the document, for clients that use extensions (docs/protocols/minioicq.md). Each event is encoded once per dialect. */
import type { DomainEvent } from "../../domain/events.ts";
import type { Dialect } from "../dialect.ts";
import { encodeFrame, type Frame } from "../requests/codec.ts";
import { type Body, sharedFrame, variant, wireId, wireMessageId } from "./push.ts";

const frames = new WeakMap<DomainEvent, (Frame | undefined)[]>();

/** Undefined where this door has no push for the event. */
export function extensionPush(event: DomainEvent, dialect: Dialect): Frame | undefined {
  const body = bodyOf(event, dialect);
  if (body === undefined) return undefined;
  return sharedFrame(frames, event, variant(dialect, false), () => encodeFrame(dialect.encoding, body));
}

function bodyOf(event: DomainEvent, dialect: Dialect): Body | undefined {
  switch (event.type) {
    case "chat.entered":
      return {
        action: "chat.joined",
        chat_id: wireId(event.entered.chat.chatId, dialect),
        members: event.entered.users.map(({ userId, nick }) => ({ user_id: wireId(userId, dialect), user_name: nick })),
      };
    case "chat.left":
      return {
        action: "chat.left",
        chat_id: wireId(event.left.chat.chatId, dialect),
        members: event.left.users.map(({ userId }) => wireId(userId, dialect)),
        owner_id: wireId(event.left.chat.ownerId, dialect),
        deleted: event.left.deleted,
      };
    case "message.deleted":
      return {
        action: "message.deleted",
        chat_id: wireId(event.message.chatId, dialect),
        message_id: wireMessageId(event.message.messageId, dialect),
        seq: event.message.seq,
      };
    case "contact.blocked":
      return {
        action: event.blocked ? "contact.blocked" : "contact.unblocked",
        user_id: wireId(event.contactId, dialect),
      };
    case "chat.renamed":
      return {
        action: "chat.renamed",
        chat_id: wireId(event.chat.chatId, dialect),
        name: event.chat.name,
        chat_name: event.chat.name,
      };
    default:
      return undefined;
  }
}
