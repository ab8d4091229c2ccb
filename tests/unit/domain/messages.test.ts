/** What may be said: the limits of a draft, kinds behind types, and what is published of an answer. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import type { DomainEvent } from "../../../src/domain/events.ts";
import { createMessages, kindOfType, type MessageLimits } from "../../../src/domain/messages/messages.ts";
import type { ChatId, Draft, EventId, Message, Sent, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { eventsOf } from "../../../src/store/sqlite/events.ts";

const ann = 10_001 as UserId;
const limits: MessageLimits = {
  fileBytesMax: 12,
  contentBytesMax: 12,
  clientIdCharactersMax: 4,
  typeCharactersMax: 10,
};
const draft: Draft = { chat: { key: "team" }, from: ann, type: "text", content: "hello" };

function stage(more: Partial<Sent> = {}) {
  const published: DomainEvent[] = [];
  const stored: Draft[] = [];
  const answer = (given: Draft): Sent => {
    stored.push(given);
    return {
      message: { content: given.content } as Message,
      members: [ann],
      repeated: false,
      entered: undefined,
      ...more,
    };
  };
  const store: Pick<Store, "appendMessage" | "appendMessages"> = {
    async appendMessage(given) {
      const sent = answer(given);
      published.push(...eventsOf("appendMessage", sent, given));
      return sent;
    },
    async appendMessages(given) {
      const sent = given.map(answer);
      published.push(...eventsOf("appendMessages", sent, { drafts: given }));
      return sent;
    },
  };
  const messages = createMessages({ store: store as Store, limits });
  return { messages, published, stored };
}

const taken: [string, Partial<Draft>][] = [
  ["text to the last byte", { content: "ααββγγ" }],
  ["nothing", { content: "" }],
  ["bytes to the last one", { content: new Uint8Array(12) }],
  ["a pair of surrogates", { content: "😀" }],
  ["a client id to the last character", { clientId: "abcd" }],
  ["a type to the last character", { type: "x".repeat(10) }],
];
test.each(taken)("%s is taken", async (_, part) => {
  const { messages, stored } = stage();
  await messages.send({ ...draft, ...part });
  expect(stored).toHaveLength(1);
});

const refused: [string, Partial<Draft>, string][] = [
  ["text a byte too long", { content: "ααββγγ!" }, "message_too_large"],
  ["short text of many bytes", { content: "€€€€€" }, "message_too_large"],
  ["bytes too many", { content: new Uint8Array(13) }, "message_too_large"],
  ["half a surrogate pair", { content: "a\ud83d" }, "invalid_message"],
  ["an empty client id", { clientId: "" }, "invalid_message"],
  ["a long client id", { clientId: "abcde" }, "invalid_message"],
  ["a client id that is no Unicode", { clientId: "\udc00" }, "invalid_message"],
  ["an empty type", { type: "" }, "invalid_message"],
  ["a long type", { type: "x".repeat(11) }, "invalid_message"],
];
test.each(refused)("%s is refused before it reaches the store, alone or among others", async (_, part, code) => {
  const { messages, published, stored } = stage();
  for (const work of [
    () => messages.send({ ...draft, ...part }),
    () => messages.sendAll([draft, { ...draft, ...part }]),
  ]) {
    const failure = await work().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DomainError);
    expect(failure).toMatchObject({ code });
  }
  expect([stored, published]).toEqual([[], []]);
});

test("a new chat is announced before the message that made it, a repeat not at all", async () => {
  const chat = { chatId: 1 as ChatId } as NonNullable<Sent["entered"]>["chat"];
  const entered = { type: "entered", chat, users: [], rows: [{ eventId: 1 as EventId, userId: ann }] } as const;
  const first = stage({ entered });
  await first.messages.send(draft);
  expect(first.published.map((event) => [event.type, event.to])).toEqual([
    ["chat.entered", [ann]],
    ["message.sent", [ann]],
  ]);
  const repeat = stage({ repeated: true });
  await repeat.messages.send(draft);
  await repeat.messages.sendAll([draft, draft]);
  expect(repeat.published).toEqual([]);
});

test.each([
  ["text", "text"],
  ["video", "video"],
  ["text/plain", "text"],
  ["image/svg+xml", "image"],
  ["audio/ogg", "audio"],
  ["video/mp4", "video"],
  ["application/json", "file"],
  ["system", "file"], // Only the server says these two.
  ["deleted", "file"],
  ["IMAGE", "file"],
  ["image", "image"],
  ["/image", "file"],
] as const)("the type %p is of kind %p", (type, kind) => {
  expect(kindOfType(type)).toBe(kind);
});
