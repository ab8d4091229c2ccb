/** `message.push.ack` (O26): what was not confirmed comes again, what was confirmed never does. */
import { describe, expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, messagesOf, newUser, type PushedMessage } from "./client.ts";
import { openDoor } from "./open-door.ts";

const contents = (messages: readonly PushedMessage[]): string[] => messages.map((message) => message.content);
const pushedIn = (frames: readonly Action[]): PushedMessage[] =>
  frames.flatMap((frame) => (frame.action === "message.push" ? messagesOf(frame) : []));

/** Two people who have a chat, Bob logged in from scratch so that Bob's client acknowledges. */
async function stage(http: string, extra: Readonly<Record<string, unknown>> = { ack: true }) {
  const ann = await newUser(http, "Ann");
  const bob = await newUser(http, "Bob");
  const chat = (await ann.client.ask({ action: "chat.create", members: [bob.id] }))["chat_id"];
  await bob.client.fence();
  await bob.client.bye();
  const say = async (...texts: string[]) => {
    for (const content of texts) ann.client.send(chat, content);
    return pushedIn(await ann.client.fence());
  };
  const visit = async (more = extra): Promise<MiniClient> => {
    const client = await MiniClient.connect(http);
    await client.login(bob.id, "secret", more);
    return client;
  };
  return { ann, bob, chat, say, visit };
}

const ack = (extra: object = {}) => ({ action: "message.push.ack", ...extra });

describe.each([
  ["the user", { ack: true }],
  ["a device", { ack: true, device_id: "phone" }],
])("of %s", (_, extra) => {
  test("each ack confirms the oldest push, and the rest comes again", async () => {
    await using server = await startTestServer();
    const { say, visit } = await stage(server.http, extra);
    using first = await visit();
    await first.fence();
    await say("1", "2", "3", "4");
    expect(contents(await first.pushes(4))).toEqual(["1", "2", "3", "4"]);
    first.say(ack());
    first.say(ack());
    expect(await first.fence()).toEqual([]);
    await first.bye();
    using second = await visit();
    expect(contents(await second.pushes(2))).toEqual(["3", "4"]);
    await second.bye();
    // One push now, of both.
    using third = await visit();
    expect(contents(await third.pushes(2))).toEqual(["3", "4"]);
    third.say(ack());
    await third.fence();
    await third.bye();
    using fourth = await visit();
    expect(await fourth.fence()).toEqual([]);
  });

  test("messages confirmed by their ids, in any order, do not come again, not even after a restart", async () => {
    await using server = await startTestServer();
    const { say, visit, bob, ann, chat } = await stage(server.http, extra);
    using first = await visit();
    await first.fence();
    const sent = await say("1", "2", "3", "4", "5", "6");
    const ids = sent.map((message) => message.message_id);
    await first.pushes(6);
    first.say(ack({ message_ids: [ids[4], ids[1], "999999", ids[1]] }));
    first.say(ack({ message_ids: [ids[0], ids[5]] }));
    await first.fence();
    await first.bye();
    using second = await visit();
    expect(contents(await second.pushes(2))).toEqual(["3", "4"]);
    await second.bye();
    await using restarted = await server.restart();
    const login = { action: "auth.login", user_id: bob.id, password: "secret", ...extra };
    using third = await MiniClient.connect(restarted.http);
    await third.ask(login);
    expect(contents(await third.pushes(2))).toEqual(["3", "4"]);
    third.say(ack({ message_ids: ids }));
    await third.fence();
    await third.bye();
    using sender = await MiniClient.connect(restarted.http);
    await sender.login(ann.id);
    sender.send(chat, "7");
    using fourth = await MiniClient.connect(restarted.http);
    await fourth.ask(login);
    expect(contents(await fourth.pushes(1))).toEqual(["7"]);
    expect(await fourth.fence()).toEqual([]);
  });

  test("a chat is spawned again until a later push is confirmed, or the chat itself", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat, say, visit } = await stage(server.http, extra);
    using first = await visit();
    await first.fence();
    first.say(ack({ chat_ids: [chat] }));
    const made = await ann.client.ask({ action: "chat.create", members: [bob.id], name: "new" });
    expect((await first.next())["chat_id"]).toBe(made["chat_id"]);
    await first.bye();
    using second = await visit();
    expect(await second.next()).toMatchObject({ action: "chat.spawn", chat_id: made["chat_id"] });
    await say("in the old chat");
    await second.pushes(1);
    second.say(ack());
    await second.fence();
    await second.bye();
    const other = await ann.client.ask({ action: "chat.create", members: [bob.id], name: "newer" });
    using third = await visit();
    expect(await third.fence()).toMatchObject([{ action: "chat.spawn", chat_id: other["chat_id"] }]);
    third.say(ack({ chat_ids: [other["chat_id"]] }));
    await third.fence();
    await third.bye();
    using fourth = await visit();
    expect(await fourth.fence()).toEqual([]);
  });
});

test.each([...encodings])("numbers are taken as ids in %s, and an ack has no answer", async (encoding) => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob", encoding);
  bob.client.say(ack());
  ann.client.send(bob.id, "1");
  const [message] = await ann.client.fence().then(pushedIn);
  expect(pushedIn(await bob.client.fence())).toHaveLength(1);
  bob.client.say(ack({ message_ids: [Number(message?.message_id)] }));
  expect(await bob.client.fence()).toEqual([]);
  for (const [fields, reason] of [
    [{ message_ids: "1" }, "Invalid acknowledgement"],
    [{ chat_ids: [{}] }, "Invalid acknowledgement"],
    [{ message_ids: Array.from({ length: 5000 }, (_, n) => n) }, "Invalid acknowledgement"],
  ] as const) {
    expect<unknown>(await bob.client.ask(ack(fields))).toEqual({ action: "message.push.ack.fail", reason });
  }
  await bob.client.bye();
  using again = await MiniClient.connect(server.http, encoding);
  await again.login(bob.id);
  expect(await again.fence()).toEqual([]);
});

test("O26 the first ack makes a connection wait for acks; those for pushes before it confirm nothing later", async () => {
  await using server = await startTestServer();
  const { say, visit } = await stage(server.http, {});
  using first = await visit();
  await first.fence();
  await say("1", "2", "3");
  await first.pushes(3);
  // For 1, which was confirmed by itself. From here on this client confirms: 2 and 3 are still to come, then 4.
  first.say(ack());
  await first.fence();
  await say("4", "5");
  await first.pushes(2);
  for (let n = 0; n < 3; n += 1) first.say(ack());
  await first.fence();
  await first.bye();
  using second = await visit({ ack: true });
  expect(contents(await second.pushes(1))).toEqual(["5"]);
});

test("pushes wait while too many are unconfirmed, and go on as they are confirmed", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { unconfirmedPushesMax: 3, pushMessagesMax: 2 });
  const { say, visit } = await stage(door.http);
  const missed = Array.from({ length: 12 }, (_, n) => `${n}`);
  await say(...missed);
  using client = await visit();
  expect(contents(await client.pushes(6))).toEqual(missed.slice(0, 6));
  expect(await client.fence()).toEqual([]);
  client.say(ack());
  expect(contents(await client.pushes(2))).toEqual(missed.slice(6, 8));
  expect(await client.fence()).toEqual([]);
  for (let n = 0; n < 3; n += 1) client.say(ack());
  expect(contents(await client.pushes(4))).toEqual(missed.slice(8));
  // Live ones wait the same way: one more may go, three are unconfirmed then.
  await say("live 1", "live 2", "live 3");
  expect(contents(await client.pushes(1))).toEqual(["live 1"]);
  expect(await client.fence()).toEqual([]);
  client.say(ack());
  expect(contents(await client.pushes(1))).toEqual(["live 2"]);
  client.say(ack());
  expect(contents(await client.pushes(1))).toEqual(["live 3"]);
  expect(await client.fence()).toEqual([]);
});

test("a full window holds back no answer to the client's own sends, up to a bound", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { unconfirmedPushesMax: 2, unconfirmedMessagesHardMax: 10 });
  const { chat, say, visit } = await stage(door.http);
  using client = await visit();
  await client.fence();
  await say("1", "2", "3");
  expect(contents(await client.pushes(2))).toEqual(["1", "2"]);
  for (let n = 0; n < 8; n += 1) client.send(chat, `own ${n}`, { client_id: `${n}` });
  expect(contents(await client.pushes(8))).toEqual(Array.from({ length: 8 }, (_, n) => `own ${n}`));
  for (let n = 0; n < 9; n += 1) client.say(ack());
  // Room again: what waited comes, the own ones do not come twice.
  expect(contents(await client.pushes(1))).toEqual(["3"]);
  expect(await client.fence()).toEqual([]);
  for (let n = 0; n < 11; n += 1) client.send(chat, `more ${n}`);
  expect(await client.closed).toEqual({ code: 1008, reason: "Too many unacknowledged messages" });
});

test("a new connection beside one that is dead without the server's knowing gets what that one never confirmed", async () => {
  await using server = await startTestServer();
  const { say, visit } = await stage(server.http);
  using dead = await visit();
  await dead.fence();
  await say("1", "2", "3");
  using second = await visit();
  expect(contents(await second.pushes(3))).toEqual(["1", "2", "3"]);
  await say("4");
  expect(contents(await second.pushes(1))).toEqual(["4"]);
  second.say(ack());
  await second.fence();
  // Not dead after all: what it confirms late, nobody is sent again.
  expect(contents(await dead.pushes(4))).toEqual(["1", "2", "3", "4"]);
  for (let n = 0; n < 4; n += 1) dead.say(ack());
  await dead.fence();
  using third = await visit();
  expect(await third.fence()).toEqual([]);
  await say("5");
  for (const client of [dead, second, third]) expect(contents(await client.pushes(1))).toEqual(["5"]);
});

test("acks on their way for one user confirm nothing for the next on the same connection", async () => {
  await using server = await startTestServer();
  const { ann, bob, chat, say, visit } = await stage(server.http);
  const eve = await newUser(server.http, "Eve");
  await eve.client.bye();
  using client = await visit();
  await client.fence();
  await say("for Bob", "for Bob too");
  await client.pushes(2);
  await client.login(eve.id, "secret", { ack: true });
  ann.client.send(eve.id, "for Eve");
  await client.next();
  await client.pushes(1);
  client.say(ack());
  client.say(ack());
  await client.fence();
  await client.login(bob.id, "secret", { ack: true });
  expect(contents(await client.pushes(2))).toEqual(["for Bob", "for Bob too"]);
  await client.login(eve.id, "secret", { ack: true });
  const again = pushedIn(await client.fence());
  expect(contents(again)).toEqual(["for Eve"]);
  client.say(ack({ message_ids: [again[0]?.message_id] }));
  client.send(chat, "x");
  expect(await client.next()).toMatchObject({ action: "message.send.fail" });
});

test("own messages answered ahead of missed ones are confirmed by themselves", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { unconfirmedPushesMax: 2, pushMessagesMax: 2 });
  const { chat, say, visit } = await stage(door.http);
  await say("1", "2", "3", "4", "5", "6");
  using client = await visit();
  expect(contents(await client.pushes(4))).toEqual(["1", "2", "3", "4"]);
  client.send(chat, "own", { client_id: "own" });
  const [own] = await client.pushes(1);
  expect(own?.seq).toBe(7);
  client.say(ack({ message_ids: [own?.message_id] }));
  await client.fence();
  await client.bye();
  using again = await visit();
  expect(contents(await again.pushes(4))).toEqual(["1", "2", "3", "4"]);
  again.say(ack());
  again.say(ack());
  expect(contents(await again.pushes(2))).toEqual(["5", "6"]);
  expect(await again.fence()).toEqual([]);
});

test("one request confirms a backlog, and what is left comes", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { unconfirmedPushesMax: 2, pushMessagesMax: 3 });
  const { ann, bob, chat, say, visit } = await stage(door.http);
  const texts = Array.from({ length: 700 }, (_, n) => `${n + 1}`);
  await say(...texts);
  const other = (await ann.client.ask({ action: "chat.create", members: [bob.id] }))["chat_id"];
  ann.client.send(other, "elsewhere");
  await ann.client.fence();
  using client = await visit({ ack: true, extensions: true });
  expect((await client.next()).action).toBe("chat.spawn");
  const [first, second] = [await client.next(), await client.next()];
  expect([first["waiting"], second["waiting"]]).toEqual([701, undefined]);
  expect(contents([...messagesOf(first), ...messagesOf(second)])).toEqual(texts.slice(0, 6));
  expect(await client.fence()).toEqual([]);
  const confirm = (through: number) =>
    client.ask({ action: "message.confirm", chat_id: chat, through, read: true }) as Promise<unknown>;
  expect(await confirm(697)).toEqual({ action: "message.confirm.success", chat_id: chat, through: 697 });
  expect(contents(await client.pushes(4))).toEqual([...texts.slice(697), "elsewhere"]);
  // Plain acks go on for each push, also for what was confirmed otherwise.
  for (let n = 0; n < 4; n += 1) client.say(ack());
  // Live ones that wait for room are passed over in the same way.
  await say("701", "702", "703", "704");
  expect(contents(await client.pushes(2))).toEqual(["701", "702"]);
  expect(await client.fence()).toEqual([]);
  expect(await confirm(703)).toMatchObject({ through: 703 });
  expect(contents(await client.pushes(1))).toEqual(["704"]);
  expect(await client.fence()).toEqual([]);
  await client.bye();
  using again = await visit({ ack: true });
  expect(contents(await again.pushes(1))).toEqual(["704"]);
  const [place] = await server.domain.store.chatPage(Number(bob.id) as UserId, { after: 0, limit: 1 });
  expect(place).toMatchObject({ deliveredSeq: 703, readSeq: 703, unread: 1 });
});

test("plain acks on their way for what was confirmed otherwise confirm nothing else", async () => {
  await using server = await startTestServer();
  const { chat, say, visit } = await stage(server.http);
  using client = await visit();
  await client.fence();
  await say("1", "2", "3");
  await client.pushes(3);
  expect(await client.ask({ action: "message.confirm", chat_id: chat, through: 2 })).toMatchObject({ through: 2 });
  client.say(ack());
  client.say(ack());
  await client.fence();
  await client.bye();
  using again = await visit();
  expect(contents(pushedIn(await again.fence()))).toEqual(["3"]);
  again.say(ack());
  await again.fence();
  await again.bye();
  using last = await visit();
  expect(pushedIn(await last.fence())).toEqual([]);
});

test("a repeated send is answered, and its push confirmed, like the first", async () => {
  await using server = await startTestServer();
  const { chat, visit } = await stage(server.http);
  using client = await visit();
  await client.fence();
  client.send(chat, "once", { client_id: "c" });
  client.send(chat, "once", { client_id: "c" });
  client.send(chat, "then", { client_id: "d" });
  expect(contents(await client.pushes(3))).toEqual(["once", "once", "then"]);
  client.say(ack());
  client.say(ack());
  await client.fence();
  await client.bye();
  using again = await visit();
  expect(contents(await again.pushes(1))).toEqual(["then"]);
});

test("a device's confirmations are its own; the user has got as far as the one that got furthest", async () => {
  await using server = await startTestServer();
  const { say, visit } = await stage(server.http);
  const [phone, desk] = ["phone", "desk"].map((device_id) => ({ ack: true, device_id }));
  using onPhone = await visit(phone);
  using onDesk = await visit(desk);
  await Promise.all([onPhone.fence(), onDesk.fence()]);
  await say("1", "2", "3");
  await Promise.all([onPhone.pushes(3), onDesk.pushes(3)]);
  for (let n = 0; n < 2; n += 1) onPhone.say(ack());
  onDesk.say(ack());
  await Promise.all([onPhone.fence(), onDesk.fence()]);
  await Promise.all([onPhone.bye(), onDesk.bye()]);
  for (const [extra, expected] of [
    [phone, ["3"]],
    [desk, ["2", "3"]],
    [{ ack: true }, ["3"]],
  ] as const) {
    using again = await visit(extra);
    expect(pushedIn(await again.fence()).map((message) => message.content)).toEqual([...expected]);
    await again.bye();
  }
});
