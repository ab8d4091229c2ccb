/** How far members and their devices have got, and where what they have not got begins. */
import { expect, test } from "bun:test";
import type { Chat, DeviceId, MessageId, User } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import {
  alsoAfterReopening,
  group,
  inChat,
  type OpenFresh,
  openDevice,
  people,
  sendMany,
  text,
  withUser,
} from "./stage.ts";

const nothing = 0 as MessageId;

async function twoInAChat(store: Store, messages: number): Promise<{ ann: User; bob: User; chat: Chat }> {
  const [ann, bob] = await people(store, "Ann", "Bob");
  const chat = await group(store, ann, bob);
  await sendMany(store, ann, inChat(chat), messages);
  return { ann, bob, chat };
}

const positionOf = async (store: Store, user: User, chat: Chat) =>
  (await store.positions(user.userId)).find((position) => position.chatId === chat.chatId)?.deliveredSeq;

const headSeqs = async (store: Store, user: User, deviceId?: DeviceId) =>
  (await store.undelivered(user.userId, deviceId)).map((head) => head.seq).sort((a, b) => a - b);

export function deliveryContract(openFresh: OpenFresh): void {
  test("a position moves forward only, and never past the last message", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { bob, chat } = await twoInAChat(store, 10);
    const move = (deliveredSeq: number) =>
      store.advance([{ userId: bob.userId, deviceId: undefined, chatId: chat.chatId, deliveredSeq }]);
    expect(await store.positions(bob.userId)).toEqual([{ chatId: chat.chatId, deliveredSeq: 0, readSeq: 0 }]);
    for (const [asked, expected] of [
      [4, 4],
      [2, 4],
      [11, 4],
      [0, 4],
      [-1, 4],
      [10, 10],
      [9, 10],
    ] as const) {
      await move(asked);
      expect([asked, await positionOf(store, bob, chat)]).toEqual([asked, expected]);
    }
    const again = await opened.reopen();
    expect(await positionOf(again, bob, chat)).toBe(10);
  });

  test("a device's position moves alone, and the user has got what any of them got", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const [phone, laptop] = await Promise.all([
      openDevice(store, { userId: bob.userId, door: "mqtt", name: "phone" }),
      openDevice(store, { userId: bob.userId, door: "rest", name: "laptop" }),
    ]);
    await sendMany(store, ann, inChat(chat), 10);
    const at = { userId: bob.userId, chatId: chat.chatId };
    await store.advance([
      { ...at, deviceId: phone, deliveredSeq: 7 },
      { ...at, deviceId: laptop, deliveredSeq: 3 },
      { ...at, deviceId: phone, deliveredSeq: 5 },
    ]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await positionOf(now, bob, chat)).toBe(7);
      expect(await headSeqs(now, bob, phone)).toEqual([8]);
      expect(await headSeqs(now, bob, laptop)).toEqual([4]);
      expect(await headSeqs(now, bob)).toEqual([8]);
      expect(await headSeqs(now, ann)).toEqual([1]);
    });
    await opened.store.advance([{ ...at, deviceId: undefined, deliveredSeq: 10 }]);
    expect(await headSeqs(opened.store, bob)).toEqual([]);
    expect(await headSeqs(opened.store, bob, phone)).toEqual([8]);
  });

  test("a move of somebody who is not in the chat, or by another's device, moves nothing of theirs", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 5);
    const [carl] = await people(store, "Carl");
    const [phone, stolen] = await Promise.all([
      openDevice(store, { userId: bob.userId, door: "mqtt", name: "phone" }),
      openDevice(store, { userId: carl.userId, door: "mqtt", name: "phone" }),
    ]);
    await sendMany(store, ann, inChat(chat), 5);
    await store.advance([
      { userId: carl.userId, deviceId: stolen, chatId: chat.chatId, deliveredSeq: 10 },
      { userId: carl.userId, deviceId: phone, chatId: chat.chatId, deliveredSeq: 10 },
    ]);
    expect(await store.positions(carl.userId)).toEqual([]);
    expect(await positionOf(store, bob, chat)).toBe(0);
    expect(await headSeqs(store, bob, phone)).toEqual([1]);
    expect(await headSeqs(store, carl, stolen)).toEqual([]);
  });

  test("what a device passed over is not offered to it again, and was not delivered to the user", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const phone = await openDevice(store, { userId: bob.userId, door: "mqtt", name: "phone" });
    await sendMany(store, ann, inChat(chat), 5);
    const at = { userId: bob.userId, deviceId: phone, chatId: chat.chatId };
    await store.advance([
      { ...at, deliveredSeq: 4, passedOver: true },
      { ...at, deliveredSeq: 2 },
    ]);
    expect(await positionOf(store, bob, chat)).toBe(2);
    expect(await headSeqs(store, bob, phone)).toEqual([5]);
    expect(await headSeqs(store, bob)).toEqual([3]);
  });

  test("a new device begins where the user stands: what no client took waits there too", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 5);
    const [phone, tablet] = await Promise.all([
      openDevice(store, { userId: bob.userId, door: "mqtt", name: "phone" }),
      store
        .appendMessage(text(ann, inChat(chat), "six"))
        .then(() => openDevice(store, { userId: bob.userId, door: "mqtt", name: "tablet" })),
    ]);
    await sendMany(store, ann, inChat(chat), 2);
    await alsoAfterReopening(opened, async (now) => {
      expect(await headSeqs(now, bob)).toEqual([1]);
      expect(await headSeqs(now, bob, phone)).toEqual([1]);
      expect(await headSeqs(now, bob, tablet)).toEqual([1]);
    });
    const now = opened.store;
    const at = { userId: bob.userId, chatId: chat.chatId };
    await now.advance([{ ...at, deviceId: phone, fromSeq: 1, deliveredSeq: 4 }]);
    await now.confirmMessages([{ ...at, deviceId: undefined, ranges: [[6, 6]] }]);
    const third = await openDevice(now, { userId: bob.userId, door: "rest", name: "third" });
    await now.advance([{ ...at, deviceId: phone, fromSeq: 5, deliveredSeq: 8 }]);
    await sendMany(now, ann, inChat(chat), 1);
    const fourth = await openDevice(now, { userId: bob.userId, door: "minioicq", name: "fourth" });
    expect(await openDevice(now, { userId: bob.userId, door: "mqtt", name: "phone" })).toBe(phone);
    await alsoAfterReopening(opened, async (later) => {
      expect(await headSeqs(later, bob)).toEqual([9]);
      expect(await headSeqs(later, bob, phone)).toEqual([9]);
      expect(await headSeqs(later, bob, tablet)).toEqual([1]);
      expect(await later.undelivered(bob.userId, third)).toMatchObject([{ seq: 5, confirmed: [[6, 6]] }]);
      expect(await headSeqs(later, bob, fourth)).toEqual([9]);
    });
  });

  test("a device that was removed and comes back begins where the user stands by then", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 3);
    const phone = { userId: bob.userId, door: "mqtt", name: "phone" } as const;
    const at = { userId: bob.userId, chatId: chat.chatId };
    const first = await openDevice(store, phone);
    await store.advance([{ ...at, deviceId: first, fromSeq: 1, deliveredSeq: 2 }]);
    await store.endDevice(phone);
    await sendMany(store, ann, inChat(chat), 1);
    const back = await openDevice(store, phone);
    expect(back).not.toBe(first);
    expect(await headSeqs(store, bob, back)).toEqual([3]);
    await store.advance([{ ...at, deviceId: undefined, deliveredSeq: 4 }]);
    expect(await headSeqs(store, bob, back)).toEqual([3]);
  });

  test("what the clients of a user missed waits for the user, whatever they got after it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 3);
    const at = { userId: bob.userId, deviceId: undefined, chatId: chat.chatId };
    await store.advance([{ ...at, fromSeq: 3, deliveredSeq: 3 }]);
    await sendMany(store, ann, inChat(chat), 2);
    await store.advance([{ ...at, fromSeq: 4, deliveredSeq: 4 }]);
    const waiting = [{ seq: 1, confirmed: [[3, 4]] as const }];
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.undelivered(bob.userId, undefined)).toMatchObject(waiting);
    });
    const phone = await openDevice(opened.store, { userId: bob.userId, door: "mqtt", name: "phone" });
    expect(await opened.store.undelivered(bob.userId, phone)).toMatchObject(waiting);
    await opened.store.advance([{ ...at, fromSeq: 1, deliveredSeq: 2 }]);
    expect(await headSeqs(opened.store, bob)).toEqual([5]);
  });

  test("a device that confirms what is older than itself does not go back to it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 5);
    await store.advance([{ userId: bob.userId, deviceId: undefined, chatId: chat.chatId, deliveredSeq: 5 }]);
    const phone = await openDevice(store, { userId: bob.userId, door: "rest", name: "phone" });
    await store.advance([{ userId: bob.userId, deviceId: phone, chatId: chat.chatId, deliveredSeq: 2 }]);
    expect(await headSeqs(store, bob, phone)).toEqual([]);
    await sendMany(store, ann, inChat(chat), 1);
    expect(await headSeqs(store, bob, phone)).toEqual([6]);
    expect(await positionOf(store, bob, chat)).toBe(5);
  });

  test("nothing from before joining is waiting, for who comes late and for who comes back", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const put = (username: string) =>
      store.putMembers({ chatKey: "team", people: [{ username }], chatName: undefined }).then(({ users }) => {
        const [user] = users;
        if (user === undefined) throw new Error("one user was put");
        return user;
      });
    const owner = await put("owner");
    const say = (count: number) => sendMany(store, owner, { key: "team" }, count);
    await say(3);
    const late = await put("late");
    const phone = await openDevice(store, { userId: late.userId, door: "mqtt", name: "phone" });
    expect(await headSeqs(store, late)).toEqual([]);
    await say(2);
    expect(await headSeqs(store, late)).toEqual([4]);
    await store.removeMembers({ chatKey: "team", people: ["late"] });
    expect(await headSeqs(store, late)).toEqual([]);
    await say(2);
    await put("late");
    expect(await headSeqs(store, late)).toEqual([]);
    expect(await headSeqs(store, late, phone)).toEqual([]);
    expect(await store.newerThan(late.userId, nothing)).toEqual([]);
    await say(1);
    await alsoAfterReopening(opened, async (now) => {
      expect(await headSeqs(now, late)).toEqual([8]);
      expect(await headSeqs(now, late, phone)).toEqual([8]);
      expect((await now.newerThan(late.userId, nothing)).map((head) => head.seq)).toEqual([8]);
    });
  });

  test("one's own messages are waiting too, until they were delivered", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const sent = await store.appendMessage(text(ann, withUser(bob), "hello"));
    const head = { chatId: sent.message.chatId, seq: 1, messageId: sent.message.messageId, lastSeq: 1 };
    expect(await store.undelivered(ann.userId, undefined)).toEqual([head]);
    expect(await store.undelivered(bob.userId, undefined)).toEqual([head]);
  });

  test("a run goes on from its place, ascending, and stops at the id it was given", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const [one, two] = [await group(store, ann, bob), await group(store, ann, bob)];
    const sent = [];
    for (let n = 0; n < 20; n += 1)
      sent.push(await store.appendMessage(text(ann, inChat(n % 2 === 0 ? one : two), "x")));
    const ids = sent.map((each) => each.message.messageId);
    const run = async (seq: number, through: MessageId | undefined, limit = 100) =>
      (await store.run({ chatId: one.chatId, seq, through: through ?? nothing, limit })).map((each) => each.seq);
    expect(await run(1, ids[19])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await run(4, ids[19], 3)).toEqual([4, 5, 6]);
    expect(await run(4, ids[10])).toEqual([4, 5, 6]);
    expect(await run(4, ids[11])).toEqual([4, 5, 6]);
    expect(await run(4, ids[5])).toEqual([]);
    expect(await run(11, ids[19])).toEqual([]);
    expect(await store.run({ chatId: one.chatId, seq: 2, through: ids[2] ?? nothing, limit: 9 })).toEqual([
      sent[2]?.message as NonNullable<(typeof sent)[number]>["message"],
    ]);
  });

  test("a scan gives the user's own messages of a range of ids, and says how far it came", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const [mine, theirs, other] = [await group(store, ann, bob), await group(store, ann), await group(store, ann, bob)];
    const sent = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        store.appendMessage(text(ann, inChat([mine, theirs, other][n % 3] ?? mine), `${n}`)),
      ),
    );
    const log = sent.map((each) => each.message);
    const own = log.filter((message) => message.chatId !== theirs.chatId);
    const [first, last] = [log[0]?.messageId ?? nothing, log[29]?.messageId ?? nothing];
    const scan = (from: number, to: number, limit: number) => store.scan({ userId: bob.userId, from, to, limit });
    expect(await scan(first, last, 100)).toEqual({ messages: own, through: last });
    expect(await scan(first, last, 20)).toEqual({ messages: own, through: last });
    expect(await scan(first + 4, first + 10, 100)).toEqual({ messages: own.slice(3, 7), through: first + 10 });
    const cut = await scan(first, last, 5);
    expect(cut.messages).toEqual(own.slice(0, 5));
    expect(cut.through).toBe(own[4]?.messageId ?? 0);
    expect(await scan(cut.through + 1, last, 100)).toEqual({ messages: own.slice(5), through: last });
    expect(await scan(first + 1, first + 1, 100)).toEqual({ messages: [], through: first + 1 });
    expect(await scan(last + 1, last + 9, 100)).toEqual({ messages: [], through: last + 9 });
  });

  test("large messages come in smaller pages, and none is left out", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const [one, two] = [await group(store, ann, bob), await group(store, ann, bob)];
    const sent = [];
    for (let n = 0; n < 12; n += 1) {
      const content = n % 3 === 0 ? new Uint8Array(900_000).fill(n) : `${n}`.repeat(450_000);
      sent.push(await store.appendMessage(text(ann, inChat(n % 2 === 0 ? one : two), content)));
    }
    const through = await store.lastMessageId();
    const runs: number[] = [];
    for (let seq = 1; ; ) {
      const page = await store.run({ chatId: one.chatId, seq, through, limit: 100 });
      if (page.length === 0) break;
      runs.push(...page.map((message) => message.seq));
      seq = (page.at(-1)?.seq ?? seq) + 1;
    }
    expect(runs).toEqual([1, 2, 3, 4, 5, 6]);
    const scanned: number[] = [];
    for (let from = 1; from <= through; ) {
      const slice = await store.scan({ userId: bob.userId, from, to: through, limit: 100 });
      expect(slice.through).toBeGreaterThanOrEqual(from);
      scanned.push(...slice.messages.map((message) => message.messageId));
      from = slice.through + 1;
    }
    expect(scanned).toEqual(sent.map((each) => each.message.messageId as number));
    // Nothing a page left open may hold the store up: it goes on writing and comes back whole.
    const again = await opened.reopen();
    expect(await again.lastMessageId()).toBe(through);
  });

  test("the newest id is 0 before the first message and counts every chat after", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    expect(await store.lastMessageId()).toBe(nothing);
    const { ann, chat } = await twoInAChat(store, 3);
    const sent = await store.appendMessage(text(ann, inChat(chat), "x"));
    expect(await store.lastMessageId()).toBe(sent.message.messageId);
  });

  test("what is submitted when a commit is about to be made is part of it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { ann, bob, chat } = await twoInAChat(store, 3);
    let told = 0;
    let moved: Promise<void> | undefined;
    store.beforeCommit(() => {
      told += 1;
      moved ??= store.advance([{ userId: bob.userId, deviceId: undefined, chatId: chat.chatId, deliveredSeq: 3 }]);
    });
    await store.appendMessage(text(ann, inChat(chat), "four"));
    expect(told).toBeGreaterThan(0);
    expect(await positionOf(store, bob, chat)).toBe(3);
    await moved;
  });
}
