/** Clients other people wrote: MQTT.js and Mosquitto's command line. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from "mqtt";
import { temporaryFolder } from "../cli/roost.ts";
import { makeCertificate } from "../support/certificate.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";
import { startTestBroker } from "../support/test-broker.ts";

const openssl = requireProgram("openssl");
const mosquitto = ["mosquitto_sub", "mosquitto_pub"].map(requireProgram).every((there) => there);

test.each([0, 1, 2] as const)("MQTT.js publishes and receives at QoS %d, through a reconnect", async (qos) => {
  await using server = await startTestBroker();
  const url = `mqtt://127.0.0.1:${server.port}`;
  const bob = await mqtt.connectAsync(url, { clientId: "bob", clean: false, reconnectPeriod: 1 });
  const alice = await mqtt.connectAsync(url, { username: "alice", password: "secret" });
  const received: string[] = [];
  bob.on("message", (topic, payload) => received.push(`${topic} ${payload.toString()}`));
  const granted = await bob.subscribeAsync({ "chat/+": { qos }, other: { qos: 0 } });
  expect(granted.map((each) => each.qos)).toEqual([qos, 0]);
  await alice.publishAsync("chat/ä", "hällo", { qos });
  await until("the first message", () => received.length === 1);
  const reconnected = new Promise<void>((resolve) => bob.once("connect", () => resolve()));
  bob.stream.destroy();
  await withDeadline("reconnect", reconnected);
  await alice.publishAsync("chat/b", "again", { qos });
  await until("the second message", () => received.length === 2);
  await bob.unsubscribeAsync("chat/+");
  await alice.publishAsync("chat/c", "unheard", { qos: 1 });
  await alice.publishAsync("other", "fence", { qos: 1 });
  await until("the fence", () => received.length === 3);
  expect(received).toEqual(["chat/ä hällo", "chat/b again", "other fence"]);
  await bob.endAsync();
  await alice.endAsync();
});

test("MQTT.js keeps a session in MQTT 3.1", async () => {
  await using server = await startTestBroker();
  const url = `mqtt://127.0.0.1:${server.port}`;
  const old = { protocolId: "MQIsdp", protocolVersion: 3, clientId: "old", clean: false, reconnectPeriod: 0 } as const;
  const first = await mqtt.connectAsync(url, old);
  await first.subscribeAsync("t", { qos: 1 });
  await first.endAsync();
  const second = mqtt.connect(url, old);
  const received = new Promise<string>((resolve) => second.on("message", (_, payload) => resolve(payload.toString())));
  await withDeadline("connect", new Promise<void>((resolve) => second.once("connect", () => resolve())));
  await second.publishAsync("t", "hello", { qos: 1 });
  expect(await withDeadline("the message", received)).toBe("hello");
  await second.endAsync();
});

test("MQTT.js is told why it is refused", async () => {
  await using server = await startTestBroker();
  const client = mqtt.connect(`mqtt://127.0.0.1:${server.port}`, {
    username: "x",
    password: "wrong",
    reconnectPeriod: 0,
  });
  const error = await withDeadline("error", new Promise<Error>((resolve) => client.once("error", resolve)));
  expect(error).toMatchObject({ code: 4 });
  await client.endAsync(true);
});

test.skipIf(!mosquitto).each([
  ["0", "mqttv31"],
  ["1", "mqttv31"],
  ["2", "mqttv31"],
  ["0", "mqttv311"],
  ["1", "mqttv311"],
  ["2", "mqttv311"],
])("mosquitto_pub and mosquitto_sub talk at QoS %s in %s", async (qos, version) => {
  await using server = await startTestBroker();
  const where = ["-h", "127.0.0.1", "-p", `${server.port}`, "-V", version, "-q", qos];
  const sub = Bun.spawn(["mosquitto_sub", ...where, "-t", "room/#", "-C", "3", "-v"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  await until("the subscription", () => server.broker.stats().subscriptions === 1);
  for (const [topic, text] of [
    ["room/a", "one"],
    ["room/b", "two"],
    ["room", "three"],
  ] as const) {
    const pub = Bun.spawn(["mosquitto_pub", ...where, "-t", topic, "-m", text], { stderr: "pipe" });
    expect(await withDeadline("mosquitto_pub", pub.exited)).toBe(0);
  }
  expect(await withDeadline("mosquitto_sub", sub.exited)).toBe(0);
  expect(await new Response(sub.stdout).text()).toBe("room/a one\nroom/b two\nroom three\n");
});

test.skipIf(!mosquitto)("mosquitto_pub -r retains what mosquitto_sub --retained-only gets", async () => {
  await using server = await startTestBroker();
  const where = ["-h", "127.0.0.1", "-p", `${server.port}`, "-q", "1"];
  const pub = Bun.spawn(["mosquitto_pub", ...where, "-t", "news/a", "-m", "kept", "-r"]);
  expect(await withDeadline("mosquitto_pub", pub.exited)).toBe(0);
  const sub = Bun.spawn(["mosquitto_sub", ...where, "-t", "news/#", "--retained-only", "-C", "1", "-v"], {
    stdout: "pipe",
  });
  expect(await withDeadline("mosquitto_sub", sub.exited)).toBe(0);
  expect(await new Response(sub.stdout).text()).toBe("news/a kept\n");
});

test.skipIf(!mosquitto).each(["1", "2"])(
  "mosquitto_pub streams thousands of QoS %s messages, none is lost",
  async (qos) => {
    await using server = await startTestBroker();
    const where = ["-h", "127.0.0.1", "-p", `${server.port}`, "-q", qos, "-t", "stream"];
    const count = 3000;
    const sub = Bun.spawn(["mosquitto_sub", ...where, "-C", `${count}`], { stdout: "pipe" });
    await until("the subscription", () => server.broker.stats().subscriptions === 1);
    const lines = Array.from({ length: count }, (_, n) => `line ${n}\n`).join("");
    const pub = Bun.spawn(["mosquitto_pub", ...where, "-l"], { stdin: Buffer.from(lines) });
    expect(await withDeadline("mosquitto_pub", pub.exited)).toBe(0);
    expect(await new Response(sub.stdout).text()).toBe(lines);
  },
);

interface Opened extends AsyncDisposable {
  readonly client: MqttClient;
  readonly connack: IConnackPacket;
  /** "topic payload" of every message, in order. */
  readonly heard: string[];
}

/** MQTT.js in MQTT 5, with what the server said to its CONNECT. */
async function open(url: string, options: IClientOptions = {}): Promise<Opened> {
  const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  const heard: string[] = [];
  client.on("message", (topic, payload) => heard.push(`${topic} ${payload.toString()}`));
  const answered = new Promise<IConnackPacket>((resolve, reject) => {
    client.once("connect", resolve);
    client.once("error", reject);
  });
  try {
    const connack = await withDeadline("CONNACK", answered);
    return { client, connack, heard, [Symbol.asyncDispose]: () => client.endAsync(true) };
  } catch (error) {
    await client.endAsync(true);
    throw error;
  }
}

interface Doors extends AsyncDisposable {
  open(options?: IClientOptions): Promise<Opened>;
}

type Door = "TCP" | "TLS" | "WebSocket";
const doors: Door[] = ["TCP", "TLS", "WebSocket"];

async function startDoors(door: Door): Promise<Doors> {
  const folder = temporaryFolder();
  const files = await makeCertificate(folder.path);
  const server = await startTestServer({
    env: {
      ROOST_MQTT_ANONYMOUS: "full",
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: files.certificate,
      ROOST_TLS_KEY: files.key,
    },
  });
  const url = {
    TCP: `mqtt://${server.mqtt}`,
    TLS: `mqtts://${server.mqtts}`,
    WebSocket: `ws://${server.http}/mqtt`,
  }[door];
  return {
    open: (options = {}) => open(url, { ca: readFileSync(files.certificate), ...options }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

test.skipIf(!openssl).each(doors)(
  "MQTT.js hears properties and subscription identifiers in MQTT 5 over %s",
  async (door) => {
    await using server = await startDoors(door);
    await using alice = await server.open();
    await using bob = await server.open({ properties: { userProperties: { client: "bob" } } });
    const packets: unknown[] = [];
    bob.client.on("message", (topic, payload, { qos, properties }) =>
      packets.push({ topic, payload: payload.toString(), qos, properties }),
    );
    await bob.client.subscribeAsync("a/#", { qos: 1, properties: { subscriptionIdentifier: 7 } });
    await bob.client.subscribeAsync("b/#", { qos: 2, properties: { subscriptionIdentifier: 268_435_455 } });
    const properties = {
      payloadFormatIndicator: true,
      contentType: "text/plain",
      responseTopic: "re/a",
      correlationData: Buffer.from([0, 255, 1]),
      userProperties: { single: "ä", several: ["1", "2"] },
    };
    await alice.client.publishAsync("a/x", "one", { qos: 1, properties });
    await alice.client.publishAsync("b/x", "two", { qos: 2 });
    await until("both messages", () => packets.length === 2);
    expect(packets).toMatchObject([
      { topic: "a/x", payload: "one", qos: 1, properties: { ...properties, subscriptionIdentifier: 7 } },
      { topic: "b/x", payload: "two", qos: 2, properties: { subscriptionIdentifier: 268_435_455 } },
    ]);
  },
);

test.skipIf(!openssl).each(doors)("MQTT.js uses topic aliases both ways in MQTT 5 over %s", async (door) => {
  await using server = await startDoors(door);
  await using bob = await server.open({ properties: { topicAliasMaximum: 3 } });
  await using alice = await server.open({ autoAssignTopicAlias: true });
  expect(alice.connack.properties?.topicAliasMaximum).toBeGreaterThan(0);
  let withoutTopic = 0;
  alice.client.on("packetsend", (packet) => {
    if (packet.cmd === "publish" && packet.topic === "") withoutTopic += 1;
  });
  await bob.client.subscribeAsync("long/#", { qos: 1 });
  const said = Array.from({ length: 60 }, (_, n) => ({ topic: `long/${"x".repeat(100)}/${n % 5}`, text: `${n}` }));
  for (const { topic, text } of said) await alice.client.publishAsync(topic, text, { qos: 1 });
  await until("all messages", () => bob.heard.length === said.length);
  expect(bob.heard).toEqual(said.map(({ topic, text }) => `${topic} ${text}`));
  expect(withoutTopic).toBeGreaterThan(40);
});

test.skipIf(!openssl).each(doors)(
  "MQTT.js with a receive maximum of 1 gets everything in MQTT 5 over %s",
  async (door) => {
    await using server = await startDoors(door);
    await using bob = await server.open({ properties: { receiveMaximum: 1 } });
    await using alice = await server.open();
    await bob.client.subscribeAsync("t", { qos: 2 });
    const lines = Array.from({ length: 100 }, (_, n) => `${n}`);
    for (const line of lines) await alice.client.publishAsync("t", line, { qos: 1 });
    for (const line of lines) await alice.client.publishAsync("t", line, { qos: 2 });
    await until("all messages", () => bob.heard.length === 200, 10_000);
    expect(bob.heard).toEqual([...lines, ...lines].map((line) => `t ${line}`));
  },
);

test("MQTT.js keeps a session as long as it asked for in MQTT 5", async () => {
  await using server = await startTestBroker();
  const url = `mqtt://127.0.0.1:${server.port}`;
  const keeper = { clientId: "keeper", clean: false, properties: { sessionExpiryInterval: 60 } };
  await using alice = await open(url);
  const first = await open(url, keeper);
  expect(first.connack.sessionPresent).toBe(false);
  await first.client.subscribeAsync("t", { qos: 1 });
  await first.client.endAsync();
  await alice.client.publishAsync("t", "while away", { qos: 1 });
  const second = await open(url, keeper);
  expect(second.connack.sessionPresent).toBe(true);
  await until("the message", () => second.heard.length === 1);
  expect(second.heard).toEqual(["t while away"]);
  await second.client.endAsync();
  server.advance(61_000);
  await using third = await open(url, keeper);
  expect(third.connack.sessionPresent).toBe(false);
});

test("MQTT.js is spared its own words, and sees what was retained as it was published, in MQTT 5", async () => {
  await using server = await startTestBroker();
  const url = `mqtt://127.0.0.1:${server.port}`;
  await using bob = await open(url);
  await using alice = await open(url);
  await alice.client.publishAsync("t", "kept", { qos: 1, retain: true });
  const retained: boolean[] = [];
  bob.client.on("message", (_, __, packet) => retained.push(packet.retain));
  await bob.client.subscribeAsync({ t: { qos: 1, nl: true, rap: true, rh: 2 } }); // no local, as published, none now
  await bob.client.publishAsync("t", "mine", { qos: 1 });
  await alice.client.publishAsync("t", "hers", { qos: 1, retain: true });
  await alice.client.publishAsync("t", "fence", { qos: 1 });
  await until("the fence", () => bob.heard.length === 2);
  expect([bob.heard, retained]).toEqual([
    ["t hers", "t fence"],
    [true, false],
  ]);
});

test("MQTT.js leaves with its will in MQTT 5", async () => {
  await using server = await startTestBroker();
  const url = `mqtt://127.0.0.1:${server.port}`;
  await using bob = await open(url);
  await bob.client.subscribeAsync("gone/#", { qos: 1 });
  const willOf = (name: string) => ({ topic: `gone/${name}`, payload: Buffer.from("farewell"), qos: 1 as const });
  const quiet = await open(url, { will: willOf("quiet") });
  await quiet.client.endAsync();
  const loud = await open(url, { will: willOf("loud") });
  await loud.client.endAsync(false, { reasonCode: 4 }); // disconnect with will message, MQTT 5 § 3.14.2.1
  await until("the will", () => bob.heard.length === 1);
  expect(bob.heard).toEqual(["gone/loud farewell"]);
});

test("MQTT.js is told why it is refused in MQTT 5", async () => {
  await using server = await startTestBroker();
  const refused = open(`mqtt://127.0.0.1:${server.port}`, { username: "x", password: "wrong" });
  await expect(refused).rejects.toMatchObject({ code: 134 }); // bad user name or password
});
