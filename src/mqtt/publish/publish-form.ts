/**
 * One PUBLISH packet in a buffer, and how it is copied into an outbox: unchanged except for its first byte and its
 * packet id, or, in MQTT 5, with the fields of one client.
 */
import { forever, type SteadyMs } from "../../lib/clock.ts";
import { publishByte, varintBytes, writeVarint } from "../wire/packet-bytes.ts";
import { propertyId } from "../wire/properties.ts";
import type { ProtocolVersion, Qos } from "../wire/protocol.ts";

const noBytes: Buffer = Buffer.alloc(0);
/** Where the packet id is written when the packet is sent; until then it holds a valid one. */
const packetIdToCome = 1;
const expirySecondsMax = 0xffffffff;

/** A PUBLISH packet in a buffer. Its first byte and packet id are patched in each copy. */
export class PublishForm {
  buffer: Buffer = noBytes;
  start = 0;
  end = 0;
  /** The offset from `start`; 0 in a QoS 0 packet. */
  packetIdOffset = 0;
  /** The offset of the length of the properties, from `start`; 0 before MQTT 5. */
  propertiesOffset = 0;
  /** The offset of the message expiry interval's four bytes, from `start`; 0: none. */
  expiryOffset = 0;
  /**
   * The time from which the expiry interval is calculated; while infinite, the interval in the packet stays unchanged.
   */
  expiresAtMs: SteadyMs = forever;
  /** The RETAIN bit of a message that is sent because of a new subscription. */
  retain: 0 | 1 = 0;
  /** For a kept form: the QoS to send it at. */
  qos: Qos = 0;

  get byteLength(): number {
    return this.end - this.start;
  }
}

/** What can be sent to a client as PUBLISH. */
export interface Sendable {
  readonly topic: string;
  /** Infinite where it never expires. */
  readonly expiresAtMs: SteadyMs;
  /** Valid until the tick ends. */
  form(protocolVersion: ProtocolVersion, qos: Qos): PublishForm;
  /** Gives a form that knows its QoS, in memory of its own. */
  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): PublishForm;
  /** Gives the form that is cheapest to store, of any version and of QoS 1 or 2. */
  storable(): PublishForm;
}

/** The forms of one message in one version, by their QoS. */
export type Forms = [PublishForm | undefined, PublishForm | undefined, PublishForm | undefined];

/**
 * Appends `form` to the outbox; `flags` is the first byte without the packet type. A message that expires is sent to an
 * MQTT 5 client this way only in the tick in which it arrived; later `appendPublish5` writes the time that remains.
 */
export function appendPublish(outbox: PacketBuffer, form: PublishForm, flags: number, packetId: number): void {
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

/** Where packets are written; an outbox is one. */
export interface PacketBuffer {
  /** Changes with every `reserve`. */
  readonly buffer: Buffer;
  /** Makes room and gives its offset in `buffer`. */
  reserve(bytes: number): number;
}

/** The fields that one MQTT 5 client's copy of a message has of its own. */
export interface Publish5Terms {
  /** The first byte without the packet type and the form's RETAIN. */
  readonly flags: number;
  readonly packetId: number;
  /** 0: none. */
  readonly alias: number;
  /** The client knows the alias: no topic is sent. */
  readonly aliasKnown: boolean;
  /** Of the subscriptions that matched [MQTT-3.3.4-3]; none of them is 0. */
  readonly subscriptionIds: readonly number[] | undefined;
  readonly nowMs: SteadyMs;
}

/** The layout of the packet made from a form for MQTT 5; one object for all, since building it never waits. */
const plan = { topicStart: 0, topicEnd: 0, propertiesStart: 0, propertiesBytes: 0, remaining: 0 };

function makePlan(form: PublishForm, terms: Publish5Terms): void {
  const { buffer, start, end } = form;
  let at = start + 1;
  while ((buffer[at] as number) > 127) at++;
  plan.topicStart = at + 1;
  plan.topicEnd = start + (form.packetIdOffset > 0 ? form.packetIdOffset : form.propertiesOffset);
  let bytes = 0;
  at = start + form.propertiesOffset;
  for (let shift = 0; ; shift += 7) {
    const byte = buffer[at++] as number;
    bytes |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  plan.propertiesStart = at;
  const restBytes = end - at; // the form's own properties and the payload
  let added = terms.alias > 0 ? 3 : 0;
  if (terms.subscriptionIds !== undefined) for (const id of terms.subscriptionIds) added += 1 + varintBytes(id);
  plan.propertiesBytes = bytes + added;
  const topicBytes = terms.aliasKnown ? 2 : plan.topicEnd - plan.topicStart;
  const packetIdBytes = form.packetIdOffset > 0 ? 2 : 0;
  plan.remaining = topicBytes + packetIdBytes + varintBytes(plan.propertiesBytes) + added + restBytes;
}

/** The size of what `appendPublish5` writes. */
export function publish5Bytes(form: PublishForm, terms: Publish5Terms): number {
  makePlan(form, terms);
  return 1 + varintBytes(plan.remaining) + plan.remaining;
}

/** Appends an MQTT 5 `form` with the client's own properties, and with what is left of the message's time. */
export function appendPublish5(outbox: PacketBuffer, form: PublishForm, terms: Publish5Terms): void {
  makePlan(form, terms);
  const { buffer } = form;
  let at = outbox.reserve(1 + varintBytes(plan.remaining) + plan.remaining);
  const out = outbox.buffer;
  out[at] = publishByte | terms.flags | form.retain;
  at = writeVarint(out, at + 1, plan.remaining);
  if (terms.aliasKnown) {
    out[at++] = 0;
    out[at++] = 0;
  } else at += buffer.copy(out, at, plan.topicStart, plan.topicEnd);
  if (form.packetIdOffset > 0) {
    out[at++] = terms.packetId >> 8;
    out[at++] = terms.packetId & 0xff;
  }
  at = writeVarint(out, at, plan.propertiesBytes);
  if (terms.alias > 0) {
    out[at++] = propertyId.topicAlias;
    out[at++] = terms.alias >> 8;
    out[at++] = terms.alias & 0xff;
  }
  at = writeSubscriptionIds(out, at, terms.subscriptionIds);
  buffer.copy(out, at, plan.propertiesStart, form.end);
  if (form.expiryOffset > 0 && form.expiresAtMs !== forever) {
    const offset = form.start + form.expiryOffset - plan.propertiesStart;
    out.writeUInt32BE(secondsLeft(form.expiresAtMs, terms.nowMs), at + offset); // [MQTT-3.3.2-6]
  }
}

function writeSubscriptionIds(out: Buffer, at: number, ids: readonly number[] | undefined): number {
  let offset = at;
  if (ids !== undefined) {
    for (const id of ids) {
      out[offset++] = propertyId.subscriptionId;
      offset = writeVarint(out, offset, id);
    }
  }
  return offset;
}

/** Rounded up, so that a message that has not expired does not arrive with 0 seconds left. */
function secondsLeft(expiresAtMs: SteadyMs, nowMs: SteadyMs): number {
  return Math.min(Math.max(Math.ceil((expiresAtMs - nowMs) / 1000), 1), expirySecondsMax);
}

export interface PublishOptions {
  /** 4 if it is not given; 3 and 4 are the same on the wire. All fields below except `retain` are for MQTT 5. */
  readonly protocolVersion?: ProtocolVersion;
  /** As on the wire, without their length, without expiry and subscription identifiers. */
  readonly properties?: Uint8Array | undefined;
  readonly expirySeconds?: number | undefined;
  readonly subscriptionIds?: readonly number[] | undefined;
  readonly retain?: boolean;
}

/** Bytes, or text that is sent as UTF-8. */
export type Payload = Uint8Array | string;

/** Encodes one PUBLISH packet in memory of its own; its packet id is set later. */
export function encodePublish(topic: string, payload: Payload, qos: Qos, options: PublishOptions = {}): PublishForm {
  return encodeWith(Buffer.allocUnsafeSlow, { topic, payload, qos, options });
}

/** The same in memory that `allocate` gives. */
export function encodeWith(
  allocate: (bytes: number) => Buffer,
  message: { topic: string; payload: Payload; qos: Qos; options: PublishOptions },
): PublishForm {
  const { topic, payload, qos, options } = message;
  const five = options.protocolVersion === 5;
  const topicBytes = Buffer.byteLength(topic);
  const propertiesBytes = five ? propertiesLength(options) : 0;
  const beforePayload =
    2 + topicBytes + (qos > 0 ? 2 : 0) + (five ? varintBytes(propertiesBytes) + propertiesBytes : 0);
  const remaining = beforePayload + (typeof payload === "string" ? Buffer.byteLength(payload) : payload.length);
  const out = allocate(1 + varintBytes(remaining) + remaining);
  const form = new PublishForm();
  form.buffer = out;
  form.end = out.length;
  form.qos = qos;
  form.retain = options.retain === true ? 1 : 0;
  out[0] = publishByte | (qos << 1) | form.retain;
  let at = writeVarint(out, 1, remaining);
  at = out.writeUInt16BE(topicBytes, at);
  at += out.write(topic, at, "utf8");
  if (qos > 0) {
    form.packetIdOffset = at;
    at = out.writeUInt16BE(packetIdToCome, at);
  }
  if (five) {
    form.propertiesOffset = at;
    at = writeProperties(out, writeVarint(out, at, propertiesBytes), form, options);
  }
  if (typeof payload === "string") out.write(payload, at, "utf8");
  else out.set(payload, at);
  return form;
}

function propertiesLength({ properties, expirySeconds, subscriptionIds }: PublishOptions): number {
  let bytes = (properties?.length ?? 0) + (expirySeconds === undefined ? 0 : 5);
  for (const id of subscriptionIds ?? []) bytes += 1 + varintBytes(id);
  return bytes;
}

function writeProperties(out: Buffer, start: number, form: PublishForm, options: PublishOptions): number {
  let at = start;
  if (options.expirySeconds !== undefined) {
    out[at++] = propertyId.messageExpiry;
    form.expiryOffset = at;
    at = out.writeUInt32BE(options.expirySeconds, at);
  }
  at = writeSubscriptionIds(out, at, options.subscriptionIds);
  if (options.properties === undefined) return at;
  out.set(options.properties, at);
  return at + options.properties.length;
}
