/** How a connection begins and ends: refusals, time-outs, broken packets. Every bad client leaves the server serving. */
import { expect, test } from "bun:test";
import { generate } from "mqtt-packet";
import type { Authentication, Principal } from "../../src/mqtt/identity.ts";
import { until } from "../support/deadline.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

test.each([
  ["bad_credentials", 4],
  ["not_authorized", 5],
  ["busy", 3],
  ["unavailable", 3],
] as const)("a client refused as %s is told %d and closed", async (refused, returnCode) => {
  await using server = await startTestBroker({ identity: { authenticate: async () => ({ refused }) } });
  await using client = await RawMqtt.open(server.port);
  client.send(connectPacket(), publishPacket("t", "sent too early"));
  expect(await client.expect("connack")).toMatchObject({ returnCode, sessionPresent: false });
  await client.whenClosed();
});

test("a failing authenticate hook is told as server unavailable", async () => {
  await using server = await startTestBroker({ identity: { authenticate: () => Promise.reject(new Error("boom")) } });
  await using client = await RawMqtt.open(server.port);
  client.send(connectPacket());
  expect(await client.expect("connack")).toMatchObject({ returnCode: 3 });
  await client.whenClosed();
});

test("packets sent before CONNACK are served after it, in order", async () => {
  const gate = Promise.withResolvers<Authentication<Principal>>();
  await using server = await startTestBroker({ identity: { authenticate: () => gate.promise } });
  await using client = await RawMqtt.open(server.port);
  client.send(
    connectPacket(),
    { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 0 }] },
    publishPacket("t", "early"),
    { cmd: "pingreq" },
  );
  gate.resolve({ principal: { key: "someone" }, persistent: false });
  for (const cmd of ["connack", "suback", "publish", "pingresp"] as const) await client.expect(cmd);
});

test("username, password, client id and address reach the program", async () => {
  const seen: unknown[] = [];
  await using server = await startTestBroker({
    identity: {
      async authenticate({ password, ...rest }) {
        seen.push({ ...rest, password: password === undefined ? undefined : Buffer.from(password).toString() });
        return { principal: { key: "x" }, persistent: false };
      },
    },
  });
  await using _client = await RawMqtt.connect(server.port, {
    clientId: "ünï",
    username: "bob",
    password: Buffer.from("secret"),
  });
  expect(seen).toEqual([
    {
      clientId: "ünï",
      username: "bob",
      password: "secret",
      address: "127.0.0.1",
      protocolVersion: 4,
      cleanStart: true,
      certificateSubject: undefined,
    },
  ]);
});

test("other protocol versions are refused in their own words", async () => {
  await using server = await startTestBroker();
  await using two = await RawMqtt.open(server.port);
  const levelTwo = generate(connectPacket({ protocolId: "MQIsdp", protocolVersion: 3 }));
  levelTwo[10] = 2;
  two.send(levelTwo);
  expect(await two.expect("connack")).toMatchObject({ returnCode: 1 });
  await two.whenClosed();
  await using five = await RawMqtt.open(server.port);
  const levelSix = generate(connectPacket({ protocolVersion: 5 }), { protocolVersion: 5 });
  levelSix[8] = 6;
  five.send(levelSix);
  expect(await five.expect("connack")).toMatchObject({ returnCode: 1 });
  await five.whenClosed();
});

const connect = generate(connectPacket({ clientId: "bad" }));
const badPackets: [string, Buffer[], string?][] = [
  ["a first packet that is not CONNECT", [generate(publishPacket("t", "x"))]],
  ["a second CONNECT", [connect, connect]],
  ["packet type 0", [connect, Buffer.from([0x00, 0])]],
  ["packet type 15", [connect, Buffer.from([0xf0, 0])]],
  ["a CONNACK from a client", [connect, Buffer.from([0x20, 2, 0, 0])]],
  ["PINGREQ with flags", [connect, Buffer.from([0xc1, 0])]],
  ["PINGREQ with a body", [connect, Buffer.from([0xc0, 1, 0])]],
  ["DISCONNECT with flags", [connect, Buffer.from([0xe1, 0])]],
  ["SUBSCRIBE without its flags", [connect, Buffer.from([0x80, 6, 0, 1, 0, 1, 0x61, 0])]],
  ["SUBSCRIBE with packet id 0", [connect, Buffer.from([0x82, 6, 0, 0, 0, 1, 0x61, 0])]],
  ["SUBSCRIBE without a filter", [connect, Buffer.from([0x82, 2, 0, 1])]],
  ["SUBSCRIBE with QoS 3", [connect, Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 3])]],
  ["SUBSCRIBE with reserved option bits", [connect, Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 0x10])]],
  ["SUBSCRIBE cut short inside a filter", [connect, Buffer.from([0x82, 5, 0, 1, 0, 9, 0x61])]],
  ["SUBSCRIBE with an empty filter", [connect, Buffer.from([0x82, 5, 0, 1, 0, 0, 0])]],
  ["SUBSCRIBE with a # that is not last", [connect, Buffer.from([0x82, 8, 0, 1, 0, 3, 0x23, 0x2f, 0x61, 0])]],
  ["SUBSCRIBE with a filter that is not UTF-8", [connect, Buffer.from([0x82, 6, 0, 1, 0, 1, 0xff, 0])]],
  ["UNSUBSCRIBE without a filter", [connect, Buffer.from([0xa2, 2, 0, 1])]],
  ["UNSUBSCRIBE with trailing bytes", [connect, Buffer.from([0xa2, 6, 0, 1, 0, 1, 0x61, 0])]],
  ["PUBLISH with QoS 3", [connect, Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1])]],
  ["PUBLISH with DUP at QoS 0", [connect, Buffer.from([0x38, 3, 0, 1, 0x61])]],
  ["PUBLISH with packet id 0", [connect, Buffer.from([0x32, 5, 0, 1, 0x61, 0, 0])]],
  ["PUBLISH without room for its packet id", [connect, Buffer.from([0x32, 4, 0, 1, 0x61, 0])]],
  ["PUBLISH to a wildcard", [connect, Buffer.from([0x30, 3, 0, 1, 0x23])]],
  ["PUBLISH to an empty topic", [connect, Buffer.from([0x30, 2, 0, 0])]],
  ["PUBLISH to a topic with U+0000", [connect, Buffer.from([0x30, 3, 0, 1, 0])]],
  ["PUBLISH to a topic with a surrogate", [connect, Buffer.from([0x30, 5, 0, 3, 0xed, 0xa0, 0x80])]],
  ["PUBLISH to a topic longer than the packet", [connect, Buffer.from([0x30, 3, 0, 9, 0x61])]],
  ["PUBLISH to a topic of 65 levels", [connect, generate(publishPacket("/".repeat(64), "x"))]],
  ["PUBLISH to a topic of 4097 bytes", [connect, generate(publishPacket("x".repeat(4097), "x"))]],
  ["PUBACK with packet id 0", [connect, Buffer.from([0x40, 2, 0, 0])]],
  ["PUBACK with a byte too many", [connect, Buffer.from([0x40, 3, 0, 1, 0])]],
  ["PUBACK with a byte too few", [connect, Buffer.from([0x40, 1, 0])]],
  ["PUBREL with the flags of PUBREC [MQTT-3.6.1-1]", [connect, Buffer.from([0x60, 2, 0, 1])]],
  ["a remaining length of five bytes", [connect, Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])]],
  ["a remaining length in more bytes than needed", [connect, Buffer.from([0xc0, 0x80, 0])]],
  ["a packet over the size limit", [connect, Buffer.from([0x30, 0x80, 0x80, 0x80, 1])], "packet_too_large"],
  ["a CONNECT over its size limit", [Buffer.from([0x10, 0x80, 0x80, 0x80, 1])], "packet_too_large"],
  ["CONNECT with the reserved flag", [Buffer.from([0x10, 13, 0, 4, 77, 81, 84, 84, 4, 3, 0, 0, 0, 1, 0x61])]],
  [
    "CONNECT with will QoS 3",
    [Buffer.from([0x10, 19, 0, 4, 77, 81, 84, 84, 4, 0x1e, 0, 0, 0, 1, 0x61, 0, 1, 0x61, 0, 1, 0x61])],
  ],
  ["CONNECT with will flags but no will", [Buffer.from([0x10, 13, 0, 4, 77, 81, 84, 84, 4, 0x22, 0, 0, 0, 1, 0x61])]],
  [
    "CONNECT with a password but no username",
    [Buffer.from([0x10, 16, 0, 4, 77, 81, 84, 84, 4, 0x42, 0, 0, 0, 1, 0x61, 0, 1, 0x61])],
  ],
  ["CONNECT with trailing bytes", [Buffer.from([0x10, 14, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, 1, 0x61, 0])]],
  ["CONNECT of another protocol", [Buffer.from([0x10, 13, 0, 4, 77, 81, 84, 85, 4, 2, 0, 0, 0, 1, 0x61])]],
  ["CONNECT with a will to a wildcard", [generate(connectPacket({ will: { topic: "a/#", payload: "x" } }))]],
  ["HTTP", [Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]],
];

test.each(badPackets)("%s closes the connection and no other", async (_what, packets, reason = "protocol_error") => {
  await using server = await startTestBroker();
  await using good = await RawMqtt.connect(server.port);
  await using bad = await RawMqtt.open(server.port);
  bad.send(...packets);
  await bad.whenClosed();
  expect(server.closeReasons).toEqual([reason]);
  expect(await good.fence()).toEqual([]);
  expect(server.broker.stats()).toMatchObject({ protocolErrors: 1, connections: 1 });
});

test("nothing after a broken packet is obeyed", async () => {
  await using server = await startTestBroker();
  await using good = await RawMqtt.connect(server.port);
  await good.subscribe("t");
  await using bad = await RawMqtt.connect(server.port);
  bad.send(publishPacket("t", "before"), Buffer.from([0xf0, 0]), publishPacket("t", "after"));
  await bad.whenClosed();
  expect((await good.fence()).map((packet) => packet.cmd === "publish" && String(packet.payload))).toEqual(["before"]);
});

test("a connection without CONNECT is closed after the connect time-out", async () => {
  await using server = await startTestBroker();
  await using client = await RawMqtt.open(server.port);
  await using good = await RawMqtt.connect(server.port);
  client.send(Buffer.from([0x10, 20, 0])); // a beginning is not enough
  await good.fence();
  server.advance(9000);
  await good.fence();
  expect(client.closed).toBe(false);
  server.advance(3000);
  await client.whenClosed();
  expect(server.closeReasons).toEqual(["connect_timeout"]);
  await good.fence();
});

test("a silent client is closed after one and a half times its keep alive, a pinging one is not", async () => {
  await using server = await startTestBroker();
  await using silent = await RawMqtt.connect(server.port, { keepalive: 60 });
  await using pinging = await RawMqtt.connect(server.port, { keepalive: 60 });
  await using unlimited = await RawMqtt.connect(server.port, { keepalive: 0 });
  for (let seconds = 0; seconds < 90; seconds += 30) {
    await pinging.fence();
    server.advance(30_000);
  }
  await pinging.fence();
  expect(silent.closed).toBe(false);
  server.advance(4000);
  await silent.whenClosed();
  await pinging.fence();
  server.advance(89_000);
  await pinging.fence();
  server.advance(24 * 3600 * 1000);
  await pinging.whenClosed();
  await unlimited.fence();
  expect(server.closeReasons).toEqual(["keep_alive_timeout", "keep_alive_timeout"]);
});

test("an MQTT 5 client is told a shorter keep alive than it asks for, and held to it", async () => {
  await using server = await startTestBroker({ limits: { keepAliveSecondsMax: 60 } });
  const told = async (protocolVersion: 4 | 5, keepalive: number): Promise<[RawMqtt, unknown]> => {
    const client = await RawMqtt.open(server.port, {}, protocolVersion);
    client.send(connectPacket({ protocolVersion, keepalive }));
    return [client, (await client.expect("connack")).properties?.serverKeepAlive];
  };
  const rows: [asked: number, told: number | undefined][] = [
    [0, 60],
    [61, 60],
    [60, undefined],
    [20, undefined],
  ];
  const silent: RawMqtt[] = [];
  for (const [asked, expected] of rows) {
    const [client, keepAlive] = await told(5, asked);
    silent.push(client);
    expect([asked, keepAlive]).toEqual([asked, expected]);
  }
  // Before MQTT 5 a client cannot be told.
  const [unlimited] = await told(4, 0);
  await using _unlimited = unlimited;
  server.advance(89_000);
  expect(silent.map(({ closed }) => closed).slice(0, 3)).toEqual([false, false, false]);
  server.advance(5000);
  for (const client of silent) await client.whenClosed();
  await unlimited.fence();
});

test("publishing and acknowledging count as signs of life", async () => {
  await using server = await startTestBroker();
  await using listener = await RawMqtt.connect(server.port, { keepalive: 10 });
  await using speaker = await RawMqtt.connect(server.port, { keepalive: 10 });
  await listener.subscribe("t", 1);
  for (let round = 1; round <= 5; round++) {
    server.advance(10_000);
    speaker.send(publishPacket("t", `${round}`, { qos: 1, messageId: round }));
    await speaker.expect("puback");
    const { messageId = 0 } = await listener.expect("publish");
    const { bytesReceived } = server.broker.stats();
    listener.send({ cmd: "puback", messageId });
    await until("the PUBACK", () => server.broker.stats().bytesReceived > bytesReceived);
  }
  await listener.fence();
  expect(server.closeReasons).toEqual([]);
});

test("a client the broker does not read is not blamed for its silence", async () => {
  const gate = Promise.withResolvers<{ ack: true }>();
  let started = 0;
  await using server = await startTestBroker({
    service: {
      serves: () => true,
      intercept() {
        started++;
        return gate.promise;
      },
    },
    limits: { inboundInflightMax: 1 },
  });
  await using client = await RawMqtt.connect(server.port, { keepalive: 10 });
  client.send(publishPacket("t", "slow", { qos: 1, messageId: 1 }), { cmd: "pingreq" });
  await until("the publish", () => started === 1);
  server.advance(60_000);
  server.advance(60_000);
  gate.resolve({ ack: true });
  await client.expect("puback");
  await client.expect("pingresp");
  await client.fence();
  expect(server.closeReasons).toEqual([]);
});

test("connections over the limit are closed, and room is made by leaving", async () => {
  await using server = await startTestBroker({ limits: { connectionsMax: 2 } });
  await using one = await RawMqtt.connect(server.port);
  await using two = await RawMqtt.connect(server.port);
  await using three = await RawMqtt.open(server.port);
  await three.whenClosed();
  await two.drop();
  await one.fence();
  await using four = await RawMqtt.connect(server.port);
  await four.fence();
});

test("DISCONNECT with a publish before it in the same segment loses nothing", async () => {
  await using server = await startTestBroker();
  await using bob = await RawMqtt.connect(server.port);
  await bob.subscribe("t");
  await using hasty = await RawMqtt.open(server.port);
  hasty.send(connectPacket(), publishPacket("t", "bye"), { cmd: "disconnect" });
  expect(String((await bob.expect("publish")).payload)).toBe("bye");
  await hasty.whenClosed();
  expect(server.closeReasons).toEqual(["disconnected"]);
});
