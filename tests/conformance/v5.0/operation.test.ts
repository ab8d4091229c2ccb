/** Where messages go, their order, topics and filters. MQTT 5.0 §§ 4.5–4.7. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { startTestBroker } from "../../support/test-broker.ts";
import {
  ack5,
  Client5,
  disconnectedFor,
  malformed,
  protocolError,
  publish5,
  subscribe5,
  texts,
  unsubscribe5,
} from "../../support/wire-v5.ts";

test("[MQTT-4.5.0-1] a message goes to every session with a matching subscription, there or away, and to no other", async () => {
  await using server = await startTestBroker();
  const filters = ["a/b", "a/+", "#", "+/+", "a/#", "b", "a/b/c", "+"];
  const sessions = filters.flatMap((filter) => [
    { filter, away: false, fields: { clientId: `there ${filter}` } },
    { filter, away: true, fields: { clientId: `away ${filter}`, properties: { sessionExpiry: 100 } } },
  ]);
  const there = new Map<string, Client5>();
  for (const { filter, away, fields } of sessions) {
    const client = await Client5.connect(server.port, fields);
    await client.subscribe(filter, 2);
    if (away) await client.leave();
    else there.set(filter, client);
  }
  await using alice = await Client5.connect(server.port);
  await alice.publish("a/b", "one");
  await alice.publishExactly("a/b", "two");
  for (const { filter, away, fields } of sessions) {
    const client = there.get(filter);
    const heard = filters.indexOf(filter) < 5 ? ["one", "two"] : [];
    await using looking =
      away || client === undefined ? await Client5.connect(server.port, { ...fields, cleanStart: false }) : client;
    const seen: (string | undefined)[] = [];
    for (const _ of heard) seen.push((await looking.take("publish")).payload);
    expect(seen).toEqual(heard);
    expect(await looking.fence()).toEqual([]);
  }
});

test("[MQTT-4.6.0-2] [MQTT-4.6.0-3] the server answers messages in the order they came", async () => {
  const commit = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  await using alice = await Client5.connect(server.port);
  server.store.commit = () => commit.promise;
  // The first has to wait for the disk.
  alice.send(
    publish5("t", "slow", { qos: 2, packetId: 1, retain: true }),
    publish5("t", "b", { qos: 1, packetId: 2 }),
    publish5("t", "c", { qos: 2, packetId: 3 }),
    publish5("t", "d", { qos: 1, packetId: 4 }),
  );
  expect(await alice.fence()).toEqual([]);
  commit.resolve();
  const answers: string[] = [];
  while (answers.length < 4) {
    const { type, packetId } = await alice.next();
    answers.push(`${type} ${packetId}`);
  }
  expect(answers).toEqual(["pubrec 1", "puback 2", "pubrec 3", "puback 4"]);
});

test("[MQTT-4.6.0-4] the server releases messages in the order of the PUBRECs", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("t", 2);
  for (const text of ["1", "2", "3"]) server.broker.publish("t", Buffer.from(text), 2);
  const ids = (await bob.fence()).map(({ packetId }) => packetId);
  bob.send(ack5("pubrec", ids[1]), ack5("pubrec", ids[2]), ack5("pubrec", ids[0]));
  const released = [await bob.take("pubrel"), await bob.take("pubrel"), await bob.take("pubrel")];
  expect(released.map(({ packetId }) => packetId)).toEqual([ids[1], ids[2], ids[0]]);
});

test("[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port, { properties: { receiveMaximum: 10, topicAliasMaximum: 1 } });
  await bob.subscribe("t/+", 2);
  await using alice = await Client5.connect(server.port);
  const count = 600;
  for (let n = 0; n < count; n++) {
    const qos = n % 3;
    alice.send(publish5(`t/${n % 2}`, `${n}`, { qos, packetId: n + 1 }));
    if (qos === 2) alice.send(ack5("pubrel", n + 1));
  }
  const topics = new Map<number, string>();
  const seen = new Map<string, number[]>();
  for (let heard = 0; heard < count; ) {
    const { type, packetId, qos, payload, properties, topic: named = "" } = await bob.next();
    if (type === "pubrel") {
      bob.send(ack5("pubcomp", packetId));
      continue;
    }
    expect(type).toBe("publish");
    heard++;
    const { topicAlias } = properties;
    if (topicAlias !== undefined && named !== "") topics.set(topicAlias, named);
    const key = `${named === "" ? topics.get(topicAlias ?? 0) : named} ${qos}`;
    seen.set(key, [...(seen.get(key) ?? []), Number(payload)]);
    if (qos === 1) bob.send(ack5("puback", packetId));
    if (qos === 2) bob.send(ack5("pubrec", packetId));
  }
  expect(seen.size).toBe(6);
  for (const order of seen.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test("[MQTT-4.6.0-5] what waited for an absent client comes in order, before what is new", async () => {
  await using server = await startTestBroker();
  const lasting = { clientId: "phone", cleanStart: false, properties: { sessionExpiry: 100, receiveMaximum: 20 } };
  const away = await Client5.connect(server.port, lasting);
  await away.subscribe("t", 2);
  await away.leave();
  await using alice = await Client5.connect(server.port);
  const count = 400;
  for (let n = 0; n < count; n++) await alice.publish("t", `${n}`);
  await using back = await Client5.connect(server.port, lasting);
  const order: string[] = [];
  for (let n = 0; n < count; n++) {
    if (n === 50) await alice.publish("t", `${count}`);
    const { payload = "", packetId } = await back.take("publish");
    order.push(payload);
    back.send(ack5("puback", packetId));
  }
  order.push((await back.take("publish")).payload ?? "");
  expect(order).toEqual(Array.from({ length: count + 1 }, (_, n) => `${n}`));
});

/** The filter must be refused in its slot, or end the connection. */
async function filterRefused(filter: string | readonly number[]): Promise<void> {
  await using server = await startTestBroker();
  for (const bad of [subscribe5(1, [[filter, 0]]), unsubscribe5(1, [filter])]) {
    await using client = await Client5.connect(server.port);
    client.send(bad);
    const answer = await client.next();
    if (answer.type === "disconnect") expect([malformed, protocolError, 0x8f]).toContain(answer.reasonCode ?? 0);
    else for (const code of answer.reasonCodes ?? []) expect([0x11, 0x8f]).toContain(code);
  }
  expect(server.broker.stats().subscriptions).toBe(0);
}

test("[MQTT-4.7.1-1] a # that is not the last and whole level of a filter is refused", async () => {
  for (const filter of ["#/", "#/a", "a#", "a/#/b", "a/b#", "##", "a/##", "+#", "$share/group/a#"])
    await filterRefused(filter);
});

test("[MQTT-4.7.1-2] a + that is not a whole level of a filter is refused", async () => {
  for (const filter of ["a+", "+a", "a/b+", "a/+b/c", "++", "a/++", "#+", "$share/group/a+"])
    await filterRefused(filter);
});

test("[MQTT-4.7.2-1] a filter that starts with a wildcard hears no topic that starts with $", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  for (const filter of ["#", "+/t", "+/#", "$share/group/#"]) await bob.subscribe(filter);
  server.broker.publish("$private/t", Buffer.from("hidden"), 0);
  expect(await bob.fence()).toEqual([]);
  await bob.subscribe("$private/#");
  server.broker.publish("$private/t", Buffer.from("named"), 0);
  expect(texts(await bob.fence())).toEqual(["named"]);
  // Nor is it sent what such a topic retains.
  await using alice = await Client5.connect(server.port);
  await alice.publish("$kept/t", "hidden", { retain: true });
  for (const filter of ["#", "+/t", "+/#"]) {
    await bob.subscribe(filter);
    expect(await bob.fence()).toEqual([]);
  }
  await bob.subscribe("$kept/+");
  expect(texts(await bob.fence())).toEqual(["hidden"]);
});

test("[MQTT-4.7.3-1] an empty topic name or filter is refused", async () => {
  await using server = await startTestBroker();
  await disconnectedFor(server, [malformed, protocolError, 0x90], publish5(""));
  await disconnectedFor(server, [malformed, protocolError, 0x90], publish5("", "x", { qos: 1 }));
  await filterRefused("");
  await using client = await Client5.connect(server.port);
  await client.subscribe("/");
  client.send(publish5("/", "x"));
  expect(await client.take("publish")).toMatchObject({ topic: "/" });
});

test("[MQTT-4.7.3-2] a topic name or filter with U+0000 is malformed", async () => {
  await using server = await startTestBroker();
  for (const text of [[0], [0x61, 0], [0x61, 0, 0x62]]) {
    await disconnectedFor(server, malformed, publish5(text));
    await disconnectedFor(server, malformed, subscribe5(1, [[text, 0]]));
    await disconnectedFor(server, malformed, unsubscribe5(1, [text]));
  }
});

test("[MQTT-4.7.3-3] the longest topic there can be is served, no longer one leaves the server", async () => {
  await using server = await startTestBroker({ limits: { topicBytesMax: 65_535 } });
  await using client = await Client5.connect(server.port);
  const longest = `${"\u00e9".repeat(32_767)}x`;
  await client.subscribe("+");
  client.send(publish5(longest, "x"));
  expect(await client.take("publish")).toMatchObject({ topic: longest });
  expect(() => server.broker.publish(`${longest}x`, Buffer.of(), 0)).toThrow();
  expect(await client.fence()).toEqual([]);
});

test("[MQTT-4.7.3-4] topics are compared as they are: no normalization, no other case, no path arithmetic", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  for (const [filter, others] of [
    ["caf\u00e9", ["cafe\u0301", "CAF\u00c9", "cafe"]],
    ["a/b", ["A/b", "a//b", "a/./b", "a/c/../b", "a/b/", "/a/b", "a%2fb", "a\\b"]],
    ["\ufffd", ["\u{1f600}", "?"]],
    ["a b", ["a  b", "a\u00a0b", "ab"]],
  ] as const) {
    await client.subscribe(filter, 0);
    client.send(...others.map((topic) => publish5(topic, "no")), publish5(filter, "yes"));
    expect(texts(await client.fence())).toEqual(["yes"]);
    client.send(unsubscribe5(2, [filter]));
    await client.take("unsuback");
  }
  await until("the subscriptions to have ended", () => server.broker.stats().subscriptions === 0);
});
