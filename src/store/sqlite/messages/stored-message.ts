/** A message as its row says it, for those who read one; and one just stored, made of what its sender said and of its place. */
import { kindOf } from "../../../domain/messages/messages.ts";
import {
  type ChatId,
  type Draft,
  type Message,
  type MessageId,
  messageKinds,
  type UserId,
} from "../../../domain/model.ts";
import type { EnteredParts } from "../chats/chat-parts.ts";
import type { NamedFile } from "./named-files.ts";

/** The bit in `messages.kind` of a message that has a text of its own for each recipient. */
export const addressedBit = 16;

export const deletedKind = messageKinds.indexOf("deleted");

/** Deleted, whether or not each recipient had a text of their own. */
export const isDeletedRow = ({ kind }: { readonly kind: number }): boolean => kind % addressedBit === deletedKind;

/** Of the columns below. */
export interface StoredMessageRow {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
  readonly type: string | null;
  readonly content: string | Uint8Array | null;
  readonly clientId: string | null;
  readonly clientTimeMs: number | null;
  readonly sentAtMs: number;
  readonly extras: string | null;
}

export const storedMessageColumns =
  "message_id messageId, chat_id chatId, seq, sender_id senderId, kind, type, content, client_id clientId, client_time_ms clientTimeMs, sent_at_ms sentAtMs, extras";

export type EncodedAppend = [
  messageId: number,
  seq: number,
  sentAtMs: number,
  chatId: number,
  chatKey: string,
  senderKey: string,
  repeatOf: number,
  members: readonly number[] | null,
  entered: EnteredParts | null,
  /** Left out, or null, where it names no one. */
  mentions?: readonly number[] | null,
  /** Of a message that names a file. */
  named?: NamedFile,
];

/** How an `EncodedAppend` begins. */
export type Placed = readonly [
  messageId: EncodedAppend[0],
  seq: EncodedAppend[1],
  sentAtMs: EncodedAppend[2],
  chatId: EncodedAppend[3],
  chatKey: EncodedAppend[4],
  senderKey: EncodedAppend[5],
  ...unknown[],
];

export function sentMessage(
  draft: Pick<Draft, "from" | "type" | "clientId" | "clientTimeMs" | "replyTo">,
  [messageId, seq, sentAtMs, chatId, chatKey, senderKey]: Placed,
  content: string | Uint8Array,
  mentions?: readonly number[],
): Message {
  const message: Message = {
    messageId: messageId as MessageId,
    chatId: chatId as ChatId,
    chatKey,
    seq,
    senderId: draft.from,
    senderKey,
    kind: kindOf(draft),
    type: draft.type,
    content,
    clientId: draft.clientId,
    clientTimeMs: draft.clientTimeMs,
    sentAtMs,
  };
  const { replyTo } = draft;
  if (replyTo === undefined && mentions === undefined) return message;
  return {
    ...message,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(mentions === undefined ? {} : { mentions: mentions as readonly UserId[] }),
  };
}
