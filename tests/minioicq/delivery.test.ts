/**
 * Catching up at login and live delivery (docs/protocols/minioicq.md § What comes unasked; O22, O26): each message
 * once, in order, and no other.
 */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, messagesOf, newUser, type PushedMessage } from "./client.ts";

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => `m${n}`);
const contents = (messages: readonly PushedMessage[]): string[] => messages.map((message) => message.content);

/** Takes pushes until the client holds `count` messages, skipping chats' announcements. */
async function collect(client: MiniClient, count: number, ms = 15_000): Promise<PushedMessage[]> {
  const messages: PushedMessage[] = [];
  while (messages.length < count) {
    const frame = await client.next(ms);
    if (frame.action === "message.push") messages.push(...messagesOf(frame));
    else if (frame.action !== "chat.spawn") throw new Error(`unexpected ${frame.action}`);
  }
  return messages;
}

describe.each([...encodings])("in %s", (encoding) => {
  test("what was missed comes after the login's answer, in order, once", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    await bob.client.bye();
    for (const content of numbers(1000)) ann.client.send(bob.id, content);
    await collect(ann.client, 1000);
    using again = await MiniClient.connect(server.http, encoding);
    expect(await again.login(bob.id)).toMatchObject({ action: "auth.login.success" });
    expect(await again.next()).toMatchObject({ action: "chat.spawn" });
    const missed: PushedMessage[] = [];
    while (missed.length < 1000) {
      const frame = await again.next();
      expect(frame.action).toBe("message.push");
      expect(messagesOf(frame).length).toBeLessThanOrEqual(256);
      missed.push(...messagesOf(frame));
    }
    expect(contents(missed)).toEqual(numbers(1000));
    ann.client.send(bob.id, "live");
    await ann.client.fence();
    expect(contents(await again.pushes(1))).toEqual(["live"]);
    await again.bye();
    using third = await MiniClient.connect(server.http, encoding);
    await third.login(bob.id);
    ann.client.send(bob.id, "the only one");
    expect(contents(await third.pushes(1))).toEqual(["the only one"]);
    expect(await third.fence()).toEqual([]);
  }, 30_000);
});

test("messages of several chats missed together come in the order they were sent", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  const chats: unknown[] = [bob.id];
  for (let n = 0; n < 4; n += 1) {
    chats.push((await ann.client.ask({ action: "chat.create", members: [bob.id] }))["chat_id"]);
  }
  await bob.client.fence();
  await bob.client.bye();
  for (const [n, content] of numbers(600).entries()) ann.client.send(chats[(n * 7) % chats.length], content);
  await collect(ann.client, 600);
  using again = await MiniClient.connect(server.http);
  await again.login(bob.id);
  expect(contents(await collect(again, 600))).toEqual(numbers(600));
}, 30_000);

test("while several people keep sending, somebody coming back gets each message once, in order", async () => {
  await using server = await startTestServer();
  const bob = await newUser(server.http, "Bob");
  const senders = await Promise.all(["Ann", "Eve", "Joe"].map((name) => newUser(server.http, name)));
  const group = await bob.client.ask({ action: "chat.create", members: senders.map(({ id }) => id) });
  const chat = group["chat_id"];
  await bob.client.bye();
  const each = 800;
  const sending = senders.map(async ({ client }) => {
    await client.fence();
    for (let n = 0; n < each; n += 1) {
      client.send(chat, `${n}`);
      // Paced by the acknowledgements of all, so that sending goes on while Bob comes and goes.
      if (n % 20 === 19) await client.fence();
    }
  });
  const all = senders.length * each;
  const got: PushedMessage[] = [];
  // Comes, takes some, and goes, again and again. What a visit had not surely received may come again, nothing else.
  for (let visit = 0; visit < 5; visit += 1) {
    using client = await MiniClient.connect(server.http, visit % 2 === 0 ? "json" : "msgpack");
    await client.login(bob.id);
    const seen = await collect(client, visit === 4 ? all - got.length : 200);
    seen.push(...(await client.fence()).flatMap((frame) => (frame.action === "message.push" ? messagesOf(frame) : [])));
    got.push(...seen);
    if (visit < 4) {
      // The last words before the close: all of it was received.
      client.say({ action: "auth.logout" });
      await client.closed;
      got.push(...client.received.flatMap((frame) => (frame.action === "message.push" ? messagesOf(frame) : [])));
    }
  }
  await Promise.all(sending);
  expect(got.map((message) => message.seq)).toEqual(Array.from({ length: all }, (_, n) => n + 1));
  for (const { id } of senders) {
    const theirs = got.filter((message) => message.sender === id).map((message) => message.content);
    expect(theirs).toEqual(Array.from({ length: each }, (_, n) => `${n}`));
  }
}, 60_000);

test("all devices of a user get a message, the sender's others too, each once", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  using annToo = await MiniClient.connect(server.http, "json");
  using bobToo = await MiniClient.connect(server.http, "json");
  await annToo.login(ann.id);
  await bobToo.login(bob.id);
  ann.client.send(bob.id, "hello", { client_id: "c1" });
  await ann.client.fence();
  const seen = await Promise.all(
    [annToo, bob.client, bobToo].map(async (client) =>
      (await client.fence()).map((frame) =>
        frame.action === "message.push" ? messagesOf(frame).map((m) => [m.content, m.client_id]) : frame.action,
      ),
    ),
  );
  expect(seen).toEqual([
    ["chat.spawn", [["hello", "c1"]]],
    ["chat.spawn", [["hello", undefined]]],
    ["chat.spawn", [["hello", undefined]]],
  ]);
});

test("a device that names itself has a place of its own", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  using phone = await MiniClient.connect(server.http);
  await phone.login(bob.id, "secret", { device_id: "phone" });
  using desk = await MiniClient.connect(server.http);
  await desk.login(bob.id, "secret", { device_id: "desk" });
  await desk.fence();
  await desk.bye();
  ann.client.send(bob.id, "one");
  ann.client.send(bob.id, "two");
  await ann.client.fence();
  expect(contents(await collect(phone, 2))).toEqual(["one", "two"]);
  await phone.bye();
  for (const [device, expected] of [
    ["desk", ["one", "two"]],
    ["desk", []],
    ["phone", []],
  ] as const) {
    using again = await MiniClient.connect(server.http);
    await again.login(bob.id, "secret", { device_id: device });
    ann.client.send(bob.id, `after ${device} ${expected.length}`);
    await ann.client.fence();
    const got = contents(await collect(again, expected.length + (device === "phone" ? 3 : 1)));
    if (device === "desk") expect(got).toEqual([...expected, `after desk ${expected.length}`]);
    else expect(got).toEqual(["after desk 2", "after desk 0", "after phone 0"]);
    expect(await again.fence()).toEqual([]);
    await again.bye();
  }
}, 30_000);

test("sends made while catching up are acknowledged once, and what was missed still comes once", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  const chat = (await ann.client.ask({ action: "chat.create", members: [bob.id] }))["chat_id"];
  await bob.client.fence();
  await bob.client.bye();
  for (const content of numbers(1500)) ann.client.send(chat, content);
  await collect(ann.client, 1500);
  using again = await MiniClient.connect(server.http);
  again.say({ action: "auth.login", user_id: bob.id, password: "secret" });
  for (let n = 0; n < 300; n += 1) again.send(chat, `own${n}`, { client_id: `own${n}` });
  expect(await again.next()).toMatchObject({ action: "auth.login.success" });
  const got = await collect(again, 1800);
  expect(await again.fence()).toEqual([]);
  expect(contents(got.filter((message) => message.sender === ann.id))).toEqual(numbers(1500));
  const own = got.filter((message) => message.sender === bob.id).map((message) => message.client_id);
  expect(own).toEqual(Array.from({ length: 300 }, (_, n) => `own${n}`));
}, 30_000);

test("what was missed survives a restart, and what was received does not come again", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  ann.client.send(bob.id, "received");
  await collect(bob.client, 1);
  await bob.client.bye();
  ann.client.send(bob.id, "missed");
  await collect(ann.client, 2);
  await using restarted = await server.restart();
  using again = await MiniClient.connect(restarted.http);
  await again.login(bob.id);
  expect(contents(await collect(again, 1))).toEqual(["missed"]);
  expect(await again.fence()).toEqual([]);
});

test("a message not acknowledged before a break is acknowledged after it, not doubled", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  ann.client.send(bob.id, "one", { client_id: "c1" });
  ann.client[Symbol.dispose]();
  using again = await MiniClient.connect(server.http);
  await again.login(ann.id);
  again.send(bob.id, "one", { client_id: "c1" });
  const [first] = await collect(again, 1);
  expect(first?.client_id).toBe("c1");
  again.send(bob.id, "two", { client_id: "c2" });
  await again.fence();
  expect(contents(await collect(bob.client, 2))).toEqual(["one", "two"]);
});
