/** CONNECT, with what it decides: session, will, keep alive, what the server may send. MQTT 5.0 §§ 3.1 and 4.1. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { MemoryBrokerStore } from "../../support/memory-broker-store.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import { pingreq, WireClient } from "../../support/wire.ts";
import {
  ack5,
  auth5,
  block,
  Client5,
  type Connect5,
  connect5,
  disconnect5,
  disconnected,
  disconnectedFor,
  flag,
  malformed,
  protocolError,
  publish5,
  refused,
  subscribe5,
  texts,
  unsubscribe5,
} from "../../support/wire-v5.ts";

const will = { topic: "will", payload: "gone" };
const lasting = { clientId: "phone", cleanStart: false, properties: { sessionExpiry: 100 } } satisfies Connect5;

async function watch(server: TestBroker, filter: string, options = 1): Promise<Client5> {
  const watcher = await Client5.connect(server.port);
  await watcher.subscribe(filter, options);
  return watcher;
}

/** Goes without DISCONNECT, and waits until the server knows. */
async function vanish(server: TestBroker, client: Client5): Promise<void> {
  const before = server.broker.stats().connections;
  await client.drop();
  await until("the server to notice", () => server.broker.stats().connections < before);
}

/** Connects with `fields` and goes without DISCONNECT. */
async function die(server: TestBroker, fields: Connect5): Promise<void> {
  await vanish(server, await Client5.connect(server.port, fields));
}

test("[MQTT-3.1.0-1] a first packet of any type but CONNECT closes the connection", async () => {
  await using server = await startTestBroker();
  for (const first of [
    publish5("t"),
    ack5("puback", 1),
    subscribe5(1, [["t", 0]]),
    unsubscribe5(1, ["t"]),
    pingreq,
    disconnect5(),
    auth5(0x18, { authenticationMethod: "TEST-ECHO" }),
  ]) {
    await using client = await WireClient.open(server.port);
    client.send(first);
    expect(await client.closing()).toEqual([]);
  }
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.1.0-2] [MQTT-3.2.0-2] a second CONNECT is a protocol error, even if it repeats the first, and gets no CONNACK", async () => {
  await using server = await startTestBroker();
  const connect = connect5({ clientId: "same" });
  await using client = await Client5.open(server.port);
  client.send(connect, connect);
  const { before } = await disconnected(client, protocolError);
  expect(before).toMatchObject([{ type: "connack", reasonCode: 0 }]);
});

test("[MQTT-3.1.2-1] a CONNECT of another protocol's name is not served as MQTT", async () => {
  await using server = await startTestBroker();
  for (const name of ["MQTU", "mqtt", "MQT", "MQTTT", "", "HTTP"]) {
    await using client = await WireClient.open(server.port);
    client.send(connect5({ name }), pingreq);
    // Nothing, or that the version is not supported.
    for (const answer of await client.closing()) expect(answer).toMatch(/^20030[01]84/);
  }
});

test("[MQTT-3.1.2-2] an unknown protocol version is refused and closed", async () => {
  await using server = await startTestBroker();
  for (const level of [0, 6, 0x7f, 0x85, 255]) {
    await using client = await WireClient.open(server.port);
    client.send(connect5({ level }), pingreq);
    // At most one refusal, in the words of MQTT 3.1.1 or 5.
    const answers = await client.closing();
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const answer of answers) expect(answer).toMatch(/^(20020001$|20..0084)/);
  }
});

test("[MQTT-3.1.2-3] the reserved connect flag is malformed", async () => {
  await using server = await startTestBroker();
  await refused(server, malformed, connect5({ flags: (set) => set | flag.reserved }));
});

test("[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed", async () => {
  await using server = await startTestBroker();
  // In order: was it there, and is the subscription made at the first CONNECT of each session still in it.
  const rounds = [
    { cleanStart: false, present: false },
    { cleanStart: false, present: true },
    { cleanStart: true, present: false },
    { cleanStart: false, present: true },
    { cleanStart: true, present: false },
  ];
  for (const [index, { cleanStart, present }] of rounds.entries()) {
    await using client = await Client5.connect(server.port, { ...lasting, cleanStart });
    expect(client.connack.sessionPresent).toBe(present);
    for (let topic = 0; topic < index; topic++) client.send(publish5(`t/${topic}`, `${topic}`));
    const since = rounds.slice(0, index + 1).findLastIndex((round) => !round.present);
    const expected = Array.from({ length: index }, (_, topic) => topic).filter((topic) => topic >= since);
    expect(texts(await client.fence())).toEqual(expected.map((topic) => `${topic}`));
    await client.subscribe(`t/${index}`);
    await client.leave();
  }
});

test("[MQTT-3.1.2-5] a session is resumed with its subscriptions, their options and what is unacknowledged", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 1 | 8, { subscriptionIds: [7] });
  await alice.publish("t", "unacknowledged");
  const { packetId } = await first.take("publish");
  await vanish(server, first);
  await alice.publish("t", "away", { retain: true });
  await using again = await Client5.connect(server.port, lasting);
  expect(again.connack.sessionPresent).toBe(true);
  expect(await again.take("publish")).toMatchObject({ payload: "unacknowledged", packetId, dup: true });
  const properties = { subscriptionIds: [7] };
  expect(await again.take("publish")).toMatchObject({ payload: "away", dup: false, retain: true, properties });
});

test("[MQTT-3.1.2-7] [MQTT-3.1.2-8] the will is published however the connection ends, but for DISCONNECT with reason code 0", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const gone = async () => expect(await watcher.take("publish")).toMatchObject({ topic: "will", payload: "gone" });
  await die(server, { will });
  await gone();
  {
    await using silent = await Client5.connect(server.port, { will, keepAliveSeconds: 10 });
    server.advance(20_000);
    await disconnected(silent, 0x8d);
    await gone();
    await using rude = await Client5.connect(server.port, { will });
    rude.send(packet(0xc1));
    await disconnected(rude, malformed);
    await gone();
    await using old = await Client5.connect(server.port, { will, clientId: "same" });
    await using _new = await Client5.connect(server.port, { clientId: "same" });
    await disconnected(old, 0x8e);
    await gone();
  }
  for (const reasonCode of [0x04, 0x80, 0x81]) {
    await using angry = await Client5.connect(server.port, { will });
    await angry.leave(reasonCode);
    await gone();
  }
  for (const farewell of [disconnect5(), disconnect5(0), disconnect5(0, {})]) {
    await using polite = await Client5.connect(server.port, { will });
    polite.send(farewell);
    await polite.closing();
  }
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.1.2-8] a will is published when its delay has passed, or its session has ended before", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const delayed = (willDelay: number, sessionExpiry: number, clientId: string): Connect5 => ({
    clientId,
    properties: { sessionExpiry },
    will: { ...will, payload: clientId, properties: { willDelay } },
  });
  await die(server, delayed(60, 1000, "delay"));
  expect(await watcher.fence()).toEqual([]);
  server.advance(55_000);
  expect(await watcher.fence()).toEqual([]);
  server.advance(10_000);
  expect(await watcher.take("publish")).toMatchObject({ payload: "delay" });
  await die(server, delayed(1000, 60, "expiry"));
  server.advance(55_000);
  expect(await watcher.fence()).toEqual([]);
  server.advance(10_000);
  expect(await watcher.take("publish")).toMatchObject({ payload: "expiry" });
  // A session that ends with its connection leaves no time to wait.
  await die(server, delayed(1000, 0, "at once"));
  expect(await watcher.take("publish")).toMatchObject({ payload: "at once" });
  // A clean start ends the session.
  await die(server, delayed(1000, 1000, "clean"));
  await using _clean = await Client5.connect(server.port, { clientId: "clean" });
  expect(await watcher.take("publish")).toMatchObject({ payload: "clean" });
  server.advance(2_000_000);
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.1.2-8] a will that waits, or whose client the server's own end cut off, is published after the next start", async () => {
  const store = new MemoryBrokerStore();
  const late = { ...will, payload: "late", properties: { willDelay: 60 } };
  const clock = await (async () => {
    await using server = await startTestBroker({ store });
    await using watcher = await Client5.connect(server.port, lasting);
    await watcher.subscribe("will", 1);
    await watcher.leave();
    await die(server, { clientId: "late", will: late, properties: { sessionExpiry: 1000 } });
    const ended = {
      clientId: "ended",
      will: { ...will, payload: "ended", qos: 1 },
      properties: { sessionExpiry: 1000 },
    };
    await using _client = await Client5.connect(server.port, ended);
    await server.broker.stop();
    return server.clock;
  })();
  await using server = await startTestBroker({ store, clock });
  await using watcher = await Client5.connect(server.port, lasting);
  server.advance(5000);
  const ended = await watcher.take("publish");
  expect(ended).toMatchObject({ payload: "ended", qos: 1 });
  watcher.send(ack5("puback", ended.packetId));
  expect(await watcher.fence()).toEqual([]);
  server.advance(90_000);
  expect(await watcher.take("publish")).toMatchObject({ payload: "late", qos: 0 });
  // And at no start after that.
  await server.broker.stop();
  await using third = await startTestBroker({ store, clock });
  await using again = await Client5.connect(third.port, lasting);
  third.advance(90_000);
  expect(again.connack.sessionPresent).toBe(true);
  expect(await again.fence()).toEqual([]);
});

test("[MQTT-3.1.2-9] the will flag without a will's properties, topic or message is malformed", async () => {
  await using server = await startTestBroker();
  const flags = (set: number) => set | flag.will;
  for (const more of [
    Buffer.of(),
    block(),
    Buffer.concat([block(), field("topic")]),
    Buffer.concat([field("topic"), field("message")]),
  ]) {
    await refused(server, [malformed, protocolError], connect5({ flags, more }));
  }
});

test("[MQTT-3.1.2-9] [MQTT-3.1.2-12] the will is published at the will's own QoS, of which there are three", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will", 2);
  for (const qos of [0, 1, 2]) {
    await die(server, { will: { ...will, qos } });
    expect(await watcher.take("publish")).toMatchObject({ topic: "will", qos });
  }
  await refused(server, malformed, connect5({ will: { ...will, qos: 3 } }));
});

test("[MQTT-3.1.2-10] a will is published once, and not again for a later connection of the session", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  await die(server, { ...lasting, will });
  await watcher.take("publish");
  await die(server, lasting);
  await using polite = await Client5.connect(server.port, { ...lasting, will });
  await polite.leave();
  await die(server, lasting);
  server.advance(200_000);
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.1.2-11] [MQTT-3.1.2-13] will QoS or will retain without the will flag are malformed", async () => {
  await using server = await startTestBroker();
  const { willQos1, willQos2, willRetain } = flag;
  for (const bits of [willQos1, willQos2, willRetain, willQos1 | willRetain, willQos1 | willQos2]) {
    await refused(server, malformed, connect5({ flags: (set) => set | bits }));
  }
});

test("[MQTT-3.1.2-14] [MQTT-3.1.2-15] will retain decides whether the will is retained", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will", 1 | 8);
  await die(server, { will: { ...will, qos: 1 } });
  expect(await watcher.take("publish")).toMatchObject({ retain: false });
  await using before = await watch(server, "will");
  expect(await before.fence()).toEqual([]);
  await die(server, { will: { ...will, qos: 1, retain: true } });
  expect(await watcher.take("publish")).toMatchObject({ retain: true });
  await using after = await watch(server, "will");
  expect(await after.take("publish")).toMatchObject({ payload: "gone", retain: true });
});

test("[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there if and only if their flags say so", async () => {
  await using server = await startTestBroker();
  const { username, password } = flag;
  for (const connect of [
    connect5({ more: field("name") }),
    connect5({ flags: (set) => set | username }),
    connect5({ username: "name", more: field("secret") }),
    connect5({ username: "name", flags: (set) => set | password }),
    connect5({ username: "name", password: "secret", more: field("more") }),
  ]) {
    await refused(server, malformed, connect);
  }
  // Unlike earlier versions, a password needs no user name.
  await using _without = await Client5.connect(server.port, { password: [0, 0xff, 0xed, 0xa0] });
});

test("[MQTT-3.1.2-22] [MQTT-3.2.2-22] a client silent for one and a half times its keep alive is closed as if the network had failed", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  await using silent = await Client5.connect(server.port, { will, keepAliveSeconds: 100 });
  expect(silent.connack.properties.serverKeepAlive).toBeUndefined();
  await using patient = await Client5.connect(server.port, { keepAliveSeconds: 0 });
  server.advance(149_000);
  expect(await watcher.fence()).toEqual([]);
  expect(silent.closed).toBe(false);
  server.advance(5000);
  const { before } = await disconnected(silent, 0x8d);
  expect(before).toEqual([]);
  expect(server.closeReasons).toEqual(["keep_alive_timeout"]);
  expect(await watcher.take("publish")).toMatchObject({ topic: "will" });
  expect(await patient.fence()).toEqual([]);
});

test("[MQTT-3.1.2-23] [MQTT-4.1.0-2] a session outlives its connection by its expiry interval, and no longer", async () => {
  await using server = await startTestBroker();
  const present = async (
    fields: Connect5,
    ...farewell: [] | [reasonCode: number, properties: { sessionExpiry: number }]
  ) => {
    const client = await Client5.connect(server.port, { clientId: "phone", cleanStart: false, ...fields });
    const { sessionPresent } = client.connack;
    if (sessionPresent === false) await client.subscribe("t", 1);
    await client.leave(farewell[0], farewell[1]);
    return sessionPresent;
  };
  const properties = { sessionExpiry: 60 };
  expect(await present({ properties })).toBe(false);
  server.advance(55_000);
  expect(await present({ properties })).toBe(true);
  server.advance(65_000);
  expect(await present({ properties })).toBe(false);
  // The last word is DISCONNECT's.
  expect(await present({ properties }, 0, { sessionExpiry: 200 })).toBe(true);
  server.advance(150_000);
  expect(await present({ properties }, 0, { sessionExpiry: 0 })).toBe(true);
  // None, or 0: it ends with its connection.
  expect(await present({})).toBe(false);
  expect(await present({ properties: { sessionExpiry: 0 } })).toBe(false);
  expect(await present({})).toBe(false);
  expect(server.broker.stats().subscriptions).toBe(0);
  // Nothing that was announced as ending may be prolonged (§ 3.14.2.2.2).
  await using mayfly = await Client5.connect(server.port);
  mayfly.send(disconnect5(0, { sessionExpiry: 10 }));
  await disconnected(mayfly, protocolError);
});

test("[MQTT-3.1.2-23] a session is there after a restart, with its subscriptions and what was published meanwhile", async () => {
  const store = new MemoryBrokerStore();
  const clock = await (async () => {
    await using server = await startTestBroker({ store });
    await using client = await Client5.connect(server.port, lasting);
    await client.subscribe("t/+", 2, { subscriptionIds: [300] });
    await client.leave();
    await using alice = await Client5.connect(server.port);
    await alice.publish("t/1", "queued", { properties: { contentType: "text" } });
    return server.clock;
  })();
  await using server = await startTestBroker({ store, clock });
  await using alice = await Client5.connect(server.port);
  await alice.publishExactly("t/2", "before he is back");
  await using client = await Client5.connect(server.port, lasting);
  expect(client.connack.sessionPresent).toBe(true);
  const properties = { contentType: "text", subscriptionIds: [300] };
  expect(await client.take("publish")).toMatchObject({ payload: "queued", qos: 1, properties });
  expect(await client.take("publish")).toMatchObject({ payload: "before he is back", qos: 2 });
  await client.leave();
  await vanish(server, alice);
  // And not after it has expired, restart or not.
  server.advance(50_000);
  await server.broker.stop();
  clock.advance(60_000);
  await using third = await startTestBroker({ store, clock });
  third.advance(5000);
  await using late = await Client5.connect(third.port, lasting);
  expect(late.connack.sessionPresent).toBe(false);
});

test("[MQTT-3.1.2-24] [MQTT-3.1.2-25] what is larger than the client's maximum packet size is not sent and counts as sent", async () => {
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  for (const fields of [{}, lasting]) {
    const properties = { ...lasting.properties, maximumPacketSize: 100, receiveMaximum: 1 };
    const bob = await Client5.connect(server.port, { ...fields, properties });
    await bob.subscribe("t", 2);
    // With two bytes of header, three of topic, two of identifier and one for the properties, 92 fit.
    for (const [text, length] of [
      ["a", 93],
      ["b", 92],
      ["c", 5000],
      ["d", 93],
      ["e", 1],
    ] as const) {
      await alice.publish("t", text.repeat(length));
      await alice.publishExactly("t", text.repeat(length));
    }
    for (const text of ["b", "b", "e", "e"]) {
      const heard = await bob.take("publish");
      expect(heard.size).toBeLessThanOrEqual(100);
      expect(heard.payload?.[0]).toBe(text);
      bob.send(ack5(heard.qos === 2 ? "pubrec" : "puback", heard.packetId));
      if (heard.qos !== 2) continue;
      const { packetId } = await bob.take("pubrel");
      bob.send(ack5("pubcomp", packetId));
    }
    expect(await bob.fence()).toEqual([]);
    await bob.leave();
  }
});

test("[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] the server uses no topic alias above the client's maximum, and none without", async () => {
  await using server = await startTestBroker();
  for (const topicAliasMaximum of [undefined, 0, 1, 2, 65_535]) {
    const properties = topicAliasMaximum === undefined ? {} : { topicAliasMaximum };
    await using bob = await Client5.connect(server.port, { properties });
    await bob.subscribe("long/topic/+", 1);
    const topics = new Map<number, string>();
    for (let n = 0; n < 60; n++) {
      const expected = `long/topic/${(n * n) % 7}`;
      server.broker.publish(expected, Buffer.from("x"), n % 2 === 0 ? 0 : 1);
      const { topic = "", properties: carried, packetId } = await bob.take("publish");
      if (packetId !== undefined) bob.send(ack5("puback", packetId));
      const alias = carried.topicAlias;
      if (alias === undefined) {
        expect(topic).toBe(expected);
        continue;
      }
      expect(alias).toBeGreaterThan(0);
      expect(alias).toBeLessThanOrEqual(topicAliasMaximum ?? 0);
      if (topic !== "") topics.set(alias, topic);
      expect(topics.get(alias)).toBe(expected);
    }
  }
});

test("[MQTT-3.1.2-28] response information is there when the client asked for it, and only then", async () => {
  await using server = await startTestBroker();
  for (const properties of [{}, { requestResponseInformation: 0 }]) {
    await using client = await Client5.connect(server.port, { properties });
    expect(client.connack.properties.responseInformation).toBeUndefined();
  }
  await using client = await Client5.connect(server.port, { properties: { requestResponseInformation: 1 } });
  expect(client.connack.properties.responseInformation).toMatch(/./);
});

test("[MQTT-3.1.2-29] a client that asked for no problem information gets reasons with CONNACK and DISCONNECT at most", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_principal, _action, topic) => topic !== "secret" },
  });
  const properties = { requestProblemInformation: 0, sessionExpiry: 10 };
  await using client = await Client5.connect(server.port, { properties });
  client.send(
    subscribe5(1, [
      ["secret", 0],
      ["t", 0],
    ]),
    unsubscribe5(2, ["never"]),
    publish5("secret", "", { qos: 1, packetId: 3 }),
    publish5("secret", "", { qos: 2, packetId: 4 }),
    ack5("pubrel", 99),
    ack5("pubrec", 98),
  );
  const answers: string[] = [];
  while (answers.length < 6) {
    const { type, properties: carried } = await client.next();
    answers.push(type);
    expect(carried).toEqual({});
  }
  expect(answers.toSorted()).toEqual(["puback", "pubcomp", "pubrec", "pubrel", "suback", "unsuback"]);
  // A publisher's own properties are no problem information.
  client.send(publish5("t", "", { properties: { userProperties: [["a", "b"]] } }));
  expect((await client.take("publish")).properties.userProperties).toEqual([["a", "b"]]);
});

test("[MQTT-3.1.2-30] during enhanced authentication nothing but AUTH and DISCONNECT is taken", async () => {
  await using server = await startTestBroker();
  for (const early of [pingreq, publish5("t"), subscribe5(1, [["t", 0]])]) {
    await using client = await Client5.open(server.port);
    client.send(connect5({ properties: { authenticationMethod: "TEST-ECHO" } }));
    expect(await client.take("auth")).toMatchObject({ reasonCode: 0x18 });
    client.send(early);
    for (const { type, reasonCode } of await client.closing())
      expect({ type, reasonCode }).toEqual({ type: "connack", reasonCode: protocolError });
  }
  await using patient = await Client5.open(server.port);
  patient.send(connect5({ properties: { authenticationMethod: "TEST-ECHO" } }));
  await patient.take("auth");
  patient.send(disconnect5());
  expect(await patient.closing()).toEqual([]);
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("[MQTT-3.1.3-1] client id, will properties, topic and message, user name and password are read in this order", async () => {
  const seen: unknown[] = [];
  await using server = await startTestBroker({
    identity: {
      async authenticate({ clientId, username, password }) {
        if (clientId === "1") seen.push(clientId, username, Buffer.from(password ?? []).toString());
        return { principal: { key: "someone" }, persistent: true };
      },
    },
  });
  await using watcher = await watch(server, "#");
  const fields = { clientId: "1", username: "4", password: "5" };
  await die(server, { ...fields, will: { topic: "2", payload: "3", properties: { contentType: "w" } } });
  const { topic, payload, properties } = await watcher.take("publish");
  expect([...seen, topic, payload, properties.contentType]).toEqual(["1", "4", "5", "2", "3", "w"]);
});

test("[MQTT-3.1.3-2] sessions are told apart by client id, to the last byte", async () => {
  await using server = await startTestBroker();
  const ids = ["phone", "Phone", "phone ", "phon\u00e9", "phone\u0301"];
  for (const [index, clientId] of ids.entries()) {
    await using client = await Client5.connect(server.port, { ...lasting, clientId });
    expect(client.connack.sessionPresent).toBe(false);
    await client.subscribe(`${index}`);
    await client.leave();
  }
  for (const [index, clientId] of ids.entries()) {
    await using client = await Client5.connect(server.port, { ...lasting, clientId });
    expect(client.connack.sessionPresent).toBe(true);
    client.send(...ids.map((_, n) => publish5(`${n}`, `${n}`)));
    expect(texts(await client.fence())).toEqual([`${index}`]);
  }
});

test("[MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.3-8] a CONNECT whose client id is missing or no string is refused and closed", async () => {
  await using server = await startTestBroker();
  await refused(server, malformed, packet(0x10, field("MQTT"), 5, 2, uint16(0), 0));
  await refused(server, malformed, packet(0x10, field("MQTT"), 5, 2, uint16(0), 0, uint16(5), Buffer.from("abc")));
  for (const clientId of [
    [0xed, 0xa0, 0x80],
    [0x61, 0xff],
    [0x61, 0],
  ]) {
    await refused(server, [malformed, 0x85], connect5({ clientId }));
  }
  expect(server.broker.stats().sessions).toBe(0);
});

test("[MQTT-3.1.3-5] client ids of 1 to 23 bytes from letters and digits are allowed", async () => {
  await using server = await startTestBroker();
  const characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const ids = [...characters, ...Array.from({ length: 23 }, (_, index) => characters.slice(0, index + 1))];
  ids.push(characters.slice(20, 43), characters.slice(39));
  for (const cleanStart of [true, false]) {
    for (const clientId of new Set(ids)) {
      await using client = await Client5.connect(server.port, { clientId, cleanStart });
      expect(client.connack.properties.assignedClientId).toBeUndefined();
    }
  }
});

test("[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without a client id is assigned one of its own and served like any other", async () => {
  const given: string[] = [];
  await using server = await startTestBroker({ service: { opened: ({ clientId }) => void given.push(clientId) } });
  const assigned: string[] = [];
  for (const cleanStart of [true, false]) {
    for (let n = 0; n < 2; n++) {
      await using client = await Client5.connect(server.port, { ...lasting, clientId: "", cleanStart });
      expect(client.connack.sessionPresent).toBe(false);
      const { assignedClientId = "" } = client.connack.properties;
      assigned.push(assignedClientId);
      await client.subscribe("t", 1);
      client.send(publish5("t", "x"));
      await client.take("publish");
      await client.leave();
    }
  }
  expect(new Set(assigned).size).toBe(4);
  expect(assigned).not.toContain("");
  expect(given).toEqual(assigned);
  // It is a client id like any other.
  for (const clientId of assigned) {
    await using again = await Client5.connect(server.port, { ...lasting, clientId });
    expect(again.connack.sessionPresent).toBe(true);
  }
});

test("[MQTT-3.1.3-9] a client that is back before the will's delay has passed has no will published", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const delayed = { ...lasting, will: { ...will, properties: { willDelay: 60 } } };
  await die(server, delayed);
  server.advance(30_000);
  await die(server, lasting);
  server.advance(70_000);
  expect(await watcher.fence()).toEqual([]);
  // The same while it is still connected.
  await using older = await Client5.connect(server.port, delayed);
  await using newer = await Client5.connect(server.port, lasting);
  await disconnected(older, 0x8e);
  server.advance(70_000);
  expect(await watcher.fence()).toEqual([]);
  await newer.fence();
});

test("[MQTT-3.1.3-10] the will is published with its properties, user properties in their order", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const properties = {
    payloadFormat: 1,
    messageExpiry: 1000,
    contentType: "text/plain",
    responseTopic: "answers",
    correlationData: Buffer.from([0, 1, 0xff]),
    userProperties: [
      ["b", "1"],
      ["a", "2"],
      ["b", "1"],
      ["", ""],
    ] as const,
  };
  await die(server, { will: { ...will, properties } });
  expect((await watcher.take("publish")).properties).toEqual({ ...properties });
});

test("[MQTT-3.1.3-11] [MQTT-3.1.3-12] a will topic or user name that is not UTF-8 is malformed", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    [0xed, 0xa0, 0x80],
    [0x61, 0],
  ]) {
    await refused(server, malformed, connect5({ will: { topic: bad } }));
    await refused(server, malformed, connect5({ username: bad }));
  }
});

test("[MQTT-3.1.4-1] a CONNECT that breaks § 3.1 is refused and closed, wherever it breaks", async () => {
  await using server = await startTestBroker();
  const whole = connect5({
    clientId: "id",
    will: { topic: "topic", payload: "message", qos: 1, properties: { willDelay: 1 } },
    username: "name",
    password: "secret",
    properties: { sessionExpiry: 1, userProperties: [["a", "b"]] },
  });
  const body = whole.subarray(2);
  for (let length = 0; length < body.length; length++) {
    await using client = await Client5.open(server.port);
    // Each says its own true length, so that only what is missing is wrong.
    client.send(packet(0x10, body.subarray(0, length)), pingreq);
    const answers = await client.closing();
    expect(answers.length).toBeLessThanOrEqual(1);
    // What ends before its version is in no language.
    if (length > 7) expect(answers).toHaveLength(1);
    for (const { type, reasonCode } of answers)
      expect({ type, reasonCode }).toEqual({ type: "connack", reasonCode: malformed });
  }
  await refused(server, malformed, packet(0x10, body, 0));
  await using client = await Client5.open(server.port);
  client.send(whole);
  expect(await client.take("connack")).toMatchObject({ reasonCode: 0 });
});

test("[MQTT-3.1.4-2] a client that may not come in is told why and closed", async () => {
  for (const [refusal, code] of [
    ["bad_credentials", 0x86],
    ["not_authorized", 0x87],
    ["busy", 0x89],
    ["unavailable", 0x88],
  ] as const) {
    await using server = await startTestBroker({ identity: { authenticate: async () => ({ refused: refusal }) } });
    await refused(server, code, connect5({ username: "eve", password: "wrong" }), pingreq);
    expect(server.broker.stats().sessions).toBe(0);
  }
});

test("[MQTT-3.1.4-3] a client that connects again has its older connection closed, which is told so", async () => {
  await using server = await startTestBroker();
  for (const cleanStart of [true, false]) {
    const fields = { ...lasting, cleanStart };
    await using older = await Client5.connect(server.port, fields);
    await using newer = await Client5.connect(server.port, fields);
    expect(newer.connack.sessionPresent).toBe(!cleanStart);
    const { before } = await disconnected(older, 0x8e);
    expect(before).toEqual([]);
    expect(server.closeReasons.at(-1)).toBe("taken_over");
    expect(await newer.fence()).toEqual([]);
    // Another principal with the same client id is another client.
    await using _other = await Client5.connect(server.port, { clientId: "phone", username: "eve" });
    expect(await newer.fence()).toEqual([]);
    await newer.leave();
  }
});

test("[MQTT-3.1.4-5] [MQTT-3.2.0-1] a good CONNECT is answered by CONNACK with reason code 0, before anything else", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  const first = await Client5.connect(server.port, lasting);
  await first.subscribe("t", 1);
  server.broker.publish("t", Buffer.from("unacknowledged"), 1);
  await first.take("publish");
  await vanish(server, first);
  server.store.commit = () => gate.promise;
  await using again = await Client5.open(server.port);
  again.send(connect5(lasting), pingreq, publish5("t", "echo"));
  server.broker.publish("t", Buffer.from("in between"), 0);
  gate.resolve();
  expect(await again.next()).toMatchObject({ type: "connack", reasonCode: 0, sessionPresent: true });
  expect((await again.fence()).length).toBeGreaterThan(0);
});

test("[MQTT-3.1.4-6] nothing behind a refused CONNECT is obeyed", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "#");
  for (const connect of [
    connect5({ username: "eve", password: "wrong" }),
    connect5({ flags: (set) => set | flag.reserved }),
    connect5({ properties: { authenticationMethod: "no such method" } }),
  ]) {
    await refused(
      server,
      [0x81, 0x86, 0x8c],
      connect,
      publish5("t", "", { qos: 1 }),
      subscribe5(2, [["t", 0]]),
      pingreq,
    );
  }
  expect(await watcher.fence()).toEqual([]);
  expect(server.broker.stats().subscriptions).toBe(1);
});

test("[MQTT-4.1.0-1] a session lasts while its connection does, however long that is", async () => {
  await using server = await startTestBroker();
  for (const fields of [{}, lasting]) {
    await using client = await Client5.connect(server.port, fields);
    await client.subscribe("t");
    server.advance(30 * 24 * 3600 * 1000);
    server.advance(30 * 24 * 3600 * 1000);
    client.send(publish5("t", "x"));
    await client.take("publish");
  }
});

test("[MQTT-3.1.2-24] every packet is bounded by the client's maximum packet size, DISCONNECT too", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port, { properties: { maximumPacketSize: 40 } });
  expect(client.connack.size).toBeLessThanOrEqual(40);
  client.send(packet(0xc1));
  const { disconnect } = await disconnected(client, malformed);
  expect(disconnect.size).toBeLessThanOrEqual(40);
  await disconnectedFor(server, malformed, packet(0xc1));
});
