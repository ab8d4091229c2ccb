/** QoS 2 over real sockets, MQTT 3.1.1 §§ 3.5–3.7, 4.3.3, 4.4 and 4.6: exactly once, both ways, byte for byte. */
import { expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import type { PublishOutcome } from "../../src/mqtt/service.ts";
import { call, enroll, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { MemoryBrokerStore } from "../support/memory-broker-store.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { startTestBroker } from "../support/test-broker.ts";

const lasting = { clientId: "phone", clean: false } as const;
const exactly = (topic: string, payload: string, messageId: number, fields = {}) =>
  publishPacket(topic, payload, { qos: 2, messageId, ...fields });
const pubrec = (messageId = 0): Packet => ({ cmd: "pubrec", messageId });
const pubrel = (messageId = 0): Packet => ({ cmd: "pubrel", messageId });
const pubcomp = (messageId = 0): Packet => ({ cmd: "pubcomp", messageId });
const brief = (packets: readonly Packet[]) =>
  packets.map((packet) =>
    packet.cmd === "publish"
      ? `${packet.payload}${packet.dup ? " dup" : ""} qos ${packet.qos}`
      : `${packet.cmd} ${packet.messageId}`,
  );
const published = (packets: readonly Packet[]) => brief(packets.filter(({ cmd }) => cmd === "publish"));
const detached = (server: { broker: { stats(): { connections: number } } }, connections: number) =>
  until("the session to be detached", () => server.broker.stats().connections === connections);

test("a QoS 2 message is answered with PUBREC and PUBCOMP and reaches a QoS 2 subscriber once [MQTT-4.3.3-1] [MQTT-4.3.3-2]", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  expect(await bob.subscribe("t", 2)).toBe(2);
  alice.send(exactly("t", "once", 777));
  expect(await alice.expect("pubrec")).toMatchObject({ messageId: 777 });
  alice.send(exactly("t", "once", 777, { dup: true }), exactly("t", "once", 777));
  expect(brief(await alice.fence())).toEqual(["pubrec 777", "pubrec 777"]);
  alice.send(pubrel(777));
  expect(await alice.expect("pubcomp")).toMatchObject({ messageId: 777 });
  const [publish, ...more] = await bob.fence();
  expect(more).toEqual([]);
  expect(publish).toMatchObject({ qos: 2, dup: false, messageId: 1 });
  bob.send(pubrec(1));
  expect(await bob.expect("pubrel")).toMatchObject({ messageId: 1 });
  bob.send(pubcomp(1));
  expect(await bob.fence()).toEqual([]);
});

test("PUBREL has the flags 0010 [MQTT-3.6.1-1], and one with others closes the connection", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  bob.send(pubrec(9)); // unknown here: answered, or the client would ask for ever
  expect(await bob.expect("pubrel")).toMatchObject({ messageId: 9, qos: 1 });
  bob.send(Buffer.from([0x60, 2, 0, 9]));
  await bob.whenClosed();
  expect(server.closeReasons).toEqual(["protocol_error"]);
});

test("after PUBREL the packet id names a new message; an unknown PUBREL is answered [MQTT-4.3.3-2]", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 0);
  bob.send(exactly("t", "one", 5), pubrel(5), exactly("t", "two", 5), pubrel(5), pubrel(4242));
  expect(brief(await bob.fence())).toEqual([
    "one qos 0",
    "pubrec 5",
    "pubcomp 5",
    "two qos 0",
    "pubrec 5",
    "pubcomp 5",
    "pubcomp 4242",
  ]);
});

test.each([
  [0, 2, 0],
  [1, 2, 1],
  [2, 2, 2],
  [2, 1, 1],
  [2, 0, 0],
] as const)("published at %i and granted %i is delivered at %i [MQTT-3.8.4-6]", async (sent, granted, expected) => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  expect(await bob.subscribe("t", granted)).toBe(granted);
  alice.send(sent === 0 ? publishPacket("t", "x") : publishPacket("t", "x", { qos: sent, messageId: 1 }));
  alice.send(sent === 0 ? publishPacket("t", "y") : publishPacket("t", "y", { qos: sent, messageId: 2 }));
  await alice.fence();
  expect(brief(await bob.fence())).toEqual([`x qos ${expected}`, `y qos ${expected}`]);
});

test("PUBACKs and PUBRECs keep the order of the PUBLISHes, PUBRELs that of the PUBRECs [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]", async () => {
  const commit = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port);
  server.store.commit = () => commit.promise;
  alice.send(exactly("t", "slow", 1, { retain: true }), publishPacket("t", "b", { qos: 1, messageId: 2 }));
  alice.send(exactly("t", "c", 3), pubrel(3), publishPacket("t", "d", { qos: 1, messageId: 4 }));
  expect(await alice.fence()).toEqual([]);
  commit.resolve();
  const answers: Packet[] = [];
  while (answers.length < 5) answers.push(await alice.next());
  expect(brief(answers)).toEqual(["pubrec 1", "puback 2", "pubrec 3", "pubcomp 3", "puback 4"]);

  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("u", 2);
  for (const text of ["1", "2", "3"]) server.broker.publish("u", Buffer.from(text), 2);
  await bob.fence();
  bob.send(pubrec(2), pubrec(3), pubrec(1));
  expect(brief(await bob.fence())).toEqual(["pubrel 2", "pubrel 3", "pubrel 1"]);
});

test("PUBREL for a message whose PUBREC has not left is a protocol error", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port, lasting);
  const commit = Promise.withResolvers<void>();
  server.store.commit = () => commit.promise;
  alice.send(exactly("t", "x", 1), pubrel(1));
  await alice.whenClosed();
  expect(server.closeReasons).toEqual(["protocol_error"]);
  commit.resolve();
});

test("a window of QoS 2 messages is freed by PUBCOMP, not by PUBREC", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 2 } });
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 2);
  for (const text of ["1", "2", "3", "4"]) server.broker.publish("t", Buffer.from(text), 2);
  expect(published(await bob.fence())).toEqual(["1 qos 2", "2 qos 2"]);
  bob.send(pubrec(1));
  expect(brief(await bob.fence())).toEqual(["pubrel 1"]);
  bob.send(pubcomp(1));
  expect(published(await bob.fence())).toEqual(["3 qos 2"]);
});

test("a resumed session is sent again PUBLISH with DUP, or PUBREL, each with its packet id, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 4 } });
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 2);
  for (const text of ["a", "b", "c", "d", "e", "f"]) {
    server.broker.publish("t", Buffer.from(text), text === "c" ? 1 : 2);
  }
  expect(await first.fence()).toHaveLength(4);
  first.send(pubrec(2));
  await first.expect("pubrel");
  await first.drop();
  await detached(server, 0);
  await using second = await RawMqtt.connect(server.port, lasting);
  const again = await second.fence();
  // A PUBREL takes no room in the window of a connection that did not send its PUBLISH.
  expect(brief(again)).toEqual(["a dup qos 2", "pubrel 2", "c dup qos 1", "d dup qos 2", "e qos 2"]);
  expect(again.map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4, 5]);
  second.send(pubcomp(2), pubrec(1));
  expect(await second.expect("pubrel")).toMatchObject({ messageId: 1 });
  expect(await second.fence()).toEqual([]);
  second.send({ cmd: "puback", messageId: 3 });
  expect(brief([await second.next("a PUBLISH")])).toEqual(["f qos 2"]);
});

test("a takeover keeps what the lasting session took over: the repeat is answered and not routed", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 1);
  await using first = await RawMqtt.connect(server.port, lasting);
  first.send(exactly("t", "x", 8));
  await first.expect("pubrec");
  await using second = await RawMqtt.connect(server.port, lasting);
  second.send(exactly("t", "x", 8, { dup: true }));
  await second.expect("pubrec");
  second.send(pubrel(8));
  await second.expect("pubcomp");
  expect(published(await bob.fence())).toEqual(["x qos 1"]);
});

test("a clean session's packet ids end with it and never touch the store", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 0);
  for (let round = 0; round < 2; round++) {
    await using alice = await RawMqtt.connect(server.port, { clientId: "alice" });
    alice.send(exactly("t", `${round}`, 8));
    await alice.expect("pubrec");
  }
  expect(published(await bob.fence())).toEqual(["0 qos 0", "1 qos 0"]);
  expect(server.store.changes).toEqual([]);
});

test("a lasting session's packet id is on disk before PUBREC, and gone from it before PUBCOMP", async () => {
  await using server = await startTestBroker();
  await using alice = await RawMqtt.connect(server.port, lasting);
  for (const [packet, answer, held] of [
    [exactly("t", "x", 3), "pubrec", [3]],
    [pubrel(3), "pubcomp", []],
  ] as const) {
    const commit = Promise.withResolvers<void>();
    server.store.commit = () => commit.promise;
    alice.send(packet);
    // An answer that is not kept back may come behind the first PINGRESP.
    expect([...(await alice.fence()), ...(await alice.fence())]).toEqual([]);
    commit.resolve();
    await alice.expect(answer);
    expect([...(server.store.sessions.get(1)?.received ?? [])]).toEqual([...held]);
  }
});

test("where the packet id could not be stored the client repeats, and the message is not routed again", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 0);
  await using first = await RawMqtt.connect(server.port, lasting);
  server.store.commit = () => Promise.reject(new Error("disk full"));
  first.send(exactly("t", "x", 3, { retain: true }));
  await first.whenClosed();
  expect(first.received).toEqual([]);
  server.store.commit = () => Promise.resolve();
  await using second = await RawMqtt.connect(server.port, lasting);
  second.send(exactly("t", "x", 3, { retain: true, dup: true }));
  await second.expect("pubrec");
  expect(String(server.store.retained.get("t")?.payload)).toBe("x");
  expect(published(await bob.fence())).toEqual(["x qos 0"]);
});

test("a restarted broker on the same store knows the packet ids", async () => {
  const store = new MemoryBrokerStore();
  {
    await using server = await startTestBroker({ store });
    await using alice = await RawMqtt.connect(server.port, lasting);
    alice.send(exactly("t", "x", 3), exactly("t", "y", 4));
    for (const cmd of ["pubrec", "pubrec"] as const) await alice.expect(cmd);
    alice.send(pubrel(4));
    await alice.expect("pubcomp");
  }
  await using server = await startTestBroker({ store });
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t", 0);
  await using alice = await RawMqtt.connect(server.port, lasting);
  alice.send(exactly("t", "x", 3, { dup: true }), exactly("t", "new", 4));
  for (const cmd of ["pubrec", "pubrec"] as const) await alice.expect(cmd);
  expect(published(await bob.fence())).toEqual(["new qos 0"]);
});

test("a service is given a QoS 2 message once; what it refuses was never taken over", async () => {
  const given: string[] = [];
  const outcomes: PromiseWithResolvers<PublishOutcome>[] = [];
  await using server = await startTestBroker({
    service: {
      serves: (topic) => topic.startsWith("svc/"),
      intercept(_session, { payload, qos, packetId }) {
        given.push(`${Buffer.from(payload)} ${qos} ${packetId}`);
        const outcome = Promise.withResolvers<PublishOutcome>();
        outcomes.push(outcome);
        return outcome.promise;
      },
    },
  });
  await using first = await RawMqtt.connect(server.port, lasting);
  first.send(exactly("svc/x", "a", 1), exactly("svc/x", "a", 1, { dup: true }));
  expect(await first.fence()).toEqual([]);
  await using second = await RawMqtt.connect(server.port, lasting);
  second.send(exactly("svc/x", "a", 1, { dup: true }));
  expect(await second.fence()).toEqual([]);
  outcomes[0]?.resolve({ ack: true });
  expect(await second.expect("pubrec")).toMatchObject({ messageId: 1 });
  expect(given).toEqual(["a 2 1"]);
  second.send(exactly("svc/x", "b", 2));
  await until("the second message", () => outcomes.length === 2);
  // Refused while a new connection of the session already repeats it: that one is told, not acknowledged.
  await using meanwhile = await RawMqtt.connect(server.port, lasting);
  meanwhile.send(exactly("svc/x", "b", 2, { dup: true }));
  expect(await meanwhile.fence()).toEqual([]);
  outcomes[1]?.resolve({ refused: "not_authorized", why: "no" });
  await meanwhile.whenClosed();
  expect(meanwhile.received).toEqual([]);
  await using third = await RawMqtt.connect(server.port, lasting);
  third.send(exactly("svc/x", "b", 2, { dup: true }));
  await until("the repeat", () => outcomes.length === 3);
  expect(given).toEqual(["a 2 1", "b 2 2", "b 2 2"]);
  outcomes[2]?.resolve({ ack: true });
  await third.expect("pubrec");
});

test("a QoS 2 will is delivered at QoS 2", async () => {
  await using server = await startTestBroker();
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("will", 2);
  const client = await RawMqtt.connect(server.port, {
    will: { topic: "will", payload: "gone", qos: 2, retain: false },
  });
  await client.drop();
  expect(await watcher.expect("publish")).toMatchObject({ qos: 2 });
});

/** Everything said in the chat. */
async function said(server: TestServer, token: string): Promise<string[]> {
  const { text } = await call(server, "GET /chats/qos.two/messages?limit=100", { as: token });
  return (JSON.parse(text) as { messages: { content: string }[] }).messages.map(({ content }) => content);
}

test.each([true, false])(
  "chat/…/send at QoS 2 stores a message once, repeats and a restart included (clean %p)",
  async (clean) => {
    await using first = await startTestServer();
    const [token = ""] = await enroll(first, "anna");
    await room(first, "qos.two", "anna");
    const login = { username: "anna", password: Buffer.from(token), clientId: "anna-phone", clean };
    const topic = "chat/qos.two/send";
    {
      await using anna = await RawMqtt.connect(first.mqttPort, login);
      // The same text in messages of their own, and each of them repeated.
      anna.send(exactly(topic, "hello", 1), exactly(topic, "hello", 1, { dup: true }), exactly(topic, "hello", 2));
      for (const messageId of [1, 1, 2]) expect(await anna.expect("pubrec")).toMatchObject({ messageId });
      expect(await said(first, token)).toEqual(["hello", "hello"]);
      anna.send(pubrel(1));
      expect(await anna.expect("pubcomp")).toMatchObject({ messageId: 1 });
      anna.send(exactly(topic, "hello", 1, { dup: true })); // a new message under a free id, whatever DUP says
      expect(await anna.expect("pubrec")).toMatchObject({ messageId: 1 });
      expect(await said(first, token)).toHaveLength(3);
    }
    if (clean) return;
    await using second = await first.restart();
    await using anna = await RawMqtt.connect(second.mqttPort, login);
    anna.send(exactly(topic, "hello", 1, { dup: true }), exactly(topic, "hello", 2, { dup: true }));
    for (const messageId of [1, 2]) expect(await anna.expect("pubrec")).toMatchObject({ messageId });
    anna.send(pubrel(1), pubrel(2));
    for (const messageId of [1, 2]) expect(await anna.expect("pubcomp")).toMatchObject({ messageId });
    expect(await said(second, token)).toHaveLength(3);
    anna.send(exactly(topic, "last", 1));
    expect(await anna.expect("pubrec")).toMatchObject({ messageId: 1 });
    expect(await said(second, token)).toHaveLength(4);
  },
);

test("chat filters are granted QoS 1, the highest the service publishes at; `#` is granted 2 for what is ordinary", async () => {
  await using server = await startTestServer();
  const [token = ""] = await enroll(server, "anna");
  await using anna = await RawMqtt.connect(server.mqttPort, { username: "anna", password: Buffer.from(token) });
  expect(await anna.subscribe("chat/+/messages", 2)).toBe(1);
  expect(await anna.subscribe("#", 2, 2)).toBe(2);
});
