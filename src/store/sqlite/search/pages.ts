/**
 * A page of what matches a query in a user's chats, the newest first. It looks at a bounded number of rows, and at the shards
 * one by one, until it is full or has taken its time; then it says from where to go on. The index only says where to look:
 * each message is shown for what its row says now.
 */
import { isEmpty, isMatch, needlesOf, wordsOf } from "../../../lib/words.ts";
import type { IndexFile } from "./index-file.ts";
import type { SliceTime } from "./indexer.ts";
import { queryFor } from "./shard.ts";
import type { TextRow, TextRows } from "./text-rows.ts";

/** Of more chats, the index is asked for the words alone: to look up this many costs as much as the rows that it spares. */
const chatsInQueryMax = 64;
/** Terms given to the index; the rows tell the rest. */
const needlesMax = 24;
/** Content of the messages of one page; a larger message comes alone. */
const pageBytesMax = 1024 * 1024;

export interface PageRequest {
  readonly userId: number;
  /** Only in this chat. */
  readonly chatId: number | undefined;
  readonly query: string;
  /** Only messages below this id. */
  readonly before: number | undefined;
  readonly limit: number;
}

export interface FoundPage {
  readonly messageIds: readonly number[];
  /** The page that follows is below this id; undefined where there is none. */
  readonly next: number | undefined;
}

export interface PageBounds {
  /** Messages looked at for one page. */
  readonly rowsMax: number;
  /** About what a page may take before it says how to go on. */
  readonly pageMs: number;
}

export const defaultPageBounds: PageBounds = { rowsMax: 4096, pageMs: 12 };

/** Without an index it reads the messages themselves. */
export function createPages(parts: { index: IndexFile | undefined; rows: TextRows; time: SliceTime } & PageBounds) {
  const { index, rows, time, rowsMax, pageMs } = parts;

  /** Undefined where the query has no word. */
  return function find({ userId, chatId, query, before, limit }: PageRequest): FoundPage | undefined {
    const wanted = wordsOf(query);
    if (isEmpty(wanted)) return undefined;
    const chats = rows.chatsOf(userId).filter((chat) => chatId === undefined || chat.chatId === chatId);
    const chatIds = new Set(chats.map((chat) => chat.chatId));
    if (chatIds.size === 0) return { messageIds: [], next: undefined };
    const end = time.monotonicMs() + pageMs;
    const messageIds: number[] = [];
    let looked = 0;
    let bytes = 0;
    let place = before ?? Number.MAX_SAFE_INTEGER;

    /** False where the page is full: the message is the first of the next one. */
    function take(row: TextRow): boolean {
      looked += 1;
      const text = chatIds.has(row.chatId) ? rows.textOf(row) : undefined;
      if (text !== undefined && isMatch(wanted, wordsOf(text))) {
        if (messageIds.length === limit || (messageIds.length > 0 && bytes + text.length > pageBytesMax)) return false;
        messageIds.push(row.messageId);
        bytes += text.length;
      }
      place = row.messageId;
      return true;
    }

    /** At every few rows; the clock is asked that often. */
    const isSpent = (): boolean => looked >= rowsMax || (looked % 32 === 0 && time.monotonicMs() >= end);

    const through = index?.through ?? 0;
    for (const row of rows.downwards(through, place)) {
      if (!take(row) || isSpent()) return { messageIds, next: place };
    }
    place = Math.min(place, through + 1);
    const needles = needlesOf(wanted).slice(0, needlesMax);
    for (;;) {
      const shard = index?.shardAtOrBelow(place - 1);
      if (index === undefined || shard === undefined) return { messageIds, next: undefined };
      const first = index.firstIdOf(shard);
      const inShard = chats.filter(({ lastMessageId }) => lastMessageId >= first).map((chat) => chat.chatId);
      if (inShard.length > 0) {
        for (const messageId of shard.newest(
          queryFor(inShard.length > chatsInQueryMax ? [] : inShard, needles),
          place,
        )) {
          const row = rows.byId(messageId);
          if (row === undefined) looked += 1;
          else if (!take(row)) return { messageIds, next: place };
          place = messageId;
          if (isSpent()) return { messageIds, next: place };
        }
      }
      place = first;
      if (place === 0) return { messageIds, next: undefined };
      if (time.monotonicMs() >= end && index.shardAtOrBelow(place - 1) !== undefined)
        return { messageIds, next: place };
    }
  };
}
