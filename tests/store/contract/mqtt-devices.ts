/** MQTT devices, the names they share with users, and the keys of passwords. */
import { expect, test } from "bun:test";
import type { ScramKeys } from "../../../src/domain/people/scram-keys.ts";
import { alsoAfterReopening, device, expectRefusal, group, inChat, type OpenFresh, people } from "./stage.ts";

const keysOf = (byte: number): ScramKeys => ({
  salt: new Uint8Array(16).fill(byte),
  iterations: 4096 + byte,
  storedKey: new Uint8Array(32).fill(byte + 1),
  serverKey: new Uint8Array(32).fill(byte + 2),
});

/** Buffers and arrays of the same bytes are the same. */
const plain = (keys: ScramKeys | undefined) =>
  keys === undefined ? undefined : [[...keys.salt], keys.iterations, [...keys.storedKey], [...keys.serverKey]];

export function deviceContract(openFresh: OpenFresh): void {
  test("when a device was last seen is kept with it, and goes with it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.addMqttDevice(device("lamp"));
    await store.addMqttDevice(device("bell"));
    await store.touchMqttDevices([
      { name: "lamp", lastSeenAtMs: 1234 },
      { name: "gone", lastSeenAtMs: 5 },
    ]);
    const seen = async (now: typeof store) =>
      (await now.listMqttDevices({ after: "", limit: 10 })).map(({ name, lastSeenAtMs }) => [name, lastSeenAtMs]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await seen(now)).toEqual([
        ["bell", undefined],
        ["lamp", 1234],
      ]);
    });
    const now = opened.store;
    expect((await now.setMqttDevice({ name: "lamp", patterns: null, userId: null }))?.lastSeenAtMs).toBe(1234);
    await now.removeMqttDevice("lamp");
    await now.addMqttDevice(device("lamp"));
    expect(await seen(now)).toContainEqual(["lamp", undefined]);
  });

  test("a device comes back as made, with its password and keys", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const sensor = await store.addMqttDevice(
      device("sensor", {
        passwordHash: "sha256:00",
        certificateSubject: "CN=sensor",
        publish: ["a/%u/#", "b"],
        subscribe: [],
        scramKeys: keysOf(1),
      }),
    );
    const { passwordHash, scramKeys, ...shown } = device("bare");
    expect(await store.addMqttDevice(device("bare"))).toEqual({
      ...shown,
      member: undefined,
      createdAtMs: clock.nowMs(),
      lastSeenAtMs: undefined,
    });
    await alsoAfterReopening(opened, async (now) => {
      const listed = await now.listMqttDevices({ after: "", limit: 10 });
      expect(listed).toEqual([
        { ...shown, member: undefined, createdAtMs: clock.nowMs(), lastSeenAtMs: undefined },
        sensor,
      ]);
      expect(sensor).toMatchObject({ publish: ["a/%u/#", "b"], subscribe: [], certificateSubject: "CN=sensor" });
      expect(await now.listMqttDevices({ after: "bare", limit: 10 })).toEqual([sensor]);
      expect(await now.listMqttDevices({ after: "", limit: 1 })).toHaveLength(1);
      expect(await now.findMqttDevicePassword("sensor")).toBe("sha256:00");
      expect(await now.findMqttDevicePassword("bare")).toBeUndefined();
      expect(plain(await now.findScramKeys("device:sensor"))).toEqual(plain(keysOf(1)));
      expect(await now.findScramKeys("device:bare")).toBeUndefined();
    });
  });

  test("what a device may do, whom it speaks for and its password are changed one by one", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await store.createUser({ nick: "Ann" });
    await store.addMqttDevice(device("sensor", { passwordHash: "one", publish: ["a"], subscribe: [] }));
    const change = { name: "sensor", patterns: undefined, userId: undefined };
    expect(await store.setMqttDevice({ ...change, userId: ann.userId })).toMatchObject({
      publish: ["a"],
      subscribe: [],
      userId: ann.userId,
    });
    const patterns = { publish: ["b"], subscribe: ["c"] };
    expect(await store.setMqttDevice({ ...change, patterns })).toMatchObject({ ...patterns, userId: ann.userId });
    expect(await store.setMqttDevice({ ...change, name: "none", patterns })).toBeUndefined();
    await expectRefusal(store.setMqttDevice({ ...change, userId: 999_999 as typeof ann.userId }), "user_not_found");
    const credentials = { passwordHash: "two", scramKeys: keysOf(3) };
    expect(await store.setMqttDevicePassword({ name: "none", ...credentials })).toBe(false);
    expect(await store.setMqttDevicePassword({ name: "sensor", ...credentials })).toBe(true);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.listMqttDevices({ after: "", limit: 1 })).toMatchObject([{ ...patterns, userId: ann.userId }]);
      expect(await now.findMqttDevicePassword("sensor")).toBe("two");
      expect(plain(await now.findScramKeys("device:sensor"))).toEqual(plain(keysOf(3)));
    });
    const now = opened.store;
    expect(await now.setMqttDevice({ ...change, patterns: null, userId: null })).toMatchObject({
      publish: undefined,
      subscribe: undefined,
      userId: undefined,
    });
    await now.setMqttDevice({ ...change, userId: ann.userId });
    await now.removeUser(ann.userId);
    expect((await now.listMqttDevices({ after: "", limit: 1 }))[0]?.userId).toBeUndefined();
    await expectRefusal(now.addMqttDevice(device("other", { userId: ann.userId })), "user_not_found");
  });

  test("a device that is a member of chats has a user of its own, which goes with it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const other = await group(store, ann, bob);
    const chats = [
      { chat: inChat(chat), allow: undefined },
      { chat: inChat(other), allow: "read" as const },
    ];
    const lamp = await store.addMqttDevice(device("lamp", { chats }));
    const userId = lamp.member?.userId ?? ann.userId;
    expect(lamp.member?.scopes).toEqual([
      { allow: "send", chat: `chat.${chat.chatId}` },
      { allow: "read", chat: `chat.${chat.chatId}` },
      { allow: "read", chat: `chat.${other.chatId}` },
    ]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.listMqttDevices({ after: "", limit: 2 })).toEqual([lamp]);
      const members = (await now.findChatView(inChat(chat)))?.members.map(({ nick, kind }) => [nick, kind]);
      expect(members).toEqual([
        ["Ann", "person"],
        ["Bob", "person"],
        ["lamp", "device"],
      ]);
      expect(await now.countUsers()).toBe(2);
    });
    const now = opened.store;
    const wrong = (id: number) => [{ chat: { id: id as typeof chat.chatId }, allow: undefined }];
    await expectRefusal(now.addMqttDevice(device("bell", { chats: wrong(999_999) })), "chat_not_found");
    await expectRefusal(now.addMqttDevice(device("bell", { chats: [...chats, ...chats] })), "invalid_device");
    await expectRefusal(now.addMqttDevice(device("bell", { chats, userId: ann.userId })), "invalid_device");
    const change = { name: "lamp", patterns: undefined };
    await expectRefusal(now.setMqttDevice({ ...change, userId: ann.userId }), "invalid_device");
    expect(await now.setMqttDevice({ ...change, userId: null })).toMatchObject({ member: lamp.member });
    expect((await now.listUsers({ after: 0, limit: 10 })).map(({ nick }) => nick)).toEqual(["Ann", "Bob"]);
    await now.removeMqttDevice("lamp");
    expect(await now.findUser(userId)).toBeUndefined();
    expect((await now.findChatView(inChat(chat)))?.members).toHaveLength(2);
    expect((await now.addMqttDevice(device("lamp"))).member).toBeUndefined();
  });

  test("a removed device leaves nothing, and its name is free", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.addMqttDevice(
      device("sensor", { passwordHash: "x", certificateSubject: "CN=s", scramKeys: keysOf(1) }),
    );
    expect(await store.removeMqttDevice("sensor")).toBe(true);
    expect(await store.removeMqttDevice("sensor")).toBe(false);
    expect(await store.listMqttDevices({ after: "", limit: 10 })).toEqual([]);
    expect(await store.findMqttDevicePassword("sensor")).toBeUndefined();
    expect(await store.findScramKeys("device:sensor")).toBeUndefined();
    await store.addMqttDevice(device("sensor", { certificateSubject: "CN=s" }));
    await store.removeMqttDevice("sensor");
    expect(await store.createUser({ nick: "s", username: "sensor" })).toMatchObject({ username: "sensor" });
  });

  test("users and devices share their names, and no two devices a certificate", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.createUser({ nick: "Ann", username: "ann" });
    await store.addMqttDevice(device("sensor", { certificateSubject: "CN=s" }));
    await expectRefusal(store.addMqttDevice(device("ann")), "username_taken");
    await expectRefusal(store.addMqttDevice(device("sensor")), "username_taken");
    await expectRefusal(store.addMqttDevice(device("other", { certificateSubject: "CN=s" })), "invalid_device");
    await expectRefusal(store.createUser({ nick: "S", username: "sensor" }), "username_taken");
    await expectRefusal(
      store.provision([
        { username: "ben", tokens: [] },
        { username: "sensor", tokens: [] },
      ]),
      "username_taken",
    );
    await expectRefusal(
      store.putMembers({ chatKey: "team", people: [{ username: "ben" }, { username: "sensor" }], chatName: undefined }),
      "username_taken",
    );
    expect(await store.findUserByKey("ben")).toBeUndefined();
    expect(await store.findChat({ key: "team" })).toBeUndefined();
    expect(await store.countUsers()).toBe(1);
  });

  test("no new user is named by a plain number, which means a user by id", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    for (const username of ["10001", "7", "00"]) {
      await expectRefusal(store.createUser({ nick: "N", username }), "reserved_key");
      await expectRefusal(
        store.provision([
          { username: "ann", tokens: [] },
          { username, tokens: [] },
        ]),
        "reserved_key",
      );
      const people = [{ username: "ann" }, { username }];
      await expectRefusal(store.putMembers({ chatKey: "team", people, chatName: undefined }), "reserved_key");
    }
    expect(await store.countUsers()).toBe(0);
    expect(await store.createUser({ nick: "N", username: "10001a" })).toMatchObject({ username: "10001a" });
  });

  test("keys of a password change with it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await store.createUser({ nick: "Ann", passwordHash: "one", scramKeys: keysOf(1) });
    const owner = `user:${ann.userId}`;
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(1)));
    await store.setPassword(ann.userId, "two", { scramKeys: keysOf(2) });
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(2)));
    await store.setPassword(ann.userId, "three");
    expect(await store.findScramKeys(owner)).toBeUndefined();
  });

  test("keys made later are those of the password that is in force, and never replace others", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [bob] = await people(store, "Bob");
    const owner = `user:${bob.userId}`;
    await store.setPassword(bob.userId, "one");
    await store.addScramKeys({ userId: bob.userId, passwordHash: "zero", scramKeys: keysOf(1) });
    expect(await store.findScramKeys(owner)).toBeUndefined();
    await store.addScramKeys({ userId: bob.userId, passwordHash: "one", scramKeys: keysOf(2) });
    await store.addScramKeys({ userId: bob.userId, passwordHash: "one", scramKeys: keysOf(3) });
    expect(plain(await store.findScramKeys(owner))).toEqual(plain(keysOf(2)));
  });

  test("a secret of the server's own stays what it was", async () => {
    await using opened = await openFresh();
    const secret = new Uint8Array(32).fill(7);
    expect(await opened.store.findSecret("x")).toBeUndefined();
    expect([...(await opened.store.keepSecret("x", secret))]).toEqual([...secret]);
    await alsoAfterReopening(opened, async (now) => {
      expect([...(await now.keepSecret("x", new Uint8Array(32)))]).toEqual([...secret]);
      expect([...(await now.keepSecret("y", new Uint8Array(32)))]).toEqual([...new Uint8Array(32)]);
      expect([...((await now.findSecret("x")) ?? [])]).toEqual([...secret]);
      expect(await now.findSecret("z")).toBeUndefined();
      expect(await now.findBackendKey()).toBeUndefined();
    });
  });
}
