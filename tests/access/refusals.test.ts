/** What clients are refused stands in the log: who, what, why and what would allow it, at every door, and no secret. */
import { expect, test } from "bun:test";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const line = "a client was refused";
const secret = "correct horse battery";
const wrong = "wrong-secret-0123456789";

async function stage(env: Readonly<Record<string, string>> = {}) {
  const recorded = recordLog();
  const server = await startTestServer({ log: recorded.log, env });
  return { recorded, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const asUser = (username: string, password = secret) => ({ clientId: "c1", username, password: Buffer.from(password) });

/** The code of the CONNACK. */
async function tryConnect(server: TestServer, fields: Parameters<typeof connectPacket>[0]): Promise<number> {
  const client = await RawMqtt.open(server.mqttPort);
  client.send(connectPacket(fields));
  const { returnCode = 0 } = await client.expect("connack");
  return returnCode;
}

test("on a default server an anonymous PUBLISH is acknowledged and dropped, and the log says why and what to do", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  const client = await RawMqtt.connect(server.mqttPort, { clientId: "phone" });
  client.send(publishPacket("test", "hi there", { qos: 1, messageId: 1 }));
  await client.expect("puback");
  expect(recorded.of(line)).toEqual([
    {
      door: "mqtt",
      asked: "publish",
      clientId: "phone",
      address: "127.0.0.1",
      topic: "test",
      why: "a client without a log-in may not use ordinary topics",
      allow: expect.stringContaining("roost user add NAME"),
    },
  ]);
  for (let time = 2; time < 100; time += 1) {
    client.send(publishPacket(`other/${time}`, "x", { qos: 1, messageId: time }));
    await client.expect("puback");
  }
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "chat/+/messages", qos: 0 }] });
  expect((await client.expect("suback")).granted).toEqual([0x80]);
  expect(recorded.of(line).slice(1)).toEqual([
    expect.objectContaining({
      asked: "subscribe",
      topic: "chat/+/messages",
      allow: expect.stringContaining("roost user add"),
    }),
  ]);
  await server.stop();
  expect(recorded.of("more was refused to clients in this minute")).toEqual([{ times: 98 }]);
  expect(recorded.text()).not.toContain("hi there");
});

test("users and devices are named, with the command that would allow it", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  const { domain } = server;
  await domain.accounts.add({ nick: "Anna", username: "anna", password: secret });
  const { userId } = await domain.accounts.register({ nick: "Zed", password: secret, address: "127.0.0.1" });
  const { password = "" } = await domain.devices.add({ name: "lamp", publish: ["lamp/#"], subscribe: ["lamp/#"] });

  const publish = async (client: RawMqtt, topic: string): Promise<void> => {
    client.send(publishPacket(topic, "x", { qos: 1, messageId: 5 }));
    await client.expect("puback");
  };
  const zed = await RawMqtt.connect(server.mqttPort, asUser(String(userId)));
  await publish(zed, "test");
  const lamp = await RawMqtt.connect(server.mqttPort, asUser("lamp", password));
  await publish(lamp, "lamp/on");
  await publish(lamp, "door/open");
  lamp.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$SYS/#", qos: 0 }] });
  await lamp.expect("suback");
  const anna = await RawMqtt.connect(server.mqttPort, asUser("anna"));
  await publish(anna, "test");
  anna.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$SYS/#", qos: 0 }] });
  await anna.expect("suback");
  expect(recorded.of(line)).toMatchObject([
    {
      asked: "publish",
      user: `Zed (user.${userId})`,
      clientId: "c1",
      topic: "test",
      why: expect.stringContaining("registered without the operator"),
      allow: `roost user topics user.${userId} --publish PATTERN, or roost user trust user.${userId}`,
    },
    {
      asked: "publish",
      device: "lamp",
      topic: "door/open",
      allow: expect.stringContaining("roost device set lamp --publish PATTERN"),
    },
    { asked: "subscribe", device: "lamp", topic: "$SYS/#", allow: "roost device set lamp --subscribe '$SYS/#'" },
    { asked: "subscribe", user: "anna", topic: "$SYS/#", allow: expect.stringContaining("admins") },
  ]);
});

test("what a chat refuses at the MQTT door is noted, and a message's text is not", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  const [ben = ""] = await enroll(server, "ben", "mia");
  await room(server, "others", "mia");
  await server.domain.devices.add({ name: "bell", password: secret });
  for (const [client, topic] of [
    [await RawMqtt.connect(server.mqttPort, asUser("ben", ben)), "chat/others/send"],
    [await RawMqtt.connect(server.mqttPort, asUser("bell")), "chat/others/send"],
  ] as const) {
    client.send(publishPacket(topic, "a private word", { qos: 1, messageId: 5 }));
    await client.whenClosed(); // MQTT 3.1.1 has no other refusal
  }
  expect(recorded.of(line)).toMatchObject([
    {
      asked: "publish",
      user: "ben",
      topic: "chat/others/send",
      why: expect.any(String),
      allow: expect.stringContaining("PUT /chats/"),
    },
    { asked: "publish", device: "bell", topic: "chat/others/send", allow: "roost device set bell --user USER" },
  ]);
  expect(recorded.text()).not.toContain("private");
});

test("a wrong password names the account, its door and its client, and is never written", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  const { domain } = server;
  const { userId } = await domain.accounts.add({ nick: "Anna", username: "anna", password: secret });
  await domain.devices.add({ name: "lamp", password: secret });
  const { userId: zed } = await domain.accounts.add({ nick: "Zed", username: "zed", password: secret });
  await domain.accountRemoval.disable(zed);

  expect(await tryConnect(server, asUser("anna", wrong))).toBe(4);
  expect(await tryConnect(server, asUser("lamp", wrong))).toBe(4);
  expect(await tryConnect(server, asUser("zed"))).toBe(5);
  // A name that is no user's may be a secret in the wrong field.
  expect(await tryConnect(server, asUser("nobody.here", wrong))).toBe(4);
  expect(recorded.of(line)).toMatchObject([
    {
      door: "mqtt",
      asked: "connect",
      user: "anna",
      clientId: "c1",
      why: "the password is wrong",
      allow: "roost user passwd anna",
    },
    { device: "lamp", allow: "roost device passwd lamp" },
    { user: "zed", why: "the user is disabled", allow: "roost user enable zed" },
    { name: "nobody.here", why: "there is no such user", allow: "roost user add nobody.here" },
  ]);
  await tryConnect(server, asUser("ra_0123456789abcdefghijklmnopqrstuvwxyz", wrong));
  await tryConnect(server, { clientId: "", username: "$(reboot)", password: Buffer.from(wrong) });
  const before = recorded.of(line).length;
  expect(before).toBe(4); // strangers of one network, for one reason

  using mini = await MiniClient.connect(server.http, "json");
  expect((await mini.ask({ action: "auth.login", user_id: String(userId), password: wrong })).action).toBe(
    "auth.login.fail",
  );
  expect((await mini.ask({ action: "auth.login", token: `ra_${wrong}` })).action).toBe("auth.login.fail");
  await recorded.until(line, { door: "minioicq", why: "the token is wrong or has ended; log in again" });
  // Anna's minute has its line; another minute, or another account, gets another one.
  const other = await domain.accounts.add({ nick: "Cleo", username: "cleo", password: secret });
  expect((await mini.ask({ action: "auth.login", user_id: String(other.userId), password: wrong })).action).toBe(
    "auth.login.fail",
  );
  expect((await recorded.until(line, { user: "cleo" })).fields).toMatchObject({
    door: "minioicq",
    asked: "auth.login",
  });
  expect(recorded.text()).not.toContain(wrong);
  expect(recorded.text()).not.toContain("reboot");
  expect(recorded.text()).not.toContain("abcdefghijklmnopqrstuvwxyz");
});

test("REST notes wrong tokens and keys, and who may not write, without a query or a body", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  const [ben = ""] = await enroll(server, "ben", "mia");
  await room(server, "others", "mia");
  await call(server, "POST /token", { as: wrong, body: { userID: "x" } });
  await recorded.until(line, { door: "rest", asked: "POST /token", allow: "roost key rotate makes a new backend key" });
  await call(server, `GET /messages?accessToken=ra_${wrong}`);
  await recorded.until(line, { asked: "GET /messages", address: "127.0.0.1" });
  await call(server, "POST /messages", { as: ben, body: { chatID: "others", content: "a private word" } });
  expect((await recorded.until(line, { user: "ben" })).fields).toMatchObject({
    door: "rest",
    asked: "POST /messages",
    allow: expect.stringContaining("PUT /chats/"),
  });
  await call(server, "GET /messages");
  await recorded.until(line, { why: "the access token is missing" });
  // A backend that asks for what there is not is answered, and refused no right.
  await asBackend(server, "DELETE /chats/nowhere");
  await asBackend(server, "POST /messages", { sender: "system", chatID: "nowhere", content: "x" });
  await call(server, "GET /chats/nowhere/messages", { as: (await enroll(server, "zed"))[0] });
  await recorded.until(line, { user: "zed" });
  expect(recorded.of(line)).toHaveLength(5);
  expect(recorded.text()).not.toContain(wrong);
  expect(recorded.text()).not.toContain("private");
});

test("refused connections say which limit it was, and one network has one line", async () => {
  await using started = await stage({ ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "2" });
  const { recorded, server } = started;
  await server.domain.accounts.add({ nick: "Anna", username: "anna", password: secret });
  await RawMqtt.connect(server.mqttPort, asUser("anna"));
  const kept = await RawMqtt.connect(server.mqttPort, { ...asUser("anna"), clientId: "c2" });
  for (let time = 0; time < 5; time += 1) {
    const refused = await RawMqtt.open(server.mqttPort);
    await refused.whenClosed();
  }
  await kept.fence();
  const limits = recorded.of(line).filter(({ why }) => why === "too many connections of this address");
  expect(limits).toEqual([
    {
      door: "mqtt",
      asked: "connect",
      address: "127.0.0.1",
      why: "too many connections of this address",
      allow: "limits.mqtt_connections_per_address",
    },
  ]);
});

test("where clients without a log-in may not connect, the log says which setting that is", async () => {
  await using started = await stage({ ROOST_MQTT_ANONYMOUS: "off" });
  const { recorded, server } = started;
  expect(await tryConnect(server, { clientId: "stranger" })).toBe(5);
  expect(recorded.of(line)).toEqual([
    {
      door: "mqtt",
      asked: "connect",
      clientId: "stranger",
      address: "127.0.0.1",
      why: "a client without a log-in may not connect",
      allow: expect.stringContaining("mqtt.anonymous"),
    },
  ]);
});

test("connections that are cut off have one line for each account, reason and minute; the others come and go at debug", async () => {
  await using started = await stage();
  const { recorded, server } = started;
  await server.domain.accounts.add({ nick: "Anna", username: "anna", password: secret });
  for (let time = 0; time < 20; time += 1) {
    const client = await RawMqtt.connect(server.mqttPort, asUser("anna"));
    if (time % 2 === 0) client.send({ cmd: "disconnect" });
    else client.send(Buffer.from([0xf0, 0]));
    await client.whenClosed();
  }
  expect(recorded.of("a connection was cut off")).toEqual([
    expect.objectContaining({ reason: "protocol_error", account: "anna", clientId: "c1", address: "127.0.0.1" }),
  ]);
  expect(recorded.of("client connected")).toEqual([]);
  expect(recorded.of("connection closed")).toEqual([]);
});

test("with log.connections each client that comes or goes has a line with its name, at both doors that keep connections", async () => {
  await using started = await stage({ ROOST_LOG_CONNECTIONS: "on" });
  const { recorded, server } = started;
  const { userId } = await server.domain.accounts.register({ nick: "Zed", password: secret, address: "127.0.0.1" });
  await server.domain.devices.add({ name: "lamp", password: secret });
  const named = `Zed (user.${userId})`;
  for (const [username, account] of [
    [String(userId), named],
    ["lamp", "device lamp"],
  ] as const) {
    const client = await RawMqtt.connect(server.mqttPort, asUser(username));
    await recorded.until("client connected", { door: "mqtt", account, clientId: "c1" });
    client.send({ cmd: "disconnect" });
    await recorded.until("connection closed", { account, reason: "disconnected" });
  }
  using mini = await MiniClient.connect(server.http, "json");
  await mini.ask({ action: "auth.login", user_id: String(userId), password: secret });
  await recorded.until("client connected", { door: "minioicq", account: named });
  mini[Symbol.dispose]();
  await recorded.until("connection closed", { door: "minioicq", account: named });
  expect(recorded.text()).not.toContain("user:");
});
