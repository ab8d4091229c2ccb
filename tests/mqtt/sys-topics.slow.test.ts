/** `$SYS/broker/…` */
import { expect, test } from "bun:test";
import type { IPublishPacket, Packet } from "mqtt-packet";
import { createPermissionCheck } from "../../src/access/permission-check.ts";
import { createChatPermissions } from "../../src/chat-topics/permissions.ts";
import { createAdmins } from "../../src/domain/people/admins.ts";
import { until } from "../support/deadline.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer } from "../support/server.ts";
import { startTestBroker } from "../support/test-broker.ts";

const subscribe = (topic: string): Packet => ({
  cmd: "subscribe",
  messageId: 1,
  subscriptions: [{ topic, qos: 1 }],
});

/** Subscribes; gives what came before the next PINGRESP, by topic. */
async function read(client: RawMqtt, filter: string): Promise<Map<string, IPublishPacket>> {
  client.send(subscribe(filter));
  await client.expect("suback");
  return byTopic(await client.fence());
}

function byTopic(packets: readonly unknown[]): Map<string, IPublishPacket> {
  return new Map((packets as IPublishPacket[]).map((packet) => [packet.topic, packet]));
}

const said = (packets: Map<string, IPublishPacket>, name: string): string | undefined =>
  packets.get(`$SYS/broker/${name}`)?.payload.toString();

test("a subscriber is told every value at once, as retained, and anew at each interval", async () => {
  await using server = await startTestBroker();
  await using other = await RawMqtt.connect(server.port);
  other.send(publishPacket("a", "x"), publishPacket("a", "x"), subscribe("a"));
  await other.expect("suback");
  await using watcher = await RawMqtt.connect(server.port);
  const first = await read(watcher, "$SYS/#");
  expect([...first.values()].every(({ retain, qos }) => retain && qos === 0)).toBeTrue();
  expect(said(first, "version")).toBe("test");
  expect(said(first, "uptime")).toBe("0 seconds");
  expect(said(first, "clients/connected")).toBe("2");
  expect(said(first, "clients/total")).toBe("2");
  expect(said(first, "subscriptions/count")).toBe("2");
  expect(said(first, "publish/messages/received")).toBe("2");
  // CONNECT, two PUBLISH, SUBSCRIBE of the one; CONNECT, SUBSCRIBE of the other.
  expect(said(first, "messages/received")).toBe("6");
  expect(Number(said(first, "bytes/received"))).toBeGreaterThan(50);
  // CONNACK and SUBACK, twice: what the kernel has not been given yet does not count.
  expect(Number(said(first, "bytes/sent"))).toBe(4 + 5 + 4);

  await other.drop();
  await until("the other is gone", () => server.broker.stats().connections === 1);
  server.advance(10_000);
  const second = byTopic(await watcher.fence());
  expect([...second.keys()].toSorted()).toEqual([...first.keys()].toSorted());
  expect([...second.values()].some(({ retain }) => retain)).toBeFalse(); // [MQTT-3.3.1-9]
  expect(said(second, "uptime")).toBe("10 seconds");
  expect(said(second, "clients/connected")).toBe("1");
  expect(said(second, "clients/maximum")).toBe("2");
  // Two in ten seconds are twelve in a minute, of which a minute's average has taken in a part.
  expect(said(second, "load/publish/received/1min")).toBe((12 * (1 - Math.exp(-1 / 6))).toFixed(2));
});

test("one value can be asked for, and # is not told any [MQTT-4.7.2-1]", async () => {
  await using server = await startTestBroker();
  await using client = await RawMqtt.connect(server.port);
  expect([...(await read(client, "$SYS/broker/clients/+")).keys()]).toContain("$SYS/broker/clients/connected");
  expect([...(await read(client, "$SYS/broker/uptime")).keys()]).toEqual(["$SYS/broker/uptime"]);
  await using everything = await RawMqtt.connect(server.port);
  expect([...(await read(everything, "#")).keys()]).toEqual([]);
  server.advance(10_000);
  expect(await everything.fence()).toEqual([]);
});

test("an open broker shows them to everybody and takes none from anybody", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  await using client = await RawMqtt.connect(server.mqttPort);
  expect(said(await read(client, "$SYS/broker/version"), "version")).toMatch(/^roost version \d/);
  client.send(publishPacket("$SYS/broker/version", "forged"));
  expect(await client.fence()).toEqual([]);
});

test("what is kept for clients is counted, also after a restart, and so are sessions that expired", async () => {
  const limits = { sessionExpirySecondsMax: 60 };
  const figures = [
    "messages/stored",
    "store/messages/count",
    "retained messages/count",
    "clients/expired",
    "clients/disconnected",
    "subscriptions/count",
    "shared_subscriptions/count",
    "publish/messages/dropped",
  ];
  const figuresOf = async (port: number): Promise<(string | undefined)[]> => {
    await using watcher = await RawMqtt.connect(port);
    const values = await read(watcher, "$SYS/#");
    return figures.map((name) => said(values, name));
  };
  await using first = await startTestBroker({ limits });
  const lasting = { clean: false, clientId: "lasting" };
  const client = await RawMqtt.connect(first.port, lasting);
  expect([await client.subscribe("a", 1), await client.subscribe("$share/g/b", 1)]).toEqual([1, 1]);
  await using sender = await RawMqtt.connect(first.port);
  const send = async (topic: string, fields: Partial<IPublishPacket> = {}): Promise<void> => {
    sender.send(publishPacket(topic, "x", { qos: 1, messageId: 1, ...fields }));
    await sender.expect("puback");
  };
  await send("kept", { retain: true });
  // Beside these two the watcher's own one is counted.
  expect(await figuresOf(first.port)).toEqual(["1", "1", "1", "0", "0", "3", "1", "0"]);
  await client.drop();
  await until("its session is away", () => first.broker.stats().connections === 1);
  for (const topic of ["a", "b", "a"]) await send(topic);
  sender.send(publishPacket("a", "missed"));
  await sender.fence();
  expect(await figuresOf(first.port)).toEqual(["4", "4", "1", "0", "1", "3", "1", "1"]);
  await first.broker.stop();

  await using second = await startTestBroker({ limits, store: first.store, clock: first.clock });
  expect(await figuresOf(second.port)).toEqual(["4", "4", "1", "0", "1", "3", "1", "0"]);
  await using again = await RawMqtt.connect(second.port, lasting);
  for (let n = 0; n < 3; n += 1)
    again.send({ cmd: "puback", messageId: (await again.expect("publish")).messageId ?? 0 });
  await again.fence();
  expect(await figuresOf(second.port)).toEqual(["1", "1", "1", "0", "0", "3", "1", "0"]);
  await again.drop();
  await until("its session is away", () => second.broker.stats().connections === 0);
  second.advance(62_000);
  expect(await figuresOf(second.port)).toEqual(["1", "1", "1", "1", "0", "1", "0", "0"]);
});

test("a connection counts as a socket at once, and as a client's when it says CONNECT", async () => {
  await using server = await startTestBroker();
  await using silent = await RawMqtt.open(server.port);
  await using watcher = await RawMqtt.connect(server.port);
  await using absent = await RawMqtt.connect(server.port, { clean: false, clientId: "absent" });
  await absent.subscribe("a");
  await absent.drop();
  await until("it is away", () => server.broker.stats().clientsConnected === 1);
  watcher.send(publishPacket("a", "x"));
  await read(watcher, "$SYS/#");
  server.advance(10_000);
  const values = byTopic(await watcher.fence());
  const averageOf = (count: number) => (6 * count * (1 - Math.exp(-1 / 6))).toFixed(2);
  expect(said(values, "load/sockets/1min")).toBe(averageOf(3));
  expect(said(values, "load/connections/1min")).toBe(averageOf(2));
  expect(said(values, "load/publish/dropped/1min")).toBe(averageOf(1));
  await silent.drop();
});

/** What SUBACK says, and whether anything was heard at once. */
async function ask(client: RawMqtt, filter: string): Promise<{ code: unknown; heard: boolean }> {
  client.send(subscribe(filter));
  const packets = await client.fence();
  const [code] = packets.flatMap((packet) => (packet.cmd === "suback" ? packet.granted : []));
  return { code, heard: packets.some(({ cmd }) => cmd === "publish") };
}

test("many filters in one packet are told the same values, looked up once", async () => {
  await using server = await startTestBroker();
  await using client = await RawMqtt.connect(server.port);
  const filters = Array.from({ length: 300 }, (_, n) => `$SYS/${"+/".repeat(n % 3)}#`);
  const subscriptions = filters.map((topic) => ({ topic, qos: 0 as const }));
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [...subscriptions, { topic: "a", qos: 0 }] });
  await client.expect("suback");
  const said = await client.fence();
  const counts = said.flatMap((packet) =>
    packet.cmd === "publish" && packet.topic === "$SYS/broker/subscriptions/count" ? packet.payload.toString() : [],
  );
  expect(counts.length).toBe(300);
  expect(new Set(counts).size).toBe(1);
  expect(
    [...(await read(client, "$SYS/broker/subscriptions/count")).values()].map(({ payload }) => `${payload}`),
  ).toEqual([
    "5", // Three filters of the kind above, `a`, and this one.
  ]);
});

const password = "correct horse";
type Reader = readonly [who: string, granted: { readonly [mode in "registration" | "full" | "off"]: boolean }];
const readers: readonly Reader[] = [
  ["root", { registration: true, full: true, off: true }], // An admin.
  ["mia", { registration: false, full: true, off: false }],
  ["dashboard", { registration: true, full: true, off: true }], // A device with the pattern $SYS/#.
  ["greedy", { registration: false, full: false, off: false }], // One with the patterns # and +/#.
  ["plain", { registration: false, full: false, off: false }], // One without patterns.
];

test.each(["registration", "full", "off"] as const)(
  "in mode %s $SYS is read by who may, others are refused by name and hear nothing by wildcard",
  async (mode) => {
    await using server = await startTestServer({
      env: { ROOST_MQTT_ANONYMOUS: mode, ROOST_ADMINS: "root", ROOST_MQTT_SYS_INTERVAL: "1" },
    });
    const { accounts, devices } = server.domain;
    for (const username of ["root", "mia"]) await accounts.add({ nick: username, username, password });
    await devices.add({ name: "dashboard", password, subscribe: ["$SYS/#", "end"] });
    await devices.add({ name: "greedy", password, publish: ["end"], subscribe: ["#", "+/#"] });
    await devices.add({ name: "plain", password });
    const may = createPermissionCheck({
      domain: server.domain,
      rights: server.rights,
      admins: createAdmins(["root"]),
      anonymous: mode,
      services: [createChatPermissions(server.domain)],
    });
    const connect = (username: string) =>
      RawMqtt.connect(server.mqttPort, { username, password: Buffer.from(password) });
    for (const [who, granted] of readers) {
      await using client = await connect(who);
      for (const filter of ["$SYS/#", "$SYS/broker/+", "$SYS/broker/uptime"]) {
        const { code, heard } = await ask(client, filter);
        expect([who, filter, code, heard]).toEqual([who, filter, granted[mode] ? 1 : 0x80, granted[mode]]);
        const decision = await may({ name: who, action: "subscribe", topic: filter, clientId: undefined });
        expect([who, filter, decision?.allowed]).toEqual([who, filter, granted[mode]]);
      }
      expect((await may({ name: who, action: "publish", topic: "$SYS/x", clientId: undefined }))?.allowed).toBeFalse();
    }
    await using wild = await connect("greedy");
    for (const filter of ["#", "+/#", "+/broker/uptime"])
      expect(await ask(wild, filter)).toEqual({ code: 1, heard: false });
    await using reader = await connect("dashboard");
    await ask(reader, "$SYS/broker/uptime");
    await reader.expect("publish", 10_000); // At the next interval.
    expect(await wild.fence()).toEqual([]);
  },
);

test("an interval of 0 turns them off", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full", ROOST_MQTT_SYS_INTERVAL: "0" } });
  await using client = await RawMqtt.connect(server.mqttPort);
  expect([...(await read(client, "$SYS/#")).keys()]).toEqual([]);
});
