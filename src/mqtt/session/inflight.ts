/**
 * QoS 1 and 2 publishes sent to one client and not yet acknowledged, by packet id. It is a ring indexed by the id's low
 * bits, since a Map costs several times as much on the busiest path of the broker. It starts small and grows with the
 * window in use.
 */

import type { SharedCopy } from "./delivery-terms.ts";
import type { Queued } from "./queued-message.ts";

/**
 * What a packet id stands for: a message on disk; a service's ref, for which the service delivers again; a message that
 * another member of a share group could take over; or nothing more, in a session that ends with its connection.
 */
export type Unacknowledged = Queued | SharedCopy | number | undefined;

/** The client's next answer: PUBACK at QoS 1, PUBREC and then PUBCOMP at QoS 2. */
export const awaited = { puback: 0, pubrec: 1, pubcomp: 2 } as const;
export type Awaited = (typeof awaited)[keyof typeof awaited];

const packetIdMax = 65_535;

/** Half of the packet ids, so that the ring always has a free one. */
export const inflightWindowMax = 32_768;

export class Inflight {
  count = 0;
  #ids = new Uint16Array(16);
  #contents: Unacknowledged[] = new Array(16).fill(undefined);
  #awaited = new Uint8Array(16);
  /**
   * The sequence number of each sending: packet ids wrap round, and a resend keeps the order of the first sending
   * [MQTT-4.6.0-1].
   */
  #sequences = new Float64Array(16);
  #nextId = 1;
  #nextSequence = 0;

  /** Gives an unused packet id, nonzero [MQTT-2.3.1-4]. The caller keeps `count` within `inflightWindowMax`. */
  add(content: Unacknowledged, answer: Awaited): number {
    if (2 * this.count >= this.#ids.length) this.#grow();
    const mask = this.#ids.length - 1;
    let id = this.#nextId;
    while (this.#ids[id & mask] !== 0) id = id === packetIdMax ? 1 : id + 1;
    this.#nextId = id === packetIdMax ? 1 : id + 1;
    const slot = id & mask;
    this.#ids[slot] = id;
    this.#contents[slot] = content;
    this.#awaited[slot] = answer;
    this.#sequences[slot] = this.#nextSequence++;
    this.count++;
    return id;
  }

  /** Takes up a packet id that an earlier connection used. */
  restore(packetId: number, content: Unacknowledged, answer: Awaited): void {
    if (this.has(packetId)) return;
    while (2 * this.count >= this.#ids.length || this.#ids[packetId & (this.#ids.length - 1)] !== 0) this.#grow();
    this.#put(packetId, { content, answer, sequence: this.#nextSequence++ });
    this.count++;
    // The store may still have the last acknowledged messages, so their packet ids are used last.
    this.#nextId = packetId === packetIdMax ? 1 : packetId + 1;
  }

  /** Another session's packet ids are still in use. The next ones follow them, so those are reached last. */
  continueFrom(other: Inflight): void {
    this.#nextId = other.#nextId;
  }

  has(packetId: number): boolean {
    return this.#ids[packetId & (this.#ids.length - 1)] === packetId;
  }

  /** What `packetId` stands for; only while `has` it. */
  get(packetId: number): Unacknowledged {
    return this.#contents[packetId & (this.#ids.length - 1)];
  }

  /** The client's next answer for `packetId`; only while `has` it. */
  awaits(packetId: number): Awaited {
    return this.#awaited[packetId & (this.#ids.length - 1)] as Awaited;
  }

  /** PUBREC came: the client has the message, and the packet id is in use until PUBCOMP. */
  release(packetId: number): void {
    const content = this.get(packetId);
    const kept = typeof content === "object" && "queueId" in content ? content : undefined;
    this.#put(packetId, { content: kept, answer: awaited.pubcomp, sequence: this.#nextSequence++ });
  }

  /** Frees `packetId`, which must be in use. */
  remove(packetId: number): Unacknowledged {
    const slot = packetId & (this.#ids.length - 1);
    const content = this.#contents[slot];
    this.#ids[slot] = 0;
    this.#contents[slot] = undefined;
    this.count--;
    return content;
  }

  /** Packet ids in the order of their first sending. */
  inOrder(): number[] {
    const sequenceOf = (id: number) => this.#sequences[id & (this.#ids.length - 1)] ?? 0;
    return [...this.#ids].filter((id) => id !== 0).sort((a, b) => sequenceOf(a) - sequenceOf(b));
  }

  #put(id: number, { content, answer, sequence }: { content: Unacknowledged; answer: number; sequence: number }): void {
    const slot = id & (this.#ids.length - 1);
    this.#ids[slot] = id;
    this.#contents[slot] = content;
    this.#awaited[slot] = answer;
    this.#sequences[slot] = sequence;
  }

  #grow(): void {
    const [ids, contents, answers, sequences] = [this.#ids, this.#contents, this.#awaited, this.#sequences];
    const size = 2 * ids.length;
    this.#ids = new Uint16Array(size);
    this.#contents = new Array(size).fill(undefined);
    this.#awaited = new Uint8Array(size);
    this.#sequences = new Float64Array(size);
    for (const [slot, id] of ids.entries()) {
      if (id === 0) continue;
      this.#put(id, { content: contents[slot], answer: answers[slot] ?? 0, sequence: sequences[slot] ?? 0 });
    }
  }
}
