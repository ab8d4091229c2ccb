/**
 * The Erlang-term services over MQTT. Requests are terms published to `events/…`; each is answered exactly once on the
 * client's own `actions/…`. PUBACK or PUBREC is sent when the answer is on its way, and on disk if the client may be
 * away when it comes.
 */
import type { Account, Accounts } from "../access/accounts.ts";
import type { Events } from "../delivery/events.ts";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { User } from "../domain/model.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import {
  acknowledge,
  type InterceptedPublish,
  type PublishOutcome,
  type Service,
  type ServiceBroker,
  type ServiceSession,
} from "../mqtt/service.ts";
import { handleAuth } from "./handlers/auth.ts";
import { handleInit } from "./handlers/init.ts";
import { handlePrivate } from "./handlers/private.ts";
import {
  handleProfile,
  type MintCredentials,
  type ProfileParts,
  profileRemoved,
  tellFriends,
} from "./handlers/profile.ts";
import { createTermLogIns } from "./log-ins.ts";
import type { PrivateName } from "./records/private-record.ts";
import { innerProfileRecords } from "./records/profile-request.ts";
import { createRequests, type RecordHandler } from "./requests.ts";
import { isOwnFilter, isTermTopic, parseRequestTopic, phoneTopic, sessionsTopic } from "./topics.ts";

export interface ErlangTermsParts {
  readonly domain: Pick<Domain, "phoneSessions" | "profiles" | "contacts" | "store" | "directory">;
  readonly hub: Pick<Hub, "attach" | "detach" | "isOnline">;
  readonly events: Pick<Events, "on">;
  readonly log: Log;
  readonly clock: Clock;
  readonly accounts: Pick<Accounts, "ofPhoneLogin" | "endLogIn" | "findUserNow">;
  /** Undefined where the operator configured none. */
  readonly mint: MintCredentials | undefined;
}

export function createErlangTerms(
  parts: ErlangTermsParts,
  broker: Pick<ServiceBroker<Account>, "storedSessions">,
): Service<Account> {
  const { domain, hub, events, log, accounts } = parts;
  const { phoneSessions, store } = domain;
  const logIns = createTermLogIns({ store, hub, accounts, broker });
  const { phones, clientOf, phoneOf } = logIns;
  const profileParts: ProfileParts = {
    profiles: domain.profiles,
    store,
    tell: phones,
    isOnline: (user: Pick<User, "userId" | "phone">): boolean =>
      hub.isOnline(user.userId) || (user.phone !== undefined && phones.connectedTo(user.phone).length > 0),
    hidesStrangers: domain.directory === "contacts",
    clock: parts.clock,
    log,
    mint: parts.mint,
    moved: logIns.moved,
    farewells: new Map(),
  };

  const ofFriends = (name: PrivateName): RecordHandler => ({
    logsIn: true,
    handle: (request) => handlePrivate({ domain, tell: phones }, { ...request, name }),
  });
  const answerTo = createRequests({
    handlers: {
      Auth: { logsIn: false, handle: (request) => handleAuth(phoneSessions, request) },
      Friend: ofFriends("Friend"),
      Confirm: ofFriends("Confirm"),
      Revoke: ofFriends("Revoke"),
      Profile: { logsIn: true, handle: (request) => handleProfile(profileParts, request) },
      init: { logsIn: false, handle: handleInit },
    },
    innerRecords: ["Token", ...innerProfileRecords],
    logIns,
    phoneSessions,
    accounts,
    log,
  });

  // Friends who have a phone are told on its topics, also those who are away.
  events.on("user.changed", ({ changes }) => tellFriends(profileParts, changes));
  events.on("profile.removed", ({ removed }) => profileRemoved(profileParts, removed));

  /** Undefined where it is no request: no client may publish there. */
  function intercept(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
  ): Promise<PublishOutcome> | undefined {
    const topic = parseRequestTopic(publish.topic);
    if (topic === undefined || !session.connected || session.principal.device !== undefined) return undefined;
    const client = clientOf(session);
    const payload = Buffer.from(publish.payload); // what is waited for outlives the packet
    return client
      .inTurn(() => answerTo({ session, client, topic, payload }))
      .then(
        () => acknowledge,
        (failure: unknown) => {
          if (!(failure instanceof DomainError)) throw failure;
          return { refused: "quota_exceeded", why: failure.message };
        },
      );
  }

  return {
    serves: isTermTopic,
    intercept,
    serving(session, filter) {
      if (!isTermTopic(filter)) return "none";
      const isOwn =
        session.principal.device === undefined &&
        isOwnFilter(filter, { clientId: session.clientId, phone: phoneOf(session) });
      return isOwn ? "addressed" : "refused";
    },
    subscribed(session, filter) {
      const phone = phoneOf(session);
      if (phone !== undefined && (filter === phoneTopic(phone) || filter === sessionsTopic(phone))) {
        phones.connected(phone, session);
      }
    },
    unsubscribed: (session, filter) => isTermTopic(filter) && clientOf(session).unsubscribe(filter),
    // A topic with a leading slash counts as the services' own only for their clients.
    forbids: ({ phoneLogin }, action, topic) =>
      action === "publish" && phoneLogin?.session !== undefined && (isVersionHint(topic) || isTermTopic(topic)),
    /** From now on a session is one of its phone's devices, if it logged in by phone. */
    opened(session, { before }) {
      logIns.opened(session, before);
      const phoneSession = session.principal.phoneLogin?.session;
      if (phoneSession === undefined) return;
      logIns.logIn(session, phoneSession).catch((failure: unknown) => {
        log.error("a phone's topics could not be subscribed to", { clientId: session.clientId, error: failure });
      });
    },
    closed: logIns.closed,
  };
}

/** Clients of the Erlang-term services announce their version by a will, which no client should receive. */
const isVersionHint = (topic: string): boolean => topic.startsWith("version/");
