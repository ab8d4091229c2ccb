/** Wills: on disk before their client is in, published once, or never, MQTT 5 § 3.1.2.5. */
import { expect, test } from "bun:test";
import { discardsWill } from "../../../src/mqtt/routing/wills.ts";
import { until } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { HeldStore, SteppedBroker, settle } from "../../support/stepped-broker.ts";
import { type ConnectOptions, SteppedClient } from "../../support/stepped-client.ts";

async function open() {
  const clock = createManualClock();
  const store = new HeldStore();
  const broker = await new SteppedBroker({ store, clock }).start();
  return { clock, store, broker, listener: await listen(broker) };
}

async function listen(broker: SteppedBroker): Promise<SteppedClient> {
  const listener = new SteppedClient(broker, "listener");
  listener.connect({ cleanStart: true });
  await until("connected", () => listener.connected);
  listener.subscribe("will/#", 1);
  await settle();
  return listener;
}

async function connect(broker: SteppedBroker, options: ConnectOptions, client = new SteppedClient(broker, "c")) {
  client.connect({ protocolVersion: 5, ...options }, broker);
  await until("connected", () => client.connected);
  await settle();
  return client;
}

const will = { topic: "will/c", payload: "gone" };

test("a client is in when its will is on disk", async () => {
  const { broker, store } = await open();
  store.holds = true;
  const client = new SteppedClient(broker, "c");
  client.connect({ cleanStart: true, will });
  await settle();
  expect(store.waiting.map(({ change }) => change)).toEqual(["putWill"]);
  expect(client.connected).toBe(false);
  store.let(1);
  await settle();
  expect(client.connected).toBe(true);
  expect(store.storedWills.size).toBe(1);
});

test("a lost client's will is published as it asked for, and leaves the store", async () => {
  const { broker, store, listener } = await open();
  const client = await connect(broker, { cleanStart: true, will: { ...will, qos: 1, retain: true } });
  client.lose();
  await settle();
  expect(listener.taken).toMatchObject([{ topic: "will/c", payload: "gone", qos: 1, retain: false }]);
  expect(Buffer.from(store.retained.get("will/c")?.payload ?? []).toString()).toBe("gone");
  expect(store.storedWills.size).toBe(0);
});

test("DISCONNECT discards the will, nothing else does", async () => {
  const { broker, store, listener } = await open();
  const client = await connect(broker, { cleanStart: true, will });
  client.disconnect();
  await settle();
  expect([listener.texts, store.storedWills.size]).toEqual([[], 0]);
  expect(discardsWill("disconnected")).toBe(true);
  for (const reason of ["disconnected_with_will", "connection_lost", "taken_over", "keep_alive_timeout"] as const) {
    expect(discardsWill(reason)).toBe(false);
  }
});

test("a delayed will waits, and is given up when its client comes back", async () => {
  const { broker, store, listener } = await open();
  const client = await connect(broker, { will: { ...will, delaySeconds: 10 } });
  client.lose();
  broker.advance(9000);
  await settle();
  expect(listener.texts).toEqual([]);
  await connect(broker, {}, client);
  expect(store.storedWills.size).toBe(0);
  broker.advance(60_000);
  await settle();
  expect(listener.texts).toEqual([]);

  await connect(broker, { will: { ...will, delaySeconds: 10 } }, client); // takes over itself
  client.lose();
  broker.advance(11_000);
  await settle();
  expect(listener.texts).toEqual(["gone"]);
  broker.advance(60_000);
  await settle();
  expect(listener.texts).toEqual(["gone"]);
  expect(store.storedWills.size).toBe(0);
});

test.each([
  ["the end of the session", { expirySeconds: 5 }, 6000],
  ["the end of the connection of a session that ends with it", { cleanStart: true }, 0],
] as const)("a delayed will is due at %s if that comes first", async (_, options, ms) => {
  const { broker, listener } = await open();
  const client = await connect(broker, { ...options, will: { ...will, delaySeconds: 60 } });
  client.lose();
  await settle();
  expect(listener.texts).toEqual(ms === 0 ? ["gone"] : []);
  broker.advance(ms);
  await settle();
  expect(listener.texts).toEqual(["gone"]);
});

test("a clean start ends the session, so the delayed will of the one before is due", async () => {
  const { broker, listener } = await open();
  const client = await connect(broker, { will: { ...will, delaySeconds: 60 } });
  client.lose();
  await connect(broker, { cleanStart: true }, client);
  expect(listener.texts).toEqual(["gone"]);
});

test.each([
  [0, false],
  [30, false],
  [30, true],
] as const)("a will with a delay of %p seconds survives the broker (client gone before: %p)", async (delay, gone) => {
  const { broker, store, clock } = await open();
  const client = await connect(broker, { will: { ...will, delaySeconds: delay } });
  if (gone) client.lose();
  await settle();
  const later = await new SteppedBroker({ store: afterCrash(store), clock }).start();
  const listener = await listen(later);
  later.advance(1000);
  await settle();
  expect(listener.texts).toEqual(delay === 0 ? ["gone"] : []);
  later.advance(30_000);
  await settle();
  expect(listener.texts).toEqual(["gone"]);
  expect(later.store).toHaveProperty("storedWills.size", 0);
});

test.each([
  ["whose client was connected when the server ended", 0, 0],
  ["whose delay has passed", 10, 10_000],
] as const)("a will %s is published even if its client is back before the wheel turns", async (_, delay, ms) => {
  const { broker, store, clock } = await open();
  const client = await connect(broker, { will: { ...will, delaySeconds: delay } });
  const later = await new SteppedBroker({ store: afterCrash(store), clock }).start();
  const listener = await listen(later);
  clock.advance(ms);
  await connect(later, {}, client);
  expect(listener.texts).toEqual(["gone"]);
  later.advance(60_000);
  await settle();
  expect(listener.texts).toEqual(["gone"]);
  expect(later.store).toHaveProperty("storedWills.size", 0);
});

test("a will that may not be published is not", async () => {
  const broker = await new SteppedBroker({ identity: { authorize: (_, action) => action !== "publish" } }).start();
  const listener = await listen(broker);
  const client = await connect(broker, { cleanStart: true, will: { ...will, retain: true } });
  client.lose();
  await settle();
  expect([listener.texts, broker.parts.retained.count, broker.parts.counters.publishesDenied]).toEqual([[], 0, 1]);
});

test("a will published while another message is handed out does not take that one's place", async () => {
  const broker = await new SteppedBroker({ limits: { queuedMessagesMax: 3, inflightMax: 1 } }).start();
  const keeper = await connect(broker, {}, new SteppedClient(broker, "keeper"));
  keeper.subscribe("will/#", 1);
  // Closed for what gathers, in the middle of a message that others are to get too.
  const slowWill = { topic: "will/slow", payload: "the will", qos: 1 as const };
  const slow = await connect(broker, { cleanStart: true, will: slowWill }, new SteppedClient(broker, "slow"));
  slow.subscribe("t", 1);
  const other = await connect(broker, {}, new SteppedClient(broker, "other"));
  other.subscribe("t", 1);
  await settle();
  for (let n = 0; n < 6; n++) {
    void broker.publish("t", `${n}`, 1);
    await settle();
    other.answer();
    keeper.answer();
    await settle();
  }
  expect([slow.connected, keeper.texts]).toEqual([false, ["the will"]]);
  expect(other.texts).toEqual(["0", "1", "2", "3", "4", "5"]);
});

function afterCrash(store: HeldStore): HeldStore {
  const left = store.crash();
  for (const [id, stored] of store.storedWills) left.storedWills.set(id, stored);
  return left;
}
