/** Writes PUBLISH packets into a connection's outbox in the form that its client takes: the last step of a delivery. */
import { type Clock, forever, longAgo } from "../../lib/clock.ts";
import { type ClientTerms, noAlias } from "../connection/client-terms.ts";
import type { Counters } from "../counters.ts";
import { appendPublish, appendPublish5, type PacketBuffer, type PublishForm, publish5Bytes } from "./publish-form.ts";

/** One packet's position in its connection's stream. */
export interface Sent {
  /** DUP, QoS and RETAIN, as in the first byte. */
  readonly flags: number;
  readonly packetId: number;
  readonly subscriptionIds: readonly number[] | undefined;
}

/** Where packets go, and what the client accepts (MQTT 5). */
export interface Recipient {
  readonly outbox: PacketBuffer;
  readonly terms: ClientTerms | undefined;
}

export class PublishSender {
  readonly #counters: Counters;
  readonly #clock: Clock;

  constructor(parts: { counters: Counters; clock: Clock }) {
    this.#counters = parts.counters;
    this.#clock = parts.clock;
  }

  /** Whether the message may still be sent: not expired [MQTT-3.3.2-5], not too large for the client [MQTT-3.1.2-24]. */
  accepts(terms: ClientTerms | undefined, form: PublishForm, subscriptionIds: readonly number[] | undefined): boolean {
    if (form.expiresAtMs !== forever && form.expiresAtMs <= this.#clock.steadyMs()) {
      this.#counters.droppedExpired++;
      return false;
    }
    return this.fits(terms, form, subscriptionIds);
  }

  /** Whether it is not too large for the client [MQTT-3.1.2-24]. */
  fits(terms: ClientTerms | undefined, form: PublishForm, subscriptionIds: readonly number[] | undefined): boolean {
    if (terms === undefined || terms.maximumPacketBytes === Number.POSITIVE_INFINITY) return true;
    const bytes =
      subscriptionIds === undefined
        ? form.byteLength
        : publish5Bytes(form, { ...noAlias, flags: 0, packetId: 0, subscriptionIds, nowMs: longAgo });
    if (bytes <= terms.maximumPacketBytes) return true;
    this.#counters.droppedTooLarge++; // as if it had been sent [MQTT-3.1.2-25]
    return false;
  }

  /** `form` is of the client's version, and `accepts` was called. */
  send({ outbox, terms }: Recipient, topic: string, form: PublishForm, sent: Sent): void {
    this.#counters.publishesSent++;
    const { flags, packetId, subscriptionIds } = sent;
    if (terms === undefined || (!terms.usesAliases && subscriptionIds === undefined && form.expiryOffset === 0)) {
      appendPublish(outbox, form, flags, packetId);
      return;
    }
    const nowMs = this.#clock.steadyMs();
    const known = terms.aliasOf(topic);
    const packet = { flags, packetId, subscriptionIds, nowMs, ...known };
    if (known.alias > 0) {
      // An alias can make a packet longer: the first packet has the topic too, and a short topic is shorter than the
      // alias.
      const bounded = terms.maximumPacketBytes !== Number.POSITIVE_INFINITY;
      if (bounded && publish5Bytes(form, packet) > terms.maximumPacketBytes) {
        packet.alias = 0;
        packet.aliasKnown = false;
      } else if (!known.aliasKnown) terms.remember(topic, known.alias);
    }
    appendPublish5(outbox, form, packet);
  }
}
