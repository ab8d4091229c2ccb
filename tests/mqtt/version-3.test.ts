/** MQTT 3.1, where it differs from 3.1.1. */
import { expect, test } from "bun:test";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const v3 = { protocolId: "MQIsdp", protocolVersion: 3 } as const;

test("the name and the level belong together", async () => {
  await using server = await startTestBroker();
  for (const wrong of [
    { protocolId: "MQIsdp", protocolVersion: 4 },
    { protocolId: "MQTT", protocolVersion: 3 },
  ] as const) {
    await using client = await RawMqtt.open(server.port);
    client.send(connectPacket(wrong));
    expect(await client.expect("connack")).toMatchObject({ returnCode: 1 });
    await client.whenClosed();
  }
});

test("a client id may be longer than 23 characters and not empty", async () => {
  await using server = await startTestBroker();
  await using long = await RawMqtt.connect(server.port, { ...v3, clientId: "x".repeat(200) });
  await long.fence();
  await using empty = await RawMqtt.open(server.port);
  empty.send(Buffer.from("\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", "latin1"));
  expect(await empty.expect("connack")).toMatchObject({ returnCode: 2 });
  await empty.whenClosed();
});

test("the reserved byte of CONNACK stays 0 where a session is resumed", async () => {
  await using server = await startTestBroker();
  for (const version of [v3, v3, {}]) {
    await using client = await RawMqtt.open(server.port);
    client.send(connectPacket({ ...version, clientId: "again", clean: false }));
    expect((await client.expect("connack")).sessionPresent).toBe(version !== v3);
  }
});

test("a refused filter is answered with the QoS it asked for, and hears nothing", async () => {
  await using server = await startTestBroker({
    identity: { authorize: (_, action, topic) => action !== "subscribe" || topic !== "secret" },
  });
  await using client = await RawMqtt.connect(server.port, v3);
  const subscriptions = [
    { topic: "secret", qos: 1 },
    { topic: "open", qos: 1 },
  ] as const;
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [...subscriptions] });
  expect((await client.expect("suback")).granted).toEqual([1, 1]);
  client.send(publishPacket("secret", "x"), publishPacket("open", "x"));
  expect((await client.expect("publish")).topic).toBe("open");
  expect(await client.fence()).toEqual([]);
});
