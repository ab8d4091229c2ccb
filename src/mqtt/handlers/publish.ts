/**
 * PUBLISH and PUBREL, §§ 3.3, 3.6 and 4.3. A message that goes only to connected clean sessions is routed and
 * acknowledged at once. A message that a service takes or the store must have is acknowledged when that is done; the
 * next packet starts meanwhile.
 */
import { type Clock, forever, later } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { acknowledge, puback, reserveAnswer, settleAcknowledgement } from "../connection/acknowledgements.ts";
import type { Connection } from "../connection/connection.ts";
import type { Counters } from "../counters.ts";
import { type Identity, ownerOf } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { ForwardedPublish } from "../publish/forwarded-publish.ts";
import { notStored, reasonOf, type Verdict } from "../publish/verdict.ts";
import type { Retained, RetainedDraft } from "../routing/retained.ts";
import type { Route, Routes } from "../routing/routes.ts";
import type { Service } from "../service.ts";
import type { QueueWriter } from "../session/queue-writer.ts";
import type { Session } from "../session/session.ts";
import type { BrokerStore } from "../store.ts";
import { ProtocolError } from "../wire/errors.ts";
import { packetType } from "../wire/packet-bytes.ts";
import type { PublishView } from "../wire/publish-packet.ts";
import { forwardedProperties, publishProperties } from "../wire/publish-properties.ts";
import { reasonCodes } from "../wire/reason-codes.ts";

export interface PublishParts {
  readonly routes: Pick<Routes, "find" | "forward">;
  readonly retained: Pick<Retained, "set" | "refuses">;
  readonly queueWriter: Pick<QueueWriter, "acknowledge" | "received" | "retained" | "count" | "settled">;
  readonly store: Pick<BrokerStore, "received" | "released">;
  readonly counters: Pick<Counters, "publishesReceived" | "publishesDenied" | "droppedQueueFull">;
  readonly limits: Pick<BrokerLimits, "inboundInflightMax">;
  readonly identity: Pick<Identity, "refused">;
  readonly clock: Clock;
  readonly log: Log;
}

/** The publisher that is answered. */
interface Publisher {
  readonly connection: Connection;
  readonly session: Session;
}

/** The answer to send when something is done. */
interface Answer {
  readonly type: number;
  /** 0: none, a PUBLISH at QoS 0. */
  readonly packetId: number;
  /** Bytes that are held until then. */
  readonly bytes: number;
}

/**
 * The result for a message: a verdict; "queued", which is `taken` once the turn's messages are stored; or a promise to
 * wait for.
 */
type Forwarding = Verdict | "queued" | Promise<Verdict>;

const forwarded = new ForwardedPublish();

export function handlePublish(parts: PublishParts, connection: Connection, session: Session, view: PublishView): void {
  const { qos, packetId } = view;
  parts.counters.publishesReceived++;
  if (qos === 2) {
    handleExactlyOnce(parts, connection, session, view);
    return;
  }
  const route = parts.routes.find(view.topic);
  const { service } = route;
  const forwarding =
    (service === undefined ? undefined : intercept(service, session, view)) ?? forward(parts, session, view, route);
  if (forwarding === "queued") {
    parts.queueWriter.acknowledge(connection, packetId, view.end - view.start);
  } else if (forwarding instanceof Promise) {
    const bytes = view.end - view.start;
    awaitVerdict(parts, { connection, session }, forwarding, { type: packetType.puback, packetId, bytes });
  } else if (qos === 1) answer(connection, packetType.puback, packetId, forwarding);
}

/** Only MQTT 5 has words for other outcomes. */
function answer(connection: Connection, type: number, packetId: number, verdict: Verdict): void {
  if (verdict === "taken" || connection.protocolVersion !== 5) {
    if (type === packetType.puback) puback(connection, packetId);
    else acknowledge(connection, type, packetId);
    return;
  }
  const { reasonCode, why } = reasonOf(verdict);
  acknowledge(connection, type, packetId, reasonCode, connection.explanation(why));
}

/** A message is forwarded when its packet id is new; a repeat is only answered [MQTT-4.3.3-2]. */
function handleExactlyOnce(parts: PublishParts, connection: Connection, session: Session, view: PublishView): void {
  const { packetId } = view;
  const { incoming } = session;
  let verdict: Verdict = "taken";
  if (!incoming.has(packetId)) {
    if (incoming.size >= parts.limits.inboundInflightMax && connection.protocolVersion === 5) {
      throw new ProtocolError("more than the receive maximum", reasonCodes.receiveMaximumExceeded);
    }
    verdict = takeOver(parts, session, view);
  }
  const settled = incoming.settled(packetId);
  if (settled === undefined) answer(connection, packetType.pubrec, packetId, verdict);
  else
    awaitVerdict(parts, { connection, session }, settled, {
      type: packetType.pubrec,
      packetId,
      bytes: view.end - view.start,
    });
}

/**
 * In a session that outlives its connection the packet id is on disk before PUBREC is sent: in one change with the
 * message it stands for, so that a crash leaves both or neither. A service writes it itself. Gives the verdict if
 * nothing is waited for.
 */
function takeOver(parts: PublishParts, session: Session, view: PublishView): Verdict {
  const { queueWriter, counters } = parts;
  const { incoming, storedId } = session;
  const route = parts.routes.find(view.topic);
  const served = route.service === undefined ? undefined : intercept(route.service, session, view);
  if (served !== undefined) {
    takeOverServed(session, view.packetId, served);
    return "taken";
  }
  const queuedBefore = queueWriter.count;
  const overflowsBefore = counters.droppedQueueFull;
  const forwarding = forward(parts, session, view, route);
  // A refused message is not taken over, so its packet id is free [MQTT-4.3.3-9].
  if (forwarding === "denied" || forwarding === "unretained") return forwarding;
  if (view.protocolVersion === 5 && counters.droppedQueueFull !== overflowsBefore) return "overflowed";
  const waits = forwarding === "queued" || forwarding instanceof Promise;
  const verdict = waits ? "taken" : forwarding;
  if (storedId === undefined && !waits) incoming.take(view.packetId, undefined);
  else if (storedId !== undefined && queueWriter.count !== queuedBefore) {
    takeOverWithTurn(parts, { session, storedId, verdict }, view);
  } else if (forwarding === "queued") {
    takeOverAlone(parts, { session, verdict, stored: whenStored(queueWriter.settled, "taken") }, view);
  } else takeOverAlone(parts, { session, verdict, stored: waits ? forwarding : undefined }, view);
  return verdict;
}

/** Until the service has the message it is not taken over. */
function takeOverServed({ incoming }: Session, packetId: number, served: Promise<Verdict>): void {
  incoming.take(packetId, async () => {
    const verdict = await served.catch((error: unknown) => {
      incoming.forget(packetId);
      throw error;
    });
    if (reasonOf(verdict).reasonCode >= 0x80) incoming.forget(packetId);
    return verdict;
  });
}

/** The message waits for persistent sessions: its packet id is stored with the turn that holds it. */
function takeOverWithTurn(
  { queueWriter }: PublishParts,
  taken: { readonly session: Session; readonly storedId: number; readonly verdict: Verdict },
  { packetId, retain, topic }: PublishView,
): void {
  const { incoming } = taken.session;
  queueWriter.received(taken.storedId, packetId);
  if (retain) queueWriter.retained(topic);
  const settled = queueWriter.settled.then(
    () => taken.verdict,
    (): Verdict => {
      incoming.forget(packetId); // nothing of it is on disk, so a repeat is a new message
      return "unstored";
    },
  );
  incoming.take(packetId, () => settled);
}

/** Stores the packet id by itself, if the session outlives its connection, after what the message left on disk. */
function takeOverAlone(
  parts: PublishParts,
  taken: { readonly session: Session; readonly verdict: Verdict; readonly stored: Promise<Verdict> | undefined },
  view: PublishView,
): void {
  const { packetId, topic, protocolVersion } = view;
  const { incoming, storedId } = taken.session;
  let { stored } = taken;
  // A repeat after a failure retains again only what is not on disk.
  const draft = stored && view.retain ? copyOf(retainedDraft(parts, view)) : undefined;
  incoming.take(packetId, async () => {
    const before = stored ?? (draft && parts.retained.set(topic, draft, ownerOf(taken.session.principal)));
    stored = undefined;
    const result = await before;
    if (result === "unstored") {
      if (protocolVersion !== 5) throw new Error(notStored); // the client repeats it
      incoming.forget(packetId);
      return "unstored";
    }
    if (storedId !== undefined) await parts.store.received(storedId, packetId);
    return result ?? taken.verdict;
  });
}

/**
 * PUBREL: the packet id is free. An unknown one is answered too, since the client would repeat it for ever
 * [MQTT-4.3.3-2].
 */
export function handleRelease(parts: PublishParts, connection: Connection, session: Session, packetId: number): void {
  const { incoming, storedId } = session;
  if (incoming.isSettling(packetId)) throw new ProtocolError("PUBREL before PUBREC", reasonCodes.protocolError);
  if (!incoming.has(packetId)) {
    acknowledge(connection, packetType.pubcomp, packetId, connection.unknownPacketId);
    return;
  }
  const alsoOf = incoming.alsoOf(packetId);
  if (storedId === undefined && alsoOf.length === 0) {
    incoming.forget(packetId);
    acknowledge(connection, packetType.pubcomp, packetId);
    return;
  }
  const knowing = storedId === undefined ? alsoOf : [storedId, ...alsoOf];
  const released = Promise.all(knowing.map((known) => parts.store.released(known, packetId))).then((): Verdict => {
    incoming.forget(packetId);
    return "taken";
  });
  awaitVerdict(parts, { connection, session }, released, { type: packetType.pubcomp, packetId, bytes: 0 });
}

/** Gives what the topic's service does with it; undefined where it is an ordinary topic after all. */
function intercept(service: Service, session: Session, view: PublishView): Promise<Verdict> | undefined {
  const { topic, qos, dup, retain } = view;
  const payload = view.buffer.subarray(view.payloadStart, view.end);
  const packetId = qos === 0 ? undefined : view.packetId;
  const properties = view.protocolVersion === 5 ? publishProperties(view) : undefined;
  return service.intercept(session, { topic, payload, qos, dup, retain, packetId, properties });
}

/** Forwards it to all subscribers and retains it if asked to. The acknowledgement waits for a promise. */
function forward(parts: PublishParts, session: Session, view: PublishView, route: Route): Forwarding {
  const { counters } = parts;
  // 3.1.1 acknowledges and drops it: its only other answer is to close the connection [MQTT-3.3.5-2].
  if (!session.mayPublish(route)) {
    counters.publishesDenied++;
    const { principal, clientId, address } = session;
    parts.identity.refused({ asked: "publish", topic: view.topic, principal, clientId, address, reason: undefined });
    return "denied";
  }
  const overflowsBefore = counters.droppedQueueFull;
  let retained: Promise<undefined> | undefined;
  if (view.retain) {
    const draft = retainedDraft(parts, view);
    const key = ownerOf(session.principal);
    // Without words for a refusal the message is delivered, and its topic retains nothing.
    if (view.protocolVersion === 5 && view.qos > 0 && parts.retained.refuses(view.topic, draft, key))
      return "unretained";
    retained = parts.retained.set(view.topic, draft, key);
  }
  // Only MQTT 5 messages expire.
  const message = forwarded.of(view, view.expirySeconds < 0 ? forever : parts.clock.steadyMs());
  const from = view.retain || route.special !== undefined ? { session, retain: view.retain } : undefined;
  const stored = parts.routes.forward(route, message, view.qos, from); // with RETAIN 0 [MQTT-3.3.1-9]
  if (view.qos === 0) return "taken";
  const overflowed = counters.droppedQueueFull !== overflowsBefore;
  if (retained === undefined && stored === undefined) {
    if (overflowed) return "overflowed";
    return route.sessions.length === 0 && route.groups === undefined ? "unheard" : "taken";
  }
  if (retained === undefined && !overflowed) return "queued";
  return whenStored(Promise.all([retained, stored]), overflowed ? "overflowed" : "taken");
}

const whenStored = (stored: Promise<unknown>, verdict: Verdict): Promise<Verdict> =>
  stored.then(
    () => verdict,
    () => "unstored",
  );

function retainedDraft(parts: PublishParts, view: PublishView): RetainedDraft {
  const { qos, expirySeconds } = view;
  return {
    payload: view.buffer.subarray(view.payloadStart, view.end),
    qos,
    properties: view.propertiesEnd > view.propertiesStart ? forwardedProperties(view) : undefined,
    expiresAtMs: expirySeconds < 0 ? undefined : later(parts.clock.steadyMs(), expirySeconds * 1000),
  };
}

const copyOf = (draft: RetainedDraft): RetainedDraft => ({ ...draft, payload: Buffer.from(draft.payload) });

function awaitVerdict(
  { log }: PublishParts,
  { connection, session: { clientId } }: Publisher,
  verdict: Promise<Verdict>,
  { type, packetId, bytes }: Answer,
): void {
  const { protocolVersion } = connection;
  const place = packetId === 0 ? undefined : reserveAnswer(connection);
  connection.workStarted(bytes);
  verdict.then(
    (outcome) => {
      const { reasonCode, why } = reasonOf(outcome);
      if (place === undefined) {
        if (why !== undefined) log.debug("a PUBLISH was dropped", { clientId, why });
      } else if (protocolVersion === 5) {
        settleAcknowledgement(connection, place, type, packetId, reasonCode, connection.explanation(why));
      } else if (reasonCode >= 0x80 && outcome !== "overflowed") {
        connection.close("service", why); // 3.1.1 has no other refusal [MQTT-3.3.5-2]
      } else settleAcknowledgement(connection, place, type, packetId);
      connection.workDone(bytes);
    },
    (error: unknown) => {
      log.error("a publish failed", { clientId, error });
      connection.close("internal_error"); // [MQTT-4.8.0-2]; without an answer the client sends it again
      connection.workDone(bytes);
    },
  );
}
