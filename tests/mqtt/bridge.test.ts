/** The protocol levels of a bridge, 0x83 and 0x84: MQTT 3.1 and 3.1.1 with no-local and retain-as-published. */
import { expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import { field, packet, uint16 } from "../support/packet-bytes.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const connect = (name: string, level: number, flags = 2) =>
  packet(0x10, field(name), level, flags, uint16(0), field("bridge"));
const brief = (packets: readonly Packet[]) =>
  packets.map((each) => (each.cmd === "publish" ? `${each.topic}${each.retain ? " retained" : ""}` : each.cmd));

async function bridgeTo(port: number, name: string, level: number, flags?: number): Promise<RawMqtt> {
  const bridge = await RawMqtt.open(port);
  bridge.send(connect(name, level, flags));
  expect(await bridge.expect("connack")).toMatchObject({ returnCode: 0 });
  return bridge;
}

test.each([
  ["MQIsdp", 0x83],
  ["MQTT", 0x84],
] as const)("a bridge (%s %i) hears RETAIN as it was published, and nothing of its own", async (name, level) => {
  await using server = await startTestBroker();
  await using bridge = await bridgeTo(server.port, name, level);
  expect(await bridge.subscribe("#", 1)).toBe(1);
  await using other = await RawMqtt.connect(server.port);
  await other.subscribe("#", 1);
  bridge.send(publishPacket("own", "x", { qos: 1, messageId: 1 }));
  bridge.send(publishPacket("own/kept", "x", { qos: 1, messageId: 2, retain: true }));
  for (const messageId of [1, 2]) expect(await bridge.expect("puback")).toMatchObject({ messageId });
  // Others hear what is new without RETAIN.
  expect(brief(await other.fence())).toEqual(["own", "own/kept"]);
  other.send(publishPacket("theirs", "x"), publishPacket("theirs/kept", "x", { retain: true }));
  await other.fence();
  expect(brief(await bridge.fence())).toEqual(["theirs", "theirs/kept retained"]);
  // What is retained comes with a new subscription, the bridge's own too, as in MQTT 5.
  await bridge.subscribe("+/kept", 0, 2);
  expect(brief(await bridge.fence()).toSorted()).toEqual(["own/kept retained", "theirs/kept retained"]);
  // A bridge subscribes again whenever it connects, and may have changed the topic meanwhile.
  await bridge.subscribe("+/kept", 0, 3);
  expect(await bridge.fence()).toEqual([]);
});

test("a bridge's kept session stays that of a bridge over a restart", async () => {
  await using first = await startTestBroker();
  {
    await using bridge = await bridgeTo(first.port, "MQTT", 0x84, 0);
    await bridge.subscribe("#", 1);
  }
  await first[Symbol.asyncDispose]();
  await using server = await startTestBroker({ store: first.store });
  server.broker.publish("away", Buffer.from("x"), 1);
  await using other = await RawMqtt.connect(server.port);
  other.send(publishPacket("kept", "x", { qos: 1, messageId: 1, retain: true }));
  await other.expect("puback");
  await using bridge = await bridgeTo(server.port, "MQTT", 0x84, 0);
  bridge.send(publishPacket("own", "x"));
  expect(brief(await bridge.fence())).toEqual(["away", "kept retained"]);
});

test("a bridge may be a member of a share group, where a message may be its own", async () => {
  await using server = await startTestBroker();
  await using bridge = await bridgeTo(server.port, "MQTT", 0x84);
  expect(await bridge.subscribe("$share/g/t", 1)).toBe(1);
  bridge.send(publishPacket("t", "x"));
  expect(brief(await bridge.fence())).toEqual(["t"]);
});

test("a bridge's level belongs to its protocol's name, and MQTT 5 has none", async () => {
  await using server = await startTestBroker();
  for (const [name, level] of [
    ["MQIsdp", 0x84],
    ["MQTT", 0x83],
    ["MQTT", 0x85],
    ["MQTT", 0x80],
  ] as const) {
    await using client = await RawMqtt.open(server.port);
    client.send(connect(name, level));
    expect(await client.expect("connack")).toMatchObject({ returnCode: 1 });
    await client.whenClosed();
  }
});
