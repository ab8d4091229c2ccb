/** What waits for a client with a lasting session while it is away, MQTT 3.1.1 §§ 3.1.2.4, 4.1, 4.3 and 4.5: in order, over restarts, bounded. */
import { expect, test } from "bun:test";
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { until } from "../support/deadline.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker, type TestBroker, type TestBrokerOptions } from "../support/test-broker.ts";

const lasting = { clientId: "phone", clean: false } as const;

const open = (server: TestBroker, fields: Partial<IConnectPacket> = lasting) => RawMqtt.connect(server.port, fields);

/** Leaves a session with a subscription behind. */
async function leave(server: TestBroker, filter: string, qos: 0 | 1 | 2, fields: Partial<IConnectPacket> = lasting) {
  const client = await open(server, fields);
  expect(await client.subscribe(filter, qos)).toBe(qos);
  await goodbye(client);
}

async function goodbye(client: RawMqtt): Promise<void> {
  client.send({ cmd: "disconnect" });
  await client.whenClosed();
}

/** Goes without DISCONNECT, and waits until the server knows. */
async function vanish(server: TestBroker, client: RawMqtt): Promise<void> {
  const before = server.broker.stats().connections;
  await client.drop();
  await until("the server to notice", () => server.broker.stats().connections < before);
}

/** Publishes at this QoS, through to the last acknowledgement. */
async function publish(client: RawMqtt, topic: string, payload: string, qos: 1 | 2): Promise<void> {
  client.send(publishPacket(topic, payload, { qos, messageId: 1 }));
  if (qos === 1) {
    await client.expect("puback");
  } else {
    await client.expect("pubrec");
    client.send({ cmd: "pubrel", messageId: 1 });
    await client.expect("pubcomp");
  }
}

/** Takes messages without acknowledging them. */
async function take(client: RawMqtt, count: number): Promise<IPublishPacket[]> {
  const packets: IPublishPacket[] = [];
  while (packets.length < count) packets.push(await client.expect("publish"));
  return packets;
}

const brief = (packets: readonly IPublishPacket[]) =>
  packets.map(({ payload, qos, dup }) => `${payload} ${qos}${dup ? " dup" : ""}`);

async function acknowledge(client: RawMqtt, { qos, messageId = 0 }: IPublishPacket): Promise<void> {
  if (qos === 1) {
    client.send({ cmd: "puback", messageId });
  } else if (qos === 2) {
    client.send({ cmd: "pubrec", messageId });
    expect(await client.expect("pubrel")).toMatchObject({ messageId });
    client.send({ cmd: "pubcomp", messageId });
  }
}

/** The same program started again: another broker on the same store and clock. */
async function restarted(server: TestBroker, options: TestBrokerOptions = {}): Promise<TestBroker> {
  await server.broker.stop();
  return await startTestBroker({ ...options, store: server.store, clock: server.clock });
}

/** All messages that were given up, for whatever reason. */
function dropped(server: TestBroker): number {
  const counters = Object.entries(server.broker.stats()).filter(([name]) => name.startsWith("dropped"));
  return counters.reduce((sum, [, count]) => sum + count, 0);
}

test("what is published at QoS 1 and 2 while a client is away comes in order when it is back, and once", async () => {
  await using server = await startTestBroker();
  await leave(server, "t/#", 2);
  await using alice = await RawMqtt.connect(server.port);
  for (let n = 0; n < 10; n++) await publish(alice, `t/${n}`, `${n}`, n % 2 === 0 ? 1 : 2);
  await publish(alice, "other", "not subscribed to", 1);
  const back = await open(server);
  const packets = await take(back, 10);
  expect(brief(packets)).toEqual(Array.from({ length: 10 }, (_, n) => `${n} ${n % 2 === 0 ? 1 : 2}`));
  for (const each of packets) await acknowledge(back, each);
  expect(await back.fence()).toEqual([]);
  await goodbye(back);
  await using again = await open(server);
  expect(await again.fence()).toEqual([]);
});

test("a message waits at the lower of its QoS and the subscription's, and at QoS 0 not at all", async () => {
  await using server = await startTestBroker();
  await leave(server, "one", 1);
  await leave(server, "zero", 0);
  await using alice = await RawMqtt.connect(server.port);
  alice.send(publishPacket("one", "at 0"));
  await publish(alice, "one", "at 1", 1);
  await publish(alice, "one", "at 2", 2);
  await publish(alice, "zero", "granted 0", 2);
  await using back = await open(server);
  expect(brief(await take(back, 2))).toEqual(["at 1 1", "at 2 1"]);
  expect(await back.fence()).toEqual([]);
});

test("what waits survives a restart, and so do subscriptions for what is published before the client is back", async () => {
  const first = await startTestBroker();
  await leave(first, "t", 2);
  {
    const alice = await RawMqtt.connect(first.port);
    await publish(alice, "t", "before", 1);
    await publish(alice, "t", "before too", 2);
    await goodbye(alice);
  }
  await using second = await restarted(first);
  await using alice = await RawMqtt.connect(second.port);
  await publish(alice, "t", "after", 1);
  await using back = await open(second);
  const packets = await take(back, 3);
  expect(brief(packets)).toEqual(["before 1", "before too 2", "after 1"]);
  expect(new Set(packets.map(({ messageId }) => messageId)).size).toBe(3);
  await publish(alice, "t", "live", 1);
  expect(brief(await take(back, 1))).toEqual(["live 1"]);
});

test("what was sent and not acknowledged comes again after a restart, with DUP and its packet id, before what waited", async () => {
  const first = await startTestBroker();
  const client = await open(first);
  await client.subscribe("t", 2);
  const alice = await RawMqtt.connect(first.port);
  for (const [text, qos] of [
    ["a", 1],
    ["b", 2],
    ["c", 1],
    ["d", 2],
  ] as const) {
    await publish(alice, "t", text, qos);
  }
  const sent = await take(client, 4);
  await acknowledge(client, sent[0] as IPublishPacket);
  await client.fence();
  await vanish(first, client);
  await publish(alice, "t", "e", 1);
  await goodbye(alice);
  await using second = await restarted(first);
  await using back = await open(second);
  const again = await take(back, 4);
  expect(brief(again)).toEqual(["b 2 dup", "c 1 dup", "d 2 dup", "e 1"]);
  expect(again.slice(0, 3).map(({ messageId }) => messageId)).toEqual(sent.slice(1).map(({ messageId }) => messageId));
  expect(again.slice(0, 3).map(({ messageId }) => messageId)).not.toContain(again[3]?.messageId);
  for (const each of again) await acknowledge(back, each);
  expect(await back.fence()).toEqual([]);
});

test("a QoS 2 message that was released is only released again after a restart", async () => {
  const first = await startTestBroker();
  const client = await open(first);
  await client.subscribe("t", 2);
  const alice = await RawMqtt.connect(first.port);
  await publish(alice, "t", "released", 2);
  const [{ messageId = 0 } = {} as IPublishPacket] = await take(client, 1);
  client.send({ cmd: "pubrec", messageId });
  expect(await client.expect("pubrel")).toMatchObject({ messageId });
  await vanish(first, client);
  await publish(alice, "t", "later", 1);
  await goodbye(alice);
  await using second = await restarted(first);
  for (let round = 0; round < 2; round++) {
    const back = await open(second);
    const packets: Packet[] = [await back.next(), await back.next()];
    expect(packets).toMatchObject([
      { cmd: "pubrel", messageId },
      { cmd: "publish", qos: 1, dup: round > 0 },
    ]);
    expect(await back.fence()).toEqual([]);
    await vanish(second, back);
  }
  await using last = await open(second);
  await last.next();
  const [later] = await take(last, 1);
  last.send({ cmd: "pubcomp", messageId });
  await acknowledge(last, later as IPublishPacket);
  expect(await last.fence()).toEqual([]);
  await goodbye(last);
  await using empty = await open(second);
  expect(await empty.fence()).toEqual([]);
});

test("PUBREL to a lasting session leaves when its PUBREC is on disk", async () => {
  await using server = await startTestBroker();
  await using client = await open(server);
  await client.subscribe("t", 2);
  server.broker.publish("t", Buffer.from("x"), 2);
  const [{ messageId = 0 } = {} as IPublishPacket] = await take(client, 1);
  const gate = Promise.withResolvers<void>();
  server.store.commit = () => gate.promise;
  client.send({ cmd: "pubrec", messageId });
  // A PUBREL that is not kept back may come behind the first PINGRESP.
  expect([...(await client.fence()), ...(await client.fence())]).toEqual([]);
  gate.resolve();
  expect(await client.expect("pubrel")).toMatchObject({ messageId });
});

test("a QoS 2 publish that was not released before a restart is no second message after it", async () => {
  const first = await startTestBroker();
  await leave(first, "t", 2);
  const alice = await open(first, { clientId: "alice", clean: false });
  alice.send(publishPacket("t", "once", { qos: 2, messageId: 9 }));
  await alice.expect("pubrec");
  await vanish(first, alice);
  await using second = await restarted(first);
  await using again = await open(second, { clientId: "alice", clean: false });
  again.send(publishPacket("t", "once", { qos: 2, messageId: 9, dup: true }));
  await again.expect("pubrec");
  again.send({ cmd: "pubrel", messageId: 9 });
  await again.expect("pubcomp");
  await using back = await open(second);
  expect(brief(await take(back, 1))).toEqual(["once 2"]);
  expect(await back.fence()).toEqual([]);
});

test("more than the window holds comes as it is acknowledged, in order", async () => {
  await using server = await startTestBroker({ limits: { inflightMax: 4 } });
  await leave(server, "t", 2);
  await using alice = await RawMqtt.connect(server.port);
  const count = 250;
  for (let n = 0; n < count; n++) await publish(alice, "t", `${n}`, n % 5 === 0 ? 2 : 1);
  await using back = await open(server);
  const seen: string[] = [];
  while (seen.length < count) {
    const [packet] = (await take(back, 1)) as [IPublishPacket];
    seen.push(String(packet.payload));
    if (packet.qos === 1) {
      back.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
      continue;
    }
    // What is in the window already may come before PUBREL does.
    back.send({ cmd: "pubrec", messageId: packet.messageId ?? 0 });
    for (let next = await back.next(); next.cmd !== "pubrel"; next = await back.next()) {
      expect(next.cmd).toBe("publish");
      const { payload, messageId = 0, qos } = next as IPublishPacket;
      expect(qos).toBe(1);
      seen.push(String(payload));
      back.send({ cmd: "puback", messageId });
    }
    back.send({ cmd: "pubcomp", messageId: packet.messageId ?? 0 });
  }
  expect(seen).toEqual(Array.from({ length: count }, (_, n) => `${n}`));
  expect(await back.fence()).toEqual([]);
});

test("a queue that is full drops messages and counts them, the publisher is acknowledged all the same", async () => {
  await using server = await startTestBroker({ limits: { queuedMessagesMax: 5 } });
  await leave(server, "t", 1);
  await using alice = await RawMqtt.connect(server.port);
  const before = dropped(server);
  for (let n = 0; n < 8; n++) await publish(alice, "t", `${n}`, 1);
  expect(dropped(server) - before).toBe(3);
  const back = await open(server);
  const kept = (await take(back, 5)).map(({ payload }) => Number(String(payload)));
  expect(kept).toEqual(kept.toSorted((a, b) => a - b));
  expect(await back.fence()).toEqual([]);
  await goodbye(back);
});

test("a queue is full by its bytes too", async () => {
  await using server = await startTestBroker({ limits: { queuedBytesMax: 10_000 } });
  await leave(server, "t", 1);
  await using alice = await RawMqtt.connect(server.port);
  for (let n = 0; n < 10; n++) await publish(alice, "t", `${n}`.repeat(3000), 1);
  expect(dropped(server)).toBeGreaterThanOrEqual(7);
  await using back = await open(server);
  const packets = (await back.fence()) as IPublishPacket[];
  expect(packets.length).toBeLessThanOrEqual(3);
});

test("a clean session leaves nothing of what waited", async () => {
  await using server = await startTestBroker();
  await leave(server, "t", 1);
  await using alice = await RawMqtt.connect(server.port);
  await publish(alice, "t", "forgotten", 1);
  await goodbye(await open(server, { clientId: "phone", clean: true }));
  await using back = await open(server);
  expect(await back.fence()).toEqual([]);
  expect(server.store.sessions.size).toBe(1);
});

test("a publisher is acknowledged when the message is stored for those who are away", async () => {
  await using server = await startTestBroker();
  await leave(server, "t", 1);
  await using alice = await RawMqtt.connect(server.port);
  const gate = Promise.withResolvers<void>();
  server.store.commit = () => gate.promise;
  alice.send(publishPacket("t", "x", { qos: 1, messageId: 1 }));
  expect(await alice.fence()).toEqual([]);
  gate.resolve();
  expect(await alice.expect("puback")).toMatchObject({ messageId: 1 });
});
