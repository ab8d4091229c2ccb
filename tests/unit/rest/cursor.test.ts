import { expect, test } from "bun:test";
import fc from "fast-check";
import type { MessageId } from "../../../src/domain/model.ts";
import { decodeCursor, encodeCursor } from "../../../src/rest/cursor.ts";

const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test("a cursor comes back as it went, its backlog never behind it", () => {
  fc.assert(
    fc.property(id, id, id, (messageId, eventId, end) => {
      const text = encodeCursor({ messageId: messageId as MessageId, eventId, backlogEnd: end as MessageId });
      expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(decodeCursor(text)).toEqual({
        messageId: messageId as MessageId,
        eventId,
        backlogEnd: Math.max(messageId, end) as MessageId,
      });
    }),
  );
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
  expect(decodeCursor(text.replaceAll("=", ""))).toBeUndefined();
});

test("any text is a cursor or is not, and never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void decodeCursor(text)));
});
