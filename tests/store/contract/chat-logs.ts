/** Pieces of the log at a known place: by `seq`, by message id, by time. */
import { expect, test } from "bun:test";
import { oddTimeMs, type Stretch } from "../../../src/domain/messages/history-store.ts";
import type { Chat, ChatId, User } from "../../../src/domain/model.ts";
import { alsoAfterReopening, group, inChat, type OpenFresh, people, sendMany, text, withUser } from "./stage.ts";

const stretchOf = (chat: Chat, reader: User, from: number, to: number, more: Partial<Stretch> = {}): Stretch => ({
  chatId: chat.chatId,
  from,
  to,
  descending: false,
  senders: undefined,
  reader: { userId: reader.userId },
  ...more,
});

export function chatLogContract(openFresh: OpenFresh): void {
  test("a chat's log is a member's, as far as it goes; shared logs are those both are in", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const [both, alone, silent] = [await group(store, ann, bob), await group(store, ann), await group(store, ann, bob)];
    const sent = await sendMany(store, ann, inChat(both), 3);
    await sendMany(store, ann, inChat(alone), 1);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChatLog(bob.userId, both.chatId)).toEqual({
        chatId: both.chatId,
        kind: "group",
        firstSeq: 1,
        lastSeq: 3,
        lastMessageId: sent[2]?.message.messageId as never,
      });
      expect(await now.findChatLog(carl.userId, both.chatId)).toBeUndefined();
      expect(await now.findChatLog(ann.userId, 1 as ChatId)).toBeUndefined();
      expect(await now.findChatLog(ann.userId, silent.chatId)).toMatchObject({ lastSeq: 0 });
      const logs = async (user: User, other: User) =>
        (await now.chatLogs(user.userId, other.userId)).map((log) => log.chatId).sort();
      expect(await logs(ann, ann)).toEqual([both.chatId, alone.chatId].sort());
      expect(await logs(ann, bob)).toEqual([both.chatId]);
      expect(await logs(ann, carl)).toEqual([]);
      expect(await logs(carl, carl)).toEqual([]);
    });
  });

  test("a stretch is read up or down, whole or of two senders, and says how far it came", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    for (const sender of [ann, bob, carl, ann, bob, carl]) await sendMany(store, sender, inChat(chat), 1);
    const read = async (from: number, to: number, more: Partial<Stretch> = {}) => {
      const { messages, reached } = await store.readStretch(stretchOf(chat, ann, from, to, more));
      return [messages.map((message) => message.seq), reached];
    };
    expect(await read(2, 5)).toEqual([[2, 3, 4, 5], 5]);
    expect(await read(2, 5, { descending: true })).toEqual([[5, 4, 3, 2], 2]);
    expect(await read(1, 6, { senders: [ann.userId, carl.userId] })).toEqual([[1, 3, 4, 6], 6]);
    expect(await read(1, 2, { senders: [carl.userId, carl.userId], descending: true })).toEqual([[], 1]);
    const { messages } = await store.readStretch(stretchOf(chat, ann, 1, 1));
    expect(messages).toMatchObject([{ content: "message 1", senderId: ann.userId, seq: 1 }]);
  });

  test("large messages come in smaller pieces, one at least, and none is left out", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const count = 40;
    await Promise.all(
      Array.from({ length: count }, () => store.appendMessage(text(ann, inChat(chat), "x".repeat(50_000)))),
    );
    for (const descending of [false, true]) {
      const seqs: number[] = [];
      for (let [from, to] = [1, count]; from <= to; ) {
        const { messages, reached } = await store.readStretch(stretchOf(chat, ann, from, to, { descending }));
        expect(messages.length).toBeGreaterThan(0);
        expect(messages.length).toBeLessThan(count);
        seqs.push(...messages.map((message) => message.seq));
        if (descending) to = reached - 1;
        else from = reached + 1;
      }
      const ascending = Array.from({ length: count }, (_, n) => n + 1);
      expect(seqs).toEqual(descending ? ascending.toReversed() : ascending);
    }
  });

  test("messages of a clock that disagrees are found among the others, so many at once", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const nowMs = clock.nowMs();
    const times = [undefined, nowMs, nowMs - oddTimeMs, nowMs - oddTimeMs - 1, nowMs + oddTimeMs + 1, nowMs, 0];
    for (const [n, clientTimeMs] of times.entries()) {
      await store.appendMessage(text(n === 4 ? bob : ann, inChat(chat), "x", { clientTimeMs }));
    }
    const odd = async (more: Partial<Stretch>, limit = 10, from = 1, to = 7) => {
      const { messages, reached } = await store.readOddTimes({ ...stretchOf(chat, ann, from, to, more), limit });
      return [messages.map((message) => message.seq), reached];
    };
    expect(await odd({})).toEqual([[4, 5, 7], 7]);
    expect(await odd({ descending: true })).toEqual([[7, 5, 4], 1]);
    expect(await odd({}, 2)).toEqual([[4, 5], 5]);
    expect(await odd({}, 10, 1, 6)).toEqual([[4, 5], 6]);
    expect(await odd({ senders: [bob.userId, bob.userId] })).toEqual([[5], 7]);
  });

  test("places, ids and times of the log become each other", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const startMs = clock.nowMs();
    const ids: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      // Every other one belongs to another chat.
      const ref = n % 2 === 0 ? inChat(chat) : withUser(bob);
      ids.push((await store.appendMessage(text(ann, ref, `${n}`))).message.messageId);
      clock.advance(1000);
    }
    await alsoAfterReopening(opened, async (now) => {
      const log = await now.findChatLog(ann.userId, chat.chatId);
      if (log === undefined) throw new Error("a log was expected");
      const [, , third = 0, fourth = 0, fifth = 0] = ids;
      const last = ids.at(-1) ?? 0;
      expect(await now.seqFrom(log, 0)).toBe(1);
      expect(await now.seqFrom(log, third)).toBe(2);
      expect(await now.seqFrom(log, fourth)).toBe(3);
      expect(await now.seqFrom(log, fifth)).toBe(3);
      expect(await now.seqFrom(log, last)).toBe(5);
      expect(await now.seqFrom(log, last + 1)).toBe(6);
      expect(await now.messageIdOf(chat.chatId, 2)).toBe(third as never);
      expect(await now.messageIdOf(chat.chatId, 6)).toBeUndefined();
      expect(await now.messageIdAt(0)).toBeLessThanOrEqual(ids[0] ?? 0);
      expect(await now.messageIdAt(startMs + 3000)).toBe(fourth);
      expect(await now.messageIdAt(startMs + 3001)).toBe(fifth);
      expect(await now.messageIdAt(startMs + 9000)).toBe(last + 1);
    });
  });
}
