/** Chats and who is in them: groups, a backend's PUT, direct chats, leaving. */
import { expect, test } from "bun:test";
import type { DomainErrorCode } from "../../../src/domain/errors.ts";
import type { Chat, ChatRef, User, UserId } from "../../../src/domain/model.ts";
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

const named = (...usernames: string[]) => usernames.map((username) => ({ username }));
const keysOf = (users: readonly { userKey: string }[]) => users.map((user) => user.userKey);
const membersOf = async (store: Store, chat: ChatRef) => keysOf((await store.findChatView(chat))?.members ?? []);

export function chatContract(openFresh: OpenFresh): void {
  test("a member mutes a chat until a time, for themselves and at most ten years; leaving ends it", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob);
    const nowMs = clock.nowMs();
    const { chatId, chatKey } = chat;
    const mute = (userId: UserId, untilMs: number | undefined) =>
      opened.store.muteChat({ userId, chat: inChat(chat), untilMs });
    const hour = nowMs + 3_600_000;
    expect(await mute(bob.userId, hour)).toEqual({ chatId, chatKey, mutedUntilMs: hour });
    await expectRefusal(mute(carl.userId, hour), "chat_not_found");
    await alsoAfterReopening(opened, async (now) => {
      expect([...(await now.mutes(bob.userId))]).toEqual([[chatId, hour]]);
      expect([...(await now.mutes(ann.userId))]).toEqual([]);
      const [shown] = await now.chatPage(bob.userId, { after: 0, limit: 1 });
      expect(shown?.mutedUntilMs).toBe(hour);
    });
    const { mutedUntilMs: far = 0 } = await mute(bob.userId, 8e15);
    expect(Math.round((far - nowMs) / 86_400_000 / 365.25)).toBe(10);
    for (const over of [undefined, nowMs, 0]) {
      await mute(bob.userId, hour);
      expect((await mute(bob.userId, over)).mutedUntilMs).toBeUndefined();
      expect((await opened.store.mutes(bob.userId)).size).toBe(0);
    }
    await mute(bob.userId, hour);
    await opened.store.leaveChat({ userId: bob.userId, chat: inChat(chat) });
    await opened.store.addToChat({ userId: ann.userId, chat: inChat(chat), members: [bob.userId] });
    expect((await opened.store.mutes(bob.userId)).size).toBe(0);
  });

  test("a group's creator owns it and comes first, each member is in it once", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const entered = await store.createChat({
      ownerId: ann.userId,
      members: [carl.userId, bob.userId, carl.userId, ann.userId],
      name: undefined,
    });
    expect(entered.chat).toEqual({
      chatId: entered.chat.chatId,
      kind: "group",
      chatKey: `chat.${entered.chat.chatId}`,
      name: "Ann, Carl, Bob",
      ownerId: ann.userId,
      lastSeq: 0,
      createdAtMs: clock.nowMs(),
      updatedAtMs: clock.nowMs(),
      revision: 0,
    });
    expect(keysOf(entered.users)).toEqual(keysOf([ann, carl, bob]));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChatView(inChat(entered.chat))).toEqual({ chat: entered.chat, members: [ann, carl, bob] });
      expect(await now.findChat({ key: entered.chat.chatKey })).toEqual(entered.chat);
      expect(await now.chatsOf(bob.userId)).toEqual([entered.chat]);
      expect(await now.isMember(entered.chat.chatId, bob.userId)).toBe(true);
      expect(await now.isMember(entered.chat.chatId, 1 as User["userId"])).toBe(false);
    });
  });

  test("a PUT makes the chat and unknown users; the first one owns it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const put = await store.putMembers({
      chatKey: "team",
      people: [{ username: "bob", displayName: "Bob" }, { username: ann.userKey }, { username: "carl" }],
      chatName: "The team",
    });
    expect(put.view.chat).toMatchObject({ chatKey: "team", kind: "group", name: "The team" });
    expect(put.view.chat.ownerId).toBe(put.users[0]?.userId ?? ann.userId);
    expect(put.users).toEqual([...put.view.members]);
    expect(put.users.map((user) => user.nick)).toEqual(["Bob", "Ann", "carl"]);
    expect(keysOf(put.entered?.users ?? [])).toEqual(["bob", ann.userKey, "carl"]);
    expect(await store.findChat({ key: "team" })).toEqual(put.view.chat);
    expect(await store.findChat(inChat(put.view.chat))).toEqual(put.view.chat);
  });

  test("repeating a PUT changes nothing, not even the time", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const put = {
      chatKey: "team",
      people: [{ username: "bob", displayName: "Bob" }, { username: "carl" }],
      chatName: "T",
    };
    const first = await store.putMembers(put);
    const before = await snapshot(store, first.users);
    clock.advance(1000);
    const second = await store.putMembers(put);
    expect(second).toEqual({ view: first.view, users: first.users, renamed: [], entered: undefined });
    expect(await snapshot(store, first.users)).toEqual(before);
  });

  test("a PUT answers entry by entry, duplicates too, and keeps the order of joining", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.putMembers({ chatKey: "team", people: named("b", "a"), chatName: undefined });
    const { users, view, entered } = await store.putMembers({
      chatKey: "team",
      people: named("d", "a", "d", "c", "b", "c"),
      chatName: undefined,
    });
    expect(keysOf(users)).toEqual(["d", "a", "d", "c", "b", "c"]);
    expect(keysOf(view.members)).toEqual(["b", "a", "d", "c"]);
    expect(keysOf(entered?.users ?? [])).toEqual(["d", "c"]);
    const again = await opened.reopen();
    expect(await membersOf(again, { key: "team" })).toEqual(["b", "a", "d", "c"]);
  });

  test("a PUT renames the chat only where it names one; either moves its time", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    await store.putMembers({ chatKey: "team", people: named("a"), chatName: "One" });
    clock.advance(1000);
    const joined = await store.putMembers({ chatKey: "team", people: named("b"), chatName: undefined });
    expect(joined.view.chat).toMatchObject({ name: "One", updatedAtMs: clock.nowMs() });
    clock.advance(1000);
    const renamed = await store.putMembers({ chatKey: "team", people: named("a"), chatName: "Two" });
    expect(renamed.view.chat).toMatchObject({ name: "Two", updatedAtMs: clock.nowMs() });
    expect(renamed.entered).toBeUndefined();
    clock.advance(1000);
    await store.appendMessage({ chat: { key: "team" }, from: renamed.view.chat.ownerId, type: "text", content: "x" });
    expect(await store.findChat({ key: "team" })).toMatchObject({ lastSeq: 1, updatedAtMs: clock.nowMs() - 1000 });
  });

  test("a chat born elsewhere takes members by its reserved key, once it exists", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const put = await store.putMembers({ chatKey: chat.chatKey, people: named("bob"), chatName: undefined });
    expect(put.view.chat.chatId).toBe(chat.chatId);
    expect(keysOf(put.view.members)).toEqual([ann.userKey, "bob"]);
  });

  test("removing keeps the order of the others, and strangers are ignored", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { users, view } = await store.putMembers({
      chatKey: "team",
      people: named("a", "b", "c", "d", "e"),
      chatName: undefined,
    });
    expect(
      await store.removeMembers({ chatKey: "team", people: ["nobody", "user.1", "no-such-guid"] }),
    ).toBeUndefined();
    const left = await store.removeMembers({ chatKey: "team", people: ["d", users[1]?.guid ?? "", "d", "nobody"] });
    expect(left).toMatchObject({ type: "left", deleted: false, chat: { chatId: view.chat.chatId } });
    expect(keysOf(left?.users ?? [])).toEqual(["d", "b"]);
    expect(left?.rows.map((row) => row.userId)).toEqual(users.map((user) => user.userId));
    expect(await membersOf(store, { key: "team" })).toEqual(["a", "c", "e"]);
    await store.putMembers({ chatKey: "team", people: named("b"), chatName: undefined });
    const again = await opened.reopen();
    expect(await membersOf(again, { key: "team" })).toEqual(["a", "c", "e", "b"]);
  });

  const endings: { how: string; end(store: Store, users: readonly User[]): Promise<unknown> }[] = [
    { how: "its owner is removed", end: (store) => store.removeMembers({ chatKey: "team", people: ["owner"] }) },
    {
      how: "everybody is removed",
      end: (store, users) => store.removeMembers({ chatKey: "team", people: users.map((user) => user.guid) }),
    },
    { how: "it is deleted", end: (store) => store.deleteChat("team") },
  ];
  test.each(endings)("a chat is gone with its messages when $how", async ({ end }) => {
    await using opened = await openFresh();
    const { store } = opened;
    const { users, view } = await store.putMembers({
      chatKey: "team",
      people: named("owner", "b", "c"),
      chatName: undefined,
    });
    const [owner, b] = users;
    if (owner === undefined || b === undefined) throw new Error("two users were asked for");
    await sendMany(store, b, { key: "team" }, 5);
    const left = await end(store, users);
    expect(left).toMatchObject({ type: "left", deleted: true, chat: { chatId: view.chat.chatId, chatKey: "team" } });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findChat({ key: "team" })).toBeUndefined();
      expect(await now.findChat(inChat(view.chat))).toBeUndefined();
      expect(await now.chatsOf(b.userId)).toEqual([]);
      expect(await now.positions(b.userId)).toEqual([]);
      expect(await now.undelivered(b.userId, undefined)).toEqual([]);
      expect(await now.isMember(view.chat.chatId, b.userId)).toBe(false);
    });
    await expectRefusal(opened.store.appendMessage(text(b, { key: "team" }, "x")), "chat_not_found");
    await expectRefusal(opened.store.deleteChat("team"), "chat_not_found");
    const next = await opened.store.putMembers({ chatKey: "team", people: named("b"), chatName: undefined });
    expect(next.view.chat.chatId).toBeGreaterThan(view.chat.chatId);
    expect(next.view.chat).toMatchObject({ lastSeq: 0, ownerId: b.userId });
    expect(await opened.store.messages({ chatId: next.view.chat.chatId, limit: 10 })).toEqual([]);
  });

  test("a PUT is answered also where a deletion follows it at once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const put = { chatKey: "team", people: named("a", "b", "a"), chatName: "T" };
    const [first, left, second] = await Promise.all([
      store.putMembers(put),
      store.deleteChat("team"),
      store.putMembers(put),
    ]);
    expect(keysOf(first.users)).toEqual(["a", "b", "a"]);
    expect(keysOf(first.view.members)).toEqual(["a", "b"]);
    expect(first.view.chat).toMatchObject({ chatId: left.chat.chatId, chatKey: "team", name: "T" });
    expect(first.entered?.rows).toHaveLength(2);
    expect(second.view.chat.chatId).toBeGreaterThan(first.view.chat.chatId);
    expect(second.entered?.rows).toHaveLength(2);
  });

  test("the owner alone in a chat leaves nothing behind when removed", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.putMembers({ chatKey: "team", people: named("a"), chatName: undefined });
    expect(await store.removeMembers({ chatKey: "team", people: ["a"] })).toMatchObject({ deleted: true });
    expect(await store.findChat({ key: "team" })).toBeUndefined();
  });

  test("a direct chat is one chat under all its names, seen by each of the two", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const first = await store.appendMessage(text(bob, { key: `user.${ann.userId}` }, "hello"));
    const chatKey = `direct.${ann.userId}.${bob.userId}`;
    expect(first.message.chatKey).toBe(chatKey);
    expect(first.members).toEqual([bob.userId, ann.userId]);
    expect(first.entered?.chat).toMatchObject({ kind: "direct", chatKey, ownerId: bob.userId });
    const names: [User, ChatRef][] = [
      [ann, withUser(bob)],
      [bob, withUser(ann)],
      [ann, { key: `user.${bob.userId}` }],
      [ann, { key: chatKey }],
      [bob, { key: chatKey }],
      [ann, inChat(first.message)],
    ];
    let seq = 1;
    for (const [from, ref] of names) {
      const sent = await store.appendMessage(text(from, ref, "again"));
      seq += 1;
      expect(sent.message).toMatchObject({ chatId: first.message.chatId, seq });
      expect(sent.entered).toBeUndefined();
      expect(await store.findChat(ref, from.userId)).toMatchObject({ chatId: first.message.chatId });
    }
    expect(await store.findChat(withUser(bob))).toBeUndefined();
  });

  test("a direct chat's key names it lower number first, and in no other way", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await store.appendMessage(text(ann, withUser(bob), "hello"));
    const swapped = { key: `direct.${bob.userId}.${ann.userId}` };
    expect(await store.findChat(swapped, ann.userId)).toBeUndefined();
    await expectRefusal(store.appendMessage(text(ann, swapped, "x")), "chat_not_found");
  });

  test("a user's direct chat with their own number has one member", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const sent = await store.appendMessage(text(ann, withUser(ann), "note"));
    expect(sent.members).toEqual([ann.userId]);
    expect(sent.entered?.rows.map((row) => row.userId)).toEqual([ann.userId]);
    expect(sent.message.chatKey).toBe(`direct.${ann.userId}.${ann.userId}`);
    const next = await store.appendMessage(text(ann, { key: `user.${ann.userId}` }, "another"));
    expect(next.message).toMatchObject({ chatId: sent.message.chatId, seq: 2 });
    expect(await store.chatsOf(ann.userId)).toHaveLength(1);
  });

  test("first messages in flight from both sides make one direct chat and tell of it once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0
          ? store.appendMessage(text(ann, withUser(bob), `${n}`))
          : store.appendMessage(text(bob, { key: ann.userKey }, `${n}`)),
      ),
    );
    expect(new Set(sent.map((one) => one.message.chatId)).size).toBe(1);
    expect(sent.map((one) => one.message.seq)).toEqual(sent.map((_, n) => n + 1));
    expect(sent.map((one) => one.entered !== undefined)).toEqual(sent.map((_, n) => n === 0));
    for (const user of [ann, bob]) {
      expect(await store.chatsOf(user.userId)).toHaveLength(1);
      expect(await store.events(user.userId, "rest", { after: 0, limit: 10 })).toHaveLength(1);
    }
  });

  type Setting = { store: Store; ann: User; bob: User; theirs: Chat };
  const many = Array.from({ length: 10_001 }, (_, n) => n + 1);
  const strangers = many.map((n) => ({ username: `stranger-${n}` }));
  const refusals: { what: string; code: DomainErrorCode; ask(setting: Setting): Promise<unknown> }[] = [
    {
      what: "a group with somebody who does not exist",
      code: "user_not_found",
      ask: ({ store, ann }) => store.createChat({ ownerId: ann.userId, members: [1], name: "x" }),
    },
    {
      what: "a group with a chat's number among its members",
      code: "user_not_found",
      ask: ({ store, ann, theirs }) => store.createChat({ ownerId: ann.userId, members: [theirs.chatId], name: "x" }),
    },
    {
      what: "a group of 10,001",
      code: "too_many_members",
      ask: ({ store, ann }) => store.createChat({ ownerId: ann.userId, members: many, name: "x" }),
    },
    {
      what: "a PUT of more than 10,000",
      code: "too_many_members",
      ask: ({ store }) => store.putMembers({ chatKey: "new", people: strangers, chatName: undefined }),
    },
    {
      what: "a PUT that would bring a chat over 10,000",
      code: "too_many_members",
      ask: ({ store }) => store.putMembers({ chatKey: "team", people: strangers.slice(2), chatName: "y" }),
    },
    ...["chat.1", "direct.1.2", "user.1"].map((chatKey) => ({
      what: `a PUT to the reserved ${chatKey}, which does not exist`,
      code: "reserved_key" as const,
      ask: ({ store }: Setting) => store.putMembers({ chatKey, people: named("carl"), chatName: undefined }),
    })),
    {
      what: "a PUT of a reserved user.<id> whom nobody is",
      code: "user_not_found",
      ask: ({ store }) => store.putMembers({ chatKey: "team", people: named("carl", "user.1"), chatName: "y" }),
    },
    {
      what: "a removal from a chat nobody made",
      code: "chat_not_found",
      ask: ({ store }) => store.removeMembers({ chatKey: "nowhere", people: ["a"] }),
    },
    {
      what: "the deletion of a chat nobody made",
      code: "chat_not_found",
      ask: ({ store }) => store.deleteChat("nowhere"),
    },
  ];
  test("what is refused leaves nothing behind", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const theirs = await group(store, bob);
    await store.putMembers({ chatKey: "team", people: named("a", "b", "c"), chatName: "x" });
    const before = await snapshot(store, [ann, bob]);
    for (const { what, code, ask } of refusals) {
      await expectRefusal(ask({ store, ann, bob, theirs }), code);
      expect({ what, ...(await snapshot(store, [ann, bob])) }).toEqual({ what, ...before });
    }
    expect(await store.findChat({ key: "new" })).toBeUndefined();
    expect(await membersOf(store, { key: "team" })).toEqual(["a", "b", "c"]);
  });

  test("a chat is a member's by any of its names, and nobody else's", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, eve] = await people(store, "Ann", "Bob", "Eve");
    const chat = await group(store, ann, bob);
    const { message } = await store.appendMessage(text(ann, withUser(bob), "hello"));
    await alsoAfterReopening(opened, async (now) => {
      const found = async (user: User, ref: ChatRef) => (await now.findChatOf(user.userId, ref))?.chatId;
      for (const user of [ann, bob]) {
        expect(await found(user, inChat(chat))).toBe(chat.chatId);
        expect(await found(user, { key: chat.chatKey })).toBe(chat.chatId);
        expect(await found(user, { key: message.chatKey })).toBe(message.chatId);
      }
      expect(await found(ann, withUser(bob))).toBe(message.chatId);
      expect(await found(bob, { key: `user.${ann.userId}` })).toBe(message.chatId);
      for (const ref of [inChat(chat), { key: chat.chatKey }, { key: message.chatKey }, withUser(bob), { key: "x" }]) {
        expect(await found(eve, ref)).toBeUndefined();
      }
    });
  });

  test("a user's chats come page by page by rising id, with how far the user has got in each", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chats = [await group(store, ann, bob), await group(store, ann), await group(store, bob, ann)];
    await group(store, bob);
    const [first] = chats;
    if (first === undefined) throw new Error("three chats were made");
    await sendMany(store, bob, inChat(first), 3);
    await store.advance([{ userId: ann.userId, deviceId: undefined, chatId: first.chatId, deliveredSeq: 2 }]);
    await alsoAfterReopening(opened, async (now) => {
      const page = await now.chatPage(ann.userId, { after: 0, limit: 2 });
      expect(page).toMatchObject([
        { chat: { chatId: first.chatId, lastSeq: 3 }, deliveredSeq: 2, readSeq: 0 },
        { chat: { chatId: chats[1]?.chatId }, deliveredSeq: 0, readSeq: 0 },
      ]);
      const rest = await now.chatPage(ann.userId, { after: page[1]?.chat.chatId ?? 0, limit: 10 });
      expect(rest.map(({ chat }) => chat.chatId as number)).toEqual([Number(chats[2]?.chatId)]);
    });
  });

  test("a user's chats come page by page, the one with the newest message first", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chats: Chat[] = [];
    for (let at = 0; at < 5; at += 1) chats.push(await group(store, ann, bob));
    await group(store, bob);
    for (const at of [0, 3, 1, 3]) await sendMany(store, bob, inChat(chats[at] as Chat), 1);
    const wanted = [3, 1, 0, 4, 2].map((at) => Number(chats[at]?.chatId));
    await alsoAfterReopening(opened, async (now) => {
      const all = await now.recentChatPage(ann.userId, { before: undefined, limit: 9 });
      expect(all.map(({ chat }) => Number(chat.chatId))).toEqual(wanted);
      expect(all.map(({ unread }) => unread)).toEqual([2, 1, 1, 0, 0]);
      const seen: number[] = [];
      for (let before = undefined as (typeof all)[number]["place"] | undefined; ; ) {
        const page = await now.recentChatPage(ann.userId, { before, limit: 2 });
        seen.push(...page.map(({ place }) => place.chatId));
        before = page.at(-1)?.place;
        if (before === undefined) break;
      }
      expect(seen).toEqual(wanted);
    });
  });

  test("all chats are listed page by page by rising id, with the GUIDs of their owners", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const [one, two] = [await group(store, ann, bob), await group(store, carl)];
    const direct = await store.appendMessage(text(ann, withUser(bob), "hello"));
    await alsoAfterReopening(opened, async (now) => {
      const page = await now.listChats({ after: 0, limit: 2 });
      expect(page).toEqual([
        { chat: one, ownerGuid: ann.guid },
        { chat: two, ownerGuid: carl.guid },
      ]);
      const rest = await now.listChats({ after: two.chatId, limit: 10 });
      expect(rest).toMatchObject([{ chat: { chatId: direct.message.chatId, kind: "direct", lastSeq: 1 } }]);
    });
  });

  test("what a user wrote counts as read, and what others wrote as unread", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    const at = { deviceId: undefined, chatId: chat.chatId };
    const seen = async (user: User, now: Store = store) => {
      const [only] = await now.chatPage(user.userId, { after: 0, limit: 1 });
      return [only?.readSeq, only?.unread];
    };
    expect(await seen(ann)).toEqual([0, 0]);
    // More than are looked at, and none of anyone else's behind them.
    await sendMany(store, ann, inChat(chat), 300);
    expect([await seen(ann), await seen(bob)]).toEqual([
      [300, 0],
      [0, 300],
    ]);
    await sendMany(store, bob, inChat(chat), 2);
    await store.advance([{ ...at, userId: ann.userId, deliveredSeq: 299, read: true }]);
    await store.advance([{ ...at, userId: bob.userId, deliveredSeq: 300, read: true }]);
    await sendMany(store, ann, inChat(chat), 3);
    const later = await store.appendMessage(text(bob, inChat(chat), "306"));
    const gone = await store.appendMessage(text(bob, inChat(chat), "307"));
    await store.deleteMessage({ userId: bob.userId, messageId: gone.message.messageId });
    const toCarl = { guid: carl.guid, text: "for Carl" };
    const draft = { chatKey: chat.chatKey, clientId: "308", clientTimeMs: undefined, oldMessageId: undefined };
    await store.exchange({
      from: { userId: bob.userId, deviceId: undefined },
      messages: [{ ...draft, texts: [toCarl] }],
      confirmations: [],
    });
    await alsoAfterReopening(opened, async (now) => {
      expect([await seen(ann, now), await seen(bob, now)]).toEqual([
        [300, 3],
        [302, 3],
      ]);
      // Places past the 256th are counted as they are.
      expect(await seen(carl, now)).toEqual([0, 308]);
    });
    await opened.store.advance([{ ...at, userId: ann.userId, deliveredSeq: later.message.seq, read: true }]);
    expect(await seen(ann, opened.store)).toEqual([308, 0]);
    expect(await seen(bob, opened.store)).toEqual([302, 3]);
  });

  test("the first members are listed by their ids", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, carl, bob, ann);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.memberIds(chat.chatId, 10)).toEqual([ann.userId, bob.userId, carl.userId]);
      expect(await now.memberIds(chat.chatId, 2)).toEqual([ann.userId, bob.userId]);
    });
  });
}
