/** MQTT clients that are not logged in: little waits for them, and their WebSockets end soon. */
import { expect, test } from "bun:test";
import { encodeTerm } from "../../src/etf/encode.ts";
import { binary } from "../../src/etf/term.ts";
import type { Identity } from "../../src/mqtt/identity.ts";
import { phoneNumbers, startPhoneServer, tuple } from "../erlang-terms/phones.ts";
import { withDeadline } from "../support/deadline.ts";
import { WebSocketLine } from "../support/line.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer } from "../support/server.ts";
import { startTestBroker } from "../support/test-broker.ts";

const kib = 1024;

/** Clients without a username are strangers. */
const identity: Partial<Identity> = {
  authenticate: async ({ username = "" }) => ({
    principal: { key: username },
    persistent: username !== "",
    isStranger: username === "",
  }),
};

test("a stranger that does not read is closed when a little waits, another client keeps its queue", async () => {
  await using server = await startTestBroker({ identity });
  await using stranger = await RawMqtt.connect(server.port);
  await using ann = await RawMqtt.connect(server.port, { username: "ann" });
  await stranger.subscribe("t", 1);
  await ann.subscribe("t", 1);
  stranger.stopReading();
  ann.stopReading();
  const payload = Buffer.alloc(50_000, "x");
  let sent = 0;
  while (server.closeReasons.length === 0) {
    expect(sent).toBeLessThan(2000);
    server.broker.publish("t", payload, 1);
    sent++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(server.closeReasons).toEqual(["slow_reader"]);
  await stranger.whenClosed();
  ann.resumeReading();
  for (let n = 0; n < sent; n++) {
    const { messageId = 0, payload: heard } = await ann.expect("publish");
    expect(heard).toHaveLength(payload.length);
    ann.send({ cmd: "puback", messageId });
  }
});

test("strangers of one address are read no faster than strangers may send, and others are", async () => {
  await using server = await startTestBroker({ identity });
  const flood = Array.from({ length: 40 }, () => publishPacket("t", Buffer.alloc(200 * kib)));
  await using first = await RawMqtt.connect(server.port);
  await using second = await RawMqtt.connect(server.port);
  await using ann = await RawMqtt.connect(server.port, { username: "ann" });
  for (const stranger of [first, second]) stranger.send(...flood);
  ann.send(...flood);
  await ann.fence();
  // What they may send together at once, and what was on its way to each when it was read no further.
  const strangersMax = (512 + 2 * 2 * 512) * kib;
  const annBytes = flood.length * 200 * kib;
  expect(server.broker.stats().bytesReceived).toBeLessThan(annBytes + strangersMax + 10 * kib);
  expect([first, second].some((stranger) => stranger.unsentBytes > 0)).toBe(true);
  expect(server.closeReasons).toEqual([]);
});

test("a WebSocket without a log-in is closed in time, though it said CONNECT", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_LOGIN_SECONDS: "1" } });
  const line = WebSocketLine.dial(`ws://${server.http}/mqtt`);
  await using stranger = await RawMqtt.over(line);
  stranger.send(connectPacket());
  expect((await stranger.expect("connack")).returnCode).toBe(0);
  await stranger.fence();
  expect(await withDeadline("the close", line.closeCode)).toBe(1008);
  // Over TCP it holds next to nothing.
  await using tcp = await RawMqtt.connect(server.mqttPort);
  await tcp.fence();
});

test("a WebSocket whose phone was sent a code may stay for as long as the code is good", async () => {
  await using server = await startPhoneServer({ env: { ROOST_LIMITS_LOGIN_SECONDS: "1" } });
  const dial = async () => {
    const line = WebSocketLine.dial(`ws://${server.http}/mqtt`);
    const client = await RawMqtt.over(line);
    client.send(connectPacket({ clientId: "emqttd_A", username: "api" }));
    await client.expect("connack");
    return { line, client };
  };
  const asking = await dial();
  await using _ = asking.client;
  const auth = tuple("Auth", binary("key"), [], binary(phoneNumbers.A), [], [], [], [], [], []);
  asking.client.send(
    publishPacket("events//api/anon/emqttd_A/", Buffer.from(encodeTerm(auth)), { qos: 1, messageId: 1 }),
  );
  await asking.client.expect("publish");
  // One that came later has to go.
  const line = WebSocketLine.dial(`ws://${server.http}/ws`, []);
  await line.opened;
  expect(await withDeadline("the close", line.closeCode)).toBe(1008);
  expect((await asking.client.fence()).map(({ cmd }) => cmd)).toEqual(["puback"]);
});
