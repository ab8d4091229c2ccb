/** SUBSCRIBE and UNSUBSCRIBE, shared subscriptions. MQTT 5.0 §§ 3.8–3.11 and 4.8. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import {
  ack5,
  Client5,
  disconnected,
  disconnectedFor,
  malformed,
  option,
  protocolError,
  publish5,
  subscribe5,
  texts,
  unsubscribe5,
} from "../../support/wire-v5.ts";

const lasting = { clientId: "phone", cleanStart: false, properties: { sessionExpiry: 1000 } };

async function vanish(server: TestBroker, client: Client5): Promise<void> {
  const before = server.broker.stats().connections;
  await client.drop();
  await until("the server to notice", () => server.broker.stats().connections < before);
}

test("[MQTT-3.8.3-1] a filter that is no string is malformed, behind a good one too", async () => {
  await using server = await startTestBroker();
  const ill = [0xed, 0xa0, 0x80];
  await disconnectedFor(server, malformed, subscribe5(1, [[ill, 0]]));
  const mixed = subscribe5(1, [
    ["good", 0],
    [ill, 0],
  ]);
  await disconnectedFor(server, malformed, mixed);
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.8.3-2] a SUBSCRIBE without a filter, or with half of a pair, closes the connection", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    subscribe5(1, []),
    packet(0x82),
    packet(0x82, uint16(1), 0, field("t")),
    packet(0x82, uint16(1), 0, field("t"), 0, field("u")),
    packet(0x82, uint16(1), 0, field("t"), 0, 0),
  ]) {
    await disconnectedFor(server, [malformed, protocolError], bad);
  }
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.8.3-3] with no local a client does not hear its own messages", async () => {
  await using server = await startTestBroker();
  let deaf = await Client5.connect(server.port, lasting);
  await deaf.subscribe("t", 1 | option.noLocal);
  await using other = await Client5.connect(server.port);
  await other.subscribe("t", 1);
  await deaf.publish("t", "own");
  expect(await other.take("publish")).toMatchObject({ payload: "own" });
  // The other's subscription has no such option.
  other.send(publish5("t", "other's", { qos: 1, packetId: 9 }));
  const heardAndTold = [(await other.next()).type, (await other.next()).type];
  expect(heardAndTold.toSorted()).toEqual(["puback", "publish"]);
  const heard = await deaf.take("publish");
  expect(heard).toMatchObject({ payload: "other's" });
  deaf.send(ack5("puback", heard.packetId));
  await deaf.leave();
  // The option belongs to the session, and a repeated subscription may take it back.
  deaf = await Client5.connect(server.port, lasting);
  await deaf.publish("t", "own again");
  expect(await deaf.fence()).toEqual([]);
  await deaf.subscribe("t", 0);
  deaf.send(publish5("t", "heard"));
  expect(await deaf.take("publish")).toMatchObject({ payload: "heard" });
  // An overlapping subscription without it hears.
  await deaf.subscribe("t", 0 | option.noLocal);
  await deaf.subscribe("+", 0);
  deaf.send(publish5("t", "overlapping"));
  expect(texts(await deaf.fence())).toEqual(["overlapping"]);
  await deaf.leave();
});

test("[MQTT-3.8.3-4] no local on a shared subscription is a protocol error", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, protocolError, subscribe5(1, [["$share/group/t", option.noLocal]]));
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.8.3-5] reserved bits, QoS 3 or retain handling 3 in the subscription options close the connection", async () => {
  await using server = await startTestBroker();
  for (let options = 0; options < 256; options++) {
    const good = options < 0x40 && (options & 3) !== 3 && (options & 0x30) !== 0x30;
    if (good) {
      await using client = await Client5.connect(server.port);
      expect(await client.subscribe("t", options)).toEqual([options & 3]);
    } else {
      const codes = options >= 0x40 ? malformed : [malformed, protocolError];
      await disconnectedFor(server, codes, subscribe5(1, [["t", options]]));
    }
  }
});

test("[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => !topic.startsWith("no") },
  });
  await using client = await Client5.connect(server.port);
  const filters = subscribe5(77, [
    ["a", 2],
    ["no/1", 2],
    ["b", 0],
    ["a", 1],
    ["no/2", 0],
    ["$share/group/c", 2],
  ]);
  client.send(filters);
  expect(await client.take("suback")).toMatchObject({ packetId: 77, reasonCodes: [2, 0x87, 0, 1, 0x87, 2] });
  expect(await client.fence()).toEqual([]);
});

test("[MQTT-3.8.4-3] the same filter again replaces the subscription without a gap or a second copy", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 0, { subscriptionIds: [1] });
  await using alice = await Client5.connect(server.port);
  const count = 200;
  for (let n = 0; n < count; n++) {
    alice.send(publish5("t", `${n}`));
    if (n % 10 === 0) bob.send(subscribe5(2, [["t", n % 20 === 0 ? 1 : 0]], { subscriptionIds: [n + 2] }));
  }
  await alice.fence();
  const seen = await bob.fence();
  expect(texts(seen)).toEqual(Array.from({ length: count }, (_, n) => `${n}`));
  expect(server.broker.stats().subscriptions).toBe(1);
  await bob.subscribe("t", 2, { subscriptionIds: [999] });
  await alice.publishExactly("t", "last");
  expect(await bob.take("publish")).toMatchObject({ qos: 2, properties: { subscriptionIds: [999] } });
  expect(await bob.fence()).toEqual([]);
});

test("[MQTT-3.8.4-5] several filters in one SUBSCRIBE do what they would one after the other, and are answered once", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  await alice.publish("a", "kept", { retain: true });
  await using bob = await Client5.connect(server.port);
  const filters = [
    ["a", 0],
    ["b", 1],
    ["a", 1],
    ["c", 0],
  ] as const;
  bob.send(subscribe5(1, filters, { subscriptionIds: [5] }));
  expect(await bob.take("suback")).toMatchObject({ reasonCodes: [0, 1, 1, 0] });
  // Retained messages come for each time the filter stands there, or once for its last.
  const kept = texts(await bob.fence());
  expect(kept.length).toBeGreaterThan(0);
  expect(new Set(kept)).toEqual(new Set(["kept"]));
  for (const topic of ["a", "b", "c"]) await alice.publish(topic, topic);
  const properties = { subscriptionIds: [5] };
  expect(await bob.take("publish")).toMatchObject({ topic: "a", qos: 1, properties });
  expect(await bob.take("publish")).toMatchObject({ topic: "b", qos: 1, properties });
  expect(await bob.take("publish")).toMatchObject({ topic: "c", qos: 0, properties });
  expect(await bob.fence()).toEqual([]);
});

test("[MQTT-3.8.4-8] a message is sent at the lower of the QoS it was published with and the QoS granted", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  for (const granted of [0, 1, 2]) {
    await using bob = await Client5.connect(server.port);
    await bob.subscribe("t", granted);
    alice.send(publish5("t", "0"));
    await alice.publish("t", "1");
    await alice.publishExactly("t", "2");
    for (const sent of [0, 1, 2]) {
      expect(await bob.take("publish")).toMatchObject({ payload: `${sent}`, qos: Math.min(sent, granted) });
    }
  }
});

test("[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK leave out what the client's maximum packet size has no room for", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => topic !== "secret" },
  });
  const { size } = (await Client5.connect(server.port)).connack;
  await using client = await Client5.connect(server.port, { properties: { maximumPacketSize: size } });
  client.send(subscribe5(1, [["secret", 0]]), unsubscribe5(2, ["never"]));
  for (const [type, code] of [
    ["suback", 0x87],
    ["unsuback", 0x11],
  ] as const) {
    const answer = await client.take(type);
    expect(answer.reasonCodes).toEqual([code]);
    expect(answer.size).toBeLessThanOrEqual(size);
  }
});

test("[MQTT-3.1.2-24] where SUBACK or UNSUBACK is larger than the client takes the connection is closed", async () => {
  await using server = await startTestBroker();
  const filters = Array.from({ length: 20 }, (_, n) => `t/${n}`);
  for (const packet of [
    subscribe5(
      1,
      filters.map((filter) => [filter, 0]),
    ),
    unsubscribe5(1, filters),
  ]) {
    for (const fields of [{}, { cleanStart: false, clientId: "kept" }]) {
      const properties = { maximumPacketSize: 20, sessionExpiry: "clientId" in fields ? 100 : 0 };
      await using client = await Client5.connect(server.port, { ...fields, properties });
      client.send(packet);
      const { before, disconnect } = await disconnected(client, 0x95);
      expect(before).toEqual([]);
      expect(disconnect.size).toBeLessThanOrEqual(20);
    }
  }
});

test("[MQTT-3.10.3-1] [MQTT-3.10.3-2] an UNSUBSCRIBE without a filter, or with one that is no string, closes the connection", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, malformed, unsubscribe5(1, [[0xed, 0xa0, 0x80]]));
  await disconnectedFor(server, malformed, unsubscribe5(1, ["good", [0xff]]));
  await disconnectedFor(server, malformed, packet(0xa2, uint16(1), 0, field("t"), 0));
  await disconnectedFor(server, [malformed, protocolError], unsubscribe5(1, []));
  await disconnectedFor(server, malformed, packet(0xa2));
});

test("[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  const filters = ["a/b", "a/+", "a/#", "A/b", "$share/group/a/b"];
  client.send(
    subscribe5(
      1,
      filters.map((filter) => [filter, 0] as const),
    ),
  );
  await client.take("suback");
  client.send(unsubscribe5(2, ["a/b", "a/b/", "a/b", "+/b", "$share/other/a/b", "$share/group/a/b"]));
  const { packetId, reasonCodes } = await client.take("unsuback");
  expect({ packetId, reasonCodes }).toEqual({ packetId: 2, reasonCodes: [0, 0x11, 0x11, 0x11, 0x11, 0] });
  expect(server.broker.stats().subscriptions).toBe(3);
  client.send(unsubscribe5(3, ["a/+", "a/#"]));
  expect(await client.take("unsuback")).toMatchObject({ reasonCodes: [0, 0] });
  client.send(publish5("a/b", "x"), publish5("A/b", "x"));
  expect((await client.fence()).map(({ topic }) => topic)).toEqual(["A/b"]);
});

test("[MQTT-3.10.4-2] after UNSUBACK no new message comes, on a route already in use too", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await using alice = await Client5.connect(server.port);
  for (const filter of ["t", "+", "#", "$share/group/t"]) {
    await bob.subscribe(filter, 1);
    await alice.publish("t", "heard");
    await bob.take("publish");
    bob.send(unsubscribe5(2, [filter]));
    await bob.take("unsuback");
    await alice.publish("t", "unheard");
    expect(await bob.fence()).toEqual([]);
  }
});

test("[MQTT-3.10.4-3] what is already on its way when its subscription ends is still delivered", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 2);
  await alice.publish("t", "one");
  await alice.publishExactly("t", "two");
  const one = await first.take("publish");
  const two = await first.take("publish");
  first.send(unsubscribe5(2, ["t"]));
  await first.take("unsuback");
  await vanish(server, first);
  await using again = await Client5.connect(server.port, lasting);
  expect(await again.take("publish")).toMatchObject({ payload: "one", packetId: one.packetId, dup: true });
  expect(await again.take("publish")).toMatchObject({ payload: "two", packetId: two.packetId, dup: true });
  again.send(ack5("puback", one.packetId), ack5("pubrec", two.packetId));
  expect(await again.take("pubrel")).toMatchObject({ packetId: two.packetId, reasonCode: 0 });
  again.send(ack5("pubcomp", two.packetId));
  expect(await again.fence()).toEqual([]);
});

test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared subscription's filter has a share name without wildcards, and a filter behind it", async () => {
  await using server = await startTestBroker();
  for (const filter of [
    "$share",
    "$share/",
    "$share//t",
    "$share/group",
    "$share/group/",
    "$share/a+/t",
    "$share/a#/t",
    "$share/+/t",
  ]) {
    await using client = await Client5.connect(server.port);
    client.send(subscribe5(1, [[filter, 0]]));
    // A failure in its slot of SUBACK, or the end of the connection.
    const answer = await client.next();
    if (answer.type === "suback") expect(answer.reasonCodes).toEqual([0x8f]);
    else expect([malformed, protocolError, 0x8f]).toContain(answer.reasonCode ?? 0);
  }
  expect(server.broker.stats().subscriptions).toBe(0);
  await using client = await Client5.connect(server.port);
  expect(await client.subscribe("$share/any name/t/#", 0)).toEqual([0]);
  await using alice = await Client5.connect(server.port);
  alice.send(publish5("t/1", "x"), publish5("$share/any name/t/1", "not this one"));
  await alice.fence();
  expect(texts(await client.fence())).toEqual(["x"]);
});

test("[MQTT-4.8.2-3] each member of a share is sent messages at its own granted QoS, and each message goes to one", async () => {
  await using server = await startTestBroker();
  const members: Client5[] = [];
  for (const qos of [0, 1, 2]) {
    const member = await Client5.connect(server.port);
    await member.subscribe("$share/group/t", qos);
    members.push(member);
  }
  await using other = await Client5.connect(server.port);
  await other.subscribe("$share/other/t", 0);
  await using alice = await Client5.connect(server.port);
  const sent: string[] = [];
  for (let n = 0; n < 30; n++) {
    sent.push(`${n}`);
    await alice.publishExactly("t", `${n}`);
  }
  const heard: (string | undefined)[] = [];
  for (const [qos, member] of members.entries()) {
    const packets = await member.fence();
    expect(packets.length).toBeGreaterThan(0);
    for (const each of packets) expect(each.qos).toBe(qos);
    heard.push(...texts(packets));
  }
  expect(heard.toSorted((a, b) => Number(a) - Number(b))).toEqual(sent);
  expect(texts(await other.fence())).toEqual(sent);
  // Together at the end, since what a member leaves unacknowledged may go to another.
  for (const member of members) await member.drop();
});

test("[MQTT-4.8.2-4] [MQTT-4.8.2-5] a QoS 2 message begun with one member of a share is finished with it, or with nobody", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const shared = "$share/group/t";
  const begin = async (payload: string) => {
    const member = await Client5.connect(server.port, lasting);
    await member.subscribe(shared, 2);
    await alice.publishExactly("t", payload);
    const { packetId } = await member.take("publish");
    await vanish(server, member);
    const other = await Client5.connect(server.port);
    await other.subscribe(shared, 2);
    return { packetId, other };
  };
  {
    const { packetId, other } = await begin("finished");
    await using back = await Client5.connect(server.port, lasting);
    expect(await back.take("publish")).toMatchObject({ packetId, payload: "finished", dup: true });
    back.send(ack5("pubrec", packetId));
    await back.take("pubrel");
    back.send(ack5("pubcomp", packetId));
    expect(await back.fence()).toEqual([]);
    expect(await other.fence()).toEqual([]);
    await other.leave();
    await back.leave(0, { sessionExpiry: 0 });
  }
  const { other } = await begin("nobody's");
  server.advance(2_000_000);
  await using back = await Client5.connect(server.port, lasting);
  expect(back.connack.sessionPresent).toBe(false);
  expect(await other.fence()).toEqual([]);
  await other.leave();
});

test("[MQTT-4.8.2-6] a message that one member of a share says no to goes to no other", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const members = [await Client5.connect(server.port), await Client5.connect(server.port)];
  for (const member of members) await member.subscribe("$share/group/t", 2);
  let refused = 0;
  for (let n = 0; n < 8; n++) {
    if (n % 2 === 0) await alice.publish("t", `${n}`);
    else await alice.publishExactly("t", `${n}`);
    for (const member of members) {
      for (const { qos, packetId } of await member.fence()) {
        refused++;
        member.send(ack5(qos === 1 ? "puback" : "pubrec", packetId, 0x83));
      }
    }
    for (const member of members) expect(await member.fence()).toEqual([]);
  }
  expect(refused).toBe(8);
  for (const member of members) await member.drop();
});
