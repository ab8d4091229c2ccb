/** What waits for a client, step by step against a kernel that takes a little at a time. */
import { expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import type { Connection } from "../../../src/mqtt/connection/connection.ts";
import type { BrokerCore } from "../../../src/mqtt/core.ts";
import { createCounters } from "../../../src/mqtt/counters.ts";
import { defaultBrokerLimits } from "../../../src/mqtt/limits.ts";
import { preparePublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import { PublishSender } from "../../../src/mqtt/publish/publish-sender.ts";
import { Outgoing, plainDelivery } from "../../../src/mqtt/session/outgoing.ts";
import type { Session } from "../../../src/mqtt/session/session.ts";
import { FlushQueue } from "../../../src/net/flush-queue.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { openHooks } from "../../support/test-broker.ts";

test("a message published between the outbox's low mark and its soft cap keeps behind the queue", () => {
  const limits = { ...defaultBrokerLimits, outboxSoftBytesMax: 1000 };
  let room = 0;
  const taken: Buffer[] = [];
  const transport = {
    remoteAddress: "",
    write(bytes: Uint8Array, from: number, length: number) {
      const count = Math.min(room, length);
      room -= count;
      taken.push(Buffer.from(bytes.subarray(from, from + count)));
      return count;
    },
    shutdown() {},
    terminate() {},
    pause() {},
    resume() {},
  };
  const owner = { outboxSent() {}, outboxWritable: () => outgoing.pump(), outboxOverflowed() {} };
  const outbox = new Outbox(transport, limits, new FlushQueue(), owner);
  const connection = {
    outbox,
    protocolVersion: 4,
    terms: undefined,
    receiveMaximum: 65_535,
    close: () => expect.unreachable(),
  } as unknown as Connection;
  const session = { connection, protocolVersion: 4, storedId: undefined } as unknown as Session;
  const counters = createCounters();
  const sender = new PublishSender({ counters, clock: systemClock });
  const core = { limits, hooks: openHooks, counters, sender } as unknown as BrokerCore;
  const outgoing = new Outgoing(core, session, []);
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
  const counters = createCounters();
  const sender = new PublishSender({ counters, clock: systemClock });
  const limits = { ...defaultBrokerLimits, inflightMax };
  const core = { limits, hooks: openHooks, counters, sender } as unknown as BrokerCore;
  const outbox = { full: false, buffer: Buffer.alloc(10_000), reserve: () => 0 };
  const connection = { outbox, protocolVersion: 4, receiveMaximum, close: () => expect.unreachable() };
  const session = { connection, storedId: undefined } as unknown as Session;
  const outgoing = new Outgoing(core, session, []);
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < size; n++) {
      expect(outgoing.open).toBe(true);
      outgoing.forward(preparePublish("t", Buffer.alloc(1)), n % 2 === 0 ? 1 : 2, plainDelivery);
    }
    expect([outgoing.open, outgoing.mayResend, outgoing.inflight.count]).toEqual([false, false, size]);
    for (const packetId of outgoing.inflight.inOrder()) {
      outgoing.acknowledged(packetId);
      outgoing.received(connection as unknown as Connection, packetId, 0);
      outgoing.completed(packetId);
    }
    expect(outgoing.inflight.count).toBe(0);
  }
});
