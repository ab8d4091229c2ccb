/**
 * A shared subscription, MQTT 5 § 4.8.2: all clients that subscribed to the same `$share/{ShareName}/{filter}`. A
 * message goes to one member, in turn; members that are connected and have room come first.
 */
import { later, longAgo, type SteadyMs } from "../../lib/clock.ts";
import type { Authorize } from "../identity.ts";
import { ForwardedPublish } from "../publish/forwarded-publish.ts";
import { preparePublish, StoredPublish } from "../publish/prepared-publish.ts";
import type { PublishForm, Sendable } from "../publish/publish-form.ts";
import type { DeliveryTerms, SharedCopy, Sharing } from "../session/delivery-terms.ts";
import type { Session } from "../session/session.ts";
import type { Qos } from "../wire/protocol.ts";
import { PublishView, readPublish, type TopicLimits } from "../wire/publish-packet.ts";
import { forwardedProperties } from "../wire/publish-properties.ts";
import { lowerQos } from "./qos.ts";
import type { Subscription } from "./subscription.ts";

interface Member {
  readonly session: Session;
  subscription: Subscription;
}

export interface ShareGroupParts {
  readonly authorize: Authorize;
  readonly limits: TopicLimits;
  readonly queueWriter: { begin(): void };
}

export class ShareGroup implements Sharing {
  /** As its members subscribed. */
  readonly sharedFilter: string;
  readonly filter: string;
  readonly #parts: ShareGroupParts;
  readonly #members: Member[] = [];
  #turn = 0;

  constructor(parts: ShareGroupParts, sharedFilter: string, filter: string) {
    this.#parts = parts;
    this.sharedFilter = sharedFilter;
    this.filter = filter;
  }

  get size(): number {
    return this.#members.length;
  }

  add(session: Session, subscription: Subscription): void {
    const known = this.#members.find((member) => member.session === session);
    if (known === undefined) this.#members.push({ session, subscription });
    else known.subscription = subscription;
  }

  remove(session: Session): boolean {
    const at = this.#members.findIndex((member) => member.session === session);
    if (at < 0) return false;
    this.#members.splice(at, 1);
    return true;
  }

  /** Gives the message to one member; false if no member may have it. */
  forward(message: Sendable, qos: Qos, retained: boolean): boolean {
    const member = this.#choose(message.topic, qos);
    if (member === undefined) return false;
    const { session, subscription } = member;
    const { subscriptionId } = subscription;
    const terms: DeliveryTerms = {
      retain: retained && subscription.retainAsPublished ? 1 : 0,
      subscriptionIds: subscriptionId === undefined ? undefined : [subscriptionId],
      group: this,
    };
    session.forwardWith(message, lowerQos(subscription.qos, qos), terms);
    return true;
  }

  /** A member left without having acknowledged the message. */
  forwardCopy({ form }: SharedCopy): void {
    this.#parts.queueWriter.begin();
    this.forward(messageOf(form, this.#parts.limits), form.qos, form.retain === 1);
  }

  /** The same for a message that is in the store; `expiresAtMs` 0: never. */
  forwardStored(packet: Uint8Array, expiresAtMs: SteadyMs): void {
    this.#parts.queueWriter.begin();
    const { view, topic, payload } = new StoredPublish(packet);
    const properties = forwardedProperties(view);
    const message = preparePublish(topic, payload, {
      properties,
      expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
    });
    this.forward(message, view.qos, view.retain);
  }

  #choose(topic: string, qos: Qos): Member | undefined {
    const members = this.#members;
    let best: Member | undefined;
    let bestAt = 0;
    for (let step = 0; step < members.length; step++) {
      const at = (this.#turn + step) % members.length;
      const member = members[at] as Member;
      if (best !== undefined && member.session.readiness <= best.session.readiness) continue;
      const keeps = lowerQos(member.subscription.qos, qos) > 0 && member.session.storedId !== undefined;
      if (member.session.readiness === 0 && !keeps) continue;
      if (!this.#parts.authorize(member.session.principal, "deliver", topic)) continue;
      best = member;
      bestAt = at;
      if (member.session.readiness === 2) break;
    }
    this.#turn = bestAt + 1;
    return best;
  }
}

/** Makes a message for another client from a packet that was on its way to one. */
function messageOf(form: PublishForm, limits: TopicLimits): Sendable {
  const view = new PublishView();
  const { buffer, start, end } = form;
  let bodyStart = start + 1;
  while ((buffer[bodyStart++] as number) > 127);
  const version = form.propertiesOffset > 0 ? 5 : 4;
  readPublish(view, { buffer, start, bodyStart, end }, version, limits);
  const sentMs = view.expirySeconds < 0 ? longAgo : later(form.expiresAtMs, -view.expirySeconds * 1000);
  return new ForwardedPublish().of(view, sentMs);
}
