/**
 * Brings the index up to the messages, behind their commits, in slices that take milliseconds. What changes marked comes
 * first, then what must be overwritten, then what is new.
 */
import { termsOf, wordsOf } from "../../../lib/words.ts";
import type { IndexFile } from "./index-file.ts";
import { type Shard, withChat } from "./shard.ts";
import type { TextRow, TextRows } from "./text-rows.ts";

const marksAtOnce = 64;
/** Messages of a chat that is gone, removed at once. */
const removedAtOnce = 256;
/** A text counts as so much time, so that a slice of long ones ends too. */
const rowsAtOnce = 1024;
/** Words that were removed are overwritten at once, and then no more often than this, since each time costs the same. */
const tidyEveryMs = 60_000;

export interface SliceTime {
  /** For what waits. */
  monotonicMs(): number;
}

export interface Slice {
  /** Whether there is more to do: now, or from then on; undefined where there is nothing. */
  readonly again: "now" | { readonly inMs: number } | undefined;
  /** Up to this mark everything is in the index. */
  readonly marksThrough: number | undefined;
}

/** @param sliceMs what a slice may take, about. */
export function createIndexer(parts: { index: IndexFile; rows: TextRows; time: SliceTime; sliceMs: number }) {
  const { index, rows, time, sliceMs } = parts;
  let marksThrough = 0;
  /** The shard that is being tidied, and when each one was begun. */
  let tidying: Shard | undefined;
  const begunAtMs = new Map<number, number>();

  function slice(): Slice {
    const marked = takeMarks();
    if (marked !== undefined) return marked;
    const tidied = tidy();
    if (tidied === "now") return { again: "now", marksThrough: undefined };
    return { again: takeNew() ? "now" : tidied, marksThrough: undefined };
  }

  /** Only what is marked; undefined where nothing is. */
  function takeMarks(): Slice | undefined {
    const marks = rows.marks(marksThrough, marksAtOnce);
    const last = marks.at(-1);
    if (last === undefined) return undefined;
    let isWhole = true;
    index.write(() => {
      for (const { chatId, messageId } of marks) {
        if (messageId !== null) again(messageId);
        else if (!removeGone(chatId)) isWhole = false;
      }
    });
    if (isWhole) marksThrough = last.markId;
    return { again: "now", marksThrough: isWhole ? marksThrough : undefined };
  }

  /** The message has another text now, or none. */
  function again(messageId: number): void {
    if (messageId > index.through) return;
    index.remove(messageId);
    const row = rows.byId(messageId);
    if (row !== undefined) add(row);
  }

  /** False where there may be more. Messages go from the oldest on, so the first one that is there ends it. */
  function removeGone(chatId: number): boolean {
    const gone: number[] = [];
    let isWhole = true;
    search: for (const shard of index.shards()) {
      for (const messageId of shard.ofChat(chatId)) {
        if (rows.byId(messageId) !== undefined) break search;
        isWhole = gone.length < removedAtOnce;
        if (!isWhole) break search;
        gone.push(messageId);
      }
    }
    for (const messageId of gone) index.remove(messageId);
    return isWhole;
  }

  function tidy(): Slice["again"] {
    tidying ??= due();
    if (tidying === undefined) return waitForTidy();
    const shard = tidying;
    const end = time.monotonicMs() + sliceMs;
    let isMore = true;
    index.write(() => {
      do isMore = shard.tidy();
      while (isMore && time.monotonicMs() < end);
      if (!isMore) index.tidied(shard);
    });
    if (isMore) return "now";
    tidying = undefined;
    index.shrink();
    return "now";
  }

  function due(): Shard | undefined {
    const nowMs = time.monotonicMs();
    const shard = index.untidy().find(({ number }) => nowMs - (begunAtMs.get(number) ?? -tidyEveryMs) >= tidyEveryMs);
    if (shard !== undefined) begunAtMs.set(shard.number, nowMs);
    return shard;
  }

  function waitForTidy(): Slice["again"] {
    const waiting = index.untidy();
    if (waiting.length === 0) return undefined;
    const nowMs = time.monotonicMs();
    return { inMs: Math.min(...waiting.map(({ number }) => (begunAtMs.get(number) ?? 0) + tidyEveryMs - nowMs)) };
  }

  /** False where nothing is new. */
  function takeNew(): boolean {
    const last = rows.lastMessageId();
    if (last <= index.through) return false;
    const end = time.monotonicMs() + sliceMs;
    index.write(() => {
      let through = last;
      let anchor: TextRow | undefined;
      let count = 0;
      for (const row of rows.upwards(index.through, last)) {
        anchor = row;
        add(row);
        count += 1;
        if (count >= rowsAtOnce || time.monotonicMs() >= end) {
          through = row.messageId;
          break;
        }
      }
      index.reach(through, anchor);
    });
    return true;
  }

  function add(row: TextRow): void {
    const text = rows.textOf(row);
    if (text === undefined) return;
    const terms = termsOf(wordsOf(text));
    if (terms.size > 0) index.add(row.messageId, withChat(row.chatId, terms));
  }

  return { slice, takeMarks };
}

/** Whether the index was made from this log, as far as it went. */
export function isOfThisLog(index: IndexFile, rows: TextRows): boolean {
  if (index.through === 0) return true;
  if (index.through > rows.lastMessageId()) return false;
  for (const { messageId, chatId, seq, sentAtMs } of index.anchors()) {
    const row = rows.byId(messageId);
    // The messages of a chat that is gone are gone as well; an older anchor tells then.
    if (row === undefined) continue;
    return row.chatId === chatId && row.seq === seq && row.sentAtMs === sentAtMs;
  }
  return false;
}
