/** PUBACK, PUBREC, PUBREL, PUBCOMP and the protocols they belong to. MQTT 5.0 §§ 3.4–3.7, 4.3 and 4.4. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { packet, uint16 } from "../../support/packet-bytes.ts";
import { startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import {
  ack5,
  Client5,
  disconnected,
  disconnectedFor,
  malformed,
  type Packet5,
  protocolError,
  publish5,
  texts,
} from "../../support/wire-v5.ts";

const lasting = { clientId: "phone", cleanStart: false, properties: { sessionExpiry: 1000 } };

async function vanish(server: TestBroker, client: Client5): Promise<void> {
  const before = server.broker.stats().connections;
  await client.drop();
  await until("the server to notice", () => server.broker.stats().connections < before);
}

const brief = (packets: readonly Packet5[]) =>
  packets.map(({ type, packetId, payload, dup }) => `${type} ${payload ?? packetId}${dup ? " dup" : ""}`);

test("[MQTT-3.4.2-1] [MQTT-3.5.2-1] a publish is acknowledged with a reason code that says what became of it", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => topic !== "secret" },
  });
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("heard", 2);
  await using alice = await Client5.connect(server.port);
  for (const [topic, codes] of [
    ["heard", [0]],
    ["nobody", [0, 0x10]],
    ["secret", [0x87]],
  ] as const) {
    const { reasonCode } = await alice.publish(topic, "x");
    expect(codes as readonly number[]).toContain(reasonCode ?? -1);
    alice.send(publish5(topic, "x", { qos: 2, packetId: 2 }));
    const pubrec = await alice.take("pubrec");
    expect(codes as readonly number[]).toContain(pubrec.reasonCode ?? -1);
    if (topic === "secret") continue;
    alice.send(ack5("pubrel", 2));
    await alice.take("pubcomp");
  }
  // A client's own codes are read in the same way.
  for (const type of ["puback", "pubrec"] as const) {
    for (const bad of [1, 0x18, 0x92, 0xff]) {
      await disconnectedFor(server, [malformed, protocolError], ack5(type, 1, bad));
    }
  }
});

test("[MQTT-3.6.2-1] [MQTT-3.7.2-1] PUBREL and PUBCOMP for what nobody knows say that it was not found", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  client.send(ack5("pubrel", 4242));
  expect(await client.take("pubcomp")).toMatchObject({ packetId: 4242, reasonCode: 0x92 });
  client.send(ack5("pubrec", 4343));
  expect(await client.take("pubrel")).toMatchObject({ packetId: 4343, reasonCode: 0x92 });
  client.send(ack5("pubrel", 4242, 0x92), ack5("pubcomp", 4343, 0x92));
  expect(await client.take("pubcomp")).toMatchObject({ packetId: 4242 });
  for (const type of ["pubrel", "pubcomp"] as const) {
    for (const bad of [1, 0x10, 0x80, 0x87]) {
      await disconnectedFor(server, [malformed, protocolError], ack5(type, 1, bad));
    }
  }
});

test("[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => topic !== "secret" },
  });
  // The least in which CONNACK still fits.
  const { size } = (await Client5.connect(server.port)).connack;
  await using client = await Client5.connect(server.port, { properties: { maximumPacketSize: size } });
  client.send(
    publish5("secret", "", { qos: 1, packetId: 1 }),
    publish5("secret", "", { qos: 2, packetId: 2 }),
    ack5("pubrel", 3),
    ack5("pubrec", 4),
  );
  for (const [type, reasonCode] of [
    ["puback", 0x87],
    ["pubrec", 0x87],
    ["pubcomp", 0x92],
    ["pubrel", 0x92],
  ] as const) {
    const answer = await client.take(type);
    expect(answer.reasonCode).toBe(reasonCode);
    expect(answer.size).toBeLessThanOrEqual(size);
  }
});

test("[MQTT-4.3.1-1] QoS 0 is sent as QoS 0 without DUP, byte for byte", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  await client.subscribe("t", 2);
  for (const payload of ["", "x", "x".repeat(121), "x".repeat(122), "x".repeat(20_000)]) {
    client.send(publish5("t", payload));
    expect(await client.take("publish")).toMatchObject({ qos: 0, dup: false, payload });
    server.broker.publish("t", Buffer.from(payload), 0);
    expect(await client.take("publish")).toMatchObject({ qos: 0, dup: false, payload });
  }
});

test("[MQTT-4.3.2-2] [MQTT-4.3.2-3] QoS 1 is sent without DUP and kept until its PUBACK", async () => {
  await using server = await startTestBroker();
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 1);
  for (let n = 0; n < 100; n++) server.broker.publish("t", Buffer.from(`${n}`), 1);
  const sent: Packet5[] = [];
  while (sent.length < 100) sent.push(await first.take("publish"));
  expect(sent.every(({ dup, qos }) => dup === false && qos === 1)).toBe(true);
  // Every third is acknowledged; an identifier nobody sent changes nothing.
  for (const [index, { packetId }] of sent.entries()) if (index % 3 === 0) first.send(ack5("puback", packetId));
  first.send(ack5("puback", 60_000));
  await first.fence();
  await vanish(server, first);
  await using again = await Client5.connect(server.port, lasting);
  for (const { packetId, payload } of sent.filter((_, index) => index % 3 !== 0)) {
    expect(await again.take("publish")).toMatchObject({ packetId, payload, dup: true, qos: 1 });
  }
  expect(await again.fence()).toEqual([]);
});

test("[MQTT-4.3.2-5] after its PUBACK the same packet identifier is a new publication, with DUP too", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 1);
  await using alice = await Client5.connect(server.port);
  for (const dup of [false, true, false, true]) await alice.publish("t", `dup ${dup}`, { packetId: 7, dup });
  expect(texts(await bob.fence())).toEqual(["dup false", "dup true", "dup false", "dup true"]);
});

test("[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier", async () => {
  await using server = await startTestBroker();
  let client = await Client5.connect(server.port, lasting);
  await client.subscribe("t", 2);
  server.broker.publish("t", Buffer.from("exactly"), 2);
  const { packetId, dup } = await client.take("publish");
  expect(dup).toBe(false);
  for (let round = 0; round < 2; round++) {
    await vanish(server, client);
    client = await Client5.connect(server.port, lasting);
    expect(await client.take("publish")).toMatchObject({ packetId, payload: "exactly", qos: 2, dup: true });
  }
  client.send(ack5("pubrec", packetId));
  expect(await client.take("pubrel")).toMatchObject({ packetId, reasonCode: 0 });
  for (let round = 0; round < 2; round++) {
    await vanish(server, client);
    client = await Client5.connect(server.port, lasting);
    expect(await client.take("pubrel")).toMatchObject({ packetId, reasonCode: 0 });
    expect(await client.fence()).toEqual([]);
  }
  // A PUBREC that comes again is answered again.
  client.send(ack5("pubrec", packetId));
  expect(await client.take("pubrel")).toMatchObject({ packetId, reasonCode: 0 });
  client.send(ack5("pubcomp", packetId));
  await client.fence();
  await vanish(server, client);
  await using last = await Client5.connect(server.port, lasting);
  expect(await last.fence()).toEqual([]);
});

test("[MQTT-4.3.3-7] [MQTT-4.3.3-13] a message that was sent, or taken over, is not dropped when it expires", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 2);
  alice.send(publish5("t", "expiring", { qos: 2, packetId: 5, properties: { messageExpiry: 10 } }));
  await alice.take("pubrec");
  const { packetId } = await first.take("publish");
  await vanish(server, first);
  server.advance(60_000);
  alice.send(ack5("pubrel", 5));
  expect(await alice.take("pubcomp")).toMatchObject({ packetId: 5, reasonCode: 0 });
  await using again = await Client5.connect(server.port, lasting);
  expect(await again.take("publish")).toMatchObject({ packetId, payload: "expiring", dup: true });
  again.send(ack5("pubrec", packetId));
  expect(await again.take("pubrel")).toMatchObject({ packetId, reasonCode: 0 });
  again.send(ack5("pubcomp", packetId));
  expect(await again.fence()).toEqual([]);
});

test("[MQTT-4.3.3-9] after a PUBREC that says no the packet identifier is free", async () => {
  let open = false;
  await using server = await startTestBroker({
    identity: {
      authorize: (_principal, action) => action !== "publish" || open,
      permissionsVersion: () => (open ? 1 : 0),
    },
  });
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 2);
  await using alice = await Client5.connect(server.port, lasting);
  alice.send(publish5("t", "refused", { qos: 2, packetId: 5 }));
  expect(await alice.take("pubrec")).toMatchObject({ packetId: 5, reasonCode: 0x87 });
  open = true;
  alice.send(publish5("t", "taken", { qos: 2, packetId: 5 }));
  expect(await alice.take("pubrec")).toMatchObject({ packetId: 5, reasonCode: 0 });
  expect(texts(await bob.fence())).toEqual(["taken"]);
});

test("[MQTT-4.3.3-10] [MQTT-4.3.3-12] until PUBREL a packet identifier means a repeat, after PUBCOMP a new message", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 2);
  let alice = await Client5.connect(server.port, lasting);
  const send = async (payload: string, dup: boolean) => {
    alice.send(publish5("t", payload, { qos: 2, packetId: 5, dup }));
    expect(await alice.take("pubrec")).toMatchObject({ packetId: 5, reasonCode: 0 });
  };
  await send("one", false);
  await send("one", true);
  await send("one", false);
  // Over the end of a connection too.
  await vanish(server, alice);
  alice = await Client5.connect(server.port, lasting);
  await send("one", true);
  alice.send(ack5("pubrel", 5));
  expect(await alice.take("pubcomp")).toMatchObject({ packetId: 5, reasonCode: 0 });
  await send("two", true);
  alice.send(ack5("pubrel", 5), ack5("pubrel", 5));
  expect(await alice.take("pubcomp")).toMatchObject({ packetId: 5, reasonCode: 0 });
  expect([0, 0x92]).toContain((await alice.take("pubcomp")).reasonCode ?? -1);
  expect(texts(await bob.fence())).toEqual(["one", "two"]);
  await alice.leave();
});

test("[MQTT-4.4.0-1] [MQTT-4.6.0-1] what is unacknowledged is sent again when its session is resumed, in its order, and at no other time", async () => {
  await using server = await startTestBroker();
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 2);
  for (const [text, qos] of [
    ["a", 1],
    ["b", 2],
    ["c", 2],
    ["d", 1],
  ] as const) {
    server.broker.publish("t", Buffer.from(text), qos);
  }
  const ids: (number | undefined)[] = [];
  while (ids.length < 4) ids.push((await first.take("publish")).packetId);
  first.send(ack5("pubrec", ids[1]));
  await first.take("pubrel");
  server.advance(600_000);
  expect(await first.fence()).toEqual([]);
  await vanish(server, first);
  for (let round = 0; round < 3; round++) {
    const again = await Client5.connect(server.port, lasting);
    const sent = [await again.next(), await again.next(), await again.next(), await again.next()];
    expect(brief(sent).toSorted()).toEqual([`publish a dup`, `publish c dup`, `publish d dup`, `pubrel ${ids[1]}`]);
    expect(brief(sent.filter(({ type }) => type === "publish"))).toEqual([
      "publish a dup",
      "publish c dup",
      "publish d dup",
    ]);
    server.advance(600_000);
    expect(await again.fence()).toEqual([]);
    await vanish(server, again);
  }
});

test("[MQTT-4.4.0-2] a PUBACK or PUBREC that says no ends the matter", async () => {
  await using server = await startTestBroker();
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 2);
  for (const code of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
    server.broker.publish("t", Buffer.from("one"), 1);
    first.send(ack5("puback", (await first.take("publish")).packetId, code, { reasonString: "no" }));
    server.broker.publish("t", Buffer.from("two"), 2);
    first.send(ack5("pubrec", (await first.take("publish")).packetId, code));
  }
  // Nothing is released.
  expect(await first.fence()).toEqual([]);
  await vanish(server, first);
  await using again = await Client5.connect(server.port, lasting);
  expect(await again.fence()).toEqual([]);
});

test("[MQTT-4.13.1-1] an acknowledgement of another QoS is a protocol error", async () => {
  await using server = await startTestBroker();
  for (const [qos, before, wrong] of [
    [1, [], "pubrec"],
    [1, [], "pubcomp"],
    [2, [], "puback"],
    [2, [], "pubcomp"],
    [2, ["pubrec"], "puback"],
  ] as const) {
    for (const code of wrong === "pubcomp" ? [0, 0x92] : [0, 0x10, 0x80]) {
      await using client = await Client5.connect(server.port);
      await client.subscribe("t", qos);
      server.broker.publish("t", Buffer.from("x"), qos);
      const { packetId } = await client.take("publish");
      for (const type of before) client.send(ack5(type, packetId));
      client.send(ack5(wrong, packetId, code));
      await disconnected(client, protocolError);
    }
  }
});

test("[MQTT-4.13.1-1] an acknowledgement that is cut short or too long is malformed", async () => {
  await using server = await startTestBroker();
  for (const first of [0x40, 0x50, 0x62, 0x70]) {
    for (const bad of [
      packet(first),
      packet(first, 1),
      packet(first, uint16(1), 0, 5),
      packet(first, uint16(1), 0, 0, 0),
    ]) {
      await disconnectedFor(server, malformed, bad);
    }
    await using client = await Client5.connect(server.port);
    // All three forms are the same.
    for (const good of [packet(first, uint16(1)), packet(first, uint16(1), 0), packet(first, uint16(1), 0, 0)]) {
      client.send(good);
    }
    await client.fence();
    client.send(packet(0xc1));
    await disconnected(client, malformed);
  }
});
