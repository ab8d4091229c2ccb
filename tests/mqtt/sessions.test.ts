/** Sessions over real sockets: clean and lasting, resumed, taken over, ended. MQTT 3.1.1 §§ 3.1.2.4, 3.1.4 and 4.4. */
import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import { MemoryBrokerStore } from "../support/memory-broker-store.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const lasting = { clientId: "phone", clean: false } as const;

async function connectAgain(port: number, fields = {}): Promise<{ client: RawMqtt; sessionPresent: boolean }> {
  const client = await RawMqtt.open(port);
  client.send(connectPacket({ ...lasting, ...fields }));
  const { sessionPresent, returnCode } = await client.expect("connack");
  expect(returnCode).toBe(0);
  return { client, sessionPresent };
}

test("a lasting session keeps its subscriptions, a clean one forgets them", async () => {
  await using server = await startTestBroker();
  const first = await connectAgain(server.port);
  expect(first.sessionPresent).toBe(false);
  await first.client.subscribe("t", 1);
  await first.client.drop();
  const second = await connectAgain(server.port);
  expect(second.sessionPresent).toBe(true);
  second.client.send(publishPacket("t", "still here"));
  expect(await second.client.expect("publish")).toMatchObject({ topic: "t" });
  await second.client.drop();
  const third = await connectAgain(server.port, { clean: true });
  expect(third.sessionPresent).toBe(false);
  third.client.send(publishPacket("t", "gone"));
  expect(await third.client.fence()).toEqual([]);
  await third.client.drop();
  const fourth = await connectAgain(server.port);
  expect(fourth.sessionPresent).toBe(false);
  await fourth.client.drop();
});

test("stored subscriptions come back after the broker was restarted on the same store", async () => {
  const store = new MemoryBrokerStore();
  {
    await using server = await startTestBroker({ store });
    const { client } = await connectAgain(server.port);
    await client.subscribe("t/#", 1);
    await client.subscribe("gone", 0, 2);
    client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["gone"] });
    await client.expect("unsuback");
  }
  const told: string[] = [];
  await using server = await startTestBroker({
    store,
    service: {
      serving: () => "both",
      subscribed: (_session, filter, qos) => void told.push(`${filter} ${qos}`),
    },
  });
  const { client, sessionPresent } = await connectAgain(server.port);
  expect(sessionPresent).toBe(true);
  client.send(publishPacket("t/x", "x", { qos: 1, messageId: 4 }));
  expect(await client.expect("publish")).toMatchObject({ topic: "t/x", qos: 1 });
  expect(told).toEqual(["t/# 1"]);
  await client.drop();
});

test("a clean session never touches the store", async () => {
  await using server = await startTestBroker();
  await using client = await RawMqtt.connect(server.port);
  await client.subscribe("t", 1);
  client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["t"] });
  await client.expect("unsuback");
  await client.drop();
  expect(server.store.changes).toEqual([]);
});

test("SUBACK of a lasting session waits for its store change, later acknowledgements keep behind it", async () => {
  const commit = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  const { client } = await connectAgain(server.port);
  server.store.commit = () => commit.promise;
  client.send(
    { cmd: "subscribe", messageId: 5, subscriptions: [{ topic: "other", qos: 1 }] },
    publishPacket("t", "x", { qos: 1, messageId: 6 }),
  );
  expect(await client.fence()).toEqual([]); // a ping overtakes: a slow disk is not a dead server
  commit.resolve();
  expect(await client.expect("suback")).toMatchObject({ messageId: 5 });
  expect(await client.expect("puback")).toMatchObject({ messageId: 6 });
  await client.drop();
});

test("a subscription the store could not keep closes the connection and is gone [MQTT-4.8.0-2]", async () => {
  await using server = await startTestBroker();
  const { client } = await connectAgain(server.port);
  server.store.commit = () => Promise.reject(new Error("disk full"));
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 1 }] });
  await client.whenClosed();
  expect(client.received).toEqual([]);
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("unacknowledged QoS 1 messages are sent again with DUP and their packet ids, in order, before new ones", async () => {
  await using server = await startTestBroker();
  const { client } = await connectAgain(server.port);
  await client.subscribe("t", 1);
  for (const text of ["a", "b", "c"]) server.broker.publish("t", Buffer.from(text), 1);
  const ids: (number | undefined)[] = [];
  for (let n = 0; n < 3; n++) ids.push((await client.expect("publish")).messageId);
  client.send({ cmd: "puback", messageId: ids[1] ?? 0 });
  await client.fence();
  await client.drop();
  await until("the session to be detached", () => server.broker.stats().connections === 0);
  server.broker.publish("t", Buffer.from("while away"), 1);

  const { client: again } = await connectAgain(server.port);
  server.broker.publish("t", Buffer.from("d"), 1);
  const seen = (await again.fence()).flatMap((packet) =>
    packet.cmd === "publish" ? [{ text: String(packet.payload), dup: packet.dup, id: packet.messageId }] : [],
  );
  expect(seen).toMatchObject([
    { text: "a", dup: true, id: ids[0] },
    { text: "c", dup: true, id: ids[2] },
    { text: "while away", dup: false },
    { text: "d", dup: false },
  ]);
  expect(ids).not.toContain(seen[2]?.id);
  for (const { id } of seen) again.send({ cmd: "puback", messageId: id ?? 0 });
  await again.fence();
  await again.drop();
  const { client: third } = await connectAgain(server.port);
  expect(await third.fence()).toEqual([]);
  await third.drop();
});

test("messages beyond the inflight window wait, survive a reconnect and follow in order", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 2 } });
  const { client } = await connectAgain(server.port);
  await client.subscribe("t", 1);
  for (let n = 1; n <= 5; n++) server.broker.publish("t", Buffer.from(`${n}`), 1);
  expect(await client.fence()).toHaveLength(2);
  await client.drop();
  await until("the session to be detached", () => server.broker.stats().connections === 0);
  const { client: again } = await connectAgain(server.port);
  const texts: string[] = [];
  for (let n = 1; n <= 5; n++) {
    const { payload, messageId } = await again.expect("publish");
    texts.push(String(payload));
    again.send({ cmd: "puback", messageId: messageId ?? 0 });
  }
  expect(texts).toEqual(["1", "2", "3", "4", "5"]);
  expect(await again.fence()).toEqual([]);
  await again.drop();
});

test.each([true, false])("the queue's bytes are given back as it empties (clean session %p)", async (clean) => {
  await using server = await startTestBroker({ limits: { inflightMax: 2, queuedBytesMax: 2000 } });
  const { client } = await connectAgain(server.port, { clean });
  await client.subscribe("t", 1);
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 6; n++) server.broker.publish("t", Buffer.alloc(200), 1);
    for (let n = 0; n < 6; n++)
      client.send({ cmd: "puback", messageId: (await client.expect("publish")).messageId ?? 0 });
    await client.fence();
  }
  await client.drop();
});

test("a second connection takes the session over, the first is closed and its will published", async () => {
  await using server = await startTestBroker();
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("wills", 1);
  const will = { topic: "wills", payload: "gone", qos: 1 as const, retain: false };
  await using first = await RawMqtt.connect(server.port, { clientId: "same", will });
  await using second = await RawMqtt.connect(server.port, { clientId: "same" });
  await first.whenClosed();
  expect(server.closeReasons).toContain("taken_over");
  expect(String((await watcher.expect("publish")).payload)).toBe("gone");
  expect(await second.fence()).toEqual([]);
  expect(server.broker.stats().sessions).toBe(2);
});

test("another principal with the same client id neither closes, resumes nor ends the session", async () => {
  await using server = await startTestBroker();
  const { client: alice } = await connectAgain(server.port, { username: "alice" });
  await alice.subscribe("t", 1);
  const eve = await connectAgain(server.port, { username: "eve" });
  expect(eve.sessionPresent).toBe(false);
  await eve.client.drop();
  const eveClean = await connectAgain(server.port, { username: "eve", clean: true });
  alice.send(publishPacket("t", "mine"));
  expect(await alice.expect("publish")).toMatchObject({ topic: "t" });
  expect(await eveClean.client.fence()).toEqual([]);
  await eveClean.client.drop();
  await alice.drop();
  const back = await connectAgain(server.port, { username: "alice" });
  expect(back.sessionPresent).toBe(true);
  await back.client.drop();
});

test("of many simultaneous connections with one client id exactly one remains", async () => {
  const store = new MemoryBrokerStore();
  store.commit = async () => {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  };
  await using server = await startTestBroker({ store });
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawMqtt.open(server.port)));
  for (const client of clients) client.send(connectPacket(lasting));
  await until("seven to be closed", () => clients.filter(({ closed }) => closed).length === 7);
  const survivor = clients.find(({ closed }) => !closed);
  await survivor?.expect("connack");
  expect(await survivor?.fence()).toEqual([]);
  expect(server.broker.stats().sessions).toBe(1);
  await survivor?.drop();
});

test("a client that is not granted a lasting session gets one that ends with its connection", async () => {
  await using server = await startTestBroker({
    identity: { authenticate: async () => ({ principal: { key: "anonymous" }, persistent: false }) },
  });
  const { client } = await connectAgain(server.port);
  await client.subscribe("t", 1);
  await client.drop();
  const again = await connectAgain(server.port);
  expect(again.sessionPresent).toBe(false);
  expect(server.store.changes).toEqual([]);
  await again.client.drop();
});

test("clean connections share an empty client id, a lasting one is refused it", async () => {
  await using server = await startTestBroker();
  await using one = await RawMqtt.connect(server.port, { clientId: "" });
  await using two = await RawMqtt.connect(server.port, { clientId: "" });
  await one.fence();
  await two.fence();
  await using three = await RawMqtt.open(server.port);
  // mqtt-packet will not write this one.
  three.send(Buffer.from([0x10, 12, 0, 4, 77, 81, 84, 84, 4, 0, 0, 0, 0, 0]));
  expect(await three.expect("connack")).toMatchObject({ returnCode: 2, sessionPresent: false });
  await three.whenClosed();
});

test("the will is published when the connection breaks, and not after DISCONNECT", async () => {
  await using server = await startTestBroker();
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("wills/+", 1);
  const will = (name: string) => ({ topic: `wills/${name}`, payload: name, qos: 1 as const, retain: false });
  await using polite = await RawMqtt.connect(server.port, { will: will("polite") });
  polite.send({ cmd: "disconnect" });
  await polite.whenClosed();
  await using broken = await RawMqtt.connect(server.port, { will: will("broken") });
  broken.send(Buffer.from([0xf0, 0]));
  await broken.whenClosed();
  await using lost = await RawMqtt.connect(server.port, { will: will("lost") });
  await lost.drop();
  expect(await watcher.expect("publish")).toMatchObject({ topic: "wills/broken", qos: 1 });
  expect(await watcher.expect("publish")).toMatchObject({ topic: "wills/lost" });
});

test("a session that could not be ended is not resumed by the clean CONNECT after it", async () => {
  await using server = await startTestBroker();
  const lasting = { clientId: "keeper", clean: false };
  const first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  await first.drop();
  await until("the session to be set aside", () => server.store.changes.includes("suspendSession"));
  const { commit } = server.store;
  server.store.commit = (change) => (change === "endSession" ? Promise.reject(new Error("no")) : commit(change));
  await using refused = await RawMqtt.open(server.port);
  refused.send(connectPacket({ clientId: "keeper", clean: true }));
  await refused.whenClosed();
  server.store.commit = commit;
  await using clean = await RawMqtt.connect(server.port, { clientId: "keeper", clean: true });
  await clean.drop();
  await using again = await RawMqtt.open(server.port);
  again.send(connectPacket(lasting));
  expect(await again.expect("connack")).toMatchObject({ returnCode: 0, sessionPresent: false });
});
