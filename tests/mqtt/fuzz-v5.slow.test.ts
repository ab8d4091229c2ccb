/**
 * MQTT 5 conversations with whatever a client may get wrong, over TCP and WebSocket: the broker survives, keeps its bounds,
 * forgets what is over, and serves the next good client. `ROOST_FUZZ_RUNS=<runs>` makes it longer.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { until } from "../support/deadline.ts";
import { dial, WebSocketLine } from "../support/line.ts";
import { bytesOf, field, packet, properties, uint16, uint32, varint } from "../support/packet-bytes.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startWebSocketBroker } from "../support/websocket-broker.ts";
import { WireClient } from "../support/wire.ts";

const runs = Number(process.env["ROOST_FUZZ_RUNS"] ?? 300);

/** So small that they are met. */
const limits = {
  sessionsPerPrincipalMax: 4,
  subscriptionsPerSessionMax: 5,
  retainedMessagesMax: 4,
  queuedMessagesMax: 20,
  inflightMax: 4,
  inboundInflightMax: 8,
  topicAliasesMax: 3,
  packetBytesMax: 4096,
  sessionExpirySecondsMax: 60,
};

/** Wrong now and then: a conversation should get somewhere before it fails. */
const mostly = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 60, arbitrary: right }, { weight: 1, arbitrary: wrong });

const byte = fc.nat(255);
const bytes = fc.uint8Array({ maxLength: 12 }).map((some) => Buffer.from(some));
const text = mostly(
  fc.constantFrom("a", "fuzz/a", "é", "x".repeat(300)),
  fc.constantFrom("", "\0", "#", "a/+/b", "$SYS/x"),
);
const topic = mostly(fc.constantFrom("fuzz/a", "fuzz/b", "fuzz/c/d", "fuzz/e", "fuzz/f", "fuzz/g"), text);
const filter = mostly(
  fc.constantFrom("fuzz/#", "fuzz/a", "fuzz/+", "+/b", "#", "$share/g/fuzz/#", "$share/g/fuzz/a", "$share/h/+/+"),
  fc.constantFrom("$share//fuzz", "$share/g", "$share/g/", "$share/+/a", "fuzz/#/a", "a+", ""),
);
/** Few, so that they meet again. */
const packetId = mostly(fc.integer({ min: 1, max: 6 }), fc.constantFrom(0, 65_535));

const property = {
  byte: (id: number) => mostly(fc.nat(1), byte).map((value) => bytesOf(id, value)),
  uint16: (id: number) =>
    mostly(fc.integer({ min: 1, max: limits.topicAliasesMax }), fc.constantFrom(0, 4, 0xffff)).map((value) =>
      bytesOf(id, uint16(value)),
    ),
  uint32: (id: number) => fc.constantFrom(1, 2, 30, 5000, 0xffff_ffff).map((value) => bytesOf(id, uint32(value))),
  varint: (id: number) =>
    mostly(fc.constantFrom(1, 2, 200, 268_435_455), fc.constant(0)).map((value) => bytesOf(id, varint(value))),
  string: (id: number) => text.map((value) => bytesOf(id, field(value))),
  binary: (id: number) => bytes.map((value) => bytesOf(id, field(value))),
  pair: (id: number) => fc.tuple(text, text).map(([name, value]) => bytesOf(id, field(name), field(value))),
};
const userProperty = property.pair(0x26);
const reason = property.string(0x1f);
/** MQTT 5 § 2.2.2.2, every one of them. */
const anyProperty = fc.oneof(
  ...[0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a].map(property.byte),
  ...[0x13, 0x21, 0x22, 0x23].map(property.uint16),
  ...[0x02, 0x11, 0x18, 0x27].map(property.uint32),
  property.varint(0x0b),
  ...[0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f].map(property.string),
  ...[0x09, 0x16].map(property.binary),
  userProperty,
);
/** Mostly those that belong there. */
const propertiesOf = (...own: fc.Arbitrary<Buffer>[]): fc.Arbitrary<Buffer> =>
  mostly(
    fc.uniqueArray(fc.oneof(...own), { maxLength: 3, selector: ([id]) => id }),
    fc.oneof(
      fc.array(anyProperty, { maxLength: 3 }),
      bytes.map((some) => [some]),
    ),
  ).map((some) => properties(...some));

const messageProperties = [
  property.byte(0x01),
  property.uint32(0x02),
  property.string(0x03),
  property.string(0x08),
  property.binary(0x09),
  userProperty,
];
const publish = fc
  .record({
    topic,
    qos: mostly(fc.nat(2), fc.constant(3)),
    flags: fc.constantFrom(0, 0, 0, 1, 1),
    isRepeat: fc.nat(9).map((one) => one === 0),
    packetId,
    alias: fc.option(mostly(fc.integer({ min: 1, max: 3 }), fc.constantFrom(0, 4, 0xffff)), { freq: 2 }),
    block: propertiesOf(...messageProperties),
    payload: fc.oneof(bytes, fc.constant(Buffer.alloc(0)), fc.constant(Buffer.alloc(2000, "x"))),
  })
  .map(({ topic, qos, flags, isRepeat, packetId, alias, block, payload }) => {
    const first = 0x30 | (qos << 1) | flags | (isRepeat && qos > 0 ? 8 : 0);
    const id = qos > 0 ? uint16(packetId) : [];
    if (alias === null) return packet(first, field(topic), id, block, payload);
    // First with its topic, then without.
    const aliased = properties(bytesOf(0x23, uint16(alias)));
    return bytesOf(packet(first, field(topic), id, aliased, payload), packet(0x30, field(""), aliased, payload));
  });
const subscribe = fc
  .record({
    packetId,
    block: propertiesOf(property.varint(0x0b), userProperty),
    filters: fc.array(
      fc.tuple(
        filter,
        fc.oneof({ weight: 20, arbitrary: fc.constantFrom(0, 1, 2, 9, 0x12, 0x21) }, fc.constantFrom(5), byte),
      ),
      { minLength: 1, maxLength: 8 },
    ),
  })
  .map(({ packetId, block, filters }) =>
    packet(
      0x82,
      uint16(packetId),
      block,
      // No Local is an error where it is shared.
      ...filters.map(([name, options]) =>
        bytesOf(field(name), name.startsWith("$share") && options === 5 ? 1 : options),
      ),
    ),
  );
const unsubscribe = fc
  .record({ packetId, block: propertiesOf(userProperty), filters: fc.array(filter, { minLength: 1, maxLength: 4 }) })
  .map(({ packetId, block, filters }) => packet(0xa2, uint16(packetId), block, ...filters.map((name) => field(name))));
const reasonCode = mostly(fc.constantFrom(0, 0x92), byte);
const acknowledgement = fc
  .record({
    first: mostly(fc.constantFrom(0x40, 0x50, 0x62, 0x70), fc.constantFrom(0x42, 0x60)),
    packetId,
    more: fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc.tuple(reasonCode, propertiesOf(reason, userProperty)).map(([code, block]) => bytesOf(code, block)),
    ),
  })
  .map(({ first, packetId, more }) => packet(first, uint16(packetId), more));
const method = mostly(fc.constant("TEST-ECHO"), fc.constant("none"));
const authProperties = fc
  .tuple(method, fc.constantFrom("at once", "say this", ""))
  .map(([name, data]) => properties(bytesOf(0x15, field(name)), bytesOf(0x16, field(data))));
const auth = fc
  .tuple(
    mostly(fc.constantFrom(0x18, 0x19), fc.constant(0)),
    fc.oneof(authProperties, propertiesOf(reason, userProperty)),
  )
  .map(([code, block]) => packet(0xf0, code, block));
const disconnect = fc
  .tuple(reasonCode, propertiesOf(property.uint32(0x11), reason, userProperty))
  .map(([code, block]) => packet(0xe0, code, block));

const connectProperties = propertiesOf(
  property.uint32(0x11),
  property.uint32(0x11),
  property.uint16(0x21),
  property.uint32(0x27),
  property.uint16(0x22),
  property.byte(0x19),
  property.byte(0x17),
  userProperty,
);
const will = fc
  .record({
    block: propertiesOf(property.uint32(0x18), ...messageProperties),
    topic,
    payload: bytes,
    flags: mostly(fc.constantFrom(0, 1, 2, 4, 5), fc.nat(7)),
  })
  .map(({ block, topic, payload, flags }) => ({
    flags: 4 | (flags << 3),
    payload: bytesOf(block, field(topic), field(payload)),
  }));
const connecting = fc
  .record({
    flags: fc.constantFrom(0, 0, 2),
    block: fc.oneof({ weight: 9, arbitrary: connectProperties }, authProperties),
    clientId: fc.constantFrom("f1", "f2", "f3", "f4", "f5", "f6", ""),
    will: fc.option(will),
  })
  .map(({ flags, block, clientId, will }) =>
    packet(
      0x10,
      field("MQTT"),
      5,
      flags | (will?.flags ?? 0),
      uint16(0),
      block,
      field(clientId),
      will?.payload ?? Buffer.alloc(0),
    ),
  );

const packets = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: publish },
    { weight: 16, arbitrary: subscribe },
    { weight: 6, arbitrary: unsubscribe },
    { weight: 20, arbitrary: acknowledgement },
    { weight: 2, arbitrary: fc.constant(packet(0xc0)) },
    { weight: 1, arbitrary: auth },
    { weight: 1, arbitrary: disconnect },
    { weight: 1, arbitrary: connecting },
  ),
  { minLength: 2, maxLength: 30, size: "max" },
);
const mutation = fc.record({ kind: fc.constantFrom("set", "cut", "insert"), at: fc.nat(), value: byte });
const mutations = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  fc.array(mutation, { minLength: 1, maxLength: 3 }),
);
const conversation = fc.tuple(connecting, packets, mutations).map(([first, rest, changes]) => {
  let all = Buffer.concat([first, ...rest]);
  for (const { kind, at, value } of changes) {
    const place = at % all.length;
    const until = kind === "cut" ? place + (value % 20) : kind === "set" ? place + 1 : place;
    const between = kind === "cut" ? [] : [value];
    all = Buffer.concat([all.subarray(0, place), Buffer.from(between), all.subarray(until)]);
    if (all.length === 0) return Buffer.from([value]);
  }
  return all;
});

test(
  "MQTT 5 conversations gone wrong leave a working broker with nothing left behind",
  async () => {
    await using server = await startWebSocketBroker({
      limits,
      // Whoever they say they are, all but the good one are the same.
      identity: {
        async authenticate({ username }) {
          return { principal: { key: username === "good" ? "user:good" : "user:fuzz" }, persistent: true };
        },
      },
    });
    await using good = await RawMqtt.connect(server.port, { clientId: "good", username: "good" });
    await good.subscribe("good");
    await fc.assert(
      fc.asyncProperty(conversation, fc.nat(), fc.integer({ min: 0, max: 4 }), async (all, cut, door) => {
        const bad = await WireClient.over(door === 0 ? WebSocketLine.dial(server.url) : dial(server.port));
        const place = cut % all.length;
        bad.send(Buffer.from(all.subarray(0, place)));
        bad.send(Buffer.from(all.subarray(place)));
        for (let round = 0; round < 3; round += 1) {
          good.send(publishPacket("good", "still served"));
          await good.expect("publish");
        }
        await bad[Symbol.asyncDispose]();
        const { sessions, subscriptions, retainedMessages } = server.broker.stats();
        expect(sessions).toBeLessThanOrEqual(limits.sessionsPerPrincipalMax + 2);
        expect(subscriptions).toBeLessThanOrEqual(limits.subscriptionsPerSessionMax * sessions);
        expect(retainedMessages).toBeLessThanOrEqual(limits.retainedMessagesMax);
        expect(server.store.queued.size).toBeLessThanOrEqual(limits.queuedMessagesMax * sessions);
        server.advance(100);
      }),
      { numRuns: runs },
    );
    await until("the bad ones to be gone", () => server.broker.stats().connections === 1);
    await good.fence();
    // Sessions and delayed wills end.
    for (let seconds = 0; seconds <= limits.sessionExpirySecondsMax; seconds += 1) server.advance(1000);
    await good.fence();
    expect(server.broker.stats()).toMatchObject({ connections: 1, sessions: 1, subscriptions: 1 });
    const { store } = server;
    await until("the store to forget", () => store.sessions.size + store.queued.size + store.storedWills.size === 0);

    await using next = await RawMqtt.connect(server.port, { clientId: "next", username: "fuzz", clean: false });
    expect(await next.subscribe("next", 2)).toBe(2);
    next.send(publishPacket("next", "served", { qos: 1, messageId: 1 }));
    expect([await next.next(), await next.next()].map(({ cmd }) => cmd).toSorted()).toEqual(["puback", "publish"]);
    expect(server.closeReasons).not.toContain("internal_error");
    expect(server.errors).toEqual([]);
  },
  30_000 + runs * 50,
);
