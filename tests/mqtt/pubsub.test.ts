/** Publishing and subscribing over real sockets, MQTT 3.1.1 §§ 3.3 and 3.8–3.11. */
import { expect, test } from "bun:test";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

test("a QoS 0 message reaches a subscriber unchanged, with retain and DUP cleared", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  expect(await bob.subscribe("a/+")).toBe(0);
  alice.send(publishPacket("a/b", "hello", { retain: true }));
  expect(await bob.expect("publish")).toMatchObject({ topic: "a/b", qos: 0, retain: false, dup: false });
});

test("a QoS 1 message is acknowledged to the publisher and carries the subscriber's own packet id", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  expect(await bob.subscribe("t", 1)).toBe(1);
  alice.send(publishPacket("t", "one", { qos: 1, messageId: 777 }));
  expect(await alice.expect("puback")).toMatchObject({ messageId: 777 });
  const publish = await bob.expect("publish");
  expect(publish).toMatchObject({ topic: "t", qos: 1, messageId: 1 });
  expect(String(publish.payload)).toBe("one");
});

test("a message is delivered at the lower of the published and the granted QoS", async () => {
  await using server = await startTestBroker();
  await using low = await RawMqtt.connect(server.port);
  await using high = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  await low.subscribe("t", 0);
  await high.subscribe("t", 1);
  alice.send(publishPacket("t", "q1", { qos: 1, messageId: 1 }), publishPacket("t", "q0"));
  expect([await low.expect("publish"), await low.expect("publish")].map(({ qos }) => qos)).toEqual([0, 0]);
  expect([await high.expect("publish"), await high.expect("publish")].map(({ qos }) => qos)).toEqual([1, 0]);
});

test("overlapping subscriptions yield a message once, at the highest QoS", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  for (const [low, high] of [
    ["#", "a/b"],
    ["a/b", "#"],
    ["a/+", "+/b"],
    ["+/b", "a/+"],
  ] as const) {
    await bob.subscribe(low, 0);
    await bob.subscribe(high, 1);
    bob.send(publishPacket("a/b", "x", { qos: 1, messageId: 9 }));
    const seen = await bob.fence();
    expect(seen.filter(({ cmd }) => cmd === "publish")).toMatchObject([{ qos: 1 }]);
    bob.send({ cmd: "unsubscribe", messageId: 1, unsubscriptions: [low, high] });
    await bob.expect("unsuback");
  }
});

test("a repeated subscription replaces its predecessor's QoS", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  await bob.subscribe("t", 0);
  bob.send(publishPacket("t", "x", { qos: 1, messageId: 9 }));
  const seen = await bob.fence();
  expect(seen.filter(({ cmd }) => cmd === "publish")).toMatchObject([{ qos: 0 }]);
});

test("after UNSUBSCRIBE nothing more arrives, and an unknown filter is acknowledged all the same", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  bob.send(publishPacket("t", "warms the route"));
  await bob.expect("publish");
  bob.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["t", "never/there"] });
  expect(await bob.expect("unsuback")).toMatchObject({ messageId: 3 });
  bob.send(publishPacket("t", "late"));
  expect(await bob.fence()).toEqual([]);
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("wildcards do not reach topics that start with $", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("#");
  await bob.subscribe("+/x");
  server.broker.publish("$SYS/x", Buffer.from("hidden"), 0);
  server.broker.publish("a/x", Buffer.from("seen"), 0);
  expect(await bob.fence()).toMatchObject([{ topic: "a/x" }]);
});

test("subscribing to a new wildcard filter changes an already cached route", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  for (const [filter, step] of [
    ["a/b", 1],
    ["a/#", 2],
    ["+/b", 3],
    ["#", 4],
  ] as const) {
    server.broker.publish("a/b", Buffer.from(`${step}`), 0);
    await using carol = await RawMqtt.connect(server.port);
    await carol.subscribe(filter);
    bob.send(publishPacket("a/b", `${step}`));
    expect(String((await carol.expect("publish")).payload)).toBe(`${step}`);
  }
});

test("an empty payload and one of several hundred kilobytes arrive as they were", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  const large = Buffer.alloc(700_000, "0123456789");
  bob.send(publishPacket("t", ""), publishPacket("t", large, { qos: 1, messageId: 2 }));
  expect((await bob.expect("publish")).payload).toHaveLength(0);
  const seen = [await bob.next(), await bob.next()];
  const publish = seen.find((packet) => packet.cmd === "publish");
  expect(publish?.cmd === "publish" && Buffer.compare(Buffer.from(publish.payload), large)).toBe(0);
});

test("messages of one publisher arrive in order, mixed QoS in their own order each", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  const count = 3000;
  for (let n = 1; n <= count; n++) {
    alice.send(publishPacket("t", `${n}`, n % 2 === 0 ? {} : { qos: 1, messageId: n }));
  }
  const seen: number[][] = [[], []];
  for (let n = 0; n < count; n++) {
    const { payload, qos, messageId } = await bob.expect("publish");
    seen[qos]?.push(Number(String(payload)));
    if (messageId !== undefined) bob.send({ cmd: "puback", messageId });
  }
  for (const each of seen) expect(each).toEqual(each.toSorted((a, b) => a - b));
});

test("what a principal may not publish, subscribe or hear does not happen", async () => {
  let permissions = 0;
  await using server = await startTestBroker({
    identity: {
      permissionsVersion: () => permissions,
      authorize: (principal, action, topic) =>
        permissions === 1 || !(principal.key === "user:eve" && topic.startsWith("secret") && action !== "subscribe"),
    },
  });
  await using eve = await RawMqtt.connect(server.port, { username: "eve" });
  await using bob = await RawMqtt.connect(server.port, { username: "bob" });
  await eve.subscribe("#");
  await bob.subscribe("secret/x");
  eve.send(publishPacket("secret/x", "forged", { qos: 1, messageId: 1 }));
  await eve.expect("puback"); // 3.1.1 has no other word [MQTT-3.3.5-2]
  bob.send(publishPacket("secret/x", "told"));
  expect(String((await bob.expect("publish")).payload)).toBe("told");
  expect(await eve.fence()).toEqual([]);
  permissions = 1;
  bob.send(publishPacket("secret/x", "again"));
  expect(String((await eve.expect("publish")).payload)).toBe("again");
});

test("a refused filter gets 0x80 in its slot, the others their QoS", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => topic !== "forbidden" },
    limits: { subscriptionsPerSessionMax: 3, topicLevelsMax: 4, topicBytesMax: 20 },
  });
  await using bob = await RawMqtt.connect(server.port);
  const filters = ["a", "forbidden", "b", "a/b/c/d/e", "x".repeat(21), "c", "one/too/many", "a"];
  bob.send({ cmd: "subscribe", messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 1 })) });
  expect((await bob.expect("suback")).granted).toEqual([1, 0x80, 1, 0x80, 0x80, 1, 0x80, 1]);
});
