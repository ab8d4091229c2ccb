/** Who of a share group gets a message, MQTT 5 § 4.8.2. */
import { expect, test } from "bun:test";
import type { Qos } from "../../../src/mqtt/wire/protocol.ts";
import { type CoreOptions, settle, TestClient, TestCore } from "../../support/broker-core.ts";
import { until } from "../../support/deadline.ts";

const filter = "$share/g/t/#";

async function open(options: CoreOptions = {}): Promise<TestCore> {
  return await new TestCore(options).start();
}

async function join(core: TestCore, clientId: string, { cleanStart = false, qos = 2 as Qos, room = true } = {}) {
  const client = new TestClient(core, clientId);
  client.connect({ cleanStart, protocolVersion: 5 });
  await until("connected", () => client.connected);
  client.subscribe(filter, qos);
  await settle();
  if (!room) client.room = 0;
  return client;
}

async function publishMany(core: TestCore, count: number, qos: Qos): Promise<void> {
  for (let n = 0; n < count; n++) {
    void core.publish("t", `${n}`, qos);
    if (n % 50 === 49) await settle();
  }
  await settle();
}

const counts = (clients: readonly TestClient[]) => clients.map(({ taken }) => taken.length);
const all = (clients: readonly TestClient[]) =>
  clients.flatMap(({ texts }) => texts.map(Number)).toSorted((a, b) => a - b);
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test.each([0, 1, 2] as const)("at QoS %p each message goes to one member, in turn", async (qos) => {
  for (const cleanStart of [true, false]) {
    const core = await open();
    const members = await Promise.all(["a", "b", "c"].map((id) => join(core, id, { cleanStart })));
    await publishMany(core, 300, qos);
    expect(all(members)).toEqual(numbers(300));
    expect(counts(members)).toEqual([100, 100, 100]);
  }
});

test("turns stay fair while members come and go", async () => {
  const core = await open();
  const [a, b] = [await join(core, "a"), await join(core, "b")];
  await publishMany(core, 10, 0);
  const c = await join(core, "c");
  await publishMany(core, 30, 0);
  expect(counts([a, b, c])).toEqual([15, 15, 10]);
  a.connection?.receive(
    Buffer.from([0xa2, 2 + 1 + 2 + filter.length, 0, 2, 0, 0, filter.length, ...Buffer.from(filter)]),
  );
  await settle();
  await publishMany(core, 20, 0);
  expect(counts([a, b, c])).toEqual([15, 25, 20]);
});

test("a member without room is passed over while another has room", async () => {
  const core = await open({ limits: { inflightMax: 5 } });
  const [a, b] = [await join(core, "a", { cleanStart: true }), await join(core, "b", { cleanStart: true })];
  await publishMany(core, 10, 1);
  expect(counts([a, b])).toEqual([5, 5]);
  for (let round = 0; round < 4; round++) {
    b.answer();
    await publishMany(core, 5, 1);
  }
  expect(counts([a, b])).toEqual([5, 25]);
});

test("a member that is away gets nothing while another is there, and in turn if nobody is", async () => {
  const core = await open();
  const [a, b] = [await join(core, "a"), await join(core, "b")];
  a.lose();
  await publishMany(core, 10, 1);
  expect(counts([a, b])).toEqual([0, 10]);
  b.lose();
  await publishMany(core, 10, 1);
  for (const client of [a, b]) {
    client.connect({ protocolVersion: 5 }, core);
    await until("connected", () => client.connected);
    await settle();
  }
  expect(a.taken).toHaveLength(5);
  expect(b.publishes.filter(({ dup }) => !dup)).toHaveLength(15);
});

test("a member that is away with QoS 0 does not swallow what another would keep", async () => {
  const core = await open();
  const [a, b] = [await join(core, "a", { qos: 0 }), await join(core, "b", { qos: 1 })];
  a.lose();
  b.lose();
  await publishMany(core, 10, 1);
  b.connect({ protocolVersion: 5 }, core);
  await settle();
  expect(b.texts.map(Number)).toEqual(numbers(10));
});

test("nobody gets what it may not read", async () => {
  const authorize = (principal: { key: string }, action: string, topic: string) =>
    !(action === "deliver" && topic === "t/secret" && principal.key === "user:anonymous");
  const core = await open({ hooks: { authorize } });
  const a = await join(core, "a");
  void core.publish("t/secret", "x", 1);
  void core.publish("t/open", "y", 1);
  await settle();
  expect(a.texts).toEqual(["y"]);
});

test.each([true, false])(
  "what a member that ends has not acknowledged goes to another (clean: %p)",
  async (cleanStart) => {
    const core = await open();
    const members = [await join(core, "a", { cleanStart }), await join(core, "b", { cleanStart })];
    const [a, b] = members as [TestClient, TestClient];
    await publishMany(core, 10, 1);
    a.answer(2); // of five
    await settle();
    a.lose();
    if (!cleanStart) {
      expect(b.taken).toHaveLength(5); // it may come back
      a.connect({ cleanStart: true, protocolVersion: 5 }, core);
      await until("connected", () => a.connected);
    }
    await settle();
    expect(b.texts.map(Number).toSorted((x, y) => x - y)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  },
);

test("but not what was sent at QoS 2 [MQTT-4.8.2-5], except that it waited", async () => {
  for (const cleanStart of [true, false]) {
    const core = await open({ limits: { inflightMax: 2 } });
    const a = await join(core, "a", { cleanStart });
    await publishMany(core, 5, 2);
    expect(a.texts.map(Number)).toEqual([0, 1]);
    const b = await join(core, "b", { cleanStart });
    a.lose();
    if (!cleanStart) {
      a.connect({ cleanStart: true, protocolVersion: 5 }, core);
      await until("connected", () => a.connected);
    }
    await settle();
    for (let round = 0; round < 8; round++) {
      b.answer();
      await settle();
    }
    expect(b.texts.map(Number)).toEqual([2, 3, 4]);
  }
});

test("what has nobody to go to is given up", async () => {
  const core = await open();
  const a = await join(core, "a", { cleanStart: true });
  await publishMany(core, 3, 1);
  a.lose();
  await settle();
  expect(core.routes.hasGroups).toBe(false);
  expect(core.publish("t", "x", 1)).toBeUndefined();
});
