/** The parts every packet has: flags, remaining length, packet identifier. MQTT 3.1.1 chapter 2, §§ 3.12, 3.14, 4.8, 7. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { connectPacket, publishPacket, RawMqtt } from "../../support/raw-mqtt.ts";
import { startTestBroker } from "../../support/test-broker.ts";
import { accepted, closedAfterConnect, connectBytes, pingreq, pingresp, WireClient } from "../../support/wire.ts";

/** One good packet of each type whose flags are fixed, with what answers it, if anything does. */
const fixedFlags: { good: Buffer; answer?: string }[] = [
  { good: packet(0x40, uint16(1)) },
  { good: packet(0x82, uint16(1), field("a"), 0), answer: "9003000100" },
  { good: packet(0xa2, uint16(1), field("a")), answer: "b0020001" },
  { good: pingreq, answer: pingresp },
];

/** `good` with each of the fifteen wrong values in the low half of its first byte. */
function wrongFlags(good: Buffer): Buffer[] {
  const first = good[0] ?? 0;
  const others = Array.from({ length: 16 }, (_, flags) => (first & 0xf0) | flags).filter((byte) => byte !== first);
  return others.map((byte) => Buffer.concat([Buffer.from([byte]), good.subarray(1)]));
}

test("[MQTT-2.2.2-1] every packet the server sends has the flags its type prescribes", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(
    packet(0x82, uint16(1), field("t"), 1),
    packet(0x33, field("t"), uint16(2)), // RETAIN is the publisher's, not the subscriber's
    packet(0xa2, uint16(3), field("t")),
  );
  // A retained message is acknowledged when it is on disk, and UNSUBACK leaves behind it.
  const answers = [accepted];
  while (!answers.at(-1)?.startsWith("b0")) answers.push(await client.next());
  expect(await client.fence()).toEqual([]);
  const firsts = [...answers, pingresp].map((answer) => answer.slice(0, 2));
  expect(firsts.toSorted()).toEqual(["20", "32", "40", "90", "b0", "d0"]);
});

test("[MQTT-2.2.2-2] wrong fixed header flags close the connection, the right ones are served", async () => {
  await using server = await startTestBroker();
  for (const { good, answer } of fixedFlags) {
    await using client = await WireClient.connect(server.port);
    client.send(good);
    if (answer !== undefined) expect(await client.next()).toBe(answer);
    expect(await client.fence()).toEqual([]);
    for (const bad of wrongFlags(good)) await closedAfterConnect(server, bad);
  }
});

test("[MQTT-2.3.1-1] packet identifier 0 closes the connection, and the server never uses it", async () => {
  await using server = await startTestBroker();
  await closedAfterConnect(server, packet(0x82, uint16(0), field("t"), 0));
  await closedAfterConnect(server, packet(0xa2, uint16(0), field("t")));
  await closedAfterConnect(server, packet(0x32, field("t"), uint16(0)));
  await using client = await RawMqtt.connect(server.port);
  await client.subscribe("t", 1);
  // Once round all there are, each acknowledged.
  for (let sent = 0; sent < 66_000; sent += 1000) {
    for (let n = 0; n < 1000; n++) server.broker.publish("t", Buffer.of(), 1);
    const ids = (await client.fence()).map(({ messageId = 0 }) => messageId);
    expect(ids).toHaveLength(1000);
    expect(ids).not.toContain(0);
    client.send(...ids.map((messageId) => ({ cmd: "puback" as const, messageId })));
  }
});

test("[MQTT-2.3.1-4] the server uses a packet identifier again only after its acknowledgement", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 32 } });
  await using client = await RawMqtt.connect(server.port);
  await client.subscribe("t", 1);
  const publish = (count: number) => {
    for (let n = 0; n < count; n++) server.broker.publish("t", Buffer.of(), 1);
  };
  const inUse = new Set<number>();
  const note = async () => {
    for (const { messageId = 0 } of await client.fence()) {
      expect(inUse.has(messageId)).toBe(false);
      inUse.add(messageId);
    }
  };
  publish(16);
  await note();
  // Half of them are never acknowledged, however often the others come round.
  const stuck = new Set([...inUse].filter((_, index) => index % 2 === 0));
  for (let round = 0; round < 5000; round++) {
    const free = [...inUse].filter((id) => !stuck.has(id));
    client.send(...free.map((messageId) => ({ cmd: "puback" as const, messageId })));
    for (const id of free) inUse.delete(id);
    publish(16);
    await note();
  }
  for (const id of stuck) expect(inUse.has(id)).toBe(true);
});

test("[MQTT-2.3.1-5] a QoS 0 PUBLISH has no packet identifier, one that came in at QoS 1 neither", async () => {
  await using server = await startTestBroker();
  await using bob = await WireClient.connect(server.port);
  await using alice = await WireClient.connect(server.port);
  bob.send(packet(0x82, uint16(1), field("t"), 0));
  expect(await bob.next()).toBe("9003000100");
  alice.send(packet(0x32, field("t"), uint16(7), Buffer.from("one")), packet(0x30, field("t"), Buffer.from("two")));
  expect(await alice.next()).toBe("40020007");
  expect(await bob.next()).toBe(packet(0x30, field("t"), Buffer.from("one")).toString("hex"));
  expect(await bob.next()).toBe(packet(0x30, field("t"), Buffer.from("two")).toString("hex"));
});

test("[MQTT-2.3.1-6] PUBACK carries the packet identifier of its PUBLISH, byte for byte", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  for (const id of [1, 255, 256, 0x1234, 65_535]) {
    client.send(packet(0x32, field("t"), uint16(id)));
    expect(await client.next()).toBe(packet(0x40, uint16(id)).toString("hex"));
  }
});

test("[MQTT-2.3.1-7] SUBACK and UNSUBACK carry the packet identifier of what they answer, byte for byte", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  for (const id of [1, 255, 256, 0x1234, 65_535]) {
    client.send(packet(0x82, uint16(id), field("t"), 0));
    expect(await client.next()).toBe(packet(0x90, uint16(id), 0).toString("hex"));
    client.send(packet(0xa2, uint16(id), field("t")));
    expect(await client.next()).toBe(packet(0xb0, uint16(id)).toString("hex"));
  }
});

test("[MQTT-3.6.1-1] PUBREL with other flags than 0010 closes the connection", async () => {
  await using server = await startTestBroker();
  for (const bad of wrongFlags(packet(0x62, uint16(1)))) await closedAfterConnect(server, bad);
});

test("[MQTT-3.8.1-1] SUBSCRIBE with other flags than 0010 closes the connection and subscribes nothing", async () => {
  await using server = await startTestBroker();
  for (const bad of wrongFlags(packet(0x82, uint16(1), field("t"), 0))) await closedAfterConnect(server, bad);
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.10.1-1] UNSUBSCRIBE with other flags than 0010 closes the connection", async () => {
  await using server = await startTestBroker();
  for (const bad of wrongFlags(packet(0xa2, uint16(1), field("t")))) await closedAfterConnect(server, bad);
});

test("[MQTT-3.12.4-1] every PINGREQ is answered by one PINGRESP", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.connect(server.port);
  client.send(pingreq, pingreq, pingreq);
  for (let n = 0; n < 3; n++) expect(await client.next()).toBe("d000");
  client.send(packet(0xa2, uint16(1), field("t"))); // a fence that is no ping
  expect(await client.next()).toBe("b0020001");
});

test("[MQTT-3.14.1-1] DISCONNECT with a reserved bit set is a protocol error, not a farewell", async () => {
  await using server = await startTestBroker();
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("will");
  const withWill = connectBytes({ flags: 2 | 4, payload: [field("id"), field("will"), field("x")] });
  for (const bad of wrongFlags(packet(0xe0))) {
    await using client = await WireClient.open(server.port);
    client.send(withWill, bad);
    expect(await client.closing()).toEqual([accepted]);
    expect(server.closeReasons.at(-1)).toBe("protocol_error");
    expect(await watcher.expect("publish")).toMatchObject({ topic: "will" });
  }
});

test("[MQTT-3.14.4-2] what a client sends after DISCONNECT is not obeyed", async () => {
  await using server = await startTestBroker();
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("t");
  await using client = await WireClient.connect(server.port);
  client.send(
    packet(0x30, field("t"), Buffer.from("before")),
    packet(0xe0),
    packet(0x30, field("t"), Buffer.from("after")),
  );
  expect(await client.closing()).toEqual([]);
  expect((await watcher.fence()).map((each) => each.cmd === "publish" && String(each.payload))).toEqual(["before"]);
});

test("[MQTT-4.8.0-1] a protocol violation closes the connection it came on, and no other", async () => {
  await using server = await startTestBroker();
  await using good = await RawMqtt.connect(server.port, { clientId: "good" });
  await good.subscribe("t", 1);
  const violations = [
    packet(0x00),
    packet(0xf0),
    packet(0x20, 0, 0), // CONNACK
    packet(0x90, uint16(1), 0), // SUBACK
    packet(0xb0, uint16(1)), // UNSUBACK
    packet(0xd0), // PINGRESP
    connectBytes(),
    packet(0x40, 1), // too short
    packet(0x40, uint16(1), 0), // too long
    packet(0xc0, 0),
    packet(0xe0, 0),
    Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), // a remaining length of five bytes
    packet(0x30, Buffer.from([0, 9, 0x61])), // a field longer than its packet
  ];
  for (const bad of violations) {
    await closedAfterConnect(server, bad);
    good.send(publishPacket("t", "still served"));
    expect(await good.expect("publish")).toMatchObject({ topic: "t" });
  }
  await until("only the good one to be left", () => server.broker.stats().connections === 1);
});

test("[MQTT-4.8.0-1] an acknowledgement of another QoS closes the connection, one that comes late or again does not", async () => {
  await using server = await startTestBroker();
  const [puback, pubrec, pubcomp] = [0x40, 0x50, 0x70];
  for (const [qos, before, wrong] of [
    [1, [], pubrec],
    [1, [], pubcomp],
    [2, [], puback],
    [2, [], pubcomp],
    [2, [pubrec], puback],
  ] as const) {
    await using client = await RawMqtt.connect(server.port);
    await client.subscribe("t", qos);
    server.broker.publish("t", Buffer.from("x"), qos);
    const { messageId = 0 } = await client.expect("publish");
    for (const first of [...before, wrong]) client.send(packet(first, uint16(messageId)));
    await client.whenClosed();
    expect(server.closeReasons.at(-1)).toBe("protocol_error");
  }
  // What both sides may hold of each other after a reconnect: acknowledged already, released already, not sent again yet.
  const lasting = { clientId: "late", clean: false } as const;
  const first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 2);
  for (const [text, qos] of Object.entries({ one: 1, two: 2, three: 2 } as const)) {
    server.broker.publish("t", Buffer.from(text), qos);
  }
  const ids: number[] = [];
  while (ids.length < 3) ids.push((await first.expect("publish")).messageId ?? 0);
  const [one = 0, two = 0, three = 0] = ids;
  first.send(packet(pubrec, uint16(two)));
  await first.expect("pubrel");
  await first.drop();
  await until("the server to notice", () => server.broker.stats().connections === 0);
  await using client = await RawMqtt.open(server.port);
  const late = [packet(puback, uint16(one)), packet(pubrec, uint16(two)), packet(pubrec, uint16(three))];
  const unknown = [packet(puback, uint16(4000)), packet(pubrec, uint16(4001)), packet(pubcomp, uint16(4002))];
  client.send(connectPacket(lasting), ...late, packet(puback, uint16(one)), ...unknown);
  const released = new Set<number>();
  while (released.size < 3) {
    const { cmd, messageId = 0 } = await client.next("PUBREL");
    if (cmd !== "pubrel") continue;
    released.add(messageId);
    client.send(packet(pubcomp, uint16(messageId)), packet(pubcomp, uint16(messageId)));
  }
  expect([...released].toSorted()).toEqual([two, three, 4001]);
  await client.fence();
});

test("[MQTT-7.1.1-1] the byte stream has no boundaries: packets cut anywhere and packets run together are the same", async () => {
  await using server = await startTestBroker();
  const conversation = Buffer.concat([
    connectBytes({ payload: [field("cut")] }),
    packet(0x82, uint16(1), field("t"), 1),
    packet(0x32, field("t"), uint16(2), Buffer.from("x".repeat(200))),
    packet(0xa2, uint16(3), field("t")),
    pingreq,
  ]);
  const answers: string[][] = [];
  for (const size of [1, 2, 3, 7, conversation.length]) {
    await using client = await WireClient.open(server.port);
    for (let at = 0; at < conversation.length; at += size) await client.sendAlone(conversation.subarray(at, at + size));
    const answer: string[] = [];
    while (answer.at(-1) !== pingresp) answer.push(await client.next());
    answers.push(answer);
  }
  expect(answers[0]).toHaveLength(6);
  for (const answer of answers) expect(answer.toSorted()).toEqual((answers[0] ?? []).toSorted());
});

test("[MQTT-4.8.0-2] a transient error while a packet is processed closes the connection it came on, and no other", async () => {
  await using server = await startTestBroker({
    service: {
      serves: (topic) => topic.startsWith("broken/"),
      intercept: (_session, { topic }) =>
        topic.startsWith("broken/") ? Promise.reject(new Error("the service is broken")) : undefined,
    },
  });
  await using bystander = await RawMqtt.connect(server.port);
  const lasting = () => RawMqtt.connect(server.port, { clientId: "phone", clean: false });
  for (const qos of [0, 1, 2] as const) {
    await using client = await RawMqtt.connect(server.port);
    client.send(publishPacket("broken/x", "x", qos === 0 ? {} : { qos, messageId: 1 }));
    await client.whenClosed();
    expect(client.received).toEqual([]);
  }
  // The store fails while it keeps a subscription, its end, a retained message and the id of a QoS 2 one.
  for (const bad of [
    packet(0x82, uint16(1), field("t"), 1),
    packet(0xa2, uint16(1), field("kept")),
    packet(0x33, field("t"), uint16(1), Buffer.from("x")),
    packet(0x34, field("t"), uint16(1)),
  ]) {
    await using client = await lasting();
    await client.subscribe("kept", 0);
    server.store.commit = () => Promise.reject(new Error("the disk is full"));
    client.send(bad);
    await client.whenClosed();
    expect(client.received).toEqual([]);
    server.store.commit = () => Promise.resolve();
    expect(await bystander.fence()).toEqual([]);
  }
});
