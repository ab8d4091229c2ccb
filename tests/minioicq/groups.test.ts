/** docs/protocols/minioicq.md § chat.list: who may change a group, who is told, and that every door follows at once. */
import { describe, expect, test } from "bun:test";
import mqtt from "mqtt";
import { call, inboxOf, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, newUser } from "./client.ts";
import { groupOf, participant, person } from "./stage.ts";

describe.each([...encodings])("in %s", (encoding) => {
  test("a member who leaves hears no more, the others are told, and what they owned is the longest member's", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, bob, eve);
    expect(await ann.client.ask({ action: "chat.leave", chat_id: chat })).toEqual({
      action: "chat.leave.success",
      chat_id: chat,
    });
    const left = { action: "chat.left", chat_id: chat, members: [ann.id], owner_id: bob.id, deleted: false };
    for (const { client } of [ann, bob, eve]) expect(await client.fence()).toEqual([left]);
    bob.client.send(chat, "without Ann");
    expect((await eve.client.pushes(1))[0]?.content).toBe("without Ann");
    expect(await ann.client.fence()).toEqual([]);
    for (const action of ["chat.leave", "chat.get"]) {
      const again = await ann.client.ask({ action, chat_id: chat });
      expect(again).toEqual({ action: `${action}.fail`, reason: "Chat not found" });
    }
    await bob.client.fence();
    expect(await bob.client.ask({ action: "chat.rename", chat_id: chat, name: "Bob's" })).toEqual({
      action: "chat.rename.success",
      chat_id: chat,
    });
  });

  test("the last one's leaving ends the chat", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const chat = await groupOf(ann);
    await ann.client.ask({ action: "chat.leave", chat_id: chat });
    expect(await ann.client.fence()).toEqual([
      { action: "chat.left", chat_id: chat, members: [ann.id], owner_id: ann.id, deleted: true },
    ]);
    expect(await server.domain.store.findChat({ id: Number(chat) })).toBeUndefined();
  });

  test("any member adds others, who are spawned the chat, once", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, bob);
    const add = { action: "chat.add", chat_id: chat, members: [eve.id, ann.id, eve.id] };
    expect(await bob.client.ask(add)).toEqual({ action: "chat.add.success", chat_id: chat });
    const joined = { action: "chat.joined", chat_id: chat, members: [{ user_id: eve.id, user_name: "Eve" }] };
    expect([await ann.client.fence(), await bob.client.fence()]).toEqual([[joined], [joined]]);
    const [spawn, ...more] = await eve.client.fence();
    expect(more).toEqual([]);
    expect(spawn).toMatchObject({
      action: "chat.spawn",
      chat_id: chat,
      members: [{ user_id: ann.id }, { user_id: bob.id }, { user_id: eve.id }],
    });
    expect(await bob.client.ask(add)).toEqual({ action: "chat.add.success", chat_id: chat });
    for (const { client } of [ann, bob, eve]) expect(await client.fence()).toEqual([]);
    eve.client.send(chat, "here");
    expect((await ann.client.pushes(1))[0]?.sender).toBe(eve.id);
  });

  test("only the owner removes, and who is removed is told and hears no more", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, bob, eve);
    expect(await bob.client.ask({ action: "chat.remove", chat_id: chat, members: [eve.id] })).toEqual({
      action: "chat.remove.fail",
      reason: "Not authorized",
    });
    expect(await ann.client.ask({ action: "chat.remove", chat_id: chat, members: [bob.id] })).toEqual({
      action: "chat.remove.success",
      chat_id: chat,
    });
    const left = { action: "chat.left", chat_id: chat, members: [bob.id], owner_id: ann.id, deleted: false };
    for (const { client } of [ann, bob, eve]) expect(await client.fence()).toEqual([left]);
    ann.client.send(chat, "without Bob");
    expect((await eve.client.pushes(1))[0]?.content).toBe("without Bob");
    expect(await bob.client.fence()).toEqual([]);
    bob.client.send(chat, "still here?");
    expect(await bob.client.next()).toEqual({ action: "message.send.fail", reason: "Chat not found" });
  });

  test("a new name is told to every member, and only the owner gives one", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const chat = await groupOf(ann, bob);
    const rename = { action: "chat.rename", chat_id: chat, name: " Päris ⚽ " };
    expect(await bob.client.ask(rename)).toEqual({ action: "chat.rename.fail", reason: "Not authorized" });
    expect(await ann.client.ask(rename)).toEqual({ action: "chat.rename.success", chat_id: chat });
    const renamed = { action: "chat.renamed", chat_id: chat, name: "Päris ⚽", chat_name: "Päris ⚽" };
    for (const { client } of [ann, bob]) expect(await client.fence()).toEqual([renamed]);
    expect(await ann.client.ask(rename)).toEqual({ action: "chat.rename.success", chat_id: chat });
    expect(await bob.client.fence()).toEqual([]);
    expect(await bob.client.ask({ action: "chat.get", chat_id: chat })).toMatchObject({ name: "Päris ⚽" });
  });

  test("my chats are listed by pages, and each is shown with its members", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const group = await groupOf(ann, bob);
    bob.client.send(ann.id, "hello");
    await bob.client.fence();
    const spawn = (await ann.client.fence()).find((frame) => frame.action === "chat.spawn");
    const list = await ann.client.ask({ action: "chat.list" });
    expect(list).toMatchObject({
      action: "chat.list.success",
      chats: [
        { chat_id: group, name: "Team", kind: "group", owner_id: ann.id, last_seq: 0 },
        { chat_id: spawn?.["chat_id"], name: "Bob", chat_name: "Bob", kind: "direct", last_seq: 1 },
      ],
    });
    expect("next" in list).toBe(false);
    expect(await ann.client.ask({ action: "chat.list", after: group })).toMatchObject({ chats: [{ name: "Bob" }] });
    expect(await bob.client.ask({ action: "chat.list", after: spawn?.["chat_id"] })).toMatchObject({ chats: [] });
    const { action, ...shown } = spawn ?? { action: "" };
    expect(await ann.client.ask({ action: "chat.get", chat_id: bob.id })).toEqual({
      action: "chat.get.success",
      ...shown,
    });
    for (let made = 0; made < 200; made += 1) {
      await server.domain.chats.create(Number(ann.id) as never, { members: [], name: `n${made}` });
    }
    const first = await ann.client.fence().then(() => ann.client.ask({ action: "chat.list" }));
    expect((first["chats"] as unknown[]).length).toBe(200);
    const rest = await ann.client.ask({ action: "chat.list", after: first["next"] });
    expect([(rest["chats"] as unknown[]).length, rest["next"]]).toEqual([2, undefined]);
  });

  const refusals: [string, (of: Record<"group" | "direct" | "eve", string>) => Record<string, unknown>, string][] = [
    [
      "leaving a direct chat",
      ({ direct }) => ({ action: "chat.leave", chat_id: direct }),
      "Direct chats cannot be changed",
    ],
    ["leaving a person", ({ eve }) => ({ action: "chat.leave", chat_id: eve }), "Direct chats cannot be changed"],
    [
      "adding to a direct chat",
      ({ direct, eve }) => ({ action: "chat.add", chat_id: direct, members: [eve] }),
      "Direct chats cannot be changed",
    ],
    [
      "naming a direct chat",
      ({ direct }) => ({ action: "chat.rename", chat_id: direct, name: "x" }),
      "Direct chats cannot be changed",
    ],
    ["no chat", () => ({ action: "chat.leave" }), "Chat not found"],
    ["a chat nobody has", () => ({ action: "chat.leave", chat_id: "99999" }), "Chat not found"],
    ["a chat that is no number", () => ({ action: "chat.get", chat_id: "team" }), "Chat not found"],
    ["adding nobody", ({ group }) => ({ action: "chat.add", chat_id: group, members: [] }), "Invalid members"],
    [
      "adding without a list",
      ({ group }) => ({ action: "chat.add", chat_id: group, members: "10001" }),
      "Invalid members",
    ],
    [
      "adding somebody unknown",
      ({ group }) => ({ action: "chat.add", chat_id: group, members: ["99999"] }),
      "User not found",
    ],
    ["adding a word", ({ group }) => ({ action: "chat.add", chat_id: group, members: ["ann"] }), "User not found"],
    [
      "adding too many",
      ({ group }) => ({ action: "chat.add", chat_id: group, members: Array.from({ length: 10_001 }, (_, n) => n) }),
      "Too many members",
    ],
    [
      "removing a stranger",
      ({ group, eve }) => ({ action: "chat.remove", chat_id: group, members: [eve] }),
      "User not found",
    ],
    [
      "removing oneself",
      ({ group }) => ({ action: "chat.remove", chat_id: group, members: ["10001"] }),
      "Not authorized",
    ],
    ["no name", ({ group }) => ({ action: "chat.rename", chat_id: group }), "Invalid chat name"],
    ["a blank name", ({ group }) => ({ action: "chat.rename", chat_id: group, name: "  " }), "Invalid chat name"],
    [
      "a name beyond all bounds",
      ({ group }) => ({ action: "chat.rename", chat_id: group, name: "x".repeat(257) }),
      "Invalid chat name",
    ],
    ["a page after a word", () => ({ action: "chat.list", after: "x" }), "Invalid after"],
  ];
  test("what may not be is refused in words, and nothing changes", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    expect(ann.id).toBe("10001");
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const group = await groupOf(ann, bob);
    ann.client.send(eve.id, "hello");
    const direct = String((await eve.client.next())["chat_id"]);
    for (const { client } of [ann, eve]) await client.fence();
    const before = await bob.client.ask({ action: "chat.get", chat_id: group });
    for (const [what, request, reason] of refusals) {
      const asked = request({ group, direct, eve: eve.id });
      const answer = await ann.client.ask(asked);
      expect<unknown>({ what, ...answer }).toEqual({ what, action: `${asked["action"]}.fail`, reason });
    }
    expect(await bob.client.ask({ action: "chat.get", chat_id: group })).toEqual(before);
    const stranger = await eve.client.ask({ action: "chat.add", chat_id: group, members: [eve.id] });
    expect(stranger).toEqual({ action: "chat.add.fail", reason: "Chat not found" });
  });

  test("a client that knows only the document hears nothing of all that", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const plain = await newUser(server.http, "Plain", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, { id: plain.id, client: plain.client });
    const does = async (change: Record<string, unknown>) => {
      expect(await ann.client.ask({ chat_id: chat, ...change })).toMatchObject({
        action: `${change["action"]}.success`,
      });
      await ann.client.fence();
    };
    await does({ action: "chat.add", members: [eve.id] });
    await does({ action: "chat.rename", name: "New" });
    await does({ action: "chat.remove", members: [plain.id] });
    expect(await plain.client.fence()).toEqual([]);
    // From the first use of an action beyond the document on, it does.
    await plain.client.ask({ action: "chat.list" });
    await does({ action: "chat.add", members: [plain.id] });
    expect(await plain.client.fence()).toMatchObject([{ action: "chat.spawn" }]);
    await does({ action: "chat.rename", name: "Newer" });
    expect(await plain.client.fence()).toMatchObject([{ action: "chat.renamed", name: "Newer" }]);
  });

  test("nobody changes a chat before logging in", async () => {
    await using server = await startTestServer();
    const { client } = await newUser(server.http, "Ann", encoding);
    using stranger = await MiniClient.connect(server.http, encoding);
    for (const action of ["chat.list", "chat.get", "chat.leave"]) {
      const answer = await stranger.ask({ action, chat_id: "10002" });
      expect(answer).toEqual({ action: `${action}.fail`, reason: "Not logged in" });
    }
    client[Symbol.dispose]();
  });
});

test("REST and MQTT follow at the moment of delivery", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  const eve = await participant(server, "eve");
  await room(server, "team", "ann", "bob");
  const [spawn] = await ann.client.fence();
  const chat = String(spawn?.["chat_id"]);
  const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, { username: "bob", password: bob.token });
  const heard: string[] = [];
  phone.on("message", (_, payload) => heard.push(JSON.parse(String(payload)).content));
  await phone.subscribeAsync("chat/+/messages", { qos: 1 });
  ann.client.send(chat, "with Bob");
  await until("a message", () => heard.length === 1);
  await ann.client.fence();
  await ann.client.ask({ action: "chat.add", chat_id: chat, members: [eve.id] });
  await ann.client.fence();
  expect((await inboxOf(server, eve.token)).events).toMatchObject([{ type: "chat_enter", chatID: "team" }]);
  await ann.client.ask({ action: "chat.remove", chat_id: chat, members: [bob.id] });
  await ann.client.fence();
  expect((await inboxOf(server, bob.token)).events.map(({ type }) => type)).toEqual([
    "chat_enter",
    "chat_enter",
    "chat_leave",
  ]);
  ann.client.send(chat, "without Bob");
  await ann.client.fence();
  await phone.publishAsync("chat/user.10001/send", "fence", { qos: 1 });
  await until("the fence", () => heard.includes("fence"));
  expect(heard).toEqual(["with Bob", "fence"]);
  expect((await call(server, "GET /chats/team/messages", { as: bob.token })).status).toBe(404);
  expect((await call(server, "GET /chats/team/messages", { as: eve.token })).status).toBe(200);
  await phone.endAsync(true);
});
