/** MQTT devices through real sockets: what they may say and hear, and that a revoked one is gone at once. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
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

test("a wrong password is refused, and counted", async () => {
  await using server = await startTestServer({ env: { ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "2" } });
  const password = await deviceOf(server, "lamp");
  expect(await outcome(connect(server, "lamp", password))).toBe("in");
  for (let n = 0; n < 2; n++) expect(await outcome(connect(server, "lamp", "wrong"))).toMatch(/^refused with [45]$/);
  expect(await outcome(connect(server, "lamp", password))).toBe("refused with 3");
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
