/** MQTT 3.1, where it differs from 3.1.1. */
import { expect, test } from "bun:test";
import { field, packet, uint16 } from "../support/packet-bytes.ts";
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

test("DUP may mark a repeat of PUBREL, SUBSCRIBE and UNSUBSCRIBE, and flags that are not used mean nothing, MQTT 3.1 § 2.1", async () => {
  await using server = await startTestBroker();
  const subscribe = [uint16(9), field("t"), 0] as const;
  for (const [first, rest, answer] of [
    [0x6a, [uint16(7)], { cmd: "pubcomp", messageId: 7 }],
    [0x63, [uint16(7)], { cmd: "pubcomp", messageId: 7 }],
    [0x8a, subscribe, { cmd: "suback", messageId: 9 }],
    [0x8b, subscribe, { cmd: "suback", messageId: 9 }],
    [0xaa, [uint16(9), field("t")], { cmd: "unsuback", messageId: 9 }],
    [0x5f, [uint16(5)], { cmd: "pubrel", messageId: 5 }],
    [0x4f, [uint16(5)], undefined],
    [0x7f, [uint16(5)], undefined],
    [0xcf, [], { cmd: "pingresp" }],
  ] as const) {
    await using client = await RawMqtt.connect(server.port, v3);
    client.send(packet(first, ...rest));
    if (answer !== undefined) expect(await client.next(`the answer to ${first.toString(16)}`)).toMatchObject(answer);
    expect(await client.fence()).toEqual([]);
    client.send(packet(0xef)); // DISCONNECT
    await client.whenClosed();
  }
  expect(new Set(server.closeReasons)).toEqual(new Set(["disconnected"]));
  // The QoS is 1 where there is one; and MQTT 3.1.1 knows none of this.
  for (const [version, first] of [
    [v3, 0x60],
    [v3, 0x64],
    [v3, 0x66],
    [{}, 0x6a],
  ] as const) {
    await using client = await RawMqtt.connect(server.port, version);
    client.send(packet(first, uint16(7)));
    await client.whenClosed();
    expect(server.closeReasons.at(-1)).toBe("protocol_error");
  }
});

test("bits of CONNECT that are not used mean nothing, MQTT 3.1 § 3.1", async () => {
  await using server = await startTestBroker({
    identity: {
      authenticate: async ({ username, password }) => ({
        principal: { key: `${username} ${password}` },
        persistent: true,
      }),
    },
  });
  const named = [field("id"), field("me"), field("secret")] as const;
  for (const [what, first, flags, payload] of [
    ["DUP, QoS and RETAIN of the packet", 0x1f, 0x02, [field("id")]],
    ["the reserved flag", 0x10, 0x03, [field("id")]],
    ["a will's QoS and RETAIN without a will", 0x10, 0x3a, [field("id")]],
    ["everything at once", 0x1f, 0xfb, named],
    ["a user name and a password that are not there", 0x10, 0xc2, [field("id")]],
    ["a password that is not there", 0x10, 0xc2, [field("id"), field("me")]],
  ] as const) {
    await using client = await RawMqtt.open(server.port);
    client.send(packet(first, field("MQIsdp"), 3, flags, uint16(0), ...payload));
    expect(await client.expect("connack"), what).toMatchObject({ returnCode: 0 });
    expect(await client.fence()).toEqual([]);
  }
  for (const [first, flags, payload] of [
    [0x10, 0x1e, [field("id"), field("will"), field("x")]], // a will of QoS 3
    [0x10, 0x42, [field("id"), field("secret")]], // a password without a user name
    [0x10, 0x02, [field("id"), field("more")]],
  ] as const) {
    await using client = await RawMqtt.open(server.port);
    client.send(packet(first, field("MQIsdp"), 3, flags, uint16(0), ...payload));
    await client.whenClosed();
    expect(client.received).toEqual([]);
  }
});
