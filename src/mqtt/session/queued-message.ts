/** A message for a persistent session, as long as its client is connected and it is not wholly acknowledged. */

/** The queue that keeps messages of one session, as their writer knows it. */
export interface Keeper {
  /** What was added in a turn is on disk. */
  turnStored(): void;
  /** A row that is to be read back is on disk. */
  rowStored(): void;
  /** Such a row could not be stored. */
  rowLost(bytes: number): void;
  /** A message could not be stored. */
  lost(queued: Queued): void;
}

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
  queue: Keeper | undefined;

  constructor(queueId: number, qos: 1 | 2, queue: Keeper) {
    this.queueId = queueId;
    this.qos = qos;
    this.queue = queue;
  }
}
