/** The message a client left to be published if it goes without saying so, MQTT 3.1.1 § 3.1.2.5. */
import type { WillMessage } from "./codec.ts";
import type { BrokerCore } from "./core.ts";
import type { CloseReason } from "./errors.ts";
import { preparePublish } from "./prepared-publish.ts";
import type { Session } from "./session.ts";

/** DISCONNECT discards the will [MQTT-3.14.4-3]; so does our own stopping, after which clients come back. */
export function discardsWill(reason: CloseReason): boolean {
  return reason === "disconnected" || reason === "server_stopping";
}

/** Publishes `will` as the client would have: a service may take it, and it must be allowed [MQTT-3.1.2-8]. */
export function publishWill(core: BrokerCore, session: Session, will: WillMessage): void {
  const { topic, payload, qos, retain } = will;
  const route = core.routes.find(topic);
  if (route.served) {
    const publish = { topic, payload, qos, dup: false, retain, packetId: undefined };
    const outcome = core.hooks.interceptPublish(session, publish);
    if (outcome !== undefined) {
      core.work.started();
      outcome
        .catch((error: unknown) => core.log.error("a service failed on a will", { clientId: session.clientId, error }))
        .finally(() => core.work.done());
      return;
    }
  }
  if (!session.mayPublish(route)) {
    core.counters.publishesDenied++;
    return;
  }
  if (retain) void core.retained.set(topic, payload, qos); // [MQTT-3.1.2-17]
  core.routes.forward(route, preparePublish(topic, payload), qos);
}
