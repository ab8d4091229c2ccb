import { expect, test } from "bun:test";
import fc from "fast-check";
import { messageJson, messagesJson, sentJson } from "../../../src/delivery/message-json.ts";
import { messageShape } from "../../../src/delivery/shapes.ts";
import type { ChatId, Message, MessageId, UserId } from "../../../src/domain/model.ts";

const key = fc.stringMatching(/^[a-zA-Z0-9.@_:-]{1,20}$/);
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: "grapheme" });
const timeMs = fc.integer({ min: 0, max: 4e12 });

const ids = fc.array(id, { maxLength: 3 });
/** What few messages have. */
const more = fc.record(
  {
    replyTo: id.map((value) => value as MessageId),
    mentions: ids.map((value) => value as UserId[]),
    revision: id,
    editedAtMs: timeMs,
    reactions: fc.array(fc.record({ reaction: text, count: id, userIds: ids.map((value) => value as UserId[]) }), {
      maxLength: 3,
    }),
  },
  { requiredKeys: [] },
);

const anyMessage: fc.Arbitrary<Message> = fc.record({
  messageId: id.map((value) => value as MessageId),
  chatId: id.map((value) => value as ChatId),
  chatKey: key,
  seq: id,
  senderId: id.map((value) => value as UserId),
  senderKey: key,
  kind: fc.constant("text" as const),
  type: fc.oneof(fc.constantFrom("text", "image/png", "application/vnd.x+json"), text),
  content: fc.oneof(text, fc.string({ unit: "binary" }), fc.uint8Array()),
  clientId: fc.option(text, { nil: undefined }),
  clientTimeMs: fc.option(timeMs, { nil: undefined }),
  sentAtMs: timeMs,
});

test("a message is written as its shape says, to the letter", () => {
  fc.assert(
    fc.property(anyMessage, fc.option(more, { nil: {} }), (plain, with_) => {
      const message = { ...plain, ...with_ };
      expect(messageJson(message)).toBe(JSON.stringify(messageShape(message)));
    }),
  );
});

test("many are written as one after the other is", () => {
  const plain = fc
    .record({ message: anyMessage, content: text })
    .map(({ message, content }) => ({ ...message, content }));
  const any = fc.oneof({ weight: 20, arbitrary: plain }, anyMessage);
  fc.assert(
    fc.property(fc.array(any, { maxLength: 12 }), (messages) => {
      expect(messagesJson(messages)).toBe(JSON.stringify(messages.map(messageShape)));
    }),
  );
});

test("what its sender gets has the fields of the same shape", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const { message_id, seq, chat_id, chatID, time, client_id } = messageShape(message);
      const shape = { message_id, seq, chat_id, chatID, time, client_id };
      const sent = { message, members: [], repeated: false, entered: undefined };
      expect(sentJson(sent)).toBe(JSON.stringify(shape));
    }),
  );
});

test("bytes that are a view of a larger buffer are written alone", () => {
  fc.assert(
    fc.property(anyMessage, fc.uint8Array({ minLength: 4 }), (message, bytes) => {
      const view = { ...message, content: bytes.subarray(1, 3) };
      expect(messageJson(view)).toBe(JSON.stringify(messageShape(view)));
    }),
  );
});

test("a message with a file is written as its shape says, its content while that is not too large", () => {
  const file = fc.record({
    hash: fc.stringMatching(/^[0-9a-f]{64}$/),
    bytes: fc.integer({ min: 1, max: 1024 * 1024 }),
    form: fc.constantFrom("bytes" as const, "text" as const, "base64" as const),
    mediaType: fc.constantFrom("image/png", "text/plain; charset=utf-8"),
  });
  fc.assert(
    fc.property(anyMessage, file, fc.boolean(), (message, file, isLeftOut) => {
      const large = { ...message, file, content: isLeftOut ? "" : message.content };
      const json = messageJson(large);
      expect(json).toBe(JSON.stringify(messageShape(large)));
      const shown = JSON.parse(json) as { content?: string; file: { bytes: number } };
      expect("content" in shown).toBe(large.content.length > 0 && file.bytes <= 512 * 1024);
      expect(shown.file.bytes).toBe(file.bytes);
    }),
  );
});

test("a list of messages is their JSON in order", () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 5 }), (messages) => {
      expect(messagesJson(messages)).toBe(JSON.stringify(messages.map(messageShape)));
    }),
  );
});
