/**
 * The answers of one connection, in the order of the packets they answer [MQTT-4.6.0-2], whatever each of them waits
 * for. PINGRESP is not among them: a slow service must not look like a dead server.
 */
import type { Outbox } from "../../net/outbox.ts";
import { appendAnswer, packetType } from "../wire/packet-bytes.ts";

/** A place in the order. */
export interface Acknowledgement {
  ready: boolean;
  /** The packet type and id of a PUBACK, PUBREC or PUBCOMP, unless `bytes` is the answer. */
  type: number;
  packetId: number;
  reasonCode: number;
  reasonString: string | undefined;
  bytes: Buffer | undefined;
}

/** A place for PUBACKs that are sent together. */
export interface Pubacks {
  ready: boolean;
  readonly packetIds: number[];
  /** The refusal in these PUBACKs, MQTT 5 only. */
  refusal: { readonly reasonCode: number; readonly reasonString: string | undefined } | undefined;
}

export class Acknowledgements {
  /** Undefined once the connection sends nothing more. */
  #outbox: Outbox | undefined;
  #waiting: (Acknowledgement | Pubacks)[] | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Sends a PUBACK at once, or after the answers that still wait. */
  puback(packetId: number): void {
    if (this.#waiting !== undefined) this.acknowledge(packetType.puback, packetId);
    else if (this.#outbox !== undefined) appendPuback(this.#outbox, packetId);
  }

  /** The same with PUBREC or PUBCOMP, or with a reason, which only MQTT 5 has. */
  acknowledge(type: number, packetId: number, reasonCode = 0, reasonString?: string): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push({ ready: true, type, packetId, reasonCode, reasonString, bytes: undefined });
    } else if (this.#outbox !== undefined) appendAnswer(this.#outbox, type, packetId, reasonCode, reasonString);
  }

  /** Takes the next place; one of the `settle` functions must follow. */
  reserve(): Acknowledgement {
    const acknowledgement: Acknowledgement = {
      ready: false,
      type: 0,
      packetId: 0,
      reasonCode: 0,
      reasonString: undefined,
      bytes: undefined,
    };
    this.#waiting ??= [];
    this.#waiting.push(acknowledgement);
    return acknowledgement;
  }

  /** Takes the next place for a PUBACK, and for more PUBACKs while it `isLast`; `ready` and `flush` must follow. */
  reservePubacks(packetId: number): Pubacks {
    const pubacks: Pubacks = { ready: false, packetIds: [packetId], refusal: undefined };
    this.#waiting ??= [];
    this.#waiting.push(pubacks);
    return pubacks;
  }

  /** Whether no answer has a place after this one. */
  isLast(pubacks: Pubacks): boolean {
    return this.#waiting !== undefined && this.#waiting[this.#waiting.length - 1] === pubacks;
  }

  settleAcknowledgement(
    acknowledgement: Acknowledgement,
    type: number,
    packetId: number,
    reasonCode = 0,
    reasonString?: string,
  ): void {
    acknowledgement.type = type;
    acknowledgement.packetId = packetId;
    acknowledgement.reasonCode = reasonCode;
    acknowledgement.reasonString = reasonString;
    this.#settle(acknowledgement);
  }

  settle(acknowledgement: Acknowledgement, bytes: Buffer): void {
    acknowledgement.bytes = bytes;
    this.#settle(acknowledgement);
  }

  /** Nothing is sent after this call. */
  close(): void {
    this.#outbox = undefined;
    this.#waiting = undefined;
  }

  #settle(acknowledgement: Acknowledgement): void {
    acknowledgement.ready = true;
    if (this.#waiting?.[0] === acknowledgement) this.flush();
  }

  /** Sends the answers that are ready and have no waiting answer before them. */
  flush(): void {
    const outbox = this.#outbox;
    const waiting = this.#waiting;
    if (outbox === undefined || waiting?.[0]?.ready !== true) return;
    let sent = 0;
    for (const next of waiting) {
      if (!next.ready) break;
      if ("packetIds" in next) appendPubacks(outbox, next);
      else if (next.bytes !== undefined) outbox.append(next.bytes);
      else appendAnswer(outbox, next.type, next.packetId, next.reasonCode, next.reasonString);
      sent++;
    }
    if (sent === waiting.length) this.#waiting = undefined;
    else waiting.splice(0, sent);
  }
}

function appendPubacks(outbox: Outbox, { packetIds, refusal }: Pubacks): void {
  for (const packetId of packetIds) {
    if (refusal === undefined) appendPuback(outbox, packetId);
    else appendAnswer(outbox, packetType.puback, packetId, refusal.reasonCode, refusal.reasonString);
  }
}

/** Skips the checks of `appendAnswer`: most of a broker's answers are plain PUBACKs. */
function appendPuback(outbox: Outbox, packetId: number): void {
  const at = outbox.reserve(4);
  const out = outbox.buffer;
  out[at] = packetType.puback << 4;
  out[at + 1] = 2;
  out[at + 2] = packetId >> 8;
  out[at + 3] = packetId & 0xff;
}
