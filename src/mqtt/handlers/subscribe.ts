/** SUBSCRIBE, § 3.8: every filter is answered in its slot, once the store has what it must keep. */

import type { Log } from "../../lib/log.ts";
import { reserveAnswer, settleWith } from "../connection/acknowledgements.ts";
import type { Connection } from "../connection/connection.ts";
import type { Authorize, BrokersReason, Identity } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { serviceQos } from "../routing/qos.ts";
import type { Routes } from "../routing/routes.ts";
import { isRouted, parseShared, type Subscription, servingOf, subscriptionOf } from "../routing/subscription.ts";
import type { SysTopics } from "../routing/sys-topics.ts";
import type { Services } from "../services.ts";
import type { Session } from "../session/session.ts";
import type { BrokerStore, StoredSubscription } from "../store.ts";
import {
  encodeSuback,
  noLocalBit,
  type RequestedSubscription,
  retainAsPublishedBit,
  retainHandlingOf,
  retainOnlyForNew,
  type SubscribePacket,
} from "../wire/codec.ts";
import { ProtocolError, subscribeFailure } from "../wire/errors.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import { countLevels, isTopicFilter } from "../wire/topic-names.ts";

/** What is needed to set up a subscription. */
export interface InstallParts {
  readonly authorize: Authorize;
  readonly services: Pick<Services, "serving" | "subscribed">;
  readonly routes: Pick<Routes, "add" | "remove">;
}

export interface RemoveParts {
  readonly services: Pick<Services, "unsubscribed">;
  readonly routes: Pick<Routes, "remove">;
}

export interface SubscribeParts extends InstallParts, RemoveParts {
  readonly services: InstallParts["services"] & RemoveParts["services"];
  readonly routes: InstallParts["routes"];
  readonly store: Pick<BrokerStore, "subscribe">;
  readonly sys: Pick<SysTopics, "sendTo">;
  readonly identity: Pick<Identity, "refused">;
  readonly limits: Pick<BrokerLimits, "topicBytesMax" | "topicLevelsMax" | "subscriptionsPerSessionMax">;
  readonly log: Log;
}

interface Accepted {
  readonly filter: string;
  readonly subscription: Subscription;
  /** Whether there was no subscription with this filter. */
  readonly isNew: boolean;
}

export function handleSubscribe(
  parts: SubscribeParts,
  connection: Connection,
  session: Session,
  packet: SubscribePacket,
): void {
  // The whole packet is checked first: it is either obeyed or an error, never half of each.
  for (const { filter } of packet.subscriptions) {
    if (!isTopicFilter(filter) || parseShared(filter) === "malformed") {
      throw new ProtocolError("a malformed topic filter", reasonCodes.topicFilterInvalid); // [MQTT-4.7.1-2] [MQTT-4.7.1-3]
    }
  }
  const codes: number[] = [];
  const accepted: Accepted[] = [];
  const subscriptions = connection.bridge ? packet.subscriptions.map(asOfBridge) : packet.subscriptions;
  for (const requested of subscriptions) {
    const { filter } = requested;
    const isNew = session.subscriptionTo(filter) === undefined;
    const answer = subscribe(parts, session, requested, packet.subscriptionId);
    if (typeof answer === "number") codes.push(failureSlot(session, requested.qos, answer));
    else {
      accepted.push({ filter, subscription: answer, isNew });
      codes.push(answer.qos); // [MQTT-3.8.4-5]
    }
  }
  const reply = reserveAnswer(connection);
  const settle = (): void => {
    const suback = encodeSuback(packet.packetId, codes, connection.protocolVersion);
    if (!connection.hasRoomFor(suback.length)) {
      connection.close("packet_too_large", "SUBACK is larger than the client takes");
      return;
    }
    settleWith(connection, reply, suback);
    if (session.connection !== connection) return;
    for (const one of accepted) sendRetained(parts, session, one);
  };
  if (session.storedId === undefined || accepted.length === 0) {
    settle();
    return;
  }
  connection.workStarted(0);
  parts.store
    .subscribe(
      session.storedId,
      accepted.map(({ filter, subscription: { qos, options, subscriptionId } }): StoredSubscription => {
        return { filter, qos, options, subscriptionId };
      }),
    )
    .then(settle, (error: unknown) => {
      parts.log.error("storing subscriptions failed", { clientId: session.clientId, error });
      for (const { filter } of accepted) removeSubscription(parts, session, filter);
      connection.close("internal_error"); // [MQTT-4.8.0-2]
    })
    .finally(() => connection.workDone(0));
}

/**
 * A bridge gets a message as its publisher sent it, RETAIN included, and never its own ones back, which would go round
 * for ever. It subscribes each time it connects. What is retained comes with the first SUBSCRIBE alone: later the bridge
 * may have something newer for us, which would be overwritten on its side. A shared subscription cannot leave its own
 * out, MQTT 5 § 3.8.3.1.
 */
function asOfBridge({ filter, qos }: RequestedSubscription): RequestedSubscription {
  const noLocal = parseShared(filter) === undefined ? noLocalBit : 0;
  return { filter, qos, options: noLocal | retainAsPublishedBit | retainOnlyForNew };
}

/**
 * MQTT 3.1.1 has one failure code. MQTT 3.1 has none: like Mosquitto we answer with the QoS as if it were granted, and
 * deliver nothing.
 */
function failureSlot({ protocolVersion }: Session, qos: number, reasonCode: number): number {
  return protocolVersion === 5 ? reasonCode : protocolVersion === 3 ? qos : subscribeFailure;
}

/**
 * Retained messages come from the tree. A service delivers its own, and shared subscriptions get none (MQTT 5 § 4.8.2).
 */
function sendRetained(parts: SubscribeParts, session: Session, { filter, subscription, isNew }: Accepted): void {
  if (session.subscriptionTo(filter) === undefined || !subscription.routed || parseShared(filter) !== undefined) return;
  const handling = retainHandlingOf(subscription.options);
  if (handling === 2 || (handling === 1 && !isNew)) return; // [MQTT-3.3.1-10] [MQTT-3.3.1-11]
  session.sendRetained(filter, subscription);
  parts.sys.sendTo(session, filter);
}

/** Gives the subscription, or the reason code of the refusal. */
function subscribe(
  parts: SubscribeParts,
  session: Session,
  { filter, qos, options }: RequestedSubscription,
  subscriptionId: number | undefined,
): Subscription | number {
  const { limits } = parts;
  if (Buffer.byteLength(filter) > limits.topicBytesMax || countLevels(filter) > limits.topicLevelsMax) {
    return refuse(parts, session, filter, "topicFilterInvalid", { text: "the filter is too long", limit: "topic" });
  }
  const isNew = session.subscriptionTo(filter) === undefined;
  if (isNew && (session.subscriptionCount >= limits.subscriptionsPerSessionMax || !session.hasRoomFor(filter))) {
    const reason = { text: "too many subscriptions", limit: "subscriptions" } as const;
    return refuse(parts, session, filter, "quotaExceeded", reason);
  }
  const subscription = installSubscription(parts, session, filter, { qos, options, subscriptionId });
  return subscription ?? refuse(parts, session, filter, "notAuthorized", undefined);
}

function refuse(
  { identity }: SubscribeParts,
  { principal, clientId, address }: Session,
  topic: string,
  code: "topicFilterInvalid" | "quotaExceeded" | "notAuthorized",
  reason: BrokersReason | undefined,
): number {
  identity.refused({ asked: "subscribe", topic, principal, clientId, address, reason });
  return reasonCodes[code];
}

/**
 * Sets up a subscription in the tree and at the services, as far as it is allowed; undefined where it is not. A refused
 * subscription is removed if it existed.
 */
export function installSubscription(
  parts: InstallParts,
  session: Session,
  filter: string,
  requested: Pick<Subscription, "qos" | "options" | "subscriptionId">,
  serving = servingOf(parts, session, filter),
): Subscription | undefined {
  const { services, routes } = parts;
  const before = session.subscriptionTo(filter);
  const { answer } = serving;
  if (answer === "refused") {
    if (before?.routed === true) routes.remove(filter, session);
    session.deleteSubscription(filter);
    return undefined;
  }
  const routed = isRouted(answer);
  const qos = answer === "service" ? serviceQos(requested.qos) : requested.qos;
  const subscription = subscriptionOf({ ...requested, qos, routed });
  if (before?.routed === true && !routed) routes.remove(filter, session);
  session.setSubscription(filter, subscription);
  if (routed && !(before?.routed === true && before === subscription)) routes.add(filter, session, subscription);
  services.subscribed(serving, session, filter, answer === "addressed" ? qos : serviceQos(qos));
  return subscription;
}

/** Ends a subscription in the tree and at the services; false if there was none. */
export function removeSubscription(parts: RemoveParts, session: Session, filter: string): boolean {
  const subscription = session.subscriptionTo(filter);
  if (subscription === undefined) return parts.services.unsubscribed(session, filter);
  session.deleteSubscription(filter);
  session.forgetRetained(filter);
  if (subscription.routed) parts.routes.remove(filter, session);
  parts.services.unsubscribed(session, filter);
  return true;
}
