/**
 * One message in the forms it takes on the wire. A fan-out encodes once per form and copies; a message that came in as a
 * PUBLISH of the same QoS and version is not encoded at all, its packet is copied as it stands.
 */
import type { ProtocolVersion, Qos } from "./hooks.ts";
import { PublishView, readPublish, type TopicLimits } from "./publish-packet.ts";
import { forwardedProperties } from "./publish-properties.ts";
import { publishByte, varintBytes, writeVarint } from "./wire.ts";
import { encodePublish, encodeWith, WireForm } from "./wire-form.ts";

export {
  appendPublish,
  appendPublish5,
  encodePublish,
  type Publish5Terms,
  type PublishOptions,
  publish5Bytes,
  WireForm,
} from "./wire-form.ts";

/** What can be sent to a client as PUBLISH. */
export interface Sendable {
  readonly topic: string;
  /** Infinite: never. */
  readonly expiresAtMs: number;
  /** Valid until the tick ends. */
  form(protocolVersion: ProtocolVersion, qos: Qos): WireForm;
  /** A form that knows its QoS, in memory of its own. */
  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm;
}

/** The forms of one message in one version, by their QoS. */
type Forms = [WireForm | undefined, WireForm | undefined, WireForm | undefined];

export interface MessageOptions {
  /** MQTT 5 properties as on the wire, without their length, without those of one hop and the expiry. */
  readonly properties?: Uint8Array | undefined;
  readonly expiresAtMs?: number | undefined;
  /** Sent with the RETAIN bit. */
  readonly retain?: boolean;
}

/** Where the seconds left are written when the message is sent. */
const expiryToCome = 1;

/** A message of the program's own, encoded when it is first needed. */
export class PreparedPublish implements Sendable {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: number;
  readonly retain: boolean;
  #before5: Forms | undefined;
  #in5: Forms | undefined;

  constructor(topic: string, payload: Uint8Array, options: MessageOptions = {}) {
    this.topic = topic;
    this.payload = payload;
    this.properties = options.properties;
    this.expiresAtMs = options.expiresAtMs ?? Number.POSITIVE_INFINITY;
    this.retain = options.retain ?? false;
  }

  form(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    let forms: Forms;
    if (protocolVersion === 5) {
      this.#in5 ??= [undefined, undefined, undefined];
      forms = this.#in5;
    } else {
      this.#before5 ??= [undefined, undefined, undefined];
      forms = this.#before5;
    }
    const form = forms[qos] ?? this.#encode(protocolVersion, qos);
    forms[qos] = form;
    return form;
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm {
    return this.form(protocolVersion, qos);
  }

  #encode(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    const { topic, payload, properties, expiresAtMs, retain } = this;
    const expirySeconds = expiresAtMs === Number.POSITIVE_INFINITY ? undefined : expiryToCome;
    const form = encodePublish(topic, payload, qos, { protocolVersion, properties, expirySeconds, retain });
    form.expiresAtMs = expiresAtMs;
    return form;
  }
}

/** `topic` must be a valid topic name; `payload` is not copied and must not change until the last delivery. */
export function preparePublish(topic: string, payload: Uint8Array, options?: MessageOptions): PreparedPublish {
  return new PreparedPublish(topic, payload, options);
}

/** What is made of a received packet for those who cannot have it as it stands. */
class Converted {
  /** By whether it is for MQTT 5, and whether it has a packet id. */
  before5: Forms = [undefined, undefined, undefined];
  in5: Forms = [undefined, undefined, undefined];
  /** At QoS 1 and 2, with one memory between them. */
  keptBefore5: Forms = [undefined, undefined, undefined];
  keptIn5: Forms = [undefined, undefined, undefined];
}

/** Which clients may have a packet as it stands. */
const fits = { before5: 0, in5: 1, nobody: 2 } as const;

/** A received PUBLISH on its way out again. One object serves all: `of` turns it to the next packet. */
export class ForwardedPublish implements Sendable {
  #view = new PublishView();
  readonly #received = new WireForm();
  #fits: number = fits.before5;
  #converted: Converted | undefined;

  /** The view's topic must be known by now, also where an alias stood for it. */
  of(view: PublishView, nowMs: number): this {
    this.#view = view;
    this.#converted = undefined;
    const received = this.#received;
    received.buffer = view.buffer;
    received.start = view.start;
    received.end = view.end;
    received.packetIdOffset = view.qos === 0 ? 0 : view.topicEnd - view.start;
    if (view.protocolVersion === 5) this.#in5(view, nowMs);
    else if (this.#fits !== fits.before5) this.#before5();
    return this;
  }

  get topic(): string {
    return this.#view.topic;
  }

  get expiresAtMs(): number {
    return this.#received.expiresAtMs;
  }

  /** `qos` is not above the received one. */
  form(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    if ((protocolVersion === 5 ? fits.in5 : fits.before5) === this.#fits) {
      if (qos > 0 || this.#received.packetIdOffset === 0) return this.#received;
    }
    return this.#convert(protocolVersion, qos);
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm {
    this.#converted ??= new Converted();
    const forms = protocolVersion === 5 ? this.#converted.keptIn5 : this.#converted.keptBefore5;
    const there = forms[qos];
    if (there !== undefined) return there;
    const other = forms[qos === 1 ? 2 : 1];
    const kept = copyForm(other ?? this.form(protocolVersion, qos), other?.buffer);
    kept.qos = qos;
    forms[qos] = kept;
    return kept;
  }

  #in5(view: PublishView, nowMs: number): void {
    const { start, qos, topicEnd, expiryAt, expirySeconds } = view;
    this.#fits = view.topicAlias === 0 ? fits.in5 : fits.nobody;
    const received = this.#received;
    received.propertiesOffset = topicEnd - start + (qos === 0 ? 0 : 2);
    received.expiryOffset = expiryAt === 0 ? 0 : expiryAt - start;
    received.expiresAtMs = expiryAt === 0 ? Number.POSITIVE_INFINITY : nowMs + expirySeconds * 1000;
  }

  #before5(): void {
    this.#fits = fits.before5;
    this.#received.propertiesOffset = 0;
    this.#received.expiryOffset = 0;
    this.#received.expiresAtMs = Number.POSITIVE_INFINITY;
  }

  #convert(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    this.#converted ??= new Converted();
    const forms = protocolVersion === 5 ? this.#converted.in5 : this.#converted.before5;
    const withPacketId = qos === 0 ? 0 : 1;
    const there = forms[withPacketId];
    if (there !== undefined) return there;
    const sameVersion = (protocolVersion === 5) === (this.#view.protocolVersion === 5);
    const form =
      sameVersion && this.#fits !== fits.nobody ? this.#withoutPacketId() : this.#encode(protocolVersion, withPacketId);
    forms[withPacketId] = form;
    return form;
  }

  #encode(protocolVersion: ProtocolVersion, qos: 0 | 1): WireForm {
    const view = this.#view;
    const payload = view.buffer.subarray(view.payloadStart, view.end);
    const form = encodeWith(Buffer.allocUnsafe, {
      topic: view.topic,
      payload,
      qos,
      options:
        protocolVersion === 5
          ? {
              protocolVersion,
              properties: forwardedProperties(view),
              expirySeconds: view.expirySeconds < 0 ? undefined : view.expirySeconds,
            }
          : {},
    });
    form.expiresAtMs = this.#received.expiresAtMs;
    return form;
  }

  #withoutPacketId(): WireForm {
    const { buffer, start, bodyStart, topicEnd, end } = this.#view;
    const remaining = end - bodyStart - 2;
    const form = new WireForm();
    const out = Buffer.allocUnsafe(1 + varintBytes(remaining) + remaining);
    out[0] = publishByte;
    let at = writeVarint(out, 1, remaining);
    at += buffer.copy(out, at, bodyStart, topicEnd);
    buffer.copy(out, at, topicEnd + 2, end);
    form.buffer = out;
    form.end = out.length;
    const { propertiesOffset, expiryOffset, expiresAtMs } = this.#received;
    const moved = at - (topicEnd + 2 - start);
    if (propertiesOffset > 0) form.propertiesOffset = propertiesOffset + moved;
    if (expiryOffset > 0) form.expiryOffset = expiryOffset + moved;
    form.expiresAtMs = expiresAtMs;
    return form;
  }
}

/** The same packet in memory of its own, or in `shared`, a copy made earlier. */
function copyForm(form: WireForm, shared?: Buffer): WireForm {
  const copy = new WireForm();
  const { buffer, start, end } = form;
  if (shared === undefined) {
    copy.buffer = Buffer.allocUnsafeSlow(end - start);
    buffer.copy(copy.buffer, 0, start, end);
  } else copy.buffer = shared;
  copy.end = end - start;
  copy.packetIdOffset = form.packetIdOffset;
  copy.propertiesOffset = form.propertiesOffset;
  copy.expiryOffset = form.expiryOffset;
  copy.expiresAtMs = form.expiresAtMs;
  copy.retain = form.retain;
  return copy;
}

/** The broker checked these when it took the message over. */
const anyTopic: TopicLimits = { topicBytesMax: 65_535, topicLevelsMax: 65_536 };

/** A message that was stored as a whole PUBLISH packet in its MQTT 5 form, as `form(5, qos)` writes it. */
export class StoredPublish implements Sendable {
  readonly expiresAtMs: number;
  /** Its QoS, RETAIN, payload and properties; its packet id means nothing. */
  readonly view = new PublishView();
  readonly #retain: 0 | 1;
  #before5: Forms | undefined;
  #in5: Forms | undefined;

  /**
   * `packet` is not copied. It is sent with the RETAIN bit if it is stored with it, or as `retain` says: a will's bit is an
   * order to the broker. Throws a `ProtocolError` if it is not a packet.
   */
  constructor(packet: Uint8Array, expiresAtMs = Number.POSITIVE_INFINITY, retain?: boolean) {
    this.expiresAtMs = expiresAtMs;
    readStored(this.view, Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength));
    this.#retain = (retain ?? this.view.retain) ? 1 : 0;
  }

  get topic(): string {
    return this.view.topic;
  }

  get payload(): Buffer {
    return this.view.buffer.subarray(this.view.payloadStart, this.view.end);
  }

  form(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    return this.#forms(protocolVersion)[qos] ?? this.#make(protocolVersion, qos);
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): WireForm {
    return this.form(protocolVersion, qos);
  }

  #forms(protocolVersion: ProtocolVersion): Forms {
    if (protocolVersion === 5) {
      this.#in5 ??= [undefined, undefined, undefined];
      return this.#in5;
    }
    this.#before5 ??= [undefined, undefined, undefined];
    return this.#before5;
  }

  #make(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    const { view } = this;
    const form =
      protocolVersion === 5 && qos > 0 === view.qos > 0 ? this.#asStored() : this.#encode(protocolVersion, qos);
    form.expiresAtMs = this.expiresAtMs;
    form.retain = this.#retain;
    form.qos = qos;
    this.#forms(protocolVersion)[qos] = form;
    return form;
  }

  #asStored(): WireForm {
    const { buffer, end, qos, topicEnd, expiryAt } = this.view;
    const form = new WireForm();
    form.buffer = buffer;
    form.end = end;
    form.packetIdOffset = qos === 0 ? 0 : topicEnd;
    form.propertiesOffset = qos === 0 ? topicEnd : topicEnd + 2;
    form.expiryOffset = expiryAt;
    return form;
  }

  #encode(protocolVersion: ProtocolVersion, qos: Qos): WireForm {
    const { view } = this;
    const five = protocolVersion === 5;
    return encodePublish(view.topic, this.payload, qos, {
      protocolVersion,
      properties: five ? forwardedProperties(view) : undefined,
      expirySeconds: view.expirySeconds < 0 ? undefined : view.expirySeconds,
    });
  }
}

function readStored(view: PublishView, buffer: Buffer): void {
  let bodyStart = 1;
  while ((buffer[bodyStart] ?? 0) > 127) bodyStart++;
  readPublish(view, { buffer, start: 0, bodyStart: bodyStart + 1, end: buffer.length }, 5, anyTopic);
}
