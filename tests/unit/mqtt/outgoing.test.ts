/** What waits for a client, step by step against a kernel that takes a little at a time. */
import { expect, test } from "bun:test";
import type { BrokerLimits } from "../../../src/mqtt/limits.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import type { ClientConnection } from "../../../src/mqtt/session/client-connection.ts";
import { plainDelivery } from "../../../src/mqtt/session/delivery-terms.ts";
import { Outgoing } from "../../../src/mqtt/session/outgoing.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { SteppedBroker } from "../../support/stepped-broker.ts";

/** What is on its way to one client of a session that ends with its connection; `take` says how many bytes its kernel does. */
function openOutgoing(
  limits: Partial<BrokerLimits>,
  receiveMaximum: number,
  take: (bytes: Uint8Array, from: number, length: number) => number,
) {
  const { parts } = new SteppedBroker({ limits });
  const transport = { remoteAddress: "", write: take, shutdown() {}, terminate() {}, pause() {}, resume() {} };
  const owner = { outboxSent() {}, outboxWritable: () => outgoing.pump(), outboxOverflowed() {} };
  const outbox = new Outbox(transport, parts.outboxes, owner);
  const connection: ClientConnection = {
    outbox,
    protocolVersion: 4,
    terms: undefined,
    receiveMaximum,
    unknownPacketId: 0,
    address: "",
    isBecoming: false,
    become() {},
    close: () => expect.unreachable(),
  };
  const session = { connection, principal: { key: "c" }, storedId: undefined, deliverer: undefined };
  const outgoing = new Outgoing(parts, session, []);
  return { outgoing, outbox, connection };
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
      outgoing.acknowledged(packetId);
      outgoing.received(connection, packetId, 0);
      outgoing.completed(packetId);
    }
    expect(outgoing.inflight.count).toBe(0);
  }
});
