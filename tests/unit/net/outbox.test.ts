/** The outbox against a kernel that takes what it likes: nothing lost, nothing reordered, bounds told. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FlushQueue } from "../../../src/net/flush-queue.ts";
import { Outbox, type OutboxLimits, type OutboxOwner } from "../../../src/net/outbox.ts";
import type { Transport } from "../../../src/net/transport.ts";

const limits: OutboxLimits = { outboxSoftBytesMax: 100_000, outboxHardBytesMax: 400_000 };

/** Takes up to `room` bytes, then short writes until more room is made. */
class PickyTransport implements Transport {
  readonly remoteAddress = "test";
  readonly taken: Buffer[] = [];
  room = 0;
  writes = 0;

  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number {
    this.writes++;
    const count = Math.min(this.room, byteLength);
    this.room -= count;
    this.taken.push(Buffer.from(bytes.subarray(byteOffset, byteOffset + count)));
    return count;
  }

  shutdown(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
}

function setUp() {
  const transport = new PickyTransport();
  const told: string[] = [];
  const owner: OutboxOwner = {
    outboxSent: (sentBytes) => void told.push(`sent ${sentBytes}`),
    outboxWritable: () => void told.push("writable"),
    outboxOverflowed: () => void told.push("overflowed"),
    outboxGrew() {},
  };
  const outbox = new Outbox(
    transport,
    { ...limits, flushQueue: new FlushQueue(), counters: { packetsSent: 0, bytesSent: 0 } },
    owner,
  );
  return { transport, told, outbox };
}

/** `length` bytes that tell their place in the stream. */
function pattern(from: number, length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (from + at) % 251;
  return bytes;
}

const step = fc.oneof(
  fc.record({ do: fc.constant("append" as const), bytes: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant("append" as const), bytes: fc.integer({ min: 1000, max: 20_000 }) }),
  fc.record({ do: fc.constant("append" as const), bytes: fc.integer({ min: 1, max: 150_000 }) }),
  fc.record({ do: fc.constant("flush" as const), bytes: fc.constant(0) }),
  fc.record({ do: fc.constant("drain" as const), bytes: fc.integer({ min: 0, max: 200_000 }) }),
);

test("whatever the kernel takes at a time, the bytes are the ones appended, in order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 30_000 }), (steps, room) => {
      const { transport, outbox } = setUp();
      transport.room = room;
      let appended = 0;
      for (const { do: what, bytes } of steps) {
        if (what === "append") {
          outbox.append(pattern(appended, bytes));
          appended += bytes;
        } else if (what === "flush") {
          outbox.flush();
        } else {
          transport.room += bytes;
          outbox.drained();
        }
        const taken = transport.taken.reduce((sum, { length }) => sum + length, 0);
        expect(outbox.queuedBytes).toBe(appended - taken);
        expect(outbox.appendedBytes).toBe(appended);
        expect(outbox.full).toBe(outbox.queuedBytes > limits.outboxSoftBytesMax);
      }
      transport.room = Number.POSITIVE_INFINITY;
      outbox.drained();
      outbox.flush();
      expect(outbox.queuedBytes).toBe(0);
      expect(Buffer.compare(Buffer.concat(transport.taken), pattern(0, appended))).toBe(0);
      expect(outbox.buffer).toHaveLength(0); // lent buffers go back
    }),
    { numRuns: 300 },
  );
});

describe("an outbox", () => {
  test("writes a tick's packets at once", async () => {
    const { transport, outbox } = setUp();
    transport.room = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 100; n++) outbox.append(pattern(n * 10, 10));
    expect(transport.writes).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.writes).toBe(1);
  });

  test("writes early when 64 KiB have gathered", () => {
    const { transport, outbox } = setUp();
    transport.room = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 200; n++) outbox.append(pattern(n * 1000, 1000));
    expect(transport.writes).toBeGreaterThanOrEqual(3);
    expect(outbox.queuedBytes).toBeLessThanOrEqual(65_536);
  });

  test("does not write again before drain", () => {
    const { transport, outbox } = setUp();
    transport.room = 5;
    outbox.append(pattern(0, 10));
    outbox.flush();
    const { writes } = transport;
    transport.room = 100;
    outbox.append(pattern(10, 10));
    outbox.flush();
    expect(transport.writes).toBe(writes);
    outbox.drained();
    expect(Buffer.concat(transport.taken)).toEqual(pattern(0, 20));
  });

  test("tells once that it is writable, at half the soft cap", () => {
    const { transport, told, outbox } = setUp();
    outbox.append(pattern(0, 120_000));
    expect(outbox.full).toBe(true);
    outbox.notifyWhenWritable();
    outbox.flush();
    transport.room = 60_000;
    outbox.drained();
    expect(told).toEqual([]);
    transport.room = 20_000;
    outbox.drained();
    outbox.drained();
    expect(told).toEqual(["writable"]);
  });

  test("tells when the kernel took everything up to a position", () => {
    const { transport, told, outbox } = setUp();
    outbox.append(pattern(0, 1000));
    outbox.notifyWhenSent(outbox.appendedBytes);
    outbox.append(pattern(1000, 1000));
    transport.room = 999;
    outbox.flush();
    expect(told).toEqual([]);
    transport.room = 10;
    outbox.drained();
    expect(told).toEqual(["sent 1009"]);
  });

  test("tells once that the hard cap is passed", () => {
    const { told, outbox } = setUp();
    for (let n = 0; n < 5; n++) {
      outbox.append(pattern(0, 100_000));
      outbox.flush();
    }
    outbox.flush();
    expect(told).toEqual(["overflowed"]);
  });

  test("holds nothing and writes nothing once closed", () => {
    const { transport, outbox } = setUp();
    transport.room = 5;
    outbox.append(pattern(0, 10));
    outbox.close();
    expect(Buffer.concat(transport.taken)).toEqual(pattern(0, 5));
    transport.room = 100;
    outbox.append(pattern(0, 300_000));
    outbox.append(pattern(0, 10));
    outbox.flush();
    outbox.drained();
    outbox.close();
    expect(Buffer.concat(transport.taken)).toHaveLength(5);
  });
});
