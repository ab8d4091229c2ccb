/** The load generator's own instruments: what measures and judges the server must be right itself. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parser as createParser, generate, type Packet } from "mqtt-packet";
import { parseSlowFsyncLog } from "../support/slow-fsync.ts";
import { DeliveryChecker, hasFaults } from "./checker.ts";
import { Histogram } from "./histogram.ts";
import { parseAnswer } from "./http-client.ts";
import { decodeFrame, encodeMessagePack } from "./minioicq-wire.ts";
import {
  decodeConnack,
  encodeConnect,
  encodePublish,
  encodeSubscribe,
  PacketReader,
  PacketType,
  type Protocol,
  type QoS,
} from "./mqtt-wire.ts";
import { loadOptions, parseOptions, UsageError } from "./options.ts";
import { runScenario } from "./scenarios/scenarios.ts";
import { findTextStamp, readHex, readU32, stampText, textTemplate, writeU32 } from "./stamp.ts";

describe("the histogram", () => {
  test("gives percentiles within one percent of the exact ones", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffffffff }), { minLength: 1, maxLength: 500 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const fraction of [0.5, 0.99, 0.999, 1]) {
          const exact = sorted[Math.max(0, Math.ceil(values.length * fraction) - 1)] ?? 0;
          expect(Math.abs(histogram.percentile(fraction) - exact)).toBeLessThanOrEqual(exact * 0.01);
        }
        expect(histogram.summary().maxUs).toBe(Math.max(...values));
      }),
    );
  });

  test("is empty after a reset", () => {
    const histogram = new Histogram();
    histogram.record(77);
    histogram.reset();
    expect(histogram.summary()).toEqual({ count: 0, meanUs: 0, p50Us: 0, p99Us: 0, p999Us: 0, maxUs: 0 });
  });
});

describe("the checker", () => {
  const judge = (arrivals: number[], sent = 5) => {
    const checker = new DeliveryChecker({ streams: 2, receivers: 2 });
    for (const seq of arrivals) checker.accept(1, 1, seq);
    // The other receiver and the other stream are in order throughout.
    for (let seq = 0; seq < sent; seq++)
      for (const [r, s] of [
        [0, 0],
        [0, 1],
        [1, 0],
      ] as const)
        checker.accept(r, s, seq);
    const { lost, duplicated, reordered } = checker.finish(() => sent);
    return { lost, duplicated, reordered };
  };

  test.each([
    ["everything once and in order", [0, 1, 2, 3, 4], { lost: 0, duplicated: 0, reordered: 0 }],
    ["a loss in the middle", [0, 1, 3, 4], { lost: 1, duplicated: 0, reordered: 0 }],
    ["a loss at the end", [0, 1, 2], { lost: 2, duplicated: 0, reordered: 0 }],
    ["nothing at all", [], { lost: 5, duplicated: 0, reordered: 0 }],
    ["a duplicate", [0, 1, 1, 2, 3, 4], { lost: 0, duplicated: 1, reordered: 0 }],
    ["a late duplicate", [0, 1, 2, 3, 4, 0], { lost: 0, duplicated: 1, reordered: 0 }],
    ["a swap", [0, 2, 1, 3, 4], { lost: 0, duplicated: 0, reordered: 1 }],
    ["a swap and its duplicate", [0, 2, 1, 1, 3, 4], { lost: 0, duplicated: 1, reordered: 1 }],
  ])("sees %s", (_, arrivals, faults) => {
    expect(judge(arrivals)).toEqual(faults);
    const isClean = faults.lost + faults.duplicated + faults.reordered === 0;
    expect(hasFaults({ ...judge(arrivals), examples: [] })).toBe(!isClean);
  });

  test("refuses a message of a stream that nobody sends", () => {
    expect(() => new DeliveryChecker({ streams: 1, receivers: 1 }).accept(0, 1, 0)).toThrow("nobody sends");
  });
});

describe("the MQTT wire", () => {
  const parse = (bytes: Buffer, protocolVersion: Protocol = 4): Packet[] => {
    const packets: Packet[] = [];
    const parser = createParser({ protocolVersion });
    parser.on("packet", (packet) => packets.push(packet));
    parser.on("error", (error: Error) => {
      throw error;
    });
    parser.parse(bytes);
    return packets;
  };

  test("writes CONNECT and SUBSCRIBE as mqtt-packet reads them", () => {
    expect(
      parse(encodeConnect({ clientId: "c1", username: "ü", password: "p", keepaliveSeconds: 300 }))[0],
    ).toMatchObject({
      cmd: "connect",
      protocolVersion: 4,
      clean: true,
      clientId: "c1",
      username: "ü",
      password: Buffer.from("p"),
      keepalive: 300,
    });
    expect(parse(encodeConnect({ clientId: "c1" }))[0]).toMatchObject({ cmd: "connect", keepalive: 0 });
    expect(parse(encodeSubscribe({ packetId: 513, filters: ["a/+", "b/#"], qos: 1 }))[0]).toMatchObject({
      cmd: "subscribe",
      messageId: 513,
      subscriptions: [
        { topic: "a/+", qos: 1 },
        { topic: "b/#", qos: 1 },
      ],
    });
  });

  test("writes MQTT 5 as mqtt-packet reads it", () => {
    expect(
      parse(encodeConnect({ clientId: "c1", username: "u", password: "p", persistent: true }, 5), 5)[0],
    ).toMatchObject({
      protocolVersion: 5,
      clean: false,
      clientId: "c1",
      username: "u",
      password: Buffer.from("p"),
      properties: { sessionExpiryInterval: 3600 },
    });
    expect(parse(encodeConnect({ clientId: "c1" }, 5), 5)[0]).toMatchObject({ protocolVersion: 5, clean: true });
    expect(parse(encodeConnect({ clientId: "c1", persistent: true }))[0]).toMatchObject({
      protocolVersion: 4,
      clean: false,
    });
    expect(parse(encodeSubscribe({ packetId: 513, filters: ["a/+"], qos: 2, protocol: 5 }), 5)[0]).toMatchObject({
      messageId: 513,
      subscriptions: [{ topic: "a/+", qos: 2, nl: false, rap: false, rh: 0 }],
    });
  });

  test("reads a CONNACK of either version, whatever properties it has", () => {
    const connack = (packet: object, protocol: Protocol) =>
      decodeConnack(generate({ cmd: "connack", ...packet } as Packet, { protocolVersion: protocol }), protocol);
    expect(connack({ returnCode: 4, sessionPresent: false }, 4)).toMatchObject({ code: 4, sessionPresent: false });
    expect(connack({ returnCode: 0, sessionPresent: true }, 4)).toMatchObject({ code: 0, sessionPresent: true });
    expect(decodeConnack(Buffer.from([0x20, 2, 0, 1]), 5)).toMatchObject({ code: 1 }); // of a server that knows no MQTT 5
    const properties = {
      sessionExpiryInterval: 1,
      receiveMaximum: 258,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: 70_000,
      assignedClientIdentifier: "client",
      topicAliasMaximum: 5,
      reasonString: "ü".repeat(200),
      userProperties: { a: ["1", "2"] },
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
      serverKeepAlive: 60,
      responseInformation: "re",
      serverReference: "other",
      authenticationMethod: "m",
      authenticationData: Buffer.from("data"),
    };
    expect(connack({ reasonCode: 135, sessionPresent: false, properties }, 5)).toEqual({
      code: 135,
      sessionPresent: false,
      receiveMaximum: 258,
    });
    expect(connack({ reasonCode: 0, sessionPresent: false }, 5).receiveMaximum).toBe(65_535);
  });

  test("reads PUBLISH and acknowledgements of MQTT 5, with and without properties", () => {
    const properties = { userProperties: { a: "b".repeat(200) }, subscriptionIdentifier: 300 };
    const publish = { cmd: "publish", topic: "a/b", qos: 1, messageId: 258, dup: false, retain: false } as const;
    const packets: Packet[] = [
      { ...publish, payload: Buffer.from("plain") },
      { ...publish, payload: Buffer.from("adorned"), properties },
      { cmd: "puback", messageId: 5 },
      { cmd: "pubrec", messageId: 6, reasonCode: 0x97, properties: { reasonString: "no" } },
    ];
    const seen: string[] = [];
    const reader = new PacketReader(
      {
        publish: (bytes, { topicStart, topicEnd, packetId, payloadStart, payloadEnd }) =>
          seen.push(
            `${bytes.toString("utf8", topicStart, topicEnd)} ${packetId} ${bytes.toString("utf8", payloadStart, payloadEnd)}`,
          ),
        acknowledgement: (type, packetId, reasonCode) => seen.push(`${type} ${packetId} ${reasonCode}`),
        other: (type) => seen.push(`unknown ${type}`),
      },
      5,
    );
    for (const packet of packets) reader.read(generate(packet, { protocolVersion: 5 }));
    expect(seen).toEqual(["a/b 258 plain", "a/b 258 adorned", "4 5 0", "5 6 151"]);
  });

  test("writes PUBLISH as mqtt-packet reads it, with the packet id and payload where the template says", () => {
    const topics = fc.string({ minLength: 1, maxLength: 200, unit: fc.constantFrom("a", "/", "é", "z") });
    const sizes = fc.constantFrom(0, 1, 12, 100, 127, 128, 16_383, 20_000);
    fc.assert(
      fc.property(
        topics,
        sizes,
        fc.constantFrom<QoS>(0, 1, 2),
        fc.integer({ min: 1, max: 65_535 }),
        fc.constantFrom<Protocol>(4, 5),
        (topic, size, qos, id, protocol) => {
          const payload = Buffer.alloc(size, "q");
          const { bytes, packetIdAt, payloadAt } = encodePublish({ topic, payload, qos, protocol });
          if (qos > 0) bytes.writeUInt16BE(id, packetIdAt);
          if (size >= 4) writeU32(bytes, payloadAt, 0xdeadbeef);
          const [packet] = parse(bytes, protocol);
          expect(packet).toMatchObject({ cmd: "publish", topic, qos });
          if (packet?.cmd !== "publish") throw new Error("expected a PUBLISH");
          if (qos > 0) expect(packet.messageId).toBe(id);
          const read = Buffer.from(packet.payload);
          expect(read.byteLength).toBe(size);
          if (size >= 4) expect(readU32(read, 0)).toBe(0xdeadbeef);
        },
      ),
    );
  });

  test("reads what mqtt-packet writes, however the bytes are cut", () => {
    const packets: Packet[] = [
      { cmd: "connack", returnCode: 0, sessionPresent: false },
      { cmd: "suback", messageId: 7, granted: [1] },
      { cmd: "publish", topic: "a/b", qos: 0, dup: false, retain: false, payload: Buffer.from("zero") },
      {
        cmd: "publish",
        topic: "é",
        qos: 1,
        messageId: 258,
        dup: false,
        retain: false,
        payload: Buffer.alloc(20_000, "x"),
      },
      { cmd: "puback", messageId: 65_535 },
      { cmd: "publish", topic: "c", qos: 2, messageId: 3, dup: true, retain: true, payload: Buffer.alloc(0) },
      { cmd: "pubrec", messageId: 4 },
      { cmd: "pubrel", messageId: 5 },
      { cmd: "pubcomp", messageId: 6 },
      { cmd: "pingresp" },
    ];
    const expected = [
      "connack",
      "suback",
      "publish a/b 0 0 zero",
      `publish é 1 258 ${"x".repeat(20_000)}`,
      "4 65535",
      "publish c 2 3 ",
      "5 4",
      "6 5",
      "7 6",
      "pingresp",
    ];
    const stream = Buffer.concat(packets.map((packet) => generate(packet)));
    const cuts = fc.array(fc.integer({ min: 1, max: stream.byteLength - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (positions) => {
        const seen: string[] = [];
        const reader = new PacketReader({
          publish(bytes, { topicStart, topicEnd, qos, packetId, payloadStart, payloadEnd }) {
            const topic = bytes.toString("utf8", topicStart, topicEnd);
            seen.push(`publish ${topic} ${qos} ${packetId} ${bytes.toString("utf8", payloadStart, payloadEnd)}`);
          },
          acknowledgement: (type, packetId) => seen.push(`${type} ${packetId}`),
          other: (type) => {
            const name = Object.entries(PacketType).find(([, value]) => value === type)?.[0];
            seen.push(name ?? `unknown ${type}`);
          },
        });
        let from = 0;
        for (const cut of [...positions.toSorted((a, b) => a - b), stream.byteLength]) {
          reader.read(Buffer.from(stream.subarray(from, cut)));
          from = cut;
        }
        expect(seen).toEqual(expected);
      }),
    );
  });
});

describe("the other wires", () => {
  test("MessagePack frames are read by the library as they were meant", () => {
    const frame = {
      action: "x",
      list: ["é".repeat(20), "a".repeat(300), "b".repeat(70_000)],
      is: true,
      n: 5,
      big: 70_000,
    };
    expect(decodeFrame(encodeMessagePack(frame))).toEqual(frame);
  });

  test("an HTTP answer is read whole or not yet", () => {
    const plain = Buffer.from("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello");
    const chunked = Buffer.from(
      "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    );
    for (const [bytes, status] of [
      [plain, 200],
      [chunked, 404],
    ] as const) {
      for (let end = 0; end < bytes.byteLength; end++) expect(parseAnswer(bytes.subarray(0, end))).toBeUndefined();
      const answer = parseAnswer(bytes);
      expect(answer?.status).toBe(status);
      expect(answer?.body.toString()).toBe("hello");
    }
  });

  test("a text stamp is found in the middle of JSON and read back", () => {
    const content = Buffer.from(textTemplate(100));
    expect(content.byteLength).toBe(100);
    stampText(content, 0, { stream: 0xabcdef01, seq: 7, sentUs: 0xfffffffe });
    const json = Buffer.from(JSON.stringify({ seq: 1, content: content.toString() }));
    const at = findTextStamp(json, 0, -1);
    expect(findTextStamp(json, 0, at)).toBe(at);
    expect([readHex(json, at + 4), readHex(json, at + 12), readHex(json, at + 20)]).toEqual([
      0xabcdef01, 7, 0xfffffffe,
    ]);
  });

  test("the disk shim's log is read without its unfinished last line", () => {
    expect(
      parseSlowFsyncLog("write a.db-wal 32 4096 100\nsync-start a.db-wal 101\nsync-end a.db-wal 202\nsync-st"),
    ).toEqual([
      { kind: "write", file: "a.db-wal", offset: 32, bytes: 4096, atNs: 100n },
      { kind: "sync-start", file: "a.db-wal", atNs: 101n },
      { kind: "sync-end", file: "a.db-wal", atNs: 202n },
    ]);
    expect(() => parseSlowFsyncLog("nonsense\n")).toThrow("disk shim");
  });
});

describe("a whole run", () => {
  test("against the forwarder in this process is clean, in a closed and in an open loop", async () => {
    for (const rate of [0, 2000]) {
      const report = await runScenario(
        loadOptions("mqtt-pairs", { self: true, connections: 3, rate, durationSeconds: 0.3, warmupSeconds: 0.1 }),
      );
      expect(report.problems).toEqual([]);
      expect(report.deliveredPerSecond).toBeGreaterThan(100);
      expect(report.deliveryLatency?.p50Us).toBeGreaterThan(0);
    }
  });

  test("says no to a command line that makes no sense", () => {
    for (const args of [
      [],
      ["nothing"],
      ["mqtt-pairs", "--qos", "3"],
      ["mqtt-pairs", "--fast"],
      ["chat-mqtt", "--qos", "0"],
      ["mqtt-pairs", "--protocol", "3"],
      ["mqtt-pairs", "--self", "--tls"],
    ]) {
      expect(() => parseOptions(args)).toThrow(UsageError);
    }
    expect(parseOptions(["--help"])).toBeUndefined();
  });
});
