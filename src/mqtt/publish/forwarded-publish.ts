/**
 * A received PUBLISH on its way to its subscribers. Clients of the same version get its packet without any encoding;
 * for the others it is encoded once per form.
 */

import { forever, later, type SteadyMs } from "../../lib/clock.ts";
import { publishByte, varintBytes, writeVarint } from "../wire/packet-bytes.ts";
import type { ProtocolVersion, Qos } from "../wire/protocol.ts";
import { PublishView } from "../wire/publish-packet.ts";
import { forwardedProperties } from "../wire/publish-properties.ts";
import { encodeWith, PublishForm, type Sendable } from "./publish-form.ts";

/**
 * Indexes of the forms made of a received packet for clients that cannot have it unchanged; those of MQTT 5 follow
 * after these.
 */
const made = { withoutPacketId: 0, withPacketId: 1, kept1: 2, kept2: 3 } as const;
const madeIn5 = 4;

/** Which clients may have a packet unchanged. */
const fits = { before5: 0, in5: 1, none: 2 } as const;

/** A received PUBLISH as it is sent out. One object serves all packets: `of` points it at the next one. */
export class ForwardedPublish implements Sendable {
  #view = new PublishView();
  readonly #received = new PublishForm();
  #fits: number = fits.before5;
  readonly #made: (PublishForm | undefined)[] = new Array(2 * madeIn5).fill(undefined);
  #anyMade = false;

  /** The view's topic must be set by now, also where an alias stood for it. */
  of(view: PublishView, nowMs: SteadyMs): this {
    this.#view = view;
    if (this.#anyMade) {
      this.#made.fill(undefined);
      this.#anyMade = false;
    }
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

  get expiresAtMs(): SteadyMs {
    return this.#received.expiresAtMs;
  }

  /** `qos` is not above the received one. */
  form(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
    if ((protocolVersion === 5 ? fits.in5 : fits.before5) === this.#fits) {
      if (qos > 0 || this.#received.packetIdOffset === 0) return this.#received;
    }
    return this.#convert(protocolVersion, qos);
  }

  kept(protocolVersion: ProtocolVersion, qos: 1 | 2): PublishForm {
    const first = protocolVersion === 5 ? madeIn5 : 0;
    const place = first + (qos === 1 ? made.kept1 : made.kept2);
    const there = this.#made[place];
    if (there !== undefined) return there;
    // One copy of the bytes serves both.
    const other = this.#made[first + (qos === 1 ? made.kept2 : made.kept1)];
    const kept = copyForm(other ?? this.form(protocolVersion, qos), other?.buffer);
    kept.qos = qos;
    return this.#remember(place, kept);
  }

  storable(): PublishForm {
    return this.#fits === fits.before5 && this.#view.qos > 0 ? this.#received : this.form(5, 1);
  }

  #in5(view: PublishView, nowMs: SteadyMs): void {
    const { start, qos, topicEnd, expiryAt, expirySeconds } = view;
    this.#fits = view.topicAlias === 0 ? fits.in5 : fits.none;
    const received = this.#received;
    received.propertiesOffset = topicEnd - start + (qos === 0 ? 0 : 2);
    received.expiryOffset = expiryAt === 0 ? 0 : expiryAt - start;
    received.expiresAtMs = expiryAt === 0 ? forever : later(nowMs, expirySeconds * 1000);
  }

  #before5(): void {
    this.#fits = fits.before5;
    this.#received.propertiesOffset = 0;
    this.#received.expiryOffset = 0;
    this.#received.expiresAtMs = forever;
  }

  #convert(protocolVersion: ProtocolVersion, qos: Qos): PublishForm {
    const place = (protocolVersion === 5 ? madeIn5 : 0) + (qos === 0 ? made.withoutPacketId : made.withPacketId);
    const there = this.#made[place];
    if (there !== undefined) return there;
    const sameVersion = (protocolVersion === 5) === (this.#view.protocolVersion === 5);
    const copies = sameVersion && this.#fits !== fits.none;
    return this.#remember(place, copies ? this.#withoutPacketId() : this.#encode(protocolVersion, qos === 0 ? 0 : 1));
  }

  #remember(place: number, form: PublishForm): PublishForm {
    this.#made[place] = form;
    this.#anyMade = true;
    return form;
  }

  #encode(protocolVersion: ProtocolVersion, qos: 0 | 1): PublishForm {
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

  #withoutPacketId(): PublishForm {
    const { buffer, start, bodyStart, topicEnd, end } = this.#view;
    const remaining = end - bodyStart - 2;
    const form = new PublishForm();
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

/** Gives the same packet in memory of its own, or in `shared`, a copy made earlier. */
function copyForm(form: PublishForm, shared?: Buffer): PublishForm {
  const copy = new PublishForm();
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
