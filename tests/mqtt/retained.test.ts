/** Retained messages over real sockets, MQTT 3.1.1 § 3.3.1.3. */
import { expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import { until } from "../support/deadline.ts";
import { MemoryBrokerStore } from "../support/memory-broker-store.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer } from "../support/server.ts";
import { startTestBroker } from "../support/test-broker.ts";

const retain = (topic: string, payload: string | Buffer, qos: 0 | 1 = 0, messageId = 1) =>
  publishPacket(topic, payload, qos === 0 ? { retain: true } : { retain: true, qos, messageId });

const texts = (packets: readonly Packet[]) =>
  packets.flatMap((packet) => (packet.cmd === "publish" ? [`${packet.topic} ${packet.payload}`] : []));

/** What a fresh client is sent for one subscription. */
async function heard(port: number, filter: string, qos: 0 | 1 = 0): Promise<string[]> {
  await using client = await RawMqtt.connect(port);
  await client.subscribe(filter, qos);
  return texts(await client.fence()).sort();
}

test("a new subscription gets the last retained message, with retain 1, after its SUBACK [MQTT-3.3.1-6] [MQTT-3.3.1-8]", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("a/b", "old"), retain("a/b", "new"), publishPacket("a/b", "not retained"));
  await alice.fence();
  await using bob = await RawMqtt.connect(server.port);
  expect(await bob.subscribe("a/b")).toBe(0);
  expect(await bob.fence()).toMatchObject([{ topic: "a/b", payload: Buffer.from("new"), retain: true, dup: false }]);
});

test("an established subscription hears it with retain 0 [MQTT-3.3.1-9]", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  bob.send(retain("t", "x", 1, 5));
  const seen = await bob.fence();
  expect(seen.find(({ cmd }) => cmd === "publish")).toMatchObject({ retain: false, qos: 1 });
});

test("a repeated subscription gets it again, at its new QoS [MQTT-3.8.4-3]", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  bob.send(retain("t", "x", 1, 5));
  await bob.expect("puback");
  await bob.subscribe("t", 0);
  expect(await bob.fence()).toMatchObject([{ qos: 0, retain: true }]);
  await bob.subscribe("t", 1);
  expect(await bob.fence()).toMatchObject([{ qos: 1, retain: true, messageId: 1 }]);
});

test("an empty payload removes it and is delivered as any other [MQTT-3.3.1-10] [MQTT-3.3.1-11]", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  await alice.subscribe("t");
  alice.send(retain("t", "x"), retain("t", ""));
  expect(texts(await alice.fence())).toEqual(["t x", "t "]);
  await until("it to be stored", () => server.store.changes.length > 0);
  expect(await heard(server.port, "t")).toEqual([]);
  expect(server.broker.stats()).toMatchObject({ retainedMessages: 0, retainedBytes: 0 });
  await until("nothing to be stored", () => server.store.retained.size === 0);
});

test("a message without RETAIN neither replaces nor removes it [MQTT-3.3.1-12]", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("t", "kept"), publishPacket("t", "other"), publishPacket("t", ""));
  await alice.fence();
  expect(await heard(server.port, "t")).toEqual(["t kept"]);
});

test.each([
  ["#", ["/ slash", "a parent", "a/b child", "a/b/c deep"]],
  ["a/#", ["a parent", "a/b child", "a/b/c deep"]], // the parent level too, § 4.7.1.2
  ["+", ["a parent"]],
  ["+/+", ["/ slash", "a/b child"]],
  ["a/+/c", ["a/b/c deep"]],
  ["$x/#", ["$x/y hidden"]],
  ["+/y", []], // [MQTT-4.7.2-1]
  ["a/b/", []],
] as const)("a subscription to %s gets exactly what it matches", async (filter, expected) => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("a", "parent"), retain("a/b", "child"), retain("a/b/c", "deep"), retain("/", "slash"));
  alice.send(retain("$x/y", "hidden"));
  await alice.fence();
  expect(await heard(server.port, filter)).toEqual([...expected]);
});

test("what the principal may not be delivered is left out, what it may not publish is not retained", async () => {
  await using server = await startTestBroker({
    identity: {
      authorize: (_principal, action, topic) =>
        !(action === "deliver" && topic === "a/secret") && !(action === "publish" && topic === "a/denied"),
    },
  });
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("a/secret", "x"), retain("a/denied", "x"), retain("a/open", "x"));
  await alice.fence();
  expect(await heard(server.port, "a/#")).toEqual(["a/open x"]);
});

test("PUBACK of a retained message waits for its commit, later ones keep behind it [MQTT-4.6.0-2]", async () => {
  const commit = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  server.store.commit = () => commit.promise;
  alice.send(retain("t", "x", 1, 7), publishPacket("other", "y", { qos: 1, messageId: 8 }));
  expect(await alice.fence()).toEqual([]);
  commit.resolve();
  expect(await alice.expect("puback")).toMatchObject({ messageId: 7 });
  expect(await alice.expect("puback")).toMatchObject({ messageId: 8 });
});

test("what could not be stored is not acknowledged, and not shown", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("t", "stored", 1, 1));
  await alice.expect("puback");
  server.store.commit = () => Promise.reject(new Error("disk full"));
  alice.send(retain("t", "lost", 1, 2), retain("u", "lost", 1, 3));
  await alice.whenClosed();
  expect(alice.received).toEqual([]);
  expect(await heard(server.port, "#")).toEqual(["t stored"]);
  expect(server.broker.stats()).toMatchObject({ retainedMessages: 1, retainedBytes: 7 + 128 });
});

test("however often a topic changes while the disk is busy, one change of it waits", async () => {
  const commit = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  server.store.commit = () => commit.promise;
  alice.send(retain("t", "0", 1, 1));
  await alice.fence();
  for (let n = 1; n <= 100; n++) alice.send(retain("t", `${n}`, 1, n + 1));
  expect(await alice.fence()).toEqual([]);
  commit.resolve();
  for (let n = 1; n <= 101; n++) expect(await alice.expect("puback")).toMatchObject({ messageId: n });
  expect(server.store.changes).toEqual(["retain", "retain"]);
  expect(String(server.store.retained.get("t")?.payload)).toBe("100");
});

test("beyond the limits a message is delivered, acknowledged and counted, but not retained; nothing outdated stays", async () => {
  await using server = await startTestBroker({ limits: { retainedMessagesMax: 2, retainedBytesMax: 400 } });
  await using alice = await RawMqtt.connect(server.port);
  await alice.subscribe("c", 0);
  alice.send(retain("a", "1"), retain("b", "2"), retain("c", "3", 1, 9));
  const seen = await alice.fence();
  expect(texts(seen)).toEqual(["c 3"]);
  if (!seen.some(({ cmd }) => cmd === "puback")) await alice.expect("puback");
  expect(await heard(server.port, "#")).toEqual(["a 1", "b 2"]);
  alice.send(retain("a", Buffer.alloc(300), 1, 10));
  await alice.expect("puback");
  expect(await heard(server.port, "#")).toEqual(["b 2"]);
  expect(server.broker.stats()).toMatchObject({ retainedRefused: 2, retainedMessages: 1 });
});

test("a subscription that matches far more than the outbox and the window hold gets everything, bit by bit", async () => {
  await using server = await startTestBroker({
    limits: { inflightMax: 5, outboxSoftBytesMax: 10_000, queuedBytesMax: 20_000 },
  });
  await using alice = await RawMqtt.connect(server.port);
  for (let n = 0; n < 100; n++) {
    alice.send(retain(`t/${n}`, Buffer.alloc(3000, "x"), 1, n + 1));
    await alice.expect("puback");
  }
  for (const [clean, qos] of [
    [true, 0],
    [true, 1],
    [false, 1],
  ] as const) {
    await using bob = await RawMqtt.connect(server.port, { clientId: `bob ${clean} ${qos}`, clean });
    await bob.subscribe("t/+", qos);
    const topics = new Set<string>();
    while (topics.size < 100) {
      const publish = await bob.expect("publish");
      expect(publish).toMatchObject({ retain: true, qos });
      topics.add(publish.topic);
      if (qos === 1) bob.send({ cmd: "puback", messageId: publish.messageId ?? 0 });
    }
    expect(await bob.fence()).toEqual([]);
  }
  expect(server.closeReasons.filter((reason) => reason === "slow_reader")).toEqual([]);
});

test("a lasting session that left in between gets the rest, and RETAIN stands in what is sent again", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 1 } });
  await using alice = await RawMqtt.connect(server.port);
  alice.send(retain("t/1", "1", 1, 1), retain("t/2", "2", 1, 2));
  await alice.fence();
  const lasting = { clientId: "phone", clean: false };
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t/#", 1);
  const { topic } = await first.expect("publish");
  await first.drop();
  await until("the session to be detached", () => server.broker.stats().connections === 1);
  await using second = await RawMqtt.connect(server.port, lasting);
  const again = await second.expect("publish");
  expect(again).toMatchObject({ topic, dup: true, retain: true });
  second.send({ cmd: "puback", messageId: again.messageId ?? 0 });
  expect(await second.expect("publish")).toMatchObject({ dup: false, retain: true });
});

test("a retained will is retained [MQTT-3.1.2-17], another is not [MQTT-3.1.2-16]", async () => {
  await using server = await startTestBroker();
  for (const keep of [true, false]) {
    const will = { topic: `will/${keep}`, payload: "gone", qos: 1 as const, retain: keep };
    const client = await RawMqtt.connect(server.port, { will });
    await client.drop();
  }
  await until("both to be gone", () => server.broker.stats().connections === 0);
  expect(await heard(server.port, "will/+", 1)).toEqual(["will/true gone"]);
});

test("they are loaded page by page when the broker starts again", async () => {
  const store = new MemoryBrokerStore();
  const expected = ["a 1", "b/c 2", "d 3", "e/f/g 4", "h 5"];
  {
    await using server = await startTestBroker({ store });
    await using alice = await RawMqtt.connect(server.port);
    for (const [n, each] of expected.entries()) {
      const [topic = "", payload = ""] = each.split(" ");
      alice.send(retain(topic, payload, 1, n + 1));
      await alice.expect("puback");
    }
  }
  await using server = await startTestBroker({ store });
  expect(await heard(server.port, "#")).toEqual(expected);
  expect(server.broker.stats().retainedMessages).toBe(5);
});

test("a restart of the server keeps them, byte for byte, and their removal", async () => {
  await using first = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  await using alice = await RawMqtt.connect(first.mqttPort);
  alice.send(retain("news/a", bytes, 1, 1), retain("news/b", "old", 1, 2), retain("news/b", "", 1, 3));
  for (const messageId of [1, 2, 3]) expect(await alice.expect("puback")).toMatchObject({ messageId });
  await using second = await first.restart();
  await using bob = await RawMqtt.connect(second.mqttPort);
  await bob.subscribe("news/#", 1);
  expect(await bob.fence()).toMatchObject([{ topic: "news/a", payload: bytes, retain: true, qos: 1 }]);
});
