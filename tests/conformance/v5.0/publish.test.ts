/** PUBLISH: flags, topics, properties, what subscribers get. MQTT 5.0 § 3.3. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { MemoryBrokerStore } from "../../support/memory-broker-store.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import {
  ack5,
  Client5,
  disconnected,
  disconnectedFor,
  malformed,
  option,
  type Packet5,
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

/** What a new subscription is sent at once. */
async function retainedFor(server: TestBroker, filter: string, options = 2): Promise<Packet5[]> {
  await using client = await Client5.connect(server.port);
  await client.subscribe(filter, options);
  return await client.fence();
}

test("[MQTT-3.3.1-1] what is sent again has DUP, what is new has not", async () => {
  await using server = await startTestBroker();
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 2);
  server.broker.publish("t", Buffer.from("one"), 1);
  server.broker.publish("t", Buffer.from("two"), 2);
  expect(await first.take("publish")).toMatchObject({ payload: "one", dup: false });
  expect(await first.take("publish")).toMatchObject({ payload: "two", dup: false });
  await vanish(server, first);
  for (let round = 0; round < 2; round++) {
    const again = await Client5.connect(server.port, lasting);
    expect(await again.take("publish")).toMatchObject({ payload: "one", dup: true });
    expect(await again.take("publish")).toMatchObject({ payload: "two", dup: true });
    server.broker.publish("t", Buffer.from("new"), 0);
    expect(await again.take("publish")).toMatchObject({ payload: "new", dup: false });
    await vanish(server, again);
  }
});

test("[MQTT-3.3.1-2] DUP at QoS 0 is malformed and never sent", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, malformed, publish5("t", "", { dup: true }));
  await disconnectedFor(server, malformed, publish5("t", "", { dup: true, retain: true }));
  await using low = await Client5.connect(server.port);
  await low.subscribe("t", 0);
  await using alice = await Client5.connect(server.port);
  await alice.publish("t", "x", { dup: true });
  expect(await low.take("publish")).toMatchObject({ qos: 0, dup: false });
});

test("[MQTT-3.3.1-3] the publisher's DUP is not passed on", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 2);
  await using alice = await Client5.connect(server.port);
  await alice.publish("t", "one", { dup: true });
  await alice.publishExactly("t", "two", { dup: true });
  expect(await bob.take("publish")).toMatchObject({ payload: "one", qos: 1, dup: false });
  expect(await bob.take("publish")).toMatchObject({ payload: "two", qos: 2, dup: false });
});

test("[MQTT-3.3.1-4] QoS 3 is malformed", async () => {
  await using server = await startTestBroker();
  for (const dup of [false, true]) {
    for (const retain of [false, true]) {
      await disconnectedFor(server, malformed, publish5("t", "", { qos: 3, dup, retain }));
    }
  }
});

test("[MQTT-3.3.1-5] a message with RETAIN replaces what its topic retained, at whatever QoS, with its properties", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const properties = { contentType: "text", userProperties: [["a", "b"]] as const };
  await alice.publish("t", "one", { retain: true });
  expect(await retainedFor(server, "t")).toMatchObject([{ payload: "one", qos: 1, retain: true }]);
  await alice.publishExactly("t", "two", { retain: true, properties });
  expect(await retainedFor(server, "t")).toMatchObject([{ payload: "two", qos: 2, retain: true, properties }]);
  alice.send(publish5("t", "three", { retain: true }));
  await alice.fence();
  const [last, ...more] = await retainedFor(server, "t");
  expect(more).toEqual([]);
  expect(last).toMatchObject({ payload: "three", qos: 0, retain: true });
  expect(last?.properties).toEqual({});
});

test("[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload with RETAIN removes what its topic retained, and is delivered as any other", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 1 | option.retainAsPublished);
  await using alice = await Client5.connect(server.port);
  await alice.publish("t", "x", { retain: true });
  await alice.publish("t", "", { retain: true, properties: { contentType: "nothing" } });
  expect(await bob.take("publish")).toMatchObject({ payload: "x", retain: true });
  expect(await bob.take("publish")).toMatchObject({ payload: "", retain: true });
  expect(await retainedFor(server, "t")).toEqual([]);
  expect(server.broker.stats().retainedMessages).toBe(0);
});

test("[MQTT-3.3.1-8] a message without RETAIN is neither kept nor touches what is", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  await alice.publish("none", "x");
  await alice.publish("t", "kept", { retain: true });
  await alice.publish("t", "passing");
  await alice.publish("t", "");
  expect(texts(await retainedFor(server, "#"))).toEqual(["kept"]);
});

test("[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription is sent what is retained", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  await alice.publish("t/1", "one", { retain: true });
  await alice.publish("t/2", "two", { retain: true });
  for (const [options, first, again] of [
    [0, 2, 2],
    [option.retainNew, 2, 0],
    [option.retainNever, 0, 0],
  ] as const) {
    await using bob = await Client5.connect(server.port);
    await bob.subscribe("t/+", options);
    expect(await bob.fence()).toHaveLength(first);
    await bob.subscribe("t/+", options | 1);
    expect(await bob.fence()).toHaveLength(again);
    // Once it has ended it is new again.
    bob.send(unsubscribe5(2, ["t/+"]));
    await bob.take("unsuback");
    await bob.subscribe("t/+", options);
    const sent = await bob.fence();
    expect(sent).toHaveLength(first);
    for (const { retain } of sent) expect(retain).toBe(true);
  }
  await disconnectedFor(server, [malformed, protocolError], subscribe5(1, [["t", 0x30]]));
});

test("[MQTT-3.3.1-12] [MQTT-3.3.1-13] retain as published decides about RETAIN in what an established subscription gets", async () => {
  await using server = await startTestBroker();
  await using plain = await Client5.connect(server.port);
  await plain.subscribe("t", 1);
  await using faithful = await Client5.connect(server.port);
  await faithful.subscribe("t", 1 | option.retainAsPublished);
  // One that asked for something else.
  await using numbered = await Client5.connect(server.port);
  await numbered.subscribe("t", 1, { subscriptionIds: [7] });
  await using alice = await Client5.connect(server.port);
  await alice.publish("t", "kept", { retain: true });
  await alice.publish("t", "passing");
  expect((await plain.fence()).map(({ retain }) => retain)).toEqual([false, false]);
  expect((await faithful.fence()).map(({ retain }) => retain)).toEqual([true, false]);
  expect((await numbered.fence()).map(({ retain }) => retain)).toEqual([false, false]);
  // A new subscription is sent RETAIN in any case.
  for (const options of [0, option.retainAsPublished]) {
    expect((await retainedFor(server, "t", options)).map(({ retain }) => retain)).toEqual([true]);
  }
});

test("[MQTT-3.3.2-1] a PUBLISH without a topic, or with one that is no string, is malformed", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, malformed, packet(0x30));
  await disconnectedFor(server, malformed, packet(0x30, 0));
  await disconnectedFor(server, malformed, packet(0x30, uint16(3), Buffer.from("to")));
  await disconnectedFor(server, malformed, publish5([0xed, 0xa0, 0x80]));
  await disconnectedFor(server, malformed, publish5([0x74, 0xff], "", { qos: 1 }));
});

test("[MQTT-3.3.2-2] [MQTT-4.7.0-1] a wildcard in a topic name is refused, and the server sends none itself", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("#");
  for (const topic of ["#", "+", "a/#", "a/+/b", "a#", "+a"]) {
    await disconnectedFor(server, [0x90, malformed, protocolError], publish5(topic));
  }
  expect(() => server.broker.publish("a/+", Buffer.of(), 0)).toThrow();
  expect(await bob.fence()).toEqual([]);
});

test("[MQTT-3.3.2-3] what reaches a subscriber has a topic its filter matches", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const topics = ["a", "a/b", "a/b/c", "/a", "a/", "b", "A", "a//b"];
  for (const [filter, expected] of [
    ["a", ["a"]],
    ["a/+", ["a/b", "a/"]],
    ["a/#", ["a", "a/b", "a/b/c", "a/", "a//b"]],
    ["+/a", ["/a"]],
    ["a/+/b", ["a//b"]],
    ["$share/group/a/+", ["a/b", "a/"]],
  ] as const) {
    await using bob = await Client5.connect(server.port);
    await bob.subscribe(filter);
    alice.send(...topics.map((topic) => publish5(topic)));
    await alice.fence();
    expect((await bob.fence()).map(({ topic = "" }) => topic)).toEqual([...expected]);
  }
});

const carried = {
  payloadFormat: 1,
  contentType: "text/\u00e9",
  responseTopic: "answers/\ufeff",
  correlationData: Buffer.from([0, 0xff, 0xed, 0xa0]),
  userProperties: [
    ["z", "1"],
    ["a", "2"],
    ["z", "3"],
    ["z", "1"],
    ["", ""],
  ] as const,
};

test("[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order", async () => {
  await using server = await startTestBroker();
  const absent = await Client5.connect(server.port, lasting);
  await absent.subscribe("t", 1);
  await absent.leave();
  await using first = await Client5.connect(server.port);
  await first.subscribe("t", 0);
  await using second = await Client5.connect(server.port, { properties: { topicAliasMaximum: 10 } });
  await second.subscribe("#", 2);
  await using shared = await Client5.connect(server.port);
  await shared.subscribe("$share/group/t", 1);
  await using alice = await Client5.connect(server.port);
  for (const payloadFormat of [0, 1]) {
    const properties = { ...carried, payloadFormat };
    await alice.publish("t", "x", { properties, retain: true });
    for (const client of [first, second, shared]) {
      const { properties: received } = await client.take("publish");
      const { topicAlias: _, ...rest } = received;
      expect(rest).toEqual(properties);
    }
  }
  expect((await retainedFor(server, "t"))[0]?.properties).toEqual(carried);
  await using back = await Client5.connect(server.port, lasting);
  expect((await back.take("publish")).properties).toEqual({ ...carried, payloadFormat: 0 });
  expect((await back.take("publish")).properties).toEqual(carried);
  // What has none gets none.
  await alice.publish("t", "bare");
  expect((await first.take("publish")).properties).toEqual({});
});

test("[MQTT-3.3.2-5] a message whose expiry interval has passed before its delivery began is dropped", async () => {
  const store = new MemoryBrokerStore();
  await using server = await startTestBroker({ store });
  const absent = await Client5.connect(server.port, lasting);
  await absent.subscribe("t", 2);
  await absent.leave();
  await using busy = await Client5.connect(server.port, { properties: { receiveMaximum: 1 } });
  await busy.subscribe("t", 1);
  await using alice = await Client5.connect(server.port);
  const expiring = (messageExpiry: number) => ({ properties: { messageExpiry } });
  await alice.publish("t", "first");
  await alice.publish("t", "short", expiring(10));
  await alice.publishExactly("t", "short", expiring(10));
  await alice.publish("t", "long", expiring(1000));
  await alice.publish("kept", "short", { ...expiring(10), retain: true });
  const { packetId } = await busy.take("publish");
  server.advance(30_000);
  busy.send(ack5("puback", packetId));
  expect(await busy.take("publish")).toMatchObject({ payload: "long" });
  expect(await retainedFor(server, "kept")).toEqual([]);
  await using back = await Client5.connect(server.port, lasting);
  expect(await back.take("publish")).toMatchObject({ payload: "first" });
  expect(await back.take("publish")).toMatchObject({ payload: "long" });
  expect(await back.fence()).toEqual([]);
});

test("[MQTT-3.3.2-6] the expiry interval is passed on less the time the message waited", async () => {
  const store = new MemoryBrokerStore();
  await using server = await startTestBroker({ store });
  const absent = await Client5.connect(server.port, lasting);
  await absent.subscribe("t", 1);
  await absent.leave();
  await using present = await Client5.connect(server.port);
  await present.subscribe("t", 1);
  await using alice = await Client5.connect(server.port);
  await alice.publish("t", "x", { properties: { messageExpiry: 1000 }, retain: true });
  expect((await present.take("publish")).properties).toEqual({ messageExpiry: 1000 });
  server.advance(300_000);
  const near = (expiry = 0) => expect(Math.abs(expiry - 700)).toBeLessThanOrEqual(3);
  near((await retainedFor(server, "t"))[0]?.properties.messageExpiry);
  const back = await Client5.connect(server.port, lasting);
  near((await back.take("publish")).properties.messageExpiry);
  await vanish(server, back);
  // After a restart too.
  await server.broker.stop();
  await using next = await startTestBroker({ store, clock: server.clock });
  near((await retainedFor(next, "t"))[0]?.properties.messageExpiry);
});

test("[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] response topic and content type are strings, and a response topic has no wildcards", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    [0xed, 0xa0, 0x80],
    [0x61, 0],
  ]) {
    for (const id of [0x08, 0x03]) {
      const properties = Buffer.concat([Buffer.from([id]), field(bad)]);
      await disconnectedFor(server, malformed, publish5("t", "", { properties }));
    }
  }
  for (const responseTopic of ["#", "a/+", "a/#"]) {
    await disconnectedFor(
      server,
      [protocolError, malformed, 0x90],
      publish5("t", "", { properties: { responseTopic } }),
    );
  }
});

test("[MQTT-3.3.2-1] an empty topic name needs a topic alias that has one", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, [protocolError, 0x90, malformed], publish5(""));
  await disconnectedFor(server, [protocolError, 0x94], publish5("", "", { properties: { topicAlias: 1 } }));
});

test("[MQTT-3.3.4-1] a PUBLISH is answered as its QoS demands: not at all, by PUBACK, or by PUBREC", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  client.send(publish5("t"), publish5("t", "", { qos: 1, packetId: 5 }));
  expect(await client.take("puback")).toMatchObject({ packetId: 5 });
  client.send(publish5("t"), publish5("t", "", { qos: 2, packetId: 6 }));
  expect(await client.take("pubrec")).toMatchObject({ packetId: 6 });
  expect(await client.fence()).toEqual([]);
});

test("[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions yield one copy at the highest QoS, with all their identifiers", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("a/b", 0, { subscriptionIds: [1] });
  await bob.subscribe("a/+", 2, { subscriptionIds: [268_435_455] });
  await bob.subscribe("a/#", 1);
  await bob.subscribe("#", 1, { subscriptionIds: [128] });
  await bob.subscribe("b", 1, { subscriptionIds: [2] });
  await using alice = await Client5.connect(server.port);
  for (const round of ["one", "two"]) {
    await alice.publishExactly("a/b", round);
    const heard = await bob.take("publish");
    expect(heard).toMatchObject({ payload: round, qos: 2 });
    expect(heard.properties.subscriptionIds?.toSorted((a, b) => a - b)).toEqual([1, 128, 268_435_455]);
    expect(await bob.fence()).toEqual([]);
  }
  // A subscription made again without an identifier has none; retained messages carry the one they are sent for.
  await bob.subscribe("a/+", 2);
  await bob.subscribe("#", 0 | option.retainNever);
  await alice.publish("a/b", "three", { retain: true });
  expect((await bob.take("publish")).properties.subscriptionIds).toEqual([1]);
  await bob.subscribe("+/b", 0, { subscriptionIds: [9] });
  expect((await bob.take("publish")).properties.subscriptionIds).toEqual([9]);
});

test("[MQTT-3.3.4-6] a client's PUBLISH with a subscription identifier is a protocol error", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t");
  const properties = { subscriptionIds: [1] };
  await disconnectedFor(server, [protocolError, malformed], publish5("t", "", { properties }));
  await disconnectedFor(server, [protocolError, malformed], publish5("t", "", { qos: 1, properties }));
  expect(await bob.fence()).toEqual([]);
});

test("[MQTT-3.3.4-7] a client with more unacknowledged messages than the server's receive maximum is told so", async () => {
  await using server = await startTestBroker({ limits: { inboundInflightMax: 3 } });
  await using client = await Client5.connect(server.port);
  expect(client.connack.properties.receiveMaximum).toBe(3);
  // As many as are allowed, again and again, are taken.
  for (let round = 0; round < 3; round++) {
    for (const packetId of [1, 2, 3]) {
      client.send(publish5("t", "", { qos: 2, packetId }));
      await client.take("pubrec");
    }
    // A repeated one is no more.
    client.send(publish5("t", "", { qos: 2, packetId: 3, dup: true }));
    await client.take("pubrec");
    for (const packetId of [1, 2, 3]) {
      client.send(ack5("pubrel", packetId));
      await client.take("pubcomp");
    }
  }
  for (const packetId of [1, 2, 3]) {
    client.send(publish5("t", "", { qos: 2, packetId }));
    await client.take("pubrec");
  }
  client.send(publish5("t", "", { qos: 2, packetId: 4 }));
  await disconnected(client, 0x93);
});

test("[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  for (const receiveMaximum of [1, 2, 5]) {
    await using bob = await Client5.connect(server.port, { properties: { receiveMaximum } });
    await bob.subscribe("t", 2);
    for (let n = 0; n < 10; n++) {
      if (n % 2 === 0) await alice.publish("t", `${n}`);
      else await alice.publishExactly("t", `${n}`);
    }
    const waiting = await bob.fence();
    expect(texts(waiting)).toEqual(Array.from({ length: receiveMaximum }, (_, n) => `${n}`));
    // At QoS 0, and whatever is not PUBLISH, passes.
    alice.send(publish5("t", "zero"));
    await alice.fence();
    expect(texts(await bob.fence())).toEqual(["zero"]);
    bob.send(subscribe5(9, [["u", 0]]), publish5("u", "own", { qos: 1, packetId: 9 }), unsubscribe5(10, ["u"]));
    const answers: string[] = [];
    while (answers.length < 4) answers.push((await bob.next()).type);
    expect(answers.toSorted()).toEqual(["puback", "publish", "suback", "unsuback"]);
    // Each acknowledgement lets one more through; PUBREC alone does not, one that says no does.
    let next = receiveMaximum;
    while (waiting.length > 0) {
      const { packetId, qos, payload } = waiting.shift() ?? {};
      if (qos === 1) {
        bob.send(ack5("puback", packetId));
      } else if (payload === "3") {
        bob.send(ack5("pubrec", packetId, 0x80));
      } else {
        bob.send(ack5("pubrec", packetId));
        expect(await bob.fence()).toMatchObject([{ type: "pubrel", packetId }]);
        bob.send(ack5("pubcomp", packetId));
      }
      const more = await bob.fence();
      expect(texts(more)).toEqual(next < 10 ? [`${next++}`] : []);
      waiting.push(...more);
    }
  }
});
