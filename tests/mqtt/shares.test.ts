/** What a session, a user, and all together may keep. What was acknowledged stays; the next one is refused. */
import { expect, test } from "bun:test";
import type { Refusal } from "../../src/mqtt/identity.ts";
import { until } from "../support/deadline.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker, type TestBroker } from "../support/test-broker.ts";

const kib = 1024;
const failure = { 4: 0x80, 5: 0x97 } as const;

const client = (server: TestBroker, username: string, version: 4 | 5 = 4, fields = {}): Promise<RawMqtt> =>
  RawMqtt.connect(server.port, { username, protocolVersion: version, ...fields });

/** Subscribes to `count` filters of 1000 letters, and gives how many were granted. */
async function subscribeToLong(to: RawMqtt, count: number, version: 4 | 5): Promise<number> {
  const name = to.received.length;
  const filters = Array.from({ length: count }, (_, n) => `${n}/${name}`.padEnd(1000, "x"));
  to.send({ cmd: "subscribe", messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos: 0 as const })) });
  const { granted } = await to.expect("suback");
  const refused = granted.filter((code) => code !== 0);
  expect(refused.every((code) => code === failure[version])).toBe(true);
  expect(granted.slice(0, count - refused.length).every((code) => code === 0)).toBe(true);
  return count - refused.length;
}

for (const version of [4, 5] as const) {
  test(`long filters have a share for a session, a user, and all, and make room again (MQTT ${version})`, async () => {
    await using server = await startTestBroker({
      limits: {
        subscriptionBytesPerSessionMax: 30 * kib,
        subscriptionBytesPerPrincipalMax: 50 * kib,
        subscriptionBytesMax: 70_300,
      },
    });
    await using one = await client(server, "anna", version);
    await using two = await client(server, "anna", version);
    await using other = await client(server, "ben", version);
    await using third = await client(server, "carl", version);
    // Each takes 2128 bytes.
    expect(await subscribeToLong(one, 20, version)).toBe(14);
    expect(await subscribeToLong(two, 20, version)).toBe(10);
    expect(await subscribeToLong(other, 20, version)).toBe(9);
    // A few short ones are everyone's.
    for (const short of [two, other, third])
      expect(await short.subscribe(`s/${version}`, 0, 2)).toBe(short === third ? 0 : failure[version]);
    // What was granted is served.
    server.broker.publish("0/0".padEnd(1000, "x"), Buffer.from("heard"), 0);
    expect(String((await one.expect("publish")).payload)).toBe("heard");
    await one.drop();
    await until("its share to be free", () => server.broker.stats().connections === 3);
    // With long ones beside it the short one counts, too.
    expect(await subscribeToLong(third, 20, version)).toBe(13);
  });
}

const manyLevels = (level: string): string => `${`${level}/`.repeat(60)}#`;

test("a filter with wildcards counts for its levels, and the same one again for nothing", async () => {
  await using server = await startTestBroker({ limits: { subscriptionBytesPerSessionMax: 20 * kib } });
  await using anna = await client(server, "anna");
  expect(await anna.subscribe(manyLevels("a"))).toBe(0);
  expect(await anna.subscribe(manyLevels("b"))).toBe(0x80);
  expect(await anna.subscribe(manyLevels("a"), 1)).toBe(1);
  anna.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: [manyLevels("a")] });
  await anna.expect("unsuback");
  expect(await anna.subscribe(manyLevels("b"))).toBe(0);
});

test("a message that cannot be retained is refused to an MQTT 5 publisher, and nothing of it happens", async () => {
  await using server = await startTestBroker({ limits: { retainedBytesPerPrincipalMax: 5000 } });
  await using anna = await client(server, "anna", 5);
  await using ben = await client(server, "ben", 5);
  await ben.subscribe("t/#", 1);
  const retain = async (from: RawMqtt, topic: string, bytes: number, qos: 1 | 2 = 1): Promise<number | undefined> => {
    from.send(publishPacket(topic, Buffer.alloc(bytes, "x"), { qos, messageId: 7, retain: true }));
    const { reasonCode } = await from.expect(qos === 1 ? "puback" : "pubrec");
    if (qos === 2 && reasonCode === 0) from.send({ cmd: "pubrel", messageId: 7 });
    return reasonCode;
  };
  expect(await retain(anna, "t/1", 4000)).toBe(0);
  expect((await ben.expect("publish")).topic).toBe("t/1");
  for (const qos of [1, 2] as const) {
    expect(await retain(anna, "t/2", 4000, qos)).toBe(0x97);
    expect(await retain(anna, "t/1", 6000, qos)).toBe(0x97);
  }
  expect(await ben.fence()).toEqual([]);
  expect(server.store.retained.get("t/1")?.payload).toHaveLength(4000);
  expect(server.broker.stats()).toMatchObject({ retainedMessages: 1, retainedRefused: 4 });
  // Another user has another share.
  expect(await retain(ben, "u", 4000)).toBe(0);
  // And nothing is in the way of removing one.
  expect(await retain(anna, "t/1", 0)).toBe(0);
  expect(await retain(anna, "t/2", 4000)).toBe(0);
});

test("of the sessions one user may have, one with messages is not given up for another", async () => {
  const refusals: Refusal[] = [];
  await using server = await startTestBroker({
    limits: { sessionsPerPrincipalMax: 2 },
    identity: { refused: (refusal) => refusals.push(refusal) },
  });
  const lasting = (clientId: string) => ({ clientId, clean: false });
  for (const clientId of ["full", "empty"]) {
    const away = await client(server, "anna", 4, lasting(clientId));
    if (clientId === "full") await away.subscribe("t", 1);
    await away.drop();
  }
  server.broker.publish("t", Buffer.from("kept"), 1);
  // "full" has been away for longer.
  const third = await client(server, "anna", 4, lasting("third"));
  await third.subscribe("t", 1);
  await third.drop();
  server.broker.publish("t", Buffer.from("kept too"), 1);
  await expect(client(server, "anna", 4, lasting("fourth"))).rejects.toThrow("refused: 3");
  expect(refusals).toMatchObject([
    {
      asked: "connect",
      principal: { key: "user:anna" },
      clientId: "fourth",
      reason: { limit: "sessionsPerPrincipal", command: "mosquitto_sub -u NAME -P PASSWORD -i 'full' -t end -E" },
    },
  ]);
  await using back = await client(server, "anna", 4, lasting("full"));
  expect([await back.expect("publish"), await back.expect("publish")].map(({ payload }) => String(payload))).toEqual([
    "kept",
    "kept too",
  ]);
  // What the command does: a clean CONNECT ends a session, and makes room.
  await (await client(server, "anna", 4, { clientId: "third", clean: true })).drop();
  await using fourth = await client(server, "anna", 4, lasting("fourth"));
  await fourth.fence();
});
