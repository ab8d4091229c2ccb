/**
 * PRIVATE on a store: which users know each other, and which of them are told (docs/protocols/erlang-terms.md §
 * PRIVATE).
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ContactStatus, FriendRef } from "../../src/domain/contacts/contact-store.ts";
import { createContacts } from "../../src/domain/contacts/contacts.ts";
import type { DomainEvent } from "../../src/domain/events.ts";
import type { User, UserId } from "../../src/domain/model.ts";
import { createPhoneSessions } from "../../src/domain/phones/phone-sessions.ts";
import { silentLog } from "../../src/lib/log.ts";
import { expectRefusal, type OpenFresh, people, text, withUser } from "../store/contract/stage.ts";
import { createTestGuard } from "../support/login-guard.ts";
import { recordEvents } from "../support/recorded-events.ts";

type Outcome = "request" | "confirm" | "revoke";

async function openContactStage(openFresh: OpenFresh) {
  const opened = await openFresh();
  const events: DomainEvent[] = [];
  const open = () => {
    recordEvents(opened.store, events);
    return createContacts({ directory: "all", store: opened.store });
  };
  let contacts = open();
  const sessions = createPhoneSessions({
    store: opened.store,
    clock: opened.clock,
    log: silentLog,
    guard: createTestGuard(opened.clock),
    fixedCodeOf: () => "903182",
    sendCode: async () => "sent",
  });
  const statusOf = async (a: User, b: User): Promise<ContactStatus | "none"> =>
    (await contacts.find(a.userId, b.userId))?.status ?? "none";
  return {
    opened,
    events,
    get contacts() {
      return contacts;
    },
    get store() {
      return opened.store;
    },
    clock: opened.clock,
    statusOf,
    pair: async (a: User, b: User) => [await statusOf(a, b), await statusOf(b, a)],
    /** `request` and the like, with the outcome alone. */
    async act(action: Outcome, by: User, friend: FriendRef) {
      const result =
        action === "request"
          ? await contacts.requestFriend(by.userId, friend)
          : await contacts[action](by.userId, friend);
      return result.outcome;
    },
    async logIn(phone: string): Promise<User> {
      const { token } = await sessions.issue({
        devKey: phone,
        phone,
        token: undefined,
        address: "192.0.2.1",
        clientId: undefined,
        language: undefined,
      });
      const { session } = await sessions.verify({ token, code: "903182", address: "192.0.2.1" });
      const user = await opened.store.findUser(session?.userId ?? 0);
      if (user === undefined) throw new Error("nobody logged in");
      return user;
    },
    setStatus: (a: User, b: User, status: ContactStatus): void => opened.plant.contact(a.userId, b.userId, status),
    /** What it tells by itself is not what contacts tell. */
    async disable(user: User) {
      await opened.store.setUserDisabled({ userId: user.userId, disabled: true });
      const own = events.findIndex((event) => event.type === "user.revoked");
      if (own !== -1) events.splice(own, 1);
    },
    async reopen() {
      await opened.reopen();
      contacts = open();
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** What was published, as `<whose row>:<status>` and `chat`; what says the same once more for all of them is checked. */
const told = (events: readonly DomainEvent[], names: ReadonlyMap<number, string>): string[] =>
  events.flatMap((event, at) => {
    if (event.type === "friendship.changed") {
      const each = events.slice(0, at).flatMap((one) => (one.type === "contact.changed" ? [one.change] : []));
      expect(event.changes).toEqual(each.slice(-event.changes.length));
      return [];
    }
    if (event.type === "chat.entered") return `chat ${event.to.map((id) => names.get(id)).join("+")}`;
    if (event.type !== "contact.changed") return event.type;
    expect(event.to).toEqual([event.change.userId]);
    return `${names.get(event.change.userId)}:${event.change.status}`;
  });

/** The rules of PRIVATE as one would write them down for a child: a word per side. */
class Model {
  readonly #rows = new Map<string, "request" | "authorization" | "friend">();
  readonly #chats = new Set<string>();

  status = (a: number, b: number) => this.#rows.get(`${a}>${b}`) ?? "none";
  hasChat = (a: number, b: number) => this.#chats.has(`${Math.min(a, b)}+${Math.max(a, b)}`);

  request(a: number, b: number): string {
    if (a === b) return "not_found";
    if (this.status(a, b) === "authorization") return this.#befriend(a, b, "became_friends");
    if (this.status(a, b) !== "none") return "already";
    this.#rows.set(`${a}>${b}`, "request");
    this.#rows.set(`${b}>${a}`, "authorization");
    return "requested";
  }

  confirm(a: number, b: number): string {
    if (a === b) return "not_found";
    if (this.status(a, b) === "friend") return "already_present";
    return this.status(a, b) === "authorization" ? this.#befriend(a, b, "confirmed") : "nothing_to_confirm";
  }

  revoke(a: number, b: number): string {
    if (a === b) return "not_found";
    const was = this.#rows.delete(`${a}>${b}`);
    this.#rows.delete(`${b}>${a}`);
    return was ? "revoked" : "nothing_to_revoke";
  }

  #befriend(a: number, b: number, outcome: string): string {
    this.#rows.set(`${a}>${b}`, "friend");
    this.#rows.set(`${b}>${a}`, "friend");
    this.#chats.add(`${Math.min(a, b)}+${Math.max(a, b)}`);
    return outcome;
  }
}

/** The rules of PRIVATE, on a store that `openFresh` opens. */
export function contactRules(openFresh: OpenFresh): void {
  const openStage = () => openContactStage(openFresh);

  test.each([
    // [my row, the other's row] before · action · outcome · both rows after · who is told
    ["none", "none", "request", "requested", "request", "authorization", ["B:authorization", "A:request"]],
    ["request", "authorization", "request", "already", "request", "authorization", []],
    ["authorization", "request", "request", "became_friends", "friend", "friend", ["B:friend", "A:friend", "chat A+B"]],
    ["friend", "friend", "request", "already", "friend", "friend", []],
    ["none", "banned", "request", "requested", "request", "banned", ["A:request"]],
    ["none", "ignore", "request", "requested", "request", "ignore", ["A:request"]],
    ["request", "banned", "request", "already", "request", "banned", []],
    ["banned", "none", "request", "requested", "request", "authorization", ["B:authorization", "A:request"]],
    ["ignore", "request", "request", "became_friends", "friend", "friend", ["B:friend", "A:friend", "chat A+B"]],
    ["banned", "banned", "request", "requested", "request", "banned", ["A:request"]],
    ["none", "none", "confirm", "nothing_to_confirm", "none", "none", []],
    ["request", "authorization", "confirm", "nothing_to_confirm", "request", "authorization", []],
    ["authorization", "request", "confirm", "confirmed", "friend", "friend", ["B:friend", "A:friend", "chat A+B"]],
    ["friend", "friend", "confirm", "already_present", "friend", "friend", []],
    ["banned", "request", "confirm", "nothing_to_confirm", "banned", "request", []],
    ["none", "none", "revoke", "nothing_to_revoke", "none", "none", []],
    ["request", "authorization", "revoke", "revoked", "none", "none", ["B:revoke", "A:revoke"]],
    ["authorization", "request", "revoke", "revoked", "none", "none", ["B:revoke", "A:revoke"]],
    ["friend", "friend", "revoke", "revoked", "none", "none", ["B:revoke", "A:revoke"]],
    ["request", "banned", "revoke", "revoked", "none", "banned", ["A:revoke"]],
    ["none", "ignore", "revoke", "nothing_to_revoke", "none", "ignore", []],
    ["banned", "request", "revoke", "revoked", "none", "none", ["B:revoke", "A:revoke"]],
  ] as const)("from %s and %s, %s: %s", async (mine, theirs, action, outcome, mineAfter, theirsAfter, events) => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    if (mine !== "none") stage.setStatus(ann, bob, mine);
    if (theirs !== "none") stage.setStatus(bob, ann, theirs);
    expect(await stage.act(action, ann, bob.userId)).toBe(outcome);
    expect(await stage.pair(ann, bob)).toEqual([mineAfter, theirsAfter]);
    expect(
      told(
        stage.events,
        new Map([
          [ann.userId as number, "A"],
          [bob.userId as number, "B"],
        ]),
      ),
    ).toEqual([...events]);
    const direct = await stage.store.findChatOf(ann.userId, { id: bob.userId });
    expect(direct !== undefined).toBe(outcome === "became_friends" || outcome === "confirmed");
  });

  test("an answer carries the friend, both sides with one time, and the chat they got", async () => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    await stage.contacts.requestFriend(bob.userId, ann.userId);
    stage.clock.advance(5000);
    const updatedAtMs = stage.clock.nowMs();
    const result = await stage.contacts.confirm(ann.userId, bob.userId);
    expect(result).toMatchObject({ outcome: "confirmed", friend: bob });
    expect(result.changes).toEqual([
      { userId: bob.userId, contactId: ann.userId, status: "friend", updatedAtMs },
      { userId: ann.userId, contactId: bob.userId, status: "friend", updatedAtMs },
    ]);
    expect(result.entered?.chat).toMatchObject({ kind: "direct", chatKey: `direct.${ann.userId}.${bob.userId}` });
    expect(result.entered?.rows.map((row) => row.userId).sort()).toEqual([ann.userId, bob.userId]);
  });

  test("friends who talked before keep the chat they have", async () => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    const { message } = await stage.store.appendMessage(text(ann, withUser(bob), "hello"));
    await stage.contacts.requestFriend(ann.userId, bob.userId);
    expect((await stage.contacts.confirm(bob.userId, ann.userId)).entered).toBeUndefined();
    expect((await stage.store.chatsOf(ann.userId)).map((chat) => chat.chatId)).toEqual([message.chatId]);
  });

  test("a friend is named by id, by PhoneId and by a bare phone, however it is written", async () => {
    await using stage = await openStage();
    const bob = await stage.logIn("380001");
    const carl = await stage.logIn("380002");
    const refs: [FriendRef, boolean][] = [
      [bob.userId, true],
      [{ phone: "380001", userId: bob.userId }, true],
      [{ phone: "380001" }, true],
      [{ phone: "+38 (00) 01" }, true],
      [{ phone: "380001", userId: carl.userId }, false],
      [{ phone: "", userId: bob.userId }, false],
      [{ phone: "", userId: undefined }, false],
      [{ phone: "380009" }, false],
      [{ phone: "nonsense" }, false],
      [{ phone: "nonsense", userId: bob.userId }, false],
      [1, false],
      [-1, false],
      [Number.NaN, false],
      [1.5, false],
      [2 ** 60, false],
      [{ phone: "380001", userId: Number.NaN }, false],
    ];
    for (const [ref, found] of refs) {
      const [ann] = await people(stage.store, "Ann");
      expect([ref, await stage.act("request", ann, ref)]).toEqual([ref, found ? "requested" : "not_found"]);
      expect(await stage.act("confirm", ann, ref)).toBe(found ? "nothing_to_confirm" : "not_found");
      expect(await stage.act("revoke", ann, ref)).toBe(found ? "revoked" : "not_found");
      // A user without a phone is known by `_<userId>`.
      expect(await stage.act("request", bob, { phone: "", userId: ann.userId })).toBe("requested");
    }
  });

  test("no user befriends themselves or a disabled user; a disabled user can do nothing", async () => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    for (const action of ["request", "confirm", "revoke"] as const) {
      expect(await stage.act(action, ann, ann.userId)).toBe("not_found");
    }
    await stage.disable(bob);
    expect(await stage.act("request", ann, bob.userId)).toBe("not_found");
    await expectRefusal(stage.act("request", bob, ann.userId), "not_authorized");
    await expectRefusal(stage.act("confirm", bob, ann.userId), "not_authorized");
    await expectRefusal(stage.act("revoke", { ...ann, userId: 1 as UserId }, bob.userId), "not_authorized");
    expect(stage.events).toEqual([]);
  });

  test("a list is answered friend by friend, and is bounded", async () => {
    await using stage = await openStage();
    const [ann, bob, carl] = await people(stage.store, "Ann", "Bob", "Carl");
    await stage.contacts.requestFriend(carl.userId, ann.userId);
    const results = await stage.contacts.requestFriends(ann.userId, [bob.userId, 1, carl.userId, bob.userId]);
    expect(results.map((one) => one.outcome)).toEqual(["requested", "not_found", "became_friends", "already"]);
    expect(results.map((one) => one.friend?.nick)).toEqual(["Bob", undefined, "Carl", "Bob"]);
    await expectRefusal(stage.contacts.requestFriends(ann.userId, new Array(1001).fill(1)), "too_many_members");
  });

  test("requests that cross make friends and one chat, whichever settles first", async () => {
    await using stage = await openStage();
    for (let round = 0; round < 20; round += 1) {
      const [ann, bob] = await people(stage.store, "Ann", "Bob");
      const outcomes = await Promise.all([
        stage.act("request", ann, bob.userId),
        stage.act("request", bob, ann.userId),
      ]);
      expect(outcomes).toEqual(["requested", "became_friends"]);
      expect(await stage.pair(ann, bob)).toEqual(["friend", "friend"]);
      expect(await stage.store.chatsOf(ann.userId)).toHaveLength(1);
    }
  });

  test("of two confirmations at once one confirms, and a revocation leaves no half", async () => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    await stage.act("request", ann, bob.userId);
    const twice = await Promise.all([stage.act("confirm", bob, ann.userId), stage.act("confirm", bob, ann.userId)]);
    expect(twice).toEqual(["confirmed", "already_present"]);
    const both = await Promise.all([stage.act("revoke", ann, bob.userId), stage.act("revoke", bob, ann.userId)]);
    expect(both).toEqual(["revoked", "nothing_to_revoke"]);
    expect(await stage.pair(ann, bob)).toEqual(["none", "none"]);
  });

  test("contacts are listed by id, later only those that changed, and survive a restart", async () => {
    await using stage = await openStage();
    const [ann, bob, carl, dora] = await people(stage.store, "Ann", "Bob", "Carl", "Dora");
    await stage.act("request", ann, carl.userId);
    await stage.act("request", bob, ann.userId);
    const beforeMs = stage.clock.nowMs();
    stage.clock.advance(1000);
    await stage.act("confirm", ann, bob.userId);
    await stage.reopen();
    const list = async (afterMs?: number) =>
      (await stage.contacts.list(ann.userId, afterMs)).map((one) => [one.user.nick, one.status]);
    expect(await list()).toEqual([
      ["Bob", "friend"],
      ["Carl", "request"],
    ]);
    expect(await list(beforeMs)).toEqual([["Bob", "friend"]]);
    expect(await stage.contacts.friendsOf(ann.userId)).toEqual([bob.userId]);
    expect(await stage.contacts.list(dora.userId)).toEqual([]);
  });

  test("contacts of one user are bounded, on either side", async () => {
    await using stage = await openStage();
    const [ann, bob] = await people(stage.store, "Ann", "Bob");
    for (let n = 0; n < 10; n += 1) {
      const names = Array.from({ length: 1000 }, (_, index) => ({ username: `user-${n}-${index}`, tokens: [] }));
      const asked = await stage.store.provision(names);
      await stage.contacts.requestFriends(
        ann.userId,
        asked.map(({ user }) => user.userId),
      );
    }
    expect(await stage.act("request", ann, bob.userId)).toBe("too_many");
    expect(await stage.act("request", bob, ann.userId)).toBe("too_many");
    expect(await stage.pair(ann, bob)).toEqual(["none", "none"]);
  });

  test("any sequence of requests, confirmations and revocations goes as the rules say, one by one or at once", async () => {
    await using stage = await openStage();
    const actions = fc.array(
      fc.record({
        action: fc.constantFrom("request", "confirm", "revoke") satisfies fc.Arbitrary<Outcome>,
        by: fc.nat(2),
        friend: fc.nat(2),
        together: fc.boolean(),
      }),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const users = await people(stage.store, "Ann", "Bob", "Carl");
        const model = new Model();
        let running: Promise<void>[] = [];
        for (const { action, by, friend, together } of steps) {
          const [actor, other] = [users[by], users[friend]];
          if (actor === undefined || other === undefined) throw new Error("nobody");
          // Changes settle in the order they were submitted, so that the model may run ahead.
          const expected = model[action](by, friend);
          running.push(
            stage.act(action, actor, other.userId).then((outcome) => expect(outcome).toBe(expected as never)),
          );
          if (together) continue;
          await Promise.all(running);
          running = [];
        }
        await Promise.all(running);
        for (const [a, first] of users.entries()) {
          for (const [b, second] of users.entries()) {
            expect(await stage.statusOf(first, second)).toBe(model.status(a, b));
            const chat = await stage.store.findChatOf(first.userId, { id: second.userId });
            expect(chat !== undefined).toBe(model.hasChat(a, b));
          }
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
}
