import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createHub } from "../../../src/delivery/hub.ts";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type {
  ChatId,
  DeviceId,
  EventId,
  Message,
  MessageFile,
  MessageId,
  StoredEvent,
  UserId,
} from "../../../src/domain/model.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { type Cursor, decodeCursor, encodeCursor } from "../../../src/rest/cursor.ts";
import { createInbox, type Page } from "../../../src/rest/inbox.ts";
import { defaultRestLimits } from "../../../src/rest/limits.ts";
import { noReceipts } from "../../support/no-receipts.ts";

const me = 1 as UserId;
const other = 2 as UserId;
const reader = { userId: me, deviceId: undefined };
const noSignal = new AbortController().signal;

/** A log of messages, positions and events in memory, behind the reads the inbox asks. */
class World {
  readonly messages: Message[] = [];
  readonly stored: StoredEvent[] = [];
  readonly positions = new Map<number, number>();
  /** Content that is read only when asked for, by message. */
  readonly files = new Map<MessageId, string>();
  clockMs = 1000;

  say(chat: number, from: UserId, content = "x"): Message {
    const message: Message = {
      messageId: (this.messages.length + 1) as MessageId,
      chatId: chat as ChatId,
      chatKey: `chat.${chat}`,
      seq: this.#of(chat).length + 1,
      senderId: from,
      senderKey: `user.${from}`,
      kind: "text",
      type: "text",
      content,
      clientId: undefined,
      clientTimeMs: undefined,
      sentAtMs: this.clockMs++,
    };
    this.messages.push(message);
    return message;
  }

  happen(chat: number): StoredEvent {
    const event: StoredEvent = {
      eventId: (this.stored.length + 1) as EventId,
      userId: me,
      type: "entered",
      chatId: chat as ChatId,
      chatKey: `chat.${chat}`,
      users: [],
      deleted: false,
      createdAtMs: this.clockMs++,
    };
    this.stored.push(event);
    return event;
  }

  #of = (chat: number) => this.messages.filter((message) => message.chatId === chat);
  #heads = (waits: (message: Message) => boolean) => {
    const heads = new Map<number, Message>();
    for (const message of this.messages)
      if (waits(message) && !heads.has(message.chatId)) heads.set(message.chatId, message);
    return [...heads.values()].map(({ chatId, seq, messageId }) => ({
      chatId,
      seq,
      messageId,
      lastSeq: this.#of(chatId).length,
    }));
  };

  readonly store = {
    lastMessageId: async () => this.messages.length as MessageId,
    undelivered: async () => this.#heads((message) => message.seq > (this.positions.get(message.chatId) ?? 0)),
    scan: async ({ from, to, limit }: { from: number; to: number; limit: number }) => {
      const rows = this.messages.filter((message) => message.messageId >= from && message.messageId <= to);
      const messages = rows.slice(0, limit);
      return { messages, through: rows.length > limit ? (messages.at(-1)?.messageId ?? from) : to };
    },
    newerThan: async (_: UserId, after: MessageId) => this.#heads((message) => message.messageId > after),
    run: async (from: { chatId: ChatId; seq: number; through: MessageId; limit: number }) =>
      this.#of(from.chatId)
        .filter((message) => message.seq >= from.seq && message.messageId <= from.through)
        .slice(0, from.limit),
    withContent: async (messages: readonly Message[]) =>
      messages.map((message) => ({ ...message, content: this.files.get(message.messageId) ?? message.content })),
    events: async (_: UserId, __: string, page: { after: number; limit: number }) =>
      this.stored.filter((event) => event.eventId > page.after).slice(0, page.limit),
  };
}

function open(limits = defaultRestLimits) {
  const world = new World();
  const hub = createHub({ log: silentLog });
  const inbox = createInbox({
    passedOver() {},
    settled: async () => {},
    receipts: noReceipts,
    store: world.store,
    hub,
    limits,
    answers: { page: (_user, _signal, read) => read() },
  });
  const publish = (message: Message) => hub.publish({ type: "message.sent", message, to: [me, other] });
  return { world, hub, inbox, publish };
}

const ids = (page: Page) => page.messages.map((message) => Number(message.messageId));
/** The cursor as the next request would bring it. */
function asNext(page: Page): Cursor | undefined {
  const cursor = decodeCursor(encodeCursor(page.next, "e"), "e");
  return cursor === "of another epoch" ? undefined : cursor;
}

describe("paging", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("say" as const), chat: fc.integer({ min: 1, max: 4 }), mine: fc.boolean() }),
    fc.record({ do: fc.constant("happen" as const), chat: fc.constant(1), mine: fc.constant(false) }),
  );

  test("gives everything that waits once, in order, however it is cut and whatever comes in between", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 80, size: "max" }),
        fc.array(step, { maxLength: 40, size: "max" }),
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 7 }),
        async (before, during, delivered, limit) => {
          const { world, inbox } = open();
          const play = ({ do: act, chat, mine }: (typeof before)[number]) =>
            act === "happen" ? world.happen(chat) : world.say(chat, mine ? me : other);
          for (const one of before) play(one);
          for (const [index, seq] of delivered.entries()) {
            const length = world.messages.filter((message) => message.chatId === index + 1).length;
            world.positions.set(index + 1, Math.min(seq, length));
          }
          const waited = world.messages.filter((message) => message.seq > (world.positions.get(message.chatId) ?? 0));
          const came: number[] = [];
          const happened: number[] = [];
          const rest = [...during];
          let after: Cursor | undefined;
          for (let empty = 0; empty < 1 || rest.length > 0; ) {
            const page = await inbox.read(reader, after, limit);
            expect(page.messages.length + page.events.length).toBeLessThanOrEqual(limit);
            came.push(...ids(page));
            happened.push(...page.events.map((event) => Number(event.eventId)));
            if (page.messages.length + page.events.length === 0) empty += 1;
            after = asNext(page);
            const next = rest.shift();
            if (next !== undefined) play(next);
          }
          const last = await inbox.read(reader, after, 1000);
          came.push(...ids(last));
          happened.push(...last.events.map((event) => Number(event.eventId)));
          const later = world.messages.slice(before.filter((one) => one.do === "say").length);
          const wanted = [...waited, ...later].filter((message) => message.senderId !== me);
          expect(came).toEqual(wanted.map((message) => Number(message.messageId)));
          expect(happened).toEqual(world.stored.map((event) => Number(event.eventId)));
        },
      ),
    );
  });

  test("counts messages and events together, the oldest first", async () => {
    const { world, inbox } = open();
    world.say(1, other);
    world.happen(1);
    world.say(2, other);
    world.happen(1);
    const first = await inbox.read(reader, undefined, 3);
    expect([ids(first), first.events.length]).toEqual([[1, 2], 1]);
    const second = await inbox.read(reader, asNext(first), 3);
    expect([ids(second), second.events.length]).toEqual([[], 1]);
  });

  test("does not consume: without a cursor the oldest come again", async () => {
    const { world, inbox } = open();
    for (let index = 0; index < 5; index += 1) world.say(1, other);
    expect(ids(await inbox.read(reader, undefined, 2))).toEqual([1, 2]);
    expect(ids(await inbox.read(reader, undefined, 2))).toEqual([1, 2]);
  });

  test("once past the backlog, a position moved by another client of the user hides nothing from a cursor", async () => {
    const { world, inbox } = open();
    world.say(1, other);
    const first = await inbox.read(reader, undefined, 10);
    world.say(1, other);
    world.positions.set(1, 2);
    expect(ids(await inbox.read(reader, asNext(first), 10))).toEqual([2]);
  });

  test("a cursor of a world that a restore has undone starts at the newest message", async () => {
    const { world, inbox } = open();
    world.say(1, other);
    const after = { messageId: 99 as MessageId, eventId: 0, backlogEnd: 99 as MessageId };
    const page = await inbox.read(reader, after, 10);
    expect(ids(page)).toEqual([]);
    world.say(1, other);
    expect(ids(await inbox.read(reader, asNext(page), 10))).toEqual([2]);
  });

  test("a page of long messages ends early and goes on where it ended", async () => {
    const { world, inbox } = open({ ...defaultRestLimits, pageBytesMax: 100 });
    for (let index = 0; index < 4; index += 1) world.say(1, other, "x".repeat(60));
    const first = await inbox.read(reader, undefined, 10);
    expect(ids(first)).toEqual([1, 2]);
    expect(ids(await inbox.read(reader, asNext(first), 10))).toEqual([3, 4]);
  });

  test("what is asked for whole is read from its file, counts as it is, and is tried again while it cannot be read", async () => {
    const { world, inbox } = open({ ...defaultRestLimits, pageBytesMax: 100 });
    const sayFile = (bytes: number, readable: boolean): void => {
      const { messageId } = world.say(1, other, "");
      const file: MessageFile = { hash: "", bytes, form: "bytes", mediaType: "image/png" };
      world.messages[messageId - 1] = { ...(world.messages[messageId - 1] as Message), file };
      if (readable) world.files.set(messageId, "x".repeat(bytes));
    };
    for (let index = 0; index < 3; index += 1) sayFile(60, false);
    sayFile(60, true);
    sayFile(60, true);
    sayFile(60, true);
    const whole = (after?: Cursor) => inbox.read(reader, after, 2, "whole");
    expect(ids(await whole())).toEqual([4]);
    world.files.set(1 as MessageId, "found again");
    const again = await whole();
    expect(again.messages.map(({ messageId, content }) => [Number(messageId), content])).toEqual([[1, "found again"]]);
    const next = await whole(asNext(again));
    expect(ids(next)).toEqual([4]);
    expect(ids(await whole(asNext(next)))).toEqual([5, 6]);
    // In the simple form they weigh nothing and are named at least.
    expect(ids(await inbox.read(reader, undefined, 10))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("an event waits for the older messages behind a page cut short", async () => {
    const { world, inbox } = open({ ...defaultRestLimits, pageBytesMax: 100 });
    for (let index = 0; index < 4; index += 1) world.say(1, other, "x".repeat(60));
    world.happen(1);
    const first = await inbox.read(reader, undefined, 10);
    expect([ids(first), first.events]).toEqual([[1, 2], []]);
    const second = await inbox.read(reader, asNext(first), 10);
    expect([ids(second), second.events.length]).toEqual([[3, 4], 1]);
  });

  test("a thousand messages of one's own are passed over", async () => {
    const { world, inbox } = open();
    for (let index = 0; index < 1500; index += 1) world.say(1, me);
    world.say(1, other);
    expect(ids(await inbox.read(reader, undefined, 10))).toEqual([1501]);
  });
});

describe("waiting", () => {
  const waitMs = 20_000;
  const query = (after?: Cursor) => ({ after, limit: 10, waitMs, signal: noSignal });

  test("answers at once where something is there", async () => {
    const { world, inbox, hub } = open();
    world.say(1, other);
    expect(ids(await inbox.wait(reader, query()))).toEqual([1]);
    expect(hub.size()).toEqual({ users: 0, sinks: 0 });
  });

  test("is woken by a message, not by one's own", async () => {
    const { world, inbox, hub, publish } = open();
    const page = inbox.wait(reader, query());
    await settle();
    publish(world.say(1, me));
    await settle();
    publish(world.say(1, other));
    expect(ids(await page)).toEqual([2]);
    expect(hub.size()).toEqual({ users: 0, sinks: 0 });
  });

  test("does not miss what settles while the first read is under way", async () => {
    const { world, inbox, publish } = open();
    world.say(1, other);
    const seen = await inbox.read(reader, undefined, 10);
    let message: Message | undefined;
    const { store } = world;
    const events = store.events;
    // After the newest id and the heads were read, before the request begins to wait.
    store.events = async (...args) => {
      const found = await events(...args);
      if (message === undefined) {
        message = world.say(1, other);
        publish(message);
      }
      return found;
    };
    expect(ids(await inbox.wait(reader, query(asNext(seen))))).toEqual([2]);
  });

  test("is woken by an event", async () => {
    const { world, inbox, hub } = open();
    const page = inbox.wait(reader, query());
    await settle();
    const { eventId } = world.happen(1);
    const entered = { rows: [{ eventId, userId: me }] } as unknown as (DomainEvent & {
      type: "chat.entered";
    })["entered"];
    hub.publish({ type: "chat.entered", entered, to: [me] });
    expect((await page).events.map((event) => event.eventId)).toEqual([eventId]);
  });

  test("ends empty when its time is up, with a cursor that misses nothing after it", async () => {
    const { world, inbox } = open();
    world.say(1, me);
    const page = await inbox.wait(reader, { ...query(), waitMs: 5 });
    expect(ids(page)).toEqual([]);
    world.say(1, other);
    expect(ids(await inbox.read(reader, asNext(page), 10))).toEqual([2]);
  });

  test("ends when the client goes, when the server stops, and with a no when the account is revoked", async () => {
    const { inbox, hub } = open();
    const gone = new AbortController();
    const left = inbox.wait(reader, { ...query(), signal: gone.signal });
    await settle();
    gone.abort();
    expect(ids(await left)).toEqual([]);

    const revoked = inbox.wait(reader, query());
    await settle();
    hub.publish({ type: "user.revoked", to: [me] });
    await expect(revoked).rejects.toThrow("revoked");

    const stopping = inbox.wait(reader, query());
    await settle();
    inbox.stop();
    expect(ids(await stopping)).toEqual([]);
    expect(ids(await inbox.wait(reader, query()))).toEqual([]);
    expect(hub.size()).toEqual({ users: 0, sinks: 0 });
  });

  test("only so many wait at once, of one user and of all", async () => {
    const { inbox } = open({ ...defaultRestLimits, waitingPerUserMax: 2, waitingMax: 3 });
    const stranger = { userId: 7 as UserId, deviceId: 3 as DeviceId };
    const waiting = [inbox.wait(reader, query()), inbox.wait(reader, query())];
    await expect(inbox.wait(reader, query())).rejects.toThrow("this user");
    waiting.push(inbox.wait(stranger, query()));
    await expect(inbox.wait(stranger, query())).rejects.toThrow("too many requests are waiting");
    inbox.stop();
    await Promise.all(waiting);
  });
});

/** Everything already under way has happened. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
