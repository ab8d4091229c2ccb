/** What the client keeps, and how it reads it from frames. Times are epoch milliseconds, ids strings of digits. */
import { countOf, type Fields, idOf, isFields, listOf, textOf, timeOf, wordOf } from "./json.ts";

export interface FileRecord {
  readonly url: string;
  readonly bytes: number;
  readonly type: string;
  readonly name?: string | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

export interface ReactionRecord {
  readonly reaction: string;
  readonly count: number;
  readonly userIds: readonly string[];
}

export interface MessageRecord {
  readonly chatId: string;
  readonly messageId: string;
  readonly seq: number;
  readonly senderId: string;
  readonly time: number;
  readonly type: string;
  /** Absent where it is large or the message is deleted. */
  readonly content?: string | undefined;
  readonly file?: FileRecord | undefined;
  readonly clientId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly mentions: readonly string[];
  readonly edited?: number | undefined;
  readonly revision: number;
  readonly deleted: boolean;
  readonly reactions: readonly ReactionRecord[];
}

/** Everything up to these places reached, or was read by, a member. */
export interface Progress {
  readonly delivered: number;
  readonly read: number;
}

export interface ChatRecord {
  readonly chatId: string;
  readonly kind: "direct" | "group";
  readonly name: string;
  readonly avatar: string;
  readonly ownerId?: string | undefined;
  /** The other user of a direct chat. */
  readonly peerId?: string | undefined;
  readonly created: number;
  readonly mutedUntil?: number | undefined;
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  /** `unread` counts the messages up to here. */
  readonly counted: number;
  readonly mentioned: boolean;
  /** What is kept of the chat is as it was at this revision, or later. */
  readonly revision: number;
  readonly last?: MessageRecord | undefined;
  readonly memberIds?: readonly string[] | undefined;
  /** Of the other members, by user. */
  readonly progress: Readonly<Record<string, Progress>>;
}

export const contactStates = ["none", "request", "authorization", "friend", "banned", "ignore"] as const;

export interface PersonRecord {
  readonly userId: string;
  readonly name: string;
  readonly avatar: string;
  readonly kind: "person" | "hook" | "device";
  readonly contact: (typeof contactStates)[number];
}

/** Members and progress are kept of so many users of a chat. */
export const membersKept = 300;

export function readMessage(value: unknown): MessageRecord | undefined {
  if (!isFields(value)) return undefined;
  const chatId = idOf(value["chat_id"]);
  const messageId = idOf(value["message_id"]);
  const seq = countOf(value["seq"]);
  const senderId = idOf(value["sender_id"] ?? value["sender"]);
  if (chatId === undefined || messageId === undefined || senderId === undefined || !seq) return undefined;
  return {
    chatId,
    messageId,
    seq,
    senderId,
    time: timeOf(value["time"]) ?? 0,
    type: textOf(value["type"]) ?? "text",
    content: typeof value["content"] === "string" ? value["content"] : undefined,
    file: readFile(value["file"]),
    clientId: textOf(value["client_id"]),
    replyTo: idOf(value["reply_to"]),
    mentions: listOf(value["mentions"], idOf),
    edited: timeOf(value["edited"]),
    revision: countOf(value["revision"]) ?? 0,
    deleted: value["type"] === "deleted",
    reactions: readReactions(value["reactions"]),
  };
}

/** A file of this server alone: an address elsewhere would tell others who reads what. */
function readFile(value: unknown): FileRecord | undefined {
  if (!isFields(value)) return undefined;
  const url = textOf(value["url"]);
  if (url === undefined || !/^\/_\/files\/[\w-]+$/.test(url)) return undefined;
  return {
    url,
    bytes: countOf(value["bytes"]) ?? 0,
    type: textOf(value["type"]) ?? "application/octet-stream",
    name: textOf(value["name"]),
    width: countOf(value["width"]),
    height: countOf(value["height"]),
  };
}

export const readReactions = (value: unknown): ReactionRecord[] =>
  listOf(value, (one) => {
    if (!isFields(one)) return undefined;
    const reaction = textOf(one["reaction"]);
    const count = countOf(one["count"]);
    if (reaction === undefined || !count) return undefined;
    return { reaction, count, userIds: listOf(one["user_ids"], idOf) };
  });

/** The path of a picture of this server, else "". */
export const readAvatar = (value: unknown): string =>
  typeof value === "string" && /^\/_\/avatars\/[\w-]+$/.test(value) ? value : "";

/** A person as members, contacts and searches show them; a field that is absent comes from what was `known`. */
export function readPerson(value: unknown, known?: (userId: string) => PersonRecord | undefined) {
  if (!isFields(value)) return undefined;
  const userId = idOf(value["user_id"]);
  if (userId === undefined) return undefined;
  const before = known?.(userId);
  const person: PersonRecord = {
    userId,
    name: textOf(value["user_name"]) ?? before?.name ?? "",
    avatar: "avatar" in value ? readAvatar(value["avatar"]) : (before?.avatar ?? ""),
    kind: wordOf(value["kind"], ["hook", "device"]) ?? before?.kind ?? "person",
    contact: wordOf(value["status"], contactStates) ?? before?.contact ?? "none",
  };
  return person;
}

/** Whose picture is at a path of `readAvatar`: a user's, or a group's, whose id is the chat's. */
const ownerOf = (avatar: string): string | undefined => /^\/_\/avatars\/(\d+)-/.exec(avatar)?.[1];

/**
 * What `chat.list`, `chat.get` and `chat.spawn` say of a chat, over what was known of it. A direct chat bears the picture
 * of the other user, so the picture's path says whom the chat is with.
 */
export function readChat(value: Fields, before: ChatRecord | undefined): ChatRecord | undefined {
  const chatId = idOf(value["chat_id"]);
  if (chatId === undefined) return undefined;
  const avatar = readAvatar(value["avatar"]);
  const owner = ownerOf(avatar);
  const isDirect = owner === undefined ? before?.kind === "direct" : owner !== chatId;
  const members = Array.isArray(value["members"])
    ? listOf(value["members"], (one) => (isFields(one) ? idOf(one["user_id"]) : idOf(one))).slice(0, membersKept)
    : before?.memberIds;
  return {
    chatId,
    kind: isDirect ? "direct" : "group",
    name: textOf(value["name"]) ?? before?.name ?? "",
    avatar,
    ownerId: idOf(value["owner_id"]) ?? before?.ownerId,
    peerId: isDirect ? (owner ?? before?.peerId) : undefined,
    created: timeOf(value["created"]) ?? before?.created ?? 0,
    mutedUntil: "last_seq" in value ? timeOf(value["muted_until"]) : before?.mutedUntil,
    lastSeq: Math.max(countOf(value["last_seq"]) ?? 0, before?.lastSeq ?? 0),
    readSeq: Math.max(countOf(value["read_seq"]) ?? 0, before?.readSeq ?? 0),
    unread: before?.unread ?? 0,
    counted: before?.counted ?? 0,
    mentioned: before?.mentioned ?? false,
    revision: before?.revision ?? 0,
    last: before?.last,
    memberIds: members,
    progress: before?.progress ?? {},
  };
}
