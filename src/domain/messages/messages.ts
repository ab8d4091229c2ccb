/** Sending messages to a chat. A message is stored, then published; only after that does the caller acknowledge it. */

import { DomainError } from "../errors.ts";
import {
  type ChatRef,
  type DeletedMessage,
  type Draft,
  type Message,
  type MessageId,
  type MessageKind,
  type Sent,
  systemUserId,
  type UserId,
} from "../model.ts";
import type { Store } from "../store.ts";
import { isHidden } from "./addressed.ts";

export interface MessageLimits {
  readonly contentBytesMax: number;
  /** The same limit for content other than text: images, files, audio, video. */
  readonly fileBytesMax: number;
  readonly clientIdCharactersMax: number;
  readonly typeCharactersMax: number;
}

export const defaultMessageLimits: MessageLimits = {
  contentBytesMax: 1024 * 1024,
  fileBytesMax: 16 * 1024 * 1024,
  clientIdCharactersMax: 256,
  typeCharactersMax: 128,
};

/** The size of a page of a chat's history. */
export const historyRowsMax = 100;

/** Users that one message may name. */
export const mentionsMax = 32;

/** The range of ECMAScript's time values. */
const timeMsMax = 8.64e15;

export type Messages = ReturnType<typeof createMessages>;

export function createMessages({ store, limits }: { store: Store; limits: MessageLimits }) {
  /**
   * Resolves when the message is on disk and queued for every connected member, the sender's own clients included.
   * Throws `invalid_message`, `message_too_large`, `chat_not_found`, `not_a_member`, `file_not_found`, `user_disabled`,
   * `storage_full`, and `message_not_found` where the message that it answers is not in the chat.
   */
  function send(draft: Draft): Promise<Sent> {
    try {
      checkDraft(draft, limits);
    } catch (error) {
      return Promise.reject(error);
    }
    return store.appendMessage(draft); // its own promise, since a message waits for each one that stands around it
  }

  /** Like `send`, all or nothing. */
  async function sendAll(drafts: readonly Draft[]): Promise<Sent[]> {
    for (const draft of drafts) checkDraft(draft, limits);
    return store.appendMessages(drafts);
  }

  /**
   * Deletes a message; its sender may do this, and the owner of the group. Throws `message_not_found`, also for users
   * who are not in the chat, and `not_authorized`.
   */
  async function remove(userId: UserId, messageId: MessageId): Promise<DeletedMessage> {
    return (await store.deleteMessage({ userId, messageId })).message;
  }

  /** Deletes any message, for a backend. Throws `message_not_found`. */
  async function removeAny(messageId: MessageId): Promise<DeletedMessage> {
    return (await store.deleteMessage({ messageId })).message;
  }

  /** Gives a page of a chat that `reader` is in, ascending. Throws `chat_not_found`. */
  async function history(
    reader: UserId,
    page: { chat: ChatRef; afterSeq?: number | undefined; beforeSeq?: number | undefined; limit: number },
  ): Promise<Message[]> {
    const chat = await store.findChatOf(reader, page.chat);
    if (chat === undefined) throw new DomainError("chat_not_found");
    const { chatId } = chat;
    const { afterSeq, beforeSeq, limit } = page;
    const messages = await store.messages({ chatId, afterSeq, beforeSeq, limit, reader: { userId: reader } });
    return messages.filter((message) => !isHidden(message));
  }

  return { send, sendAll, remove, removeAny, history };
}

type DraftContent = Pick<Draft, "content" | "file" | "type" | "asBase64" | "clientId" | "clientTimeMs" | "mentions">;

/** Throws `invalid_message`, `message_too_large`. */
export function checkDraft(draft: DraftContent, limits: MessageLimits): void {
  const { content, file, clientId, clientTimeMs, type, mentions } = draft;
  if (file !== undefined && content.length > 0) {
    throw new DomainError("invalid_message", "it has content or names a file, not both");
  }
  if (clientTimeMs !== undefined && !(Math.abs(clientTimeMs) <= timeMsMax)) {
    throw new DomainError("invalid_message", "time");
  }
  // A UTF-16 unit is at most three bytes of UTF-8, so short strings need no counting.
  const bytes =
    typeof content !== "string"
      ? textBytes(draft, content.byteLength)
      : content.length * 3 <= limits.contentBytesMax
        ? 0
        : Buffer.byteLength(content);
  if (bytes > limits.contentBytesMax) checkLarge(draft, bytes, limits);
  // Half a surrogate pair has no UTF-8: the stored text would differ from the text sent.
  if (typeof content === "string" && !content.isWellFormed()) throw new DomainError("invalid_message", "not Unicode");
  if ((type === "" && file === undefined) || type.length > limits.typeCharactersMax || !type.isWellFormed()) {
    throw new DomainError("invalid_message", "type");
  }
  if (mentions !== undefined && mentions.length > mentionsMax) {
    throw new DomainError("invalid_message", `at most ${mentionsMax} mentions`);
  }
  if (clientId === undefined) return;
  if (clientId === "" || clientId.length > limits.clientIdCharactersMax || !clientId.isWellFormed()) {
    throw new DomainError("invalid_message", `client id must have 1 to ${limits.clientIdCharactersMax} characters`);
  }
}

/** Text that may be base64 is judged by the size it would decode to. The store decodes it and judges the rest. */
function checkLarge(
  { type, content, asBase64 }: DraftContent,
  bytes: number,
  { contentBytesMax, fileBytesMax }: MessageLimits,
): void {
  const bytesMax = kindOfType(type) === "text" ? contentBytesMax : Math.max(contentBytesMax, fileBytesMax);
  const maybeBase64 = asBase64 === true || typeof content === "string";
  const least = maybeBase64 && bytesMax > contentBytesMax ? Math.floor(bytes / 4) * 3 - 2 : bytes;
  if (least > bytesMax) throw new DomainError("message_too_large", `content is over ${bytesMax} bytes`);
}

/** The time a message shows: the client's time, where the client gave one. */
export const shownTimeMs = ({ clientTimeMs, sentAtMs }: Pick<Message, "clientTimeMs" | "sentAtMs">): number =>
  clientTimeMs ?? sentAtMs;

/** The length of the text: of bytes that stand for base64, the length of that base64 text. */
const textBytes = ({ asBase64 }: DraftContent, bytes: number): number =>
  asBase64 === true ? Math.ceil(bytes / 3) * 4 : bytes;

/** The kind of an incoming message. Only messages of the system are `system`. */
export const kindOf = ({ from, type }: { readonly from: UserId; readonly type: string }): MessageKind =>
  from === systemUserId ? "system" : kindOfType(type);

/** The kind of a type as a client spelled it: our five names, or a MIME type. Unknown types are files. */
export function kindOfType(type: string): MessageKind {
  if (type === "text" || type === "image" || type === "file" || type === "video" || type === "audio") return type;
  const slash = type.indexOf("/");
  const family = slash === -1 ? "" : type.slice(0, slash);
  if (family === "text" || family === "image" || family === "video" || family === "audio") return family;
  return "file";
}
