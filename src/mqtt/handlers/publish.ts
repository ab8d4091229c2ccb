/**
 * PUBLISH and PUBREL, §§ 3.3, 3.6 and 4.3. What only connected clean sessions hear is routed and acknowledged at once;
 * what a service takes over, or the store must have, is acknowledged when that is done, while the next packet already
 * starts.
 */
import type { Connection } from "../connection/connection.ts";
import type { BrokerCore } from "../core.ts";
import type { PublishRefusal } from "../hooks.ts";
import { ForwardedPublish } from "../publish/forwarded-publish.ts";
import type { RetainedDraft } from "../routing/retained.ts";
import type { Route } from "../routing/routes.ts";
import { notStored } from "../session/queue-writer.ts";
import type { Session } from "../session/session.ts";
import { ProtocolError } from "../wire/errors.ts";
import { packetType } from "../wire/packet-bytes.ts";
import type { PublishView } from "../wire/publish-packet.ts";
import { forwardedProperties, publishProperties } from "../wire/publish-properties.ts";
import { reasonCodes } from "../wire/reason-codes.ts";

export interface Client {
  readonly connection: Connection;
  readonly session: Session;
}

/** What became of a message: the reason code of its acknowledgement, and in words why it is none. */
export interface Verdict {
  readonly reasonCode: number;
  readonly why: string | undefined;
}

/** Which answer leaves when something is done. */
interface Answer {
  readonly type: number;
  /** 0: none, a PUBLISH at QoS 0. */
  readonly packetId: number;
  /** Held meanwhile. */
  readonly bytes: number;
}

const taken: Verdict = { reasonCode: reasonCodes.success, why: undefined };
const unheard: Verdict = { reasonCode: reasonCodes.noMatchingSubscribers, why: undefined };
const denied: Verdict = { reasonCode: reasonCodes.notAuthorized, why: "this topic is not yours to publish to" };
const overflowed: Verdict = { reasonCode: reasonCodes.quotaExceeded, why: "a subscriber's queue is full" };
/** The store is full or failing, which was logged. */
const unstored: Verdict = { reasonCode: reasonCodes.quotaExceeded, why: notStored };

/** What says `taken` once the turn's messages are stored, and needs no promise of its own for it. */
const queued: Verdict = { ...taken };

const refusalCodes: Readonly<Record<PublishRefusal, number>> = {
  not_authorized: reasonCodes.notAuthorized,
  topic_name_invalid: reasonCodes.topicNameInvalid,
  payload_format_invalid: reasonCodes.payloadFormatInvalid,
  quota_exceeded: reasonCodes.quotaExceeded,
};

const forwarded = new ForwardedPublish();

export function handlePublish(core: BrokerCore, client: Client, view: PublishView): void {
  const { qos, packetId } = view;
  core.counters.publishesReceived++;
  if (qos === 2) {
    handleExactlyOnce(core, client, view);
    return;
  }
  const route = core.routes.find(view.topic);
  const outcome =
    (route.served ? intercept(core, client.session, view) : undefined) ?? forward(core, client.session, view, route);
  if (outcome === queued) {
    core.queueWriter.acknowledge(client.connection, packetId, view.end - view.start);
  } else if (outcome instanceof Promise) {
    awaitVerdict(core, client, outcome, { type: packetType.puback, packetId, bytes: view.end - view.start });
  } else if (qos === 1) answer(client.connection, packetType.puback, packetId, outcome);
}

/** Only MQTT 5 has words for what went otherwise. */
function answer(connection: Connection, type: number, packetId: number, verdict: Verdict): void {
  const { acknowledgements } = connection;
  if (verdict === taken || connection.protocolVersion !== 5) {
    if (type === packetType.puback) acknowledgements.puback(packetId);
    else acknowledgements.acknowledge(type, packetId);
  } else acknowledgements.acknowledge(type, packetId, verdict.reasonCode, connection.explanation(verdict.why));
}

/** A message goes where it belongs when its packet id is new; a repeat is only answered [MQTT-4.3.3-2]. */
function handleExactlyOnce(core: BrokerCore, client: Client, view: PublishView): void {
  const { connection, session } = client;
  const { packetId } = view;
  const { incoming } = session;
  let verdict: Verdict = taken;
  if (!incoming.has(packetId)) {
    if (incoming.size >= core.limits.inboundInflightMax && connection.protocolVersion === 5) {
      throw new ProtocolError("more than the receive maximum", reasonCodes.receiveMaximumExceeded);
    }
    verdict = takeOver(core, session, view);
  }
  const settled = incoming.settled(packetId);
  if (settled === undefined) answer(connection, packetType.pubrec, packetId, verdict);
  else awaitVerdict(core, client, settled, { type: packetType.pubrec, packetId, bytes: view.end - view.start });
}

/**
 * In a session that outlives its connection the packet id is on disk before PUBREC leaves: in one change with what it
 * stands for, so that a crash leaves both or neither. A service writes it itself. Gives the verdict if nothing is waited for.
 */
function takeOver(core: BrokerCore, session: Session, view: PublishView): Verdict {
  const { packetId, topic, protocolVersion } = view;
  const { incoming, storedId } = session;
  const route = core.routes.find(topic);
  const outcome = route.served ? intercept(core, session, view) : undefined;
  if (outcome !== undefined) {
    incoming.take(packetId, async () => {
      // Until the service has it nothing was taken over.
      const verdict = await outcome.catch((error: unknown) => {
        incoming.forget(packetId);
        throw error;
      });
      if (verdict.reasonCode >= 0x80) incoming.forget(packetId);
      return verdict;
    });
    return taken;
  }
  const { queueWriter, counters } = core;
  const queuedBefore = queueWriter.count;
  const overflowsBefore = counters.droppedQueueFull;
  const forwarding = forward(core, session, view, route);
  // A refused message is not taken over: its packet id is free [MQTT-4.3.3-9].
  if (forwarding === denied) return denied;
  if (protocolVersion === 5 && counters.droppedQueueFull !== overflowsBefore) return overflowed;
  let stored: Promise<Verdict> | undefined = forwarding instanceof Promise ? forwarding : undefined;
  const verdict = forwarding instanceof Promise ? taken : forwarding;
  if (storedId === undefined && stored === undefined) {
    incoming.take(packetId, undefined);
    return verdict;
  }
  if (storedId !== undefined && queueWriter.count !== queuedBefore) {
    queueWriter.received(storedId, packetId);
    if (view.retain) queueWriter.retained(topic);
    const settled = queueWriter.settled.then(
      () => verdict,
      () => {
        incoming.forget(packetId); // the disk has nothing of it, so a repeat is a new message
        return unstored;
      },
    );
    incoming.take(packetId, () => settled);
    return verdict;
  }
  // A repeat after a failure retains again what is not on disk, and only that.
  const draft = stored && view.retain ? copyOf(retainedDraft(core, view)) : undefined;
  incoming.take(packetId, async () => {
    const before = stored ?? (draft && core.retained.set(topic, draft));
    stored = undefined;
    const result = await before;
    if (result === unstored) {
      if (protocolVersion !== 5) throw new Error(notStored); // the client repeats it
      incoming.forget(packetId);
      return unstored;
    }
    if (storedId !== undefined) await core.store.received(storedId, packetId);
    return result ?? verdict;
  });
  return verdict;
}

/** PUBREL: the packet id is free. Answered even where it is not known, or the client would ask for ever [MQTT-4.3.3-2]. */
export function handleRelease(core: BrokerCore, client: Client, packetId: number): void {
  const { connection, session } = client;
  const { incoming, storedId } = session;
  if (incoming.isSettling(packetId)) throw new ProtocolError("PUBREL before PUBREC", reasonCodes.protocolError);
  if (!incoming.has(packetId)) {
    connection.acknowledgements.acknowledge(packetType.pubcomp, packetId, connection.unknownPacketId);
    return;
  }
  if (storedId === undefined) {
    incoming.forget(packetId);
    connection.acknowledgements.acknowledge(packetType.pubcomp, packetId);
    return;
  }
  const released = core.store.released(storedId, packetId).then(() => {
    incoming.forget(packetId);
    return taken;
  });
  awaitVerdict(core, client, released, { type: packetType.pubcomp, packetId, bytes: 0 });
}

/** What a service makes of it; undefined where it is an ordinary topic. */
function intercept(core: BrokerCore, session: Session, view: PublishView): Promise<Verdict> | undefined {
  const { topic, qos, dup, retain } = view;
  const payload = view.buffer.subarray(view.payloadStart, view.end);
  const packetId = qos === 0 ? undefined : view.packetId;
  const properties = view.protocolVersion === 5 ? publishProperties(view) : undefined;
  const outcome = core.hooks.interceptPublish(session, { topic, payload, qos, dup, retain, packetId, properties });
  return outcome?.then((result) =>
    "refused" in result ? { reasonCode: refusalCodes[result.refused], why: result.why } : taken,
  );
}

/** Hands it to everyone who hears the topic and retains it if asked to. A promise is what the acknowledgement waits for. */
function forward(core: BrokerCore, session: Session, view: PublishView, route: Route): Verdict | Promise<Verdict> {
  // 3.1.1 acknowledges and drops it: it has no other word but closing [MQTT-3.3.5-2].
  if (!session.mayPublish(route)) {
    core.counters.publishesDenied++;
    return denied;
  }
  const { counters } = core;
  const overflowsBefore = counters.droppedQueueFull;
  const retained = view.retain ? core.retained.set(view.topic, retainedDraft(core, view)) : undefined;
  // Only MQTT 5 messages expire.
  const message = forwarded.of(view, view.expirySeconds < 0 ? 0 : core.clock.nowMs());
  const from = view.retain || route.special !== undefined ? { session, retain: view.retain } : undefined;
  const stored = core.routes.forward(route, message, view.qos, from); // with RETAIN 0 [MQTT-3.3.1-9]
  if (view.qos === 0) return taken;
  const verdict = counters.droppedQueueFull === overflowsBefore ? taken : overflowed;
  if (retained === undefined && stored === undefined) {
    if (verdict === overflowed) return overflowed;
    return route.sessions.length === 0 && route.groups === undefined ? unheard : taken;
  }
  if (retained === undefined && verdict === taken && view.qos === 1) return queued;
  const whole = retained === undefined ? (stored as Promise<undefined>) : Promise.all([retained, stored]);
  return whole.then(
    () => verdict,
    () => unstored,
  );
}

function retainedDraft(core: BrokerCore, view: PublishView): RetainedDraft {
  const { qos, expirySeconds } = view;
  return {
    payload: view.buffer.subarray(view.payloadStart, view.end),
    qos,
    properties: view.propertiesEnd > view.propertiesStart ? forwardedProperties(view) : undefined,
    expiresAtMs: expirySeconds < 0 ? undefined : core.clock.nowMs() + expirySeconds * 1000,
  };
}

const copyOf = (draft: RetainedDraft): RetainedDraft => ({ ...draft, payload: Buffer.from(draft.payload) });

function awaitVerdict(
  core: BrokerCore,
  { connection, session }: Client,
  verdict: Promise<Verdict>,
  { type, packetId, bytes }: Answer,
): void {
  const { protocolVersion, acknowledgements } = connection;
  const reply = packetId === 0 ? undefined : acknowledgements.reserve();
  connection.workStarted(bytes);
  verdict.then(
    ({ reasonCode, why }) => {
      if (reply === undefined) {
        if (why !== undefined) core.log.debug("a PUBLISH was dropped", { clientId: session.clientId, why });
      } else if (protocolVersion === 5) {
        acknowledgements.settleAcknowledgement(reply, type, packetId, reasonCode, connection.explanation(why));
      } else if (reasonCode >= 0x80 && why !== overflowed.why) {
        connection.close("service", why); // 3.1.1 has no other word for no [MQTT-3.3.5-2]
      } else acknowledgements.settleAcknowledgement(reply, type, packetId);
      connection.workDone(bytes);
    },
    (error: unknown) => {
      core.log.error("a publish failed", { clientId: session.clientId, error });
      connection.close("internal_error"); // [MQTT-4.8.0-2]; unanswered, the client sends it again
      connection.workDone(bytes);
    },
  );
}
