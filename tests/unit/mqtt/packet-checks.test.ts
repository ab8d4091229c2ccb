/** What MQTT 5 forbids a client in the packets after CONNECT, byte for byte, and the reason code of each error. */
import { expect, test } from "bun:test";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import { ProtocolError } from "../../../src/mqtt/wire/errors.ts";
import { PacketReader } from "../../../src/mqtt/wire/packet-reader.ts";
import { reasonCodes } from "../../../src/mqtt/wire/reason-codes.ts";
import {
  bytesOf,
  codeOf,
  field,
  Mqtt5Sink,
  type Part,
  packet,
  properties,
  readAll,
  uint16,
  uint32,
  varint,
} from "../../support/packet-bytes.ts";

const { malformedPacket, protocolError, topicAliasInvalid, topicNameInvalid, packetTooLarge } = reasonCodes;
const noUtf8 = [0, 2, 0xc3, 0x28];
const none = properties();
const user = (name: string, value: string) => bytesOf(0x26, field(name), field(value));
const connect = packet(0x10, field("MQTT"), 5, 2, uint16(60), none, field("me"));

const subscribe = (given: Buffer, options: number, filter = "a") =>
  packet(0x82, uint16(1), given, field(filter), options);
const publish = (given: Buffer, { first = 0x30, topic = "a" } = {}) =>
  packet(first, field(topic), (first & 6) > 0 ? uint16(5) : [], given, [1, 2]);
const publishWith = (...parts: Part[]) => publish(properties(...parts));

const packets: [what: string, bytes: Buffer, code: number | "read"][] = [
  [
    "SUBSCRIBE with every option",
    subscribe(properties([0x0b], varint(268_435_455), user("a", "b")), 0b0010_1110),
    "read",
  ],
  ["SUBSCRIBE with reserved option bits", subscribe(none, 0x40), malformedPacket],
  ["SUBSCRIBE with the highest option bit", subscribe(none, 0x80), malformedPacket],
  ["SUBSCRIBE with Retain Handling 3", subscribe(none, 0x30), protocolError],
  ["SUBSCRIBE with QoS 3", subscribe(none, 3), protocolError],
  ["SUBSCRIBE with No Local on a shared filter", subscribe(none, 4, "$share/g/a"), protocolError],
  ["SUBSCRIBE to a shared filter", subscribe(none, 0, "$share/g/a"), "read"],
  ["SUBSCRIBE with identifier 0", subscribe(properties([0x0b, 0]), 0), protocolError],
  ["SUBSCRIBE with two identifiers", subscribe(properties([0x0b, 1, 0x0b, 2]), 0), protocolError],
  ["SUBSCRIBE with an identifier in too many bytes", subscribe(properties([0x0b, 0x81, 0]), 0), malformedPacket],
  ["SUBSCRIBE with a reason string", subscribe(properties([0x1f], field("x")), 0), malformedPacket],
  ["SUBSCRIBE without a filter", packet(0x82, uint16(1), none), protocolError],
  ["SUBSCRIBE without options", packet(0x82, uint16(1), none, field("a")), malformedPacket],
  ["SUBSCRIBE without properties", packet(0x82, uint16(1)), malformedPacket],
  ["SUBSCRIBE with packet id 0", packet(0x82, uint16(0), none, field("a"), 0), protocolError],
  [
    "UNSUBSCRIBE with user properties",
    packet(0xa2, uint16(1), properties(user("a", "b"), user("a", "b")), field("a")),
    "read",
  ],
  ["UNSUBSCRIBE with an identifier", packet(0xa2, uint16(1), properties([0x0b, 1]), field("a")), malformedPacket],
  ["UNSUBSCRIBE without a filter", packet(0xa2, uint16(1), none), protocolError],
  ["UNSUBSCRIBE with a filter that is not UTF-8", packet(0xa2, uint16(1), none, noUtf8), malformedPacket],
  ["DISCONNECT without anything", packet(0xe0), "read"],
  ["DISCONNECT with a reason alone", packet(0xe0, 4), "read"],
  [
    "DISCONNECT with all it may have",
    packet(0xe0, 0, properties([0x11], uint32(1), [0x1f], field("x"), user("a", "b"))),
    "read",
  ],
  ["DISCONNECT with a server's reason", packet(0xe0, 0x8e, none), protocolError],
  ["DISCONNECT with a server reference", packet(0xe0, 0, properties([0x1c], field("x"))), malformedPacket],
  [
    "DISCONNECT with session expiry twice",
    packet(0xe0, 0, properties([0x11], uint32(1), [0x11], uint32(1))),
    protocolError,
  ],
  ["DISCONNECT with a byte too many", packet(0xe0, 0, none, 0), malformedPacket],
  ["AUTH with method and data", packet(0xf0, 0x18, properties([0x15], field("m"), [0x16], field("d"))), "read"],
  ["AUTH without anything", packet(0xf0), protocolError],
  ["AUTH of success", packet(0xf0, 0, properties([0x15], field("m"))), protocolError],
  ["AUTH without properties", packet(0xf0, 0x19), protocolError],
  ["AUTH without a method", packet(0xf0, 0x18, properties([0x16], field("d"))), protocolError],
  ["AUTH with two methods", packet(0xf0, 0x18, properties([0x15], field("m"), [0x15], field("m"))), protocolError],
  ["AUTH with wrong flags", packet(0xf1, 0x18, properties([0x15], field("m"))), malformedPacket],
  ["AUTH with a byte too many", packet(0xf0, 0x18, properties([0x15], field("m")), 0), malformedPacket],
  ["PUBACK with a reason", packet(0x40, uint16(1), 0x10), "read"],
  ["PUBACK with an empty list of properties", packet(0x40, uint16(1), 0x10, none), "read"],
  [
    "PUBREC with properties",
    packet(0x50, uint16(1), 0x80, properties([0x1f], field("no"), user("a", "b"), user("c", "d"))),
    "read",
  ],
  ["PUBREL that knows no such id", packet(0x62, uint16(1), 0x92), "read"],
  ["PUBCOMP with a reason of PUBACK", packet(0x70, uint16(1), 0x10), protocolError],
  ["PUBACK with a reason of PUBREL", packet(0x40, uint16(1), 0x92), protocolError],
  [
    "PUBACK with two reason strings",
    packet(0x40, uint16(1), 0, properties([0x1f], field("a"), [0x1f], field("b"))),
    protocolError,
  ],
  ["PUBACK with another property", packet(0x40, uint16(1), 0, properties([0x11], uint32(1))), malformedPacket],
  ["PUBACK with a string that is not UTF-8", packet(0x40, uint16(1), 0, properties([0x1f], noUtf8)), malformedPacket],
  ["PUBACK with a byte too many", packet(0x40, uint16(1), 0, none, 0), malformedPacket],
  ["PUBACK with packet id 0", packet(0x40, uint16(0)), protocolError],
  ["PUBACK of one byte", packet(0x40, 1), malformedPacket],
  [
    "PUBLISH with every property",
    publishWith(
      [1, 1],
      [2],
      uint32(1),
      [3],
      field("t"),
      [8],
      field("r"),
      [9],
      field("c"),
      [0x23, 0, 1],
      user("a", "b"),
      user("a", "b"),
    ),
    "read",
  ],
  ["PUBLISH with payload format 2", publishWith([1, 2]), protocolError],
  ["PUBLISH with topic alias 0", publishWith([0x23, 0, 0]), topicAliasInvalid],
  ["PUBLISH with a subscription identifier", publishWith([0x0b, 1]), protocolError],
  ["PUBLISH with two aliases", publishWith([0x23, 0, 1, 0x23, 0, 1]), protocolError],
  ["PUBLISH with two formats", publishWith([1, 0, 1, 0]), protocolError],
  ["PUBLISH with two response topics", publishWith([8], field("a"), [8], field("a")), protocolError],
  ["PUBLISH with a wildcard in its response topic", publishWith([8], field("a/#")), protocolError],
  ["PUBLISH with an empty response topic", publishWith([8], field("")), protocolError],
  ["PUBLISH with a property of CONNECT", publishWith([0x21, 0, 1]), malformedPacket],
  ["PUBLISH with property 0", publishWith([0x23, 0, 1, 0]), protocolError],
  ["PUBLISH with a content type that is not UTF-8", publishWith([3], noUtf8), malformedPacket],
  [
    "PUBLISH with a surrogate in a user property",
    publishWith([0x26], field("a"), [0, 3, 0xed, 0xa0, 0x80]),
    malformedPacket,
  ],
  ["PUBLISH with a property cut off", publishWith([2, 0, 0]), malformedPacket],
  ["PUBLISH with properties longer than it", packet(0x30, field("a"), 5, [1, 0]), malformedPacket],
  ["PUBLISH with their length in too many bytes", packet(0x30, field("a"), [0x80, 0]), malformedPacket],
  ["PUBLISH without their length", packet(0x30, field("a")), malformedPacket],
  ["PUBLISH with neither topic nor alias", publish(none, { topic: "" }), protocolError],
  ["PUBLISH with an alias for a topic", publish(properties([0x23, 0, 1]), { topic: "" }), "read"],
  ["PUBLISH with a wildcard", publish(none, { topic: "a/+" }), topicNameInvalid],
  ["PUBLISH with too many levels", publish(none, { topic: "/".repeat(64) }), topicNameInvalid],
  ["PUBLISH with QoS 3", publish(none, { first: 0x36 }), malformedPacket],
  ["PUBLISH with DUP at QoS 0", publish(none, { first: 0x38 }), malformedPacket],
  ["a second CONNECT", connect, protocolError],
  ["a server's packet", packet(0x20, 0, 0, 0), protocolError],
  ["PINGREQ with a body", packet(0xc0, 0), malformedPacket],
];

test.each(packets)("%s", (_what, bytes, code) => {
  expect(codeOf(bytes)).toBe(code);
});

test("during an authentication only AUTH and DISCONNECT may come", () => {
  const auth = packet(0xf0, 0x18, properties([0x15], field("m"), [0x16], field("d")));
  expect(readAll(bytesOf(auth, packet(0xe0)), { awaitsAuth: true })).toEqual([
    { packet: { type: "auth", reasonCode: 0x18, method: "m", data: Buffer.from("d") } },
    { packet: { type: "disconnect", reasonCode: 0, sessionExpirySeconds: undefined } },
  ]);
  for (const other of [packet(0xc0), publish(none), subscribe(none, 0), connect]) {
    expect(codeOf(other, { awaitsAuth: true })).toBe(protocolError);
  }
});

test("the first packet is CONNECT", () => {
  const auth = packet(0xf0, 0x18, properties([0x15], field("m")));
  for (const other of [auth, packet(0xe0), packet(0xc0)])
    expect(codeOf(other, { awaitsConnect: true })).toBe(protocolError);
});

test("a packet beyond the limit is refused by its header alone, before CONNECT and during AUTH by the lower limit", () => {
  const { packetBytesMax, connectPacketBytesMax } = defaultBrokerLimits;
  expect(codeOf(bytesOf(0x30, varint(packetBytesMax)))).toBe(packetTooLarge);
  expect(codeOf(bytesOf(0x10, varint(connectPacketBytesMax)), { awaitsConnect: true })).toBe(packetTooLarge);
  expect(codeOf(bytesOf(0xf0, varint(connectPacketBytesMax)), { awaitsAuth: true })).toBe(packetTooLarge);
  expect(new ProtocolError("x", packetTooLarge).closeReason).toBe("packet_too_large");
  expect(new ProtocolError("x").closeReason).toBe("protocol_error");
});

test("AUTH and the bodies of MQTT 5 are errors in 3.1.1", () => {
  for (const bytes of [
    packet(0xf0, 0x18, properties([0x15], field("m"))),
    packet(0xe0, 0),
    packet(0x40, uint16(1), 0),
  ]) {
    const sink = Object.assign(new Mqtt5Sink(), { protocolVersion: 4 });
    expect(() => new PacketReader(defaultBrokerLimits).read(bytes, sink)).toThrow(ProtocolError);
  }
});
