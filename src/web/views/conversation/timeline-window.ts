/**
 * Which of a chat's messages stand in the document, and what stands between them. The window grows by a few rows a frame,
 * so that no frame is long, and ends at 160 rows, so that a chat of any length scrolls alike.
 */
import type { Message } from "../../state/model.ts";
import { dayOf } from "../text/times.ts";

/** `end` is the index behind the last one. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export const rowsMax = 160;
export const rowsAtFirst = 30;
const rowsPerStep = 10;
/** Messages of one sender stand together as long as no more than this is between them. */
const togetherMs = 5 * 60_000;

/** The first window: around the message at `seq` where there is one, else the newest messages. */
export function rangeAround(messages: readonly Message[], seq: number | undefined): Range {
  const found = seq === undefined ? -1 : messages.findIndex((message) => (message.seq ?? Infinity) >= seq);
  if (found < 0) return { start: Math.max(0, messages.length - rowsAtFirst), end: messages.length };
  return { start: Math.max(0, found - rowsAtFirst), end: Math.min(messages.length, found + rowsAtFirst) };
}

/**
 * The window over `messages` that shows what it showed over `before`; undefined where none of that is left. A window
 * that reached the end stays there with what is new, as long as there is room or the reader is `atEnd`.
 */
export function rangeAfter(
  before: readonly Message[],
  range: Range,
  messages: readonly Message[],
  atEnd: boolean,
): Range | undefined {
  if (before === messages) return range;
  const places = new Map(messages.map(({ key }, index) => [key, index]));
  const left = before.slice(range.start, range.end).flatMap(({ key }) => places.get(key) ?? []);
  if (left.length === 0) return undefined;
  const start = Math.min(...left);
  const reached = range.end === before.length;
  const end = Math.max(...left) + 1;
  if (!reached) return { start, end: Math.min(end, start + rowsMax) };
  if (atEnd) return { start: Math.max(start, messages.length - rowsMax), end: messages.length };
  return { start, end: Math.min(messages.length, Math.max(end, start + rowsMax)) };
}

/** A few rows more at one side; what is too many leaves at the other one. */
export function grown(range: Range, count: number, side: "older" | "newer"): Range {
  if (side === "older") {
    const start = Math.max(0, range.start - rowsPerStep);
    return { start, end: Math.min(range.end, start + rowsMax) };
  }
  const end = Math.min(count, range.end + rowsPerStep);
  return { start: Math.max(range.start, end - rowsMax), end };
}

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly time: Date }
  | { readonly kind: "new"; readonly key: string }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly message: Message;
      /** The first, the last of those that stand together. */
      readonly first: boolean;
      readonly last: boolean;
    };

/** Whether both stand together as one block of their sender. */
function together(a: Message | undefined, b: Message | undefined, firstUnreadSeq: number | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.senderId === b.senderId &&
    dayOf(a.time) === dayOf(b.time) &&
    Math.abs(b.time.getTime() - a.time.getTime()) <= togetherMs &&
    (firstUnreadSeq === undefined || b.seq !== firstUnreadSeq)
  );
}

/** The rows of the window, with a line for each day and one before the first unread message. */
export function rowsOf(messages: readonly Message[], range: Range, firstUnreadSeq: number | undefined): Row[] {
  const rows: Row[] = [];
  for (let at = range.start; at < range.end; at++) {
    const message = messages[at];
    if (message === undefined) break;
    const before = at > range.start ? messages[at - 1] : undefined;
    if (before === undefined || dayOf(before.time) !== dayOf(message.time)) {
      rows.push({ kind: "day", key: `day ${message.key}`, time: message.time });
    }
    if (firstUnreadSeq !== undefined && message.seq === firstUnreadSeq) rows.push({ kind: "new", key: "new" });
    // What stands before the window counts too: a row must not change its height when its neighbour comes in.
    rows.push({
      kind: "message",
      key: message.key,
      message,
      first: !together(messages[at - 1], message, firstUnreadSeq),
      last: !together(message, messages[at + 1], firstUnreadSeq),
    });
  }
  return rows;
}
