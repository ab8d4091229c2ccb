/**
 * One message in the forms it takes on the wire. A fan-out encodes once per form and copies; a message that came in as a
 * PUBLISH of the same QoS is not encoded at all, its packet is copied as it stands.
 */
import type { Outbox } from "../net/outbox.ts";
import type { ProtocolVersion, Qos } from "./hooks.ts";
import type { PublishView } from "./publish-packet.ts";
import { publishByte, remainingLengthBytes, writeRemainingLength } from "./wire.ts";

const noBytes: Buffer = Buffer.alloc(0);

/** A PUBLISH packet in a buffer, whose first byte and packet id are patched wherever it is copied to. */
export class WireForm {
  buffer: Buffer = noBytes;
  start = 0;
  end = 0;
  /** From `start`; 0 in a QoS 0 packet. */
  packetIdOffset = 0;
  /** The RETAIN bit, in a message that is sent because of a new subscription. */
  retain: 0 | 1 = 0;
  /** Of a form that is kept: what it is to be sent at. */
  qos: Qos = 0;

  get byteLength(): number {
    return this.end - this.start;
  }
}

/** What can be sent to a client as PUBLISH. */
export interface Sendable {
  /** Valid until the tick ends. */
  form(protocolVersion: ProtocolVersion, qos: Qos): WireForm;
  /** A form that knows its QoS, in memory of its own. */
  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm;
}

/** Appends `form` to the outbox; `flags` is what stands in the first byte besides the packet type. */
export function appendPublish(outbox: Outbox, form: WireForm, flags: number, packetId: number): void {
  const { start, end, packetIdOffset, retain } = form;
  const at = outbox.reserve(end - start);
  const out = outbox.buffer;
  form.buffer.copy(out, at, start, end);
  out[at] = publishByte | flags | retain;
  if (packetIdOffset > 0) {
    out[at + packetIdOffset] = packetId >> 8;
    out[at + packetIdOffset + 1] = packetId & 0xff;
  }
}

/** A message of the program's own, encoded when it is first needed. */
export class PreparedPublish implements Sendable {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly #forms: [WireForm | undefined, WireForm | undefined, WireForm | undefined] = [
    undefined,
    undefined,
    undefined,
  ];

  constructor(topic: string, payload: Uint8Array) {
    this.topic = topic;
    this.payload = payload;
  }

  form(_protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    const form = this.#forms[qos] ?? encodePublish(this.topic, this.payload, qos);
    this.#forms[qos] = form;
    return form;
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm {
    return this.form(protocolVersion, qos);
  }
}

/** `topic` must be a valid topic name; `payload` is not copied and must not change until the last delivery. */
export function preparePublish(topic: string, payload: Uint8Array): PreparedPublish {
  return new PreparedPublish(topic, payload);
}

/** A received PUBLISH on its way out again. One object serves all: `of` turns it to the next packet. */
export class ForwardedPublish implements Sendable {
  #view: PublishView | undefined;
  readonly #received = new WireForm();
  #downgraded: WireForm | undefined;
  /** At QoS 1 and 2, with one memory between them. */
  #kept1: WireForm | undefined;
  #kept2: WireForm | undefined;

  of(view: PublishView): this {
    this.#view = view;
    this.#downgraded = undefined;
    this.#kept1 = undefined;
    this.#kept2 = undefined;
    const received = this.#received;
    received.buffer = view.buffer;
    received.start = view.start;
    received.end = view.end;
    received.packetIdOffset = view.qos === 0 ? 0 : view.topicEnd - view.start;
    return this;
  }

  /** `qos` is not above the received one. */
  form(_protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    if (qos > 0 || this.#received.packetIdOffset === 0) return this.#received;
    this.#downgraded ??= this.#withoutPacketId();
    return this.#downgraded;
  }

  kept(_protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm {
    const there = qos === 1 ? this.#kept1 : this.#kept2;
    if (there !== undefined) return there;
    const kept = new WireForm();
    const { buffer, start, end, packetIdOffset } = this.#received;
    const other = qos === 1 ? this.#kept2 : this.#kept1;
    if (other === undefined) {
      kept.buffer = Buffer.allocUnsafeSlow(end - start);
      buffer.copy(kept.buffer, 0, start, end);
    } else kept.buffer = other.buffer;
    kept.end = end - start;
    kept.packetIdOffset = packetIdOffset;
    kept.qos = qos;
    if (qos === 1) this.#kept1 = kept;
    else this.#kept2 = kept;
    return kept;
  }

  #withoutPacketId(): WireForm {
    const view = this.#view as PublishView;
    const { buffer, bodyStart, topicEnd, end } = view;
    const remaining = end - bodyStart - 2;
    const form = new WireForm();
    const out = Buffer.allocUnsafe(1 + remainingLengthBytes(remaining) + remaining);
    let at = writeRemainingLength(out, 1, remaining);
    at += buffer.copy(out, at, bodyStart, topicEnd);
    buffer.copy(out, at, topicEnd + 2, end);
    form.buffer = out;
    form.end = out.length;
    return form;
  }
}

/** One PUBLISH packet with packet id 0, its own memory. */
export function encodePublish(topic: string, payload: Uint8Array, qos: Qos): WireForm {
  const topicBytes = Buffer.byteLength(topic);
  const remaining = 2 + topicBytes + (qos > 0 ? 2 : 0) + payload.length;
  const out = Buffer.allocUnsafeSlow(1 + remainingLengthBytes(remaining) + remaining);
  out[0] = publishByte | (qos << 1);
  let at = writeRemainingLength(out, 1, remaining);
  at = out.writeUInt16BE(topicBytes, at);
  at += out.write(topic, at, "utf8");
  const form = new WireForm();
  form.qos = qos;
  if (qos > 0) {
    form.packetIdOffset = at;
    at = out.writeUInt16BE(0, at);
  }
  out.set(payload, at);
  form.buffer = out;
  form.end = out.length;
  return form;
}
