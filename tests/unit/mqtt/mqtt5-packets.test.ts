/** MQTT 5 packets against mqtt-packet: what it writes is read alike in any chunking, what the codec writes it reads alike. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { generate, type Packet, parser } from "mqtt-packet";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import {
  encodeAuth5,
  encodeConnack,
  encodeConnack5,
  encodeDisconnect5,
  encodeSuback,
  encodeUnsuback,
} from "../../../src/mqtt/wire/codec.ts";
import { ProtocolError, UnsupportedVersion } from "../../../src/mqtt/wire/errors.ts";
import { PacketReader } from "../../../src/mqtt/wire/packet-reader.ts";
import { bytesOf, Mqtt5Sink, type Read, readAll } from "../../support/packet-bytes.ts";

const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => value.replaceAll("\0", ""));
const topicName = text.map((value) => value.replaceAll(/[+#]/g, "")).filter((value) => value.length > 0);
const binary = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const packetId = fc.integer({ min: 1, max: 65_535 });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
/** Names that do not look like array indices, which an object would put first. */
const name = text.filter((value) => !/^\d/.test(value));
const userProperties = fc
  .uniqueArray(fc.tuple(name, fc.array(text, { minLength: 1, maxLength: 3 })), {
    minLength: 1,
    maxLength: 3,
    selector: ([key]) => key,
  })
  .map((entries) => Object.assign(Object.create(null), Object.fromEntries(entries)) as Record<string, string[]>);
const optional = <Fields>(fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> }) =>
  fc.record(fields, { requiredKeys: [] });

const publish = fc
  .record({
    topic: topicName,
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos,
    dup: fc.boolean(),
    retain: fc.boolean(),
    messageId: packetId,
    properties: optional({
      payloadFormatIndicator: fc.boolean(),
      messageExpiryInterval: uint32,
      topicAlias: packetId,
      responseTopic: topicName,
      correlationData: binary,
      contentType: text,
      userProperties,
    }),
  })
  .map((fields): Packet => ({ cmd: "publish", ...fields, dup: fields.dup && fields.qos > 0 }));
const acknowledgement = fc
  .record({
    cmd: fc.constantFrom("puback" as const, "pubrec" as const, "pubrel" as const, "pubcomp" as const),
    messageId: packetId,
    failed: fc.boolean(),
    properties: optional({ reasonString: text, userProperties }),
  })
  .map(({ failed, ...fields }): Packet => {
    const failure = fields.cmd === "puback" || fields.cmd === "pubrec" ? 0x97 : 0x92;
    return { ...fields, reasonCode: failed ? failure : 0 };
  });
const subscribe = fc
  .record({
    messageId: packetId,
    properties: optional({ subscriptionIdentifier: fc.integer({ min: 1, max: 268_435_455 }), userProperties }),
    subscriptions: fc.array(
      fc.record({ topic: topicName, qos, nl: fc.boolean(), rap: fc.boolean(), rh: fc.integer({ min: 0, max: 2 }) }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map((fields) => ({ cmd: "subscribe" as const, ...fields }) as Packet)
  .filter(
    (packet) => packet.cmd === "subscribe" && !packet.subscriptions.some((each) => each.topic.startsWith("$share/")),
  );
const unsubscribe = fc
  .record({
    messageId: packetId,
    properties: optional({ userProperties }),
    unsubscriptions: fc.array(topicName, { minLength: 1, maxLength: 5 }),
  })
  .map((fields): Packet => ({ cmd: "unsubscribe", ...fields }));
const disconnect = fc
  .record({
    reasonCode: fc.constantFrom(0, 4, 0x80, 0x97),
    properties: optional({ sessionExpiryInterval: uint32, reasonString: text, userProperties }),
  })
  .map((fields): Packet => ({ cmd: "disconnect", ...fields }));
const auth = fc
  .record({ reasonCode: fc.constantFrom(0x18, 0x19), method: text, data: fc.option(binary), userProperties })
  .map(({ reasonCode, method, data, userProperties: user }) => {
    const properties = {
      authenticationMethod: method,
      ...(data && { authenticationData: data }),
      userProperties: user,
    };
    return { cmd: "auth", reasonCode, properties } as Packet;
  });
const pingreq = fc.constant<Packet>({ cmd: "pingreq" });
const anyPacket = fc.oneof(publish, publish, acknowledgement, subscribe, unsubscribe, disconnect, auth, pingreq);

const bytesOfPacket = (packet: Packet) => generate(packet, { protocolVersion: 5 });

function oracle(bytes: Buffer): Packet {
  const packets: Packet[] = [];
  const reference = parser({ protocolVersion: 5 });
  reference.on("packet", (packet: Packet) => packets.push(packet));
  reference.on("error", (error: Error) => {
    throw error;
  });
  expect(reference.parse(bytes)).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0] as Packet;
}

const types: Record<string, number> = { puback: 4, pubrec: 5, pubrel: 6, pubcomp: 7 };
const pairs = (user: Record<string, string | string[]> | undefined) =>
  Object.entries(user ?? {}).flatMap(([key, values]) => [values].flat().map((value): [string, string] => [key, value]));

/** What the reader should make of a packet. */
function expected(packet: Packet): Read {
  switch (packet.cmd) {
    case "publish": {
      const { topic, dup, retain, messageId, properties = {} } = packet;
      const { payloadFormatIndicator: format } = properties;
      return {
        publish: {
          topic,
          payload: Buffer.from(packet.payload).toString("hex"),
          qos: packet.qos,
          dup,
          retain,
          packetId: packet.qos === 0 ? 0 : (messageId ?? 0),
          topicAlias: properties.topicAlias ?? 0,
          expirySeconds: properties.messageExpiryInterval ?? -1,
          properties: {
            payloadFormat: format === undefined ? undefined : format ? 1 : 0,
            contentType: properties.contentType,
            responseTopic: properties.responseTopic,
            correlationData: properties.correlationData && Uint8Array.from(properties.correlationData),
            userProperties: pairs(properties.userProperties),
          },
        },
      };
    }
    case "subscribe": {
      const subscriptions = packet.subscriptions.map(({ topic, qos: granted, nl, rap, rh = 0 }) => ({
        filter: topic,
        qos: granted,
        options: (nl ? 4 : 0) + (rap ? 8 : 0) + 16 * rh,
      }));
      const subscriptionId = packet.properties?.subscriptionIdentifier;
      return { packet: { type: "subscribe", packetId: packet.messageId ?? 0, subscriptionId, subscriptions } };
    }
    case "unsubscribe":
      return { packet: { type: "unsubscribe", packetId: packet.messageId ?? 0, filters: packet.unsubscriptions } };
    case "disconnect": {
      const { reasonCode = 0, properties } = packet;
      return { packet: { type: "disconnect", reasonCode, sessionExpirySeconds: properties?.sessionExpiryInterval } };
    }
    case "auth": {
      const { authenticationMethod: method = "", authenticationData: data } = packet.properties ?? {};
      return { packet: { type: "auth", reasonCode: packet.reasonCode, method, data } };
    }
    case "pingreq":
      return { pingreq: true };
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return {
        acknowledgement: types[packet.cmd] ?? 0,
        packetId: packet.messageId ?? 0,
        reasonCode: packet.reasonCode ?? 0,
      };
    default:
      throw new Error(`not a client's packet: ${packet.cmd}`);
  }
}

function chunked(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...at, bytes.length];
  return edges.slice(1).map((edge, index) => Buffer.from(bytes.subarray(edges[index], edge)));
}

test("any chunking of what mqtt-packet writes is read as it was meant", () => {
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 10 }), fc.array(fc.nat(), { maxLength: 30 }), (packets, cuts) => {
      const sink = new Mqtt5Sink();
      const reader = new PacketReader(defaultBrokerLimits);
      for (const chunk of chunked(Buffer.concat(packets.map(bytesOfPacket)), cuts)) {
        reader.read(chunk, sink);
        chunk.fill(0xff); // nothing of a chunk may be needed later
      }
      expect(sink.read).toEqual(packets.map(expected));
    }),
    { numRuns: 500 },
  );
});

test("random and mutated packets give packets or a ProtocolError", () => {
  const connect: Packet = {
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 5,
    clean: true,
    clientId: "me",
    properties: { sessionExpiryInterval: 1, userProperties: { a: "b" }, authenticationMethod: "m" },
    will: {
      topic: "t",
      payload: Buffer.from("p"),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 1, contentType: "c" },
    },
  };
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255) });
  const feed = (bytes: Buffer, awaits: { awaitsConnect: boolean; awaitsAuth: boolean }): void => {
    try {
      for (const read of readAll(bytes, awaits)) {
        if ("publish" in read) expect(read.publish.topic).not.toMatch(/[+#\0]/);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof UnsupportedVersion)) throw error;
    }
  };
  fc.assert(
    fc.property(
      fc.array(anyPacket, { minLength: 1, maxLength: 3 }),
      fc.array(mutation, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (packets, mutations, awaitsConnect) => {
        const bytes = Buffer.concat((awaitsConnect ? [connect, ...packets] : packets).map(bytesOfPacket));
        for (const { at, byte } of mutations) bytes[at % bytes.length] = byte;
        feed(bytes, { awaitsConnect, awaitsAuth: false });
      },
    ),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 15 }),
      fc.boolean(),
      (body, type, awaitsAuth) => {
        const flags = type === 6 || type === 8 || type === 10 ? 2 : 0;
        const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
        feed(bytesOf((type << 4) | flags, length, body), { awaitsConnect: type === 1, awaitsAuth });
      },
    ),
    { numRuns: 3000 },
  );
});

test("CONNACK says what it is told to say", () => {
  const properties = optional({
    sessionExpirySeconds: uint32,
    receiveMaximum: packetId,
    maximumPacketBytes: fc.integer({ min: 1, max: 0xffffffff }),
    assignedClientId: text,
    topicAliasMaximum: packetId,
    reasonString: text,
    serverKeepAliveSeconds: packetId,
    responseInformation: text,
    authenticationMethod: text,
    authenticationData: fc.uint8Array({ maxLength: 20 }),
  });
  fc.assert(
    fc.property(properties, fc.boolean(), fc.constantFrom(0, 0x87), (given, sessionPresent, reasonCode) => {
      const read = oracle(encodeConnack5({ sessionPresent, reasonCode, properties: given }));
      const wanted = Object.entries({
        sessionExpiryInterval: given.sessionExpirySeconds,
        receiveMaximum: given.receiveMaximum,
        maximumPacketSize: given.maximumPacketBytes,
        assignedClientIdentifier: given.assignedClientId,
        topicAliasMaximum: given.topicAliasMaximum,
        reasonString: given.reasonString,
        serverKeepAlive: given.serverKeepAliveSeconds,
        responseInformation: given.responseInformation,
        authenticationMethod: given.authenticationMethod,
        authenticationData: given.authenticationData && Buffer.from(given.authenticationData),
      }).filter(([, value]) => value !== undefined);
      expect(read).toMatchObject({ cmd: "connack", reasonCode, sessionPresent: sessionPresent && reasonCode === 0 });
      expect((read as { properties?: object }).properties ?? {}).toEqual(Object.fromEntries(wanted));
    }),
  );
});

test("the answers are these bytes", () => {
  const hex = (bytes: Buffer) => bytes.toString("hex");
  expect(hex(encodeConnack({ sessionPresent: true, returnCode: 0 }))).toBe("20020100");
  expect(hex(encodeConnack({ sessionPresent: true, returnCode: 5 }))).toBe("20020005");
  expect(hex(encodeConnack5({ sessionPresent: true, reasonCode: 0 }))).toBe("2003010000");
  expect(hex(encodeConnack5({ sessionPresent: false, reasonCode: 0, properties: { topicAliasMaximum: 0 } }))).toBe(
    "2006000003220000",
  );
  expect(hex(encodeSuback(1, [0, 2, 0x80], 4))).toBe("90050001000280");
  expect(hex(encodeSuback(1, [0, 2, 0x87], 5))).toBe("9006000100000287");
  expect(hex(encodeSuback(1, [0x87], 5, "no"))).toBe("90090001051f00026e6f87");
  expect(hex(encodeUnsuback(1, [0, 0x11], 4))).toBe("b0020001");
  expect(hex(encodeUnsuback(1, [0, 0x11], 5))).toBe("b0050001000011");
  expect(hex(encodeDisconnect5({ reasonCode: 0x8e }))).toBe("e0028e00");
  expect(hex(encodeDisconnect5({ reasonCode: 0x82, reasonString: "no" }))).toBe("e00782051f00026e6f");
  expect(hex(encodeAuth5({ reasonCode: 0x18, method: "m", data: Buffer.from([0]) }))).toBe("f00a18081500016d16000100");
  expect(hex(encodeAuth5({ reasonCode: 0, method: "m" }))).toBe("f00600041500016d");
});
