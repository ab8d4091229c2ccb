/**
 * Messages to be sent as PUBLISH, in their forms on the wire: messages of the program, and stored messages. A fan-out
 * encodes once per form and copies.
 */
import { forever, type SteadyMs } from "../../lib/clock.ts";
import type { ProtocolVersion, Qos } from "../wire/protocol.ts";
import { PublishView, readPublish, type TopicLimits } from "../wire/publish-packet.ts";
import { forwardedProperties } from "../wire/publish-properties.ts";
import { encodePublish, type Forms, type Payload, PublishForm, type Sendable } from "./publish-form.ts";
import { storedBefore5 } from "./stored-publish.ts";

export interface MessageOptions {
  /** MQTT 5 properties as on the wire, without their length, and without the expiry and the properties of one hop. */
  readonly properties?: Uint8Array | undefined;
  readonly expiresAtMs?: SteadyMs | undefined;
  /** Sent with the RETAIN bit. */
  readonly retain?: boolean;
}

/** Where the remaining seconds are written when the message is sent. */
const expiryToCome = 1;

/** A message of the program itself, encoded on first use. */
export class PreparedPublish implements Sendable {
  readonly topic: string;
  readonly payload: Payload;
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: SteadyMs;
  readonly retain: boolean;
  #before5: Forms | undefined;
  #in5: Forms | undefined;

  constructor(topic: string, payload: Payload, options: MessageOptions = {}) {
    this.topic = topic;
    this.payload = payload;
    this.properties = options.properties;
    this.expiresAtMs = options.expiresAtMs ?? forever;
    this.retain = options.retain ?? false;
  }

  form(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
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

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): PublishForm {
    return this.form(protocolVersion, qos);
  }

  storable(): PublishForm {
    return this.form(5, 1);
  }

  #encode(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
    const { topic, payload, properties, expiresAtMs, retain } = this;
    const expirySeconds = expiresAtMs === forever ? undefined : expiryToCome;
    const form = encodePublish(topic, payload, qos, { protocolVersion, properties, expirySeconds, retain });
    form.expiresAtMs = expiresAtMs;
    return form;
  }
}

/** `topic` must be a valid topic name; bytes are not copied and must not change until the last delivery. */
export function preparePublish(topic: string, payload: Payload, options?: MessageOptions): PreparedPublish {
  return new PreparedPublish(topic, payload, options);
}

/** The broker checked these when it accepted the message. */
const anyTopic: TopicLimits = { topicBytesMax: 65_535, topicLevelsMax: 65_536 };

/** A message that was stored as a whole PUBLISH packet: as `form(5, qos)` writes it, or by `appendAsStored`. */
export class StoredPublish implements Sendable {
  readonly expiresAtMs: SteadyMs;
  /** Its QoS, RETAIN, payload and properties; its packet id has no meaning. */
  readonly view = new PublishView();
  readonly #retain: 0 | 1;
  #before5: Forms | undefined;
  #in5: Forms | undefined;

  /**
   * `packet` is not copied. It is sent with the RETAIN bit if it was stored with it, or as `retain` says; in a will
   * that bit is an instruction to the broker. Throws a `ProtocolError` if it is not a packet.
   */
  constructor(packet: Uint8Array, expiresAtMs: SteadyMs = forever, retain?: boolean) {
    this.expiresAtMs = expiresAtMs;
    this.view.stored = true;
    readStored(this.view, Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength));
    this.#retain = (retain ?? this.view.retain) ? 1 : 0;
  }

  get topic(): string {
    return this.view.topic;
  }

  get payload(): Buffer {
    return this.view.buffer.subarray(this.view.payloadStart, this.view.end);
  }

  form(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
    return this.#forms(protocolVersion)[qos] ?? this.#make(protocolVersion, qos);
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): PublishForm {
    return this.form(protocolVersion, qos);
  }

  storable(): PublishForm {
    return this.form(5, 1);
  }

  #forms(protocolVersion: ProtocolVersion): Forms {
    if (protocolVersion === 5) {
      this.#in5 ??= [undefined, undefined, undefined];
      return this.#in5;
    }
    this.#before5 ??= [undefined, undefined, undefined];
    return this.#before5;
  }

  #make(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
    const { view } = this;
    const isAsStored = (protocolVersion === 5) === (view.protocolVersion === 5) && qos > 0 === view.qos > 0;
    const form = isAsStored ? this.#asStored() : this.#encode(protocolVersion, qos);
    form.expiresAtMs = this.expiresAtMs;
    form.retain = this.#retain;
    form.qos = qos;
    this.#forms(protocolVersion)[qos] = form;
    return form;
  }

  #asStored(): PublishForm {
    const { buffer, end, qos, topicEnd, expiryAt, protocolVersion } = this.view;
    const form = new PublishForm();
    form.buffer = buffer;
    form.end = end;
    form.packetIdOffset = qos === 0 ? 0 : topicEnd;
    if (protocolVersion === 5) form.propertiesOffset = qos === 0 ? topicEnd : topicEnd + 2;
    form.expiryOffset = expiryAt;
    return form;
  }

  #encode(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
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
  const version = ((buffer[0] ?? 0) & storedBefore5) === 0 ? 5 : 4;
  readPublish(view, { buffer, start: 0, bodyStart: bodyStart + 1, end: buffer.length }, version, anyTopic);
  view.dup = false;
}
