/** What a service plugged into the broker can rely on: interception, ordered acknowledgements, deliveries, refs. */
import { expect, test } from "bun:test";
import { preparePublish } from "../../src/mqtt/publish/prepared-publish.ts";
import type { Deliverer, PublishOutcome, Service, ServiceSession } from "../../src/mqtt/service.ts";
import { until } from "../support/deadline.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const lasting = { clientId: "phone", clean: false } as const;

/** A service for everything under svc/ that keeps what it is told; each publish is settled by the test. */
function recordingService() {
  const events: string[] = [];
  const sessions: ServiceSession[] = [];
  const publishes = new Map<string, PromiseWithResolvers<PublishOutcome>>();
  const deliverer: Deliverer = {
    acknowledged: (ref, qos) => void events.push(`acknowledged ${ref} qos ${qos}`),
    writable: () => void events.push("writable"),
  };
  const service: Partial<Service> = {
    serves: (topic) => topic.startsWith("svc/"),
    intercept(_session, { topic, payload }) {
      const text = Buffer.from(payload).toString();
      events.push(`publish ${topic} ${text}`);
      const settled = Promise.withResolvers<PublishOutcome>();
      publishes.set(text, settled);
      return settled.promise;
    },
    serving: (_principal, filter) =>
      filter.startsWith("svc/") ? "service" : filter === "#" ? "both" : filter === "no" ? "refused" : "none",
    subscribed: (_session, filter) => void events.push(`subscribed ${filter}`),
    unsubscribed: (_session, filter) => events.push(`unsubscribed ${filter}`) < 0,
    opened(session, { resumed }) {
      sessions.push(session);
      session.deliverer = deliverer;
      events.push(`opened ${resumed}`);
    },
    closed: () => void events.push("closed"),
    ended: () => void events.push("ended"),
  };
  const settle = (text: string, outcome: PublishOutcome = { ack: true }) => publishes.get(text)?.resolve(outcome);
  const fail = (text: string) => publishes.get(text)?.reject(new Error("service failed"));
  return { events, sessions, publishes, service, settle, fail };
}

test("acknowledgements leave in order of arrival, whatever each waits for, and the next publish does not wait", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port);
  client.send(
    publishPacket("svc/x", "slow", { qos: 1, messageId: 1 }),
    publishPacket("ordinary", "x", { qos: 1, messageId: 2 }),
    { cmd: "subscribe", messageId: 3, subscriptions: [{ topic: "t", qos: 0 }] },
    publishPacket("svc/x", "fast", { qos: 1, messageId: 4 }),
  );
  expect(await client.fence()).toEqual([]);
  expect([...recording.publishes.keys()]).toEqual(["slow", "fast"]);
  recording.settle("fast");
  expect(await client.fence()).toEqual([]);
  recording.settle("slow");
  expect(await client.expect("puback")).toMatchObject({ messageId: 1 });
  expect(await client.expect("puback")).toMatchObject({ messageId: 2 });
  expect(await client.expect("suback")).toMatchObject({ messageId: 3 });
  expect(await client.expect("puback")).toMatchObject({ messageId: 4 });
});

test("a service's own topics are not routed, even to #", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port);
  await client.subscribe("#");
  client.send(publishPacket("svc/x", "taken"), publishPacket("other", "routed"));
  expect(await client.expect("publish")).toMatchObject({ topic: "other" });
  expect(recording.events).toContain("publish svc/x taken");
  recording.settle("taken");
});

test("the service's answer decides how a filter is served", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port);
  const filters = ["svc/a", "#", "no", "t"];
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 1 })) });
  expect((await client.expect("suback")).granted).toEqual([1, 1, 0x80, 1]);
  expect(server.broker.stats().subscriptions).toBe(2);
  client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: filters });
  await client.expect("unsuback");
  expect(recording.events.filter((event) => event.startsWith("unsub"))).toEqual(
    // Asked too where there was none: what is heard unasked may be given up.
    filters.map((filter) => `unsubscribed ${filter}`),
  );
  expect(server.broker.stats().subscriptions).toBe(0);
});

test("a service may close the publisher, and its failure closes a QoS 1 publisher unacknowledged", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using refused = await RawMqtt.connect(server.port);
  refused.send(publishPacket("svc/x", "refused", { qos: 1, messageId: 1 }));
  await until("the publish", () => recording.publishes.has("refused"));
  recording.settle("refused", { refused: "not_authorized", why: "not here" });
  await refused.whenClosed();
  await using lost = await RawMqtt.connect(server.port);
  lost.send(publishPacket("svc/x", "failed at 0"));
  await until("the publish", () => recording.publishes.has("failed at 0"));
  recording.fail("failed at 0");
  await lost.whenClosed();
  await using failed = await RawMqtt.connect(server.port);
  failed.send(publishPacket("svc/x", "failed", { qos: 1, messageId: 1 }));
  await until("the publish", () => recording.publishes.has("failed"));
  recording.fail("failed");
  await failed.whenClosed();
  expect(failed.received).toEqual([]);
  expect(server.closeReasons).toEqual(["service", "internal_error", "internal_error"]);
});

test("deliveries are told as acknowledged: QoS 1 by PUBACK in its order, QoS 0 when the kernel took it", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port);
  const [session] = recording.sessions;
  const packet = preparePublish("svc/news", Buffer.from("x"));
  expect([10, 11, 12].map((ref) => session?.deliver(packet, 1, ref))).toEqual(["queued", "queued", "queued"]);
  session?.deliver(packet, 0, 13);
  const ids: number[] = [];
  for (let n = 0; n < 4; n++) ids.push((await client.expect("publish")).messageId ?? 0);
  expect(recording.events.at(-1)).toBe("acknowledged 13 qos 0");
  for (const index of [2, 0, 1]) client.send({ cmd: "puback", messageId: ids[index] ?? 0 });
  client.send({ cmd: "puback", messageId: 999 });
  await client.fence();
  expect(recording.events.slice(-3)).toEqual([12, 10, 11].map((ref) => `acknowledged ${ref} qos 1`));
});

test("a ref unacknowledged on the last connection is sent again with its packet id and DUP, others anew", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  const packet = (text: string) => preparePublish("svc/news", Buffer.from(text));
  await using first = await RawMqtt.connect(server.port, lasting);
  const session = recording.sessions[0];
  for (const ref of [100, 101, 102, 103]) session?.deliver(packet(`${ref}`), 1, ref);
  const ids = new Map<string, number | undefined>();
  for (let n = 0; n < 4; n++) {
    const { payload, messageId } = await first.expect("publish");
    ids.set(String(payload), messageId);
  }
  first.send({ cmd: "puback", messageId: ids.get("101") ?? 0 });
  await first.fence();
  await first.drop();
  await until("closed", () => recording.events.at(-1) === "closed");
  expect(session?.deliver(packet("away"), 1, 7)).toBe("full");

  await using second = await RawMqtt.connect(server.port, lasting);
  expect(recording.events.at(-1)).toBe("opened true");
  expect(recording.sessions[1]).toBe(session as ServiceSession);
  session?.forget(103);
  for (const ref of [100, 102, 104]) session?.deliver(packet(`${ref}`), 1, ref);
  const seen = (await second.fence()).map((each) =>
    each.cmd === "publish" ? { text: String(each.payload), dup: each.dup, id: each.messageId } : each,
  );
  expect(seen).toMatchObject([
    { text: "100", dup: true, id: ids.get("100") },
    { text: "102", dup: true, id: ids.get("102") },
    { text: "104", dup: false },
  ]);
  second.send({ cmd: "puback", messageId: ids.get("102") ?? 0 });
  await second.fence();
  expect(recording.events.at(-1)).toBe("acknowledged 102 qos 1");
});

test("a service that delivers as soon as the client is back keeps the packet ids too", async () => {
  const recording = recordingService();
  let pending: number[] = [];
  const packet = preparePublish("svc/news", Buffer.from("x"));
  await using server = await startTestBroker({
    service: {
      ...recording.service,
      opened(session) {
        recording.sessions.push(session);
        for (const ref of pending) session.deliver(packet, 1, ref);
      },
    },
  });
  await using first = await RawMqtt.connect(server.port, lasting);
  for (const ref of [7, 8]) recording.sessions[0]?.deliver(packet, 1, ref);
  const ids = (await first.fence()).map((each) => each.messageId);
  await first.drop();
  await until("closed", () => server.broker.stats().connections === 0);
  pending = [8, 9];
  await using second = await RawMqtt.connect(server.port, lasting);
  expect(await second.fence()).toMatchObject([{ messageId: ids[1], dup: true }, { dup: false }]);
});

test("a used-up inflight window says full, and writable once there is room", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service, limits: { inflightMax: 4 } });
  await using client = await RawMqtt.connect(server.port);
  const session = recording.sessions[0];
  const packet = preparePublish("svc/news", Buffer.from("x"));
  expect([1, 2, 3, 4, 5].map((ref) => session?.deliver(packet, 1, ref))).toEqual([
    "queued",
    "queued",
    "queued",
    "queued",
    "full",
  ]);
  for (const each of await client.fence()) client.send({ cmd: "puback", messageId: each.messageId ?? 0 });
  await client.fence();
  expect(recording.events.filter((event) => event === "writable")).toEqual(["writable"]);
  expect(session?.deliver(packet, 1, 5)).toBe("queued");
});

test("an outbox over its soft cap says full; every queued byte arrives, then writable is called", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port);
  client.stopReading();
  const session = recording.sessions[0];
  const packet = preparePublish("svc/news", Buffer.alloc(100_000, "x"));
  let queued = 0;
  while (session?.deliver(packet, 0, queued) === "queued" && queued < 1000) {
    queued++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(queued).toBeLessThan(1000);
  client.resumeReading();
  for (let n = 0; n < queued; n++) expect((await client.expect("publish")).payload).toHaveLength(100_000);
  await until("writable", () => recording.events.includes("writable"));
  const acknowledged = recording.events.filter((event) => event.startsWith("acknowledged"));
  expect(acknowledged).toEqual(Array.from({ length: queued }, (_, ref) => `acknowledged ${ref} qos 0`));
});

test("QoS 0 deliveries that leave bit by bit are each acknowledged when they left, none before", async () => {
  const recording = recordingService();
  const limits = { outboxSoftBytesMax: 64 * 1024 * 1024, outboxHardBytesMax: 128 * 1024 * 1024 };
  await using server = await startTestBroker({ service: recording.service, limits });
  await using client = await RawMqtt.connect(server.port);
  client.stopReading();
  const packet = preparePublish("svc/news", Buffer.alloc(100_000, "x"));
  const count = 300;
  for (let ref = 0; ref < count; ref++) recording.sessions[0]?.deliver(packet, 0, ref);
  const acknowledged = () => recording.events.filter((event) => event.startsWith("acknowledged"));
  await until("the first to have left", () => acknowledged().length > 0);
  expect(acknowledged().length).toBeLessThan(count);
  client.resumeReading();
  for (let n = 0; n < count; n++) await client.expect("publish");
  await until("all to be acknowledged", () => acknowledged().length === count);
  expect(acknowledged()).toEqual(Array.from({ length: count }, (_, ref) => `acknowledged ${ref} qos 0`));
});

test("a publisher with too much under way is not read until the service has caught up", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service, limits: { inboundInflightMax: 10 } });
  await using client = await RawMqtt.connect(server.port);
  for (let n = 1; n <= 50; n++) client.send(publishPacket("svc/x", `${n}`, { qos: 1, messageId: n }));
  await until("ten to have started", () => recording.publishes.size === 10);
  await using other = await RawMqtt.connect(server.port);
  await other.fence();
  expect(recording.publishes.size).toBe(10);
  for (let n = 1; n <= 50; n++) {
    await until(`publish ${n}`, () => recording.publishes.has(`${n}`));
    recording.settle(`${n}`);
    expect(await client.expect("puback")).toMatchObject({ messageId: n });
  }
});

test("a will to a service's topic goes to the service", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using client = await RawMqtt.connect(server.port, {
    will: { topic: "svc/will", payload: "gone", qos: 1, retain: false },
  });
  await client.drop();
  await until("closed", () => recording.events.includes("closed"));
  expect(recording.events).toContain("publish svc/will gone");
  recording.settle("gone");
});

test("a clean CONNECT ends a stored session, live or not, and says so", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("svc/x", 1);
  await using second = await RawMqtt.connect(server.port, { ...lasting, clean: true });
  await first.whenClosed();
  expect(recording.events).toEqual(["opened false", "subscribed svc/x", "closed", "ended", "opened false"]);
  expect(server.store.sessions.size).toBe(0);
  await second.fence();
});

test("stopping finishes and acknowledges what is under way, then closes everyone without their wills", async () => {
  const recording = recordingService();
  await using server = await startTestBroker({ service: recording.service });
  await using watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe("will");
  await using client = await RawMqtt.connect(server.port, {
    will: { topic: "will", payload: "x", qos: 0, retain: false },
  });
  client.send(publishPacket("svc/x", "last", { qos: 1, messageId: 9 }));
  await until("the publish", () => recording.publishes.has("last"));
  const stopped = server.broker.stop();
  const late = await RawMqtt.open(server.port).then(
    async (raw) => {
      raw.send(connectPacket());
      await raw.whenClosed();
      return raw.received.length;
    },
    () => 0,
  );
  expect(late).toBe(0);
  recording.settle("last");
  expect(await client.expect("puback")).toMatchObject({ messageId: 9 });
  await client.whenClosed();
  await watcher.whenClosed();
  expect(watcher.received).toEqual([]);
  await stopped;
});
