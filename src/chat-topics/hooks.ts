/**
 * Chat for any MQTT client: what the broker is told about who may do what, and the `chat/…` topics taken over from it.
 * A PUBLISH to `chat/{chatID}/send` is acknowledged once the message is on disk and queued for everyone it is for.
 */

import {
  type Account,
  type Admins,
  type Anonymous,
  createAuthentication,
  createPrincipalOf,
  type FindUserNow,
  nobodyIn,
} from "../access/accounts.ts";
import { type Action, deviceMay } from "../access/permissions.ts";
import { chatKeyOfSend, isChatTopic, isReserved, isSys, parseChatFilter } from "../access/topic-names.ts";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import type { MqttDevice } from "../domain/store.ts";
import type { Log } from "../lib/log.ts";
import {
  acknowledge,
  type BrokerHooks,
  type InterceptedPublish,
  type PublishOutcome,
  type PublishRefusal,
  type ServiceSession,
  type SubscribeAnswer,
} from "../mqtt/hooks.ts";
import { parseSaid } from "./payload.ts";
import type { Service } from "./service.ts";
import { revoked, Subscriber } from "./subscriber.ts";

/** A domain's no in the words a PUBLISH is refused with (MQTT 5 § 3.4.2.1). */
const refusalOf = {
  chat_not_found: "not_authorized",
  not_a_member: "not_authorized",
  user_disabled: "not_authorized",
  user_not_found: "not_authorized",
  not_authorized: "not_authorized",
  invalid_chat_key: "topic_name_invalid",
  reserved_key: "topic_name_invalid",
  invalid_message: "payload_format_invalid",
  message_too_large: "quota_exceeded",
  too_many_members: "quota_exceeded",
  busy: "quota_exceeded",
  try_later: "quota_exceeded",
  storage_full: "quota_exceeded",
  stopping: "quota_exceeded",
  wrong_password: "not_authorized",
  username_taken: "not_authorized",
  invalid_name: "not_authorized",
  empty_name_or_password: "not_authorized",
  registration_closed: "not_authorized",
  token_invalid: "not_authorized",
  invalid_device: "not_authorized",
  chat_is_direct: "not_authorized",
  message_not_found: "not_authorized",
  session_not_found: "not_authorized",
  invite_invalid: "not_authorized",
  too_many_contacts: "quota_exceeded",
} as const satisfies Record<DomainErrorCode, PublishRefusal>;

export function createTopicHooks(parts: {
  domain: Domain;
  hub: Hub;
  log: Log;
  admins: Admins;
  anonymous: Anonymous;
  anonymousPacketBytesMax: number;
  findUserNow: FindUserNow;
  /** The Erlang-term services. */
  roster: Service<Account>;
  /** Codes are published there: for devices alone whose patterns were written by hand. */
  codesTopic: string | undefined;
}): BrokerHooks<Account> {
  const { domain, anonymous, roster } = parts;
  const { devices } = domain;
  const subscriberParts = { ...parts, ended };
  /** Connected sessions of devices, by name. */
  const deviceSessions = new Map<string, Set<ServiceSession<Account>>>();
  devices.onRevoked(({ name }) => {
    for (const session of [...(deviceSessions.get(name) ?? [])]) session.close("the device was revoked");
  });

  function authorize(account: Account, action: Action, topic: string): boolean {
    const { userId, device, admin } = account;
    // Whether it is the client's own is not said by its name alone: `serving` knows.
    if (action === "subscribe" && roster.serves(topic) && device === undefined) return true;
    if (account.roster?.session !== undefined && action === "publish") {
      // What is a topic of theirs with a slash before it too, is so for their clients only.
      if (isVersionHint(topic) || roster.serves(topic)) return false;
    }
    if (topic === parts.codesTopic && action !== "publish" && device?.record.subscribe === undefined) return false;
    if (device !== undefined) {
      return devices.find(device.record.name) === device.record && deviceMay(device.permissions, action, topic);
    }
    // All that nobody may do is talk to a service, which is not asked for here.
    if (userId === undefined && anonymous !== "full") return false;
    if (!isReserved(topic)) return true;
    // Who is connected and how busy it is here is the operator's business, unless the broker is open to everybody anyway.
    if (isSys(topic)) return (admin || anonymous === "full") && action !== "publish";
    return action === "subscribe" && userId !== undefined && isChatTopic(topic);
  }

  function interceptPublish(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
  ): Promise<PublishOutcome> | undefined {
    const { userId, device } = session.principal;
    if (roster.serves(publish.topic)) return device === undefined ? roster.intercept(session, publish) : undefined;
    if (userId === undefined) return refuse("not_authorized", "only users say something in chats");
    const chatKey = chatKeyOfSend(publish.topic);
    if (chatKey === undefined) return refuse("topic_name_invalid", "nobody may publish to this topic");
    const said = parseSaid(publish.payload, publish.properties);
    if (said === undefined) {
      return refuse("payload_format_invalid", "the payload is not what its type says, or its fields are wrong");
    }
    return domain.messages
      .send({
        chat: { key: chatKey },
        from: userId,
        content: said.content,
        type: said.type,
        clientId: said.clientId ?? clientIdOf(publish),
        publish: storedPublish(session, publish),
      })
      .then(
        () => acknowledge,
        (error: unknown) => {
          if (!(error instanceof DomainError)) throw error;
          return { refused: refusalOf[error.code], why: error.message };
        },
      );
  }

  function serving(session: ServiceSession<Account>, filter: string): SubscribeAnswer {
    const { userId, device } = session.principal;
    if (roster.serves(filter)) return device === undefined ? roster.serving(session, filter) : "refused";
    const chat = parseChatFilter(filter);
    if (chat.wants === "nothing" || userId === undefined) {
      return isReserved(filter) && !isSys(filter) ? "refused" : "none";
    }
    return chat.wants === "every" && chat.ordinaryToo ? "both" : "service";
  }

  function opened(
    session: ServiceSession<Account>,
    { before }: { readonly before?: ServiceSession<Account> | undefined },
  ): void {
    const { userId, device } = session.principal;
    if (device !== undefined) openedDevice(session, device.record);
    else roster.opened(session, before);
    if (userId === undefined) return;
    if (domain.accountEnds.hasEnded(userId)) {
      // While it was logging in.
      if (before === undefined) session.close(revoked);
      else ended(session, revoked);
      return;
    }
    const subscriber = subscriberOf(session) ?? new Subscriber(session, userId, subscriberParts);
    session.attachment = subscriber;
    subscriber.open();
  }

  /** Clients of the Erlang-term services stay, as nobody (PROFILE § Profile/remove). */
  function ended(session: ServiceSession<Account>, why: string): void {
    if (session.principal.roster === undefined || anonymous === "off") session.close(why);
    else session.become(nobodyIn(parts));
  }

  function openedDevice(session: ServiceSession<Account>, device: MqttDevice): void {
    if (devices.find(device.name) !== device) {
      session.close("the device was revoked"); // While it was logging in.
      return;
    }
    const sessions = deviceSessions.get(device.name) ?? new Set();
    deviceSessions.set(device.name, sessions.add(session));
  }

  function closed(session: ServiceSession<Account>): void {
    roster.closed(session);
    subscriberOf(session)?.close();
    const name = session.principal.device?.record.name;
    const sessions = name === undefined ? undefined : deviceSessions.get(name);
    if (name !== undefined && sessions?.delete(session) && sessions.size === 0) deviceSessions.delete(name);
  }

  return {
    ...createAuthentication(parts),
    principalOf: createPrincipalOf(parts),
    authorize,
    permissionsVersion: devices.version,
    serves: (topic) => isChatTopic(topic) || roster.serves(topic),
    interceptPublish,
    serving,
    subscribed(session, filter, qos) {
      if (roster.serves(filter)) {
        roster.subscribed(session, filter, qos);
        return;
      }
      const chat = parseChatFilter(filter);
      if (chat.wants !== "nothing") subscriberOf(session)?.subscribe(filter, chat, qos > 0 ? 1 : 0);
    },
    unsubscribed(session, filter) {
      if (roster.serves(filter)) return roster.unsubscribed(session, filter);
      subscriberOf(session)?.unsubscribe(filter);
      return false;
    },
    opened,
    closed,
    acknowledged: (session, ref) => subscriberOf(session)?.acknowledged(ref),
    writable: (session) => subscriberOf(session)?.writable(),
    // Perhaps a session of before a restart, which never was opened here.
    ended: (session) => {
      const { userId } = session.principal;
      if (userId !== undefined)
        void (subscriberOf(session) ?? new Subscriber(session, userId, subscriberParts)).endDevice();
    },
  };
}

/** Clients of the Erlang-term services announce their version by a will: nobody is to hear of it. */
const isVersionHint = (topic: string): boolean => topic.startsWith("version/");

/** Undefined for a session that is nobody's, or never was opened here. */
const subscriberOf = ({ attachment }: ServiceSession<Account>): Subscriber | undefined =>
  attachment instanceof Subscriber ? attachment : undefined;

const refuse = (refused: PublishRefusal, why: string): Promise<PublishOutcome> => Promise.resolve({ refused, why });

/** The sender's own id for a message whose payload has none: an empty one is none. */
function clientIdOf({ properties }: InterceptedPublish): string | undefined {
  return properties?.userProperties.find(([name]) => name === "client-message-id")?.[1] || undefined;
}

/** What makes a DUP of this PUBLISH recognisable after a reconnect: only a session that outlives its connection has it. */
function storedPublish(session: ServiceSession<Account>, publish: InterceptedPublish) {
  if (session.storedId === undefined || publish.packetId === undefined || publish.qos === 0) return undefined;
  const { packetId, dup, qos } = publish;
  return { sessionId: session.storedId, packetId, dup: dup && qos === 1, exactlyOnce: qos === 2 };
}
