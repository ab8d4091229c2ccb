/** Clients without a name: what `mqtt.anonymous` lets them do, and how a token makes somebody of them. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

async function tokenOf(server: TestServer, username: string): Promise<string> {
  const [pair] = await server.domain.accounts.provision([{ username }]);
  if (pair === undefined) throw new Error("no token");
  await server.domain.topics.trust(pair.user.userId);
  return pair.accessToken;
}

/** The return code of CONNACK. */
async function returnCode(server: TestServer, username?: string, password?: string): Promise<number | undefined> {
  await using raw = await RawMqtt.open(server.mqttPort);
  raw.send(
    connectPacket({
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
    }),
  );
  return (await raw.expect("connack")).returnCode;
}

async function connect5(
  server: TestServer,
  options: IClientOptions = {},
): Promise<{ client: MqttClient; connack: IConnackPacket }> {
  const client = mqtt.connect(`mqtt://${server.mqtt}`, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  const connack = Promise.withResolvers<IConnackPacket>();
  client.on("connect", (packet) => connack.resolve(packet));
  client.on("error", (error) => connack.reject(error));
  return { client, connack: await withDeadline("CONNACK", connack.promise) };
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 0,
    (error: { code?: unknown }) => error.code,
  );

test("in mode registration a 3.1.1 client without a name comes in, hears nothing and is acknowledged for nothing", async () => {
  await using server = await startTestServer();
  const lamp = await server.domain.devices.add({ name: "lamp" });
  await using watcher = await RawMqtt.connect(server.mqttPort, {
    username: "lamp",
    password: Buffer.from(lamp.password ?? ""),
  });
  expect(await watcher.subscribe("#")).toBe(0);
  for (const username of [undefined, "", "api"]) {
    const fields = username === undefined ? {} : { username };
    await using client = await RawMqtt.connect(server.mqttPort, { clean: false, clientId: "nobody", ...fields });
    for (const filter of ["a", "#", "+/b", "events/#", "events/1/auth", "$SYS/#", "chat/+/messages", "$share/g/a"]) {
      expect([filter, await client.subscribe(filter)]).toEqual([filter, 0x80]);
    }
    for (const topic of ["events/1/auth", "a", "actions/1"]) {
      client.send(publishPacket(topic, "x", { qos: 1, messageId: 7 }));
      expect((await client.expect("puback")).messageId).toBe(7);
      client.send(publishPacket(topic, "x", { qos: 2, messageId: 8, retain: true }));
      expect((await client.expect("pubrec")).messageId).toBe(8);
      client.send({ cmd: "pubrel", messageId: 8 });
      expect((await client.expect("pubcomp")).messageId).toBe(8);
      client.send(publishPacket(topic, "x"));
    }
    expect(await client.fence()).toEqual([]);
  }
  expect(await watcher.fence()).toEqual([]);
});

test("in mode registration an MQTT 5 client without a name is told what it may not do", async () => {
  await using server = await startTestServer();
  const { client, connack } = await connect5(server, { username: "api", password: "" });
  expect(connack.properties?.maximumPacketSize).toBe(256 * 1024);
  expect(await codeOf(client.publishAsync("events/1/auth", "x", { qos: 1 }))).toBe(0x87);
  expect(await codeOf(client.publishAsync("a/b", "x", { qos: 2 }))).toBe(0x87);
  const granted = new Promise<unknown>((resolve) => {
    client.subscribe("a/b", { qos: 1 }, (_error, _granted, packet) => resolve(packet?.granted));
  });
  expect(await withDeadline("SUBACK", granted)).toEqual([0x87]);
  await client.endAsync();
});

test("the will of a client without a log-in is not published", async () => {
  await using server = await startTestServer();
  const token = await tokenOf(server, "anna");
  await using anna = await RawMqtt.connect(server.mqttPort, { username: "anna", password: Buffer.from(token) });
  await anna.subscribe("#");
  const will = { topic: "last/words", payload: Buffer.from("x"), qos: 0 as const, retain: true };
  const client = await RawMqtt.connect(server.mqttPort, { will });
  await client.drop();
  await using later = await RawMqtt.connect(server.mqttPort);
  await later.fence();
  expect(await anna.fence()).toEqual([]);
});

test("a session without a log-in ends with its connection", async () => {
  await using server = await startTestServer();
  const { client, connack } = await connect5(server, {
    clientId: "nobody",
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
  });
  expect(connack.properties?.sessionExpiryInterval).toBe(0);
  await client.endAsync();
  for (let connection = 0; connection < 2; connection += 1) {
    await using raw = await RawMqtt.open(server.mqttPort);
    raw.send(connectPacket({ clean: false, clientId: "nobody" }));
    expect(await raw.expect("connack")).toMatchObject({ returnCode: 0, sessionPresent: false });
  }
});

test("packets of a client without a log-in are smaller than those of a user, in both modes", async () => {
  for (const anonymous of ["registration", "full"]) {
    const env = { ROOST_MQTT_ANONYMOUS: anonymous, ROOST_LIMITS_MQTT_ANONYMOUS_PACKET_BYTES: "2 KiB" };
    await using server = await startTestServer({ env });
    const { client, connack } = await connect5(server);
    expect(connack.properties?.maximumPacketSize).toBe(2048);
    await client.endAsync();
    // In one piece with CONNECT, so that its packets are cut before anyone knows who it is.
    await using greedy = await RawMqtt.open(server.mqttPort);
    greedy.send(
      connectPacket(),
      publishPacket("events/a", "x".repeat(2048 - 15)),
      publishPacket("events/a", "y".repeat(2048)),
    );
    await greedy.expect("connack");
    await greedy.whenClosed();
    await using modest = await RawMqtt.connect(server.mqttPort);
    modest.send(publishPacket("events/a", "x".repeat(2048 - 15)));
    expect(await modest.fence()).toEqual([]);
    const token = await tokenOf(server, "anna");
    await using anna = await RawMqtt.connect(server.mqttPort, { username: "", password: Buffer.from(token) });
    expect(await anna.subscribe("a")).toBe(0);
    anna.send(publishPacket("a", "x".repeat(100_000)));
    expect((await anna.expect("publish")).payload.length).toBe(100_000);
  }
});

test("a token alone logs a client in, with an empty name or api", async () => {
  for (const anonymous of ["registration", "full", "off"]) {
    await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: anonymous } });
    const token = await tokenOf(server, "anna");
    for (const username of ["", "api"]) {
      await using anna = await RawMqtt.connect(server.mqttPort, { username, password: Buffer.from(token) });
      expect(await anna.subscribe("chat/+/messages", 1)).toBe(1);
      expect(await anna.subscribe("a", 1)).toBe(1);
    }
    const { client, connack } = await connect5(server, { username: "api", password: token, clientId: "phone" });
    expect(connack.properties?.maximumPacketSize).toBe(1024 * 1024);
    await client.endAsync();
  }
});

test("an unknown token leaves a client without a log-in, or refuses it where mqtt.anonymous is off", async () => {
  for (const [anonymous, expected] of [
    ["registration", 0],
    ["full", 0],
    ["off", 4],
  ] as const) {
    await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: anonymous } });
    await server.domain.accounts.add({ nick: "Mia", username: "mia", password: "correct horse" });
    const attempts: [username: string | undefined, password: string | undefined][] = [
      [undefined, undefined],
      ["", undefined],
      ["api", undefined],
      ["", ""],
      ["api", "ra_0000000000000000000000000000000000000000000"],
      ["", "correct horse"],
    ];
    for (const [username, password] of attempts) {
      const code = await returnCode(server, username, password);
      // Who shows nothing is not authorized; who shows something wrong, or a name without a token, has bad credentials.
      const here = expected === 4 && username === undefined && !password ? 5 : expected;
      expect([anonymous, username, password, code]).toEqual([anonymous, username, password, here]);
    }
    // Any other name is an account's.
    expect([anonymous, await returnCode(server, "mia", "wrong")]).toEqual([anonymous, 4]);
    expect([anonymous, await returnCode(server, "mia")]).toEqual([anonymous, 4]);
  }
});

test("wrong tokens are counted, and a client without a token still comes in", async () => {
  await using server = await startTestServer({ env: { ROOST_LOGIN_FAILURES_PER_MINUTE: "2" } });
  expect(await returnCode(server, "api", "ra_wrong")).toBe(0);
  expect(await returnCode(server, "", "ra_wrong")).toBe(0);
  expect(await returnCode(server, "", "ra_wrong")).toBe(3);
  expect(await returnCode(server, "", "")).toBe(0);
});

test("admins read $SYS by whichever name they come in, also in a stored session after a restart", async () => {
  const options = { env: { ROOST_ADMINS: "anna", ROOST_MQTT_SYS_INTERVAL: "1" } };
  await using first = await startTestServer(options);
  const token = await tokenOf(first, "anna");
  const ben = await tokenOf(first, "ben");
  const as = (username: string, password: string) => ({ username, password: Buffer.from(password) });
  await using other = await RawMqtt.connect(first.mqttPort, as("ben", ben));
  expect(await other.subscribe("$SYS/broker/uptime")).toBe(0x80);
  const lasting = { ...as("api", token), clean: false, clientId: "dashboard" };
  const client = await RawMqtt.connect(first.mqttPort, lasting);
  expect(await client.subscribe("$SYS/broker/uptime")).toBe(0);
  expect((await client.expect("publish")).topic).toBe("$SYS/broker/uptime");
  client.send(publishPacket("$SYS/broker/uptime", "forged", { qos: 1, messageId: 3 }));
  await until("the PUBACK", () => client.received.some(({ cmd }) => cmd === "puback"));
  await client.drop();
  await using second = await first.restart();
  await using again = await RawMqtt.connect(second.mqttPort, { ...lasting, ...as("anna", token) });
  // At the next interval, without a new SUBSCRIBE.
  expect(await again.expect("publish", 10_000)).toMatchObject({ topic: "$SYS/broker/uptime" });
});

test("where the broker is open to everybody, the will of a client without a log-in outlives the server too", async () => {
  await using first = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  const token = await tokenOf(first, "anna");
  const lasting = { username: "anna", password: Buffer.from(token), clean: false, clientId: "watcher" };
  const watcher = await RawMqtt.connect(first.mqttPort, lasting);
  await watcher.subscribe("#", 1);
  await watcher.drop();
  await using _client = await RawMqtt.connect(first.mqttPort, {
    will: { topic: "last/words", payload: Buffer.from("x"), qos: 1, retain: false },
  });
  await using second = await first.restart();
  await using again = await RawMqtt.connect(second.mqttPort, lasting);
  expect(await again.expect("publish", 10_000)).toMatchObject({ topic: "last/words" });
});
