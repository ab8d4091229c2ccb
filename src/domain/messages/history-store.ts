/**
 * Pieces of the log at a known place, each read at a cost that does not depend on how old or how large the chat is.
 * Asked for a stretch, the store may answer with less of it, where its messages are large.
 */

import type { ChatId, Message, MessageId, MessageReader, UserId } from "../model.ts";

/** A client's clock that is further off than this makes its message's time an odd one, which is found by an index. */
export const oddTimeMs = 60_000;

/** A chat, as far as its log goes. */
export interface ChatLog {
  readonly chatId: ChatId;
  readonly kind: "direct" | "group";
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastMessageId: MessageId;
}

export interface Stretch {
  readonly chatId: ChatId;
  /** Both inclusive; read from `from` up, or from `to` down. */
  readonly from: number;
  readonly to: number;
  readonly descending: boolean;
  /** Only what one of these said. */
  readonly senders: readonly [UserId, UserId] | undefined;
  /** Whose text it is to be, of messages that have one for each recipient. */
  readonly reader: MessageReader;
}

export interface Piece {
  /** In the order of reading. */
  readonly messages: readonly Message[];
  /** The last place that was looked at, whoever's message stands there. */
  readonly reached: number;
}

export interface HistoryReads {
  /** The chat, if the user is in it. */
  findChatLog(userId: UserId, chatId: ChatId): Promise<ChatLog | undefined>;
  /** The user's chats that hold anything, those alone that he shares with `other` where that is somebody else. */
  chatLogs(userId: UserId, other: UserId): Promise<ChatLog[]>;
  /** Looks at every message of the stretch, so that is to be short. Large content is left out (`withContent`). */
  readStretch(stretch: Stretch): Promise<Piece>;
  /** At most `limit` messages of the stretch, however long, whose client's clock disagrees with ours. */
  readOddTimes(stretch: Stretch & { limit: number }): Promise<Piece>;
  /** The first `seq` of the chat with this message id or a larger one; the one after the last where there is none. */
  seqFrom(log: ChatLog, messageId: number): Promise<number>;
  messageIdOf(chatId: ChatId, seq: number): Promise<MessageId | undefined>;
  /** The first message id of all that was stored at this time or later. */
  messageIdAt(sentAtMs: number): Promise<number>;
}
