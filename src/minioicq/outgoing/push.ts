/**
 * What the server tells clients by itself, `message.push` and `chat.spawn` (MiniOICQ § Push Message, § Create Chat),
 * and the parts that answers share with them. A live frame is encoded once for each dialect and given to every socket
 * of that dialect.
 */

import { avatarPath, avatarText } from "../../delivery/avatar.ts";
import { isoTime } from "../../delivery/shapes.ts";
import { shownTimeMs } from "../../domain/messages/messages.ts";
import type { Chat, ChatView, Message, MessageId, ReactionCount, User, UserId, UserKind } from "../../domain/model.ts";
import { isPerson } from "../../domain/people/kinds.ts";
import type { Dialect } from "../dialect.ts";
import { encodeFrame, type Frame } from "../requests/codec.ts";
import { contentFields } from "./large-content.ts";

/** What a frame holds; fields that are undefined are left out. */
export type Body = Readonly<Record<string, unknown>> & { readonly action: string };

export const wireId = (id: number, { numericIds }: Dialect): number | string => (numericIds ? id : String(id));

/** Integer clients keep message ids in 32 bits; of larger ids they see the low 31 bits. */
export const wireMessageId = (id: number, { numericIds }: Dialect): number | string =>
  numericIds ? id % shownIds : String(id);

const shownIds = 2 ** 31;

/**
 * The id of the message that was shown to the client as `id`; undefined where it may be one of several. `newest` is the
 * newest message of all.
 */
export const shownMessageId = (id: number, newest: number, { numericIds }: Dialect): MessageId | undefined =>
  numericIds && id < shownIds && newest >= shownIds ? undefined : (id as MessageId);

/**
 * `sender` is the document's key, `sender_id` the original server's (O9); the time is the client's where it gave one
 * (O12). Only the sender's own clients see `client_id`.
 */
export function messageBody(message: Message, dialect: Dialect, reader: UserId) {
  const sender = wireId(message.senderId, dialect);
  return {
    chat_id: wireId(message.chatId, dialect),
    message_id: wireMessageId(message.messageId, dialect),
    sender,
    sender_id: sender,
    time: messageTime(message),
    type: message.type,
    ...contentFields(message, dialect),
    seq: message.seq,
    client_id: message.senderId === reader ? message.clientId : undefined,
    ...(dialect.extended && isBeyond(message) ? fieldsBeyond(message, dialect) : undefined),
  };
}

/** Whether a message has what the document has no key for; the messages of most chats do not. */
const isBeyond = ({ revision, replyTo, mentions }: Message): boolean =>
  revision !== undefined || replyTo !== undefined || mentions !== undefined;

/** Only clients that use extensions are given these. */
const fieldsBeyond = ({ revision, replyTo, mentions, editedAtMs, reactions }: Message, dialect: Dialect) => ({
  reply_to: replyTo === undefined ? undefined : wireMessageId(replyTo, dialect),
  mentions: mentions?.map((userId) => wireId(userId, dialect)),
  revision,
  edited: editedAtMs === undefined ? undefined : isoTime(editedAtMs),
  reactions: reactions === undefined ? undefined : reactionBodies(reactions, dialect),
});

/** Nothing where a chat is not muted. */
export const mutedUntil = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : isoTime(ms));

export const reactionBodies = (reactions: readonly ReactionCount[], dialect: Dialect) =>
  reactions.map(({ reaction, count, userIds }) => ({
    reaction,
    count,
    user_ids: userIds.map((userId) => wireId(userId, dialect)),
  }));

const messageTime = (message: Message): string => isoTime(shownTimeMs(message));

const livePushes = new WeakMap<Message, (Frame | undefined)[]>();

/** A push of one message, shared by all sockets of one dialect. */
export function livePush(message: Message, dialect: Dialect, reader: UserId): Frame {
  const beyond = dialect.extended && isBeyond(message) ? extendedVariant : 0;
  return sharedFrame(livePushes, message, variant(dialect, message.senderId === reader) | beyond, () =>
    pushFrame([message], dialect, reader),
  );
}

/** @param waiting so many messages wait, those of this push included. */
export function pushFrame(messages: readonly Message[], dialect: Dialect, reader: UserId, waiting?: number): Frame {
  return encodeFrame(dialect.encoding, {
    action: "message.push",
    messages: messages.map((message) => messageBody(message, dialect, reader)),
    waiting,
  } satisfies Body);
}

const groupAnnouncements = new WeakMap<ChatView, (Frame | undefined)[]>();

/** `chat.spawn`. A direct chat looks different from either side; a group's frame is shared. */
export function announcementFrame(view: ChatView, dialect: Dialect, reader: UserId, avatarBytesMax: number): Frame {
  const make = () => encodeFrame(dialect.encoding, announcementBody(view, dialect, reader, avatarBytesMax));
  return view.chat.kind === "direct" ? make() : sharedFrame(groupAnnouncements, view, pictureVariant(dialect), make);
}

const announcementBody = (view: ChatView, dialect: Dialect, reader: UserId, avatarBytesMax: number): Body => ({
  action: "chat.spawn",
  ...chatBody(view, dialect, reader, avatarBytesMax),
});

/** A chat with its members, as `chat.spawn` shows it to `reader`. */
export function chatBody(
  { chat, members, avatar }: ChatView,
  dialect: Dialect,
  reader: UserId,
  avatarBytesMax: number,
) {
  const other = chat.kind === "direct" ? (members.find((user) => user.userId !== reader) ?? members[0]) : undefined;
  return { ...chatFields(chat, dialect, { other, avatar }), members: userBodies(members, dialect, avatarBytesMax) };
}

/** A direct chat bears the name and picture of `other` (O10): the reader's own where the reader talks to themselves. */
export function chatFields(
  chat: Chat,
  dialect: Dialect,
  { other, avatar }: { other: User | undefined; avatar: Uint8Array | undefined },
) {
  const name = other?.nick ?? chat.name;
  return {
    chat_id: wireId(chat.chatId, dialect),
    name,
    chat_name: name, // O16
    avatar: other === undefined ? pictureOf({ id: chat.chatId, avatar }, dialect) : userAvatar(other, dialect),
    owner_id: wireId(chat.ownerId, dialect),
    created: isoTime(chat.createdAtMs),
  };
}

/** The picture itself, or where it is. */
export const pictureOf = (
  owner: { readonly id: number; readonly avatar?: Uint8Array | undefined },
  { avatarsByUrl }: Dialect,
): string => (avatarsByUrl ? avatarPath(owner) : avatarText(owner));

const userAvatar = (user: User, dialect: Dialect): string =>
  pictureOf({ id: user.userId, avatar: user.avatar }, dialect);

/** The `users` and `members` of the document. Uploaded avatars are shown while they fit, then generated ones. */
export function userBodies(users: readonly User[], dialect: Dialect, avatarBytesMax: number) {
  let left = avatarBytesMax;
  return users.map((user) => {
    if (!dialect.avatarsByUrl) left -= user.avatar?.byteLength ?? 0;
    return {
      user_id: wireId(user.userId, dialect),
      user_name: user.nick,
      avatar: left < 0 ? avatarText({ id: user.userId }) : userAvatar(user, dialect),
      kind: kindShown(user),
    };
  });
}

/** One user's own description, in the answers to `auth.*` and `user.get`. */
export const userFields = (user: User, dialect: Dialect) => ({
  user_id: wireId(user.userId, dialect),
  user_name: user.nick,
  avatar: userAvatar(user, dialect),
  kind: kindShown(user),
});

/** A person's is left out. */
const kindShown = (user: User): UserKind | undefined => (isPerson(user) ? undefined : user.kind);

/** A shared frame's place among its forms. All connections of a door have the same bound for content, or 0. */
export const variant = ({ encoding, numericIds, textBase64, contentBytesMax }: Dialect, own: boolean): number =>
  (encoding === "json" ? 1 : 0) |
  (numericIds ? 2 : 0) |
  (own ? 4 : 0) |
  (textBase64 ? 8 : 0) |
  (contentBytesMax === 0 ? 16 : 0);

const extendedVariant = 32;
/** Of frames with pictures. */
export const pictureVariant = (dialect: Dialect): number => variant(dialect, false) | (dialect.avatarsByUrl ? 64 : 0);

export function sharedFrame<Key extends object>(
  cache: WeakMap<Key, (Frame | undefined)[]>,
  key: Key,
  index: number,
  make: () => Frame,
): Frame {
  let frames = cache.get(key);
  if (frames === undefined) {
    frames = [];
    cache.set(key, frames);
  }
  const known = frames[index];
  if (known !== undefined) return known;
  const frame = make();
  frames[index] = frame;
  return frame;
}
