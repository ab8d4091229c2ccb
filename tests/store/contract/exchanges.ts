/** Batches with a text per recipient, statuses in any order, tokens that are rotated and users who are deactivated. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { AddressedDraft } from "../../../src/domain/messages/exchange-store.ts";
import type { EventId, MessageId, User, UserId } from "../../../src/domain/model.ts";
import type { NewToken } from "../../../src/domain/people/token-store.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh, openDevice, text } from "./stage.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const pair = (access: number, refresh: number, lifetimeMs?: number): NewToken[] => [
  { kind: "access", hash: hash(access), lifetimeMs },
  { kind: "refresh", hash: hash(refresh), lifetimeMs },
];

async function team(store: Store, ...usernames: string[]): Promise<[User, User, User]> {
  const { users } = await store.putMembers({
    chatKey: "team",
    people: usernames.map((username) => ({ username })),
    chatName: undefined,
  });
  const [a, b, c] = users;
  if (a === undefined || b === undefined || c === undefined) throw new Error("three users were put");
  return [a, b, c];
}

const draft = (clientId: string, texts: Readonly<Record<string, string>>, more: Partial<AddressedDraft> = {}) => ({
  chatKey: "team",
  clientId,
  clientTimeMs: undefined,
  oldMessageId: undefined,
  texts: Object.entries(texts).map(([guid, said]) => ({ guid, text: said })),
  ...more,
});

async function say(store: Store, from: User, ...messages: AddressedDraft[]) {
  const exchanged = await store.exchange({
    from: { userId: from.userId, deviceId: undefined },
    messages,
    confirmations: [],
  });
  if (exchanged === "foreign") throw new Error("nothing was replaced");
  return exchanged.messages.map(({ message }) => message);
}

async function confirm(store: Store, by: User, status: "delivered" | "read", ...ids: MessageId[]) {
  const exchanged = await store.exchange({
    from: { userId: by.userId, deviceId: undefined },
    messages: [],
    confirmations: ids.map((messageId) => ({ of: { messageId }, status })),
  });
  return exchanged === "foreign" ? [] : exchanged.notified;
}

async function pageOf(store: Store, reader: UserId | undefined) {
  const chat = await store.findChat({ key: "team" });
  if (chat === undefined) throw new Error("the chat is there");
  const messages = await store.messages({
    chatId: chat.chatId,
    limit: 100,
    ...(reader === undefined ? {} : { reader: { userId: reader } }),
  });
  return messages.map(({ content, addressed }) => (addressed === "to_others" ? undefined : content));
}

export function exchangeContract(openFresh: OpenFresh): void {
  test("a message has one place and a text for each, and is hidden from everybody else", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b, c] = await team(store, "a", "b", "c");
    const [first, second] = await say(
      store,
      a,
      draft("1", { [b.guid]: "for b", [c.guid]: "for c", [a.guid]: "for a" }),
      draft("2", { [c.guid]: "for c alone" }),
    );
    await store.appendMessage(text(a, { key: "team" }, "for all"));
    expect([first?.seq, second?.seq, first?.content]).toEqual([1, 2, ""]);
    // The sender's own text is not kept.
    expect(first?.texts?.map(({ userId, text: said }) => [userId, said])).toEqual([
      [b.userId, "for b"],
      [c.userId, "for c"],
    ]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await pageOf(now, a.userId)).toEqual([undefined, undefined, "for all"]);
      expect(await pageOf(now, b.userId)).toEqual(["for b", undefined, "for all"]);
      expect(await pageOf(now, c.userId)).toEqual(["for c", "for c alone", "for all"]);
      // Without a reader nobody's.
      expect(await pageOf(now, undefined)).toEqual([undefined, undefined, "for all"]);
      const message = await now.findMessage(first?.messageId ?? (0 as MessageId));
      expect(message).toMatchObject({ content: "", kind: "deleted", addressed: "to_others" });
      expect((await now.addressing({ ...(message ?? (first as never)) }, 10)).recipients).toEqual([b.guid, c.guid]);
    });
  });

  test("a batch is all or nothing, and sent twice it is sent once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b] = await team(store, "a", "b", "c");
    const stranger = (await store.provision([{ username: "d", tokens: [] }]))[0]?.user;
    const good = draft("1", { [b.guid]: "good" });
    for (const bad of [
      draft("2", { [stranger?.guid ?? ""]: "x" }),
      draft("2", { [crypto.randomUUID()]: "x" }),
      draft("2", { [b.guid]: "x" }, { chatKey: "nowhere" }),
      draft("2", { [b.guid]: "x" }, { oldMessageId: 999 as MessageId }),
    ]) {
      await expectRefusal(say(store, a, good, bad), "chat_not_found");
    }
    expect(await pageOf(store, b.userId)).toEqual([]);
    const [first] = await say(store, a, good);
    const again = await store.exchange({
      from: { userId: a.userId, deviceId: undefined },
      messages: [draft("1", { [b.guid]: "changed" })],
      confirmations: [],
    });
    expect(again).toMatchObject({ messages: [{ repeated: true, message: { messageId: first?.messageId, seq: 1 } }] });
    expect(await pageOf(store, b.userId)).toEqual(["good"]);
  });

  test("what stands in for a message takes it away; another sender's cannot be replaced", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b, c] = await team(store, "a", "b", "c");
    const [old] = await say(store, a, draft("1", { [b.guid]: "tpyo" }));
    const oldMessageId = old?.messageId;
    const replace = (from: User) =>
      store.exchange({
        from: { userId: from.userId, deviceId: undefined },
        messages: [draft("2", { [b.guid]: "typo" }, { oldMessageId })],
        confirmations: [],
      });
    expect(await replace(c)).toBe("foreign");
    expect(await pageOf(store, b.userId)).toEqual(["tpyo"]);
    await replace(a);
    await alsoAfterReopening(opened, async (now) => {
      expect(await pageOf(now, b.userId)).toEqual([undefined, "typo"]);
    });
  });

  test("statuses come in any order; a position moves when the gap closes, and each tells the sender once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b, c] = await team(store, "a", "b", "c");
    const sent = await say(
      store,
      a,
      ...[1, 2, 3, 4].map((at) => draft(`${at}`, { [at === 2 ? c.guid : b.guid]: `${at}` })),
    );
    const [one, , three, four] = sent.map(({ messageId }) => messageId);
    if (one === undefined || three === undefined || four === undefined) throw new Error("four were sent");
    const position = async (now: Store) => (await now.positions(b.userId)).map(({ deliveredSeq }) => deliveredSeq);
    expect(await confirm(store, b, "delivered", four, four)).toEqual([a.userId]);
    expect(await position(store)).toEqual([0]);
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.undelivered(b.userId, undefined))[0]).toMatchObject({ seq: 1, confirmed: [[4, 4]] });
    });
    const { store: now } = opened;
    expect(await confirm(now, b, "delivered", four)).toEqual([]);
    expect(await confirm(now, b, "delivered", one)).toEqual([a.userId]);
    // Over the second, which is for another.
    expect(await position(now)).toEqual([2]);
    await confirm(now, b, "delivered", three);
    expect(await position(now)).toEqual([4]);
    expect(await now.undelivered(b.userId, undefined)).toEqual([]);
    expect(await confirm(now, b, "read", three, three)).toEqual([a.userId]);
    expect(await confirm(now, b, "read", three)).toEqual([]);
    // None of these is the user's to confirm.
    expect(await confirm(now, c, "delivered", one, 999 as MessageId)).toEqual([]);
    expect(await confirm(now, a, "delivered", one)).toEqual([]);
    const told = (await now.events(a.userId, "rest", { after: 0, limit: 100 })).filter(
      ({ about }) => about !== undefined,
    );
    expect(told.map(({ type, about }) => [type, about?.messageId, about?.guid])).toEqual([
      ["delivered", four, b.guid],
      ["delivered", one, b.guid],
      ["delivered", three, b.guid],
      ["read", three, b.guid],
    ]);
    // Confirmed like messages.
    const confirmations = told.map(({ eventId }) => ({ of: { eventId: eventId as EventId }, status: "read" as const }));
    await now.exchange({ from: { userId: a.userId, deviceId: undefined }, messages: [], confirmations });
    expect((await now.events(a.userId, "rest", { after: 0, limit: 100 })).map(({ type }) => type)).toEqual(["entered"]);
  });

  test("each recipient's status is stored once, whichever way it was confirmed, and of ordinary messages none is", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await team(store, "ann", "bob", "carl");
    const toBoth = { [bob.guid]: "for bob", [carl.guid]: "for carl" };
    const [first, second, third] = await say(store, ann, draft("1", toBoth), draft("2", toBoth), draft("3", toBoth));
    if (first === undefined || second === undefined || third === undefined) throw new Error("three were sent");
    const { chatId } = first;
    const of = { userId: bob.userId, deviceId: undefined, chatId };
    await store.appendMessage(text(ann, { key: "team" }, "an ordinary one"));
    const statuses = async () => {
      const events = await store.events(ann.userId, "rest", { after: 0, limit: 100 });
      return events.flatMap(({ type, about, users }) =>
        about === undefined ? [] : [`${type} ${about.messageId} ${about.guid === users[0]?.guid} ${users[0]?.userKey}`],
      );
    };
    const told: DomainEvent[] = [];
    store.onCommitted({
      hears: () => false,
      committed: (events) => void told.push(...events.filter(({ type }) => type === "status.stored")),
    });
    await store.confirmMessages([{ ...of, ranges: [[2, 2]] }]);
    await store.advance([{ ...of, deliveredSeq: 4 }]);
    await store.advance([{ ...of, deliveredSeq: 4 }]);
    expect(await statuses()).toEqual([second, first, third].map(({ messageId }) => `delivered ${messageId} true bob`));
    expect(told).toEqual(Array(2).fill({ type: "status.stored", to: [ann.userId] }));
    const read = { userId: bob.userId, deviceId: undefined, chat: { key: "team" } };
    await store.readThrough({ ...read, place: { messageId: second.messageId } });
    await confirm(store, bob, "read", first.messageId, third.messageId);
    expect((await statuses()).slice(3)).toEqual(
      [first, second, third].map(({ messageId }) => `read ${messageId} true bob`),
    );
    // Carl lets nothing be known, and then that messages reached him.
    await store.setReceiptRule(carl.userId, "none");
    await store.advance([{ ...of, userId: carl.userId, deliveredSeq: 2 }]);
    await store.setReceiptRule(carl.userId, "delivered");
    await store.readThrough({ ...read, userId: carl.userId, place: { seq: 4 } });
    expect((await statuses()).slice(6)).toEqual([`delivered ${third.messageId} true carl`]);
  });

  test("a device's own text is confirmed by that device alone", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await team(store, "ann", "bob", "carl");
    const phone = await openDevice(store, { userId: bob.userId, door: "rest", name: "phone" });
    const desk = await openDevice(store, { userId: bob.userId, door: "rest", name: "desk" });
    const publicKey = new Uint8Array([1, 2, 3]);
    await store.provision([{ username: "bob", clientId: "phone", publicKey, tokens: [] }]);
    const guid = (await store.findParticipant(bob.guid))?.devices[0]?.guid ?? "";
    const [message] = await say(store, ann, draft("1", { [guid]: "for the phone" }));
    const guids = async () =>
      (await store.events(ann.userId, "rest", { after: 0, limit: 100 })).flatMap(({ about }) => about?.guid ?? []);
    const of = { userId: bob.userId, chatId: message?.chatId ?? (0 as never), deliveredSeq: 1 };
    await store.advance([{ ...of, deviceId: desk }]);
    await store.advance([{ ...of, deviceId: undefined }]);
    expect(await guids()).toEqual([]);
    await store.advance([{ ...of, deviceId: phone }]);
    expect(await guids()).toEqual([guid]);
  });

  test("a refresh token is good once; used again it ends its family, and another family lives on", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.provision([{ username: "a", tokens: pair(1, 2) }]);
    await store.provision([{ username: "a", tokens: pair(3, 4) }]);
    expect(await store.rotateToken(hash(9), pair(5, 6))).toBe("unknown");
    expect(await store.rotateToken(hash(1), pair(5, 6))).toBe("unknown");
    expect(await store.rotateToken(hash(2), pair(5, 6))).toBe("rotated");
    expect(await store.findToken(hash(5), "access")).toBeDefined();
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.rotateToken(hash(2), pair(7, 8))).toBe("reused");
      for (const byte of [1, 5, 7]) expect(await now.findToken(hash(byte), "access")).toBeUndefined();
      expect(await now.rotateToken(hash(6), pair(7, 8))).toBe("reused");
    });
    const { store: now } = opened;
    expect(await now.findToken(hash(3), "access")).toBeDefined();
    expect([await now.endTokens(hash(3), "access"), await now.endTokens(hash(3), "access")]).toEqual([true, false]);
    expect(await now.rotateToken(hash(4), pair(7, 8))).toBe("reused");
  });

  test("tokens that may be repeated are not given out again once they ended", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const provision = async () =>
      (await store.provision([{ username: "a", tokens: pair(1, 2) }], { repeatable: true })).map(({ spent }) => spent);
    expect([await provision(), await provision()]).toEqual([[false], [false]]);
    await store.rotateToken(hash(2), pair(3, 4));
    expect(await provision()).toEqual([true]);
    const run = { hash: hash(1), lifetimeMs: 1000 };
    const salts = [
      await store.openTokenRun({ ...run, fresh: hash(7) }),
      await store.openTokenRun({ ...run, fresh: hash(8) }),
    ];
    expect(salts.map((salt) => [...salt])).toEqual([[...hash(7)], [...hash(7)]]);
    opened.clock.advance(1000);
    expect([...(await store.openTokenRun({ ...run, fresh: hash(8) }))]).toEqual([...hash(8)]);
  });

  test("a deactivated user's tokens end, and the user says nothing more", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b] = await team(store, "a", "b", "c");
    await store.provision([{ username: "a", tokens: pair(1, 2) }]);
    await store.appendMessage(text(a, { key: "team" }, "before"));
    await store.findToken(hash(1), "access");
    await store.setUserDisabled({ userId: a.userId, disabled: true });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findToken(hash(1), "access")).toBeUndefined();
      expect((await now.findUser(a.userId))?.disabled).toBe(true);
      await expectRefusal(now.appendMessage(text(a, { key: "team" }, "after")), "user_disabled");
      await expectRefusal(say(now, a, draft("1", { [b.guid]: "after" })), "user_disabled");
      await expectRefusal(now.provision([{ username: "a", tokens: [] }]), "invalid_name");
      expect(await pageOf(now, b.userId)).toEqual(["before"]);
    });
  });
}
