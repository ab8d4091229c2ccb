/** Finding messages by their words. */
import { DomainError } from "../errors.ts";
import type { ChatRef, UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { FoundMessages } from "./search-store.ts";

/** Of a query, in UTF-16 units. */
export const queryCharactersMax = 256;
/** Of one page. */
export const foundMax = 50;
export const foundUsually = 20;

export type Search = ReturnType<typeof createSearch>;

export function createSearch({ store }: { store: Pick<Store, "searchMessages" | "findChatOf"> }) {
  /**
   * Gives a page of the messages that `reader` may see and that have every word of `query`, the newest first. Throws
   * `invalid_query`, `chat_not_found` (also where the reader is not in the chat), `search_off`, `busy`.
   */
  return async function search(
    reader: UserId,
    asked: {
      query: string;
      chat: ChatRef | undefined;
      before: number | undefined;
      limit: number | undefined;
      inlineBytesMax?: number | undefined;
    },
  ): Promise<FoundMessages> {
    const { query, before, limit = foundUsually, inlineBytesMax } = asked;
    if (query.length > queryCharactersMax) {
      throw new DomainError("invalid_query", `a query has at most ${queryCharactersMax} characters`);
    }
    const chat = asked.chat === undefined ? undefined : await store.findChatOf(reader, asked.chat);
    if (asked.chat !== undefined && chat === undefined) throw new DomainError("chat_not_found");
    return store.searchMessages({
      userId: reader,
      chatId: chat?.chatId,
      query,
      before,
      limit: Math.min(Math.max(limit, 1), foundMax),
      inlineBytesMax,
    });
  };
}
