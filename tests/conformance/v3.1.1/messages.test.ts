/** Subscribing, publishing and delivering, MQTT 3.1.1 §§ 3.3, 3.8–3.10 and 4.3–4.6. */
import { expect, test } from "bun:test";
import type { IPublishPacket } from "mqtt-packet";
import { until } from "../../support/deadline.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { connectPacket, publishPacket, RawMqtt } from "../../support/raw-mqtt.ts";
import { startTestBroker } from "../../support/test-broker.ts";
import { closedAfterConnect, WireClient } from "../../support/wire.ts";

const ill = [0xed, 0xa0, 0x80];
const hex = (bytes: Buffer) => bytes.toString("hex");
const lasting = { clientId: "phone", clean: false } as const;

const texts = (packets: readonly unknown[]) =>
  (packets as IPublishPacket[]).filter(({ cmd }) => cmd === "publish").map(({ payload }) => String(payload));

test("[MQTT-3.3.1-1] what is sent again has DUP, what is new has not", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  server.broker.publish("t", Buffer.from("old"), 1);
  expect(await first.expect("publish")).toMatchObject({ dup: false });
  await first.drop();
  for (let round = 0; round < 2; round++) {
    await using again = await RawMqtt.open(server.port);
    again.send(connectPacket(lasting));
    await again.expect("connack");
    expect(await again.fence()).toMatchObject([{ dup: true }]);
    server.broker.publish("t", Buffer.from("new"), 0);
    expect(await again.fence()).toMatchObject([{ dup: false, qos: 0 }]);
  }
});

test("[MQTT-3.3.1-2] DUP at QoS 0 closes the connection and is never sent", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x38, field("t")));
  await closedAfterConnect(server, packet(0x39, field("t")));
  await using low = await WireClient.connect(server.port);
  low.send(packet(0x82, uint16(1), field("t"), 0));
  expect(await low.next()).toBe("9003000100");
  await using alice = await WireClient.connect(server.port);
  alice.send(packet(0x3a, field("t"), uint16(1))); // QoS 1 with DUP, delivered at QoS 0
  expect(await low.next()).toBe("3003000174");
});

test("[MQTT-3.3.1-3] the publisher's DUP is not passed on", async () => {
  await using server = await startTestBroker();
  await using bob = await WireClient.connect(server.port);
  await using alice = await WireClient.connect(server.port);
  bob.send(packet(0x82, uint16(1), field("t"), 1));
  expect(await bob.next()).toBe("9003000101");
  alice.send(packet(0x3a, field("t"), uint16(1), Buffer.from("x")));
  expect(await alice.next()).toBe("40020001");
  expect((await bob.next()).slice(0, 2)).toBe("32");
});

test("[MQTT-3.3.1-4] QoS 3 closes the connection", async () => {
  await using server = await startTestBroker();
  for (const first of [0x36, 0x37, 0x3e, 0x3f]) await closedAfterConnect(server, packet(first, field("t"), uint16(1)));
});

test("[MQTT-3.3.1-9] RETAIN is 0 in what an established subscription gets, whatever the publisher said", async () => {
  await using server = await startTestBroker();
  for (const filter of ["t", "+", "#"]) {
    for (const granted of [0, 1]) {
      await using bob = await WireClient.connect(server.port);
      bob.send(packet(0x82, uint16(1), field(filter), granted));
      expect(await bob.next()).toBe(`900300010${granted}`);
      await using alice = await WireClient.connect(server.port);
      alice.send(
        packet(0x31, field("t")),
        packet(0x33, field("t"), uint16(1)),
        packet(0x31, field("t"), Buffer.from("x")),
      );
      const firsts: string[] = [];
      for (let n = 0; n < 3; n++) firsts.push((await bob.next()).slice(0, 2));
      expect(firsts).toEqual(["30", granted === 1 ? "32" : "30", "30"]);
      alice.send(packet(0x31, field("t"))); // nothing is left for the next round, should it have been kept
      await alice.fence();
    }
  }
});

test("[MQTT-3.3.2-1] a PUBLISH without a topic, or with one that is not UTF-8, closes the connection", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x30));
  await closedAfterConnect(server, packet(0x30, 0));
  await closedAfterConnect(server, packet(0x32, uint16(1)));
  await closedAfterConnect(server, packet(0x30, field(ill)));
  await closedAfterConnect(server, packet(0x32, field([0x74, 0xff]), uint16(1)));
});

test("[MQTT-3.3.4-1] QoS 0 is not answered, QoS 1 by one PUBACK", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(
    packet(0x30, field("t")),
    packet(0x32, field("t"), uint16(5)),
    packet(0x30, field("t"), Buffer.from("x")),
  );
  expect(await client.fence()).toEqual(["40020005"]);
});

test("[MQTT-3.8.3-1] a filter that is not UTF-8 closes the connection, behind a good one too", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x82, uint16(1), field(ill), 0));
  await closedAfterConnect(server, packet(0x82, uint16(1), field("good"), 0, field(ill), 0));
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.8.3-3] a SUBSCRIBE without a filter, or with half of a pair, closes the connection", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x82, uint16(1)));
  await closedAfterConnect(server, packet(0x82));
  await closedAfterConnect(server, packet(0x82, uint16(1), field("t")));
  await closedAfterConnect(server, packet(0x82, uint16(1), field("t"), 0, field("u")));
});

test("[MQTT-3.8.3-4] reserved bits or QoS 3 in a SUBSCRIBE close the connection", async () => {
  await using server = await startTestBroker();
  for (let options = 3; options < 256; options++) {
    await closedAfterConnect(server, packet(0x82, uint16(1), field("t"), options));
  }
  await closedAfterConnect(server, packet(0x82, uint16(1), field("good"), 1, field("t"), 4));
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.8.4-1] [MQTT-3.8.4-2] SUBSCRIBE is answered by one SUBACK with its packet identifier", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(packet(0x82, uint16(0xabcd), field("a"), 0), packet(0x82, uint16(2), field("b"), 1, field("a"), 1));
  expect(await client.fence()).toEqual(["9003abcd00", "900400020101"]);
});

test("[MQTT-3.8.4-3] the same filter again replaces the subscription without a gap or a second copy", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  const count = 200;
  for (let n = 1; n <= count; n++) {
    alice.send(publishPacket("t", `${n}`));
    bob.send({ cmd: "subscribe", messageId: n, subscriptions: [{ topic: "t", qos: (n % 2) as 0 | 1 }] });
  }
  const seen: string[] = [];
  let answers = 0;
  while (seen.length < count || answers < count) {
    const next = await bob.next();
    if (next.cmd === "publish") seen.push(String(next.payload));
    else answers++;
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, index) => `${index + 1}`));
  expect(server.broker.stats().subscriptions).toBe(1);
  alice.send(publishPacket("t", "last", { qos: 1, messageId: 1 }));
  expect(await bob.expect("publish")).toMatchObject({ qos: 0 }); // the last one asked for QoS 0
});

test("[MQTT-3.8.4-4] several filters in one SUBSCRIBE do what they would one after the other, and are answered once", async () => {
  await using server = await startTestBroker();
  await using together = await WireClient.connect(server.port);
  await using apart = await WireClient.connect(server.port);
  const pairs: [string, number][] = [
    ["a/#", 1],
    ["t", 1],
    ["+", 0],
    ["t", 0],
    ["a/b", 0],
  ];
  together.send(packet(0x82, uint16(9), ...pairs.flatMap(([filter, qos]) => [field(filter), qos])));
  for (const [filter, qos] of pairs) apart.send(packet(0x82, uint16(9), field(filter), qos));
  const codes = (await apart.fence()).map((answer) => answer.slice(8)).join("");
  expect(await together.fence()).toEqual([`90070009${codes}`]);
  await using alice = await WireClient.connect(server.port);
  for (const topic of ["t", "a/b", "a", "u"]) alice.send(packet(0x32, field(topic), uint16(1)));
  expect(await alice.fence()).toHaveLength(4);
  const heard = await together.fence();
  expect(heard.length).toBeGreaterThan(0);
  expect(await apart.fence()).toEqual(heard);
});

test("[MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBACK has a code of 0, 1, 2 or 0x80 for each filter, in their order", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_who, _what, topic) => !topic.startsWith("no") },
  });
  await using client = await WireClient.connect(server.port);
  client.send(
    packet(
      0x82,
      uint16(1),
      field("no/a"),
      1,
      field("a"),
      0,
      field("b"),
      1,
      field("no/b"),
      0,
      field("c"),
      1,
      field("a"),
      1,
    ),
  );
  expect(await client.next()).toBe("90080001800001800101");
  client.send(packet(0x82, uint16(2), field("no/a"), 2));
  expect(await client.next()).toBe("9003000280");
  client.send(packet(0x82, uint16(3), field("d"), 2, field("e"), 0));
  expect(await client.next()).toMatch(/^90040003(00|01|02)00$/);
});

test("[MQTT-3.10.3-1] an UNSUBSCRIBE with a filter that is not UTF-8, or a gap, closes the connection", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0xa2, uint16(1), field(ill)));
  await closedAfterConnect(server, packet(0xa2, uint16(1), field("good"), field(ill)));
  await closedAfterConnect(server, packet(0xa2, uint16(1), field("good"), 0, field("u")));
});

test("[MQTT-3.10.3-2] an UNSUBSCRIBE without a filter closes the connection", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0xa2, uint16(1)));
  await closedAfterConnect(server, packet(0xa2));
});

test("[MQTT-3.10.4-1] UNSUBSCRIBE ends the filter that is the same to the character, and no other", async () => {
  await using server = await startTestBroker();
  await using client = await RawMqtt.connect(server.port);
  const held = ["a/+", "a/b", "#", "A/b", "a/b/", "a/#"];
  for (const filter of held) await client.subscribe(filter);
  const count = () => server.broker.stats().subscriptions;
  const unsubscribe = async (filter: string) => {
    client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: [filter] });
    await client.expect("unsuback");
  };
  for (const other of ["+/b", "a/c", "+", "a/B", "a", "a//b", "+/+"]) await unsubscribe(other);
  expect(count()).toBe(held.length);
  for (const [index, filter] of held.entries()) {
    await unsubscribe(filter);
    expect(count()).toBe(held.length - index - 1);
  }
});

test("[MQTT-3.10.4-2] after UNSUBACK no new message comes, on a route already in use too", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  for (const filter of ["a/b", "a/+", "a/#", "#"]) {
    await bob.subscribe(filter, 1);
    server.broker.publish("a/b", Buffer.from("before"), 0);
    await bob.expect("publish");
    bob.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: [filter] });
    await bob.expect("unsuback");
    for (const qos of [0, 1] as const) server.broker.publish("a/b", Buffer.from("after"), qos);
    expect(await bob.fence()).toEqual([]);
  }
});

test("[MQTT-3.10.4-3] a QoS 1 message already on its way when its subscription ends is still delivered", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  server.broker.publish("t", Buffer.from("begun"), 1);
  const { messageId } = await first.expect("publish");
  first.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["t"] });
  await first.expect("unsuback");
  await first.drop();
  await using again = await RawMqtt.connect(server.port, lasting);
  expect(await again.fence()).toMatchObject([{ cmd: "publish", messageId, dup: true }]);
  again.send({ cmd: "puback", messageId: messageId ?? 0 });
  await again.fence();
  await again.drop();
  await using third = await RawMqtt.connect(server.port, lasting);
  expect(await third.fence()).toEqual([]);
});

test("[MQTT-3.10.4-3] a QoS 2 message already on its way when its subscription ends is still handed over, once", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await using alice = await RawMqtt.connect(server.port);
  await first.subscribe("t", 2);
  alice.send({ cmd: "publish", topic: "t", payload: "begun", qos: 2, messageId: 9, dup: false, retain: false });
  await alice.expect("pubrec");
  alice.send({ cmd: "pubrel", messageId: 9 });
  await alice.expect("pubcomp");
  const { messageId = 0 } = await first.expect("publish");
  first.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["t"] });
  await first.expect("unsuback");
  await first.drop();
  await using again = await RawMqtt.connect(server.port, lasting);
  expect(await again.fence()).toMatchObject([{ cmd: "publish", messageId, qos: 2, dup: true }]);
  again.send({ cmd: "pubrec", messageId });
  expect(await again.expect("pubrel")).toMatchObject({ messageId });
  await again.drop();
  await using third = await RawMqtt.connect(server.port, lasting);
  expect(await third.fence()).toMatchObject([{ cmd: "pubrel", messageId }]);
  third.send({ cmd: "pubcomp", messageId });
  await third.fence();
  await third.drop();
  await using last = await RawMqtt.connect(server.port, lasting);
  expect(await last.fence()).toEqual([]);
});

test("[MQTT-3.10.4-4] [MQTT-3.10.4-5] UNSUBSCRIBE is answered with its packet identifier, even if nothing ended", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(packet(0xa2, uint16(0xabcd), field("never")));
  expect(await client.next()).toBe("b002abcd");
  client.send(
    packet(0x82, uint16(1), field("t"), 0),
    packet(0xa2, uint16(2), field("t")),
    packet(0xa2, uint16(3), field("t")),
  );
  expect(await client.fence()).toEqual(["9003000100", "b0020002", "b0020003"]);
});

test("[MQTT-3.10.4-6] several filters in one UNSUBSCRIBE all end, with one answer", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(packet(0x82, uint16(1), field("a"), 0, field("b"), 0, field("c"), 0));
  expect(await client.next()).toBe("90050001000000");
  client.send(packet(0xa2, uint16(2), field("a"), field("never"), field("a"), field("c")));
  client.send(...["a", "b", "c"].map((topic) => packet(0x30, field(topic))));
  expect(await client.fence()).toEqual(["b0020002", hex(packet(0x30, field("b")))]);
});

test("[MQTT-4.3.1-1] QoS 0 is sent as QoS 0 without DUP, byte for byte", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(packet(0x82, uint16(1), field("t"), 1));
  await client.next();
  for (const payload of ["", "x", "x".repeat(122), "x".repeat(123), "x".repeat(20_000)]) {
    const whole = packet(0x30, field("t"), Buffer.from(payload));
    client.send(whole);
    expect(await client.next()).toBe(hex(whole));
    server.broker.publish("t", Buffer.from(payload), 0);
    expect(await client.next()).toBe(hex(whole));
  }
});

test("[MQTT-4.3.2-1] QoS 1 is sent without DUP and with an unused identifier, and kept until its PUBACK", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  for (let n = 0; n < 100; n++) server.broker.publish("t", Buffer.from(`${n}`), 1);
  const sent = (await first.fence()) as IPublishPacket[];
  expect(sent.every(({ dup, qos }) => !dup && qos === 1)).toBe(true);
  expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(100);
  // Every third is acknowledged; an identifier nobody sent changes nothing.
  for (const [index, { messageId = 0 }] of sent.entries())
    if (index % 3 === 0) first.send({ cmd: "puback", messageId });
  first.send({ cmd: "puback", messageId: 60_000 });
  await first.fence();
  await first.drop();
  await using again = await RawMqtt.connect(server.port, lasting);
  const kept = sent.filter((_, index) => index % 3 !== 0);
  expect(await again.fence()).toMatchObject(kept.map(({ messageId }) => ({ messageId, dup: true, qos: 1 })));
});

test("[MQTT-4.3.2-2] after its PUBACK the same packet identifier is a new publication, with DUP too", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  await using alice = await RawMqtt.connect(server.port);
  for (const dup of [false, true, false, true]) {
    alice.send(publishPacket("t", `dup ${dup}`, { qos: 1, messageId: 7, dup }));
    expect(await alice.expect("puback")).toMatchObject({ messageId: 7 });
  }
  expect(texts(await bob.fence())).toEqual(["dup false", "dup true", "dup false", "dup true"]);
});

test("[MQTT-4.4.0-1] unacknowledged QoS 1 messages come again after a reconnect, under their identifiers, as often as it takes", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  for (const text of ["a", "b"]) server.broker.publish("t", Buffer.from(text), 1);
  const ids = (await first.fence()).map(({ messageId }) => messageId);
  await first.drop();
  for (let round = 0; round < 3; round++) {
    await until("the session to be left", () => server.broker.stats().connections === 0);
    await using again = await RawMqtt.connect(server.port, lasting);
    const seen = await again.fence();
    expect(texts(seen)).toEqual(["a", "b"]);
    expect(seen.map(({ messageId }) => messageId)).toEqual(ids);
    await again.drop();
  }
});

test("[MQTT-4.5.0-1] a message goes to every session with a matching subscription, and to no other", async () => {
  await using server = await startTestBroker();
  const filters = ["a/b", "a/+", "#", "+/+", "a/#", "b", "a/b/c", "+"];
  const clients: RawMqtt[] = [];
  for (const [index, filter] of filters.entries()) {
    const client = await RawMqtt.connect(server.port, { clientId: `c${index}`, clean: index % 2 === 0 });
    await client.subscribe(filter, 1);
    clients.push(client);
  }
  await using alice = await RawMqtt.connect(server.port);
  alice.send(publishPacket("a/b", "x", { qos: 1, messageId: 1 }));
  await alice.expect("puback"); // ownership
  const counts: number[] = [];
  for (const client of clients) {
    counts.push((await client.fence()).length);
    await client.drop();
  }
  expect(counts).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
});

test("[MQTT-4.6.0-1] what is sent again keeps the order of its first sending, though identifiers began anew in between", async () => {
  await using server = await startTestBroker();
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  const publish = async (count: number): Promise<IPublishPacket[]> => {
    for (let n = 0; n < count; n++) server.broker.publish("t", Buffer.from(`${n}`), 1);
    return (await first.fence()) as IPublishPacket[];
  };
  for (let used = 0; used < 65_000; used += 1000) {
    first.send(...(await publish(1000)).map(({ messageId = 0 }) => ({ cmd: "puback" as const, messageId })));
  }
  const ids = (await publish(800)).map(({ messageId = 0 }) => messageId);
  expect(ids.at(-1)).toBeLessThan(ids[0] ?? 0); // what follows relies on it
  first.send({ cmd: "puback", messageId: ids[5] ?? 0 });
  await first.fence();
  await first.drop();
  await using again = await RawMqtt.connect(server.port, lasting);
  const expected = ids.map((_, index) => `${index}`).filter((text) => text !== "5");
  expect(texts(await again.fence())).toEqual(expected);
});

test("[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 10 } });
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t/+", 1);
  await using alice = await RawMqtt.connect(server.port);
  const count = 1000;
  for (let n = 0; n < count; n++) {
    const qos = (n % 3 === 0 ? 0 : 1) as 0 | 1;
    alice.send(publishPacket(`t/${n % 2}`, `${n}`, qos === 0 ? {} : { qos, messageId: n + 1 }));
  }
  const seen = new Map<string, number[]>();
  for (let n = 0; n < count; n++) {
    const { topic, qos, payload, messageId } = await bob.expect("publish");
    const key = `${topic} ${qos}`;
    seen.set(key, [...(seen.get(key) ?? []), Number(String(payload))]);
    if (messageId !== undefined) bob.send({ cmd: "puback", messageId });
  }
  expect(seen.size).toBe(4);
  for (const order of seen.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
});
