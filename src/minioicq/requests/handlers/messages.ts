/** MiniOICQ § Send Message; deleting one (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { mentionsMax } from "../../../domain/messages/messages.ts";
import type { MessageId, UserId } from "../../../domain/model.ts";
import { requireReadableFile } from "../../../domain/people/chat-reach.ts";
import type { DeliveryReads } from "../../../domain/store.ts";
import type { Dialect } from "../../dialect.ts";
import { Refusal } from "../../errors.ts";
import { shownMessageId, wireId, wireMessageId } from "../../outgoing/push.ts";
import { parseTimeMs } from "../../time.ts";
import { type Handler, reachOf } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, flag, isAbsent, isFields, type Reader, Refused, text, type WireId } from "../fields.ts";

/** Larger MessagePack binary stays as it is: a file may keep it, and perhaps no reader asks for its text. */
const base64FromBytesMax = 4096;

export interface MessageSend {
  readonly action: "message.send";
  readonly chatId: WireId;
  readonly type: string;
  /** Bytes stand for their base64 text. */
  readonly content: string | Uint8Array;
  /** See `Draft.file`. */
  readonly file: string | undefined;
  readonly clientId: string | undefined;
  readonly clientTimeMs: number | undefined;
  readonly replyTo: WireId;
  readonly mentions: readonly UserId[] | undefined;
}

/** A user's id in place of a chat's means the direct chat with that user (O10). Throws what `domain.messages.send` throws. */
export const sendMessage: Handler<MessageSend> = {
  parse: (fields, reader) => {
    const { message, messages } = fields;
    if (messages === undefined) return [parseMessage(message, fields, reader)];
    if (!Array.isArray(messages) || messages.length === 0) throw new Refused("Invalid message");
    if (messages.length > reader.limits.messagesPerRequestMax) throw new Refused("Too many messages");
    // Each message of a list is sent, and answered, for itself.
    return messages.map((one: unknown) => {
      try {
        return parseMessage(one, messages.length === 1 ? fields : {}, reader);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return new Refusal("message.send.fail", error.reason, error.clientId, true);
      }
    });
  },
  handle: async (call, request) => {
    const { shared, user } = call;
    if (request.chatId === undefined) throw new DomainError("chat_not_found");
    const reach = reachOf(call);
    if (reach !== undefined) {
      await reach.require("send", { id: request.chatId });
      await requireReadableFile(reach, user.userId, request.file, shared.domain.store);
    }
    const sent = await shared.domain.messages.send({
      chat: { id: request.chatId },
      from: user.userId,
      type: request.type,
      content: request.content,
      file: request.file,
      asBase64: typeof request.content === "string" ? undefined : true,
      clientId: request.clientId,
      clientTimeMs: request.clientTimeMs,
      replyTo: request.replyTo as MessageId | undefined,
      mentions: request.mentions,
    });
    return { is: "sent", sent };
  },
};

/** Throws `message_not_found`, `not_authorized`. */
export const deleteMessage: Handler<{ readonly action: "message.delete"; readonly messageId: WireId }> = {
  parse: ({ message_id: id }, reader) => ({
    action: "message.delete",
    messageId: reader.id(id, "Message not found"),
  }),
  handle: async ({ shared, caller, user }, { messageId }) => {
    const { messages, store } = shared.domain;
    const meant = await messageMeant(store, messageId, caller.dialect);
    const deleted = await messages.remove(user.userId, meant);
    return answerWith({
      action: "message.delete.success",
      chat_id: wireId(deleted.chatId, caller.dialect),
      message_id: wireMessageId(deleted.messageId, caller.dialect),
    });
  },
};

/** The message with this id. Throws `message_not_found` where it may be one of several, or the id is no number. */
export async function messageMeant(
  store: Pick<DeliveryReads, "lastMessageId">,
  id: WireId,
  dialect: Dialect,
): Promise<MessageId> {
  const meant = id === undefined ? undefined : shownMessageId(id, await store.lastMessageId(), dialect);
  if (meant === undefined) throw new DomainError("message_not_found");
  return meant;
}

interface MessageConfirm {
  readonly action: "message.confirm";
  readonly chatId: WireId;
  readonly through: number;
  readonly read: boolean;
}

/** Everything in a chat up to a place. Throws `chat_not_found`, `message_not_found`. */
export const confirmMessages: Handler<MessageConfirm> = {
  parse: (fields, reader) => {
    if (isAbsent(fields["chat_id"])) throw new Refused("Chat not found");
    const { through } = fields;
    if (typeof through !== "number" || !Number.isSafeInteger(through) || through < 1)
      throw new Refused("Invalid through");
    return {
      action: "message.confirm",
      chatId: reader.id(fields["chat_id"], "Chat not found"),
      through,
      read: flag(fields["read"], "Invalid read"),
    };
  },
  handle: async (call, request) => {
    const { caller } = call;
    const { domain } = call.shared;
    const { userId } = call.user;
    const { through, read } = request;
    if (request.chatId === undefined) throw new DomainError("chat_not_found");
    await reachOf(call)?.require("read", { id: request.chatId });
    const { chatId, lastSeq } = await domain.chats.getAsMember({ id: request.chatId }, userId);
    if (through > lastSeq) throw new DomainError("message_not_found");
    await domain.store.advance([{ userId, deviceId: caller.deviceId, chatId, deliveredSeq: through, read }]);
    caller.confirmedThrough(chatId, through, read);
    return answerWith({ action: "message.confirm.success", chat_id: wireId(chatId, caller.dialect), through });
  },
};

/** `client_id` may stand in the message or beside it. */
function parseMessage(message: unknown, around: Fields, reader: Reader): MessageSend {
  const wrong = "Invalid message";
  const fields = isFields(message) ? message : {};
  const given = isAbsent(fields["client_id"]) ? around["client_id"] : fields["client_id"];
  const clientId = typeof given === "number" && Number.isSafeInteger(given) ? String(given) : given;
  if (!isAbsent(clientId) && (typeof clientId !== "string" || !clientId.isWellFormed())) throw new Refused(wrong);
  const echoed = isAbsent(clientId) ? undefined : clientId;
  try {
    if (!isFields(message)) throw new Refused(wrong);
    if (isAbsent(fields["chat_id"])) throw new Refused("Chat not found");
    const file = parseFile(fields["file"], fields["content"]);
    return {
      action: "message.send",
      chatId: reader.id(fields["chat_id"], wrong),
      type: file !== undefined && isAbsent(fields["type"]) ? "" : text(fields["type"], { empty: wrong, wrong }),
      content: file === undefined ? parseContent(fields["content"]) : "",
      file,
      clientId: echoed,
      clientTimeMs: parseTimeMs(fields["time"]),
      replyTo: parseReplyTo(fields["reply_to"], reader),
      mentions: parseMentions(fields["mentions"], reader),
    };
  } catch (error) {
    // A client id longer than what may be stored is not echoed either.
    if (error instanceof Refused && echoed !== undefined && echoed.length <= 256) {
      throw new Refused(error.reason, echoed);
    }
    throw error;
  }
}

function parseReplyTo(value: unknown, reader: Reader): WireId {
  if (isAbsent(value)) return undefined;
  const id = reader.id(value, "Invalid message");
  if (id === undefined) throw new Refused("Message not found");
  return id;
}

/** Ids of users; what is no number names no one. */
export function parseMentions(value: unknown, reader: Reader): UserId[] | undefined {
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value) || value.length > mentionsMax) throw new Refused("Invalid message");
  const ids = value.map((one: unknown) => reader.id(one, "Invalid message"));
  return ids.filter((id): id is UserId => id !== undefined);
}

/** What was uploaded is named in place of the content. The map beside the content of a push may come back as it is. */
function parseFile(value: unknown, content: unknown): string | undefined {
  if (isAbsent(value) || (isFields(value) && !isAbsent(content))) return undefined;
  if (typeof value !== "string" || !isAbsent(content)) throw new Refused("Invalid message");
  return value;
}

/** An opaque string, given back unchanged; MessagePack's binary becomes base64 (O14). */
export function parseContent(value: unknown): string | Uint8Array {
  if (typeof value === "string" && value.isWellFormed()) return value;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return bytes.byteLength > base64FromBytesMax ? bytes : bytes.toString("base64");
  }
  throw new Refused("Invalid message");
}
