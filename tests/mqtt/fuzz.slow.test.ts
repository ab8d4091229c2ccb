/** Rubbish on real connections: the broker survives, and the next good client is served. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate } from "mqtt-packet";
import { until } from "../support/deadline.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";

const conversation = Buffer.concat(
  [
    connectPacket({ clientId: "fuzz", username: "u", password: Buffer.from("p"), keepalive: 10 }),
    { cmd: "subscribe" as const, messageId: 1, subscriptions: [{ topic: "fuzz/#", qos: 1 as const }] },
    publishPacket("fuzz/a", "one", { qos: 1, messageId: 2 }),
    publishPacket("fuzz/b", "two"),
    { cmd: "puback" as const, messageId: 1 },
    { cmd: "pingreq" as const },
    { cmd: "unsubscribe" as const, messageId: 3, unsubscriptions: ["fuzz/#"] },
    { cmd: "disconnect" as const },
  ].map((packet) => generate(packet)),
);

const mutation = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: fc.nat(), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(), byte: fc.nat(20) }),
  fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), byte: fc.nat(255) }),
);
const mutated = fc.array(mutation, { minLength: 1, maxLength: 5 }).map((mutations) => {
  let bytes = Buffer.from(conversation);
  for (const { kind, at, byte } of mutations) {
    const place = at % bytes.length;
    if (kind === "set") bytes[place] = byte;
    else if (kind === "cut") bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + byte)]);
    else bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place)]);
    if (bytes.length === 0) return Buffer.from([byte]);
  }
  return bytes;
});
const random = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes));

test("mutated and random conversations leave a working broker with nothing left behind", async () => {
  await using server = await startTestBroker();
  await using good = await RawMqtt.connect(server.port, { clientId: "good" });
  await good.subscribe("good");
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, mutated, random), fc.nat(), async (bytes, cut) => {
      const bad = await RawMqtt.open(server.port);
      const place = cut % bytes.length;
      bad.send(Buffer.from(bytes.subarray(0, place)));
      bad.send(Buffer.from(bytes.subarray(place)));
      good.send(publishPacket("good", "still served"));
      await good.expect("publish");
      await bad.drop();
    }),
    { numRuns: 300 },
  );
  await until("the bad ones to be gone", () => server.broker.stats().connections === 1);
  await good.fence();
  expect(server.closeReasons).not.toContain("internal_error");
});
