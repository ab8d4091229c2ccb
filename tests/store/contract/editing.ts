/** Edits, reactions, replies and mentions, and what a client that was away learns of them. */
import { describe, expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { ChangedMessages } from "../../../src/domain/messages/edit-store.ts";
import type { ChatId, Message, MessageId, MessageReader, User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { recordEvents } from "../../support/recorded-events.ts";
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

const edit = (store: Store, by: User, messageId: MessageId, content: string | Uint8Array, type = "text") =>
  store.editMessage({ userId: by.userId, messageId, content, type });

const react = (store: Store, by: User, messageId: MessageId, reaction: string, added = true) =>
  store.reactToMessage({ userId: by.userId, messageId, reaction, added });

const changed = (
  store: Store,
  chatId: ChatId,
  reader: MessageReader,
  after = 0,
  limit = 100,
): Promise<ChangedMessages> => store.changedAfter({ chatId, after, limit, reader });

const shown = ({ messages }: ChangedMessages) =>
  messages.map(({ seq, kind, content, revision }) => [seq, kind === "deleted" ? "deleted" : content, revision]);

const revisionOf = async (store: Store, chatId: ChatId) => (await store.findChat({ id: chatId }))?.revision;

function listen(store: Store): DomainEvent[] {
  const heard: DomainEvent[] = [];
  recordEvents(store, heard);
  return heard;
}

const never = 999_999 as MessageId;

export function editingContract(openFresh: OpenFresh): void {
  describe("edits", () => {
    test("replace the content; id, place and time stay, and the former content is gone", async () => {
      await using opened = await openFresh();
      const { store, clock } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const { message } = await store.appendMessage(text(bob, inChat(chat), "the former words", { clientId: "c1" }));
      clock.advance(5000);
      const heard = listen(store);
      const { message: edited, changed: isNew } = await edit(store, bob, message.messageId, "other words");
      const expected = { ...message, content: "other words", revision: 1, editedAtMs: clock.nowMs() };
      expect([edited, isNew]).toEqual([expected, true]);
      expect(heard).toEqual([{ type: "message.edited", message: expected, to: [ann.userId, bob.userId] }]);
      await alsoAfterReopening(opened, async (now) => {
        expect(await now.findMessage(message.messageId)).toEqual(expected);
        expect(await now.messages({ chatId: chat.chatId, limit: 10 })).toEqual([expected]);
        expect(shown(await changed(now, chat.chatId, ann))).toEqual([[1, "other words", 1]]);
        expect(await revisionOf(now, chat.chatId)).toBe(1);
      });
      const again = await opened.store.appendMessage(text(bob, inChat(chat), "the former words", { clientId: "c1" }));
      expect([again.repeated, again.message.content]).toEqual([true, "other words"]);
    });

    test("the same content again changes nothing and is told to no one", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const { message } = await store.appendMessage(text(ann, inChat(chat), "same"));
      const bytes = await store.appendMessage(text(ann, inChat(chat), new Uint8Array([1, 2]), { type: "file" }));
      const heard = listen(store);
      expect(await edit(store, ann, message.messageId, "same")).toEqual({ message, changed: false });
      expect((await edit(store, ann, bytes.message.messageId, new Uint8Array([1, 2]), "file")).changed).toBe(false);
      expect((await edit(store, ann, bytes.message.messageId, new Uint8Array([3]), "file")).changed).toBe(true);
      expect(heard.map(({ type }) => type)).toEqual(["message.edited"]);
    });

    test("large content moves to a file, from one file to another, and back", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann] = await people(store, "Ann");
      const chat = await group(store, ann);
      const { message } = await store.appendMessage(text(ann, inChat(chat), "small"));
      const { messageId } = message;
      const large = ["a", "b"].map((letter) => letter.repeat(200_000));
      for (const content of [...large, "small again"]) {
        expect((await edit(opened.store, ann, messageId, content)).message.content).toBe(content);
        await alsoAfterReopening(opened, async (now) => {
          expect((await now.findMessage(messageId))?.content).toBe(content);
        });
      }
      expect((await opened.store.findMessage(messageId))?.file).toBeUndefined();
    });

    test("belong to the sender while they may write there: all others get the answer of no message", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
      const chat = await group(store, ann, bob, carl);
      const { message } = await store.appendMessage(text(bob, inChat(chat), "mine"));
      const direct = await store.appendMessage(text(bob, withUser(dora), "hello"));
      const gone = await store.appendMessage(text(bob, inChat(chat), "gone"));
      await store.deleteMessage({ userId: bob.userId, messageId: gone.message.messageId });
      await store.appendMessage(text(carl, inChat(chat), "I leave"));
      const last = await store.lastMessageId();
      await store.leaveChat({ userId: carl.userId, chat: inChat(chat) });
      await store.blockContact({ userId: dora.userId, contactId: bob.userId });
      const before = await snapshot(store, [ann, bob, carl, dora]);
      for (const [by, messageId] of [
        [ann, message.messageId],
        [dora, message.messageId],
        [carl, last],
        [bob, direct.message.messageId],
        [bob, gone.message.messageId],
        [bob, never],
        [bob, (last + 1) as MessageId],
      ] as const) {
        await expectRefusal(edit(store, by, messageId, "other"), "message_not_found");
        if (by !== ann) await expectRefusal(react(store, by, messageId, "👍"), "message_not_found");
      }
      await expectRefusal(edit(store, { ...ann, userId: 999_999 as UserId }, never, "other"), "user_disabled");
      expect(await snapshot(store, [ann, bob, carl, dora])).toEqual(before);
    });
  });

  describe("reactions", () => {
    test("are counted by kind, one of a kind per user, and taken back", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const { message } = await store.appendMessage(text(ann, inChat(chat), "lunch?"));
      const { messageId } = message;
      const heard = listen(store);
      await react(store, ann, messageId, "👍");
      await react(store, bob, messageId, "🎉");
      expect((await react(store, bob, messageId, "👍")).changed).toBe(true);
      expect((await react(store, bob, messageId, "👍")).changed).toBe(false);
      const party = { reaction: "🎉", count: 1, userIds: [bob.userId] };
      const both = [{ reaction: "👍", count: 2, userIds: [ann.userId, bob.userId] }, party];
      await alsoAfterReopening(opened, async (now) => {
        expect(await now.findMessage(messageId)).toEqual({ ...message, revision: 3, reactions: both });
      });
      await react(opened.store, ann, messageId, "👍", false);
      expect((await react(opened.store, ann, messageId, "👍", false)).changed).toBe(false);
      await react(opened.store, bob, messageId, "🎉", false);
      expect((await opened.store.findMessage(messageId))?.reactions).toEqual([
        { reaction: "👍", count: 1, userIds: [bob.userId] },
      ]);
      await react(opened.store, bob, messageId, "👍", false);
      expect(await opened.store.findMessage(messageId)).toEqual({ ...message, revision: 6 });
      expect(heard[1]).toEqual({
        type: "message.reacted",
        reacted: {
          messageId,
          chatId: chat.chatId,
          chatKey: chat.chatKey,
          seq: 1,
          senderId: ann.userId,
          revision: 2,
          by: bob.userId,
          reaction: "🎉",
          added: true,
          reactions: [{ reaction: "👍", count: 1, userIds: [ann.userId] }, party],
        },
        to: [ann.userId, bob.userId],
      });
    });

    test("have at most twenty kinds; one of those may still be joined", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const { messageId } = (await store.appendMessage(text(ann, inChat(chat), "hello"))).message;
      for (let kind = 0; kind < 20; kind += 1) await react(store, ann, messageId, String.fromCharCode(65 + kind));
      await expectRefusal(react(store, bob, messageId, "Z"), "too_many_reactions");
      expect((await react(store, bob, messageId, "A")).reacted.reactions).toHaveLength(20);
      await react(store, ann, messageId, "B", false);
      expect((await react(store, bob, messageId, "Z")).reacted.reactions.at(-1)).toMatchObject({ reaction: "Z" });
    });

    test("stay with an edit, and go with a deletion", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const first = await store.appendMessage(text(ann, inChat(chat), "first"));
      const { messageId } = first.message;
      const answer = await store.appendMessage(text(bob, inChat(chat), "answer", { replyTo: messageId }));
      await react(store, bob, messageId, "👍");
      expect((await edit(store, ann, messageId, "edited")).message.reactions).toHaveLength(1);
      await react(store, bob, answer.message.messageId, "👍");
      expect((await store.findMessage(answer.message.messageId))?.replyTo).toBe(messageId);
      await store.deleteMessage({ userId: ann.userId, messageId });
      await store.deleteMessage({ userId: bob.userId, messageId: answer.message.messageId });
      for (const { messageId: id, revision } of [
        { messageId, revision: 4 },
        { messageId: answer.message.messageId, revision: 5 },
      ]) {
        const left = await store.findMessage(id);
        expect([left?.kind, left?.reactions, left?.replyTo, left?.editedAtMs, left?.revision]).toEqual([
          "deleted",
          undefined,
          undefined,
          undefined,
          revision,
        ]);
      }
    });
  });

  describe("replies", () => {
    test("name a message of the same chat that is there; a repeat does not ask again", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const [chat, other] = [await group(store, ann, bob), await group(store, ann)];
      const [first] = await sendMany(store, ann, inChat(chat), 1);
      const [elsewhere] = await sendMany(store, ann, inChat(other), 1);
      if (first === undefined || elsewhere === undefined) throw new Error("they were sent");
      const { messageId: replyTo } = first.message;
      const reply = text(bob, inChat(chat), "answer", { replyTo, clientId: "r" });
      const sent = await store.appendMessage(reply);
      expect(sent.message.replyTo).toBe(replyTo);
      expect(await store.findMessage(sent.message.messageId)).toEqual(sent.message);
      await store.deleteMessage({ userId: ann.userId, messageId: replyTo });
      expect((await store.appendMessage(reply)).repeated).toBe(true);
      expect((await store.appendMessages([reply])).map(({ repeated }) => repeated)).toEqual([true]);
      const before = await snapshot(store, [ann, bob]);
      for (const wrong of [replyTo, elsewhere.message.messageId, never, 0 as MessageId]) {
        const draft = text(bob, inChat(chat), "answer", { replyTo: wrong });
        await expectRefusal(store.appendMessage(draft), "message_not_found");
        await expectRefusal(store.appendMessages([text(bob, inChat(chat), "one"), draft]), "message_not_found");
      }
      await expectRefusal(
        store.appendMessage(text(bob, withUser(ann), "new chat", { replyTo: first.message.messageId })),
        "message_not_found",
      );
      expect(await snapshot(store, [ann, bob])).toEqual(before);
    });
  });

  describe("mentions", () => {
    test("are the members that the client names, or exact usernames behind an @", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann] = await people(store, "Ann");
      const [bob, dot, eve] = await Promise.all(
        ["bob", "dot.matrix", "eve"].map((username) => store.createUser({ nick: username, username })),
      );
      if (bob === undefined || dot === undefined || eve === undefined) throw new Error("they were made");
      const chat = await group(store, ann, bob, dot);
      const named = async (content: string, more: object = {}): Promise<Message["mentions"]> => {
        const { message } = await store.appendMessage(text(ann, inChat(chat), content, more));
        expect((await store.findMessage(message.messageId))?.mentions).toEqual(message.mentions);
        return message.mentions;
      };
      expect(await named("hello @bob, @dot.matrix. And @bob")).toEqual([bob.userId, dot.userId]);
      expect(await named("(@bob)")).toEqual([bob.userId]);
      for (const none of ["bob", "mail ann@bob", "@Bob", "@bobby", "@eve", "@ bob", "@"]) {
        expect([none, await named(none)]).toEqual([none, undefined]);
      }
      expect(await named("@bob", { mentions: [dot.userId, eve.userId, dot.userId, 1 as UserId] })).toEqual([
        dot.userId,
      ]);
      expect(await named("@bob", { mentions: [] })).toBeUndefined();
      expect(await named("@bob", { type: "image/png" })).toBeUndefined();
      const { message } = await store.appendMessage(text(ann, inChat(chat), "hello @bob"));
      expect((await edit(store, ann, message.messageId, "hello @dot.matrix")).message.mentions).toEqual([dot.userId]);
      expect((await edit(store, ann, message.messageId, "hello")).message.mentions).toBeUndefined();
    });
  });

  describe("a client that was away", () => {
    test("is given each changed message once, as it is now, page by page", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const chat = await group(store, ann, bob);
      const other = await group(store, ann, bob);
      const ids = (await sendMany(store, ann, inChat(chat), 4)).map(({ message }) => message.messageId);
      const [foreign] = await sendMany(store, ann, inChat(other), 1);
      const [one = never, two = never, , four = never] = ids;
      await edit(store, ann, one, "edited");
      await store.deleteMessage({ userId: ann.userId, messageId: two });
      await edit(store, ann, foreign?.message.messageId ?? never, "in another chat");
      await react(store, bob, four, "👍");
      await react(store, bob, one, "👍");
      expect(await revisionOf(store, chat.chatId)).toBe(4);
      await alsoAfterReopening(opened, async (now) => {
        const all = await changed(now, chat.chatId, bob);
        expect([shown(all), all.through, all.more]).toEqual([
          [
            [2, "deleted", 2],
            [4, "message 4", 3],
            [1, "edited", 4],
          ],
          4,
          false,
        ]);
        const first = await changed(now, chat.chatId, bob, 0, 2);
        expect([shown(first).length, first.through, first.more]).toEqual([2, 3, true]);
        const rest = await changed(now, chat.chatId, bob, first.through, 2);
        expect([shown(rest), rest.through, rest.more]).toEqual([[[1, "edited", 4]], 4, false]);
        const nothing = await changed(now, chat.chatId, bob, 4);
        expect(nothing).toEqual({ messages: [], through: 4, more: false });
        const small = await now.changedAfter({ chatId: chat.chatId, after: 2, limit: 9, reader: bob, bytesMax: 1 });
        expect([shown(small).length, small.through, small.more]).toEqual([1, 3, true]);
      });
    });

    test("learns nothing of a message that was not for them, and that one is gone of one that was", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
      const chat = await group(store, ann, bob, carl);
      const say = (content: string, oldMessageId?: MessageId) =>
        store.exchange({
          from: { userId: ann.userId, deviceId: undefined },
          confirmations: [],
          messages: [
            { chatKey: chat.chatKey, clientId: content, texts: [{ guid: bob.guid, text: content }], oldMessageId },
          ],
        });
      const sent = async (...of: Parameters<typeof say>): Promise<MessageId> => {
        const outcome = await say(...of);
        return outcome === "foreign" ? never : (outcome.messages[0]?.message.messageId ?? never);
      };
      const [first, second] = [await sent("first words"), await sent("second")];
      await expectRefusal(react(store, carl, first, "👍"), "message_not_found");
      await expectRefusal(edit(store, ann, first, "for all"), "message_not_found");
      await expectRefusal(store.appendMessage(text(carl, inChat(chat), "?", { replyTo: first })), "message_not_found");
      await expectRefusal(store.deleteMessage({ userId: carl.userId, messageId: first }), "message_not_found");
      const heard = listen(store);
      await react(store, bob, second, "👍");
      const third = await sent("third", first);
      await store.deleteMessage({ userId: ann.userId, messageId: second });
      expect(heard.flatMap((event) => (event.to.includes(carl.userId) ? [event.type] : []))).toEqual([]);
      expect(heard.map(({ type }) => type)).toEqual([
        "message.reacted",
        "message.deleted",
        "message.sent",
        "message.deleted",
      ]);
      await alsoAfterReopening(opened, async (now) => {
        expect(shown(await changed(now, chat.chatId, bob))).toEqual([
          [1, "deleted", 2],
          [2, "deleted", 3],
        ]);
        expect(shown(await changed(now, chat.chatId, carl))).toEqual([]);
        expect(shown(await changed(now, chat.chatId, ann))).toEqual([]);
        const read = await now.messages({ chatId: chat.chatId, limit: 10, reader: bob });
        expect(read.map(({ content, addressed }) => [content, addressed])).toEqual([
          ["", "to_others"],
          ["", "to_others"],
          ["third", "to_reader"],
        ]);
        const [unread] = await now.chatPage(bob.userId, { after: 0, limit: 1 });
        expect(unread?.unread).toBe(1);
      });
      expect(third).toBeGreaterThan(second);
    });

    test("hears in a direct chat with a block only deletions of the other one, and the rest when it ends", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = await people(store, "Ann", "Bob");
      const { message } = await store.appendMessage(text(ann, withUser(bob), "first"));
      const { chatId, messageId } = message;
      const second = (await store.appendMessage(text(bob, withUser(ann), "second"))).message.messageId;
      const third = (await store.appendMessage(text(bob, withUser(ann), "third"))).message.messageId;
      await react(store, bob, messageId, "🎉");
      await store.blockContact({ userId: ann.userId, contactId: bob.userId });
      const heard = listen(store);
      await edit(store, ann, messageId, "edited");
      await react(store, ann, second, "👍");
      await expectRefusal(react(store, bob, messageId, "👍"), "message_not_found");
      await store.deleteMessage({ userId: bob.userId, messageId: third });
      expect(heard.map(({ type, to }) => [type, to])).toEqual([
        ["message.edited", [ann.userId]],
        ["message.reacted", [ann.userId]],
        ["message.deleted", [ann.userId, bob.userId]],
      ]);
      await alsoAfterReopening(opened, async (now) => {
        expect(shown(await changed(now, chatId, ann, 1))).toEqual([
          [1, "edited", 2],
          [2, "second", 3],
          [3, "deleted", 4],
        ]);
        expect(shown(await changed(now, chatId, bob, 1))).toEqual([[3, "deleted", 4]]);
      });
      await opened.store.unblockContact({ userId: ann.userId, contactId: bob.userId });
      await alsoAfterReopening(opened, async (now) => {
        expect(shown(await changed(now, chatId, bob, 4))).toEqual([
          [1, "edited", 5],
          [2, "second", 6],
          [3, "deleted", 7],
        ]);
        expect(await revisionOf(now, chatId)).toBe(7);
      });
      expect((await edit(opened.store, ann, messageId, "once more")).message.revision).toBe(8);
      expect(shown(await changed(opened.store, chatId, bob, 7))).toEqual([[1, "once more", 8]]);
    });
  });
}
