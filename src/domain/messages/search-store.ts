/** What the domain asks of the store to find messages by their words. */
import type { ChatId, Message, MessageId, UserId } from "../model.ts";

export interface MessageSearch {
  /** Who asks; they find messages of the chats that they are in. */
  readonly userId: UserId;
  /** In this chat alone. */
  readonly chatId: ChatId | undefined;
  /** Words: a text that has all of them, whole or as beginnings, is found. */
  readonly query: string;
  /** Only messages with a lower id. */
  readonly before: number | undefined;
  readonly limit: number;
  /** Content of larger files is left out. */
  readonly inlineBytesMax?: number | undefined;
}

export interface FoundMessages {
  /** The newest first. May be none although there is a `next`. */
  readonly messages: readonly Message[];
  /** Pass it as `before` for the page that follows; undefined where there is none. */
  readonly next: MessageId | undefined;
}

export interface SearchReads {
  /**
   * Finds text messages, those that no one has indexed yet included. Deleted ones, and those with a text for each recipient,
   * are never found. Throws `invalid_query` where the query has no word, `search_off`, `busy`.
   */
  searchMessages(search: MessageSearch): Promise<FoundMessages>;
}
