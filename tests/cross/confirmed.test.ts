/**
 * What a client has confirmed does not come again, however soon it returns; what it has not, does (docs/mqtt.md §
 * Persistent sessions).
 */
import { expect, test } from "bun:test";
import { enroll, room, say } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { MiniOicqClient } from "./minioicq-client.ts";
import { MqttClient, type MqttHandlers } from "./mqtt-client.ts";

const returns = 5;

async function annaAndBen(server: TestServer): Promise<{ anna: string; ben: string }> {
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  return { anna, ben };
}

test("MQTT: a session that returns at once after its PUBACK hears only what is new", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await annaAndBen(server);
  const heard: string[] = [];
  for (let n = 0; n < returns; n += 1) {
    await using client = await connectBen(server, ben, {
      onPublish({ payload, messageId: packetId }, here) {
        heard.push((JSON.parse(payload.toString()) as { content: string }).content);
        here.puback(packetId ?? 0);
      },
    });
    if (n === 0) await client.subscribe("chat/+/messages");
    await say(server, anna, "team", `message ${n}`);
    await until("the new message", () => heard.at(-1) === `message ${n}`);
    await client.ping(); // the PUBACK before it has been read
  }
  expect(heard).toEqual(Array.from({ length: returns }, (_, n) => `message ${n}`));
});

test("MQTT: a session that left without PUBACK hears it again with DUP and the same packet id", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await annaAndBen(server);
  const heard: { dup: boolean; packetId: number | undefined }[] = [];
  for (let n = 0; n < returns; n += 1) {
    await using client = await connectBen(server, ben, {
      onPublish: ({ dup, messageId: packetId }) => void heard.push({ dup, packetId }),
    });
    if (n === 0) {
      await client.subscribe("chat/+/messages");
      await say(server, anna, "team", "hello");
    }
    await until("the message", () => heard.length === n + 1);
  }
  const packetId = heard[0]?.packetId;
  expect(heard).toEqual(Array.from({ length: returns }, (_, n) => ({ dup: n > 0, packetId })));
});

test("MiniOICQ: a client that returns at once is pushed only what is new", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await annaAndBen(server);
  const heard: string[] = [];
  for (let n = 0; n < returns; n += 1) {
    await using client = await MiniOicqClient.connect(server.http);
    client.onPush = ({ content }) => heard.push(content);
    await client.logIn(ben);
    await say(server, anna, "team", `message ${n}`);
    await until("the new message", () => heard.at(-1) === `message ${n}`);
  }
  expect(heard).toEqual(Array.from({ length: returns }, (_, n) => `message ${n}`));
});

const connectBen = (server: TestServer, token: string, handlers: MqttHandlers): Promise<MqttClient> =>
  MqttClient.connect(server.mqtt, { username: "ben", password: token, clientId: "phone", clean: false }, handlers);
