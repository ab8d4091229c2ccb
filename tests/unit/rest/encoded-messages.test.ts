import { expect, test } from "bun:test";
import fc from "fast-check";
import { messageJson } from "../../../src/delivery/message-json.ts";
import type { ChatId, Message, MessageId, UserId } from "../../../src/domain/model.ts";
import { createEncodedMessages } from "../../../src/rest/encoded-messages.ts";

const chat = (id: number) => id as ChatId;

function message(chatId: number, seq: number, content = "x"): Message {
  return {
    messageId: (chatId * 1000 + seq) as MessageId,
    chatId: chat(chatId),
    chatKey: `chat.${chatId}`,
    seq,
    senderId: 1 as UserId,
    senderKey: "a",
    kind: "text",
    type: "text",
    content,
    clientId: undefined,
    clientTimeMs: undefined,
    sentAtMs: 0,
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const listOf = (chatId: number, from: number, to: number) =>
  range(from, to)
    .map((seq) => messageJson(message(chatId, seq)))
    .join(",");

test("gives what was kept, or the first seq it has not got, whatever else happens", () => {
  const step = fc.record({
    do: fc.constantFrom("keep" as const, "find" as const, "find" as const, "invalidate" as const),
    chatId: fc.integer({ min: 1, max: 3 }),
    from: fc.integer({ min: 1, max: 30 }),
    length: fc.integer({ min: 1, max: 16 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const encoded = createEncodedMessages({ charactersMax: 1e6 });
      const kept = new Set<string>();
      for (const { do: act, chatId, from, length } of steps) {
        const to = from + length - 1;
        if (act === "keep") {
          const messages = range(from, to).map((seq) => message(chatId, seq));
          expect(encoded.keep(chat(chatId), messages)).toBe(listOf(chatId, from, to));
          for (const seq of range(from, to)) kept.add(`${chatId}.${seq}`);
        } else if (act === "invalidate") {
          encoded.invalidate(chat(chatId));
          for (const key of kept) if (key.startsWith(`${chatId}.`)) kept.delete(key);
        } else {
          const missing = range(from, to).find((seq) => !kept.has(`${chatId}.${seq}`));
          expect(encoded.find(chat(chatId), { from, to })).toBe(missing ?? listOf(chatId, from, to));
        }
      }
    }),
  );
});

test("forgets the chat read longest ago when it has too much", () => {
  const size = messageJson(message(1, 1)).length;
  const encoded = createEncodedMessages({ charactersMax: 5 * size });
  for (const chatId of [1, 2]) encoded.keep(chat(chatId), [message(chatId, 1), message(chatId, 2)]);
  encoded.find(chat(1), { from: 1, to: 1 });
  encoded.keep(chat(3), [message(3, 1), message(3, 2)]);
  expect(encoded.find(chat(1), { from: 1, to: 2 })).toBe(listOf(1, 1, 2));
  expect(encoded.find(chat(2), { from: 1, to: 2 })).toBe(1);
  // One chat alone may not have too much either.
  encoded.keep(
    chat(3),
    range(3, 9).map((seq) => message(3, seq)),
  );
  expect(encoded.find(chat(3), { from: 1, to: 2 })).toBe(1);
});

test("a page counts as what it takes, also when its messages are told apart", () => {
  const page = range(1, 10).map((seq) => message(1, seq, `},{"message_id":"${"x".repeat(seq)}`));
  const others = range(1, 10).map((seq) => message(2, seq));
  const sizeOf = (messages: readonly Message[]) => messages.map(messageJson).join(",").length;
  const encoded = createEncodedMessages({ charactersMax: sizeOf(page) + sizeOf(others) });
  encoded.keep(chat(1), page);
  expect(encoded.find(chat(1), { from: 3, to: 5 })).toBe(page.slice(2, 5).map(messageJson).join(","));
  encoded.keep(chat(1), page.slice(0, 9));
  encoded.invalidate(chat(1));
  encoded.keep(chat(1), page);
  encoded.keep(chat(2), others);
  expect(encoded.find(chat(1), { from: 1, to: 10 })).toBe(page.map(messageJson).join(","));
  encoded.keep(chat(3), [message(3, 1)]);
  expect(encoded.find(chat(2), { from: 1, to: 10 })).toBe(1);
});

test("does not keep long messages", () => {
  const encoded = createEncodedMessages({ charactersMax: 1e6 });
  const long = message(1, 2, "x".repeat(5000));
  expect(encoded.keep(chat(1), [message(1, 1), long])).toContain("xxx");
  expect(encoded.find(chat(1), { from: 1, to: 2 })).toBe(2);
});
