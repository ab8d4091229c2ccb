/**
 * PUBLISH, MQTT 3.1.1 § 3.3. An ordinary topic is routed and acknowledged at once; one that a service takes over is
 * acknowledged when the service is done, while the next packet already starts.
 */
import type { Connection } from "../connection.ts";
import type { BrokerCore } from "../core.ts";
import { ProtocolError } from "../errors.ts";
import { acknowledge, type PublishOutcome } from "../hooks.ts";
import { ForwardedPublish } from "../prepared-publish.ts";
import type { PublishView } from "../publish-packet.ts";
import { deliverableQos } from "../qos.ts";
import type { Route } from "../routes.ts";
import type { Session } from "../session.ts";

export interface Client {
  readonly connection: Connection;
  readonly session: Session;
}

const forwarded = new ForwardedPublish();

export function handlePublish(core: BrokerCore, client: Client, view: PublishView): void {
  const { connection, session } = client;
  const { qos, packetId } = view;
  core.counters.publishesReceived++;
  if (qos === 2) throw new ProtocolError("QoS 2 is not spoken here");
  const route = core.routes.find(view.topic);
  if (route.served) {
    const outcome = core.hooks.interceptPublish(session, {
      topic: view.topic,
      payload: view.buffer.subarray(view.payloadStart, view.end),
      qos,
      dup: view.dup,
      retain: view.retain,
      packetId: qos === 0 ? undefined : packetId,
    });
    if (outcome !== undefined) {
      awaitOutcome(core, client, outcome, { packetId, bytes: view.end - view.start });
      return;
    }
  }
  // A denied publish is acknowledged and dropped: 3.1.1 has no other word but closing [MQTT-3.3.5-2].
  if (!session.mayPublish(route)) core.counters.publishesDenied++;
  else if (view.retain) {
    publishRetained(core, client, view, route);
    return;
  } else core.routes.forward(route, forwarded.of(view), qos);
  if (qos === 1) connection.replies.puback(packetId);
}

/** Subscribers hear of it at once [MQTT-3.3.1-9]; it is acknowledged when it is on disk. */
function publishRetained(core: BrokerCore, client: Client, view: PublishView, route: Route): void {
  const { topic, qos, packetId } = view;
  const payload = view.buffer.subarray(view.payloadStart, view.end);
  const stored = core.retained.set(topic, payload, qos);
  core.routes.forward(route, forwarded.of(view), deliverableQos(qos));
  if (qos === 0) return;
  const outcome = stored.then(() => acknowledge);
  awaitOutcome(core, client, outcome, { packetId, bytes: view.end - view.start });
}

function awaitOutcome(
  core: BrokerCore,
  { connection, session }: Client,
  outcome: Promise<PublishOutcome>,
  { packetId, bytes }: { packetId: number; bytes: number },
): void {
  const reply = packetId === 0 ? undefined : connection.replies.reserve();
  connection.workStarted(bytes);
  outcome.then(
    (result) => {
      if ("close" in result) connection.close("service", result.close);
      else if (reply !== undefined) connection.replies.settlePuback(reply, packetId);
      connection.workDone(bytes);
    },
    (error: unknown) => {
      core.log.error("a publish failed", { clientId: session.clientId, error });
      // Without its PUBACK the client sends the message again.
      if (reply !== undefined) connection.close("internal_error");
      connection.workDone(bytes);
    },
  );
}
