/** A message edited while it waits for a client, in memory or on a page that was read: it is handed over as it is now. */
import { expect, test } from "bun:test";
import { Feed } from "../../../src/delivery/feed.ts";
import type { ChatId, Message, MessageId, UserId } from "../../../src/domain/model.ts";
import { until } from "../../support/deadline.ts";

const message = (messageId: number, content = `said ${messageId}`): Message => ({
  messageId: messageId as MessageId,
  chatId: 1 as ChatId,
  chatKey: "team",
  seq: messageId,
  senderId: 2 as UserId,
  senderKey: "bob",
  kind: "text",
  type: "text",
  content,
  clientId: undefined,
  clientTimeMs: undefined,
  sentAtMs: 0,
});

/** A client that takes nothing until it is told to; the store holds `stored` messages. */
function open(stored: number, from: "position" | "now") {
  const rows = Array.from({ length: stored }, (_, at) => message(at + 1));
  const received: Message[] = [];
  let offered = 0;
  let takes = 0;
  const feed = new Feed({
    store: {
      lastMessageId: async () => stored as MessageId,
      undelivered: async () =>
        stored === 0 ? [] : [{ chatId: 1 as ChatId, seq: 1, messageId: 1 as MessageId, lastSeq: stored }],
      newerThan: async () => [],
      run: async ({ seq, limit }) => rows.filter((row) => row.seq >= seq).slice(0, limit),
      scan: async ({ to }) => ({ messages: [], through: to }),
    },
    userId: 1 as UserId,
    from,
    emit(messages) {
      offered += 1;
      const taken = Math.min(takes, messages.length);
      received.push(...messages.slice(0, taken));
      return taken;
    },
    failed(error) {
      throw error;
    },
  });
  feed.start();
  return {
    feed,
    received,
    offered: () => offered,
    take() {
      takes = Number.POSITIVE_INFINITY;
      feed.resume();
    },
  };
}

const shown = (messages: readonly Message[]) => messages.map(({ seq, content }) => [seq, content]);

test("held for a client that is slow for a moment", () => {
  const client = open(0, "now");
  for (let id = 1; id <= 4; id += 1) client.feed.offer(message(id));
  client.feed.edited(message(2, "other words, and more of them"));
  client.feed.deleted({ ...message(3), revision: 2 });
  // What is gone stays gone.
  client.feed.edited(message(3, "late"));
  client.take();
  expect(shown(client.received)).toEqual([
    [1, "said 1"],
    [2, "other words, and more of them"],
    [3, ""],
    [4, "said 4"],
  ]);
  client.feed.end();
});

test("read from the store already", async () => {
  const client = open(3, "position");
  await until("the page", () => client.offered() > 0);
  client.feed.edited(message(2, "other"));
  client.take();
  await until("the messages", () => client.received.length === 3);
  expect(shown(client.received)).toEqual([
    [1, "said 1"],
    [2, "other"],
    [3, "said 3"],
  ]);
  client.feed.end();
});
