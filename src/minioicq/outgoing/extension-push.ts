/** Pushes beyond the document, for clients that use extensions (docs/protocols/minioicq.md). Each event is encoded once per dialect. */
import { isoTime } from "../../delivery/shapes.ts";
import type { ContactChange } from "../../domain/contacts/contact-store.ts";
import type { DomainEvent } from "../../domain/events.ts";
import type { UserId } from "../../domain/model.ts";
import type { Dialect } from "../dialect.ts";
import { encodeFrame, type Frame } from "../requests/codec.ts";
import { messageBytes } from "./large-content.ts";
import {
  type Body,
  messageBody,
  mutedUntil,
  pictureOf,
  pictureVariant,
  reactionBodies,
  sharedFrame,
  variant,
  wireId,
  wireMessageId,
} from "./push.ts";
import { receiptFields } from "./receipt-fields.ts";

const frames = new WeakMap<DomainEvent, (Frame | undefined)[]>();

/** Undefined where this door has no push for the event. */
export function extensionPush(event: DomainEvent, dialect: Dialect, reader: UserId): Frame | undefined {
  const body = bodyOf(event, dialect, reader);
  if (body === undefined) return undefined;
  const own = event.type === "message.edited" && event.message.senderId === reader;
  const form = event.type === "chat.pictured" ? pictureVariant(dialect) : variant(dialect, own);
  return sharedFrame(frames, event, form, () => encodeFrame(dialect.encoding, body));
}

function bodyOf(event: DomainEvent, dialect: Dialect, reader: UserId): Body | undefined {
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
    case "chat.typing":
      return {
        action: "chat.typing",
        chat_id: wireId(event.typing.chatId, dialect),
        user_id: wireId(event.typing.user.userId, dialect),
        typing: event.typing.typing,
      };
    case "message.deleted":
      return {
        action: "message.deleted",
        chat_id: wireId(event.message.chatId, dialect),
        message_id: wireMessageId(event.message.messageId, dialect),
        seq: event.message.seq,
        revision: event.message.revision,
      };
    case "message.edited":
      return { action: "message.edited", message: messageBody(event.message, dialect, reader) };
    case "message.reacted":
      return {
        action: "message.reacted",
        chat_id: wireId(event.reacted.chatId, dialect),
        message_id: wireMessageId(event.reacted.messageId, dialect),
        seq: event.reacted.seq,
        revision: event.reacted.revision,
        user_id: wireId(event.reacted.by, dialect),
        reaction: event.reacted.reaction,
        added: event.reacted.added,
        reactions: reactionBodies(event.reacted.reactions, dialect),
      };
    case "contact.changed":
      return {
        action: "contact.changed",
        user_id: wireId(event.change.contactId, dialect),
        status: isEnded(event.change.status) ? "none" : event.change.status,
        updated: isoTime(event.change.updatedAtMs),
      };
    case "contact.blocked":
      return {
        action: event.blocked ? "contact.blocked" : "contact.unblocked",
        user_id: wireId(event.contactId, dialect),
      };
    case "login-name.taken":
      return { action: "login_name.taken", login_name: event.loginName };
    case "chat.muted":
      return {
        action: "chat.muted",
        chat_id: wireId(event.mute.chatId, dialect),
        muted_until: mutedUntil(event.mute.mutedUntilMs),
      };
    case "chat.pictured":
      return {
        action: "chat.avatar.changed",
        chat_id: wireId(event.chat.chatId, dialect),
        avatar: pictureOf({ id: event.chat.chatId, avatar: event.avatar }, dialect),
      };
    case "chat.renamed":
      return {
        action: "chat.renamed",
        chat_id: wireId(event.chat.chatId, dialect),
        name: event.chat.name,
        chat_name: event.chat.name,
      };
    case "receipts.told":
      return { action: "receipt.push", receipts: event.receipts.map((one) => receiptFields(one, event, dialect)) };
    default:
      return undefined;
  }
}

const isEnded = (status: ContactChange["status"]): boolean => status === "revoke" || status === "deleted";

/** About so many, for bounds. */
export function extensionBytes(event: DomainEvent, contentBytesMax: number): number {
  if (event.type === "message.edited") return 256 + messageBytes(event.message, contentBytesMax);
  if (event.type === "chat.pictured") return 512 + 2 * (event.avatar?.byteLength ?? 256);
  if (event.type === "receipts.told") return 256 + 128 * event.receipts.length;
  return 256 + 64 * (event.type === "chat.entered" ? event.entered.users.length : 0);
}
