/** Receipts: a member says up to where they have read, and what telling others of it must know. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { Chat, DeviceId, ReceiptRule, User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import {
  alsoAfterReopening,
  expectRefusal,
  group,
  inChat,
  type OpenFresh,
  openDevice,
  people,
  sendMany,
  text,
} from "./stage.ts";

const placeOf = async (store: Store, user: User, chat: Chat) =>
  (await store.positions(user.userId)).find(({ chatId }) => chatId === chat.chatId);

const nextOf = async (store: Store, user: User, deviceId?: DeviceId) =>
  (await store.undelivered(user.userId, deviceId)).map(({ seq }) => seq);

export function receiptContract(openFresh: OpenFresh): void {
  test("what was read was delivered to the user and that device, and other devices keep their places", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const [phone, laptop] = await Promise.all([
      openDevice(store, { userId: bob.userId, door: "mqtt", name: "phone" }),
      openDevice(store, { userId: bob.userId, door: "mqtt", name: "laptop" }),
    ]);
    const sent = await sendMany(store, ann, inChat(chat), 9);
    const of = { userId: bob.userId, deviceId: phone, chat: inChat(chat) };
    const { chatId } = chat;
    expect(await store.readThrough({ ...of, place: { seq: 4 } })).toEqual({ chatId, seq: 4 });
    const sixth = sent[5]?.message.messageId ?? 0;
    expect(await store.readThrough({ ...of, place: { messageId: sixth } })).toEqual({ chatId, seq: 6 });
    // What is read stays read.
    expect(await store.readThrough({ ...of, place: { seq: 2 } })).toEqual({ chatId, seq: 2 });
    await alsoAfterReopening(opened, async (now) => {
      expect(await placeOf(now, bob, chat)).toEqual({ chatId, deliveredSeq: 6, readSeq: 6 });
      expect(await nextOf(now, bob)).toEqual([7]);
      expect(await nextOf(now, bob, phone)).toEqual([7]);
      expect(await nextOf(now, bob, laptop)).toEqual([1]);
    });
  });

  test("no place, no message of the chat, no chat of the user: refused, and nothing moves", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob);
    const others = await group(store, ann, carl);
    await sendMany(store, ann, inChat(chat), 3);
    const [foreign] = await sendMany(store, ann, inChat(others), 1);
    const of = { userId: bob.userId, deviceId: undefined };
    for (const place of [
      { seq: 4 },
      { seq: 0 },
      { seq: -1 },
      { seq: Number.MAX_SAFE_INTEGER },
      { messageId: foreign?.message.messageId ?? 0 },
      { messageId: 999_999 },
      { messageId: 0 },
    ]) {
      await expectRefusal(store.readThrough({ ...of, chat: inChat(chat), place }), "message_not_found");
    }
    for (const ref of [inChat(others), { id: 999_999 }, { key: "nowhere" }, { id: carl.userId }]) {
      await expectRefusal(store.readThrough({ ...of, chat: ref, place: { seq: 1 } }), "chat_not_found");
    }
    expect(await placeOf(store, bob, chat)).toMatchObject({ deliveredSeq: 0, readSeq: 0 });
    // A deleted message keeps its place.
    const [first] = await store.messages({ chatId: chat.chatId, afterSeq: 0, limit: 1 });
    const messageId = first?.messageId ?? (0 as never);
    await store.deleteMessage({ userId: ann.userId, messageId });
    expect(await store.readThrough({ ...of, chat: inChat(chat), place: { messageId } })).toMatchObject({ seq: 1 });
  });

  test("who may not write now says nothing, and a chat says who is in it and whether one blocks the other", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const { message } = await store.appendMessage(text(ann, { id: bob.userId }, "hello"));
    const { chatId, chatKey } = message;
    const read = (user: User) =>
      store.readThrough({ userId: user.userId, deviceId: undefined, chat: { id: chatId }, place: { seq: 1 } });
    const members = new Map([ann, bob].map(({ userId }) => [userId, "all" as ReceiptRule]));
    const open = { chatId, chatKey, kind: "direct" as const, members, blocked: false };
    expect(await store.receiptChat(chatId, 2)).toEqual(open);
    await store.blockContact({ userId: ann.userId, contactId: bob.userId });
    await expectRefusal(read(bob), "not_a_member");
    expect(await read(ann)).toMatchObject({ seq: 1 });
    expect(await store.receiptChat(chatId, 2)).toEqual({ ...open, blocked: true });
    await store.unblockContact({ userId: ann.userId, contactId: bob.userId });
    expect(await read(bob)).toMatchObject({ seq: 1 });
    const team = await group(store, ann, bob, carl);
    expect(await store.receiptChat(team.chatId, 2)).toMatchObject({ kind: "group", members: undefined });
    expect(await store.receiptChat(999_999 as never, 2)).toBeUndefined();
  });

  test("a user says what others may know, and how far the members are is read and counted so", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    const chat = await group(store, ann, bob, carl, dora);
    await sendMany(store, ann, inChat(chat), 4);
    const of = { deviceId: undefined, chat: inChat(chat) };
    for (const { userId } of [bob, carl, dora]) await store.readThrough({ ...of, userId, place: { seq: 3 } });
    expect(await store.placeCounts(chat.chatId, 3)).toEqual({ members: 4, delivered: 3, read: 3 });
    const told: DomainEvent[] = [];
    store.onCommitted({ hears: () => false, committed: (events) => void told.push(...events) });
    await store.setReceiptRule(bob.userId, "delivered");
    await store.setReceiptRule(carl.userId, "none");
    expect(told).toEqual([
      { type: "receipts.allowed", rule: "delivered", to: [bob.userId] },
      { type: "receipts.allowed", rule: "none", to: [carl.userId] },
    ]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await Promise.all([ann, bob, carl].map(({ userId }) => now.receiptRule(userId)))).toEqual([
        "all",
        "delivered",
        "none",
      ]);
      expect((await now.receiptChat(chat.chatId, 4))?.members?.get(carl.userId)).toBe("none");
      expect(await now.placeCounts(chat.chatId, 3)).toEqual({ members: 4, delivered: 2, read: 1 });
      expect(await now.placeCounts(chat.chatId, 4)).toEqual({ members: 4, delivered: 0, read: 0 });
      expect(await now.places(chat.chatId)).toEqual([
        { userId: ann.userId, deliveredSeq: 0, readSeq: 0 },
        ...[bob, carl, dora].map(({ userId }) => ({ userId, deliveredSeq: 3, readSeq: 3 })),
      ]);
    });
    await expectRefusal(opened.store.setReceiptRule(999_999 as never, "all"), "user_disabled");
    expect(await opened.store.receiptRule(999_999 as never)).toBe("none");
  });

  test("senders are read in the order of the messages", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    for (const user of [ann, bob, ann, ann]) await store.appendMessage(text(user, inChat(chat), "x"));
    const { chatId } = chat;
    const a = ann.userId;
    const b = bob.userId;
    const pairs = async (after: number, through: number, limit: number) =>
      (await store.senders({ chatId, after, through, limit })).map(({ seq, senderId }): [number, UserId] => [
        seq,
        senderId,
      ]);
    expect(await pairs(0, 3, 10)).toEqual([
      [1, a],
      [2, b],
      [3, a],
    ]);
    expect(await pairs(1, 9, 2)).toEqual([
      [2, b],
      [3, a],
    ]);
  });

  test("commits that move positions are numbered, and each direction remembers the one that moved it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    const other = await group(store, ann, bob);
    await sendMany(store, ann, inChat(chat), 9);
    await sendMany(store, bob, inChat(chat), 1);
    const { chatId } = chat;
    expect(await store.lastMove()).toBe(0);
    const moved = async (now: Store, from: number, through: number) =>
      (await now.movedMembers(chatId, { from, through })).map(
        ({ userId, guid, userKey, deliveredSeq, deliveredMove, readSeq, readMove }) => {
          expect([guid.length, userKey]).toEqual([36, `user.${userId}`]);
          return [userId, `${deliveredSeq} by ${deliveredMove}`, `${readSeq} by ${readMove}`];
        },
      );
    const advance = (user: User, deliveredSeq: number, read = false) =>
      store.advance([{ userId: user.userId, deviceId: undefined, chatId, deliveredSeq, read }]);
    await advance(bob, 2);
    await advance(carl, 4, true);
    // What moves nothing has no number.
    await advance(bob, 1);
    await store.readThrough({ userId: bob.userId, deviceId: undefined, chat: inChat(chat), place: { seq: 2 } });
    // What is confirmed behind a gap moves nothing.
    await store.confirmMessages([{ userId: carl.userId, deviceId: undefined, chatId, ranges: [[6, 7]] }]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.lastMove()).toBe(3);
      expect(await moved(now, 1, 3)).toEqual([
        [bob.userId, "2 by 1", "2 by 3"],
        [carl.userId, "4 by 2", "4 by 2"],
      ]);
      expect(await moved(now, 2, 2)).toEqual([[carl.userId, "4 by 2", "4 by 2"]]);
      expect(await moved(now, 4, 9)).toEqual([]);
      expect(await now.chatIds(ann.userId, { after: 0, limit: 9 })).toEqual([chatId, other.chatId]);
      expect(await now.chatIds(ann.userId, { after: chatId, limit: 9 })).toEqual([other.chatId]);
      expect(await now.chatIds(ann.userId, { after: 0, limit: 1 })).toEqual([chatId]);
      const newest = (user: User, after: number, through: number) =>
        now.newestOwn({ chatId, userId: user.userId, after, through });
      expect(await newest(ann, 0, 10)).toBe(9);
      expect(await newest(ann, 0, 4)).toBe(4);
      expect(await newest(bob, 0, 9)).toBe(0);
      expect(await newest(bob, 10, 10)).toBe(0);
      expect(await newest(carl, 0, 10)).toBe(0);
    });
  });

  test("it is told as a move of the member's position, with the others of its commit", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    await sendMany(store, ann, inChat(chat), 5);
    const told: DomainEvent[] = [];
    store.onCommitted({ hears: () => true, committed: (events) => void told.push(...events) });
    const of = { userId: bob.userId, deviceId: undefined, chat: inChat(chat) };
    await Promise.all([3, 5].map((seq) => store.readThrough({ ...of, place: { seq } })));
    await store.lastMessageId();
    expect(told).toMatchObject([
      { type: "position.moved", deliveredBefore: 0, deliveredSeq: 5, readBefore: 0, readSeq: 5, to: [bob.userId] },
    ]);
  });
}
