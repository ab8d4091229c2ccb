/** `MINIOICQ.md` Send Message, Get Message History. */
import { DomainError } from "../../../domain/errors.ts";
import type { MessageId, Sent, User } from "../../../domain/model.ts";
import { type HistoryQuery, readHistory } from "../../history/history.ts";
import { type Body, type Dialect, messageBody, wireId, wireMessageId } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { MessageGet, MessageSend } from "../actions.ts";
import type { ExtensionRequest } from "../extensions.ts";
import type { Connection } from "./dispatch.ts";

/** A user's id in place of a chat's means the direct chat with that user (O10). Throws what `domain.messages.send` throws. */
export async function sendMessage({ domain }: Front, user: User, request: MessageSend): Promise<Sent> {
  if (request.chatId === undefined) throw new DomainError("chat_not_found");
  return domain.messages.send({
    chat: { id: request.chatId },
    from: user.userId,
    type: request.type,
    content: request.content,
    asBase64: typeof request.content === "string" ? undefined : true,
    clientId: request.clientId,
    clientTimeMs: request.clientTimeMs,
  });
}

/** Throws `message_not_found`, `not_authorized`. */
export async function deleteMessage(
  { domain }: Front,
  dialect: Dialect,
  user: User,
  { messageId }: Extract<ExtensionRequest, { action: "message.delete" }>,
): Promise<Body> {
  if (messageId === undefined) throw new DomainError("message_not_found");
  const deleted = await domain.messages.remove(user.userId, messageId as MessageId);
  return {
    action: "message.delete.success",
    chat_id: wireId(deleted.chatId, dialect),
    message_id: wireMessageId(deleted.messageId, dialect),
  };
}

/** Throws `chat_not_found`, `user_not_found`. */
export async function getMessages(
  front: Front,
  connection: Connection,
  user: User,
  { of, range, page }: MessageGet,
): Promise<Body> {
  const scope = "chat" in of ? await ofChat(front, user, of.chat) : await ofUser(front, user, of.user);
  const { dialect } = connection;
  const reader = { userId: user.userId, deviceId: connection.deviceId };
  const { contentBytesMax } = dialect;
  const { messages, next } = await readHistory(front, { ...scope, range, page, reader, contentBytesMax });
  return {
    action: "message.retrieve",
    messages: messages.map((message) => messageBody(message, dialect, user.userId)),
    next,
  };
}

type Scope = Pick<HistoryQuery, "logs" | "places" | "senders">;

async function ofChat({ domain }: Front, user: User, id: number | undefined): Promise<Scope> {
  if (id === undefined) throw new DomainError("chat_not_found");
  try {
    const chat = await domain.chats.getAsMember({ id }, user.userId);
    const log = await domain.store.findChatLog(user.userId, chat.chatId);
    return { logs: log === undefined ? [] : [log], places: "seq", senders: undefined };
  } catch (error) {
    // A user I have not talked with yet: our direct chat will hold nothing.
    if (error instanceof DomainError && (await domain.store.findUser(id)) !== undefined) {
      return { logs: [], places: "seq", senders: undefined };
    }
    throw error;
  }
}

/** What a user and I said in the chats we share; with my own id everything in my chats (O17). */
async function ofUser({ domain }: Front, user: User, id: number | undefined): Promise<Scope> {
  const { store } = domain;
  const other = id === undefined ? undefined : await store.findUser(id);
  if (other === undefined) throw new DomainError("user_not_found");
  const logs = await store.chatLogs(user.userId, other.userId);
  const between = other.userId !== user.userId && logs.some((log) => log.kind === "group");
  return { logs, places: "message", senders: between ? [user.userId, other.userId] : undefined };
}
