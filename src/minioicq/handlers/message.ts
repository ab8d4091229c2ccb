/** `MINIOICQ.md` Send Message, Get Message History. */
import { DomainError } from "../../domain/errors.ts";
import type { Chat, Sent, User } from "../../domain/model.ts";
import type { MessageGet, MessageSend } from "../actions.ts";
import type { Front } from "../front.ts";
import { readHistory } from "../history.ts";
import { type Body, messageBody } from "../push.ts";
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

/** Throws `chat_not_found`, `user_not_found`. */
export async function getMessages(
  front: Front,
  connection: Connection,
  user: User,
  { of, range }: MessageGet,
): Promise<Body> {
  const { chats, between } = "chat" in of ? await ofChat(front, user, of.chat) : await ofUser(front, user, of.user);
  const { dialect } = connection;
  const messages = await readHistory(front, {
    chats,
    reader: { userId: user.userId, deviceId: connection.deviceId },
    between,
    range,
    contentBytesMax: dialect.contentBytesMax,
  });
  return {
    action: "message.retrieve",
    messages: messages.map((message) => messageBody(message, dialect, user.userId)),
  };
}

interface Scope {
  readonly chats: readonly Chat[];
  /** Only what one of these said; undefined for everybody. */
  readonly between: ReadonlySet<number> | undefined;
}

async function ofChat({ domain }: Front, user: User, id: number | undefined): Promise<Scope> {
  if (id === undefined) throw new DomainError("chat_not_found");
  try {
    return { chats: [await domain.chats.getAsMember({ id }, user.userId)], between: undefined };
  } catch (error) {
    // A user I have not talked with yet: our direct chat will hold nothing.
    if (error instanceof DomainError && (await domain.store.findUser(id)) !== undefined) {
      return { chats: [], between: undefined };
    }
    throw error;
  }
}

/** What a user and I said in the chats we share; with my own id everything in my chats (O17). */
async function ofUser({ domain }: Front, user: User, id: number | undefined): Promise<Scope> {
  const { store } = domain;
  const other = id === undefined ? undefined : await store.findUser(id);
  if (other === undefined) throw new DomainError("user_not_found");
  const mine = await store.chatsOf(user.userId);
  if (other.userId === user.userId) return { chats: mine, between: undefined };
  const shared: Chat[] = [];
  for (const chat of mine) if (await store.isMember(chat.chatId, other.userId)) shared.push(chat);
  return { chats: shared, between: new Set([user.userId, other.userId]) };
}
