/** Messages that are taken back. */
import { expect, test } from "bun:test";
import type { MessageId, UserId } from "../../../src/domain/model.ts";
import {
  alsoAfterReopening,
  expectRefusal,
  group,
  inChat,
  type OpenFresh,
  people,
  sendMany,
  snapshot,
  text,
  withUser,
} from "./stage.ts";

export function deletingContract(openFresh: OpenFresh): void {
  test("of a deleted message only its place remains, and the members are known", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    const [, second] = await sendMany(store, bob, inChat(chat), 3);
    if (second === undefined) throw new Error("three were sent");
    const { messageId } = second.message;
    const deleted = await store.deleteMessage({ userId: bob.userId, messageId });
    expect(deleted.message).toMatchObject({
      messageId,
      chatId: chat.chatId,
      chatKey: chat.chatKey,
      seq: 2,
      senderId: bob.userId,
    });
    expect([...deleted.members].sort()).toEqual([ann.userId, bob.userId, carl.userId]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findMessage(messageId)).toMatchObject({ messageId, seq: 2, kind: "deleted", content: "" });
      const page = await now.messages({ chatId: chat.chatId, limit: 10 });
      expect(page.map((message) => [message.seq, message.content])).toEqual([
        [1, "message 1"],
        [2, ""],
        [3, "message 3"],
      ]);
    });
    expect((await opened.store.appendMessage(text(ann, inChat(chat), "next"))).message.seq).toBe(4);
  });

  test("a stranger does not find the message, and a member may not delete another's", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    const chat = await group(store, ann, bob, carl);
    const { message } = await store.appendMessage(text(bob, inChat(chat), "mine"));
    const before = await snapshot(store, [ann, bob, carl, dora]);
    const remove = (userId: UserId, messageId: number) =>
      store.deleteMessage({ userId, messageId: messageId as MessageId });
    await expectRefusal(remove(dora.userId, message.messageId), "message_not_found");
    await expectRefusal(remove(bob.userId, message.messageId + 1), "message_not_found");
    await expectRefusal(remove(carl.userId, message.messageId), "not_authorized");
    expect(await snapshot(store, [ann, bob, carl, dora])).toEqual(before);
  });

  test("without a user any message is deleted, once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    for (const to of [inChat(chat), withUser(bob)]) {
      const { message } = await store.appendMessage(text(ann, to, "mine"));
      const { messageId } = message;
      expect((await store.deleteMessage({ messageId })).members.length).toBe(2);
      expect(await store.findMessage(messageId)).toMatchObject({ kind: "deleted", content: "" });
      await expectRefusal(store.deleteMessage({ messageId }), "message_not_found");
    }
  });
}
