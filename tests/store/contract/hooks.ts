/** Hooks: their users, who may make and remove them, and how they end. */
import { expect, test } from "bun:test";
import type { Chat, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, group, inChat, type OpenFresh, people, text, withUser } from "./stage.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);

const add = (store: Store, chat: Chat, byte: number, more: { by?: UserId; name?: string } = {}) =>
  store.addHook({ chat: inChat(chat), by: undefined, name: "cron", hash: hash(byte), hooksMax: 2, ...more });

export function hookContract(openFresh: OpenFresh): void {
  test("a hook is found by its hash, and is a member of its chat who is no person", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const other = await group(store, ann, bob);
    const hook = await add(store, chat, 1, { name: "grafana" });
    const { chatId, chatKey } = chat;
    expect(hook).toEqual({ userId: hook.userId, chatId, chatKey, name: "grafana", createdAtMs: clock.nowMs() });
    const second = await add(store, other, 2, { by: ann.userId });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findHook(hash(1))).toEqual(hook);
      expect(await now.findHook(hash(3))).toBeUndefined();
      expect(await now.listHooks({ after: 0, limit: 10 })).toEqual([hook, second]);
      expect(await now.listHooks({ after: hook.userId, limit: 10 })).toEqual([second]);
      expect(await now.listHooks({ chatId, after: 0, limit: 10 })).toEqual([hook]);
      const members = (await now.findChatView(inChat(chat)))?.members.map(({ nick, kind }) => [nick, kind]);
      expect(members).toEqual([
        ["Ann", "person"],
        ["Bob", "person"],
        ["grafana", "hook"],
      ]);
      expect((await now.listUsers({ after: 0, limit: 10 })).map(({ nick }) => nick)).toEqual(["Ann", "Bob"]);
      expect((await now.listAcquaintances(ann.userId, 10)).map(({ nick }) => nick)).toEqual(["Ann", "Bob"]);
      expect(await now.countUsers()).toBe(2);
    });
    const sent = await opened.store.appendMessage({
      chat: inChat(chat),
      from: hook.userId,
      type: "text",
      content: "hello",
    });
    expect(sent).toMatchObject({ message: { senderId: hook.userId, seq: 1 } });
    const { recipients } = await opened.store.addressing(sent.message, 10);
    expect(recipients).toEqual([ann.guid, bob.guid]);
    await expectRefusal(opened.store.removeUser(hook.userId), "user_not_found");
    // It hears nothing, so nobody waits for it to.
    expect(await opened.store.placeCounts(chatId, 1)).toMatchObject({ members: 2 });
    expect((await opened.store.places(chatId)).map(({ userId }) => userId)).toEqual([ann.userId, bob.userId]);
  });

  test("hooks are the owner's and the operator's to make and remove, so many in a group", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob);
    const own = await add(store, chat, 1, { by: ann.userId });
    await expectRefusal(add(store, chat, 2, { by: bob.userId }), "not_authorized");
    await expectRefusal(add(store, chat, 2, { by: carl.userId }), "chat_not_found");
    const removal = { userId: own.userId, chat: undefined };
    await expectRefusal(store.removeHook({ ...removal, by: bob.userId }), "not_authorized");
    await expectRefusal(store.removeHook({ ...removal, by: carl.userId }), "chat_not_found");
    const other = await group(store, ann, carl);
    await expectRefusal(store.removeHook({ ...removal, chat: inChat(other), by: ann.userId }), "user_not_found");
    await expectRefusal(store.removeHook({ ...removal, userId: bob.userId, by: undefined }), "user_not_found");
    await add(store, chat, 2);
    await expectRefusal(add(store, chat, 3), "too_many_members");
    expect(await store.removeHook({ ...removal, by: ann.userId })).toMatchObject({ chatId: chat.chatId });
    await expectRefusal(store.removeHook({ ...removal, by: ann.userId }), "user_not_found");
    expect(await store.findHook(hash(1))).toBeUndefined();
    expect(await store.findUser(own.userId)).toBeUndefined();
    const direct = await store.appendMessage(text(ann, withUser(bob), "hello"));
    await expectRefusal(add(store, direct.message as never, 4), "chat_is_direct");
    await expectRefusal(
      store.addHook({ chat: { id: 1 }, by: undefined, name: "x", hash: hash(5), hooksMax: 2 }),
      "chat_not_found",
    );
  });

  test("an owner's leave passes a chat to people alone", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann);
    await add(store, chat, 1);
    await store.addToChat({ userId: ann.userId, chat: inChat(chat), members: [bob.userId] });
    await store.leaveChat({ userId: ann.userId, chat: inChat(chat) });
    expect(await store.findChat(inChat(chat), undefined)).toMatchObject({ ownerId: bob.userId });
    expect(await store.leaveChat({ userId: bob.userId, chat: inChat(chat) })).toMatchObject({ deleted: true });
    expect(await store.listHooks({ after: 0, limit: 10 })).toEqual([]);
  });
}
