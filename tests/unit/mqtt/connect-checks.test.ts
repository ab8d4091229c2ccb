/** What MQTT 5 allows and forbids in CONNECT, byte for byte, with the reason code of each error. */
import { describe, expect, test } from "bun:test";
import type { ConnectPacket } from "../../../src/mqtt/wire/codec.ts";
import { UnsupportedVersion } from "../../../src/mqtt/wire/errors.ts";
import { reasonCodes } from "../../../src/mqtt/wire/reason-codes.ts";
import { bytesOf, codeOf, field, packet, properties, readAll, uint16, uint32 } from "../../support/packet-bytes.ts";

const { malformedPacket, protocolError } = reasonCodes;
const withNul = [0, 3, 0x61, 0, 0x62];
const noUtf8 = [0, 2, 0xc3, 0x28];
const none = properties();
const user = (name: string, value: string) => bytesOf(0x26, field(name), field(value));

const connect = (
  given: Buffer,
  { flags = 2, rest = field("me"), level = 5 }: { flags?: number; rest?: Buffer; level?: number } = {},
) => packet(0x10, field("MQTT"), level, flags, uint16(60), given, rest);
const will = (given: Buffer, topic = "gone") => ({
  flags: 6,
  rest: bytesOf(field("me"), given, field(topic), field("bye")),
});

const connects: [what: string, bytes: Buffer, code: number | "read"][] = [
  ["nothing special", connect(none), "read"],
  ["an empty client id", connect(none, { rest: field("") }), "read"],
  [
    "a password without a username",
    connect(none, { flags: 0x42, rest: bytesOf(field("me"), field("secret")) }),
    "read",
  ],
  [
    "every property once",
    connect(
      properties(
        [0x11],
        uint32(0xffffffff),
        [0x21],
        uint16(1),
        [0x27],
        uint32(1),
        [0x22],
        uint16(0),
        [0x19, 1],
        [0x17, 0],
        user("a", "b"),
        user("a", "b"),
        [0x15],
        field("m"),
        [0x16],
        field("d"),
      ),
    ),
    "read",
  ],
  ["session expiry twice", connect(properties([0x11], uint32(1), [0x11], uint32(1))), protocolError],
  ["Receive Maximum 0", connect(properties([0x21, 0, 0])), protocolError],
  ["Maximum Packet Size 0", connect(properties([0x27, 0, 0, 0, 0])), protocolError],
  ["Request Response Information 2", connect(properties([0x19, 2])), protocolError],
  ["Request Problem Information 2", connect(properties([0x17, 2])), protocolError],
  ["authentication data without a method", connect(properties([0x16], field("d"))), protocolError],
  ["a property of PUBLISH", connect(properties([0x23, 0, 1])), malformedPacket],
  ["a property of the server", connect(properties([0x1a], field("x"))), malformedPacket],
  ["an unknown property", connect(properties([0x7f, 0])), malformedPacket],
  ["a user property's name that is not UTF-8", connect(properties([0x26], noUtf8, field("x"))), malformedPacket],
  ["a user property's value with U+0000", connect(properties([0x26], field("x"), withNul)), malformedPacket],
  ["a property cut off by the properties' end", connect(properties([0x11, 0, 0])), malformedPacket],
  [
    "properties longer than the packet",
    packet(0x10, field("MQTT"), 5, 2, uint16(60), 100, field("me")),
    malformedPacket,
  ],
  ["a length of properties in too many bytes", connect(bytesOf(0x80, 0)), malformedPacket],
  ["a length of properties of five bytes", connect(bytesOf(0x80, 0x80, 0x80, 0x80, 1)), malformedPacket],
  ["a byte after the last field", connect(none, { rest: bytesOf(field("me"), 0) }), malformedPacket],
  ["the reserved flag", connect(none, { flags: 3 }), malformedPacket],
  ["will QoS 3", connect(none, { ...will(none), flags: 0x1e }), malformedPacket],
  ["will RETAIN without a will", connect(none, { flags: 0x22 }), malformedPacket],
  ["a client id that is not UTF-8", connect(none, { rest: bytesOf(noUtf8) }), malformedPacket],
  [
    "a will with every property",
    connect(
      none,
      will(
        properties(
          [0x18],
          uint32(5),
          [0x01, 1],
          [0x02],
          uint32(9),
          [0x03],
          field("t"),
          [0x08],
          field("r"),
          [0x09],
          field("c"),
          user("a", "b"),
        ),
      ),
    ),
    "read",
  ],
  ["a will with a session's property", connect(none, will(properties([0x11], uint32(1)))), malformedPacket],
  ["a will with two delays", connect(none, will(properties([0x18], uint32(1), [0x18], uint32(1)))), protocolError],
  ["a will with payload format 2", connect(none, will(properties([0x01, 2]))), protocolError],
  [
    "a will with a wildcard in its response topic",
    connect(none, will(properties([0x08], field("a/+")))),
    protocolError,
  ],
  ["a will with a topic alias", connect(none, will(properties([0x23, 0, 1]))), malformedPacket],
];

describe("CONNECT", () => {
  test.each(connects)("with %s", (_what, bytes, code) => {
    expect(codeOf(bytes, { awaitsConnect: true })).toBe(code);
  });

  test("at another level is told so", () => {
    expect(() => readAll(connect(none, { level: 6 }), { awaitsConnect: true })).toThrow(UnsupportedVersion);
    const old = packet(0x10, field("MQIsdp"), 5, 2, uint16(60), none, field("me"));
    expect(() => readAll(old, { awaitsConnect: true })).toThrow(UnsupportedVersion);
  });

  test("gives every field, and a will's properties without those that are not forwarded", () => {
    const forwarded = bytesOf(
      [0x01, 1],
      [0x03],
      field("text/ü"),
      [0x08],
      field("r"),
      [0x09],
      field(Buffer.from([0, 255])),
      user("k", "v"),
      user("k", "v"),
    );
    const given = properties(
      [0x11],
      uint32(0xffffffff),
      [0x21],
      uint16(7),
      [0x27],
      uint32(1000),
      [0x22],
      uint16(9),
      [0x19, 1],
      [0x17, 0],
      [0x15],
      field("method"),
      [0x16],
      field(Buffer.from([0, 1, 255])),
      user("z", "1"),
      user("a", "2"),
      user("z", "1"),
      user("__proto__", "\uFEFF😀"),
    );
    const rest = bytesOf(
      field("me"),
      properties([0x18], uint32(5), forwarded, [0x02], uint32(9)),
      field("gone"),
      field("bye"),
      field("u"),
      field(""),
    );
    const [read] = readAll(connect(given, { flags: 0b1110_1110, rest }), { awaitsConnect: true });
    const wanted: ConnectPacket = {
      type: "connect",
      protocolVersion: 5,
      bridge: false,
      clientId: "me",
      cleanStart: true,
      keepaliveSeconds: 60,
      will: {
        topic: "gone",
        payload: Buffer.from("bye"),
        qos: 1,
        retain: true,
        delaySeconds: 5,
        expirySeconds: 9,
        properties: forwarded,
      },
      username: "u",
      password: Buffer.alloc(0),
      sessionExpirySeconds: 0xffffffff,
      receiveMaximum: 7,
      maximumPacketBytes: 1000,
      topicAliasMaximum: 9,
      requestResponseInformation: true,
      requestProblemInformation: false,
      userProperties: [
        ["z", "1"],
        ["a", "2"],
        ["z", "1"],
        ["__proto__", "\uFEFF😀"],
      ],
      authenticationMethod: "method",
      authenticationData: Buffer.from([0, 1, 255]),
    };
    expect(read).toEqual({ packet: wanted });
  });

  test("without properties has their defaults", () => {
    const [read] = readAll(connect(none, will(none)), { awaitsConnect: true });
    expect(read).toMatchObject({
      packet: {
        sessionExpirySeconds: 0,
        receiveMaximum: 65_535,
        maximumPacketBytes: Number.POSITIVE_INFINITY,
        topicAliasMaximum: 0,
        requestResponseInformation: false,
        requestProblemInformation: true,
        userProperties: [],
        will: { delaySeconds: 0, expirySeconds: undefined, properties: undefined },
      },
    });
  });
});
