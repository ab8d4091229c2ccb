/**
 * docs/protocols/minioicq.md § contact.block: a blocked user says nothing to the user who blocked them, by any door.
 */
import { describe, expect, test } from "bun:test";
import mqtt from "mqtt";
import { call } from "../rest/client.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient } from "./client.ts";
import { groupOf, participant, person } from "./stage.ts";

const noChat = { action: "message.send.fail", reason: "Chat not found" };

describe.each([...encodings])("in %s", (encoding) => {
  test("a blocked user's direct messages are refused like those to a chat they left, in groups nothing changes", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const group = await groupOf(ann, bob);
    bob.client.send(ann.id, "hello");
    const direct = String((await bob.client.next())["chat_id"]);
    for (const { client } of [ann, bob]) await client.fence();
    using second = await MiniClient.connect(server.http, encoding);
    await second.login(ann.id, "secret", { extensions: true });
    await second.fence();

    expect(await ann.client.ask({ action: "contact.block", user_id: bob.id })).toEqual({
      action: "contact.block.success",
      user_id: bob.id,
    });
    const blocked = { action: "contact.blocked", user_id: bob.id };
    for (const client of [ann.client, second]) expect(await client.fence()).toEqual([blocked]);
    for (const chat of [ann.id, direct]) {
      bob.client.send(chat, "still there?");
      expect(await bob.client.next()).toEqual(noChat);
    }
    bob.client.send(group, "in the group");
    expect((await ann.client.pushes(1))[0]?.content).toBe("in the group");
    expect(await bob.client.fence()).toMatchObject([{ action: "message.push" }]);
    ann.client.send(direct, "I may");
    expect((await bob.client.pushes(1))[0]?.content).toBe("I may");
    await ann.client.fence();
    await second.fence();

    expect(await ann.client.ask({ action: "contact.block", user_id: bob.id })).toMatchObject({
      action: "contact.block.success",
    });
    expect(await second.fence()).toEqual([]);
    expect(await ann.client.ask({ action: "contact.unblock", user_id: bob.id })).toEqual({
      action: "contact.unblock.success",
      user_id: bob.id,
    });
    expect(await second.fence()).toEqual([{ action: "contact.unblocked", user_id: bob.id }]);
    await ann.client.fence();
    bob.client.send(direct, "thanks");
    expect((await ann.client.pushes(1))[0]?.content).toBe("thanks");
  });

  test("blocking works before the two ever talked, and outlives a restart", async () => {
    await using first = await startTestServer();
    const ann = await person(first.http, "Ann", encoding);
    const bob = await person(first.http, "Bob", encoding);
    await ann.client.ask({ action: "contact.block", user_id: bob.id });
    bob.client.send(ann.id, "hello");
    expect(await bob.client.next()).toEqual(noChat);
    expect((await ann.client.fence()).map(({ action }) => action)).toEqual(["contact.blocked"]);
    await using server = await first.restart();
    using back = await MiniClient.connect(server.http, encoding);
    await back.login(bob.id);
    back.send(ann.id, "hello");
    expect(await back.next()).toEqual(noChat);
    expect(await server.domain.contacts.isBlocked(Number(ann.id) as never, Number(bob.id) as never)).toBe(true);
  });

  test("a blocked user takes no user who blocked them into a group", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const group = await groupOf(bob);
    await ann.client.ask({ action: "contact.block", user_id: bob.id });
    await ann.client.fence();
    const reason = "User not found";
    const members = [ann.id];
    expect(await bob.client.ask({ action: "chat.create", members })).toEqual({ action: "chat.create.fail", reason });
    const add = { action: "chat.add", chat_id: group, members };
    expect(await bob.client.ask(add)).toEqual({ action: "chat.add.fail", reason });
    expect(await ann.client.fence()).toEqual([]);
    expect((await ann.client.ask({ action: "chat.create", members: [bob.id] })).action).toBe("chat.spawn");
  });

  test("where strangers are hidden, blocking finds none, nor does adding one to a group", async () => {
    await using server = await startTestServer({ env: { ROOST_DIRECTORY: "contacts" } });
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const eve = await person(server.http, "Eve", encoding);
    const reason = "User not found";
    const get = { action: "user.get", user_id: bob.id };
    for (const action of ["contact.block", "contact.unblock"]) {
      expect(await ann.client.ask({ action, user_id: bob.id })).toEqual({ action: `${action}.fail`, reason });
      expect(await ann.client.ask(get)).toEqual({ action: "user.get.fail", reason });
    }
    const chat = await groupOf(ann);
    const add = { action: "chat.add", chat_id: chat, members: [eve.id] };
    expect(await ann.client.ask(add)).toEqual({ action: "chat.add.fail", reason });
    const people = [ann, bob].map(({ id }) => ({ username: `user.${id}` }));
    await server.domain.chats.putMembers({ chatKey: "team", people, chatName: undefined });
    await ann.client.fence();
    const block = { action: "contact.block", user_id: bob.id };
    expect(await ann.client.ask(block)).toEqual({ action: "contact.block.success", user_id: bob.id });
  });

  test("nobody in particular, and oneself, cannot be blocked", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const chat = await groupOf(ann);
    for (const action of ["contact.block", "contact.unblock"]) {
      for (const id of ["99999", "bob", ann.id, chat, undefined, [], ""]) {
        const answer = await ann.client.ask({ action, user_id: id });
        expect<unknown>({ id, ...answer }).toEqual({ id, action: `${action}.fail`, reason: "User not found" });
      }
    }
    expect(await ann.client.fence()).toEqual([]);
  });
});

test("what friends were is hidden while one blocks the other, and back afterwards", async () => {
  await using server = await startTestServer();
  const ann = await person(server.http, "Ann", "json");
  const bob = await person(server.http, "Bob", "json");
  const { contacts } = server.domain;
  const [annId, bobId] = [Number(ann.id) as never, Number(bob.id) as never];
  await contacts.requestFriend(annId, Number(bob.id));
  await contacts.confirm(bobId, Number(ann.id));
  expect(await contacts.friendsOf(annId)).toEqual([bobId]);
  await ann.client.fence();
  await ann.client.ask({ action: "contact.block", user_id: bob.id });
  expect(await contacts.friendsOf(annId)).toEqual([]); // Who is told of Ann's presence.
  expect((await contacts.find(bobId, annId))?.status).toBe("friend"); // Bob notices nothing.
  await contacts.requestFriend(bobId, Number(ann.id));
  expect((await contacts.find(annId, bobId))?.status).toBe("banned");
  await ann.client.fence();
  await ann.client.ask({ action: "contact.unblock", user_id: bob.id });
  expect(await contacts.friendsOf(annId)).toEqual([bobId]);
});

test("REST and MQTT refuse a blocked person too", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  const chatID = `user.${ann.id}`;
  const send = () => call(server, "POST /messages", { as: bob.token, body: { chatID, content: "hello" } });
  expect((await send()).status).toBe(200);
  await ann.client.fence();
  await ann.client.ask({ action: "contact.block", user_id: bob.id });
  expect((await send()).status).toBe(404);
  const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    protocolVersion: 5,
    username: "bob",
    password: bob.token,
  });
  const refused = await phone.publishAsync(`chat/${chatID}/send`, "hello", { qos: 1 }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 0x87 });
  await phone.endAsync(true);
  expect((await ann.client.fence()).map(({ action }) => action)).toEqual(["contact.blocked"]);
});
