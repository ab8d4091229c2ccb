/** Messages confirmed one by one, and the chats each device was told of. */
import { expect, test } from "bun:test";
import type { Chat, DeviceId, User } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import type { Range } from "../../../src/lib/ranges.ts";
import { alsoAfterReopening, group, inChat, type OpenFresh, openDevice, people, sendMany } from "./stage.ts";

/** Where a user, or a device of theirs, has got in a chat: the first message missing, and the ranges confirmed after it. */
async function placeOf(store: Store, user: User, chat: Chat, deviceId?: DeviceId) {
  const heads = await store.undelivered(user.userId, deviceId);
  const head = heads.find(({ chatId }) => chatId === chat.chatId);
  return { next: head?.seq, ranges: head?.confirmed ?? [] };
}

const openPhone = (store: Store, user: User, name = "phone") =>
  openDevice(store, { userId: user.userId, door: "minioicq", name });

const confirmAs = (store: Store, user: User, chat: Chat, deviceId: DeviceId | undefined, ...ranges: Range[]) =>
  store.confirmMessages([{ userId: user.userId, deviceId, chatId: chat.chatId, ranges }]);

export function confirmationContract(openFresh: OpenFresh): void {
  test("a position moves over what it reaches, and what lies beyond a gap stands beside it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const [phone, desk] = [await openPhone(store, bob), await openPhone(store, bob, "desk")];
    await sendMany(store, ann, inChat(chat), 12);
    const confirm = (deviceId: DeviceId | undefined, ...ranges: Range[]) =>
      confirmAs(store, bob, chat, deviceId, ...ranges);
    await confirm(undefined, [3, 4], [6, 6]);
    await confirm(phone, [2, 2], [12, 12]);
    await confirm(phone, [1, 1], [5, 6]);
    await alsoAfterReopening(opened, async (now) => {
      // What the device confirmed closes gaps of the user's.
      expect(await placeOf(now, bob, chat)).toEqual({ next: 7, ranges: [[12, 12]] });
      expect(await placeOf(now, bob, chat, phone)).toEqual({
        next: 3,
        ranges: [
          [5, 6],
          [12, 12],
        ],
      });
      expect(await placeOf(now, bob, chat, desk)).toEqual({ next: 1, ranges: [] });
    });
    const now = opened.store;
    await confirmAs(now, bob, chat, undefined, [7, 7]);
    expect(await placeOf(now, bob, chat)).toEqual({ next: 8, ranges: [[12, 12]] });
    await confirmAs(now, bob, chat, phone, [3, 4], [7, 11]);
    expect(await placeOf(now, bob, chat, phone)).toEqual({ next: undefined, ranges: [] });
    expect(await placeOf(now, bob, chat)).toEqual({ next: undefined, ranges: [] });
    expect(await placeOf(now, bob, chat, desk)).toEqual({ next: 1, ranges: [] });
  });

  test("a device's place begins where the user stands in the chat", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const other = await group(store, ann);
    await sendMany(store, ann, inChat(chat), 20);
    await sendMany(store, ann, inChat(other), 7);
    await confirmAs(store, bob, chat, undefined, [1, 20]);
    const phone = await openPhone(store, bob);
    await sendMany(store, ann, inChat(chat), 3);
    expect(await placeOf(store, bob, chat, phone)).toEqual({ next: 21, ranges: [] });
    await confirmAs(store, bob, chat, phone, [22, 22]);
    expect(await placeOf(store, bob, chat, phone)).toEqual({ next: 21, ranges: [[22, 22]] });
    await confirmAs(store, bob, chat, phone, [21, 21]);
    expect(await placeOf(store, bob, chat, phone)).toEqual({ next: 23, ranges: [] });
  });

  test("confirmations of what is not there, or not one's own, move nothing", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob);
    const stolen = await openPhone(store, carl);
    await sendMany(store, ann, inChat(chat), 5);
    await confirmAs(store, bob, chat, undefined, [6, 6], [0, 2], [-1, 5], [4, 9], [3, 2]);
    await confirmAs(store, carl, chat, stolen, [1, 5]);
    await confirmAs(store, carl, chat, undefined, [1, 5]);
    expect(await placeOf(store, bob, chat)).toEqual({ next: 1, ranges: [] });
    expect(await store.positions(carl.userId)).toEqual([]);
    // By a device that is not Bob's, or not there any more: it counts for Bob alone.
    await confirmAs(store, bob, chat, stolen, [2, 2]);
    await confirmAs(store, bob, chat, (stolen + 1) as DeviceId, [1, 1]);
    expect(await placeOf(store, bob, chat)).toEqual({ next: 3, ranges: [] });
    await store.putMembers({ chatKey: chat.chatKey, people: [{ username: carl.userKey }], chatName: undefined });
    await sendMany(store, ann, inChat(chat), 1);
    expect(await placeOf(store, carl, chat, stolen)).toEqual({ next: 6, ranges: [] });
  });

  test("beyond 256 ranges the oldest is forgotten: its gap is sent again", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    await sendMany(store, ann, inChat(chat), 600);
    const every = Array.from({ length: 257 }, (_, n): Range => [2 * n + 2, 2 * n + 2]);
    await confirmAs(store, bob, chat, undefined, ...every);
    expect(await placeOf(store, bob, chat)).toEqual({ next: 1, ranges: every.slice(1) });
    await confirmAs(store, bob, chat, undefined, [1, 514]);
    expect(await placeOf(store, bob, chat)).toEqual({ next: 515, ranges: [] });
  });

  test("a device is to be told of its user's chats, in the order the user came into them, until it was", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const [phone, desk] = [await openPhone(store, bob), await openPhone(store, bob, "desk")];
    const early = await group(store, ann);
    const chats = [await group(store, ann, bob), await group(store, bob, ann)];
    const put = { chatKey: `chat.${early.chatId}`, people: [{ username: bob.userKey }], chatName: undefined };
    await store.putMembers(put);
    chats.push(early);
    const page = async (deviceId: DeviceId, after = 0, limit = 10, of: Store = store) =>
      of.unannouncedChats({ userId: bob.userId, deviceId, after, limit });
    const ids = chats.map((chat) => chat.chatId);
    expect(await page(phone)).toEqual({ chatIds: ids, next: undefined });
    const first = await page(phone, 0, 2);
    expect(first.chatIds).toEqual(ids.slice(0, 2));
    expect(await page(phone, first.next ?? 0, 2)).toEqual({ chatIds: ids.slice(2), next: undefined });
    const events = await store.events(bob.userId, "minioicq", { after: 0, limit: 10 });
    const [told] = events;
    await store.announceChats({
      userId: bob.userId,
      deviceId: phone,
      chatIds: ids.slice(0, 2),
      eventIds: told === undefined ? [] : [told.eventId],
    });
    // Another user's device, and a chat the user is not in, change nothing.
    await store.announceChats({ userId: ann.userId, deviceId: desk, chatIds: ids, eventIds: [] });
    await alsoAfterReopening(opened, async (now) => {
      expect((await page(phone, 0, 10, now)).chatIds).toEqual(ids.slice(2));
      expect((await page(desk, 0, 10, now)).chatIds).toEqual(ids);
      const left = await now.events(bob.userId, "minioicq", { after: 0, limit: 10 });
      expect(left.map((event) => event.chatId)).toEqual(ids.slice(1));
    });
    const now = opened.store;
    await now.announceChats({ userId: bob.userId, deviceId: phone, chatIds: ids, eventIds: [] });
    await now.removeMembers({ chatKey: `chat.${early.chatId}`, people: [bob.userKey] });
    expect((await page(phone, 0, 10, now)).chatIds).toEqual([]);
    await now.announceChats({ userId: bob.userId, deviceId: phone, chatIds: [early.chatId], eventIds: [] });
    await now.putMembers(put);
    expect((await page(phone, 0, 10, now)).chatIds).toEqual([early.chatId]);
  });
}
