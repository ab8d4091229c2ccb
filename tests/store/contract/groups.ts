/** What members change of the groups they are in. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { Chat, User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import {
  alsoAfterReopening,
  expectRefusal,
  group,
  inChat,
  type OpenFresh,
  people,
  snapshot,
  text,
  withUser,
} from "./stage.ts";

const membersOf = async (store: Store, chat: Chat) =>
  (await store.findChatView(inChat(chat)))?.members.map((member) => member.userId);
const idsOf = (users: readonly { readonly userId: UserId }[]) => users.map((user) => user.userId);

export function groupContract(openFresh: OpenFresh): void {
  test("the owner of a group gives it a picture, which all members see, and takes it back", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, eve] = await people(store, "Ann", "Bob", "Eve");
    const chat = await group(store, ann, bob);
    const direct = (await store.appendMessage(text(ann, withUser(bob), "hello"))).message.chatId;
    const avatar = new Uint8Array([1, 2, 3]);
    const told: DomainEvent[] = [];
    store.onCommitted({ hears: () => false, committed: (events) => void told.push(...events) });
    const request = { userId: ann.userId, chat: inChat(chat), avatar };
    expect(await store.setChatAvatar(request)).toMatchObject({
      chat: { chatId: chat.chatId },
      notified: [ann.userId, bob.userId],
    });
    const { chatId } = chat;
    expect(told).toMatchObject([{ type: "chat.pictured", chat: { chatId }, to: [ann.userId, bob.userId] }]);
    await expectRefusal(store.setChatAvatar({ ...request, userId: bob.userId }), "not_authorized");
    await expectRefusal(store.setChatAvatar({ ...request, userId: eve.userId }), "chat_not_found");
    await expectRefusal(store.setChatAvatar({ ...request, chat: { id: 9 } }), "chat_not_found");
    await expectRefusal(store.setChatAvatar({ ...request, chat: { id: direct } }), "chat_is_direct");
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChatAvatar(chatId)).toEqual(avatar);
      expect((await now.findChatView(inChat(chat), bob.userId))?.avatar).toEqual(avatar);
      expect(await now.findChatAvatar(direct)).toBeUndefined();
    });
    await opened.store.setChatAvatar({ ...request, avatar: undefined });
    expect((await opened.store.findChatView(inChat(chat)))?.avatar).toBeUndefined();
    await opened.store.setChatAvatar(request);
    for (const { userId } of [ann, bob]) await opened.store.leaveChat({ userId, chat: inChat(chat) });
    expect(await opened.store.findChatAvatar(chatId)).toBeUndefined();
  });

  test("what a leaving owner had is the longest member's, and an empty group is gone", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    const left = await store.leaveChat({ userId: ann.userId, chat: inChat(chat) });
    expect(left).toMatchObject({ type: "left", chat: { chatId: chat.chatId }, deleted: false });
    expect(idsOf(left.users)).toEqual([ann.userId]);
    expect(idsOf(left.rows).sort()).toEqual([ann.userId, bob.userId, carl.userId]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChat(inChat(chat))).toMatchObject({ ownerId: bob.userId });
      expect(await membersOf(now, chat)).toEqual([bob.userId, carl.userId]);
    });
    await opened.store.leaveChat({ userId: bob.userId, chat: { key: chat.chatKey } });
    const last = await opened.store.leaveChat({ userId: carl.userId, chat: inChat(chat) });
    expect(last).toMatchObject({ deleted: true });
    expect(await opened.store.findChat(inChat(chat))).toBeUndefined();
  });

  test("a member adds users, each once; all or none", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    const chat = await group(store, ann, bob);
    const add = (user: User, ...members: number[]) =>
      store.addToChat({ userId: user.userId, chat: inChat(chat), members });
    await store.blockContact({ userId: dora.userId, contactId: bob.userId });
    const before = await snapshot(store, [ann, bob, carl, dora]);
    await expectRefusal(add(bob, carl.userId, 1), "user_not_found");
    await expectRefusal(add(bob, carl.userId, dora.userId), "user_not_found");
    await expectRefusal(add(bob, ...Array.from({ length: 100_000 }, (_, n) => 20_000 + n)), "too_many_members");
    expect(await snapshot(store, [ann, bob, carl, dora])).toEqual(before);
    const added = await add(bob, carl.userId, bob.userId, carl.userId);
    expect(added.chat.chatId).toBe(chat.chatId);
    expect(idsOf(added.entered?.users ?? [])).toEqual([carl.userId]);
    expect(await add(bob, carl.userId)).toMatchObject({ chat: { chatId: chat.chatId }, entered: undefined });
    await alsoAfterReopening(opened, async (now) => {
      expect(await membersOf(now, chat)).toEqual([ann.userId, bob.userId, carl.userId]);
    });
  });

  test("the owner removes members, and nobody else does", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    const chat = await group(store, ann, bob, carl);
    const remove = (user: User, ...members: User[]) =>
      store.removeFromChat({ userId: user.userId, chat: inChat(chat), members: idsOf(members) });
    await expectRefusal(remove(bob, carl), "not_authorized");
    await expectRefusal(remove(ann, ann), "not_authorized");
    await expectRefusal(remove(ann, bob, dora), "user_not_found");
    expect(await membersOf(store, chat)).toEqual([ann.userId, bob.userId, carl.userId]);
    const left = await remove(ann, bob);
    expect(left).toMatchObject({ type: "left", deleted: false });
    expect(idsOf(left.users)).toEqual([bob.userId]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await membersOf(now, chat)).toEqual([ann.userId, carl.userId]);
    });
  });

  test("the owner gives the group a name, and the members are to be told where it is a new one", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const rename = (user: User, name: string) => store.renameChat({ userId: user.userId, chat: inChat(chat), name });
    await expectRefusal(rename(bob, "Bob's"), "not_authorized");
    const renamed = await rename(ann, "Team");
    expect(renamed.chat).toMatchObject({ chatId: chat.chatId, name: "Team" });
    expect([...renamed.notified].sort()).toEqual([ann.userId, bob.userId]);
    expect((await rename(ann, "Team")).notified).toEqual([]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChat(inChat(chat))).toMatchObject({ name: "Team" });
    });
  });

  test("a stranger finds no group, and a direct chat is none", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, eve] = await people(store, "Ann", "Bob", "Eve");
    const chat = await group(store, ann, bob);
    await store.appendMessage(text(ann, withUser(bob), "hello"));
    for (const [user, ref, code] of [
      [eve, inChat(chat), "chat_not_found"],
      [eve, { key: "nowhere" }, "chat_not_found"],
      [ann, withUser(bob), "chat_is_direct"],
    ] as const) {
      const acting = { userId: user.userId, chat: ref };
      await expectRefusal(store.leaveChat(acting), code);
      await expectRefusal(store.addToChat({ ...acting, members: [eve.userId] }), code);
      await expectRefusal(store.removeFromChat({ ...acting, members: [bob.userId] }), code);
      await expectRefusal(store.renameChat({ ...acting, name: "Mine" }), code);
    }
    expect(await membersOf(store, chat)).toEqual([ann.userId, bob.userId]);
  });
}
