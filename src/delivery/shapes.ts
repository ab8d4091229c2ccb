/** The JSON objects of the modern surface (`chat/…` topics, REST's simple form), the same at every door that speaks them. */
import type { Message, Sent, StoredEvent, Typing } from "../domain/model.ts";

export interface MessageShape {
  readonly message_id: string;
  readonly seq: number;
  readonly chat_id: string;
  readonly chatID: string;
  readonly sender_id: string;
  readonly sender: string;
  readonly type: string;
  readonly content: string;
  /** Present when the content is bytes. */
  readonly encoding?: "base64";
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly client_id?: string;
}

export function messageShape(message: Message): MessageShape {
  const text = typeof message.content === "string" ? message.content : undefined;
  return {
    message_id: String(message.messageId),
    seq: message.seq,
    chat_id: String(message.chatId),
    chatID: message.chatKey,
    sender_id: String(message.senderId),
    sender: message.senderKey,
    type: message.type,
    content: text ?? Buffer.from(message.content as Uint8Array).toString("base64"),
    ...(text === undefined ? { encoding: "base64" as const } : {}),
    time: isoTime(message.clientTimeMs ?? message.sentAtMs),
    ...(message.clientId === undefined ? {} : { client_id: message.clientId }),
  };
}

/** What the sender gets back for a message of his own. */
export function sentShape(sent: Sent) {
  const { message } = sent;
  return {
    message_id: String(message.messageId),
    seq: message.seq,
    chat_id: String(message.chatId),
    chatID: message.chatKey,
    time: isoTime(message.clientTimeMs ?? message.sentAtMs),
    ...(message.clientId === undefined ? {} : { client_id: message.clientId }),
  };
}

export function eventShape(event: StoredEvent) {
  const { about } = event;
  return {
    event_id: `e${event.eventId}`,
    type: eventTypes[event.type],
    chat_id: String(event.chatId),
    chatID: event.chatKey,
    ...(about === undefined ? {} : { message_id: String(about.messageId) }),
    users: event.users.map((user) => ({
      GUID: about?.guid ?? user.guid,
      user_id: String(user.userId),
      userID: user.userKey,
    })),
    ...(event.deleted ? { deleted: true } : {}),
    time: isoTime(event.createdAtMs),
  };
}

const eventTypes = { entered: "chat_enter", left: "chat_leave", delivered: "delivered", read: "read" } as const;

/** Has no id: there is nothing to confirm. */
export function typingShape({ chatId, chatKey, user, typing, atMs }: Typing) {
  return {
    type: typing ? "chat_typing" : "chat_typingEnd",
    chat_id: String(chatId),
    chatID: chatKey,
    users: [{ GUID: user.guid, user_id: String(user.userId), userID: user.userKey }],
    time: isoTime(atMs),
  };
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
