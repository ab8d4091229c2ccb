/**
 * The JSON objects of the `chat/…` topics and of REST's simple form. They are the same at every door that uses them.
 */
import { isLeftOut } from "../domain/messages/content.ts";
import { shownTimeMs } from "../domain/messages/messages.ts";
import type { Message, MessageFile, Sent, StoredEvent, Typing } from "../domain/model.ts";

/**
 * Content of larger files is not in the JSON; `file` says where it is. As base64 this size fits an MQTT packet of the
 * usual 1 MiB, and a page of history stays small enough.
 */
export const inlineFileBytesMax = 512 * 1024;

/** Describes large content; the same at every door. */
export interface FileShape {
  /** SHA-256 of the bytes, lower-case hex. */
  readonly hash: string;
  /** On the server's HTTP port. */
  readonly url: string;
  readonly bytes: number;
  /** The media type it is served with. */
  readonly type: string;
}

export const fileShape = ({ hash, bytes, mediaType }: MessageFile): FileShape => ({
  hash,
  url: `/_/files/${hash}`,
  bytes,
  type: mediaType,
});

/** Whether the JSON of a message holds its content, rather than only its `file`. */
export const isInline = (message: Message): boolean =>
  message.file === undefined || (message.file.bytes <= inlineFileBytesMax && !isLeftOut(message));

export interface MessageShape {
  readonly message_id: string;
  readonly seq: number;
  readonly chat_id: string;
  readonly chatID: string;
  readonly sender_id: string;
  readonly sender: string;
  readonly type: string;
  /** Absent where the content is too large for the JSON. */
  readonly content?: string;
  /** Present where the content is in the JSON and is bytes. */
  readonly encoding?: "base64";
  /** Present where the content is large. */
  readonly file?: FileShape;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly client_id?: string;
}

export function messageShape(message: Message): MessageShape {
  const { file } = message;
  return {
    message_id: String(message.messageId),
    seq: message.seq,
    chat_id: String(message.chatId),
    chatID: message.chatKey,
    sender_id: String(message.senderId),
    sender: message.senderKey,
    type: message.type,
    ...(isInline(message) ? contentShape(message.content) : {}),
    ...(file === undefined ? {} : { file: fileShape(file) }),
    time: isoTime(shownTimeMs(message)),
    ...(message.clientId === undefined ? {} : { client_id: message.clientId }),
  };
}

const contentShape = (content: string | Uint8Array): Pick<MessageShape, "content" | "encoding"> =>
  typeof content === "string"
    ? { content }
    : { content: Buffer.from(content).toString("base64"), encoding: "base64" as const };

/** What the sender receives for their own message. */
export function sentShape(sent: Sent) {
  const { message } = sent;
  return {
    message_id: String(message.messageId),
    seq: message.seq,
    chat_id: String(message.chatId),
    chatID: message.chatKey,
    time: isoTime(shownTimeMs(message)),
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

/** Has no id, since there is nothing to confirm. */
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
