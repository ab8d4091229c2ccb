/** Who of a share group gets a message, MQTT 5 § 4.8.2. */
import { expect, test } from "bun:test";
import type { Qos } from "../../../src/mqtt/wire/protocol.ts";
import { until } from "../../support/deadline.ts";
import { SteppedBroker, type SteppedOptions, settle } from "../../support/stepped-broker.ts";
import { SteppedClient } from "../../support/stepped-client.ts";

const filter = "$share/g/t/#";

async function open(options: SteppedOptions = {}): Promise<SteppedBroker> {
  return await new SteppedBroker(options).start();
}

async function join(broker: SteppedBroker, clientId: string, { cleanStart = false, qos = 2 as Qos, room = true } = {}) {
  const client = new SteppedClient(broker, clientId);
  client.connect({ cleanStart, protocolVersion: 5 });
  await until("connected", () => client.connected);
  client.subscribe(filter, qos);
  await settle();
  if (!room) client.stall();
  return client;
}

async function publishMany(broker: SteppedBroker, count: number, qos: Qos): Promise<void> {
  for (let n = 0; n < count; n++) {
    void broker.publish("t", `${n}`, qos);
    if (n % 50 === 49) await settle();
  }
  await settle();
}

const counts = (clients: readonly SteppedClient[]) => clients.map(({ taken }) => taken.length);
const all = (clients: readonly SteppedClient[]) =>
  clients.flatMap(({ texts }) => texts.map(Number)).toSorted((a, b) => a - b);
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

test.each([0, 1, 2] as const)("at QoS %p each message goes to one member, in turn", async (qos) => {
  for (const cleanStart of [true, false]) {
    const broker = await open();
    const members = await Promise.all(["a", "b", "c"].map((id) => join(broker, id, { cleanStart })));
    await publishMany(broker, 300, qos);
    expect(all(members)).toEqual(numbers(300));
    expect(counts(members)).toEqual([100, 100, 100]);
  }
});

test("turns stay fair while members come and go", async () => {
  const broker = await open();
  const [a, b] = [await join(broker, "a"), await join(broker, "b")];
  await publishMany(broker, 10, 0);
  const c = await join(broker, "c");
  await publishMany(broker, 30, 0);
  expect(counts([a, b, c])).toEqual([15, 15, 10]);
  a.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: [filter] });
  await settle();
  await publishMany(broker, 20, 0);
  expect(counts([a, b, c])).toEqual([15, 25, 20]);
});

test("a member without room is passed over while another has room", async () => {
  const broker = await open({ limits: { inflightMax: 5 } });
  const [a, b] = [await join(broker, "a", { cleanStart: true }), await join(broker, "b", { cleanStart: true })];
  await publishMany(broker, 10, 1);
  expect(counts([a, b])).toEqual([5, 5]);
  for (let round = 0; round < 4; round++) {
    b.answer();
    await publishMany(broker, 5, 1);
  }
  expect(counts([a, b])).toEqual([5, 25]);
});

test("a member that is away gets nothing while another is there, and in turn if none is", async () => {
  const broker = await open();
  const [a, b] = [await join(broker, "a"), await join(broker, "b")];
  a.lose();
  await publishMany(broker, 10, 1);
  expect(counts([a, b])).toEqual([0, 10]);
  b.lose();
  await publishMany(broker, 10, 1);
  for (const client of [a, b]) {
    client.connect({ protocolVersion: 5 }, broker);
    await until("connected", () => client.connected);
    await settle();
  }
  expect(a.taken).toHaveLength(5);
  expect(b.publishes.filter(({ dup }) => !dup)).toHaveLength(15);
});

test("a member that is away with QoS 0 does not swallow what another would keep", async () => {
  const broker = await open();
  const [a, b] = [await join(broker, "a", { qos: 0 }), await join(broker, "b", { qos: 1 })];
  a.lose();
  b.lose();
  await publishMany(broker, 10, 1);
  b.connect({ protocolVersion: 5 }, broker);
  await settle();
  expect(b.texts.map(Number)).toEqual(numbers(10));
});

test("no member gets what it may not read", async () => {
  const authorize = (principal: { key: string }, action: string, topic: string) =>
    !(action === "deliver" && topic === "t/secret" && principal.key === "user:anonymous");
  const broker = await open({ identity: { authorize } });
  const a = await join(broker, "a");
  void broker.publish("t/secret", "x", 1);
  void broker.publish("t/open", "y", 1);
  await settle();
  expect(a.texts).toEqual(["y"]);
});

test.each([true, false])(
  "what a member that ends has not acknowledged goes to another (clean: %p)",
  async (cleanStart) => {
    const broker = await open();
    const members = [await join(broker, "a", { cleanStart }), await join(broker, "b", { cleanStart })];
    const [a, b] = members as [SteppedClient, SteppedClient];
    await publishMany(broker, 10, 1);
    a.answer(2); // of five
    await settle();
    a.lose();
    if (!cleanStart) {
      expect(b.taken).toHaveLength(5); // it may come back
      a.connect({ cleanStart: true, protocolVersion: 5 }, broker);
      await until("connected", () => a.connected);
    }
    await settle();
    expect(b.texts.map(Number).toSorted((x, y) => x - y)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  },
);

test("but not what was sent at QoS 2 [MQTT-4.8.2-5], except that it waited", async () => {
  for (const cleanStart of [true, false]) {
    const broker = await open({ limits: { inflightMax: 2 } });
    const a = await join(broker, "a", { cleanStart });
    await publishMany(broker, 5, 2);
    expect(a.texts.map(Number)).toEqual([0, 1]);
    const b = await join(broker, "b", { cleanStart });
    a.lose();
    if (!cleanStart) {
      a.connect({ cleanStart: true, protocolVersion: 5 }, broker);
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

test("what no member can take is given up", async () => {
  const broker = await open();
  const a = await join(broker, "a", { cleanStart: true });
  await publishMany(broker, 3, 1);
  a.lose();
  await settle();
  expect(broker.parts.routes.hasGroups).toBe(false);
  expect(broker.publish("t", "x", 1)).toBeUndefined();
});
