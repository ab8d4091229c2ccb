/**
 * The JSON objects of the `chat/…` topics and of REST's simple form. They are the same at every door that uses them.
 */
import { isLeftOut } from "../domain/messages/content.ts";
import { shownTimeMs } from "../domain/messages/messages.ts";
import type {
  ChatId,
  DeletedMessage,
  Message,
  MessageFile,
  ReachedThrough,
  Reacted,
  ReactionCount,
  Receipt,
  StoredEvent,
  Typing,
} from "../domain/model.ts";
import type { ShownPresence } from "./presence.ts";

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
  /** Present where its sender gave one. */
  readonly name?: string;
}

export const fileShape = ({ hash, bytes, mediaType, name }: MessageFile): FileShape => ({
  hash,
  url: `/_/files/${hash}`,
  bytes,
  type: mediaType,
  ...(name === undefined ? {} : { name }),
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
  /** Id of the message that it answers. */
  readonly reply_to?: string;
  /** Ids of the members whom it names. */
  readonly mentions?: readonly string[];
  /** Of the last edit, deletion or reaction, in the chat. */
  readonly revision?: number;
  /** When it was last edited. */
  readonly edited?: string;
  readonly reactions?: readonly ReactionShape[];
}

export interface ReactionShape {
  readonly reaction: string;
  readonly count: number;
  /** The first of those who reacted so. */
  readonly user_ids: readonly string[];
}

export function messageShape(message: Message): MessageShape {
  const { file } = message;
  const shape = {
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
  return isBeyondContent(message) ? { ...shape, ...beyondContentShape(message) } : shape;
}

/** Whether it is a message that answers, names, or was changed; most are not. */
export const isBeyondContent = ({ revision, replyTo, mentions }: Message): boolean =>
  revision !== undefined || replyTo !== undefined || mentions !== undefined;

/** In this order, at the end of the shape. */
export const beyondContentShape = ({ replyTo, mentions, revision, editedAtMs, reactions }: Message) => ({
  ...(replyTo === undefined ? {} : { reply_to: String(replyTo) }),
  ...(mentions === undefined ? {} : { mentions: mentions.map(String) }),
  ...(revision === undefined ? {} : { revision }),
  ...(editedAtMs === undefined ? {} : { edited: isoTime(editedAtMs) }),
  ...(reactions === undefined ? {} : { reactions: reactionShapes(reactions) }),
});

export const reactionShapes = (reactions: readonly ReactionCount[]): ReactionShape[] =>
  reactions.map(({ reaction, count, userIds }) => ({ reaction, count, user_ids: userIds.map(String) }));

/** Where a message stands that is not shown as a whole. */
export const placeShape = ({
  messageId,
  seq,
  chatId,
  chatKey,
}: Pick<Message, "messageId" | "seq" | "chatId" | "chatKey">) => ({
  message_id: String(messageId),
  seq,
  chat_id: String(chatId),
  chatID: chatKey,
});

/** One of what changed after a revision: a message as it is now, or the place where one was. */
export const changeShape = (message: Message) =>
  message.kind === "deleted"
    ? { change: "deleted", revision: message.revision, ...placeShape(message) }
    : { change: "changed", revision: message.revision, message: messageShape(message) };

/** What was done to a message just now. */
export type MessageChange =
  | { readonly type: "message.edited"; readonly message: Message }
  | { readonly type: "message.deleted"; readonly message: DeletedMessage }
  | { readonly type: "message.reacted"; readonly reacted: Reacted };

export function liveChangeShape(change: MessageChange) {
  switch (change.type) {
    case "message.edited":
      return { change: "edited", revision: change.message.revision, message: messageShape(change.message) };
    case "message.deleted":
      return { change: "deleted", revision: change.message.revision, ...placeShape(change.message) };
    case "message.reacted":
      return reactedShape(change.reacted);
  }
}

const reactedShape = ({ revision, by, reaction, added, reactions, ...place }: Reacted) => ({
  change: "reacted",
  revision,
  ...placeShape(place),
  user_id: String(by),
  reaction,
  added,
  reactions: reactionShapes(reactions),
});

const contentShape = (content: string | Uint8Array): Pick<MessageShape, "content" | "encoding"> =>
  typeof content === "string"
    ? { content }
    : { content: Buffer.from(content).toString("base64"), encoding: "base64" as const };

export function eventShape(event: StoredEvent) {
  const { about, newOwner } = event;
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
    ...(newOwner === undefined
      ? {}
      : { owner: { GUID: newOwner.guid, user_id: String(newOwner.userId), userID: newOwner.userKey } }),
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

export const presenceShape = ({ userId, online, lastSeenAtMs }: ShownPresence) => ({
  user_id: String(userId),
  online,
  last_seen: lastSeenAtMs === undefined ? undefined : isoTime(lastSeenAtMs),
});

/** The same as a state of that user. */
export const typingStateShape = ({ chatId, chatKey, user, typing }: Typing) => ({
  chat_id: String(chatId),
  chatID: chatKey,
  user_id: String(user.userId),
  typing,
});

/** Everything up to `delivered` reached the user, and the user has read up to `read`. */
export function receiptShape(
  { userId, deliveredSeq, readSeq, atMs }: Receipt,
  chat: { readonly chatId: ChatId; readonly chatKey: string },
) {
  return {
    chat_id: String(chat.chatId),
    chatID: chat.chatKey,
    user_id: String(userId),
    delivered: deliveredSeq,
    ...(readSeq === undefined ? {} : { read: readSeq }),
    ...(atMs === undefined ? {} : { time: isoTime(atMs) }),
  };
}

/** As an event: everything up to `through`. It has no id, since there is nothing to confirm. */
export const reachedShape = ({ chatId, chatKey, user, status, seq }: ReachedThrough) => ({
  type: status,
  chat_id: String(chatId),
  chatID: chatKey,
  through: seq,
  users: [{ GUID: user.guid, user_id: String(user.userId), userID: user.userKey }],
});

/** As an event: it has no id, since there is nothing to confirm. */
export const changeEventShape = (change: MessageChange) => ({ type: "change", ...liveChangeShape(change) });

export const isoTime = (ms: number): string => new Date(ms).toISOString();
