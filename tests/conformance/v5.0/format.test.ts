/** Strings, integers, flags, packet identifiers and properties. MQTT 5.0 chapters 1 and 2, §§ 3.12 and 4.2. */
import { expect, test } from "bun:test";
import { field, packet, uint16, uint32, varint } from "../../support/packet-bytes.ts";
import { startTestBroker } from "../../support/test-broker.ts";
import { pingreq } from "../../support/wire.ts";
import {
  ack5,
  auth5,
  block,
  Client5,
  connect5,
  disconnect5,
  disconnectedFor,
  malformed,
  protocolError,
  publish5,
  refused,
  subscribe5,
  texts,
  unsubscribe5,
} from "../../support/wire-v5.ts";

/** Ill-formed: surrogates, an overlong form, beyond U+10FFFF, cut short, no start of a character. */
const illFormed = [
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0x61, 0xe2, 0x82],
  [0xff],
];

/** CONNECT packets with `text` in each of their strings. */
function connectsWith(text: readonly number[]): Buffer[] {
  return [
    connect5({ clientId: text }),
    connect5({ username: text }),
    connect5({ will: { topic: text } }),
    connect5({ will: { topic: "t", properties: Buffer.concat([Buffer.from([0x03]), field(text)]) } }),
    connect5({ will: { topic: "t", properties: Buffer.concat([Buffer.from([0x08]), field(text)]) } }),
    connect5({ properties: Buffer.concat([Buffer.from([0x15]), field(text)]) }),
  ];
}

/** Packets after CONNECT with `text` in each of their strings. */
function packetsWith(text: readonly number[]): Buffer[] {
  const contentType = Buffer.concat([Buffer.from([0x03]), field(text)]);
  const responseTopic = Buffer.concat([Buffer.from([0x08]), field(text)]);
  const reasonString = Buffer.concat([Buffer.from([0x1f]), field(text)]);
  return [
    publish5(text),
    publish5("t", "", { properties: contentType }),
    publish5("t", "", { properties: responseTopic }),
    subscribe5(1, [[text, 0]]),
    unsubscribe5(1, [text]),
    disconnect5(0, reasonString),
  ];
}

test("[MQTT-1.5.4-1] a string that is not well-formed UTF-8 is malformed, in whatever packet it stands", async () => {
  await using server = await startTestBroker();
  for (const text of illFormed) for (const connect of connectsWith(text)) await refused(server, malformed, connect);
  for (const text of illFormed) for (const each of packetsWith(text)) await disconnectedFor(server, malformed, each);
});

test("[MQTT-1.5.4-2] a string with U+0000 is malformed, in whatever packet it stands", async () => {
  await using server = await startTestBroker();
  for (const connect of connectsWith([0x61, 0, 0x62])) await refused(server, malformed, connect);
  for (const each of packetsWith([0x61, 0, 0x62])) await disconnectedFor(server, malformed, each);
});

test("[MQTT-1.5.4-3] U+FEFF is a character like any other, in topics, properties and client ids", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port, { clientId: "\ufeffphone" });
  await using _other = await Client5.connect(server.port, { clientId: "phone" });
  await client.subscribe("\ufefft", 0);
  const properties = { contentType: "\ufefftype", responseTopic: "r\ufeff" };
  client.send(publish5("t", "without"), publish5("\ufefft", "\ufeffwith", { properties }));
  const [heard, ...more] = await client.fence();
  expect(more).toEqual([]);
  expect(heard).toMatchObject({ topic: "\ufefft", payload: "\ufeffwith", properties });
});

test("[MQTT-1.5.5-1] a variable byte integer with needless or endless bytes is malformed", async () => {
  await using server = await startTestBroker();
  const long = (value: number) => Buffer.from([value | 0x80, 0]);
  // Of the properties' length, of a subscription identifier, of a property's own identifier, of the whole packet.
  const name = connect5().subarray(2, 12);
  await refused(server, malformed, packet(0x10, name, long(0), field("id")));
  for (const each of [
    packet(0x30, field("t"), long(0)),
    packet(0x30, field("t"), Buffer.from([0x80, 0x80, 0x80, 0x80, 0])),
    packet(0x82, uint16(1), block(Buffer.concat([Buffer.from([0x0b]), long(5)])), field("t"), 0),
    packet(0x30, field("t"), block(Buffer.concat([long(1), Buffer.from([0])]))),
    Buffer.from([0x30, 0x84, 0x00, 0, 1, 0x74, 0]),
    Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
  ]) {
    await disconnectedFor(server, malformed, each);
  }
  await using client = await Client5.connect(server.port);
  // The lengths around each border are read, and written in the shortest form (the reader of these tests sees to it).
  await client.subscribe("t", 0);
  for (const length of [0, 122, 123, 124, 16_378, 16_379, 16_380]) {
    client.send(publish5("t", "x".repeat(length)));
    expect((await client.take("publish")).payload).toHaveLength(length);
  }
  expect(varint(128).toString("hex")).toBe("8001");
});

test("[MQTT-1.5.7-1] both halves of a string pair are strings", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    [0xed, 0xa0, 0x80],
    [0x61, 0],
  ]) {
    for (const [name, value] of [
      [bad, []],
      [[0x61], bad],
    ] as const) {
      const pair = Buffer.concat([Buffer.from([0x26]), field(name), field(value)]);
      await refused(server, malformed, connect5({ properties: pair }));
      await disconnectedFor(server, malformed, publish5("t", "", { properties: pair }));
      await disconnectedFor(server, malformed, subscribe5(1, [["t", 0]], pair));
    }
  }
});

test("[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.6.1-1] wrong fixed header flags are malformed, the right ones are served", async () => {
  await using server = await startTestBroker();
  const good = [
    ack5("puback", 1),
    ack5("pubrec", 1),
    ack5("pubrel", 1),
    ack5("pubcomp", 1),
    subscribe5(1, [["t", 0]]),
    unsubscribe5(1, ["t"]),
    pingreq,
  ];
  for (const each of good) {
    await using client = await Client5.connect(server.port);
    client.send(each);
    await client.fence();
    const right = each[0] ?? 0;
    for (let flags = 0; flags < 16; flags++) {
      const first = (right & 0xf0) | flags;
      if (first !== right) {
        await disconnectedFor(server, malformed, Buffer.concat([Buffer.from([first]), each.subarray(1)]));
      }
    }
  }
  // MQTT 3.1 does not use these flags of CONNECT, so they are judged with its version.
  for (let flags = 1; flags < 16; flags++) await refused(server, malformed, connect5({ first: 0x10 | flags }));
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-2.2.1-2] a QoS 0 PUBLISH has no packet identifier, one that came in at QoS 1 neither", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await using alice = await Client5.connect(server.port);
  await bob.subscribe("t", 0);
  // Two bytes behind the topic are the length of properties and more, not an identifier.
  alice.send(publish5("t", "zero"));
  await alice.publish("t", "one", { packetId: 7 });
  for (const payload of ["zero", "one"]) {
    const heard = await bob.take("publish");
    expect(heard).toMatchObject({ qos: 0, payload });
    expect(heard.packetId).toBeUndefined();
    expect(heard.size).toBe(2 + 3 + 1 + payload.length);
  }
});

test("[MQTT-2.2.1-3] packet identifier 0 is no identifier, and closes the connection", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    subscribe5(0, [["t", 0]]),
    unsubscribe5(0, ["t"]),
    publish5("t", "", { qos: 1, packetId: 0 }),
    publish5("t", "", { qos: 2, packetId: 0 }),
  ]) {
    await disconnectedFor(server, [malformed, protocolError], bad);
  }
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] the server gives each new message an identifier that is not 0 and not in use", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 32 } });
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("one", 1);
  await bob.subscribe("two", 2);
  const inUse = new Set<number>();
  const note = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const { packetId = 0 } = await bob.take("publish");
      expect(inUse.has(packetId)).toBe(false);
      inUse.add(packetId);
    }
  };
  const publish = (count: number) => {
    for (let n = 0; n < count; n++)
      server.broker.publish(n % 2 === 0 ? "one" : "two", Buffer.of(), n % 2 === 0 ? 1 : 2);
  };
  publish(16);
  await note(16);
  // Half of them are never acknowledged, however often the others come round all 65,535.
  const stuck = new Set([...inUse].filter((_, index) => index % 4 < 2));
  for (let round = 0; round < 4600; round++) {
    const free = [...inUse].filter((id) => !stuck.has(id));
    for (const [index, id] of free.entries()) {
      // At QoS 2 the whole exchange, the server's PUBREL among what comes next.
      bob.send(index % 2 === 0 ? ack5("puback", id) : Buffer.concat([ack5("pubrec", id), ack5("pubcomp", id)]));
      inUse.delete(id);
    }
    await bob.fence();
    publish(16);
    await note(16);
  }
  for (const id of stuck) expect(inUse.has(id)).toBe(true);
});

test("[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements carry the identifier of their PUBLISH", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  for (const packetId of [1, 255, 256, 0x1234, 65_535]) {
    client.send(publish5("t", "", { qos: 1, packetId }));
    expect(await client.take("puback")).toMatchObject({ packetId });
    client.send(publish5("t", "", { qos: 2, packetId }));
    expect(await client.take("pubrec")).toMatchObject({ packetId });
    client.send(ack5("pubrel", packetId));
    expect(await client.take("pubcomp")).toMatchObject({ packetId, reasonCode: 0 });
  }
});

test("[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] SUBACK and UNSUBACK carry the identifier of what they answer, even if nothing ended", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  for (const packetId of [1, 255, 256, 0x1234, 65_535]) {
    client.send(subscribe5(packetId, [["t", 0]]));
    expect(await client.take("suback")).toMatchObject({ packetId, reasonCodes: [0] });
    client.send(unsubscribe5(packetId, ["t"]), unsubscribe5(packetId, ["t"]));
    expect(await client.take("unsuback")).toMatchObject({ packetId, reasonCodes: [0] });
    expect(await client.take("unsuback")).toMatchObject({ packetId, reasonCodes: [0x11] });
  }
});

test("[MQTT-2.2.2-1] a packet without properties says so by a length of zero", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  await client.subscribe("t", 0);
  client.send(publish5("t", ""));
  expect(await client.take("publish")).toMatchObject({ size: 2 + 3 + 1 });
  // Without the length there is no such packet.
  for (const bad of [
    packet(0x30, field("t")),
    packet(0x82, uint16(1)),
    packet(0xa2, uint16(1)),
    packet(0x82, uint16(1), field("t"), 0),
    packet(0xa2, uint16(1), field("t")),
  ]) {
    await disconnectedFor(server, [malformed, protocolError], bad);
  }
  await refused(server, [malformed, protocolError], packet(0x10, field("MQTT"), 5, 2, uint16(0), field("id")));
});

test("[MQTT-4.13.1-1] properties that are unknown, in the wrong packet, there twice, cut short or out of range close the connection", async () => {
  await using server = await startTestBroker();
  const bytes = (...parts: (Buffer | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));
  const any = [malformed, protocolError];
  for (const properties of [
    bytes(0x7f, 0),
    bytes(0x00),
    bytes(0x23, uint16(1)), // a topic alias
    bytes(0x11, uint32(1), 0x11, uint32(2)),
    bytes(0x21, uint16(1), 0x21, uint16(1)),
    bytes(0x11, uint16(1)),
    bytes(0x21, uint16(0)),
    bytes(0x27, uint32(0)),
    bytes(0x17, 2),
    bytes(0x19, 2),
    bytes(0x16, field("data without a method")),
  ]) {
    await refused(server, any, connect5({ properties }));
  }
  for (const properties of [bytes(0x01, 2), bytes(0x18, uint32(1), 0x18, uint32(1)), bytes(0x11, uint32(1))]) {
    await refused(server, any, connect5({ will: { topic: "t", properties } }));
  }
  for (const bad of [
    publish5("t", "", { properties: bytes(0x7f, 0) }),
    publish5("t", "", { properties: bytes(0x01, 2) }),
    publish5("t", "", { properties: bytes(0x01, 0, 0x01, 0) }),
    publish5("t", "", { properties: bytes(0x02, uint32(1), 0x02, uint32(1)) }),
    publish5("t", "", { properties: bytes(0x11, uint32(1)) }),
    packet(0x30, field("t"), varint(20), 0x02, uint32(1)),
    packet(0x30, field("t"), varint(3), 0x02, uint32(1)),
    subscribe5(1, [["t", 0]], bytes(0x0b, 0)),
    subscribe5(1, [["t", 0]], bytes(0x0b, 1, 0x0b, 2)),
    subscribe5(1, [["t", 0]], bytes(0x01, 0)),
    unsubscribe5(1, ["t"], bytes(0x0b, 1)),
    ack5("puback", 1, 0, bytes(0x11, uint32(1))),
    disconnect5(0, bytes(0x21, uint16(1))),
    packet(0x00),
    packet(0x20, 0, 0, 0),
    packet(0x90, uint16(1), 0, 0),
    packet(0xb0, uint16(1), 0, 0),
    packet(0xd0),
  ]) {
    await disconnectedFor(server, any, bad);
  }
});

test("[MQTT-3.12.4-1] every PINGREQ is answered by one PINGRESP", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  client.send(...Array.from({ length: 100 }, () => pingreq));
  for (let n = 0; n < 100; n++) await client.take("pingresp");
  expect(await client.fence()).toEqual([]);
});

test("[MQTT-3.15.1-1] AUTH with any flag is malformed", async () => {
  await using server = await startTestBroker();
  for (let flags = 1; flags < 16; flags++) {
    const auth = auth5(0x19, { authenticationMethod: "TEST-ECHO" });
    await disconnectedFor(server, malformed, Buffer.concat([Buffer.from([0xf0 | flags]), auth.subarray(1)]));
  }
});

test("[MQTT-4.2.0-1] the byte stream has no boundaries: packets cut anywhere and packets run together are the same", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 1);
  const properties = { contentType: "text", userProperties: [["name", "value"]] as const };
  const whole = Buffer.concat([
    connect5({ properties: { sessionExpiry: 5 } }),
    subscribe5(1, [["never", 0]]),
    publish5("t", "cut", { qos: 1, packetId: 2, properties }),
    pingreq,
  ]);
  for (let cut = 1; cut < whole.length; cut++) {
    await using alice = await Client5.open(server.port);
    await alice.sendAlone(whole.subarray(0, cut));
    alice.send(whole.subarray(cut));
    expect((await alice.take("connack")).reasonCode).toBe(0);
    const answers = [(await alice.next()).type, (await alice.next()).type, (await alice.next()).type];
    expect(answers.toSorted()).toEqual(["pingresp", "puback", "suback"]);
    const heard = await bob.take("publish");
    expect(heard).toMatchObject({ payload: "cut", properties });
    bob.send(ack5("puback", heard.packetId));
  }
  await using alice = await Client5.connect(server.port);
  alice.send(...Array.from({ length: 50 }, (_, n) => publish5("t", `${n}`)));
  await alice.fence();
  expect(texts(await bob.fence())).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
});
