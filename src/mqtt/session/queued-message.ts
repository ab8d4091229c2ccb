/** A message for a persistent session, while its client is connected and it is not completely acknowledged. */

import { forever, type SteadyMs } from "../../lib/clock.ts";
import type { ClientConnection } from "./client-connection.ts";

/** The queue that keeps the messages of one session, as their writer sees it, and the connections that send them. */
export interface Keeper {
  /** What was added in a turn is on disk. */
  turnStored(): void;
  /** A row that will be read back is on disk. */
  rowStored(): void;
  /** A row that would be read back could not be stored. */
  rowLost(bytes: number): void;
  /** A message could not be stored. */
  lost(queued: Queued): void;
  /** The client has the message or refused it; its packet id is free already. */
  acknowledged(queued: Queued): void;
  /** PUBREC came: the message itself is no longer needed, and PUBREL waits until the store has recorded that. */
  released(connection: ClientConnection, queued: Queued): void;
}

export class Queued {
  readonly queueId: number;
  readonly qos: 1 | 2;
  /** The bytes it counts for in the session's limit. */
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
  /** An earlier connection got its PUBREC: it takes no room in this connection's window. */
  releasedBefore = false;
  /** Left to the store, which is read when there is room. */
  left = false;
  /** Counted among the bytes held in memory. */
  held = false;
  /** Its packet in stored form; undefined while it is being stored, must be read from the store, or was sent. */
  packet: Buffer | undefined;
  start = 0;
  end = 0;
  expiresAtMs: SteadyMs = forever;
  /** Undefined once it is acknowledged, or sent by a later connection of its session. */
  queue: Keeper | undefined;

  constructor(queueId: number, qos: 1 | 2, queue: Keeper) {
    this.queueId = queueId;
    this.qos = qos;
    this.queue = queue;
  }
}
