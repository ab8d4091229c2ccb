/** Who may use ordinary topics: by who made the account, by patterns and by groups; and that a change is felt at once. */
import { expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import { silentLog } from "../../src/lib/log.ts";
import type { OperatorDetails, OperatorOp, OperatorResults } from "../../src/ops/operator.ts";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openStopped } from "../support/open-stopped.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const password = "correct horse";
const notAuthorized = 0x87;
const noSubscribers = 0x10;

/** Through the socket, as the commands ask. */
async function ask<Op extends OperatorOp>(server: TestServer, op: Op, details: OperatorDetails[Op]) {
  const answer = await askOperator(operatorSocketPath(server.dataDir), { ...details, op });
  if (answer?.ok !== true) throw new Error(answer?.message ?? "no operator");
  return answer.result as OperatorResults[Op];
}

const connect = (server: TestServer, username: string, secret: string, clientId = username): Promise<RawMqtt> =>
  RawMqtt.connect(server.mqttPort, { protocolVersion: 5, clientId, username, password: Buffer.from(secret) });

const connectStored = (server: TestServer, username: string, secret: string, more: object = {}) =>
  RawMqtt.connect(server.mqttPort, {
    protocolVersion: 5,
    clean: false,
    clientId: `${username}'s`,
    username,
    password: Buffer.from(secret),
    properties: { sessionExpiryInterval: 3600 },
    ...more,
  });

const heard = (packets: readonly Packet[]): string[] =>
  packets.flatMap((packet) => (packet.cmd === "publish" ? [`${packet.topic} ${packet.payload}`] : []));

/** The reason code of PUBACK. */
async function publish(client: RawMqtt, topic: string, payload = "x", retain = false): Promise<number> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId: 7, retain }));
  const { reasonCode = 0 } = await client.expect("puback");
  return reasonCode;
}

const refused = (code: number): boolean => code >= 0x80;

/** How accounts come to be, each with its name and what it logs in with. */
const made: Readonly<Record<string, (server: TestServer) => Promise<{ name: string; secret: string }>>> = {
  async operator(server) {
    await ask(server, "addUser", { username: "anna", nick: "Anna", password });
    return { name: "anna", secret: password };
  },
  async registered({ domain }) {
    const { userId } = await domain.accounts.register({ nick: "Mallory", password, address: "127.0.0.1" });
    return { name: String(userId), secret: password };
  },
  async backend({ domain }) {
    const [pair] = await domain.accounts.provision([{ username: "billing" }]);
    return { name: "billing", secret: pair?.accessToken ?? "" };
  },
  async chat({ domain, store }) {
    await domain.chats.putMembers({ chatKey: "team", people: [{ username: "member" }], chatName: undefined });
    const user = await store.findUserByKey("member");
    if (user === undefined) throw new Error("no member");
    await domain.accounts.setPassword(user.userId, password);
    return { name: "member", secret: password };
  },
};

test.each([
  ["operator", true],
  ["registered", false],
  ["backend", false],
  ["chat", false],
] as const)("a user made by %s may use ordinary topics without patterns: %p", async (how, may) => {
  await using server = await startTestServer();
  const { devices } = server.domain;
  await using lamp = await connect(server, "lamp", (await devices.add({ name: "lamp" })).password ?? "");
  await using ear = await connect(server, "ear", (await devices.add({ name: "ear" })).password ?? "");
  expect(refused(await publish(lamp, "home/lamp/state", "on", true))).toBe(false);
  const { name, secret } = await (made[how] as (typeof made)[string])(server);
  await using client = await connect(server, name, secret);
  expect(await publish(client, "home/lamp/set", "off")).toBe(may ? noSubscribers : notAuthorized);
  expect(await publish(client, "home/lamp/state", "off", true)).toBe(may ? 0 : notAuthorized);
  await ear.subscribe("#");
  expect(heard(await ear.fence())).toEqual([`home/lamp/state ${may ? "off" : "on"}`]);
  // It covers the user's chats too, so it is granted, and nothing else is heard by it.
  expect(await client.subscribe("#")).toBe(0);
  expect(heard(await client.fence())).toEqual(may ? ["home/lamp/state off"] : []);
  await publish(lamp, "home/lamp/state", "on again", true);
  expect(heard(await client.fence())).toEqual(may ? ["home/lamp/state on again"] : []);
  expect(await client.subscribe("$share/g/home/#")).toBe(may ? 0 : notAuthorized);
  expect(await client.subscribe("home/none/#")).toBe(may ? 0 : notAuthorized);
});

test("a user who came by an invitation, and one of a phone, have none either", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATION: "invite" } });
  const { code } = await ask(server, "invite", {});
  const { accounts } = server.domain;
  const { userId } = await accounts.register({ nick: "Ben", password, address: "127.0.0.1", invite: code });
  expect((await server.store.findUser(userId))?.madeBy).toBe("invited");
  await using ben = await connect(server, String(userId), password);
  expect(await ben.subscribe("home/#")).toBe(notAuthorized);
  expect(await publish(ben, "home/x")).toBe(notAuthorized);
  expect((await ask(server, "may", { name: String(userId), action: "publish", topic: "home/x" })).why).toMatch(
    /invitation.*roost user topics or roost user trust/,
  );
});

test("an open broker is open to every user", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  const { userId } = await server.domain.accounts.register({ nick: "M", password, address: "127.0.0.1" });
  await using client = await connect(server, String(userId), password);
  expect(await client.subscribe("home/#")).toBe(0);
  await ask(server, "setUserTopics", { user: String(userId), topics: { publish: [], subscribe: [] } });
  expect(await client.subscribe("home/#")).toBe(notAuthorized);
});

test("patterns and groups give and take topics at once, also for open subscriptions", async () => {
  await using server = await startTestServer();
  const source = (await server.domain.devices.add({ name: "source" })).password ?? "";
  await using device = await connect(server, "source", source);
  const user = (await made["registered"]?.(server))?.name ?? "";
  await using client = await connect(server, user, password);
  await client.subscribe("#", 1);
  const hears = async (): Promise<string[]> => {
    for (const topic of ["a", "b", `own/user.${user}`, "own/other"]) await publish(device, topic);
    const all = heard(await client.fence()).map((one) => one.replace(/ x$/, ""));
    client.received.length = 0;
    return all;
  };
  const own = `own/user.${user}`;
  expect(await hears()).toEqual([]);
  await ask(server, "setUserTopics", { user, topics: { publish: ["b"], subscribe: ["a", "own/%u"] } });
  expect(await hears()).toEqual(["a", own]);
  expect([await publish(client, "b"), await publish(client, "a")]).toEqual([expect.any(Number), notAuthorized]);
  await ask(server, "addGroup", { name: "readers", topics: { subscribe: ["b"] } });
  await ask(server, "changeGroupMembers", { name: "readers", add: [user], remove: [] });
  expect(await hears()).toEqual(["a", "b", own]);
  await ask(server, "setGroup", { name: "readers", topics: { subscribe: ["own/+"] } });
  expect(await hears()).toEqual(["a", own, "own/other"]);
  await ask(server, "setUserTopics", { user, topics: null });
  expect(await hears()).toEqual([own, "own/other"]);
  await ask(server, "changeGroupMembers", { name: "readers", add: [], remove: [user] });
  expect(await hears()).toEqual([]);
  await ask(server, "changeGroupMembers", { name: "readers", add: [user], remove: [] });
  await ask(server, "removeGroup", { name: "readers" });
  expect(await hears()).toEqual([]);
  await ask(server, "trustUser", { user });
  expect(await hears()).toEqual(["a", "b", own, "own/other"]);
  await ask(server, "setUserTopics", { user, topics: { publish: [], subscribe: [] } });
  expect(await hears()).toEqual([]);
});

test("a device without patterns is held to those of its groups, with %u and %c", async () => {
  await using server = await startTestServer();
  const { devices } = server.domain;
  const lamp = (await devices.add({ name: "lamp" })).password ?? "";
  await using device = await connect(server, "lamp", lamp, "c7");
  expect(await device.subscribe("anything/#")).toBe(0);
  await ask(server, "addGroup", { name: "lamps", topics: { publish: ["out/%u"], subscribe: ["in/%u/%c"] } });
  await ask(server, "changeGroupMembers", { name: "lamps", add: ["lamp"], remove: [] });
  expect(await device.subscribe("anything/#")).toBe(notAuthorized);
  expect([await device.subscribe("in/lamp/c7"), await device.subscribe("in/lamp/c8")]).toEqual([0, notAuthorized]);
  expect([refused(await publish(device, "out/lamp")), await publish(device, "out/other")]).toEqual([
    false,
    notAuthorized,
  ]);
  // What was a member's is not that of the next one of its name.
  await devices.revoke("lamp");
  const again = (await devices.add({ name: "lamp" })).password ?? "";
  await using other = await connect(server, "lamp", again);
  expect(await other.subscribe("anything/#")).toBe(0);
});

test("what waits for a client is not sent once it may no longer be heard, after a restart neither", async () => {
  await using first = await startTestServer();
  await ask(first, "addUser", { username: "anna", nick: "Anna", password });
  const source = (await first.domain.devices.add({ name: "source" })).password ?? "";
  const away = await connectStored(first, "anna", password);
  await away.subscribe("#", 2);
  away.send({ cmd: "disconnect" });
  await away.ended;
  {
    await using device = await connect(first, "source", source);
    for (const topic of ["secret/1", "open/1", "secret/2", "open/2"]) await publish(device, topic);
  }
  await ask(first, "setUserTopics", { user: "anna", topics: { subscribe: ["open/#"] } });
  await using server = await first.restart();
  await using back = await connectStored(server, "anna", password);
  expect(heard(await back.fence())).toEqual(["open/1 x", "open/2 x"]);
  for (const messageId of [1, 2]) back.send({ cmd: "puback", messageId });
  back.send({ cmd: "disconnect" });
  await back.ended;
  // The dropped ones are gone for good.
  await ask(server, "setUserTopics", { user: "anna", topics: null });
  await using again = await connectStored(server, "anna", password);
  expect(heard(await again.fence())).toEqual([]);
});

test.each([
  ["a session that ends with its connection", {}],
  ["a session that outlives it", { clean: false, properties: { sessionExpiryInterval: 3600, receiveMaximum: 1 } }],
] as const)("what waits for room in %s is not sent either", async (_, more) => {
  await using server = await startTestServer();
  await ask(server, "addUser", { username: "anna", nick: "Anna", password });
  const source = (await server.domain.devices.add({ name: "source" })).password ?? "";
  await using device = await connect(server, "source", source);
  await using slow = await connectStored(server, "anna", password, {
    clean: true,
    properties: { receiveMaximum: 1 },
    ...more,
  });
  await slow.subscribe("secret/#", 1);
  await slow.subscribe("open/#", 2, 2);
  for (const topic of ["open/0", "secret/1", "open/1", "secret/2"]) await publish(device, topic);
  const sent = await slow.expect("publish");
  expect(heard([sent, ...(await slow.fence())])).toEqual(["open/0 x"]);
  await ask(server, "setUserTopics", { user: "anna", topics: { subscribe: ["open/#"] } });
  slow.send({ cmd: "puback", messageId: sent.messageId ?? 0 });
  const next = await slow.expect("publish");
  expect(heard([next])).toEqual(["open/1 x"]);
  slow.send({ cmd: "puback", messageId: next.messageId ?? 0 });
  expect(heard(await slow.fence())).toEqual([]);
  await publish(device, "open/2");
  expect(heard([await slow.expect("publish")])).toEqual(["open/2 x"]);
});

test("a message that a share group chose for a client goes to another member when the client may not hear it", async () => {
  await using server = await startTestServer();
  for (const username of ["anna", "ben"]) await ask(server, "addUser", { username, nick: username, password });
  const source = (await server.domain.devices.add({ name: "source" })).password ?? "";
  await using device = await connect(server, "source", source);
  await using anna = await connectStored(server, "anna", password, { properties: { receiveMaximum: 1 } });
  anna.send({ cmd: "disconnect" });
  await anna.ended;
  await using back = await connectStored(server, "anna", password);
  await back.subscribe("$share/g/work/#", 1);
  back.send({ cmd: "disconnect", properties: { sessionExpiryInterval: 3600 } });
  await back.ended;
  for (const n of [1, 2]) await publish(device, `work/${n}`);
  await using ben = await connectStored(server, "ben", password);
  await ben.subscribe("$share/g/work/#", 1);
  await ask(server, "setUserTopics", { user: "anna", topics: { subscribe: ["other"] } });
  expect(heard(await ben.fence())).toEqual([]);
  await using again = await connectStored(server, "anna", password);
  expect(heard(await again.fence())).toEqual([]);
  const got = [await ben.expect("publish"), await ben.expect("publish")];
  expect(heard(got)).toEqual(["work/1 x", "work/2 x"]);
});

test("a will is not said on a topic that was taken meanwhile", async () => {
  await using server = await startTestServer();
  await ask(server, "addUser", { username: "anna", nick: "Anna", password });
  const ear = (await server.domain.devices.add({ name: "ear" })).password ?? "";
  await using device = await connect(server, "ear", ear);
  await device.subscribe("last/#", 1);
  const open = (topic: string) =>
    RawMqtt.connect(server.mqttPort, {
      protocolVersion: 5,
      username: "anna",
      password: Buffer.from(password),
      will: { topic, payload: Buffer.from("gone"), qos: 1, retain: true },
    });
  const two = [await open("last/secret"), await open("last/open")];
  await ask(server, "setUserTopics", { user: "anna", topics: { publish: ["last/open"] } });
  for (const client of two) await client.drop();
  expect(heard([await device.expect("publish")])).toEqual(["last/open gone"]);
  expect(heard(await device.fence())).toEqual([]);
});

test("a subscription outlives the loss of its topics, and hears again when they are given back", async () => {
  await using first = await startTestServer();
  await ask(first, "addUser", { username: "anna", nick: "Anna", password });
  await using before = await connectStored(first, "anna", password);
  await before.subscribe("home/#", 1);
  await ask(first, "setUserTopics", { user: "anna", topics: { publish: [], subscribe: [] } });
  await using server = await first.restart();
  const source = (await server.domain.devices.add({ name: "source" })).password ?? "";
  await using device = await connect(server, "source", source);
  await using anna = await connectStored(server, "anna", password);
  await publish(device, "home/1");
  expect(heard(await anna.fence())).toEqual([]);
  await ask(server, "setUserTopics", { user: "anna", topics: null });
  await publish(device, "home/2");
  expect(heard([await anna.expect("publish")])).toEqual(["home/2 x"]);
});

test("users of an earlier version count as registered, and the start says how many and what to do", async () => {
  const warned: unknown[] = [];
  const log = { ...silentLog, warn: (text: string, fields?: object) => void warned.push([text, fields]) };
  await using first = await startTestServer({ log });
  for (const nick of ["Ann", "Ben"]) await ask(first, "addUser", { nick, password });
  await first.stop();
  expect(warned).toEqual([]);
  {
    // What the migration of users' topics added, and what a later one hung on to that.
    using db = openStopped(databasePath(first.dataDir));
    const triggers = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'disk_%'")
      .values();
    for (const [name] of triggers) db.run(`DROP TRIGGER ${String(name)}`);
    for (const table of ["user_disk", "disk_payers"]) db.run(`DROP TABLE ${table}`);
    db.run("DELETE FROM migrations WHERE name LIKE '%_disk_usage'");
    for (const table of ["topic_group_members", "topic_groups", "user_topics"]) db.run(`DROP TABLE ${table}`);
    db.run("ALTER TABLE mqtt_devices DROP COLUMN user_id");
    db.run("ALTER TABLE mqtt_retained DROP COLUMN publisher_key");
    db.run("ALTER TABLE tokens DROP COLUMN own");
    db.run("ALTER TABLE users DROP COLUMN made_by");
    db.run("DELETE FROM migrations WHERE name = '0002_rights'");
  }
  await using second = await first.restart();
  expect(warned).toEqual([[expect.stringMatching(/roost user trust NAME.*roost user topics NAME/), { users: 2 }]]);
  const { users } = await ask(second, "listUsers", {});
  expect(users.map((user) => user.made_by)).toEqual(["registered", "registered"]);
  await using third = await second.restart();
  expect([third.dataDir, warned.length]).toEqual([first.dataDir, 1]);
});
