/** Users, what they log in with, and the ids they share with chats. */

import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { User } from "../../../src/domain/model.ts";
import type { NewToken, TokenKind } from "../../../src/domain/people/token-store.ts";
import type { NewMqttDevice } from "../../../src/domain/store.ts";
import { later } from "../../../src/lib/clock.ts";
import {
  alsoAfterReopening,
  expectRefusal,
  group,
  inChat,
  type OpenFresh,
  openDevice,
  people,
  snapshot,
  text,
  withUser,
} from "./stage.ts";

const mqttDevice = (name: string): NewMqttDevice => ({
  name,
  passwordHash: undefined,
  scramKeys: undefined,
  certificateSubject: undefined,
  publish: undefined,
  subscribe: undefined,
  userId: undefined,
});
const hash = (byte: number) => new Uint8Array(32).fill(byte);
const token = (kind: TokenKind, byte: number, lifetimeMs?: number): NewToken => ({
  kind,
  hash: hash(byte),
  lifetimeMs,
});

export function peopleContract(openFresh: OpenFresh): void {
  test("users and chats take ids from one sequence, from 10001 on, never one twice", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    expect(ann.userId as number).toBe(10_001);
    const chat = await group(store, ann, bob);
    const put = await store.putMembers({
      chatKey: "team",
      people: [{ username: "carl" }, { username: "dora" }],
      chatName: undefined,
    });
    const direct = await store.appendMessage(text(ann, withUser(bob), "hello"));
    const [provisioned] = await store.provision([{ username: "emil", tokens: [] }]);
    const again = await opened.reopen();
    const [frida] = await people(again, "Frida");
    const ids: (number | undefined)[] = [
      ann.userId,
      bob.userId,
      chat.chatId,
      put.view.chat.chatId,
      ...put.users.map((user) => user.userId),
      direct.message.chatId,
      provisioned?.user.userId,
      frida.userId,
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.min(...ids.map(Number))).toBe(10_001);
    expect(Math.max(...ids.map(Number))).toBe(frida.userId);
  });

  test("a user comes back as made, by id, by username and by the reserved key", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const ann = await store.createUser({ nick: "Ann", username: "ann", passwordHash: "$argon2id$x" });
    const bob = await store.createUser({ nick: "Bob" });
    expect(ann).toMatchObject({
      username: "ann",
      userKey: "ann",
      nick: "Ann",
      disabled: false,
      createdAtMs: clock.nowMs(),
      lastSeenAtMs: undefined,
      avatar: undefined,
      publicKey: undefined,
    });
    expect(bob).toMatchObject({ username: undefined, userKey: `user.${bob.userId}` });
    expect(ann.guid).not.toBe(bob.guid);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(ann.userId)).toEqual(ann);
      expect(await now.findUserByKey("ann")).toEqual(ann);
      expect(await now.findUserByKey(`user.${ann.userId}`)).toEqual(ann);
      expect(await now.findUserByKey(`user.${bob.userId}`)).toEqual(bob);
      expect(await now.findUserByKey("Ann")).toBeUndefined();
      expect(await now.findUserByKey("user.1")).toBeUndefined();
      expect(await now.findUser(1)).toBeUndefined();
      expect(await now.findPasswordHash(ann.userId)).toBe("$argon2id$x");
      expect(await now.findPasswordHash(bob.userId)).toBeUndefined();
    });
  });

  test("a username is taken once, also among users made at the same time", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const outcomes = await Promise.allSettled(
      ["1", "2", "3"].map((nick) => store.createUser({ nick, username: "ann" })),
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["fulfilled", "rejected", "rejected"]);
    const before = await snapshot(store, []);
    await expectRefusal(store.createUser({ nick: "4", username: "ann" }), "username_taken");
    expect(await snapshot(store, [])).toEqual(before);
    expect(await store.findUserByKey("ann")).toMatchObject({ nick: "1" });
  });

  test("a nick is another one from then on; users who are gone or disabled get none", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await store.requestContacts({ userId: ann.userId, friends: [bob.userId] });
    await store.confirmContact({ userId: bob.userId, friend: ann.userId });
    clock.advance(1000);
    const version = await store.userListVersion();
    const told: string[] = [];
    store.onCommitted({ hears: () => false, committed: (events) => void told.push(...events.map(({ type }) => type)) });
    await store.setNick(ann.userId, "Anna");
    await store.setNick(ann.userId, "Anna");
    expect(told).toEqual(["contact.changed", "user.changed"]);
    expect(await store.userListVersion()).not.toBe(version);
    await store.setUserDisabled({ userId: bob.userId, disabled: true });
    for (const userId of [bob.userId, 1 as User["userId"]]) {
      await expectRefusal(store.setNick(userId, "x"), "user_disabled");
    }
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(ann.userId)).toMatchObject({ nick: "Anna", updatedAtMs: clock.nowMs() });
      expect(await now.findUser(bob.userId)).toMatchObject({ nick: "Bob" });
    });
  });

  test("a user says who sees their presence, and each change of it is told once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    expect(ann.presenceRule).toBe("friends");
    const told: DomainEvent[] = [];
    store.onCommitted({ hears: () => false, committed: (events) => void told.push(...events) });
    for (const rule of ["none", "none", "friends", "none"] as const) await store.setPresenceRule(ann.userId, rule);
    const event = { type: "presence.allowed", userId: ann.userId, to: [ann.userId] } as const;
    expect(told).toEqual((["none", "friends", "none"] as const).map((rule) => ({ ...event, rule })));
    await store.setUserDisabled({ userId: bob.userId, disabled: true });
    for (const userId of [bob.userId, 1 as User["userId"]]) {
      await expectRefusal(store.setPresenceRule(userId, "none"), "user_disabled");
    }
    await alsoAfterReopening(opened, async (now) => {
      const rules = [ann, bob].map(async ({ userId }) => (await now.findUser(userId))?.presenceRule);
      expect(await Promise.all(rules)).toEqual(["none", "friends"]);
    });
  });

  test("people are found by how their nick begins, and acquaintances are named", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, anna, bob, gone] = await people(store, "Ann", "anna lee", "Bob", "Anton");
    const zed = await store.createUser({ nick: "Änne", username: "zed" });
    await store.setUserDisabled({ userId: gone.userId, disabled: true });
    await group(store, ann, bob);
    await store.requestContacts({ userId: ann.userId, friends: [anna.userId] });
    await store.requestContacts({ userId: zed.userId, friends: [ann.userId] });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.usersNamed("aN", 9)).toEqual([ann.userId, anna.userId]);
      expect(await now.usersNamed("an", 1)).toEqual([ann.userId]);
      expect(await now.usersNamed("%", 9)).toEqual([]);
      expect(await now.usersNamed("Än", 9)).toEqual([zed.userId]);
      expect(await now.namesOfAcquaintances(ann.userId, 9)).toEqual([
        { userId: ann.userId, nick: "Ann", userKey: `user.${ann.userId}` },
        { userId: bob.userId, nick: "Bob", userKey: `user.${bob.userId}` },
        { userId: zed.userId, nick: "Änne", userKey: "zed" },
      ]);
      expect(await now.namesOfAcquaintances(ann.userId, 1)).toHaveLength(1);
    });
  });

  test("a log-in name is one user's, who has no other, and no username's or device's", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await store.createUser({ nick: "Ann", loginName: "ann" });
    const bob = await store.createUser({ nick: "Bob", username: "bob" });
    await store.addMqttDevice(mqttDevice("lamp"));
    expect(ann).toMatchObject({ loginName: "ann", username: undefined, userKey: `user.${ann.userId}` });
    for (const taken of ["ann", "bob", "lamp"]) {
      await expectRefusal(store.createUser({ nick: "Carl", loginName: taken }), "username_taken");
    }
    for (const taken of ["ann", "lamp"]) await expectRefusal(store.setLoginName(bob.userId, taken), "username_taken");
    await expectRefusal(store.setLoginName(ann.userId, "bob"), "username_taken");
    await expectRefusal(store.setLoginName(1 as User["userId"], "carl"), "user_not_found");
    await store.setLoginName(ann.userId, "ann");
    await store.setLoginName(ann.userId, "anna");
    await store.setLoginName(bob.userId, "ann");
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.findUserByLoginName("anna"))?.userId).toBe(ann.userId);
      expect((await now.findUserByLoginName("ann"))?.userId).toBe(bob.userId);
      expect(await now.findUserByLoginName("bob")).toBeUndefined();
      // It is no key.
      expect(await now.findUserByKey("anna")).toBeUndefined();
    });
    await opened.store.setLoginName(ann.userId, undefined);
    expect(await opened.store.findUserByLoginName("anna")).toBeUndefined();
    await opened.store.removeUser(bob.userId);
    expect(await opened.store.findUserByLoginName("ann")).toBeUndefined();
  });

  test("a backend and the operator get a name that is someone's log-in name, which is told once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const told: unknown[] = [];
    store.onCommitted({
      hears: (type) => type === "login-name.taken",
      committed(events) {
        for (const event of events) if (event.type === "login-name.taken") told.push(event);
        return undefined;
      },
    });
    const names = ["billing", "boss", "team-bot", "lamp"] as const;
    const users = await Promise.all(names.map((loginName) => store.createUser({ nick: "x", loginName })));
    await store.provision([
      { username: "billing", tokens: [] },
      { username: "billing", tokens: [] },
      { username: "other", tokens: [] },
    ]);
    await store.provision([{ username: "billing", tokens: [] }]);
    await store.createUser({ nick: "Boss", username: "boss", madeBy: "operator" });
    for (const _ of [1, 2]) {
      await store.putMembers({
        chatKey: "team",
        people: [{ username: "team-bot" }, { username: "billing" }],
        chatName: undefined,
      });
    }
    await store.addMqttDevice(mqttDevice("lamp"));
    expect(told).toEqual(
      users.map(({ userId }, at) => ({ type: "login-name.taken", userId, loginName: names[at], to: [userId] })),
    );
    for (const [at, user] of users.entries()) {
      const name = names[at] ?? "";
      // The name stays the user's, behind the username or the device.
      expect((await store.findUserByLoginName(name))?.userId).toBe(user.userId);
      if (name !== "lamp") expect((await store.findUserByKey(name))?.userId).not.toBe(user.userId);
    }
  });

  test("a password and the time last seen are replaced; a stranger has neither", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    await store.setPassword(ann.userId, "new hash");
    await store.touchUsers([{ userId: ann.userId, lastSeenAtMs: 1234 }]);
    expect(await store.findPasswordHash(ann.userId)).toBe("new hash");
    expect(await store.findUser(ann.userId)).toMatchObject({ lastSeenAtMs: 1234 });
    await expectRefusal(store.setPassword(1 as User["userId"], "x"), "user_not_found");
  });

  test("users are listed page by page by rising id", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const users = await people(store, "a", "b", "c", "d", "e");
    const first = await store.listUsers({ after: 0, limit: 2 });
    const second = await store.listUsers({ after: first[1]?.userId ?? 0, limit: 10 });
    expect([...first, ...second]).toEqual([...users]);
    expect(first.length).toBe(2);
    expect(await store.countUsers()).toBe(5);
    expect(await store.countUsers(3)).toBe(3);
  });

  test("the version of the user list moves with what others see of people, and with nothing else", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const moved = async (change: () => Promise<unknown>): Promise<boolean> => {
      const before = await store.userListVersion();
      await change();
      return (await store.userListVersion()) !== before;
    };
    const ann = await store.createUser({ nick: "Ann" });
    expect(await moved(() => store.createUser({ nick: "Bob" }))).toBe(true);
    expect(await moved(() => store.provision([{ username: "carl", tokens: [token("access", 1)] }]))).toBe(true);
    expect(await moved(() => store.provision([{ username: "carl", displayName: "Carl", tokens: [] }]))).toBe(true);
    expect(
      await moved(() => store.provision([{ username: "carl", displayName: "Carl", tokens: [token("access", 2)] }])),
    ).toBe(false);
    expect(await moved(() => store.touchUsers([{ userId: ann.userId, lastSeenAtMs: 5 }]))).toBe(false);
    expect(await moved(() => store.setPassword(ann.userId, "hash"))).toBe(false);
    expect(await moved(() => store.appendMessage(text(ann, withUser(ann), "hello")))).toBe(false);
    const version = await store.userListVersion();
    await alsoAfterReopening(opened, async (now) => expect(await now.userListVersion()).toBe(version));
  });

  test("acquaintances share a chat with a user, who is one of them", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    expect(await store.listAcquaintances(ann.userId, 10)).toEqual([ann]);
    await group(store, carl, ann);
    await group(store, carl, dora);
    await store.appendMessage(text(bob, withUser(ann), "hello"));
    expect(await store.listAcquaintances(ann.userId, 10)).toEqual([ann, bob, carl]);
    expect(await store.listAcquaintances(ann.userId, 2)).toEqual([ann, bob]);
    expect(await store.listAcquaintances(dora.userId, 10)).toEqual([carl, dora]);
    // By whom one was asked to be a contact one knows too; whom one only asked may be anybody.
    await store.requestContacts({ userId: dora.userId, friends: [bob.userId] });
    expect(await store.listAcquaintances(dora.userId, 10)).toEqual([carl, dora]);
    expect(await store.listAcquaintances(bob.userId, 10)).toEqual([ann, bob, dora]);
  });

  test("a user's chats are listed by their newest message, with their members counted up to a bound", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const [one, two, three] = [
      await group(store, ann),
      await group(store, ann, bob, carl),
      await group(store, ann, bob),
    ];
    await store.appendMessage(text(ann, inChat(one), "hello"));
    await store.appendMessage(text(bob, inChat(two), "hello"));
    const bounds = { limit: 10, membersMax: 1 };
    expect(await store.recentChats(ann.userId, bounds)).toEqual([
      { chatId: two.chatId, members: 2 },
      { chatId: one.chatId, members: 1 },
      { chatId: three.chatId, members: 2 },
    ]);
    expect(await store.recentChats(ann.userId, { limit: 1, membersMax: 10 })).toEqual([
      { chatId: two.chatId, members: 3 },
    ]);
  });

  test("a picture replaces the one before, and is taken back", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    clock.advance(1000);
    const version = await store.userListVersion();
    expect(await store.setAvatar(ann.userId, new Uint8Array([1, 2]))).toEqual({ updatedAtMs: clock.nowMs() });
    await store.setAvatar(ann.userId, new Uint8Array([0, 255]));
    await alsoAfterReopening(opened, async (now) => {
      const found = await now.findUser(ann.userId);
      expect([...(found?.avatar ?? [])]).toEqual([0, 255]);
      expect(found?.updatedAtMs).toBe(clock.nowMs());
      expect(await now.findUser(bob.userId)).toEqual(bob);
      expect(await now.userListVersion()).not.toBe(version);
    });
    await opened.store.setAvatar(ann.userId, undefined);
    expect(await opened.store.findUser(ann.userId)).toMatchObject({ avatar: undefined });
    await opened.store.setUserDisabled({ userId: bob.userId, disabled: true });
    await expectRefusal(opened.store.setAvatar(bob.userId, new Uint8Array([1])), "user_disabled");
    await expectRefusal(opened.store.setAvatar(1 as User["userId"], undefined), "user_disabled");
  });

  test("a participant is found by the GUID of the user or of a device, with the devices that have a key", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [key, otherKey] = [new Uint8Array([48, 130]), new Uint8Array([48, 131])];
    const participant = { username: "ann", tokens: [] };
    await store.provision([{ ...participant, publicKey: key }]);
    await store.provision([{ ...participant, clientId: "phone", publicKey: otherKey }]);
    await store.provision([{ ...participant, clientId: "laptop" }]);
    const ann = await store.findUserByKey("ann");
    if (ann === undefined) throw new Error("ann was made");
    await alsoAfterReopening(opened, async (now) => {
      const found = await now.findParticipant(ann.guid);
      expect(found?.user).toEqual(ann);
      expect(found?.devices.map((device) => [...device.publicKey])).toEqual([[...otherKey]]);
      expect(await now.findParticipant(found?.devices[0]?.guid ?? "")).toEqual(found as never);
      expect(await now.findParticipant("00000000-0000-4000-8000-000000000000")).toBeUndefined();
    });
  });

  test("two users share a chat while both are in one", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    const chat = await group(store, ann, bob, dora);
    await store.appendMessage(text(ann, withUser(carl), "hello"));
    await store.leaveChat({ userId: dora.userId, chat: inChat(chat) });
    await alsoAfterReopening(opened, async (now) => {
      const shared = (a: User, b: User) => now.shareChat(a.userId, b.userId);
      expect([await shared(ann, bob), await shared(bob, ann), await shared(ann, carl)]).toEqual([true, true, true]);
      expect([await shared(bob, carl), await shared(ann, dora)]).toEqual([false, false]);
    });
  });

  test("a participant is made once, renamed later, and answered entry by entry", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const key = new Uint8Array([48, 130, 0, 255]);
    const made = await store.provision([
      { username: "ann", displayName: "Ann", publicKey: key, tokens: [token("access", 1)] },
      { username: "bob", tokens: [token("access", 2)] },
      { username: "ann", tokens: [token("access", 3)] },
    ]);
    expect(made.map((one) => one.user.username)).toEqual(["ann", "bob", "ann"]);
    expect(new Set(made.map((one) => one.user.userId)).size).toBe(2);
    expect(made.map((one) => one.deviceId)).toEqual([undefined, undefined, undefined]);
    expect(await store.countUsers()).toBe(2);
    const ann = await store.findUserByKey("ann");
    expect(ann?.nick).toBe("Ann");
    expect([...(ann?.publicKey ?? [])]).toEqual([...key]);
    expect(await store.findUserByKey("bob")).toMatchObject({ nick: "bob" });
    await store.provision([{ username: "ann", displayName: "Anna", tokens: [] }]);
    expect(await store.findUserByKey("ann")).toMatchObject({ nick: "Anna", userId: ann?.userId ?? 0 });
  });

  test("a token is found by its hash and its kind, expired or not", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const soon = later(clock.steadyMs(), 1000);
    await store.provision([
      { username: "ann", clientId: "phone", tokens: [token("access", 1, 1000), token("refresh", 2)] },
    ]);
    clock.advance(5000);
    await alsoAfterReopening(opened, async (now) => {
      const access = await now.findToken(hash(1), "access");
      const refresh = await now.findToken(hash(2), "refresh");
      expect(access).toMatchObject({ user: { username: "ann" }, expiresAtMs: soon });
      expect(refresh).toMatchObject({ user: { username: "ann" }, expiresAtMs: undefined });
      expect(access?.deviceId).toBeDefined();
      expect(access?.deviceId).toBe(refresh?.deviceId as NonNullable<typeof access>["deviceId"]);
      expect(await now.findToken(hash(1), "refresh")).toBeUndefined();
      expect(await now.findToken(hash(2), "access")).toBeUndefined();
      expect(await now.findToken(hash(3), "access")).toBeUndefined();
    });
  });

  test("participants are provisioned all or none", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.provision([{ username: "ann", displayName: "Ann", tokens: [token("access", 1)] }]);
    const work = store.provision([
      { username: "bob", tokens: [token("access", 2)] },
      { username: "ann", displayName: "Anna", tokens: [token("access", 1)] }, // The hash is in use.
    ]);
    expect(await work.then(() => "done", () => "failed")).toBe("failed"); // biome-ignore format: one outcome or the other
    expect(await store.findUserByKey("bob")).toBeUndefined();
    expect(await store.findToken(hash(2), "access")).toBeUndefined();
    expect(await store.findUserByKey("ann")).toMatchObject({ nick: "Ann" });
    expect(await store.findToken(hash(1), "access")).toBeDefined();
  });

  test("a device is one per user, door and name, and ends with its tokens", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [provisioned] = await store.provision([{ username: "ann", clientId: "phone", tokens: [token("access", 1)] }]);
    const [bob] = await people(store, "Bob");
    const userId = provisioned?.user.userId ?? bob.userId;
    const phone = await openDevice(store, { userId, door: "rest", name: "phone" });
    expect(phone).toBe(provisioned?.deviceId ?? phone);
    expect(provisioned?.deviceId).toBeDefined();
    const others = await Promise.all([
      openDevice(store, { userId, door: "mqtt", name: "phone" }),
      openDevice(store, { userId, door: "rest", name: "laptop" }),
      openDevice(store, { userId: bob.userId, door: "rest", name: "phone" }),
    ]);
    expect(new Set([phone, ...others]).size).toBe(4);
    const again = await opened.reopen();
    expect(await openDevice(again, { userId, door: "rest", name: "laptop" })).toBe(others[1]);
    await again.endDevice({ userId, door: "rest", name: "phone" });
    await again.endDevice({ userId, door: "rest", name: "never opened" });
    expect(await again.findToken(hash(1), "access")).toBeUndefined();
    expect(await openDevice(again, { userId, door: "rest", name: "phone" })).not.toBe(phone);
  });

  test("a backend key replaces the one before and says when it was made", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    expect(await store.findBackendKey()).toBeUndefined();
    await store.setBackendKey(hash(1));
    clock.advance(60_000);
    await store.setBackendKey(hash(2));
    await alsoAfterReopening(opened, async (now) => {
      const key = await now.findBackendKey();
      expect(new Uint8Array(key?.hash ?? [])).toEqual(hash(2));
      expect(key?.createdAtMs).toBe(clock.nowMs());
    });
  });

  test("a user's number where a chat's is expected never finds a group", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    expect(await store.findUser(chat.chatId)).toBeUndefined();
    expect(await store.findChat(withUser(bob), ann.userId)).toBeUndefined();
    expect(await store.findChat(inChat(chat), bob.userId)).toMatchObject({ chatId: chat.chatId });
  });
}
