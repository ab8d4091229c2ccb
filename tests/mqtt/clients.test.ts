/** Clients other people wrote: MQTT.js and Mosquitto's command line. */
import { expect, test } from "bun:test";
import mqtt from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestBroker } from "../support/test-broker.ts";

const mosquitto = ["mosquitto_sub", "mosquitto_pub"].map(requireProgram).every((there) => there);

test.each([0, 1, 2] as const)("MQTT.js publishes and receives at QoS %d, through a reconnect", async (qos) => {
  await using server = startTestBroker();
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
  await using server = startTestBroker();
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
  await using server = startTestBroker();
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
  await using server = startTestBroker();
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
  await using server = startTestBroker();
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
    await using server = startTestBroker();
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
