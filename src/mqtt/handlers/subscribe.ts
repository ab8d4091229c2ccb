/** SUBSCRIBE, MQTT 3.1.1 § 3.8: every filter is answered in its slot, once the store has what it must remember. */
import { encodeSuback, type SubscribePacket } from "../codec.ts";
import type { BrokerCore } from "../core.ts";
import { ProtocolError, subscribeFailure } from "../errors.ts";
import type { Qos, SubscribeAnswer } from "../hooks.ts";
import { serviceQos } from "../qos.ts";
import type { Session } from "../session.ts";
import type { StoredSubscription } from "../store.ts";
import { countLevels, isTopicFilter } from "../topic-names.ts";
import type { Client } from "./publish.ts";

export function handleSubscribe(core: BrokerCore, client: Client, packet: SubscribePacket): void {
  const { connection, session } = client;
  // Looked at as a whole first: a packet is obeyed or it is an error, never half of each.
  for (const { filter } of packet.subscriptions) {
    if (!isTopicFilter(filter)) throw new ProtocolError("a malformed topic filter"); // [MQTT-4.7.1-2] [MQTT-4.7.1-3]
  }
  const granted: number[] = [];
  const accepted: { filter: string; qos: Qos; slot: number }[] = [];
  for (const { filter, qos: wanted } of packet.subscriptions) {
    if (!accept(core, session, { filter, qos: wanted })) {
      granted.push(failureSlot(session, wanted));
      continue;
    }
    const qos = session.subscriptions.get(filter)?.qos ?? 0;
    accepted.push({ filter, qos, slot: granted.length });
    granted.push(qos); // [MQTT-3.8.4-5]
  }
  const reply = connection.replies.reserve();
  const settle = (): void => {
    connection.replies.settle(reply, encodeSuback(packet.packetId, granted));
    if (session.connection !== connection) return;
    for (const { filter, qos, slot } of accepted) {
      if (granted[slot] !== qos || !session.subscriptions.has(filter)) continue;
      sendRetained(session, filter, qos);
      core.sys.sendTo(session, filter);
    }
  };
  if (session.storedId === undefined || accepted.length === 0) {
    settle();
    return;
  }
  connection.workStarted(0);
  core.store
    .subscribe(
      session.storedId,
      accepted.map(({ filter, qos }): StoredSubscription => ({ filter, qos })),
    )
    .catch((error: unknown) => {
      core.log.error("storing subscriptions failed", { clientId: session.clientId, error });
      for (const { filter, qos, slot } of accepted) {
        removeSubscription(core, session, filter);
        granted[slot] = failureSlot(session, qos);
      }
    })
    .finally(() => {
      settle();
      connection.workDone(0);
    });
}

/** MQTT 3.1 knows no failure: like Mosquitto we answer the QoS as if it were granted, and deliver nothing. */
function failureSlot(session: Session, qos: Qos): number {
  return session.protocolVersion === 3 ? qos : subscribeFailure;
}

/** Retained messages are the trie's; a service delivers its own. */
function sendRetained(session: Session, filter: string, qos: Qos): void {
  if (session.subscriptions.get(filter)?.routed === true) session.sendRetained(filter, qos);
}

function accept(core: BrokerCore, session: Session, wanted: { filter: string; qos: Qos }): boolean {
  const { limits } = core;
  const { filter } = wanted;
  if (Buffer.byteLength(filter) > limits.topicBytesMax || countLevels(filter) > limits.topicLevelsMax) return false;
  const isNew = !session.subscriptions.has(filter);
  if (isNew && session.subscriptions.size >= limits.subscriptionsPerSessionMax) return false;
  if (!core.hooks.authorize(session.principal, "subscribe", filter)) return false;
  return installSubscription(core, session, wanted) !== "refused";
}

/** Asks the service and sets the subscription up accordingly; a refused one is no longer there afterwards. */
export function installSubscription(
  core: BrokerCore,
  session: Session,
  { filter, qos: wanted }: { filter: string; qos: Qos },
): SubscribeAnswer {
  const before = session.subscriptions.get(filter);
  const answer = core.hooks.subscribed(session, filter, serviceQos(wanted));
  const qos = answer === "service" ? serviceQos(wanted) : wanted;
  const routed = answer === "both" || answer === "none";
  if (before?.routed === true && !routed) core.routes.remove(filter, session);
  if (routed && !(before?.routed === true && before.qos === qos)) core.routes.add(filter, session, qos);
  if (answer === "refused") session.subscriptions.delete(filter);
  else session.subscriptions.set(filter, { qos, routed });
  return answer;
}

/** Ends a subscription for the trie and the service; false if there was none. */
export function removeSubscription(core: BrokerCore, session: Session, filter: string): boolean {
  const subscription = session.subscriptions.get(filter);
  if (subscription === undefined) return false;
  session.subscriptions.delete(filter);
  session.forgetRetained(filter);
  if (subscription.routed) core.routes.remove(filter, session);
  core.hooks.unsubscribed(session, filter);
  return true;
}
