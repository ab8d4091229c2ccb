/** Devices that are members of chats themselves: they speak and hear there, and are no person at any door. */
import { expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import type { OperatorRequest } from "../../src/ops/operator.ts";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Simple {
  readonly messages: readonly { readonly content: string; readonly sender: string; readonly seq: number }[];
}

const operator = (server: TestServer, request: OperatorRequest) =>
  askOperator(operatorSocketPath(server.dataDir), request);

/** The texts that came to a client until now. */
async function heard(client: RawMqtt): Promise<string[]> {
  const packets = await client.fence();
  return packets.flatMap((packet) =>
    packet.cmd === "publish" ? [(JSON.parse(String(packet.payload)) as { content: string }).content] : [],
  );
}

/** What a publisher is answered, MQTT 5. What comes before is kept for who asks for it. */
async function send(client: RawMqtt, topic: string, payload: string, messageId = 7): Promise<number | undefined> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId }));
  const before: Packet[] = [];
  for (;;) {
    const packet = await client.next("PUBACK");
    if (packet.cmd === "puback") {
      client.received.unshift(...before);
      return packet.reasonCode;
    }
    before.push(packet);
  }
}

async function read(server: TestServer, token: string, chat = "team"): Promise<Simple["messages"]> {
  const { text } = await call(server, `GET /chats/${chat}/messages`, { as: token });
  return (JSON.parse(text) as Simple).messages;
}

const say = (server: TestServer, token: string, content: string, chatID = "team") =>
  call(server, "POST /messages", { as: token, body: { chatID, content } });

async function stage(server: TestServer) {
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  await room(server, "other", "anna", "ben");
  return { anna, ben };
}

async function lampIn(server: TestServer, ...chats: { key: string; allow?: "send" | "read" }[]) {
  const { device, password = "" } = await server.domain.devices.add({
    name: "lamp",
    chats: chats.map(({ key, allow }) => ({ chat: { key }, allow })),
  });
  return { userId: device.member?.userId ?? 0, password: Buffer.from(password) };
}

const connect = (server: TestServer, username: string, password: Buffer) =>
  RawMqtt.connect(server.mqttPort, {
    protocolVersion: 5,
    username,
    password,
    clientId: "one",
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
  });

test("a device in a chat speaks and hears there, and a revoked one hears no more at the very next message", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  await using mqttOfBen = await connect(server, "ben", Buffer.from(ben));
  await mqttOfBen.subscribe("chat/team/messages");
  const { userId, password } = await lampIn(server, { key: "team" });
  await using lamp = await connect(server, "lamp", password);
  expect(await lamp.subscribe("chat/+/messages", 1)).toBe(1);

  expect(await send(lamp, "chat/team/send", "I am on")).toBe(0);
  expect([await heard(lamp), await heard(mqttOfBen)]).toEqual([["I am on"], ["I am on"]]);
  expect(await read(server, anna)).toMatchObject([{ content: "I am on", sender: `user.${userId}` }]);
  expect((await say(server, anna, "elsewhere", "other")).status).toBe(200);
  expect((await say(server, anna, "turn off")).status).toBe(200);
  expect(await heard(lamp)).toEqual(["turn off"]);
  expect(await send(lamp, "chat/other/send", "hello?")).toBe(0x87);

  expect(await server.domain.devices.revoke("lamp")).toBe(true);
  expect((await say(server, anna, "to the others")).status).toBe(200);
  await lamp.ended;
  expect(lamp.received.map(({ cmd }) => cmd)).toEqual(["disconnect"]);
  expect(await heard(mqttOfBen)).toEqual(["turn off", "to the others"]);
  expect((await read(server, anna)).map(({ content }) => content)).toEqual(["I am on", "turn off", "to the others"]);
  const { text } = await asBackend(server, "GET /chats/team/users");
  expect((JSON.parse(text) as { chat: { users: { userID: string }[] } }).chat.users.map((one) => one.userID)).toEqual([
    "anna",
    "ben",
  ]);

  // A later device of the same name begins with nothing: no session, no chat.
  const again = await server.domain.devices.add({ name: "lamp" });
  await using later = await connect(server, "lamp", Buffer.from(again.password ?? ""));
  expect(await later.subscribe("chat/team/messages", 1)).toBe(0x87);
  expect(await send(later, "chat/team/send", "me again")).toBe(0x87);
});

test("what came while a device was away waits for it, and each message comes once", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const { password } = await lampIn(server, { key: "team" });
  {
    await using lamp = await connect(server, "lamp", password);
    await lamp.subscribe("chat/team/messages", 1);
    await say(server, anna, "first");
    const push = await lamp.expect("publish");
    lamp.send({ cmd: "puback", messageId: push.messageId ?? 0 });
    await lamp.fence();
  }
  await say(server, anna, "second");
  await using lamp = await connect(server, "lamp", password);
  expect(JSON.parse(String((await lamp.expect("publish")).payload))).toMatchObject({ content: "second", seq: 2 });
});

test("a device that may only read, or only write, does that and no more", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const { password } = await lampIn(server, { key: "team", allow: "read" }, { key: "other", allow: "send" });
  await using lamp = await connect(server, "lamp", password);
  expect(await lamp.subscribe("chat/+/messages")).toBe(0);
  expect(await lamp.subscribe("chat/other/messages")).toBe(0);
  expect(await send(lamp, "chat/team/send", "may I?")).toBe(0x87);
  expect(await send(lamp, "chat/other/send", "23 degrees")).toBe(0);
  await say(server, anna, "for the lamp");
  await say(server, anna, "for the people", "other");
  expect(await heard(lamp)).toEqual(["for the lamp"]);
  expect((await read(server, anna, "other")).map(({ content }) => content)).toEqual(["23 degrees", "for the people"]);
  for (const [action, topic, allowed] of [
    ["publish", "chat/team/send", false],
    ["publish", "chat/other/send", true],
    ["publish", "chat/none/send", false],
    ["subscribe", "chat/+/messages", true],
    ["publish", "chat/team/history", true],
    ["publish", "chat/other/history/get", false],
    ["subscribe", "chat/+/history", true],
    ["subscribe", "chat/+/changes", false],
    ["subscribe", "user/10001/presence", false],
    ["subscribe", "$share/group/#", false],
  ] as const) {
    const answer = await operator(server, { op: "may", name: "lamp", action, topic });
    expect([topic, answer]).toEqual([topic, { ok: true, result: expect.objectContaining({ allowed }) }]);
  }
  for (const filter of ["chat/+/changes", "chat/team/receipts", "chat/+/typing", "user/+/presence"]) {
    expect([filter, await lamp.subscribe(filter)]).toEqual([filter, 0x87]);
  }
  // What was said before is read where what is said is, and nowhere else.
  lamp.send(publishPacket("chat/team/history", "", { qos: 1, messageId: 7 }));
  const page = await lamp.next("the page");
  if (page.cmd !== "publish") throw new Error(`${page.cmd} in place of the page`);
  expect(page.topic).toBe("chat/team/history");
  expect(JSON.parse(String(page.payload)).messages).toMatchObject([{ content: "for the lamp" }]);
  lamp.send({ cmd: "puback", messageId: page.messageId ?? 0 });
  expect(await lamp.next("PUBACK")).toMatchObject({ cmd: "puback", messageId: 7, reasonCode: 0 });
  expect(await send(lamp, "chat/other/history", "")).toBe(0x87);
  expect(await send(lamp, "chat/none/history", "")).toBe(0x87);
});

test("a device is shown as a member and marked, and no person at any door", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.login", token: anna, extensions: true });
  const { userId, password } = await lampIn(server, { key: "team" });
  const joined = (await mia.fence()).filter(({ action }) => action === "chat.joined");
  expect(joined).toMatchObject([{ members: [{ user_id: String(userId), user_name: "lamp" }] }]);
  const { text } = await asBackend(server, "GET /chats/team/users");
  expect((JSON.parse(text) as { chat: { users: unknown[] } }).chat.users).toContainEqual({
    GUID: expect.any(String),
    userID: `user.${userId}`,
    displayName: "lamp",
    kind: "device",
  });
  expect(await mia.ask({ action: "user.get", user_id: String(userId) })).toMatchObject({
    nick: "lamp",
    kind: "device",
  });
  const { users } = await mia.ask({ action: "user.sync" });
  expect((users as { user_name: string }[]).map((user) => user.user_name)).toEqual(["anna", "ben"]);
  const direct = { chat_id: String(userId), type: "text", content: "hello" };
  expect(await mia.ask({ action: "message.send", message: direct })).toMatchObject({ reason: "Chat not found" });
  const added = { action: "chat.create", members: [String(userId)] };
  expect(await mia.ask(added)).toMatchObject({ reason: "User not found" });
  expect(await mia.ask({ action: "contact.block", user_id: String(userId) })).toMatchObject({
    reason: "User not found",
  });
  for (const user of [`user.${userId}`, String(userId)]) {
    await expect(RawMqtt.connect(server.mqttPort, { username: user, password })).rejects.toThrow("refused");
  }
  expect(await operator(server, { op: "showUser", user: `user.${userId}` })).toMatchObject({
    ok: false,
    code: "user_not_found",
  });
});

test("who removes a device from the chat has silenced it there, and it writes for no user besides", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const { userId, password } = await lampIn(server, { key: "team" }, { key: "other" });
  await using lamp = await connect(server, "lamp", password);
  await lamp.subscribe("chat/+/messages");
  const removed = await asBackend(server, "DELETE /chats/team/users", { users: [`user.${userId}`] });
  expect(removed.status).toBe(200);
  await say(server, anna, "without the lamp");
  await say(server, anna, "with the lamp", "other");
  expect(await heard(lamp)).toEqual(["with the lamp"]);
  expect(await send(lamp, "chat/team/send", "hello?")).toBe(0x87);
  expect(await operator(server, { op: "listDevices" })).toMatchObject({
    result: { devices: [{ name: "lamp", chats: [{ chat: "other", may: null }] }] },
  });
  expect(await operator(server, { op: "setDevice", name: "lamp", user: "anna" })).toMatchObject({
    ok: false,
    code: "invalid_device",
  });
  expect((await server.domain.devices.add({ name: "bell", chats: [] })).device.member).toBeUndefined();
});
