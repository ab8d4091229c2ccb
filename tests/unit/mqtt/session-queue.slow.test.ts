/** What a persistent session is sent, through any interleaving of publishers, the disk, the kernel and the client. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { later } from "../../../src/lib/clock.ts";
import type { BrokerLimits } from "../../../src/mqtt/limits.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import { until } from "../../support/deadline.ts";
import { HeldStore, SteppedBroker, settle, turn } from "../../support/stepped-broker.ts";
import { type ConnectOptions, SteppedClient } from "../../support/stepped-client.ts";

interface World {
  readonly broker: SteppedBroker;
  readonly store: HeldStore;
  readonly client: SteppedClient;
}

async function open(limits: Partial<BrokerLimits> = {}, options: ConnectOptions = {}): Promise<World> {
  const store = new HeldStore();
  const broker = await new SteppedBroker({ store, limits }).start();
  const client = new SteppedClient(broker, "c");
  client.connect(options);
  await until("connected", () => client.connected);
  client.subscribe("t", 2);
  await settle();
  return { broker, store, client };
}

async function connect({ client, broker }: World, options: ConnectOptions = {}): Promise<void> {
  client.connect(options, broker);
  await until("connected", () => client.connected);
  await settle();
}

/** Lets everything happen that is still to happen. */
async function finish({ client, store }: World): Promise<void> {
  store.holds = false;
  client.drain();
  for (let quiet = 0; quiet < 3; ) {
    const before = client.publishes.length + client.others.length;
    store.let(store.waiting.length);
    await settle();
    const answered = client.answer();
    quiet = answered === 0 && client.publishes.length + client.others.length === before ? quiet + 1 : 0;
  }
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `${from + at}`);

/** Nothing is left of it anywhere. */
async function expectDone({ broker, store }: World): Promise<void> {
  broker.parts.queueWriter.flush();
  store.let(store.waiting.length);
  await settle();
  expect(store.queued.size).toBe(0);
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ add: fc.constantFrom(1 as const, 2 as const), large: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ burst: fc.integer({ min: 2, max: 12 }), qos: fc.constantFrom(1 as const, 2 as const) }),
  },
  { weight: 6, arbitrary: fc.record({ answer: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ commit: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: fc.constant({ turn: true }) },
  { weight: 2, arbitrary: fc.constant({ stall: true }) },
  { weight: 4, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 100_000 }) }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.constantFrom("lost", "disconnected") }) },
  { weight: 3, arbitrary: fc.record({ receiveMaximum: fc.integer({ min: 1, max: 5 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S | { crash: boolean } | { fail: number } : never;
/** What waits for the client is set aside in these; their failure has tests of its own. */
const settingAside = new Set(["suspendSession", "wait"]);

interface Play {
  readonly version: 4 | 5;
  /** Whether the broker may end without notice while its client is away. */
  readonly crashes: boolean;
}

async function play(steps: readonly Step[], { version, crashes }: Play): Promise<void> {
  const limits = { inflightMax: 4, outboxSoftBytesMax: 400 };
  let { broker, store, client } = await open(limits, { protocolVersion: version });
  store.holds = true;
  const added: { readonly qos: 1 | 2; stored: boolean | undefined }[] = [];
  const add = (qos: 1 | 2, large: boolean) => {
    const message: (typeof added)[number] = { qos, stored: undefined };
    const stored = broker.publish("t", `${added.length}${large ? ":".padEnd(40_000) : ""}`, qos);
    added.push(message);
    expect(stored).toBeDefined();
    stored?.then(
      () => {
        message.stored = true;
      },
      () => {
        message.stored = false;
      },
    );
  };
  const connectAgain = async (receiveMaximum: number) => {
    client.connect({ protocolVersion: version, receiveMaximum }, broker);
    await until("connected", () => {
      store.let(1, () => false);
      return client.connected;
    });
  };
  for (const each of steps) {
    if ("add" in each) add(each.add, each.large);
    else if ("burst" in each) for (let n = 0; n < each.burst; n++) add(each.qos, false);
    else if ("answer" in each) client.answer(each.answer);
    else if ("commit" in each) store.let(each.commit, () => false);
    else if ("fail" in each) store.let(each.fail, (change) => !settingAside.has(change));
    else if ("turn" in each) await turn();
    else if ("stall" in each) client.stall();
    else if ("drain" in each) client.drain(each.drain);
    else if ("leave" in each) {
      if (each.leave === "disconnected") client.disconnect();
      client.lose();
    } else if ("crash" in each) {
      await turn(); // what was let through is on disk
      if (!crashes || client.connected) continue;
      store = store.crash();
      broker = await new SteppedBroker({ store, limits, clock: broker.clock }).start();
      store.holds = true;
    } else if (!client.connected) await connectAgain(each.receiveMaximum);
  }
  await turn();
  if (!client.connected) await connectAgain(5);
  await finish({ broker, store, client });

  const order: number[] = [];
  const times = new Map<number, number>();
  for (const { payload, qos } of client.taken) {
    const at = Number.parseInt(payload, 10);
    expect(qos).toBe(added[at]?.qos as 1 | 2);
    if (!times.has(at)) order.push(at);
    times.set(at, (times.get(at) ?? 0) + 1);
  }
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  for (const [at, { qos, stored }] of added.entries()) {
    const seen = times.get(at) ?? 0;
    if (stored === true) expect([at, seen > 0]).toEqual([at, true]);
    if (stored === false) expect([at, seen]).toEqual([at, 0]);
    if (qos === 2) expect([at, seen <= 1]).toEqual([at, true]);
  }
  // A removal that failed is made up for by the next start.
  if (!steps.some((each) => "fail" in each)) await expectDone({ broker, store, client });
}

const properties = (arbitrary: fc.Arbitrary<Step>, crashes: boolean) =>
  fc.asyncProperty(
    fc.array(arbitrary, { maxLength: 120, size: "max" }),
    fc.constantFrom(4 as const, 5 as const),
    (steps, version) => play(steps, { version, crashes }),
  );

test("a packet id that was given again before a crash is the later message's", async () => {
  await play(
    [
      { leave: "lost" },
      { add: 1, large: false },
      { receiveMaximum: 1 },
      { burst: 2, qos: 1 },
      { leave: "lost" },
      { commit: 1 },
      { crash: true },
      { receiveMaximum: 1 },
      { leave: "lost" },
      { receiveMaximum: 1 },
      { drain: 1 },
      { answer: 1 }, // its row is not removed before the crash
      { add: 1, large: false },
      { turn: true },
      { commit: 1 },
      { leave: "lost" },
      { crash: true },
    ],
    { version: 4, crashes: true },
  );
});

const numRuns = 300;
test("every message arrives, in order, at QoS 2 once, whatever is interleaved", async () => {
  await fc.assert(properties(step, false), { numRuns });
});

test("also when the broker ends without notice now and then", async () => {
  await fc.assert(
    properties(fc.oneof({ weight: 10, arbitrary: step }, { weight: 1, arbitrary: fc.constant({ crash: true }) }), true),
    { numRuns },
  );
});

test("also when commits fail, but for messages whose own commit did", async () => {
  await fc.assert(
    properties(
      fc.oneof(
        { weight: 12, arbitrary: step },
        { weight: 1, arbitrary: fc.record({ fail: fc.integer({ min: 1, max: 3 }) }) },
      ),
      false,
    ),
    { numRuns },
  );
});

/** Publishes so many small messages, a turn for each hundred. */
async function publishMany(
  broker: SteppedBroker,
  from: number,
  to: number,
  qos: 1 | 2,
  payload = (n: number) => `${n}`,
) {
  for (let n = from; n < to; n++) {
    void broker.publish("t", payload(n), qos);
    if (n % 100 === 99) await turn();
  }
  await settle();
}

test("nothing is sent before it is on disk, and all of a turn is one change", async () => {
  const { broker, store, client } = await open();
  void broker.publish("t", "0", 1); // reads the store once
  await settle();
  client.answer();
  store.holds = true;
  const before = store.changes.length;
  for (const n of numbered(1, 6)) void broker.publish("t", n, 1);
  await settle();
  expect(store.changes.slice(before).filter((change) => change === "enqueue")).toHaveLength(1);
  expect(client.texts).toEqual(["0"]);
  store.let(1);
  await settle();
  expect(client.texts).toEqual(numbered(0, 6));
});

test("what has no room in the window follows in order as room is made", async () => {
  const world = await open({ inflightMax: 3 });
  const { broker, client } = world;
  for (const n of numbered(0, 10)) void broker.publish("t", n, 1);
  await settle();
  expect(client.texts).toEqual(numbered(0, 3));
  client.answer(1);
  await settle();
  expect(client.texts).toEqual(numbered(0, 4));
  await finish(world);
  expect(client.texts).toEqual(numbered(0, 10));
  expect(client.publishes).toHaveLength(10);
  await expectDone(world);
});

test("at QoS 2 a packet id given later is on disk before its message is sent", async () => {
  const world = await open({ inflightMax: 2 });
  const { broker, store, client } = world;
  void broker.publish("t", "0", 2);
  await settle();
  await finish(world);
  for (const n of numbered(1, 4)) void broker.publish("t", n, 2);
  await settle();
  expect(client.texts).toEqual(numbered(0, 3)); // these had theirs when they were stored
  store.holds = true;
  client.answer(1);
  store.let(store.waiting.length);
  await settle();
  client.answer();
  await settle();
  expect(store.waiting.map(({ change }) => change)).toContain("send");
  expect(client.texts).toEqual(numbered(0, 3));
  store.let(store.waiting.length);
  await settle();
  expect(client.texts).toEqual(numbered(0, 4));
  const [row] = [...store.queued.values()].slice(-1);
  expect(row?.packetId).toBe(client.taken.at(-1)?.packetId as number);
});

test.each([
  ["messages", 3000, (n: number) => `${n}`],
  ["bytes", 40, (n: number) => `${n}:`.padEnd(8000)],
] as const)(
  "a client too slow for many %s is caught up from the store with nothing lost",
  async (_, count, payload) => {
    for (const qos of [1, 2] as const) {
      const world = await open({ outboxSoftBytesMax: 2000, inflightMax: 50 });
      const { broker, store, client } = world;
      void broker.publish("t", payload(0), qos);
      await settle();
      client.stall();
      await publishMany(broker, 1, count, qos, payload);
      expect(store.changes).toContain("wait");
      // Some come while it is being caught up, some when it keeps up again.
      client.drain(5000);
      await settle();
      client.answer();
      await publishMany(broker, count, count + 20, qos, payload);
      await finish(world);
      await publishMany(broker, count + 20, count + 25, qos, payload);
      await finish(world);
      expect(client.texts.map((text) => Number.parseInt(text, 10))).toEqual(numbered(0, count + 25).map(Number));
      expect(client.publishes).toHaveLength(count + 25);
      await expectDone(world);
    }
  },
);

test("what comes while the client is away waits, and what it had not acknowledged comes first, with DUP", async () => {
  const world = await open({ inflightMax: 3 });
  const { broker, client } = world;
  for (const n of numbered(0, 5)) void broker.publish("t", n, 1);
  await settle();
  client.lose();
  for (const n of numbered(5, 8)) void broker.publish("t", n, 1);
  await settle();
  await connect(world);
  await finish(world);
  expect(client.texts).toEqual([...numbered(0, 3), ...numbered(0, 8)]);
  expect(client.publishes.map(({ dup }) => dup)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  await expectDone(world);
});

test("a released message is never sent again, its PUBREL is", async () => {
  const world = await open();
  const { broker, client } = world;
  void broker.publish("t", "once", 2);
  await settle();
  const { packetId } = client.taken[0] as { packetId: number };
  client.answer(1);
  await settle();
  client.lose();
  await connect(world);
  await finish(world);
  expect(client.publishes).toHaveLength(1);
  const pubrel = { type: 6, packetId };
  expect(client.others.filter(({ type }) => type === 6)).toEqual([pubrel, pubrel]);
  await expectDone(world);
});

test("a message whose commit fails is not sent, and takes no room", async () => {
  const world = await open({ inflightMax: 2 });
  const { broker, store, client } = world;
  void broker.publish("t", "0", 1);
  await finish(world);
  for (let round = 0; round < 5; round++) {
    store.fails = (change) => change === "enqueue";
    const lost = [broker.publish("t", "lost", 1), broker.publish("t", "lost", 2)];
    expect((await Promise.allSettled(lost)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    store.fails = () => false;
    await broker.publish("t", `${round}`, 2);
    await finish(world);
  }
  expect(client.texts).toEqual(["0", ...numbered(0, 5)]);
  await expectDone(world);
});

test("a session holds no more than it may, connected or not, and room comes back", async () => {
  for (const away of [true, false]) {
    const world = await open({ queuedMessagesMax: 5, inflightMax: 2 });
    const { broker, client } = world;
    if (away) client.lose();
    for (const n of numbered(0, 8)) void broker.publish("t", n, 1);
    await settle();
    expect(broker.parts.counters.droppedQueueFull).toBe(3);
    if (away) await connect(world);
    await finish(world);
    expect(client.texts).toEqual(numbered(0, 5));
    for (const n of numbered(5, 10)) void broker.publish("t", n, 2);
    await finish(world);
    expect(client.texts).toEqual(numbered(0, 10));
  }
});

test("messages whose commit failed do not count for the session's bytes", async () => {
  const world = await open({ queuedBytesMax: 200 });
  const { broker, store, client } = world;
  client.lose();
  await settle();
  store.fails = (change) => change === "enqueue";
  for (let n = 0; n < 3; n++) await broker.publish("t", "x".repeat(150), 1)?.catch(() => {});
  store.fails = () => false;
  await broker.publish("t", "0", 1);
  expect(broker.parts.counters.droppedQueueFull).toBe(0);
  await connect(world);
  expect(client.texts).toEqual(["0"]);
});

test("nor for its messages, if the client left meanwhile", async () => {
  const world = await open({ queuedMessagesMax: 3 });
  const { broker, store, client } = world;
  void broker.publish("t", "0", 1);
  await finish(world);
  store.fails = (change) => change === "enqueue";
  for (let n = 0; n < 3; n++) {
    const stored = broker.publish("t", "lost", 1);
    client.lose();
    await stored?.catch(() => {});
    await connect(world);
  }
  store.fails = () => false;
  void broker.publish("t", "1", 1);
  await finish(world);
  expect(client.texts).toEqual(["0", "1"]);
});

for (const change of ["wait", "suspendSession"]) {
  test(`a ${change} that fails loses nothing`, async () => {
    const world = await open({ outboxSoftBytesMax: 2000, inflightMax: 50 });
    const { broker, store, client } = world;
    void broker.publish("t", "0", 1);
    await finish(world);
    client.stall();
    store.fails = (name) => name === change;
    await publishMany(broker, 1, change === "wait" ? 1500 : 5, 1);
    client.lose();
    await settle();
    store.fails = () => false;
    await connect(world);
    await finish(world);
    expect(new Set(client.texts).size).toBe(change === "wait" ? 1500 : 5);
  });
}

test("what an earlier connection released takes no room of a smaller receive maximum", async () => {
  const world = await open({}, { protocolVersion: 5 });
  const { broker, client } = world;
  void broker.publish("t", "first", 1);
  void broker.publish("t", "second", 2);
  await settle();
  client.answers.shift(); // its application takes its time with the first
  client.answer(1);
  await settle();
  client.lose();
  await connect(world, { protocolVersion: 5, receiveMaximum: 1 });
  await finish(world);
  expect(client.texts).toEqual(["first", "second", "first"]);
  await expectDone(world);
});

test("after a restart no packet id names two messages in the store", async () => {
  const world = await open({ inflightMax: 2 });
  let { broker, store } = world;
  const { client } = world;
  for (const n of numbered(0, 2)) void broker.publish("t", n, 1);
  await settle();
  client.lose();
  await broker.publish("t", "2", 2);
  const restart = async () => {
    client.lose();
    await settle();
    store = store.crash();
    broker = await new SteppedBroker({ store, limits: broker.parts.limits, clock: broker.clock }).start();
    await connect({ broker, store, client });
  };
  await restart();
  client.answer(1); // makes room for the last; that the first is done is not on disk yet
  await settle();
  expect(client.texts).toContain("2");
  store.holds = true;
  client.unreleased.clear();
  client.taken.length = 0;
  await restart();
  await finish({ broker, store, client });
  expect(client.texts).toContain("2");
  await expectDone({ broker, store, client });
});

test("an acknowledgement of what was not sent yet harms nothing that follows", async () => {
  const world = await open();
  const { broker, store, client } = world;
  void broker.publish("t", "0", 1);
  await finish(world);
  store.holds = true;
  const next = (client.taken[0]?.packetId ?? 0) + 1;
  void broker.publish("t", "1", 1);
  client.send({ cmd: "puback", messageId: next });
  await finish(world);
  void broker.publish("t", "2", 2);
  await finish(world);
  expect(client.texts.at(-1)).toBe("2");
  await expectDone(world);
});

test("a QoS 2 message that was sent is sent again although it has expired meanwhile", async () => {
  const world = await open({}, { protocolVersion: 5 });
  const { broker, client } = world;
  const message = preparePublish("t", Buffer.from("x"), { expiresAtMs: later(broker.clock.steadyMs(), 1000) });
  await broker.parts.routes.forward(broker.parts.routes.find("t"), message, 2);
  await settle();
  expect(client.texts).toEqual(["x"]);
  client.lose();
  broker.advance(5000);
  await connect(world, { protocolVersion: 5 });
  await settle();
  expect(client.publishes.map(({ dup }) => dup)).toEqual([false, true]); // [MQTT-4.4.0-1]
});

test("an expired message is not sent, and leaves the store", async () => {
  const world = await open({}, { protocolVersion: 5 });
  const { broker, client } = world;
  client.lose();
  const message = preparePublish("t", Buffer.from("x"), { expiresAtMs: later(broker.clock.steadyMs(), 1000) });
  await broker.parts.routes.forward(broker.parts.routes.find("t"), message, 2);
  await broker.publish("t", "y", 2);
  broker.advance(1000);
  await connect(world, { protocolVersion: 5 });
  await finish(world);
  expect(client.texts).toEqual(["y"]);
  expect(broker.parts.counters.droppedExpired).toBe(1);
  await expectDone(world);
});
