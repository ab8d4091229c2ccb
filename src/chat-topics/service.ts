/**
 * Chat for any MQTT client: the service of the broker that serves the `chat/…` topics. A PUBLISH to
 * `chat/{chatID}/send` is acknowledged once the message is on disk and queued for all recipients.
 */
import type { Account, Accounts } from "../access/accounts.ts";
import { publishRefusalOf } from "../access/errors.ts";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { Log } from "../lib/log.ts";
import {
  acknowledge,
  type InterceptedPublish,
  type PublishOutcome,
  type PublishRefusal,
  type Service,
  type ServiceSession,
} from "../mqtt/service.ts";
import { parsePayload } from "./payload.ts";
import { revoked, Subscriber } from "./subscriber.ts";
import { chatKeyOfSend, isChatTopic, parseChatFilter } from "./topic-names.ts";

export function createChatTopics(parts: {
  domain: Domain;
  hub: Hub;
  log: Log;
  accounts: Pick<Accounts, "endLogIn">;
}): Service<Account> {
  const { domain, accounts } = parts;
  const subscriberParts = { ...parts, ended: accounts.endLogIn };

  function intercept(session: ServiceSession<Account>, publish: InterceptedPublish): Promise<PublishOutcome> {
    const { userId } = session.principal;
    if (userId === undefined) return refuse("not_authorized", "only users send messages to chats");
    const chatKey = chatKeyOfSend(publish.topic);
    if (chatKey === undefined) return refuse("topic_name_invalid", "no client may publish to this topic");
    const parsed = parsePayload(publish.payload, publish.properties);
    if (parsed === undefined) {
      return refuse("payload_format_invalid", "the payload is not what its type says, or its fields are wrong");
    }
    return domain.messages
      .send({
        chat: { key: chatKey },
        from: userId,
        content: parsed.content,
        type: parsed.type,
        clientId: parsed.clientId ?? clientIdOf(publish),
        publish: storedPublish(session, publish),
      })
      .then(
        () => acknowledge,
        (error: unknown) => {
          if (!(error instanceof DomainError)) throw error;
          return { refused: publishRefusalOf[error.code], why: error.message };
        },
      );
  }

  return {
    serves: isChatTopic,
    intercept,
    serving({ principal }, filter) {
      const chat = parseChatFilter(filter);
      if (chat.wants === "nothing" || principal.userId === undefined) return "none";
      return chat.wants === "every" && chat.ordinaryToo ? "both" : "service";
    },
    subscribed: (session, filter, qos) =>
      subscriberOf(session)?.subscribe(filter, parseChatFilter(filter), qos > 0 ? 1 : 0),
    unsubscribed(session, filter) {
      subscriberOf(session)?.unsubscribe(filter);
      return false;
    },
    opened(session, { before }) {
      const { userId } = session.principal;
      if (userId === undefined) return;
      if (domain.accountRemoval.hasEnded(userId)) {
        // The account ended while the client was logging in.
        if (before === undefined) session.close(revoked);
        else accounts.endLogIn(session, revoked);
        return;
      }
      const subscriber = subscriberOf(session) ?? new Subscriber(session, userId, subscriberParts);
      session.deliverer = subscriber;
      subscriber.open();
    },
    closed: (session) => subscriberOf(session)?.close(),
    // The session may be older than a restart and never have been opened here.
    ended(session) {
      const { userId } = session.principal;
      if (userId === undefined) return;
      void (subscriberOf(session) ?? new Subscriber(session, userId, subscriberParts)).endDevice();
    },
  };
}

/** Undefined for a session without a user, or one that was never opened here. */
const subscriberOf = ({ deliverer }: ServiceSession<Account>): Subscriber | undefined =>
  deliverer instanceof Subscriber ? deliverer : undefined;

const refuse = (refused: PublishRefusal, why: string): Promise<PublishOutcome> => Promise.resolve({ refused, why });

/** The sender's own id for a message whose payload has none. An empty id counts as none. */
function clientIdOf({ properties }: InterceptedPublish): string | undefined {
  return properties?.userProperties.find(([name]) => name === "client-message-id")?.[1] || undefined;
}

/**
 * What makes a DUP of this PUBLISH recognisable after a reconnect. Only a session that outlives its connection has it.
 */
function storedPublish(session: ServiceSession<Account>, publish: InterceptedPublish) {
  if (session.storedId === undefined || publish.packetId === undefined || publish.qos === 0) return undefined;
  const { packetId, dup, qos } = publish;
  return { sessionId: session.storedId, packetId, dup: dup && qos === 1, exactlyOnce: qos === 2 };
}
