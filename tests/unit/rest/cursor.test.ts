import { expect, test } from "bun:test";
import fc from "fast-check";
import type { MessageId } from "../../../src/domain/model.ts";
import { decodeCursor, encodeCursor } from "../../../src/rest/cursor.ts";

const epoch = "0123456789abcdef";
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test("a cursor comes back as it went, its backlog never behind it", () => {
  fc.assert(
    fc.property(id, id, id, (messageId, eventId, end) => {
      const text = encodeCursor({ messageId: messageId as MessageId, eventId, backlogEnd: end as MessageId }, epoch);
      expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(decodeCursor(text, epoch)).toEqual({
        messageId: messageId as MessageId,
        eventId,
        backlogEnd: Math.max(messageId, end) as MessageId,
      });
    }),
  );
});

test("a cursor of another data folder is known as one; one without an epoch is ours", () => {
  const cursor = { messageId: 3 as MessageId, eventId: 2, backlogEnd: 4 as MessageId };
  expect(decodeCursor(encodeCursor(cursor, "fedcba9876543210"), epoch)).toBe("of another epoch");
  expect(decodeCursor(btoa("1.3.2.4").replaceAll("=", ""), epoch)).toEqual(cursor);
});

test.each([
  "",
  "1",
  "x".repeat(200),
  "%00",
  "AAAAAAAAAAAA",
  btoa("1.2.3"),
  btoa("2.1.1.1"),
  btoa("1.-1.1.1"),
  btoa("1.1.1.1.1"),
])("%p is no cursor", (text) => {
  expect(decodeCursor(text.replaceAll("=", ""), epoch)).toBeUndefined();
});

test("any text is a cursor or is not, and never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void decodeCursor(text, epoch)));
});
