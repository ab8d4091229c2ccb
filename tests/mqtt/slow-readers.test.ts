/** Clients that stop reading: bounded memory for us, no delay for anybody else. */

import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import { liveMemoryBytes } from "../support/live-memory.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const payload = Buffer.alloc(50_000, "x");

test("QoS 0 messages for a client that does not read are dropped and counted, others get theirs", async () => {
  await using server = await startTestBroker();
  await using slow = await RawMqtt.connect(server.port);
  await using quick = await RawMqtt.connect(server.port);
  await slow.subscribe("t");
  await quick.subscribe("t");
  slow.stopReading();
  const before = liveMemoryBytes();
  let sent = 0;
  while (server.broker.stats().droppedSlow < 2000 && sent < 10_000) {
    server.broker.publish("t", payload, 0);
    sent++;
    expect((await quick.expect("publish")).payload).toHaveLength(payload.length);
  }
  expect(server.broker.stats().droppedSlow).toBe(2000);
  // 100 MB were dropped; a queue would show.
  expect(liveMemoryBytes() - before).toBeLessThan(80 * 1024 * 1024);
  slow.resumeReading();
  await slow.fence(); // what arrives is still whole packets, and the connection is alive
  server.broker.publish("t", Buffer.from("back"), 0);
  expect(String((await slow.expect("publish")).payload)).toBe("back");
});

test("QoS 1 messages wait for a slow reader up to the session's cap and arrive in order", async () => {
  await using server = await startTestBroker();
  await using slow = await RawMqtt.connect(server.port);
  await slow.subscribe("t", 1);
  slow.stopReading();
  const count = 400; // 20 MB: far above the outbox's soft cap, far below the queue's
  for (let n = 0; n < count; n++) {
    payload.writeUInt32BE(n, 0);
    server.broker.publish("t", Buffer.from(payload), 1);
    await turn();
  }
  slow.resumeReading();
  for (let n = 0; n < count; n++) {
    const packet = await slow.expect("publish");
    expect(Buffer.from(packet.payload).readUInt32BE(0)).toBe(n);
    slow.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
  }
  expect(await slow.fence()).toEqual([]);
});

test("messages published while a queue empties keep behind it", async () => {
  await using server = await startTestBroker({ limits: { outboxSoftBytesMax: 200_000 } });
  await using slow = await RawMqtt.connect(server.port);
  await slow.subscribe("t", 1);
  slow.stopReading();
  let published = 0;
  const publish = () => {
    payload.writeUInt32BE(published++, 0);
    server.broker.publish("t", Buffer.from(payload), 1);
  };
  while (published < 200) {
    publish();
    await turn();
  }
  slow.resumeReading();
  for (let n = 0; n < 400; n++) {
    if (published < 400) publish();
    const packet = await slow.expect("publish");
    expect(Buffer.from(packet.payload).readUInt32BE(0)).toBe(n);
  }
});

test.each([
  ["bytes", { queuedBytesMax: 2 * 1024 * 1024 }],
  ["messages", { queuedMessagesMax: 30 }],
] as const)("a client that lets too many %s gather is closed, the publisher notices nothing", async (_what, limits) => {
  await using server = await startTestBroker({ limits });
  await using slow = await RawMqtt.connect(server.port);
  await using alice = await RawMqtt.connect(server.port);
  await slow.subscribe("t", 1);
  slow.stopReading();
  for (let n = 1; server.closeReasons.length === 0 && n < 1000; n++) {
    alice.send(publishPacket("t", payload, { qos: 1, messageId: n }));
    await alice.expect("puback");
  }
  expect(server.closeReasons).toEqual(["slow_reader"]);
  await alice.fence();
});

test("a client that asks and never reads the answers is closed at the hard cap", async () => {
  await using server = await startTestBroker({ limits: { outboxSoftBytesMax: 1000, outboxHardBytesMax: 10_000 } });
  await using rude = await RawMqtt.connect(server.port);
  rude.stopReading();
  const pings = Buffer.alloc(64 * 1024, Buffer.from([0xc0, 0]));
  await until("the client to be closed", () => {
    if (!rude.closed && rude.unsentBytes === 0) rude.send(pings);
    return server.closeReasons.length > 0;
  });
  expect(server.closeReasons).toEqual(["slow_reader"]);
});

test("an idle broker gives the memory of a burst's buffers to the next burst, not to each connection", async () => {
  await using server = await startTestBroker();
  const clients = await Promise.all(Array.from({ length: 200 }, () => RawMqtt.connect(server.port)));
  for (const client of clients) await client.subscribe("t");
  for (let round = 0; round < 5; round++) {
    server.broker.publish("t", payload, 0);
    for (const client of clients) await client.expect("publish");
  }
  for (const client of clients) await client.drop();
  await until("all to be gone", () => server.broker.stats().connections === 0);
  expect(server.broker.stats()).toMatchObject({ sessions: 0, subscriptions: 0, droppedSlow: 0 });
});

test("ten readers of one account that take nothing hold its share, and others hear everything", async () => {
  await using server = await startTestBroker();
  const subscribed = async (clientId: string, username: string): Promise<RawMqtt> => {
    const client = await RawMqtt.connect(server.port, { clientId, username });
    await client.subscribe("t", 1);
    return client;
  };
  const slow = await Promise.all(Array.from({ length: 10 }, (_, n) => subscribed(`slow-${n}`, "ann")));
  await using quick = await subscribed("quick", "bob");
  for (const client of slow) client.stopReading();
  const before = liveMemoryBytes();
  const count = 1600; // 80 MB for each of them
  for (let n = 0; n < count; n++) {
    server.broker.publish("t", Buffer.from(payload), 1);
    const packet = await quick.expect("publish");
    quick.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
  }
  expect(liveMemoryBytes() - before).toBeLessThan(100 * 1024 * 1024);
  expect(server.closeReasons).toEqual(Array(10).fill("slow_reader"));
  expect(server.warnings.map(({ fields }) => fields?.["holder"])).toContain("user:ann");
  // It would fill its share again: until the two seconds are over it is told to come later, and others are not.
  await using soon = await RawMqtt.open(server.port);
  soon.send(connectPacket({ clientId: "soon", username: "ann" }));
  expect(await soon.expect("connack")).toMatchObject({ returnCode: 3 });
  await using other = await RawMqtt.connect(server.port, { clientId: "other", username: "bob" });
  await other.fence();
  server.advance(2000);
  await using later = await RawMqtt.connect(server.port, { clientId: "later", username: "ann" });
  await later.fence();
  for (const client of slow) await client[Symbol.asyncDispose]();
});
