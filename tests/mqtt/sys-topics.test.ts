/** `$SYS/broker/…` */
import { expect, test } from "bun:test";
import type { IPublishPacket, Packet } from "mqtt-packet";
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

test("a broker for people refuses them", async () => {
  await using server = await startTestServer();
  const user = await server.domain.accounts.add({ nick: "Mia", username: "mia", password: "correct horse" });
  await using client = await RawMqtt.connect(server.mqttPort, {
    username: String(user.userId),
    password: Buffer.from("correct horse"),
  });
  client.send(subscribe("$SYS/#"));
  expect((await client.expect("suback")).granted).toEqual([0x80]);
});

test("an interval of 0 turns them off", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full", ROOST_MQTT_SYS_INTERVAL: "0" } });
  await using client = await RawMqtt.connect(server.mqttPort);
  expect([...(await read(client, "$SYS/#")).keys()]).toEqual([]);
});
