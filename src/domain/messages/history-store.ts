/**
 * Parts of the log at a known position. The cost of a read does not depend on the age or size of the chat. The store
 * may answer with less than the stretch asked for, where its messages are large.
 */

import type { ChatId, Message, MessageId, MessageReader, UserId } from "../model.ts";

/** A message whose client's clock is off by more than this has an odd time; an index finds such messages. */
export const oddTimeMs = 60_000;

/** A chat and the extent of its log. */
export interface ChatLog {
  readonly chatId: ChatId;
  readonly kind: "direct" | "group";
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastMessageId: MessageId;
}

export interface Stretch {
  readonly chatId: ChatId;
  /** Both inclusive. Read from `from` upwards, or from `to` downwards. */
  readonly from: number;
  readonly to: number;
  readonly descending: boolean;
  /** Only messages of these senders. */
  readonly senders: readonly [UserId, UserId] | undefined;
  /** The reader whose text is given, for messages with a text for each recipient. */
  readonly reader: MessageReader;
}

export interface Piece {
  /** In the order of reading. */
  readonly messages: readonly Message[];
  /** The last position that was looked at, whether or not its message is given. */
  readonly reached: number;
}

export interface HistoryReads {
  /** The chat, if the user is a member. */
  findChatLog(userId: UserId, chatId: ChatId): Promise<ChatLog | undefined>;
  /** The user's chats that hold messages; with another user as `other` only those that both are in. */
  chatLogs(userId: UserId, other: UserId): Promise<ChatLog[]>;
  /** Reads every message of the stretch, so the stretch must be short. Large content is left out (`withContent`). */
  readStretch(stretch: Stretch): Promise<Piece>;
  /** Gives at most `limit` messages of the stretch, of any length, whose client's clock disagrees with ours. */
  readOddTimes(stretch: Stretch & { limit: number }): Promise<Piece>;
  /** The first `seq` of the chat with this message id or a larger one; one past the last where there is none. */
  seqFrom(log: ChatLog, messageId: number): Promise<number>;
  messageIdOf(chatId: ChatId, seq: number): Promise<MessageId | undefined>;
  /** The first message id, over all chats, stored at this time or later. */
  messageIdAt(sentAtMs: number): Promise<number>;
}
