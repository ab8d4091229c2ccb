/** docs/protocols/minioicq.md § message.delete: what was said is gone at every door, and its place stays. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import mqtt from "mqtt";
import { call, inboxOf, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { openStopped } from "../support/open-stopped.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, messagesOf, newUser } from "./client.ts";
import { groupOf, type Person, participant, person } from "./stage.ts";

/** Says it; gives its id. */
async function say({ client }: Person, chat: string, content: string, extra: Record<string, unknown> = {}) {
  client.send(chat, content, extra);
  const [message] = await client.pushes(1);
  return String(message?.message_id);
}

describe.each([...encodings])("in %s", (encoding) => {
  test("the sender takes back what he said; those online are told, those away never see it", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const plain = await newUser(server.http, "Plain", encoding);
    const chat = await groupOf(ann, bob, eve, plain);
    await eve.client.bye();
    const first = await say(ann, chat, "first");
    const second = await say(ann, chat, "second");
    await say(ann, chat, "third");
    for (const { client } of [bob, plain]) await client.pushes(3);
    expect(await ann.client.ask({ action: "message.delete", message_id: second })).toEqual({
      action: "message.delete.success",
      chat_id: chat,
      message_id: second,
    });
    const deleted = { action: "message.deleted", chat_id: chat, message_id: second, seq: 2, revision: 1 };
    for (const { client } of [ann, bob]) expect(await client.fence()).toEqual([deleted]);
    expect(await plain.client.fence()).toEqual([]);

    using back = await MiniClient.connect(server.http, encoding);
    await back.login(eve.id);
    const missed = (await back.fence()).flatMap(messagesOf);
    expect(missed.map(({ content, seq }) => [content, seq])).toEqual([
      ["first", 1],
      ["third", 3],
    ]);
    const history = await bob.client.ask({ action: "message.get", chat_id: chat });
    expect(messagesOf(history).map(({ content }) => content)).toEqual(["first", "third"]);
    expect(first).not.toBe(second);
    expect(await server.domain.store.findMessage(Number(second) as never)).toMatchObject({
      kind: "deleted",
      content: "",
      seq: 2,
    });
  });

  test("a group's owner deletes what others said; nobody else does, and of a direct chat only the sender", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const chat = await groupOf(ann, bob);
    const said = await say(bob, chat, "hello");
    const delete_ = (message_id: unknown) => ({ action: "message.delete", message_id });
    const refused = (reason: string) => ({ action: "message.delete.fail", reason });
    expect(await eve.client.ask(delete_(said))).toEqual(refused("Message not found"));
    await ann.client.fence();
    const own = await say(ann, chat, "mine");
    await bob.client.fence();
    expect(await bob.client.ask(delete_(own))).toEqual(refused("Not authorized"));
    expect(await ann.client.ask(delete_(said))).toMatchObject({ action: "message.delete.success" });
    expect(await bob.client.fence()).toMatchObject([{ action: "message.deleted", message_id: said }]);
    await ann.client.fence();
    // The direct chat is Ann's making, and she is no owner of what Bob says there.
    ann.client.send(bob.id, "hello, Bob");
    const direct = String((await ann.client.next())["chat_id"]);
    for (const { client } of [ann, bob]) await client.fence();
    const hers = await say(bob, direct, "hello, Ann");
    await ann.client.fence();
    expect(await ann.client.ask(delete_(hers))).toEqual(refused("Not authorized"));
    for (const id of [said, "99999", "word", undefined, []]) {
      const answer = await bob.client.ask(delete_(id));
      expect([id, answer]).toEqual([id, refused("Message not found")]);
    }
    await bob.client.ask({ action: "chat.leave", chat_id: chat });
    await bob.client.fence();
    expect(await bob.client.ask(delete_(own))).toEqual(refused("Message not found"));
  });

  test("a late repeat of a deleted message does not bring it back", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const chat = await groupOf(ann);
    const id = await say(ann, chat, "once", { client_id: "c1" });
    await ann.client.ask({ action: "message.delete", message_id: id });
    await ann.client.fence();
    ann.client.send(chat, "once", { client_id: "c1" });
    const [repeated] = await ann.client.pushes(1);
    expect([String(repeated?.message_id), repeated?.type, repeated?.content]).toEqual([id, "deleted", ""]);
    const history = await ann.client.ask({ action: "message.get", chat_id: chat });
    expect(messagesOf(history)).toEqual([]);
  });
});

test("REST forgets it, what it kept encoded too, and a phone that comes back never hears it", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  await room(server, "team", "ann", "bob");
  const chat = String((await ann.client.fence())[0]?.["chat_id"]);
  await bob.client.bye(); // What Bob gets here would be delivered.
  const options = { clientId: "phone", clean: false, username: "bob", password: bob.token };
  const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, options);
  await phone.subscribeAsync("chat/+/messages", { qos: 1 });
  await phone.endAsync();
  await say(ann, chat, "stays");
  const id = await say(ann, chat, "goes");
  const history = () => call(server, "GET /chats/team/messages", { as: bob.token });
  const before = JSON.parse((await history()).text);
  expect(before.messages.map(({ content }: { content: string }) => content)).toEqual(["stays", "goes"]);
  await history(); // Once more, so that the page is kept as it was sent.
  await ann.client.ask({ action: "message.delete", message_id: id });
  await ann.client.fence();
  const after = JSON.parse((await history()).text);
  expect(after.messages).toMatchObject([
    { content: "stays", seq: 1, type: "text" },
    { content: "", seq: 2, type: "deleted", message_id: id },
  ]);
  const inbox = await inboxOf(server, bob.token);
  expect(inbox.messages.map(({ content }) => content)).toEqual(["stays"]);

  const heard: string[] = [];
  const again = mqtt.connect(`mqtt://${server.mqtt}`, options);
  again.on("message", (_, payload) => heard.push(JSON.parse(String(payload)).content));
  await until("the first", () => heard.length > 0);
  await say(ann, chat, "fence");
  await until("the fence", () => heard.includes("fence"));
  expect(heard).toEqual(["stays", "fence"]);
  await again.endAsync(true);
});

test("a number that may stand for two messages, as numbers are shown modulo 2^31, deletes none of them", async () => {
  await using before = await startTestServer();
  const maker = await person(before.http, "Ann", "json");
  const chat = await groupOf(maker);
  const first = await say(maker, chat, "the first");
  const second = await say(maker, chat, "the second");
  await before.stop();
  using database = openStopped(join(before.dataDir, "roost.db"));
  const past = 2 ** 31 + Number(first) - 1;
  database.run("UPDATE messages SET message_id = ? WHERE message_id = ?", [past, Number(second)]);
  database.run("UPDATE chats SET last_message_id = ?", [past]);
  database.run("UPDATE sequence SET next = ? WHERE name = 'message'", [past + 1]);
  await using server = await before.restart();
  using ann = await MiniClient.connect(server.http, "json");
  expect(await ann.ask({ action: "auth.login", user_id: Number(maker.id), password: "secret" })).toMatchObject({
    action: "auth.login.success",
  });
  ann.send(Number(chat) as never, "the third");
  const [third] = await ann.pushes(1);
  expect([third?.content, third?.message_id]).toEqual(["the third", Number(first)]);
  for (const shown of [Number(first), first]) {
    expect(await ann.ask({ action: "message.delete", message_id: shown })).toMatchObject({
      action: "message.delete.fail",
      reason: "Message not found",
    });
    expect(await ann.ask({ action: "message.get", user_id: Number(maker.id), after: shown })).toMatchObject({
      action: "message.get.fail",
      reason: "Invalid range",
    });
  }
  // The whole id is another number, and so is that of a client who reads ids as text.
  expect(await ann.ask({ action: "message.delete", message_id: past + 1 })).toMatchObject({
    message_id: Number(first),
  });
  using other = await MiniClient.connect(server.http, "json");
  await other.login(maker.id);
  const kept = messagesOf(await other.ask({ action: "message.get", chat_id: chat }));
  expect(kept.map(({ content }) => content)).toEqual(["the first", "the second"]);
  expect(await other.ask({ action: "message.delete", message_id: first })).toMatchObject({ message_id: first });
});
