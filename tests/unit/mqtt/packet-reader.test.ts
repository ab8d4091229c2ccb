/** Bytes to packets: any chunking, agreement with mqtt-packet, and nothing but a ProtocolError for rubbish. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate, type Packet, parser } from "mqtt-packet";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import type { ClientPacket } from "../../../src/mqtt/wire/codec.ts";
import { ProtocolError, UnsupportedVersion } from "../../../src/mqtt/wire/errors.ts";
import { PacketReader, type PacketSink } from "../../../src/mqtt/wire/packet-reader.ts";
import type { PublishView } from "../../../src/mqtt/wire/publish-packet.ts";
import { liveMemoryBytes } from "../../support/live-memory.ts";

type Read =
  | { publish: { topic: string; payload: string; qos: number; dup: boolean; retain: boolean; packetId: number } }
  | { acknowledgement: number; packetId: number; reasonCode: number }
  | { pingreq: true }
  | { packet: ClientPacket };

/** Notes what was read; stops reading after every `pauseEvery` packets if asked to. */
class NotingSink implements PacketSink {
  reading = true;
  readonly protocolVersion = 4;
  awaitsConnect: boolean;
  readonly awaitsAuth = false;
  readonly read: Read[] = [];
  readonly #pauseEvery: number;

  constructor({ awaitsConnect = false, pauseEvery = 0 } = {}) {
    this.awaitsConnect = awaitsConnect;
    this.#pauseEvery = pauseEvery;
  }

  readPublish({ topic, buffer, payloadStart, end, qos, dup, retain, packetId }: PublishView): void {
    const payload = buffer.toString("hex", payloadStart, end);
    this.#note({ publish: { topic, payload, qos, dup, retain, packetId } });
  }

  readAcknowledgement(type: number, packetId: number, reasonCode: number): void {
    this.#note({ acknowledgement: type, packetId, reasonCode });
  }

  readPingreq(): void {
    this.#note({ pingreq: true });
  }

  readPacket(packet: ClientPacket): void {
    if (packet.type === "connect") this.awaitsConnect = false;
    this.#note({ packet });
  }

  #note(what: Read): void {
    this.read.push(what);
    if (this.#pauseEvery > 0 && this.read.length % this.#pauseEvery === 0) this.reading = false;
  }
}

const text = fc.string({ unit: "grapheme", maxLength: 30 }).map((value) => value.replaceAll("\0", ""));
const topicName = text.map((value) => value.replaceAll(/[+#]/g, "")).filter((value) => value.length > 0);
const payload = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 100, maxLength: 20_000 }));
const packetId = fc.integer({ min: 1, max: 65_535 });
const qos = fc.constantFrom(0, 1, 2);

const publish: fc.Arbitrary<Packet> = fc
  .record({ topic: topicName, payload, qos, dup: fc.boolean(), retain: fc.boolean(), messageId: packetId })
  .map((fields) => ({
    cmd: "publish" as const,
    ...fields,
    dup: fields.dup && fields.qos > 0,
    payload: Buffer.from(fields.payload),
  }));
const acknowledgement: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp"),
  messageId: packetId,
});
const subscribe: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constant("subscribe"),
  messageId: packetId,
  subscriptions: fc.array(fc.record({ topic: topicName, qos }), { minLength: 1, maxLength: 5 }),
});
const unsubscribe: fc.Arbitrary<Packet> = fc.record({
  cmd: fc.constant("unsubscribe"),
  messageId: packetId,
  unsubscriptions: fc.array(topicName, { minLength: 1, maxLength: 5 }),
});
const bare: fc.Arbitrary<Packet> = fc.record({ cmd: fc.constantFrom("pingreq", "disconnect") });
const anyPacket = fc.oneof(publish, publish, acknowledgement, acknowledgement, subscribe, unsubscribe, bare);

const connect = fc
  .record({
    clientId: text.filter((value) => value.length > 0),
    clean: fc.boolean(),
    keepalive: fc.integer({ min: 0, max: 65_535 }),
    login: fc.option(fc.record({ username: text, password: fc.option(fc.uint8Array({ maxLength: 20 })) })),
    will: fc.option(fc.record({ topic: topicName, payload, qos, retain: fc.boolean() })),
  })
  // mqtt-packet leaves an empty username or password out.
  .filter(({ login }) => login === null || (login.username !== "" && login.password?.length !== 0));

const types: Record<string, number> = { puback: 4, pubrec: 5, pubrel: 6, pubcomp: 7 };

/** What the reader should make of a packet that mqtt-packet read. */
function expected(packet: Packet): Read {
  switch (packet.cmd) {
    case "publish": {
      const { topic, dup, retain, messageId = 0 } = packet;
      const hex = Buffer.from(packet.payload).toString("hex");
      return { publish: { topic, payload: hex, qos: packet.qos, dup, retain, packetId: messageId } };
    }
    case "pingreq":
      return { pingreq: true };
    case "disconnect":
      return { packet: { type: "disconnect", reasonCode: 0, sessionExpirySeconds: undefined } };
    case "subscribe": {
      const subscriptions = packet.subscriptions.map((each) => ({ filter: each.topic, qos: each.qos, options: 0 }));
      const packetId = packet.messageId ?? 0;
      return { packet: { type: "subscribe", packetId, subscriptionId: undefined, subscriptions } };
    }
    case "unsubscribe":
      return { packet: { type: "unsubscribe", packetId: packet.messageId ?? 0, filters: packet.unsubscriptions } };
    default:
      return { acknowledgement: types[packet.cmd] ?? 0, packetId: packet.messageId ?? 0, reasonCode: 0 };
  }
}

function oracle(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  const reference = parser({ protocolVersion: 4 });
  reference.on("packet", (packet: Packet) => packets.push(packet));
  reference.on("error", (error: Error) => {
    throw error;
  });
  reference.parse(bytes);
  return packets;
}

function chunked(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...at, bytes.length];
  return edges.slice(1).map((edge, index) => Buffer.from(bytes.subarray(edges[index], edge)));
}

const cuts = fc.array(fc.nat(), { maxLength: 30 });

test("any chunking of the bytes gives the packets mqtt-packet reads from the whole", () => {
  fc.assert(
    fc.property(
      fc.array(anyPacket, { maxLength: 12 }),
      cuts,
      fc.integer({ min: 0, max: 3 }),
      (packets, at, pauseEvery) => {
        const bytes = Buffer.concat(packets.map((packet) => generate(packet)));
        const sink = new NotingSink({ pauseEvery });
        const reader = new PacketReader(defaultBrokerLimits);
        for (const chunk of chunked(bytes, at)) {
          reader.read(chunk, sink);
          chunk.fill(0xff, 0, sink.reading ? chunk.length : 0); // nothing of a chunk may be needed later
        }
        while (!sink.reading) {
          sink.reading = true;
          reader.resume(sink);
        }
        expect(sink.read).toEqual(oracle(bytes).map(expected));
      },
    ),
    { numRuns: 300 },
  );
});

test("byte by byte is a chunking too", () => {
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 4 }), (packets) => {
      const bytes = Buffer.concat(packets.map((packet) => generate(packet)));
      const sink = new NotingSink();
      const reader = new PacketReader(defaultBrokerLimits);
      for (const byte of bytes) reader.read(Buffer.from([byte]), sink);
      expect(sink.read).toEqual(packets.map((packet) => expected(oracle(generate(packet))[0] ?? packet)));
    }),
    { numRuns: 50 },
  );
});

test("CONNECT keeps every field", () => {
  fc.assert(
    fc.property(connect, cuts, ({ login, will, ...fields }, at) => {
      const packet = {
        cmd: "connect" as const,
        protocolId: "MQTT" as const,
        protocolVersion: 4 as const,
        ...fields,
        ...(login === null ? {} : { username: login.username }),
        ...(login?.password == null ? {} : { password: Buffer.from(login.password) }),
        ...(will === null ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
      };
      const sink = new NotingSink({ awaitsConnect: true });
      const reader = new PacketReader(defaultBrokerLimits);
      for (const chunk of chunked(generate(packet), at)) reader.read(chunk, sink);
      expect(sink.read).toEqual([
        {
          packet: {
            type: "connect",
            protocolVersion: 4,
            bridge: false,
            clientId: fields.clientId,
            cleanStart: fields.clean,
            keepaliveSeconds: fields.keepalive,
            will:
              will === null
                ? undefined
                : {
                    ...will,
                    payload: Buffer.from(will.payload),
                    delaySeconds: 0,
                    expirySeconds: undefined,
                    properties: undefined,
                  },
            username: login?.username,
            password: login?.password == null ? undefined : Buffer.from(login.password),
            sessionExpirySeconds: undefined,
            receiveMaximum: 65_535,
            maximumPacketBytes: Number.POSITIVE_INFINITY,
            topicAliasMaximum: 0,
            requestResponseInformation: false,
            requestProblemInformation: true,
            userProperties: [],
            authenticationMethod: undefined,
            authenticationData: undefined,
          },
        },
      ] as Read[]);
    }),
  );
});

/** Feeds `bytes`; everything but the two protocol errors is a defect. */
function feed(bytes: Buffer, awaitsConnect: boolean): NotingSink {
  const sink = new NotingSink({ awaitsConnect });
  try {
    new PacketReader(defaultBrokerLimits).read(bytes, sink);
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof UnsupportedVersion)) throw error;
  }
  return sink;
}

test("random bytes give packets or a ProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, awaitsConnect) => {
      feed(Buffer.from(bytes), awaitsConnect);
    }),
    { numRuns: 2000 },
  );
});

test("mutated packets give packets that are within bounds or a ProtocolError", () => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255) });
  fc.assert(
    fc.property(
      fc.array(anyPacket, { minLength: 1, maxLength: 4 }),
      fc.array(mutation, { maxLength: 6 }),
      connect.map(({ clientId }) => clientId),
      (packets, mutations, clientId) => {
        const first = generate({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clean: true, clientId });
        const bytes = Buffer.concat([first, ...packets.map((packet) => generate(packet))]);
        for (const { at, byte } of mutations) bytes[at % bytes.length] = byte;
        for (const read of feed(bytes, true).read) {
          if ("publish" in read) expect(read.publish.topic).not.toMatch(/[+#\0]/);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("a packet that only claims to be large reserves no such memory", () => {
  const limits = { ...defaultBrokerLimits, packetBytesMax: 256 * 1024 * 1024 };
  const readers = Array.from({ length: 100 }, () => new PacketReader(limits));
  Bun.gc(true);
  const before = liveMemoryBytes();
  const claim = Buffer.from([0x30, 0xff, 0xff, 0xff, 0x3f, 0, 1, 0x61]);
  for (const reader of readers) reader.read(claim, new NotingSink());
  expect(liveMemoryBytes() - before).toBeLessThan(50 * 1024 * 1024);
});

test("the topic's limits are those of the reader's own broker", () => {
  const bytes = generate({ cmd: "publish", topic: "a/b/c", payload: "x", qos: 0, dup: false, retain: false });
  new PacketReader(defaultBrokerLimits).read(Buffer.from(bytes), new NotingSink());
  const strict = new PacketReader({ ...defaultBrokerLimits, topicLevelsMax: 2 });
  expect(() => strict.read(Buffer.from(bytes), new NotingSink())).toThrow(ProtocolError);
});

test("the memory of a chunk is freed once it was read, and not before", () => {
  const messages = Array.from({ length: 3 }, (_, n) => Buffer.alloc(40_000, n));
  const bytes = messages.map((payload) =>
    generate({ cmd: "publish", topic: "t", payload, qos: 0, dup: false, retain: false }),
  );
  const chunk = Buffer.concat(bytes);
  const reader = new PacketReader(defaultBrokerLimits);
  const sink = new NotingSink({ pauseEvery: 1 });
  reader.read(chunk, sink);
  expect(chunk.length).toBeGreaterThan(100_000);
  const [follows, rest] = [Buffer.from(chunk.subarray(0, 50_000)), Buffer.from(chunk.subarray(50_000))];
  reader.read(follows, sink);
  while (!sink.reading) {
    sink.reading = true;
    reader.resume(sink);
  }
  reader.read(rest, sink);
  while (!sink.reading) {
    sink.reading = true;
    reader.resume(sink);
  }
  expect([chunk.length, follows.length, rest.length]).toEqual([0, 0, 0]);
  const found = sink.read.map((one) => ("publish" in one ? one.publish.payload : ""));
  const sent = messages.map((payload) => payload.toString("hex"));
  expect(found).toEqual([...sent, ...sent]);
});
