/**
 * PUBLISH and PUBREL, MQTT 3.1.1 §§ 3.3, 3.6 and 4.3. An ordinary topic is routed and acknowledged at once; what a service
 * takes over, or the store must remember, is acknowledged when that is done, while the next packet already starts.
 */
import type { Connection } from "../connection.ts";
import type { BrokerCore } from "../core.ts";
import { ProtocolError } from "../errors.ts";
import type { PublishOutcome } from "../hooks.ts";
import { ForwardedPublish } from "../prepared-publish.ts";
import type { PublishView } from "../publish-packet.ts";
import type { Route } from "../routes.ts";
import type { Session } from "../session.ts";
import { packetType } from "../wire.ts";

export interface Client {
  readonly connection: Connection;
  readonly session: Session;
}

/** Which answer leaves when something is done. */
interface Answer {
  readonly type: number;
  /** 0: none, a PUBLISH at QoS 0. */
  readonly packetId: number;
  /** Held meanwhile. */
  readonly bytes: number;
}

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
  if (outcome !== undefined) {
    awaitOutcome(core, client, outcome, { type: packetType.puback, packetId, bytes: view.end - view.start });
  } else if (qos === 1) client.connection.replies.puback(packetId);
}

/** A message goes where it belongs when its packet id is new; a repeat is only answered [MQTT-4.3.3-2]. */
function handleExactlyOnce(core: BrokerCore, client: Client, view: PublishView): void {
  const { connection, session } = client;
  const { packetId } = view;
  if (!session.incoming.has(packetId)) takeOver(core, session, view);
  const settled = session.incoming.settled(packetId);
  if (settled === undefined) connection.replies.acknowledge(packetType.pubrec, packetId);
  else awaitOutcome(core, client, settled, { type: packetType.pubrec, packetId, bytes: view.end - view.start });
}

/**
 * In a session that outlives its connection the packet id is on disk before PUBREC leaves, and not before what it stands
 * for: a crash between the two repeats a message whose sender was not told that it is here. A service writes the packet
 * id itself, in one change with what it stores.
 */
function takeOver(core: BrokerCore, session: Session, view: PublishView): void {
  const { packetId, topic } = view;
  const { incoming, storedId } = session;
  const route = core.routes.find(topic);
  const outcome = route.served ? intercept(core, session, view) : undefined;
  if (outcome !== undefined) {
    incoming.take(packetId, async () => {
      // Until the service has it nothing was taken over.
      const result = await outcome.catch((error: unknown) => {
        incoming.forget(packetId);
        throw error;
      });
      if ("close" in result) incoming.forget(packetId);
      return result;
    });
    return;
  }
  let stored = forward(core, session, view, route);
  if (stored === undefined && storedId === undefined) {
    incoming.take(packetId, undefined);
    return;
  }
  const again = stored && Buffer.from(view.buffer.subarray(view.payloadStart, view.end));
  incoming.take(packetId, async () => {
    const before = stored ?? (again && core.retained.set(topic, again, 2));
    stored = undefined;
    await before;
    if (storedId !== undefined) await core.store.received(storedId, packetId);
    return undefined;
  });
}

/** PUBREL: the packet id is free. Answered even where it is not known, or the client would ask for ever [MQTT-4.3.3-2]. */
export function handleRelease(core: BrokerCore, client: Client, packetId: number): void {
  const { connection, session } = client;
  const { incoming, storedId } = session;
  if (incoming.isSettling(packetId)) throw new ProtocolError("PUBREL before PUBREC");
  if (storedId === undefined || !incoming.has(packetId)) {
    incoming.forget(packetId);
    connection.replies.acknowledge(packetType.pubcomp, packetId);
    return;
  }
  const released = core.store.released(storedId, packetId).then(() => {
    incoming.forget(packetId);
    return undefined;
  });
  awaitOutcome(core, client, released, { type: packetType.pubcomp, packetId, bytes: 0 });
}

/** What a service makes of it; undefined where it is an ordinary topic. */
function intercept(core: BrokerCore, session: Session, view: PublishView): Promise<PublishOutcome> | undefined {
  const { topic, qos, dup, retain } = view;
  const payload = view.buffer.subarray(view.payloadStart, view.end);
  const packetId = qos === 0 ? undefined : view.packetId;
  return core.hooks.interceptPublish(session, { topic, payload, qos, dup, retain, packetId });
}

/** Hands it to everyone who hears the topic, retains it if asked to, and gives what its acknowledgement waits for. */
function forward(core: BrokerCore, session: Session, view: PublishView, route: Route): Promise<undefined> | undefined {
  // A denied publish is acknowledged and dropped: 3.1.1 has no other word but closing [MQTT-3.3.5-2].
  if (!session.mayPublish(route)) {
    core.counters.publishesDenied++;
    return undefined;
  }
  const stored = view.retain
    ? core.retained.set(view.topic, view.buffer.subarray(view.payloadStart, view.end), view.qos)
    : undefined;
  core.routes.forward(route, forwarded.of(view), view.qos); // with RETAIN 0 [MQTT-3.3.1-9]
  return view.qos === 0 ? undefined : stored;
}

function awaitOutcome(
  core: BrokerCore,
  { connection, session }: Client,
  outcome: Promise<PublishOutcome | undefined>,
  { type, packetId, bytes }: Answer,
): void {
  const reply = packetId === 0 ? undefined : connection.replies.reserve();
  connection.workStarted(bytes);
  outcome.then(
    (result) => {
      if (result !== undefined && "close" in result) connection.close("service", result.close);
      else if (reply !== undefined) connection.replies.settleAcknowledgement(reply, type, packetId);
      connection.workDone(bytes);
    },
    (error: unknown) => {
      core.log.error("a publish failed", { clientId: session.clientId, error });
      // Unanswered, the client sends it again.
      if (reply !== undefined) connection.close("internal_error");
      connection.workDone(bytes);
    },
  );
}
