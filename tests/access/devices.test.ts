/** MQTT devices through real sockets: what they may say and hear, and that a revoked one is gone at once. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { LineProcess, output, run } from "../support/processes.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const mosquitto = ["mosquitto_sub", "mosquitto_pub"].map(requireProgram).every((there) => there);

class Thing implements AsyncDisposable {
  readonly client: MqttClient;
  readonly heard: string[] = [];
  closed = false;

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload) => this.heard.push(`${topic} ${payload}`));
    client.on("close", () => {
      this.closed = true;
    });
  }

  /** The QoS granted, 128 for a refusal. */
  async subscribe(filter: string): Promise<number> {
    const granted = new Promise<number>((resolve, reject) => {
      this.client.subscribe(filter, { qos: 1 }, (error, _, packet) => {
        const code = packet?.granted?.[0];
        if (typeof code === "number") resolve(code);
        else reject(error ?? new Error("no SUBACK"));
      });
    });
    return withDeadline("SUBACK", granted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

async function connect(server: TestServer, username: string, password: string, options: IClientOptions = {}) {
  const client = await mqtt.connectAsync(
    `mqtt://${server.mqtt}`,
    { username, password, reconnectPeriod: 0, ...options },
    false,
  );
  return new Thing(client);
}

const outcome = (work: Promise<Thing>): Promise<string> =>
  work.then(
    (thing) => thing[Symbol.asyncDispose]().then(() => "in"),
    (error: { code?: unknown }) => `refused with ${error.code}`,
  );

const deviceOf = async (
  server: TestServer,
  name: string,
  patterns: { publish?: string[]; subscribe?: string[] } = {},
) => (await server.domain.devices.add({ name, ...patterns })).password ?? "";

test("a device says and hears what its patterns allow, and nothing else", async () => {
  await using server = await startTestServer();
  const free = await connect(server, "free", await deviceOf(server, "free"));
  const password = await deviceOf(server, "lamp", { publish: ["out/%u/#"], subscribe: ["in/%u/+", "all"] });
  const lamp = await connect(server, "lamp", password);
  expect(await lamp.subscribe("in/lamp/+")).toBe(1);
  expect(await lamp.subscribe("all")).toBe(1);
  for (const filter of ["#", "+", "in/#", "in/lamp/#", "in/+/a", "chat/+/messages", "$SYS/#"]) {
    expect([filter, await lamp.subscribe(filter)]).toEqual([filter, 128]);
  }
  expect(await free.subscribe("#")).toBe(1);
  await lamp.client.publishAsync("out/lamp/a", "1");
  await lamp.client.publishAsync("out/other/a", "2");
  await lamp.client.publishAsync("in/lamp/a", "3");
  await lamp.client.publishAsync("out/lamp/b", "4", { qos: 1 });
  for (const topic of ["in/lamp/a", "in/lamp", "in/lamp/a/b", "in/other/a", "all"]) {
    await free.client.publishAsync(topic, "x", { qos: 1 });
  }
  await until("what the lamp hears", () => lamp.heard.includes("all x"));
  expect(lamp.heard).toEqual(["in/lamp/a x", "all x"]);
  await until("what the free one hears", () => free.heard.includes("all x"));
  expect(free.heard.filter((one) => one.startsWith("out/"))).toEqual(["out/lamp/a 1", "out/lamp/b 4"]);
  expect(free.heard).not.toContain("in/lamp/a 3");
  for (const thing of [lamp, free]) await thing[Symbol.asyncDispose]();
});

test("what is reserved is no device's, with or without patterns", async () => {
  await using server = await startTestServer();
  await using free = await connect(server, "free", await deviceOf(server, "free"));
  await using greedy = await connect(
    server,
    "greedy",
    await deviceOf(server, "greedy", { subscribe: ["#", "chat/#"] }),
  );
  for (const thing of [free, greedy]) {
    for (const filter of ["chat/#", "chat/team/messages", "user/+/presence", "$SYS/#", "events/#"]) {
      expect([filter, await thing.subscribe(filter)]).toEqual([filter, 128]);
    }
  }
  await using clock = await connect(server, "clock", await deviceOf(server, "clock", { subscribe: ["$SYS/#"] }));
  expect(await clock.subscribe("$SYS/broker/uptime")).toBe(1);
  await until("the broker's uptime", () => clock.heard.some((one) => one.startsWith("$SYS/broker/uptime ")));
});

test("a client id made of wildcards hears nothing by %c", async () => {
  await using server = await startTestServer();
  const password = await deviceOf(server, "lamp", { publish: ["say"], subscribe: ["in/%c/#", "say"] });
  await using free = await connect(server, "free", await deviceOf(server, "free"));
  await using good = await connect(server, "lamp", password, { clientId: "c7" });
  expect(await good.subscribe("in/c7/#")).toBe(1);
  expect(await good.subscribe("in/c8/#")).toBe(128);
  for (const clientId of ["+", "#", "c7/x", "c7/#"]) {
    await using sly = await connect(server, "lamp", password, { clientId });
    for (const filter of ["in/+/#", "in/#", "in/c7/#", `in/${clientId.replace("#", "a")}/#`]) {
      expect([clientId, filter, await sly.subscribe(filter)]).toEqual([clientId, filter, 128]);
    }
  }
  await free.client.publishAsync("in/c7/a", "x", { qos: 1 });
  await until("the message", () => good.heard.length === 1);
});

test("a revoked device's connections close at once, and it does not come back", async () => {
  await using server = await startTestServer();
  const { devices } = server.domain;
  const password = await deviceOf(server, "lamp");
  const other = await deviceOf(server, "other");
  const two = await Promise.all([
    connect(server, "lamp", password, { clientId: "a", clean: false }),
    connect(server, "lamp", password, { clientId: "b" }),
  ]);
  await using bystander = await connect(server, "other", other);
  await bystander.subscribe("t");
  for (const thing of two) await thing.subscribe("t");
  expect(await devices.revoke("lamp")).toBe(true);
  await until("both ends", () => two.every((thing) => thing.closed));
  expect(await outcome(connect(server, "lamp", password))).toMatch(/^refused with [45]$/);
  await bystander.client.publishAsync("t", "x", { qos: 1 });
  await until("the message", () => bystander.heard.length === 1);
  expect([bystander.closed, two[0].heard, two[1].heard]).toEqual([false, [], []]);
  // The name is free, and what the old one knew is of no use.
  const again = await deviceOf(server, "lamp");
  expect(await outcome(connect(server, "lamp", password))).toMatch(/^refused with [45]$/);
  expect(await outcome(connect(server, "lamp", again))).toBe("in");
});

test("a wrong password is refused, and counted; the right one that the server made passes all the same", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock, env: { ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "2" } });
  const password = await deviceOf(server, "lamp");
  for (const wrong of ["a", "b"]) expect(await outcome(connect(server, "lamp", wrong))).toMatch(/^refused with [45]$/);
  expect(await outcome(connect(server, "lamp", "c"))).toBe("refused with 3");
  expect(await outcome(connect(server, "lamp", password))).toBe("in");
});

test("devices outlive a restart", async () => {
  await using first = await startTestServer();
  const password = await deviceOf(first, "lamp", { subscribe: ["in/%c"] });
  const before = await connect(first, "lamp", password, { clientId: "c7", clean: false });
  expect(await before.subscribe("in/c7")).toBe(1);
  await before[Symbol.asyncDispose]();
  await using server = await first.restart();
  await using lamp = await connect(server, "lamp", password, { clientId: "c7", clean: false });
  await using free = await connect(server, "free", await deviceOf(server, "free"));
  await free.client.publishAsync("in/c7", "x", { qos: 1 });
  await until("the message", () => lamp.heard.length === 1);
  expect(await lamp.subscribe("in/c8")).toBe(128);
});

test.skipIf(!mosquitto)("mosquitto_pub and mosquitto_sub with a device's password", async () => {
  await using server = await startTestServer();
  const password = await deviceOf(server, "lamp", { publish: ["out/%u"], subscribe: ["in/%c"] });
  const where = ["-h", "127.0.0.1", "-p", `${server.mqttPort}`, "-u", "lamp", "-P", password, "-q", "1"];
  await using sub = new LineProcess(["stdbuf", "-oL", "mosquitto_sub", ...where, "-d", "-i", "c7", "-t", "in/c7"]);
  await sub.lineThat((line) => line.includes("received SUBACK"), "the SUBACK");
  const free = await deviceOf(server, "free");
  const asFree = ["-h", "127.0.0.1", "-p", `${server.mqttPort}`, "-u", "free", "-P", free, "-q", "1"];
  await using other = new LineProcess(["stdbuf", "-oL", "mosquitto_sub", ...asFree, "-d", "-t", "out/+"]);
  await other.lineThat((line) => line.includes("received SUBACK"), "the SUBACK");
  await output(["mosquitto_pub", ...asFree, "-t", "in/c7", "-m", "hello"]);
  await sub.lineThat((line) => line === "hello", "the message");
  await output(["mosquitto_pub", ...where, "-t", "out/lamp", "-m", "ready"]);
  await other.lineThat((line) => line === "ready", "the answer");
  expect(
    (await run(["mosquitto_pub", ...where.map((one) => (one === password ? "wrong" : one)), "-t", "a", "-m", "x"]))
      .code,
  ).not.toBe(0);
  await server.domain.devices.revoke("lamp");
  await sub.lineThat((line) => /disconnect|connection|Error/i.test(line), "the end of the connection");
});

/** In a session that stays; what waited for it is heard from the first packet on. */
async function stored(server: TestServer, username: string, password: string): Promise<Thing> {
  const options = { username, password, clientId: `${username}'s`, clean: false, reconnectPeriod: 0 };
  const thing = new Thing(mqtt.connect(`mqtt://${server.mqtt}`, options));
  await withDeadline("CONNACK", new Promise<void>((resolve) => thing.client.once("connect", () => resolve())));
  return thing;
}

test("new patterns are felt by an open subscription, by what waits and by a will, and end no session", async () => {
  await using server = await startTestServer();
  const { devices } = server.domain;
  await using free = await connect(server, "free", await deviceOf(server, "free"));
  await free.subscribe("last/#");
  const password = await deviceOf(server, "lamp", { publish: ["out/#", "last/#"], subscribe: ["in/#"] });
  const will = (topic: string): IClientOptions => ({
    will: { topic, payload: Buffer.from("gone"), qos: 1, retain: true },
  });
  const away = await stored(server, "lamp", password);
  expect(await away.subscribe("in/#")).toBe(1);
  await away.client.endAsync();
  for (const topic of ["in/secret", "in/open"]) await free.client.publishAsync(topic, "1", { qos: 1 });
  const doomed = await connect(server, "lamp", password, will("last/secret"));
  const allowed = await connect(server, "lamp", password, will("last/open"));
  expect(await devices.set("lamp", { patterns: { publish: ["last/open"], subscribe: ["in/open"] } })).toBe(true);
  await using back = await stored(server, "lamp", password);
  for (const topic of ["in/secret", "in/open"]) await free.client.publishAsync(topic, "2", { qos: 1 });
  await until("what it still hears", () => back.heard.length === 2);
  expect(back.heard).toEqual(["in/open 1", "in/open 2"]);
  for (const thing of [doomed, allowed]) {
    thing.client.stream.destroy();
    await until("its end", () => thing.closed);
  }
  await until("the will", () => free.heard.length === 1);
  expect(free.heard).toEqual(["last/open gone"]);
  // Given back, the same connection hears it all again.
  await devices.set("lamp", { patterns: null });
  await free.client.publishAsync("in/secret", "3", { qos: 1 });
  await until("what it hears again", () => back.heard.length === 3);
  expect([back.heard[2], back.closed]).toEqual(["in/secret 3", false]);
  expect(await devices.set("none", { patterns: null })).toBe(false);
});

test("a new password ends connections by the old one, and keeps session and queue", async () => {
  await using server = await startTestServer();
  const { devices } = server.domain;
  const password = await deviceOf(server, "lamp");
  await using free = await connect(server, "free", await deviceOf(server, "free"));
  const lamp = await stored(server, "lamp", password);
  await lamp.subscribe("in/#");
  const changed = await devices.setPassword("lamp");
  await until("the end of the old connection", () => lamp.closed);
  expect([lamp.closed, free.closed]).toEqual([true, false]);
  expect(await outcome(connect(server, "lamp", password))).toMatch(/^refused with [45]$/);
  await free.client.publishAsync("in/1", "kept", { qos: 1 });
  await using again = await stored(server, "lamp", changed?.password ?? "");
  await until("what was kept", () => again.heard.length === 1);
  expect(again.heard).toEqual(["in/1 kept"]);
  expect(await devices.setPassword("none")).toBeUndefined();
});

test("a device writes to chats in the name of the user whom it was given, and no longer than that", async () => {
  await using server = await startTestServer();
  const { accounts, accountRemoval, chats, devices } = server.domain;
  const anna = await accounts.add({ nick: "Anna", username: "anna", password: "correct horse" });
  await accounts.add({ nick: "Ben", username: "ben", password: "correct horse" });
  await chats.putMembers({ chatKey: "team", people: [{ username: "anna" }, { username: "ben" }], chatName: undefined });
  await using ben = await connect(server, "ben", "correct horse");
  await ben.subscribe("chat/+/messages");
  const password = await deviceOf(server, "door", { publish: [], subscribe: ["chat/#"] });
  await using door = await connect(server, "door", password, { protocolVersion: 5 });
  const ring = (content: string): Promise<unknown> =>
    door.client.publishAsync("chat/team/send", content, { qos: 1 }).then(
      () => "taken",
      (error: { code?: unknown }) => error.code,
    );
  expect(await ring("nobody's")).toBe(0x87);
  expect(await devices.set("door", { userId: anna.userId })).toBe(true);
  expect(await ring("ding")).toBe("taken");
  await until("the message", () => ben.heard.length === 1);
  expect(JSON.parse(ben.heard[0]?.replace("chat/team/messages ", "") ?? "")).toMatchObject({
    sender: "anna",
    content: "ding",
  });
  // It hears no chats.
  expect(await door.subscribe("chat/team/messages")).toBe(0x87);
  await accountRemoval.disable(anna.userId);
  expect(await ring("disabled")).toBe(0x87);
  await accountRemoval.enable(anna.userId);
  await devices.set("door", { userId: null });
  expect(await ring("nobody's again")).toBe(0x87);
  await devices.set("door", { userId: anna.userId });
  await accountRemoval.remove(anna.userId);
  expect(await ring("removed")).toBe(0x87);
  expect(ben.heard).toHaveLength(1);
});
