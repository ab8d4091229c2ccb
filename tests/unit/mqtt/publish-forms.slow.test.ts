/** A PUBLISH on its way from any version to any other: what mqtt-packet reads of it, and the bytes where they matter. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";
import { forever } from "../../../src/lib/clock.ts";
import {
  type Answering,
  acknowledge,
  puback,
  reserveAnswer,
  settleAcknowledgement,
} from "../../../src/mqtt/connection/acknowledgements.ts";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import { ForwardedPublish } from "../../../src/mqtt/publish/forwarded-publish.ts";
import { preparePublish, StoredPublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import {
  appendPublish,
  appendPublish5,
  encodePublish,
  type Publish5Terms,
  type PublishForm,
  publish5Bytes,
  type Sendable,
} from "../../../src/mqtt/publish/publish-form.ts";
import { appendAsStored, appendStored } from "../../../src/mqtt/publish/stored-publish.ts";
import { appendAnswer, packetType } from "../../../src/mqtt/wire/packet-bytes.ts";
import { PacketReader } from "../../../src/mqtt/wire/packet-reader.ts";
import type { ProtocolVersion, Qos } from "../../../src/mqtt/wire/protocol.ts";
import type { PublishView } from "../../../src/mqtt/wire/publish-packet.ts";
import { forwardedProperties, publishProperties } from "../../../src/mqtt/wire/publish-properties.ts";
import { FlushQueue } from "../../../src/net/flush-queue.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { at } from "../../support/manual-clock.ts";
import { bytesOf, field, Mqtt5Sink, packet, properties } from "../../support/packet-bytes.ts";

/** What would leave a connection. */
function sent(write: (outbox: Outbox) => void): Buffer {
  const taken: Buffer[] = [];
  const transport = {
    remoteAddress: "",
    write: (bytes: Uint8Array, from: number, length: number) =>
      taken.push(Buffer.from(bytes.subarray(from, from + length))) && length,
    shutdown() {},
    terminate() {},
    pause() {},
    resume() {},
  };
  const owner = { outboxSent() {}, outboxWritable() {}, outboxOverflowed() {}, outboxGrew() {} };
  const outbox = new Outbox(
    transport,
    { ...defaultBrokerLimits, flushQueue: new FlushQueue(), counters: { packetsSent: 0, bytesSent: 0 } },
    owner,
  );
  write(outbox);
  outbox.close();
  return Buffer.concat(taken);
}

const termsOf = (terms: Partial<Publish5Terms>): Publish5Terms => ({
  flags: 0,
  packetId: 0,
  alias: 0,
  aliasKnown: false,
  subscriptionIds: undefined,
  nowMs: at(0),
  ...terms,
});

function sent5(form: PublishForm, terms: Partial<Publish5Terms>): Buffer {
  const all = termsOf(terms);
  const bytes = sent((outbox) => appendPublish5(outbox, form, all));
  expect(publish5Bytes(form, all)).toBe(bytes.length);
  return bytes;
}

function oracle(bytes: Buffer, protocolVersion: ProtocolVersion): IPublishPacket {
  const packets: Packet[] = [];
  const reference = parser({ protocolVersion });
  reference.on("packet", (read: Packet) => packets.push(read));
  reference.on("error", (error: Error) => {
    throw error;
  });
  expect(reference.parse(bytes)).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0] as IPublishPacket;
}

/** Hands the view of one received packet to `body`, its alias resolved. */
function receive(
  bytes: Buffer,
  protocolVersion: ProtocolVersion,
  topic: string,
  body: (view: PublishView) => void,
): void {
  let seen = 0;
  const sink = Object.assign(new Mqtt5Sink(), {
    protocolVersion,
    readPublish(view: PublishView) {
      seen++;
      if (view.topic === "") view.topic = topic;
      body(view);
    },
  });
  // Not at the beginning of its chunk, so that no offset is mistaken for another.
  new PacketReader(defaultBrokerLimits).read(bytesOf(packet(0xc0), bytes), sink);
  expect(seen).toBe(1);
}

const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => value.replaceAll("\0", ""));
const topicName = text.map((value) => value.replaceAll(/[+#]/g, "")).filter((value) => value.length > 0);
const qosOf = fc.constantFrom<Qos>(0, 1, 2);
const version = fc.constantFrom<ProtocolVersion>(3, 4, 5);
const given = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    responseTopic: topicName,
    correlationData: fc.uint8Array({ minLength: 1, maxLength: 150 }).map((bytes) => Buffer.from(bytes)),
    contentType: text,
    // mqtt-packet forgets an empty value that is followed by another.
    userProperties: topicName.map((value) => Object.assign(Object.create(null), { name: [value, "x", value] })),
  },
  { requiredKeys: [] },
);
const message = fc.record({
  topic: topicName,
  payload: fc.oneof(fc.uint8Array({ maxLength: 130 }), fc.uint8Array({ minLength: 16_300, maxLength: 16_500 })),
  qos: qosOf,
  retain: fc.boolean(),
  properties: given,
  expirySeconds: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  alias: fc.constantFrom<"none" | "taught" | "used">("none", "taught", "used"),
  from: version,
  to: version,
  lower: qosOf,
});
const own = fc.record({
  packetId: fc.integer({ min: 1, max: 65_535 }),
  alias: fc.integer({ min: 0, max: 65_535 }),
  aliasKnown: fc.boolean(),
  subscriptionIds: fc.option(fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 }), { nil: undefined }),
  waitedMs: fc.integer({ min: 0, max: 900_000 }),
});

test("a message arrives the same, from any version at any, at once, kept and stored", () => {
  const forwarded = new ForwardedPublish();
  fc.assert(
    fc.property(message, own, (sentIn, client) => {
      const { topic, qos, from, to, expirySeconds } = sentIn;
      const payload = Buffer.from(sentIn.payload);
      const granted = Math.min(qos, sentIn.lower) as Qos;
      const inFive = from === 5;
      const aliased = inFive && sentIn.alias !== "none";
      const bytes = generate(
        {
          cmd: "publish",
          topic: inFive && sentIn.alias === "used" ? "" : topic,
          payload,
          qos,
          dup: qos > 0,
          retain: sentIn.retain,
          messageId: 4242,
          ...(inFive && {
            properties: {
              ...sentIn.properties,
              ...(expirySeconds !== undefined && { messageExpiryInterval: expirySeconds }),
              ...(aliased && { topicAlias: 77 }),
            },
          }),
        },
        { protocolVersion: from },
      );
      const nowMs = at(1_000_000);
      const expires = inFive && expirySeconds !== undefined;
      const expiresAtMs = expires ? at(nowMs + expirySeconds * 1000) : forever;
      const laterMs = at(nowMs + client.waitedMs);
      const aliasKnown = client.aliasKnown && client.alias > 0;

      const check = (form: PublishForm): void => {
        const flags = granted << 1;
        const packetId = granted === 0 ? 0 : client.packetId;
        const plain = oracle(
          sent((outbox) => appendPublish(outbox, form, flags, packetId)),
          to,
        );
        const fields = { topic, payload, qos: granted, dup: false, retain: false };
        expect(plain).toMatchObject(granted === 0 ? fields : { ...fields, messageId: packetId });
        if (to !== 5) {
          expect("properties" in plain).toBe(false);
          return;
        }
        const { alias, subscriptionIds } = client;
        const read = oracle(sent5(form, { flags, packetId, alias, aliasKnown, subscriptionIds, nowMs: laterMs }), 5);
        expect(read).toMatchObject({ ...fields, topic: aliasKnown ? "" : topic });
        const ids = subscriptionIds?.length === 1 ? subscriptionIds[0] : subscriptionIds;
        const wanted = {
          ...(inFive ? sentIn.properties : {}),
          ...(expires && { messageExpiryInterval: Math.max(1, Math.ceil((expiresAtMs - laterMs) / 1000)) }),
          ...(alias > 0 && { topicAlias: alias }),
          ...(subscriptionIds !== undefined && subscriptionIds.length > 0 && { subscriptionIdentifier: ids }),
        };
        expect<object>(read.properties ?? {}).toEqual(wanted);
      };

      const later: PublishForm[] = [];
      const stored: Buffer[] = [];
      receive(bytes, from, topic, (view) => {
        const sendable: Sendable = forwarded.of(view, nowMs);
        expect([sendable.topic, sendable.expiresAtMs]).toEqual([topic, expiresAtMs]);
        check(sendable.form(to, granted));
        if (from === to && !aliased && granted === qos) expect(sendable.form(to, granted).buffer).toBe(view.buffer);
        if (granted > 0) {
          const kept = sendable.kept(to, granted as 1 | 2);
          const other = sendable.kept(to, granted === 1 ? 2 : 1);
          expect([kept.qos, other.buffer === kept.buffer]).toEqual([granted, true]);
          later.push(kept);
        }
        const form = sendable.form(5, granted);
        const copy = Buffer.from(form.buffer.subarray(form.start, form.end));
        copy[0] = 0x30 | (granted << 1);
        stored.push(copy);
        view.buffer.fill(0);
      });
      for (const form of later) check(form);
      for (const bytesOnDisk of stored) {
        const back = new StoredPublish(bytesOnDisk, expiresAtMs);
        expect([back.topic, back.expiresAtMs, back.view.qos, back.view.retain]).toEqual([
          topic,
          expiresAtMs,
          granted,
          false,
        ]);
        expect(back.payload).toEqual(payload);
        check(back.form(to, granted));
        if (granted > 0) check(back.kept(to, granted as 1 | 2));
      }
    }),
    { numRuns: 400 },
  );
});

/** A pile with something in it already, so that no offset is mistaken for another. */
function pile() {
  const packets = { buffer: Buffer.alloc(40_000), length: 7, reserve: (bytes: number) => place(bytes) };
  const place = (bytes: number): number => {
    packets.length += bytes;
    return packets.length - bytes;
  };
  return packets;
}

test("what is stored without a parser goes to any version without one, and can be read", () => {
  const forwarded = new ForwardedPublish();
  fc.assert(
    fc.property(message, own, fc.boolean(), (sentIn, { packetId }, retain) => {
      const { topic, to } = sentIn;
      const qos = sentIn.qos === 0 ? 1 : sentIn.qos;
      const inFive = sentIn.from === 5;
      const payload = Buffer.from(sentIn.payload);
      const bytes = generate(
        {
          cmd: "publish",
          topic,
          payload,
          qos,
          dup: true,
          retain: false,
          messageId: 4242,
          ...(inFive && { properties: sentIn.properties }),
        },
        { protocolVersion: sentIn.from },
      );
      const packets = pile();
      receive(bytes, sentIn.from, topic, (view) => {
        const form = forwarded.of(view, at(0)).storable();
        if (form.propertiesOffset === 0) appendAsStored(packets, form, retain ? 1 : 0);
        else appendPublish5(packets, form, termsOf({ flags: (qos << 1) | (retain ? 1 : 0), packetId: 1 }));
      });
      const place = { start: 7, end: packets.length };
      const read = oracle(
        sent((outbox) =>
          appendStored(outbox, packets.buffer, place, { before5: to !== 5, flags: (qos << 1) | 8, packetId }),
        ),
        to,
      );
      expect(read).toMatchObject({ topic, payload, qos, dup: true, retain, messageId: packetId });
      const properties = inFive && to === 5 ? oracle(bytes, 5).properties : undefined;
      expect<unknown>(read.properties).toEqual(properties as unknown);
      const back = new StoredPublish(packets.buffer.subarray(place.start, place.end));
      expect([back.topic, back.payload, back.view.retain, back.view.dup]).toEqual([topic, payload, retain, false]);
      const again = sent((outbox) => appendPublish(outbox, back.form(to, qos), (qos << 1) | 8, packetId));
      expect(oracle(again, to)).toMatchObject({ topic, payload, qos, messageId: packetId });
      expect<unknown>(oracle(again, to).properties).toEqual(properties as unknown);
    }),
    { numRuns: 300 },
  );
});

test("a message of the program's own has its properties in MQTT 5, and what is left of its time", () => {
  const wire = bytesOf(0x03, field("text/plain"), 0x26, field("a"), field("b"));
  const prepared = preparePublish("t", Buffer.from("x"), { properties: wire, expiresAtMs: at(10_000), retain: true });
  const read = oracle(sent5(prepared.form(5, 1), { flags: 2, packetId: 7, nowMs: at(1500) }), 5);
  expect(read).toMatchObject({ topic: "t", qos: 1, messageId: 7, retain: true });
  expect<unknown>(read.properties).toEqual({
    messageExpiryInterval: 9,
    contentType: "text/plain",
    userProperties: Object.assign(Object.create(null), { a: "b" }),
  });
  expect(sent((outbox) => appendPublish(outbox, prepared.form(4, 0), 0, 0)).toString("hex")).toBe("310400017478");
  expect(prepared.form(5, 0)).toBe(prepared.form(5, 0));
});

test("a stored message keeps RETAIN unless it is told otherwise, and gives its properties", () => {
  const wire = bytesOf(0x26, field("b"), field("1"), 0x26, field("a"), field("2"), 0x26, field("b"), field("1"));
  const form = encodePublish("t", Buffer.from("x"), 1, {
    protocolVersion: 5,
    properties: wire,
    expirySeconds: 5,
    retain: true,
  });
  const kept = new StoredPublish(form.buffer, at(5000));
  expect([kept.view.retain, kept.form(5, 1).retain, kept.form(4, 1).retain]).toEqual([true, 1, 1]);
  expect(kept.form(5, 1).buffer.buffer).toBe(form.buffer.buffer);
  const will = new StoredPublish(form.buffer, at(5000), false);
  expect([will.view.retain, will.form(5, 1).retain, will.form(4, 0).retain]).toEqual([true, 0, 0]);
  expect(publishProperties(kept.view).userProperties).toEqual([
    ["b", "1"],
    ["a", "2"],
    ["b", "1"],
  ]);
  expect(forwardedProperties(kept.view)).toEqual(wire);
  expect(
    forwardedProperties(new StoredPublish(packet(0x30, field("t"), properties([2, 0, 0, 0, 1]))).view),
  ).toBeUndefined();
});

test("an MQTT 5 PUBLISH is these bytes", () => {
  const form = encodePublish("t", Buffer.from("x"), 1, { protocolVersion: 5 });
  const hex = (terms: Partial<Publish5Terms>) => sent5(form, { flags: 2, packetId: 9, ...terms }).toString("hex");
  expect(hex({})).toBe("320700017400090078");
  expect(hex({ alias: 258 })).toBe("320a0001740009032301" + "0278");
  expect(hex({ alias: 1, aliasKnown: true })).toBe("3209000000090323000178");
  expect(hex({ subscriptionIds: [1, 200] })).toBe("320c0001740009050b010bc80178");
  const withIds = encodePublish("t", Buffer.from("x"), 0, {
    protocolVersion: 5,
    subscriptionIds: [1],
    expirySeconds: 2,
  });
  expect(withIds.buffer.toString("hex")).toBe("300c000174070200000002" + "0b0178");
});

test("an acknowledgement without a reason is what it always was, with one it has its code and string", () => {
  const hex = (...answer: [number, number, number?, string?]) =>
    sent((outbox) => appendAnswer(outbox, ...answer)).toString("hex");
  expect(hex(packetType.puback, 258)).toBe("40020102");
  expect(hex(packetType.pubrel, 258)).toBe("62020102");
  expect(hex(packetType.puback, 258, 0x10)).toBe("4003010210");
  expect(hex(packetType.pubrec, 1, 0x87, "no")).toBe("50090001" + "87051f00026e6f");
  expect(hex(packetType.pubcomp, 1, 0, "é")).toBe("70090001" + "00051f0002c3a9");
  const long = sent((outbox) => appendAnswer(outbox, packetType.puback, 1, 0x80, "a".repeat(300)));
  expect(oracle(long, 5)).toMatchObject({
    cmd: "puback",
    reasonCode: 0x80,
    properties: { reasonString: "a".repeat(300) },
  });
});

test("replies leave in the order of what they answer, with their reasons", () => {
  const bytes = sent((outbox) => {
    const answering: Answering = { outbox, answers: undefined, closed: false };
    const first = reserveAnswer(answering);
    const second = reserveAnswer(answering);
    puback(answering, 3);
    acknowledge(answering, packetType.pubrec, 4, 0x97);
    settleAcknowledgement(answering, second, packetType.puback, 2, 0x10, "x");
    settleAcknowledgement(answering, first, packetType.puback, 1);
    acknowledge(answering, packetType.puback, 5, 0x87, "y");
  });
  const wanted = ["40020001", "40080002" + "10041f000178", "40020003", "5003000497", "40080005" + "87041f000179"];
  expect(bytes.toString("hex")).toBe(wanted.join(""));
});
