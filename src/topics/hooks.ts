/**
 * Chat for any MQTT client: what the broker is told about who may do what, and the `chat/…` topics taken over from it.
 * A PUBLISH to `chat/{chatID}/send` is acknowledged once the message is on disk and queued for everyone it is for. MQTT
 * 3.1.1 has no way to refuse one, and a positive answer would be a lie: a refused PUBLISH at QoS 1 closes the connection
 * [MQTT-3.3.5-2].
 */
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { UserId } from "../domain/model.ts";
import type { Log } from "../lib/log.ts";
import {
  acknowledge,
  type BrokerHooks,
  type InterceptedPublish,
  type PublishOutcome,
  type ServiceSession,
} from "../mqtt/hooks.ts";
import { type Account, type Anonymous, createAuthenticate } from "./account.ts";
import { parseSaid } from "./payload.ts";
import { Subscriber } from "./subscriber.ts";
import { chatKeyOfSend, isChatTopic, isReserved, isSys, parseChatFilter } from "./topic-names.ts";

export function createTopicHooks(parts: {
  domain: Domain;
  hub: Hub;
  log: Log;
  anonymous: Anonymous;
}): BrokerHooks<Account> {
  const { domain, hub, log } = parts;
  // Who is connected and how busy it is here is nobody's business, unless the broker is open to everybody anyway.
  const mayReadSys = parts.anonymous === "full";
  const subscribers = new WeakMap<ServiceSession<Account>, Subscriber>();

  /** Ordinary topics are free to everyone who was let in; a service's are not the broker's to hand out. */
  function authorize(principal: Account, action: "publish" | "subscribe" | "deliver", topic: string): boolean {
    if (!isReserved(topic)) return true;
    if (isSys(topic)) return mayReadSys && action !== "publish";
    return action === "subscribe" && principal.userId !== undefined && isChatTopic(topic);
  }

  function interceptPublish(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
  ): Promise<PublishOutcome> | undefined {
    const { userId } = session.principal;
    const chatKey = chatKeyOfSend(publish.topic);
    if (userId === undefined || chatKey === undefined) {
      return Promise.resolve(refused(publish, "nobody may publish to this topic"));
    }
    const said = parseSaid(publish.payload);
    if (said === undefined) return Promise.resolve(refused(publish, "the payload's fields are of the wrong type"));
    return domain.messages
      .send({
        chat: { key: chatKey },
        from: userId,
        content: said.content,
        type: said.type,
        clientId: said.clientId,
        publish: storedPublish(session, publish),
      })
      .then(
        () => acknowledge,
        (error: unknown) => {
          if (!(error instanceof DomainError)) throw error;
          return refused(publish, error.message);
        },
      );
  }

  function refused(publish: InterceptedPublish, why: string): PublishOutcome {
    if (publish.qos > 0) return { close: why };
    log.debug("a PUBLISH was dropped", { why });
    return acknowledge;
  }

  function subscribed(session: ServiceSession<Account>, filter: string, qos: 0 | 1) {
    const chat = parseChatFilter(filter);
    const subscriber = subscribers.get(session);
    if (chat.wants === "nothing" || subscriber === undefined) {
      return isReserved(filter) && !isSys(filter) ? "refused" : "none";
    }
    subscriber.subscribe(filter, chat, qos);
    return chat.wants === "every" && chat.ordinaryToo ? "both" : "service";
  }

  function opened(session: ServiceSession<Account>): void {
    const { userId } = session.principal;
    if (userId === undefined) return;
    const subscriber = subscribers.get(session) ?? subscriberOf(session, userId);
    subscriber.open();
  }

  function subscriberOf(session: ServiceSession<Account>, userId: UserId): Subscriber {
    const subscriber = new Subscriber({ session, userId, domain, hub, log });
    subscribers.set(session, subscriber);
    return subscriber;
  }

  return {
    authenticate: createAuthenticate(parts),
    authorize,
    permissionsVersion: () => 0,
    serves: isChatTopic,
    interceptPublish,
    subscribed,
    unsubscribed: (session, filter) => subscribers.get(session)?.unsubscribe(filter),
    opened,
    closed: (session) => subscribers.get(session)?.close(),
    acknowledged: (session, ref) => subscribers.get(session)?.acknowledged(ref),
    writable: (session) => subscribers.get(session)?.writable(),
    // Perhaps a session of before a restart, which never was opened here.
    ended: (session) => {
      const { userId } = session.principal;
      if (userId !== undefined) void (subscribers.get(session) ?? subscriberOf(session, userId)).endDevice();
    },
  };
}

/** What makes a DUP of this PUBLISH recognisable after a reconnect: only a session that outlives its connection has it. */
function storedPublish(session: ServiceSession<Account>, publish: InterceptedPublish) {
  if (session.storedId === undefined || publish.packetId === undefined || publish.qos === 0) return undefined;
  const { packetId, dup, qos } = publish;
  return { sessionId: session.storedId, packetId, dup: dup && qos === 1, exactlyOnce: qos === 2 };
}
