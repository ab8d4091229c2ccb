/** MiniOICQ § Create Chat, Sync Users, Get User Info, with O3, O4, O10, O15, O16, O18. */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, messagesOf, newUser } from "./client.ts";

describe.each([...encodings])("in %s", (encoding) => {
  test("O15 a new chat is announced to every member once, the creator too", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const eve = await newUser(server.http, "Eve", encoding);
    const spawn = await ann.client.ask({ action: "chat.create", members: [bob.id, ann.id, bob.id] });
    expect(spawn).toEqual({
      action: "chat.spawn",
      chat_id: expect.stringMatching(/^\d+$/),
      name: "Ann, Bob",
      chat_name: "Ann, Bob",
      avatar: expect.any(String),
      owner_id: ann.id,
      created: expect.stringMatching(/^\d{4}-.*Z$/),
      members: [
        { user_id: ann.id, user_name: "Ann", avatar: expect.any(String) },
        { user_id: bob.id, user_name: "Bob", avatar: expect.any(String) },
      ],
    });
    expect([await ann.client.fence(), await bob.client.fence(), await eve.client.fence()]).toEqual([[], [spawn], []]);
  });

  test("O16 a chat bears the name it is given, by either key", async () => {
    await using server = await startTestServer();
    const { client } = await newUser(server.http, "Ann", encoding);
    for (const key of ["name", "chat_name"]) {
      expect(await client.ask({ action: "chat.create", members: [], [key]: "Team ⚽" })).toMatchObject({
        action: "chat.spawn",
        name: "Team ⚽",
        chat_name: "Team ⚽",
      });
    }
  });

  const refusals: [string, unknown, string][] = [
    ["an unknown member", { members: ["99999"] }, "User not found"],
    ["a member that is a chat", { members: ["chat"] }, "User not found"],
    ["no list of members", {}, "Invalid members"],
    ["members that are no list", { members: "10001" }, "Invalid members"],
    ["a member that is a list", { members: [["10001"]] }, "Invalid members"],
    ["a name that is a number", { members: [], name: 5 }, "Invalid chat name"],
    ["a name beyond all bounds", { members: [], name: "x".repeat(257) }, "Invalid chat name"],
    ["too many members", { members: Array.from({ length: 10_001 }, (_, n) => n) }, "Too many members"],
  ];
  test("O15 creating is refused in words", async () => {
    await using server = await startTestServer();
    const { client } = await newUser(server.http, "Ann", encoding);
    for (const [what, fields, reason] of refusals) {
      const answer = await client.ask({ action: "chat.create", ...(fields as object) });
      expect<unknown>({ what, ...answer }).toEqual({ what, action: "chat.create.fail", reason });
    }
  });

  test("everybody is listed, myself too", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    expect(await bob.client.ask({ action: "user.sync" })).toEqual({
      action: "user.sync",
      users: [
        { user_id: ann.id, user_name: "Ann", avatar: expect.any(String) },
        { user_id: bob.id, user_name: "Bob", avatar: expect.any(String) },
      ],
      ...(encoding === "json" ? { chats: [], messages: [] } : {}),
    });
  });

  test("O3 O18 one user is described under both names of the key", async () => {
    await using server = await startTestServer();
    const { client, id } = await newUser(server.http, "Ann", encoding);
    expect(await client.ask({ action: "user.get", user_id: id })).toEqual({
      action: "user.push",
      user_id: id,
      nick: "Ann",
      user_name: "Ann",
      avatar: expect.any(String),
    });
    for (const user_id of ["99999", "ann", undefined, []]) {
      expect(await client.ask({ action: "user.get", user_id })).toEqual({
        action: "user.get.fail",
        reason: "User not found",
      });
    }
  });
});

test("a chat made while a member was away is announced when they return, once", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const spawn = await ann.client.ask({ action: "chat.create", members: [bob.id] });
  for (const expected of [[spawn], []]) {
    using again = await MiniClient.connect(server.http);
    expect(await again.login(bob.id)).toMatchObject({ action: "auth.login.success" });
    expect(await again.fence()).toEqual(expected);
    await again.bye();
  }
});

test("many chats made while a member was away come in the order they were made", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  for (let n = 0; n < 300; n += 1) ann.client.say({ action: "chat.create", members: [bob.id], name: `chat ${n}` });
  const made = (await ann.client.fence(20_000)).map((spawn) => spawn["chat_id"]);
  expect(made).toHaveLength(300);
  using again = await MiniClient.connect(server.http);
  await again.login(bob.id);
  expect((await again.fence(20_000)).map((spawn) => spawn["chat_id"])).toEqual(made);
});

test("O10 a user's id in place of a chat's makes the direct chat, announced to both before its first message", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  ann.client.send(bob.id, "one");
  ann.client.send(bob.id, "two");
  bob.client.send(ann.id, "three");
  await bob.client.fence();
  const [mine, theirs] = [await ann.client.fence(), []];
  const spawn = mine.find((frame) => frame.action === "chat.spawn");
  expect(spawn).toMatchObject({ name: "Bob" });
  const pushed = mine.filter((frame) => frame.action === "message.push").flatMap(messagesOf);
  expect(new Set(pushed.map((message) => message.chat_id))).toEqual(new Set([spawn?.["chat_id"] as string]));
  expect(mine.indexOf(spawn as never)).toBe(0);
  expect(pushed.map((message) => message.content).sort()).toEqual(["one", "three", "two"]);
  expect(theirs).toEqual([]);
  // Its own id works as well from now on, and no second chat is made.
  ann.client.send(spawn?.["chat_id"], "four");
  expect((await ann.client.fence()).map((frame) => frame.action)).toEqual(["message.push"]);
  expect((await bob.client.fence()).map((frame) => frame.action)).toEqual(["message.push"]);
});

test("O10 a direct chat bears the other's name on either side; a group for two is another chat", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  ann.client.send(bob.id, "hello");
  const [annSpawn] = await ann.client.fence();
  const [bobSpawn, bobPush] = await bob.client.fence();
  expect([annSpawn?.["name"], bobSpawn?.["name"]]).toEqual(["Bob", "Ann"]);
  expect(annSpawn?.["avatar"]).not.toBe(bobSpawn?.["avatar"]);
  expect(annSpawn?.["chat_id"]).toBe(bobSpawn?.["chat_id"] as string);
  expect(bobPush).toMatchObject({ action: "message.push", messages: [{ chat_id: bobSpawn?.["chat_id"], seq: 1 }] });
  const group = await ann.client.ask({ action: "chat.create", members: [bob.id] });
  expect(group["chat_id"]).not.toBe(annSpawn?.["chat_id"] as string);
});

test("O10 talking to myself works", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  client.send(id, "note");
  const [spawn, push] = await client.fence();
  expect(spawn).toMatchObject({ action: "chat.spawn", name: "Ann", members: [{ user_id: id }] });
  expect(push).toMatchObject({ action: "message.push", messages: [{ content: "note", sender: id }] });
});

test("leaving through another door is not spoken of, and does not pile up", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await server.domain.chats.putMembers({
    chatKey: "team",
    people: [{ username: `user.${ann.id}` }, { username: `user.${bob.id}` }],
    chatName: "Team",
  });
  const [spawn] = await bob.client.fence();
  expect(spawn).toMatchObject({ action: "chat.spawn", name: "Team" });
  await server.domain.chats.removeMembers({ chatKey: "team", people: [`user.${bob.id}`] });
  bob.client.send(spawn?.["chat_id"], "still here?");
  expect(await bob.client.fence()).toEqual([{ action: "message.send.fail", reason: "Chat not found" }]);
  await bob.client.bye();
  using again = await MiniClient.connect(server.http);
  await again.login(bob.id);
  expect(await again.fence()).toEqual([]);
});
