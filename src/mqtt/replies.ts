/**
 * The answers of one connection, in the order of what they answer [MQTT-4.6.0-2], whatever each of them waits for.
 * PINGRESP is not among them: a slow service must not look like a dead server.
 */
import type { Outbox } from "../net/outbox.ts";
import { packetType } from "./wire.ts";

/** A place in the order. */
export interface Reply {
  ready: boolean;
  /** A PUBACK's packet id, or 0 if `bytes` is the answer. */
  pubackId: number;
  bytes: Buffer | undefined;
}

export class Replies {
  readonly #outbox: Outbox;
  #waiting: Reply[] | undefined;
  #closed = false;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Acknowledges at once, or behind what is still waiting. */
  puback(packetId: number): void {
    if (this.#waiting === undefined) this.#appendPuback(packetId);
    else this.#waiting.push({ ready: true, pubackId: packetId, bytes: undefined });
  }

  /** Takes the next place; one of the `settle` functions must follow. */
  reserve(): Reply {
    const reply: Reply = { ready: false, pubackId: 0, bytes: undefined };
    this.#waiting ??= [];
    this.#waiting.push(reply);
    return reply;
  }

  settlePuback(reply: Reply, packetId: number): void {
    reply.pubackId = packetId;
    this.#settle(reply);
  }

  settle(reply: Reply, bytes: Buffer): void {
    reply.bytes = bytes;
    this.#settle(reply);
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
  }

  #settle(reply: Reply): void {
    reply.ready = true;
    const waiting = this.#waiting;
    if (this.#closed || waiting === undefined || waiting[0] !== reply) return;
    let sent = 0;
    for (const next of waiting) {
      if (!next.ready) break;
      if (next.bytes === undefined) this.#appendPuback(next.pubackId);
      else this.#outbox.append(next.bytes);
      sent++;
    }
    if (sent === waiting.length) this.#waiting = undefined;
    else waiting.splice(0, sent);
  }

  #appendPuback(packetId: number): void {
    if (this.#closed) return;
    const at = this.#outbox.reserve(4);
    const out = this.#outbox.buffer;
    out[at] = packetType.puback << 4;
    out[at + 1] = 2;
    out[at + 2] = packetId >> 8;
    out[at + 3] = packetId & 0xff;
  }
}
