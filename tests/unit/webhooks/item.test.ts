/** Messages and events of a log, in the order in which they happened, however little of it is read at once. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ChatId, EventId, Message, MessageId, UserId } from "../../../src/domain/model.ts";
import type { LoggedEvent } from "../../../src/domain/webhooks/webhook-store.ts";
import { inOrder } from "../../../src/webhooks/item.ts";

const chatId = 1 as ChatId;

const message = (messageId: number): Message => ({
  messageId: messageId as MessageId,
  chatId,
  chatKey: "team",
  seq: messageId,
  senderId: 1 as UserId,
  senderKey: "anna",
  kind: "text",
  type: "text",
  content: `m${messageId}`,
  clientId: undefined,
  clientTimeMs: undefined,
  sentAtMs: 0,
});

const event = (eventId: number, afterMessageId: number): LoggedEvent => ({
  event: {
    eventId: eventId as EventId,
    userId: 0 as UserId,
    type: "entered",
    chatId,
    chatKey: "team",
    users: [],
    deleted: false,
    createdAtMs: 0,
  },
  afterMessageId,
});

test("a reader of small slices meets everything once, in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("message", "event", "gap"), { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      (happened, messagesMax, eventsMax) => {
        const messages: Message[] = [];
        const events: LoggedEvent[] = [];
        const wanted: string[] = [];
        let newest = 0;
        for (const what of happened) {
          if (what === "event") {
            events.push(event(events.length + 1, newest));
            wanted.push(`e${events.length}`);
            continue;
          }
          newest += 1;
          if (what === "gap") continue; // Deleted since.
          messages.push(message(newest));
          wanted.push(`m${newest}`);
        }
        let offset = { messageId: 0, eventId: 0 };
        const met: string[] = [];
        for (;;) {
          const { messageId, eventId } = offset;
          const items = inOrder(offset, {
            newest,
            messages: messages.filter((one) => one.messageId > messageId).slice(0, messagesMax),
            events: events.filter((one) => one.event.eventId > eventId).slice(0, eventsMax),
            eventsMax,
          });
          const last = items.at(-1);
          if (last === undefined) break;
          for (const { kind, offset: at } of items)
            met.push(kind === "message" ? `m${at.messageId}` : `e${at.eventId}`);
          offset = last.offset;
        }
        expect(met).toEqual(wanted);
      },
    ),
  );
});

test("what was committed while the log was read waits for the next slice", () => {
  const items = inOrder(
    { messageId: 0, eventId: 0 },
    { newest: 1, messages: [message(1), message(2)], events: [event(1, 2)], eventsMax: 9 },
  );
  expect(items.map(({ kind, offset }) => [kind, offset.messageId])).toEqual([["message", 1]]);
});
