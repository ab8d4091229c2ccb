/**
 * `message.get` (O17): messages of one or several chats in the order the server stored them, picked by
 * time or by place in the list, a page at a time. A page begins where it is asked for and looks at a bounded number of
 * messages, so an old one costs what a new one does; where it stopped before its end it tells how to go on.
 */

import { isHidden } from "../../domain/messages/addressed.ts";
import { type ChatLog, oddTimeMs } from "../../domain/messages/history-store.ts";
import { shownTimeMs } from "../../domain/messages/messages.ts";
import type { Message, MessageReader, UserId } from "../../domain/model.ts";
import type { Reads } from "../../domain/store.ts";
import type { MiniOicqLimits } from "../limits.ts";
import { messageBytes, withFrameContent } from "../outgoing/large-content.ts";
import { LogReader, type Segment } from "./log-reader.ts";

interface Place {
  readonly go: "up" | "down";
  readonly place: number;
  readonly index: number;
  /** The place is as the server keeps it, not as a client was shown it. */
  readonly whole: boolean;
}

/** Which part of the history, and how much of it at the most. */
export interface HistoryPage {
  readonly limit: number | undefined;
  /** Where the page before this one ended: a `seq` of the chat, or a message id where several chats are read. */
  readonly from: Place | undefined;
}

/** Both ends inclusive. Indexes count from 0 in the ascending list; an end left open is undefined. */
export type HistoryRange =
  | { readonly by: "index"; readonly first: number; readonly last: number }
  | { readonly by: "time"; readonly fromMs: number | undefined; readonly toMs: number | undefined };

export interface HistoryQuery {
  readonly logs: readonly ChatLog[];
  /** One chat is read by `seq`, several by message id. */
  readonly places: "seq" | "message";
  /** Only messages of these senders; undefined for all. */
  readonly senders: readonly [UserId, UserId] | undefined;
  readonly range: HistoryRange;
  readonly page: HistoryPage;
  /** Whose history it is. */
  readonly reader: MessageReader;
  /** See `Dialect`. */
  readonly contentBytesMax: number;
}

export interface HistoryAnswer {
  /** Ascending. */
  readonly messages: readonly Message[];
  /** What to ask with for the following page; undefined where this was the last. */
  readonly next: string | undefined;
}

interface Parts {
  readonly domain: { readonly store: Reads };
  readonly limits: Pick<
    MiniOicqLimits,
    "historyMessagesMax" | "historyBytesMax" | "historyScanMax" | "historyRowsAtOnceMax"
  >;
}

/** Chats looked up before other work gets its turn. */
const chatsAtOnce = 32;

/**
 * Where there is more than one answer may hold, it holds the first messages if the request names a start, so that the
 * client can go on from there, else the newest.
 */
export async function readHistory(parts: Parts, query: HistoryQuery): Promise<HistoryAnswer> {
  const { range, page, places } = query;
  const { limits } = parts;
  const startNamed = range.by === "index" || range.fromMs !== undefined;
  const descending = page.from === undefined ? !startNamed : page.from.go === "down";
  const countMax = Math.min(page.limit ?? limits.historyMessagesMax, limits.historyMessagesMax);
  const readers = await openReaders(parts, query, { descending, countMax });
  const place = (message: { seq: number; messageId: number }) => (places === "seq" ? message.seq : message.messageId);
  const messages: Message[] = [];
  const filter = createFilter(query);
  let bytes = 0;
  let next: string | undefined;
  for (let looked = 0; ; ) {
    const [reader] = readers;
    if (reader === undefined) break;
    const message = reader.first;
    if (message === undefined) {
      if (looked >= limits.historyScanMax) {
        next = cursor(descending, places === "seq" ? reader.seq : reader.bound, filter.index);
        break;
      }
      looked += await reader.read();
      moveOn(readers, descending);
      continue;
    }
    const match = filter.look(message);
    if (match === "past") break;
    if (match === "yes") {
      const size = messageBytes(message, query.contentBytesMax);
      if (messages.length === countMax || (messages.length > 0 && bytes + size > limits.historyBytesMax)) {
        next = cursor(descending, place(message), filter.index);
        break;
      }
      messages.push(message);
      bytes += size;
    }
    filter.took(message);
    reader.take();
    moveOn(readers, descending);
  }
  if (descending) messages.reverse();
  return { messages: await withFrameContent(parts.domain.store, messages, query.contentBytesMax), next };
}

/** The page that follows begins with `place` itself. */
function cursor(descending: boolean, place: number, index: number): string {
  const from = descending ? `before:${place + 1}` : `after:${Math.max(0, place - 1)}`;
  return index === 0 ? from : `${from}:${index}`;
}

/** Which messages the query asks for. In one chat places are given by `seq` and need no counting. */
function createFilter({ range, places, page }: HistoryQuery) {
  const counts = range.by === "index" && places === "message";
  let index = page.from?.index ?? 0;
  return {
    get index() {
      return index;
    },
    look(message: Message): "yes" | "no" | "past" {
      if (message.kind === "deleted" || isHidden(message)) return "no";
      if (range.by === "index") {
        if (!counts) return "yes";
        return index < range.first ? "no" : index > range.last ? "past" : "yes";
      }
      const timeMs = shownTimeMs(message);
      return timeMs >= (range.fromMs ?? 0) && timeMs <= (range.toMs ?? Number.POSITIVE_INFINITY) ? "yes" : "no";
    },
    took(message: Message): void {
      if (counts && message.kind !== "deleted" && !isHidden(message)) index += 1;
    },
  };
}

/** Whether one reader's next message, or its bound, comes before the other's. */
const isBefore = (one: LogReader, other: LogReader, descending: boolean): boolean =>
  descending ? one.bound > other.bound : one.bound < other.bound;

/** The first reader has moved on: it takes its new place among the others, or leaves where it has ended. */
function moveOn(readers: LogReader[], descending: boolean): void {
  const [first, second] = readers;
  if (first === undefined || (!first.ended && (second === undefined || !isBefore(second, first, descending)))) return;
  readers.shift();
  if (first.ended) return;
  let low = 0;
  let high = readers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = readers[middle];
    if (other !== undefined && isBefore(other, first, descending)) low = middle + 1;
    else high = middle;
  }
  readers.splice(low, 0, first);
}

/** In the order of their first messages. */
async function openReaders(
  { domain: { store }, limits }: Parts,
  query: HistoryQuery,
  { descending, countMax }: { descending: boolean; countMax: number },
): Promise<LogReader[]> {
  const cut = await timeCut(store, query.range);
  const readers: LogReader[] = [];
  for (const [index, log] of query.logs.entries()) {
    if (index % chatsAtOnce === chatsAtOnce - 1) await new Promise<void>((resolve) => setImmediate(resolve));
    const segments = await segmentsOf(store, log, query, cut);
    if (segments.length === 0) continue;
    const reader = new LogReader({
      store,
      log,
      segments,
      descending,
      senders: query.senders,
      reader: query.reader,
      // One row more than asked for tells whether there is more.
      rowsAtOnce: query.logs.length === 1 ? Math.min(countMax + 1, limits.historyRowsAtOnceMax) : undefined,
      rowsAtOnceMax: limits.historyRowsAtOnceMax,
    });
    await reader.open();
    readers.push(reader);
  }
  return readers.sort((one, other) => (descending ? other.bound - one.bound : one.bound - other.bound));
}

/** The message ids between which the server's time is in the range, with a margin for what a client's clock may be off. */
async function timeCut(
  store: Parts["domain"]["store"],
  range: HistoryRange,
): Promise<{ from: number | undefined; to: number | undefined }> {
  if (range.by === "index") return { from: undefined, to: undefined };
  const { fromMs, toMs } = range;
  return {
    from: fromMs === undefined ? undefined : await store.messageIdAt(fromMs - oddTimeMs),
    to: toMs === undefined ? undefined : await store.messageIdAt(toMs + oddTimeMs + 1),
  };
}

/** The stretches of a chat to read: all messages of the range, and before and after it only those with an odd time. */
async function segmentsOf(
  store: Parts["domain"]["store"],
  log: ChatLog,
  { range, page, places }: HistoryQuery,
  cut: Awaited<ReturnType<typeof timeCut>>,
): Promise<Segment[]> {
  const all = { from: log.firstSeq, to: log.lastSeq };
  if (page.from !== undefined) {
    const { go, place } = page.from;
    const seq = places === "seq" ? place : await store.seqFrom(log, go === "up" ? place + 1 : place);
    if (go === "down") all.to = Math.min(all.to, seq - 1);
    else all.from = Math.max(all.from, places === "seq" ? seq + 1 : seq);
  }
  if (range.by === "index" && places === "seq") {
    all.from = Math.max(all.from, log.firstSeq + range.first);
    all.to = Math.min(all.to, log.firstSeq + range.last);
  }
  const from = cut.from === undefined ? all.from : await store.seqFrom(log, cut.from);
  const to = cut.to === undefined ? all.to : (await store.seqFrom(log, cut.to)) - 1;
  const segments: Segment[] = [
    { from: all.from, to: Math.min(from - 1, all.to), odd: true },
    { from: Math.max(from, all.from), to: Math.min(to, all.to), odd: false },
    { from: Math.max(to + 1, from, all.from), to: all.to, odd: true },
  ];
  return segments.filter((segment) => segment.from <= segment.to);
}
