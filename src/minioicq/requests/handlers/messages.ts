/** MiniOICQ § Send Message; deleting one (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import type { MessageId } from "../../../domain/model.ts";
import { Refusal } from "../../errors.ts";
import { wireId, wireMessageId } from "../../outgoing/push.ts";
import { parseTimeMs } from "../../time.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, isAbsent, isFields, type Reader, Refused, text, type WireId } from "../fields.ts";

/** Larger MessagePack binary stays as it is: a file may keep it, and perhaps no reader asks for its text. */
const base64FromBytesMax = 4096;

export interface MessageSend {
  readonly action: "message.send";
  readonly chatId: WireId;
  readonly type: string;
  /** Bytes stand for their base64 text. */
  readonly content: string | Uint8Array;
  readonly clientId: string | undefined;
  readonly clientTimeMs: number | undefined;
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
  handle: async ({ shared, user }, request) => {
    if (request.chatId === undefined) throw new DomainError("chat_not_found");
    const sent = await shared.domain.messages.send({
      chat: { id: request.chatId },
      from: user.userId,
      type: request.type,
      content: request.content,
      asBase64: typeof request.content === "string" ? undefined : true,
      clientId: request.clientId,
      clientTimeMs: request.clientTimeMs,
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
    if (messageId === undefined) throw new DomainError("message_not_found");
    const deleted = await shared.domain.messages.remove(user.userId, messageId as MessageId);
    return answerWith({
      action: "message.delete.success",
      chat_id: wireId(deleted.chatId, caller.dialect),
      message_id: wireMessageId(deleted.messageId, caller.dialect),
    });
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
    return {
      action: "message.send",
      chatId: reader.id(fields["chat_id"], wrong),
      type: text(fields["type"], { empty: wrong, wrong }),
      content: parseContent(fields["content"]),
      clientId: echoed,
      clientTimeMs: parseTimeMs(fields["time"]),
    };
  } catch (error) {
    // A client id longer than what may be stored is not echoed either.
    if (error instanceof Refused && echoed !== undefined && echoed.length <= 256) {
      throw new Refused(error.reason, echoed);
    }
    throw error;
  }
}

/** An opaque string, given back unchanged; MessagePack's binary becomes base64 (O14). */
function parseContent(value: unknown): string | Uint8Array {
  if (typeof value === "string" && value.isWellFormed()) return value;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return bytes.byteLength > base64FromBytesMax ? bytes : bytes.toString("base64");
  }
  throw new Refused("Invalid message");
}
