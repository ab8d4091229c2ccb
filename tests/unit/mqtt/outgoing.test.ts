/** What waits for a client, step by step against a kernel that takes a little at a time. */
import { expect, test } from "bun:test";
import type { BrokerLimits } from "../../../src/mqtt/limits.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import type { Deliverer } from "../../../src/mqtt/service.ts";
import type { ClientConnection } from "../../../src/mqtt/session/client-connection.ts";
import { plainDelivery } from "../../../src/mqtt/session/delivery-terms.ts";
import { awaited } from "../../../src/mqtt/session/inflight.ts";
import { Outgoing } from "../../../src/mqtt/session/outgoing.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { SteppedBroker } from "../../support/stepped-broker.ts";

/** What is on its way to one client of a session that ends with its connection; `take` says how many bytes its kernel does. */
function openOutgoing(
  limits: Partial<BrokerLimits>,
  receiveMaximum: number,
  take: (bytes: Uint8Array, from: number, length: number) => number,
) {
  const forbidden = new Set<string>();
  const identity = { authorize: (_: unknown, _action: unknown, topic: string) => !forbidden.has(topic) };
  const { parts } = new SteppedBroker({ limits, identity });
  const transport = { remoteAddress: "", write: take, shutdown() {}, terminate() {}, pause() {}, resume() {} };
  const owner = { outboxSent() {}, outboxWritable: () => outgoing.pump(), outboxOverflowed() {}, outboxGrew() {} };
  const outbox = new Outbox(transport, parts.outboxes, owner);
  const connection: ClientConnection = {
    outbox,
    protocolVersion: 4,
    terms: undefined,
    receiveMaximum,
    unknownPacketId: 0,
    session: undefined,
    address: "",
    isBecoming: false,
    isStranger: false,
    mayStay() {},
    outboxGrew() {},
    become() {},
    close: () => expect.unreachable(),
  };
  const acknowledged: number[] = [];
  const deliverer: Deliverer = { acknowledged: (ref) => void acknowledged.push(ref), writable() {} };
  const session = { connection, principal: { key: "c" }, storedId: undefined, deliverer };
  const outgoing = new Outgoing(parts, session, []);
  return { outgoing, outbox, connection, acknowledged, forbid: (topic: string) => void forbidden.add(topic) };
}

test("a message published between the outbox's low mark and its soft cap keeps behind the queue", () => {
  let room = 0;
  const taken: Buffer[] = [];
  const { outgoing, outbox } = openOutgoing({ outboxSoftBytesMax: 1000 }, 65_535, (bytes, from, length) => {
    const count = Math.min(room, length);
    room -= count;
    taken.push(Buffer.from(bytes.subarray(from, from + count)));
    return count;
  });
  const forward = (n: number) => outgoing.forward(preparePublish("t", Buffer.alloc(100, n)), 1, plainDelivery);

  for (let n = 0; n < 20; n++) forward(n);
  outbox.flush();
  room = 300;
  outbox.drained();
  expect(outbox.full).toBe(false);
  forward(20);
  room = Number.POSITIVE_INFINITY;
  outbox.drained();
  while (outbox.queuedBytes > 0) outbox.flush();
  const packetBytes = 107;
  const seen = Buffer.concat(taken);
  expect(seen).toHaveLength(21 * packetBytes);
  for (let n = 0; n <= 20; n++) expect(seen[n * packetBytes + packetBytes - 1]).toBe(n);
});

test.each([
  ["the broker's setting", 10, 65_535, 10],
  ["the client's receive maximum", 10, 3, 3],
  ["one at a time", 1, 1, 1],
] as const)("the window is as large as %s says", (_, inflightMax, receiveMaximum, size) => {
  const { outgoing, connection } = openOutgoing({ inflightMax }, receiveMaximum, (_, _from, length) => length);
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < size; n++) {
      expect(outgoing.open).toBe(true);
      outgoing.forward(preparePublish("t", Buffer.alloc(1)), n % 2 === 0 ? 1 : 2, plainDelivery);
    }
    expect([outgoing.open, outgoing.mayResend, outgoing.inflight.count]).toEqual([false, false, size]);
    for (const packetId of outgoing.inflight.inOrder()) {
      if (outgoing.inflight.awaits(packetId) === awaited.puback) outgoing.acknowledged(packetId);
      else {
        outgoing.received(connection, packetId, 0);
        outgoing.completed(packetId);
      }
    }
    expect(outgoing.inflight.count).toBe(0);
  }
});

test("a session that replaces another on its connection uses no packet id that the client has yet to answer", () => {
  const sentIds: number[] = [];
  const note = (bytes: Uint8Array, from: number, length: number) => {
    // Each packet is written by itself: header, topic "t", packet id, payload.
    sentIds.push(Buffer.from(bytes.buffer, bytes.byteOffset + from + 5, 2).readUInt16BE());
    return length;
  };
  const before = openOutgoing({}, 65_535, note);
  const send = ({ outgoing, outbox }: ReturnType<typeof openOutgoing>) => {
    outgoing.forward(preparePublish("t", Buffer.alloc(1)), 1, plainDelivery);
    outbox.flush();
    return sentIds.at(-1);
  };
  expect(send(before)).toBe(1); // never answered
  for (let id = 0; id < 65_530; ) {
    id = send(before) as number;
    before.outgoing.acknowledged(id);
  }
  const after = openOutgoing({}, 65_535, note);
  after.outgoing.continueFrom(before.outgoing);
  const next = Array.from({ length: 10 }, () => send(after));
  expect(next).toContain(2); // they began again
  expect(next).not.toContain(1);
  after.outgoing.acknowledged(1); // the answer is taken here
  expect(after.outgoing.inflight.inOrder()).toEqual(next as number[]);
});

test("messages that waited in memory wait in the session that replaces theirs, for a client that may receive them", () => {
  const none = openOutgoing({}, 1, (_, _from, length) => length);
  for (const topic of ["a", "secret", "b"])
    none.outgoing.forward(preparePublish(topic, Buffer.alloc(1)), 1, plainDelivery);
  const taken: Buffer[] = [];
  const after = openOutgoing({}, 3, (bytes, from, length) => {
    taken.push(Buffer.from(bytes.subarray(from, from + length)));
    return length;
  });
  after.forbid("secret");
  after.outgoing.continueFrom(none.outgoing);
  after.outgoing.pump();
  after.outbox.flush();
  expect(Buffer.concat(taken).toString("latin1")).toContain("b");
  expect(Buffer.concat(taken).toString("latin1")).not.toContain("secret");
  expect(after.outgoing.inflight.count).toBe(2);
});

test("a service's message of a session gives its packet id up for one that the client has yet to answer", () => {
  const take = (_: Uint8Array, _from: number, length: number) => length;
  const message = preparePublish("t", Buffer.alloc(1));
  const after = openOutgoing({}, 65_535, take);
  after.outgoing.deliver(after.connection, message, 1, 77);
  after.outgoing.detached();
  const before = openOutgoing({}, 65_535, take);
  for (let n = 0; n < 3; n++) before.outgoing.forward(message, 1, plainDelivery);
  expect(before.outgoing.inflight.inOrder()).toEqual([1, 2, 3]);
  for (const id of [2, 3]) before.outgoing.acknowledged(id);
  after.outgoing.continueFrom(before.outgoing);
  after.outgoing.attach(after.connection, []);
  after.outgoing.acknowledged(1);
  expect(after.acknowledged).toEqual([]);
  // It is delivered anew, under an id that the client has not seen on this connection.
  after.outgoing.deliver(after.connection, message, 1, 77);
  expect(after.outgoing.inflight.inOrder()).toEqual([4]);
  after.outgoing.acknowledged(4);
  expect(after.acknowledged).toEqual([77]);
});
