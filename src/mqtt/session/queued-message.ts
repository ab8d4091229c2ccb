/** A message for a persistent session, as long as its client is connected and it is not wholly acknowledged. */
import type { SessionQueue } from "./session-queue.ts";

export class Queued {
  readonly queueId: number;
  readonly qos: 1 | 2;
  /** What it counts for in the session's bound. */
  bytes = 0;
  /** 0 while it has none. */
  packetId = 0;
  /** On disk, with its packet id if it is QoS 2 and has one. */
  stored = false;
  /** Sent on this connection. */
  sent = false;
  /** An earlier connection may have sent it. */
  dup = false;
  /** PUBREC arrived, and the store knows it. */
  released = false;
  /** An earlier connection got its PUBREC: it takes no room in the window of this one. */
  releasedBefore = false;
  /** Left to the store, which is read when there is room. */
  left = false;
  /** Counted among the bytes held in memory. */
  held = false;
  /** Where its packet is, as it is stored; undefined: still being stored, to be read from the store, or sent. */
  packet: Buffer | undefined;
  start = 0;
  end = 0;
  expiresAtMs = Number.POSITIVE_INFINITY;
  /** Undefined when its connection is gone. */
  queue: SessionQueue | undefined;

  constructor(queueId: number, qos: 1 | 2, queue: SessionQueue) {
    this.queueId = queueId;
    this.qos = qos;
    this.queue = queue;
  }
}
