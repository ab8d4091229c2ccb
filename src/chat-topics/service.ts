/** Another service beside the chats, with topics of its own that it sends to sessions itself. */

import type { InterceptedPublish, PublishOutcome, ServiceSession, SubscribeAnswer } from "../mqtt/hooks.ts";
import type { Principal } from "../mqtt/identity.ts";
import type { Qos } from "../mqtt/wire/protocol.ts";

export interface Service<P extends Principal> {
  /** Whether a topic or filter is the service's. */
  serves(topicOrFilter: string): boolean;
  /** Undefined: nobody may publish there. */
  intercept(session: ServiceSession<P>, publish: InterceptedPublish): Promise<PublishOutcome> | undefined;
  serving(session: ServiceSession<P>, filter: string): SubscribeAnswer;
  subscribed(session: ServiceSession<P>, filter: string, qos: Qos): void;
  unsubscribed(session: ServiceSession<P>, filter: string): boolean;
  /** `before` is the session whose place it took on its connection. */
  opened(session: ServiceSession<P>, before: ServiceSession<P> | undefined): void;
  closed(session: ServiceSession<P>): void;
}
