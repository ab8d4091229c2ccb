/** MQTT over WebSocket: MQTT 3.1.1 § 6. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import mqtt from "mqtt";
import { generate } from "mqtt-packet";
import { MiniClient } from "../minioicq/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { WebSocketLine } from "../support/line.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { fin, opcode, RawWebSocket } from "../support/raw-websocket.ts";
import { startTestServer } from "../support/server.ts";
import { openIdentity } from "../support/test-broker.ts";
import { upgrade } from "../support/upgrade.ts";
import { startWebSocketBroker } from "../support/websocket-broker.ts";

test("MQTT.js talks over /mqtt of the HTTP port, to a client on TCP and back", async () => {
  await using server = await startTestServer({
    env: { ROOST_MQTT_ANONYMOUS: "full", ROOST_LIMITS_MQTT_ANONYMOUS_PACKET_BYTES: "1 MiB" },
  });
  const web = await mqtt.connectAsync(`ws://${server.http}/mqtt`);
  const plain = await mqtt.connectAsync(`mqtt://${server.mqtt}`);
  const received: string[] = [];
  for (const client of [web, plain]) client.on("message", (topic, body) => received.push(`${topic} ${body.length}`));
  await web.subscribeAsync("to/web", { qos: 1 });
  await plain.subscribeAsync("to/plain", { qos: 1 });
  await web.publishAsync("to/plain", "x".repeat(300_000), { qos: 1 });
  await plain.publishAsync("to/web", "y".repeat(300_000), { qos: 1 });
  await until("both messages", () => received.length === 2);
  expect(received.toSorted()).toEqual(["to/plain 300000", "to/web 300000"]);
  await web.endAsync();
  await plain.endAsync();
});

test("MiniOICQ on /ws is still served beside it", async () => {
  await using server = await startTestServer();
  using client = await MiniClient.connect(server.http, "json");
  expect(await client.login(1, "nope nope")).toMatchObject({ action: "auth.login.fail" });
});

test("web pages of other hosts reach no door by WebSocket, unless the operator names them", async () => {
  await using own = await startTestServer();
  await using named = await startTestServer({ env: { ROOST_WS_ORIGINS: "https://chat.example.org" } });
  for (const path of ["/mqtt", "/ws", "/", "/mqtt?x=1"]) {
    for (const [what, { http }, headers, status] of [
      ["a program", own, {}, 101],
      ["a page of this host", own, { origin: `http://${own.http}` }, 101],
      ["a page of another host", own, { origin: "https://chat.example.org" }, 403],
      ["a sandboxed page", own, { origin: "null" }, 403],
      ["a named page", named, { origin: "https://chat.example.org" }, 101],
      ["a page that is not named", named, { origin: "https://example.org" }, 403],
    ] as const) {
      const answer = await upgrade(http, path, { "sec-websocket-protocol": "mqtt", ...headers });
      expect({ path, what, status: answer.status }).toEqual({ path, what, status });
    }
  }
});

/** The protocol echoed, or the status of the refusal. */
async function negotiated(url: string, offered: string | undefined): Promise<string | number> {
  const headers: Record<string, string> = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...(offered === undefined ? {} : { "Sec-WebSocket-Protocol": offered }),
  };
  const { request } = await import("node:http");
  const asked = request(url.replace("ws:", "http:"), { headers });
  asked.end();
  const answer = new Promise<string | number>((resolve, reject) => {
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(String(response.headers["sec-websocket-protocol"]));
    });
    asked.on("response", (response) => resolve(response.statusCode ?? 0));
    asked.on("error", reject);
  });
  return withDeadline("the handshake", answer);
}

test.each([
  ["mqtt", "mqtt"],
  ["mqttv3.1", "mqttv3.1"],
  ["chat, mqttv3.1, mqtt", "mqttv3.1"],
  ["MQTT", 400],
  ["chat", 400],
  [undefined, 400],
])("a client that offers %p gets %p", async (offered, expected) => {
  await using server = await startWebSocketBroker();
  expect(await negotiated(server.url, offered)).toBe(expected); // [MQTT-6.0.0-3] [MQTT-6.0.0-4]
});

test("a text frame closes the connection with 1003", async () => {
  await using server = await startWebSocketBroker();
  const line = WebSocketLine.dial(server.url);
  await using client = await RawMqtt.over(line);
  client.send(connectPacket());
  await client.expect("connack");
  line.writeText("PINGREQ");
  expect(await withDeadline("close", line.closeCode)).toBe(1003); // [MQTT-6.0.0-1]
  expect(server.closeReasons).toEqual(["protocol_error"]);
});

test("packets may span frames and share them, in any chunking", async () => {
  await using server = await startWebSocketBroker();
  await using listener = await RawMqtt.connect(server.port);
  listener.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "#", qos: 0 }] });
  await listener.expect("suback");
  const texts = ["", "a", "b".repeat(200), "c".repeat(20_000)];
  const stream = Buffer.concat([
    generate(connectPacket()),
    ...texts.map((text, at) => generate(publishPacket("t", text, { qos: 1, messageId: at + 1 }))),
    generate({ cmd: "pingreq" }),
  ]);
  const cuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: stream.length })));
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      await using client = await RawMqtt.over(WebSocketLine.dial(server.url));
      let from = 0;
      for (const to of [...at.sort((a, b) => a - b), stream.length]) {
        client.send(stream.subarray(from, to));
        from = to;
      }
      await client.expect("connack");
      for (const index of texts.keys()) expect((await client.expect("puback")).messageId).toBe(index + 1);
      await client.expect("pingresp");
      for (const text of texts) expect((await listener.expect("publish")).payload.toString()).toBe(text);
    }),
    { numRuns: 50 },
  );
});

test("what arrives while the client is being authenticated waits, in order", async () => {
  const admitted = Promise.withResolvers<void>();
  await using server = await startWebSocketBroker({
    identity: {
      authenticate: async (connect) => {
        await admitted.promise;
        return openIdentity.authenticate(connect);
      },
    },
    limits: { inboundInflightMax: 1 },
  });
  await using client = await RawMqtt.over(WebSocketLine.dial(server.url));
  client.send(connectPacket());
  for (let id = 1; id <= 500; id++) client.send(publishPacket("t", "x", { qos: 1, messageId: id }));
  // The HTTP port answers after what was read before it.
  await negotiated(server.url, "mqtt");
  admitted.resolve();
  await client.expect("connack");
  for (let id = 1; id <= 500; id++) expect((await client.expect("puback")).messageId).toBe(id);
});

test("a reader too slow for its bounds is closed, and the others hear everything", async () => {
  await using server = await startWebSocketBroker({ limits: { queuedMessagesMax: 100, inflightMax: 50 } });
  const { port } = new URL(server.url);
  using slow = await RawWebSocket.connect(Number(port), { "Sec-WebSocket-Protocol": "mqtt" }, "/mqtt");
  slow.pause();
  await until("the upgrade", () => server.broker.stats().connections === 1);
  slow.frame(opcode.binary | fin, generate(connectPacket()));
  const subscriptions = [
    { topic: "t", qos: 0 },
    { topic: "t1", qos: 1 },
  ] as const;
  slow.frame(opcode.binary | fin, generate({ cmd: "subscribe", messageId: 1, subscriptions: [...subscriptions] }));
  await until("the subscriptions", () => server.broker.stats().subscriptions === 2);
  await using quick = await RawMqtt.over(WebSocketLine.dial(server.url));
  quick.send(connectPacket(), { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 0 }] });
  await quick.expect("connack");
  await quick.expect("suback");
  const payload = Buffer.alloc(256 * 1024);
  for (let sent = 1; sent <= 80; sent++) {
    server.broker.publish("t", payload, 0);
    expect((await quick.expect("publish")).payload.length).toBe(payload.length);
  }
  expect(server.broker.stats().droppedSlow).toBeGreaterThan(40);
  for (let sent = 0; sent <= 200; sent++) server.broker.publish("t1", Buffer.alloc(10), 1);
  expect(server.closeReasons).toEqual(["slow_reader"]);
});

test("stopping says so with 1001", async () => {
  await using server = await startWebSocketBroker();
  const line = WebSocketLine.dial(server.url);
  await using client = await RawMqtt.over(line);
  client.send(connectPacket());
  await client.expect("connack");
  await server.broker.stop();
  expect(await withDeadline("close", line.closeCode)).toBe(1001);
});

test("a refused client gets its CONNACK before the close", async () => {
  await using server = await startWebSocketBroker();
  const line = WebSocketLine.dial(server.url);
  await using client = await RawMqtt.over(line);
  client.send(connectPacket({ username: "x", password: Buffer.from("wrong") }));
  expect((await client.expect("connack")).returnCode).toBe(4);
  expect(await withDeadline("close", line.closeCode)).toBe(1000);
});
