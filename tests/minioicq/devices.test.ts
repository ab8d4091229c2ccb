/** Several devices of one user, and one that comes back before its old connection is known to be dead. */
import { expect, test } from "bun:test";
import type { Sink } from "../../src/delivery/hub.ts";
import type { UserId } from "../../src/domain/model.ts";
import { startTestServer } from "../support/server.ts";
import { type Action, MiniClient, messagesOf, newUser } from "./client.ts";
import { openDoor } from "./open-door.ts";

const spawnsIn = (frames: readonly Action[]) =>
  frames.flatMap((frame) => (frame.action === "chat.spawn" ? [frame["chat_id"]] : []));
const textsIn = (frames: readonly Action[]) =>
  frames.flatMap((frame) => (frame.action === "message.push" ? messagesOf(frame).map(({ content }) => content) : []));

async function login(http: string, userId: string, deviceId?: string): Promise<MiniClient> {
  const client = await MiniClient.connect(http);
  await client.login(userId, "secret", { device_id: deviceId });
  return client;
}

test("each device is told of each chat once, also one that first comes later", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const make = async (name: string) =>
    (await ann.client.ask({ action: "chat.create", members: [bob.id], name }))["chat_id"];
  const made = [await make("a"), await make("b")];
  using phone = await login(server.http, bob.id, "phone");
  expect(spawnsIn(await phone.fence())).toEqual(made);
  made.push(await make("c"));
  expect(spawnsIn(await phone.fence())).toEqual(made.slice(2));
  await phone.bye();
  made.push(await make("d"));
  using desk = await login(server.http, bob.id, "desk");
  expect(spawnsIn(await desk.fence())).toEqual(made);
  using phoneAgain = await login(server.http, bob.id, "phone");
  expect(spawnsIn(await phoneAgain.fence())).toEqual(made.slice(3));
  // Who names no device hears what nobody was told.
  using unnamed = await login(server.http, bob.id);
  expect(await unnamed.fence()).toEqual([]);
  for (const device of ["phone", "desk"]) {
    using again = await login(server.http, bob.id, device);
    expect(await again.fence()).toEqual([]);
  }
});

test("a new device hears of a chat before anything in it, and history is not pushed", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  ann.client.send(bob.id, "before");
  await ann.client.fence();
  await bob.client.fence();
  using desk = await login(server.http, bob.id, "desk");
  ann.client.send(bob.id, "after");
  await ann.client.fence();
  const heard = await desk.fence();
  expect(heard.map((frame) => frame.action)).toEqual(["chat.spawn", "message.push"]);
  expect(textsIn(heard)).toEqual(["after"]);
});

test("a device whose user left a chat and came back is told of it again", async () => {
  await using server = await startTestServer();
  const { chats } = server.domain;
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const people = [`user.${ann.id}`, `user.${bob.id}`].map((username) => ({ username }));
  const { view } = await chats.putMembers({ chatKey: "team", people, chatName: "team" });
  const chatId = String(view.chat.chatId);
  using phone = await login(server.http, bob.id, "phone");
  expect(spawnsIn(await phone.fence())).toEqual([chatId]);
  await phone.bye();
  await chats.removeMembers({ chatKey: "team", people: [`user.${bob.id}`] });
  using gone = await login(server.http, bob.id, "phone");
  expect(await gone.fence()).toEqual([]);
  await gone.bye();
  await chats.putMembers({ chatKey: "team", people, chatName: undefined });
  ann.client.send(chatId, "again");
  await ann.client.fence();
  using back = await login(server.http, bob.id, "phone");
  const heard = await back.fence();
  expect(heard.map((frame) => frame.action)).toEqual(["chat.spawn", "message.push"]);
});

test.each([
  ["a device", "phone"],
  ["no device", undefined],
])("a log-in of %s that read a chat before it was told of it tells its client once", async (_, deviceId) => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const { hub, domain } = server;
  const sinks: Sink[] = [];
  const attach = (sink: Sink): void => {
    sinks.push(sink);
    hub.attach(sink);
  };
  using door = openDoor({ domain, hub: { ...hub, attach } });
  const annId = Number(ann.id) as UserId;
  const members = [Number(bob.id)];
  // A read sees what is committed; the event of that commit may come when the log-in has read all.
  const entered = await domain.chats.create(annId, { members, name: "early" });
  using client = await login(door.http, bob.id, deviceId);
  const { chatId } = entered.chat;
  expect(spawnsIn(await client.fence())).toEqual([String(chatId)]);
  for (const sink of sinks) sink.deliver({ type: "chat.entered", entered, to: [annId, members[0] as UserId] });
  expect(spawnsIn(await client.fence())).toEqual([]);
  await domain.chats.create(annId, { members, name: "late" });
  expect(spawnsIn(await client.fence())).toHaveLength(1);
  await domain.chats.leave(members[0] as UserId, { id: chatId });
  await domain.chats.addPeople(annId, { chat: { id: chatId }, members });
  expect(spawnsIn(await client.fence())).toEqual([String(chatId)]);
});

test("a device whose user leaves a chat that the log-in read, and comes back, is told of it again", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const chat = (await ann.client.ask({ action: "chat.create", members: [bob.id] }))["chat_id"];
  using phone = await login(server.http, bob.id, "phone");
  expect(spawnsIn(await phone.fence())).toEqual([chat]);
  expect(await phone.ask({ action: "chat.leave", chat_id: chat })).toMatchObject({ action: "chat.leave.success" });
  await ann.client.ask({ action: "chat.add", chat_id: chat, members: [bob.id] });
  expect(spawnsIn(await phone.fence())).toEqual([chat]);
});

test("many chats and messages missed come to each of several devices at a time, in order, once", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  const names = ["phone", "desk", "tablet", undefined];
  for (const name of names) {
    using client = await login(server.http, bob.id, name);
    await client.bye();
  }
  const chats: unknown[] = [];
  for (let n = 0; n < 150; n += 1) {
    chats.push((await ann.client.ask({ action: "chat.create", members: [bob.id], name: `${n}` }))["chat_id"]);
  }
  const texts = Array.from({ length: 450 }, (_, n) => `m${n}`);
  for (const [n, content] of texts.entries()) ann.client.send(chats[(n * 7) % chats.length], content);
  await ann.client.fence();
  // The one without a name comes last: devices tell the user's own copies too.
  const heard = await Promise.all(
    names.slice(0, 3).map(async (name) => {
      using client = await login(server.http, bob.id, name);
      const frames: Action[] = [];
      while (textsIn(frames).length < texts.length) frames.push(await client.next());
      frames.push(...(await client.fence()));
      return frames;
    }),
  );
  for (const frames of heard) {
    expect(spawnsIn(frames)).toEqual(chats);
    expect(textsIn(frames)).toEqual(texts);
  }
});

test("a device that comes back takes its place from its old connection", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  using old = await login(server.http, bob.id, "phone");
  using other = await login(server.http, bob.id, "desk");
  using again = await login(server.http, bob.id, "phone");
  expect(await old.closed).toEqual({ code: 1000, reason: "Logged in again" });
  ann.client.send(bob.id, "hello");
  await ann.client.fence();
  expect(textsIn(await again.fence())).toEqual(["hello"]);
  expect(textsIn(await other.fence())).toEqual(["hello"]);
  // The same name again on the same connection changes nothing.
  expect(await again.login(bob.id, "secret", { device_id: "phone" })).toMatchObject({ action: "auth.login.success" });
  expect(await again.fence()).toEqual([]);
  // Nor is another user's device of that name one of the user's.
  using hers = await login(server.http, ann.id, "phone");
  await hers.fence();
  expect(await again.fence()).toEqual([]);
});
