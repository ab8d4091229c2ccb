/** What stands in a client's stream for a message: aliases, sizes and times as it asked for them in CONNECT. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { later, type SteadyMs } from "../../../src/lib/clock.ts";
import { ClientTerms } from "../../../src/mqtt/connection/client-terms.ts";
import { createCounters } from "../../../src/mqtt/counters.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import { PublishSender } from "../../../src/mqtt/publish/publish-sender.ts";
import { until } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { SteppedBroker, settle } from "../../support/stepped-broker.ts";
import { SteppedClient } from "../../support/stepped-client.ts";

interface Asked {
  readonly maximumPacketBytes?: number;
  readonly topicAliasMaximum?: number;
}

function open({ maximumPacketBytes = Number.POSITIVE_INFINITY, topicAliasMaximum = 0 }: Asked = {}) {
  const counters = createCounters();
  const clock = createManualClock();
  const sender = new PublishSender({ counters, clock });
  const sent: Buffer[] = [];
  const outbox = {
    buffer: Buffer.alloc(0),
    reserve(bytes: number) {
      outbox.buffer = Buffer.alloc(bytes);
      sent.push(outbox.buffer);
      return 0;
    },
  };
  const terms = new ClientTerms({ maximumPacketBytes, receiveMaximum: 65_535, topicAliasMaximum, explain: true });
  const connection = { outbox, terms };
  const send = (topic: string, payload: string, options: { ids?: readonly number[]; expiresAtMs?: SteadyMs } = {}) => {
    const { ids: subscriptionIds, expiresAtMs } = options;
    const form = preparePublish(topic, Buffer.from(payload), { expiresAtMs }).form(5, 0);
    if (!sender.accepts(terms, form, subscriptionIds)) return undefined;
    sender.send(connection, topic, form, { flags: 0, packetId: 0, subscriptionIds });
    return read(sent.at(-1) ?? Buffer.alloc(0));
  };
  return { send, sent, counters, clock };
}

/** A small QoS 0 packet, its properties in hexadecimal. */
function read(bytes: Buffer) {
  let at = 1;
  while ((bytes[at++] ?? 0) > 127);
  const topicEnd = at + 2 + bytes.readUInt16BE(at);
  const propertiesEnd = topicEnd + 1 + (bytes[topicEnd] ?? 0);
  return {
    topic: bytes.toString("utf8", at + 2, topicEnd),
    properties: bytes.toString("hex", topicEnd + 1, propertiesEnd),
    payload: bytes.toString("utf8", propertiesEnd),
  };
}

test("the first topics get the aliases there are, and are named once", () => {
  const { send } = open({ topicAliasMaximum: 2 });
  expect(send("one", "1")).toEqual({ topic: "one", properties: "230001", payload: "1" });
  expect(send("two", "2")).toEqual({ topic: "two", properties: "230002", payload: "2" });
  expect(send("three", "3")).toEqual({ topic: "three", properties: "", payload: "3" });
  expect(send("two", "4")).toEqual({ topic: "", properties: "230002", payload: "4" });
  expect(send("one", "5")).toEqual({ topic: "", properties: "230001", payload: "5" });
});

test("a client that wants no aliases gets none", () => {
  const { send } = open();
  for (let n = 0; n < 2; n++) expect(send("one", "1")).toEqual({ topic: "one", properties: "", payload: "1" });
});

test("an alias that does not fit the first packet is given with a later one", () => {
  const { send } = open({ topicAliasMaximum: 1, maximumPacketBytes: 20 });
  expect(send("topic", "x".repeat(10))).toEqual({ topic: "topic", properties: "", payload: "x".repeat(10) });
  expect(send("topic", "x")).toEqual({ topic: "topic", properties: "230001", payload: "x" });
  expect(send("topic", "x")).toEqual({ topic: "", properties: "230001", payload: "x" });
});

test("no packet is larger than the client takes, and none that fits is left out", () => {
  const topic = fc.constantFrom("a", "bc", "a/longer/topic");
  const message = fc.record({
    topic,
    bytes: fc.integer({ min: 0, max: 160 }),
    ids: fc.option(fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 3 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 20, size: "max" }),
      fc.integer({ min: 10, max: 180 }),
      fc.integer({ min: 0, max: 3 }),
      (messages, maximumPacketBytes, topicAliasMaximum) => {
        const { send, sent, counters } = open({ maximumPacketBytes, topicAliasMaximum });
        const plain = open();
        let dropped = 0;
        for (const { topic, bytes, ids } of messages) {
          const options = ids === undefined ? {} : { ids };
          plain.send(topic, "x".repeat(bytes), options);
          const fits = (plain.sent.at(-1)?.length ?? 0) <= maximumPacketBytes;
          const packet = send(topic, "x".repeat(bytes), options);
          expect([bytes, packet !== undefined]).toEqual([bytes, fits]);
          if (packet === undefined) dropped++;
          else expect(sent.at(-1)?.length).toBeLessThanOrEqual(maximumPacketBytes); // [MQTT-3.1.2-24]
        }
        expect(counters.droppedTooLarge).toBe(dropped);
        expect(counters.publishesSent).toBe(sent.length);
      },
    ),
    { numRuns: 500 },
  );
});

test("an alias is not used where it makes a packet too large for the client", () => {
  const { send, sent } = open({ topicAliasMaximum: 1, maximumPacketBytes: 20 });
  send("a", "x");
  send("a", "x".repeat(14));
  expect(sent.at(-1)).toHaveLength(20);
  expect(read(sent.at(-1) ?? Buffer.alloc(0))).toEqual({ topic: "a", properties: "", payload: "x".repeat(14) });
});

test("the time a message has left is what is sent, and none that has none", () => {
  const { send, clock, counters } = open();
  const expiresAtMs = later(clock.steadyMs(), 10_000);
  expect(send("t", "x", { expiresAtMs })?.properties).toBe("020000000a");
  clock.advance(7500);
  expect(send("t", "x", { expiresAtMs })?.properties).toBe("0200000003");
  clock.advance(2499);
  expect(send("t", "x", { expiresAtMs })?.properties).toBe("0200000001");
  clock.advance(1);
  expect(send("t", "x", { expiresAtMs })).toBeUndefined();
  expect(counters.droppedExpired).toBe(1);
});

test("subscription identifiers are the client's own", () => {
  const { send } = open();
  expect(send("t", "x", { ids: [1, 200] })?.properties).toBe("0b010bc801");
  expect(send("t", "x")?.properties).toBe("");
});

test("a persistent session's message that is too large for its client counts as taken", async () => {
  const broker = await new SteppedBroker().start();
  const client = new SteppedClient(broker, "c");
  client.connect({ protocolVersion: 5, maximumPacketBytes: 50 });
  await until("connected", () => client.connected);
  client.subscribe("t", 2);
  await settle();
  void broker.publish("t", "x".repeat(100), 2);
  void broker.publish("t", "y", 2);
  await settle();
  expect(client.texts).toEqual(["y"]);
  expect(broker.parts.counters.droppedTooLarge).toBe(1);
});
