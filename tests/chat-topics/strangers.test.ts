/** A stranger cannot tell a chat of others from one that is not there: both are refused in the same words, over MQTT and REST. */
import { expect, test } from "bun:test";
import mqtt from "mqtt";
import { call, enroll, room } from "../rest/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";

test("what is sent to a chat of others is refused as what is sent to none", async () => {
  await using server = await startTestServer();
  const [, , eve = ""] = await enroll(server, "anna", "ben", "eve");
  await room(server, "team", "anna", "ben");
  const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    username: "eve",
    password: eve,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  try {
    const reasons: unknown[] = [];
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "puback") reasons.push([packet.reasonCode, packet.properties?.reasonString]);
    });
    const say = (topic: string, payload: string) =>
      withDeadline(
        "PUBACK",
        client.publishAsync(topic, payload, { qos: 1 }).catch(() => {}),
      );
    for (const chat of ["team", "nowhere"]) {
      await say(`chat/${chat}/send`, "hello");
      await say(`chat/${chat}/typing`, '{"typing":true}');
      await say(`chat/${chat}/receipts`, '{"read":1}');
      await say(`chat/${chat}/changes`, '{"after":0}');
    }
    expect(reasons).toEqual(Array(8).fill([0x87, "chat_not_found"]));
  } finally {
    await client.endAsync(true);
  }
  const answers: unknown[][] = [];
  for (const chatID of ["team", "nowhere"]) {
    for (const [request, body] of [
      ["POST /messages", { chatID, content: "hello" }],
      [`PUT /chats/${chatID}/typing`, { typing: true }],
      [`GET /chats/${chatID}/messages`, undefined],
      [`GET /chats/${chatID}/changes`, undefined],
      [`PUT /chats/${chatID}/mute`, {}],
    ] as const) {
      const { status, text, headers } = await call(server, request, { as: eve, body });
      answers.push([status, text, headers.get("X-Error-Detail")]);
    }
  }
  expect(answers.slice(0, 5)).toEqual(answers.slice(5));
  expect(answers.map(([status]) => status)).toEqual(Array(10).fill(404));
});
