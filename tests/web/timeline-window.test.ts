/** The window of a timeline: how it begins, grows, moves with the messages, and where days and blocks begin. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Message } from "../../src/web/state/model.ts";
import {
  grown,
  type Range,
  rangeAfter,
  rangeAround,
  rowsAtFirst,
  rowsMax,
  rowsOf,
} from "../../src/web/views/conversation/timeline-window.ts";

const start = new Date(2026, 0, 5, 9, 0).getTime();
const message = (seq: number, { minutes = seq, sender = "1" } = {}): Message => ({
  key: `k${seq}`,
  chatId: "9",
  messageId: `${seq}`,
  seq,
  senderId: sender,
  own: false,
  time: new Date(start + minutes * 60_000),
  type: "text",
  text: "x",
  mentions: [],
  deleted: false,
  reactions: [],
});
const from = (first: number, count: number): Message[] => Array.from({ length: count }, (_, at) => message(first + at));
const shown = (messages: readonly Message[], range: Range | undefined): (number | undefined)[] =>
  range === undefined ? [] : messages.slice(range.start, range.end).map(({ seq }) => seq);

test("it begins at the newest messages, or around the first unread one", () => {
  const messages = from(1, 200);
  expect(rangeAround(messages, undefined)).toEqual({ start: 200 - rowsAtFirst, end: 200 });
  expect(shown(messages, rangeAround(messages, 100))).toContain(100);
  expect(rangeAround([], undefined)).toEqual({ start: 0, end: 0 });
});

test("what comes before it and behind it does not change what it shows, unless the reader follows the end", () => {
  const before = from(100, 50);
  const range = { start: 10, end: 40 };
  expect(shown(from(50, 150), rangeAfter(before, range, from(50, 150), false))).toEqual(shown(before, range));
  const atEnd = { start: 20, end: 50 };
  expect(shown(from(100, 51), rangeAfter(before, atEnd, from(100, 51), true)).at(-1)).toBe(150);
  expect(rangeAfter(before, range, from(900, 50), false)).toBeUndefined();
});

test("it never has more rows than its bound, however it grows, and it always reaches both ends", () => {
  const walk = fc.array(fc.constantFrom("older" as const, "newer" as const), { maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), walk, (count, steps) => {
      let range: Range = rangeAround(from(1, count), undefined);
      for (const side of steps) {
        range = grown(range, count, side);
        expect(range.end - range.start).toBeLessThanOrEqual(rowsMax);
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeLessThanOrEqual(count);
      }
      for (let step = 0; step < 300; step++) range = grown(range, count, "older");
      expect(range.start).toBe(0);
      for (let step = 0; step < 300; step++) range = grown(range, count, "newer");
      expect(range.end).toBe(count);
    }),
    { numRuns: 40 },
  );
});

test("each day begins with a line, and so does what is new", () => {
  const messages = [message(1), message(2), message(3, { minutes: 24 * 60 }), message(4, { minutes: 24 * 60 + 1 })];
  const rows = rowsOf(messages, { start: 0, end: 4 }, 4);
  expect(rows.map(({ kind }) => kind)).toEqual(["day", "message", "message", "day", "message", "new", "message"]);
  expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
});

test("messages of one sender within five minutes stand together, also across the edge of the window", () => {
  const messages = [
    message(1),
    message(2),
    message(3, { sender: "2" }),
    message(4, { minutes: 60 }),
    message(5, { minutes: 66 }),
  ];
  const blocks = (range: Range) =>
    rowsOf(messages, range, undefined).flatMap((row) => (row.kind === "message" ? [`${row.first} ${row.last}`] : []));
  expect(blocks({ start: 0, end: 5 })).toEqual(["true false", "false true", "true true", "true true", "true true"]);
  expect(blocks({ start: 1, end: 5 })[0]).toBe("false true");
});
