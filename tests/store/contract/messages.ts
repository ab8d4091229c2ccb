/** The log: order, repeats, refusals, what comes back of what was said. */
import { expect, test } from "bun:test";
import { DomainError, type DomainErrorCode } from "../../../src/domain/errors.ts";
import type { ChatId, Draft, Sent, User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
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

const nobody = { userId: 1 as UserId } as User;
const seqsOf = (sent: readonly Sent[]) => sent.map((one) => one.message.seq);

async function contentsOf(store: Store, chatId: ChatId): Promise<unknown[]> {
  return (await store.messages({ chatId, limit: 1000 })).map((message) => message.content);
}

export function messageContract(openFresh: OpenFresh): void {
  test("a message is answered as it is read back", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const sent = await store.appendMessage({
      chat: inChat(chat),
      from: bob.userId,
      type: "image/png",
      content: "hello",
      clientId: "c-1",
      clientTimeMs: 1_700_000_000_123,
    });
    expect(sent).toEqual({
      message: {
        messageId: sent.message.messageId,
        chatId: chat.chatId,
        chatKey: chat.chatKey,
        seq: 1,
        senderId: bob.userId,
        senderKey: bob.userKey,
        kind: "image",
        type: "image/png",
        content: "hello",
        clientId: "c-1",
        clientTimeMs: 1_700_000_000_123,
        sentAtMs: clock.nowMs(),
      },
      members: [ann.userId, bob.userId],
      repeated: false,
      entered: undefined,
    });
    expect(await store.lastMessageId()).toBe(sent.message.messageId);
    expect(await store.messages({ chatId: chat.chatId, limit: 10 })).toEqual([sent.message]);
    const again = await opened.reopen();
    expect(await again.messages({ chatId: chat.chatId, limit: 10 })).toEqual([sent.message]);
    expect(await again.lastMessageId()).toBe(sent.message.messageId);
  });

  test("a chat counts 1, 2, 3… without a gap, also where others in flight are refused", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const one = await group(store, ann, bob);
    const two = await group(store, ann, bob);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 120 }, (_, n): Promise<Sent | Sent[]> => {
        if (n % 6 === 1) return store.appendMessage(text(carl, inChat(one), "not a member"));
        if (n % 6 === 3) return store.appendMessage(text(ann, { key: "nowhere" }, "no chat"));
        if (n % 6 === 5) return store.appendMessages([text(ann, inChat(two), "a"), text(carl, inChat(two), "b")]);
        return store.appendMessage(text(bob, inChat(n % 6 === 0 ? one : two), `${n}`));
      }),
    );
    expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(60);
    await sendMany(await opened.reopen(), ann, inChat(one), 3);
    for (const [chat, count] of [
      [one, 23],
      [two, 40],
    ] as const) {
      const log = await opened.store.messages({ chatId: chat.chatId, limit: 1000 });
      expect(log.map((message) => message.seq)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
      expect(await opened.store.findChat(inChat(chat))).toMatchObject({ lastSeq: count });
    }
  });

  test("message ids grow with every commit, across chats and over a restart", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chats = [await group(store, ann), await group(store, bob), await group(store, ann, bob)];
    const first = await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const chat = chats[n % 3] ?? chats[0];
        if (chat === undefined) throw new Error("three chats were made");
        return store.appendMessage(text(n % 3 === 1 ? bob : ann, inChat(chat), `${n}`));
      }),
    );
    const again = await opened.reopen();
    const second = await sendMany(again, ann, withUser(bob), 5);
    const ids = [...first, ...second].map((one) => one.message.messageId as number);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    expect(ids[0]).toBeGreaterThan(0);
    expect(await again.lastMessageId()).toBe(second[4]?.message.messageId ?? (first[0]?.message.messageId as never));
  });

  test("changes settle in the order they were submitted, refusals among them", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const kinds: (() => Promise<unknown>)[] = [
      () => store.appendMessage(text(ann, inChat(chat), "x")),
      () => store.appendMessages([text(ann, inChat(chat), "x"), text(bob, inChat(chat), "y")]),
      () => store.createUser({ nick: "Carl" }),
      () => store.appendMessage(text(ann, { key: "nowhere" }, "x")),
      () => store.openDevice({ userId: ann.userId, door: "mqtt", name: "phone" }),
      () => store.advance([{ userId: ann.userId, deviceId: undefined, chatId: chat.chatId, deliveredSeq: 1 }]),
      () => store.createChat({ ownerId: ann.userId, members: [], name: "x" }),
      () => store.putMembers({ chatKey: "team", people: [{ username: "dora" }], chatName: undefined }),
      () => store.removeMembers({ chatKey: "team", people: ["nobody"] }),
      () => store.provision([{ username: "emil", tokens: [] }]),
      () => store.touchUsers([{ userId: ann.userId, lastSeenAtMs: 1 }]),
      () => store.deleteChat("nowhere"),
    ];
    const settled: number[] = [];
    await Promise.all(
      Array.from({ length: 5 * kinds.length }, (_, n) => {
        const settle = (): void => void settled.push(n);
        return kinds[(n * 5) % kinds.length]?.().then(settle, settle);
      }),
    );
    expect(settled).toEqual(settled.map((_, n) => n));
    expect(settled).toHaveLength(5 * kinds.length);
  });

  const refusals: { what: string; code: DomainErrorCode; drafts(ann: User, bob: User, theirs: ChatId): Draft[] }[] = [
    { what: "an unknown number", code: "chat_not_found", drafts: (ann) => [text(ann, { id: 9 }, "x")] },
    { what: "an unknown key", code: "chat_not_found", drafts: (ann) => [text(ann, { key: "nowhere" }, "x")] },
    { what: "an unknown user's key", code: "chat_not_found", drafts: (ann) => [text(ann, { key: "user.9" }, "x")] },
    {
      what: "a direct chat's key before its first message",
      code: "chat_not_found",
      drafts: (ann, bob) => [text(ann, { key: `direct.${ann.userId}.${bob.userId}` }, "x")],
    },
    { what: "others' chat", code: "not_a_member", drafts: (ann, _, theirs) => [text(ann, { id: theirs }, "x")] },
    {
      what: "others' chat by its key",
      code: "not_a_member",
      drafts: (ann, _, theirs) => [text(ann, { key: `chat.${theirs}` }, "x")],
    },
    { what: "a sender nobody is", code: "user_not_found", drafts: (_, bob) => [text(nobody, withUser(bob), "x")] },
    {
      what: "one bad draft after one that would make a direct chat",
      code: "not_a_member",
      drafts: (ann, bob, theirs) => [text(ann, withUser(bob), "x"), text(ann, { id: theirs }, "y")],
    },
    {
      what: "one bad draft before a good one",
      code: "chat_not_found",
      drafts: (ann, bob) => [text(ann, { id: 9 }, "x"), text(ann, withUser(bob), "y")],
    },
  ];
  test("what is refused leaves nothing behind", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const theirs = await group(store, bob, carl);
    const before = await snapshot(store, [ann, bob, carl]);
    for (const { what, code, drafts } of refusals) {
      const asked = drafts(ann, bob, theirs.chatId);
      await expectRefusal(store.appendMessages(asked), code);
      const [only, more] = asked;
      if (only !== undefined && more === undefined) await expectRefusal(store.appendMessage(only), code);
      expect({ what, ...(await snapshot(store, [ann, bob, carl])) }).toEqual({ what, ...before });
    }
  });

  test("many drafts are stored together, in their order, over several chats", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const bytes = new Uint8Array([1, 2, 3]);
    const sent = await store.appendMessages([
      text(ann, inChat(chat), "one"),
      text(ann, withUser(bob), bytes),
      text(ann, inChat(chat), "two"),
      text(ann, withUser(bob), "three"),
    ]);
    expect(seqsOf(sent)).toEqual([1, 1, 2, 2]);
    expect(sent.map((one) => one.entered !== undefined)).toEqual([false, true, false, false]);
    expect(await contentsOf(store, chat.chatId)).toEqual(["one", "two"]);
    const direct = sent[1]?.message.chatId ?? chat.chatId;
    expect(await contentsOf(store, direct)).toEqual([bytes, "three"]);
    expect(await store.appendMessages([])).toEqual([]);
  });

  test("the same sender, chat and client id again gets the first one's answer", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const first = await store.appendMessage(text(ann, inChat(chat), "first", { clientId: "c", clientTimeMs: 5 }));
    clock.advance(60_000);
    const repeat = text(ann, inChat(chat), "other words", { clientId: "c", type: "image", clientTimeMs: 6 });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.appendMessage(repeat)).toEqual({ ...first, repeated: true });
    });
    expect(await opened.store.appendMessages([repeat])).toEqual([{ ...first, repeated: true }]);
    expect(await contentsOf(opened.store, chat.chatId)).toEqual(["first"]);
  });

  test("a client id is one's own and a chat's own", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const [one, two] = [await group(store, ann, bob), await group(store, ann, bob)];
    const sent = await Promise.all([
      store.appendMessage(text(ann, inChat(one), "a", { clientId: "c" })),
      store.appendMessage(text(bob, inChat(one), "b", { clientId: "c" })),
      store.appendMessage(text(ann, inChat(two), "c", { clientId: "c" })),
      store.appendMessage(text(ann, inChat(one), "d", { clientId: "C" })),
      store.appendMessage(text(ann, inChat(one), "e")),
      store.appendMessage(text(ann, inChat(one), "e")),
    ]);
    expect(sent.map((one) => one.repeated)).toEqual(sent.map(() => false));
    expect(seqsOf(sent)).toEqual([1, 2, 1, 3, 4, 5]);
  });

  test("repeats in flight together, or in one batch of drafts, are one message", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const draft = text(ann, withUser(bob), "hello", { clientId: "c" });
    const sent = await Promise.all([
      store.appendMessage(draft),
      store.appendMessage({ ...draft, chat: { key: bob.userKey } }),
      store.appendMessages([draft, text(ann, withUser(bob), "next", { clientId: "d" }), draft]),
      store.appendMessage({ ...draft, clientId: "d" }),
    ]);
    const flat = sent.flat();
    expect(flat.map((one) => one.repeated)).toEqual([false, true, true, false, true, true]);
    expect(seqsOf(flat)).toEqual([1, 1, 1, 2, 1, 2]);
    expect(flat.map((one) => one.entered !== undefined)).toEqual([true, false, false, false, false, false]);
    expect(await contentsOf(store, flat[0]?.message.chatId as ChatId)).toEqual(["hello", "next"]);
    expect(flat.every((one) => one.members.length === 2)).toBe(true);
  });

  test("who left a chat gets no answer there, not even an old one", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { users } = await store.putMembers({
      chatKey: "team",
      people: [{ username: "a" }, { username: "b" }],
      chatName: undefined,
    });
    const b = users[1] ?? nobody;
    const draft = text(b, { key: "team" }, "x", { clientId: "c" });
    await store.appendMessage(draft);
    await store.removeMembers({ chatKey: "team", people: ["b"] });
    await expectRefusal(store.appendMessage(draft), "not_a_member");
  });

  test("the DUP of a stored session's PUBLISH is not stored again, its packet id used anew is", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const other = await group(store, ann, bob);
    const [sessionId, elsewhere] = [await opened.openMqttSession("one"), await opened.openMqttSession("two")];
    const publish = (dup: boolean, packetId = 7, session = sessionId) => ({
      publish: { sessionId: session, packetId, dup },
    });
    const say = (content: string, more: Partial<Draft>, where = chat) =>
      opened.store.appendMessage(text(ann, inChat(where), content, more));
    const first = await say("first", publish(false));
    expect(await say("first", publish(true))).toEqual({ ...first, repeated: true });
    const anew = await say("second", publish(false));
    expect(anew).toMatchObject({ repeated: false, message: { seq: 2 } });
    expect(await say("second", publish(true))).toEqual({ ...anew, repeated: true });
    expect(await say("third", publish(true, 8))).toMatchObject({ repeated: false, message: { seq: 3 } });
    expect(await say("fourth", publish(true, 7, elsewhere))).toMatchObject({ repeated: false, message: { seq: 4 } });
    expect(await say("elsewhere", publish(true), other)).toMatchObject({ repeated: false, message: { seq: 1 } });
    await opened.reopen();
    expect(await say("third", publish(true, 8))).toMatchObject({ repeated: true, message: { seq: 3 } });
    const [one, two] = await Promise.all([say("fifth", publish(false, 9)), say("fifth", publish(true, 9))]);
    expect([one.repeated, two.repeated, one.message.seq, two.message.seq]).toEqual([false, true, 5, 5]);
  });

  test("a DUP is no repeat where its packet id was used again for something else", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const sessionId = await opened.openMqttSession("one");
    const again = (content: string | Uint8Array, more: Partial<Draft> = {}) =>
      store.appendMessage(
        text(ann, inChat(chat), content, { publish: { sessionId, packetId: 7, dup: true }, ...more }),
      );
    // Each of these is lost on its way the first time, and comes with DUP when the client is back.
    const said: Promise<Sent>[] = [
      again("first"),
      again("second"),
      again("second", { type: "text/html" }),
      again("second", { clientId: "c" }),
      again("second"),
      again(new Uint8Array([1, 2])),
      again(new Uint8Array([1, 3])),
    ];
    expect((await Promise.all(said)).map(({ repeated, message }) => [repeated, message.seq])).toEqual(
      said.map((_, index) => [false, index + 1]),
    );
    expect(await again(new Uint8Array([1, 3]))).toMatchObject({ repeated: true, message: { seq: said.length } });
  });

  const contents: [string, string | Uint8Array][] = [
    ["plain text", "hello"],
    ["emoji and scripts beyond the first plane", "👩‍👩‍👧‍👦 𝔘𝔫𝔦 Ωμέγα ‮rtl"],
    ["a NUL within", "a\0b\0"],
    ["control characters and quotes", "\u0001\u2028\r\n\"'\\"],
    ["nothing", ""],
    ["a number in text", "00123.50"],
    ["a hundred kilobytes", "ü".repeat(50_000)],
    ["bytes", new Uint8Array([0, 255, 128, 10, 0])],
    ["no bytes", new Uint8Array(0)],
    ["bytes that would be text", new TextEncoder().encode("hello")],
    ["a view into a larger buffer", new Uint8Array([9, 9, 1, 2, 3, 9]).subarray(2, 5)],
  ];
  test("content comes back as it went, text as text and bytes as bytes", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const drafts = contents.map(([, content]) => text(ann, inChat(chat), content));
    const sent = [
      ...(await Promise.all(drafts.map((draft) => store.appendMessage(draft)))),
      ...(await store.appendMessages(drafts)),
    ];
    const expected = [...contents, ...contents];
    expect(sent.map((one) => one.message.content)).toEqual(expected.map(([, content]) => content));
    await alsoAfterReopening(opened, async (now) => {
      const log = await now.messages({ chatId: chat.chatId, limit: 100 });
      for (const [index, [what, content]] of expected.entries()) {
        const stored = log[index]?.content;
        const plain = typeof stored === "string" ? stored : new Uint8Array(stored ?? []);
        expect([what, plain]).toEqual([what, typeof content === "string" ? content : new Uint8Array(content)]);
      }
    });
  });

  /** Half a surrogate pair is no Unicode text: the domain refuses it, and a store handed one keeps U+FFFD in its place. */
  test("half a surrogate pair is kept as U+FFFD", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    await store.appendMessage(text(ann, inChat(chat), "a\ud83d"));
    await store.appendMessage(text(ann, inChat(chat), "\ude00b"));
    expect(await contentsOf(store, chat.chatId)).toEqual(["a\ufffd", "\ufffdb"]);
  });

  test("types keep their spelling, unknown ones are files", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const types = [
      "text",
      "image",
      "file",
      "video",
      "audio",
      "text/markdown",
      "application/pdf",
      "Text",
      "système",
      "deleted",
    ];
    for (const type of types) await store.appendMessage(text(ann, inChat(chat), "x", { type }));
    const log = await store.messages({ chatId: chat.chatId, limit: 100 });
    expect(log.map((message) => message.type)).toEqual(types);
    expect(log.map((message) => message.kind)).toEqual([
      "text",
      "image",
      "file",
      "video",
      "audio",
      "text",
      "file",
      "file",
      "file",
      "file",
    ]);
  });

  test("a page of a chat is ascending, after or before a place, newest otherwise", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const other = await group(store, ann, bob);
    for (let n = 0; n < 10; n += 1) {
      await Promise.all([sendMany(store, ann, inChat(chat), 1), sendMany(store, bob, inChat(other), 2)]);
    }
    const page = async (of: { afterSeq?: number; beforeSeq?: number; limit: number }) =>
      (await store.messages({ chatId: chat.chatId, ...of })).map((message) => message.seq);
    expect(await page({ limit: 3 })).toEqual([8, 9, 10]);
    expect(await page({ limit: 100 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await page({ afterSeq: 0, limit: 3 })).toEqual([1, 2, 3]);
    expect(await page({ afterSeq: 8, limit: 3 })).toEqual([9, 10]);
    expect(await page({ afterSeq: 10, limit: 3 })).toEqual([]);
    expect(await page({ beforeSeq: 4, limit: 2 })).toEqual([2, 3]);
    expect(await page({ beforeSeq: 1, limit: 2 })).toEqual([]);
    expect(await page({ afterSeq: 2, beforeSeq: 5, limit: 10 })).toEqual([3, 4]);
    expect(await page({ afterSeq: 2, beforeSeq: 9, limit: 3 })).toEqual([3, 4, 5]);
    expect(await store.messages({ chatId: 1 as ChatId, limit: 10 })).toEqual([]);
  });

  test("a refusal is a DomainError with its code, whatever it was asked among", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const work = await Promise.allSettled([
      store.appendMessage(text(ann, withUser(ann), "x")),
      store.appendMessage(text(ann, { id: 9 }, "x")),
      store.createUser({ nick: "x", username: "taken" }),
      store.createUser({ nick: "x", username: "taken" }),
      store.appendMessage(text(ann, withUser(ann), "y")),
    ]);
    expect(
      work.map((one) => (one.status === "fulfilled" ? "done" : one.reason instanceof DomainError && one.reason.code)),
    ).toEqual(["done", "chat_not_found", "done", "username_taken", "done"]);
  });
}
