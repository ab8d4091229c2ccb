/**
 * The Erlang-term services over MQTT. Requests are terms published to `events/…`; each is answered exactly once on the
 * client's own `actions/…`. PUBACK or PUBREC is sent when the answer is on its way, and on disk if the client may be
 * away when it comes.
 */
import type { Account, Accounts } from "../access/accounts.ts";
import type { HearingOf } from "../access/chat-form.ts";
import type { RefusalNotes } from "../access/refusals.ts";
import type { Events } from "../delivery/events.ts";
import type { Hub } from "../delivery/hub.ts";
import type { Typing } from "../delivery/typing.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { ChatId, MessageId, User } from "../domain/model.ts";
import { type Need, opens, recordNeeds, topicNeeds } from "../domain/people/scope-rules.ts";
import type { WireTerm } from "../etf/encode.ts";
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
import { answering } from "./acting.ts";
import { createTermForm } from "./chat-form.ts";
import { Farewells } from "./farewells.ts";
import { createFriendNews } from "./friend-news.ts";
import { handleAuth } from "./handlers/auth.ts";
import { handleAuthSessions } from "./handlers/auth-sessions.ts";
import { handleFriendExtra, tellOfFriend } from "./handlers/friends.ts";
import { handleHistory, handleTyping } from "./handlers/history.ts";
import { handleInit } from "./handlers/init.ts";
import { handleMessage } from "./handlers/messages.ts";
import { handlePrivate } from "./handlers/private.ts";
import {
  handleProfile,
  type MintCredentials,
  type ProfileParts,
  profileRemoved,
  tellFriends,
} from "./handlers/profile.ts";
import { handleMember, handleRoom, tellRooms } from "./handlers/rooms.ts";
import { handleRoster, rosterAdded, rosterRemoved } from "./handlers/rosters.ts";
import { handleSearch } from "./handlers/search.ts";
import { createTermHearing } from "./hearing.ts";
import { createTermLogIns } from "./log-ins.ts";
import { readAuthExtra } from "./records/auth-record.ts";
import { parseHearing } from "./records/feeds.ts";
import { innerMessageRecords } from "./records/message-record.ts";
import { type PrivateName, readFriendExtra } from "./records/private-record.ts";
import { innerProfileRecords } from "./records/profile-request.ts";
import type { TermRequest } from "./request.ts";
import { createRequests, type RecordHandler } from "./requests.ts";
import { isHearingFilter, isOwnFilter, isTermTopic, parseRequestTopic, phoneTopic, sessionsTopic } from "./topics.ts";

export interface ErlangTermsParts {
  readonly domain: Pick<
    Domain,
    | "phoneSessions"
    | "profiles"
    | "contacts"
    | "store"
    | "directory"
    | "messages"
    | "edits"
    | "deliveries"
    | "chats"
    | "nicks"
    | "people"
    | "findNumbers"
  >;
  readonly hearings: { readonly in: HearingOf };
  readonly typing: Pick<Typing, "set">;
  messageIdNow(chatId: ChatId, seq: number): MessageId | undefined;
  readonly hub: Pick<Hub, "attach" | "detach" | "isOnline">;
  readonly events: Pick<Events, "on">;
  readonly log: Log;
  readonly clock: Clock;
  readonly accounts: Pick<Accounts, "ofPhoneLogin" | "endLogIn" | "findUserNow">;
  readonly notes: Pick<RefusalNotes, "refusedByService">;
  /** Undefined where the operator configured none. */
  readonly mint: MintCredentials | undefined;
}

export function createErlangTerms(
  parts: ErlangTermsParts,
  broker: Pick<ServiceBroker<Account>, "storedSessions">,
): Service<Account> {
  const { domain, hub, events, log, accounts } = parts;
  const { phoneSessions, store } = domain;
  const logIns = createTermLogIns({
    store,
    hub,
    accounts,
    broker,
    listenToChats: (session) => hearing.listen(session),
  });
  const { phones, clientOf, phoneOf } = logIns;
  const { findUserNow } = accounts;
  const form = createTermForm({ findUser: findUserNow, messageIdNow: parts.messageIdNow, clientOf });
  const hearing = createTermHearing({ form, hearingOf: parts.hearings.in, clientOf, phoneSessions });
  const profileParts: ProfileParts = {
    profiles: domain.profiles,
    store,
    tell: phones,
    // Others are asked about, and who shows their presence to no one is never online to them.
    isOnline: (user: Pick<User, "userId" | "phone" | "presenceRule">): boolean =>
      user.presenceRule !== "none" &&
      (hub.isOnline(user.userId) || (user.phone !== undefined && phones.connectedTo(user.phone).length > 0)),
    hidesStrangers: domain.directory === "contacts",
    clock: parts.clock,
    log,
    mint: parts.mint,
    moved: logIns.moved,
    farewells: new Farewells(log),
  };

  const { hidesStrangers, farewells } = profileParts;
  const friendNews = createFriendNews({ tell: phones, findUserNow, hidesStrangers });
  const ofFriends = (name: PrivateName): RecordHandler => ({
    logsIn: true,
    handle: (request) => handlePrivate({ domain, tell: phones, friendNews }, { ...request, name }),
  });
  const conversing = (handle: (request: TermRequest) => Promise<WireTerm | undefined>): RecordHandler => ({
    logsIn: true,
    hears: () => true,
    handle: answering(handle),
  });
  const shown = { isOnline: profileParts.isOnline, hidesStrangers };
  const { typing } = parts;
  const acting = { domain, shown, tell: phones, friendNews, store, findUserNow, typing, farewells, log };
  const friend = ofFriends("Friend");
  const friendExtra = answering((request: TermRequest) => handleFriendExtra(acting, request));
  const handlers = {
    Auth: {
      logsIn: false,
      hears: (fields) => readAuthExtra(fields) !== undefined,
      handle: (request) =>
        readAuthExtra(request.fields) === undefined
          ? handleAuth(phoneSessions, request)
          : handleAuthSessions(phoneSessions, request),
    },
    Search: conversing((request) => handleSearch(acting, request)),
    Friend: {
      logsIn: true,
      hears: (fields) => readFriendExtra(fields) !== undefined,
      handle: (request) =>
        readFriendExtra(request.fields) === undefined ? friend.handle(request) : friendExtra(request),
    },
    Confirm: ofFriends("Confirm"),
    Revoke: ofFriends("Revoke"),
    Profile: { logsIn: true, handle: (request) => handleProfile(profileParts, request) },
    Message: conversing((request) => handleMessage(acting, request)),
    Roster: conversing((request) => handleRoster(acting, request)),
    Room: conversing((request) => handleRoom(acting, request)),
    Member: conversing((request) => handleMember(acting, request)),
    History: conversing((request) => handleHistory(acting, request)),
    Typing: conversing((request) => handleTyping(acting, request)),
    init: { logsIn: false, handle: handleInit },
  } satisfies Readonly<Record<string, RecordHandler>>;
  const needs: Readonly<Record<keyof typeof handlers, Need>> = recordNeeds;
  const answerTo = createRequests({
    handlers,
    needs,
    innerRecords: ["Token", ...innerProfileRecords, ...innerMessageRecords],
    logIns,
    hearing,
    phoneSessions,
    accounts,
    notes: parts.notes,
    log,
  });

  // Friends who have a phone are told on its topics, also those who are away.
  events.on("user.changed", ({ changes }) => tellFriends(profileParts, changes));
  events.on("friendship.changed", ({ changes }) => friendNews.changed(changes));
  events.on("profile.removed", ({ removed }) => profileRemoved(profileParts, removed));

  events.on("roster.removed", (event) => rosterRemoved(acting, event));

  // What no document has is told to those who hear of it.
  events.on("roster.added", (event) => rosterAdded(acting, event));
  events.on(["chat.entered", "chat.left", "chat.renamed", "chat.muted"], (event) => tellRooms(acting, event));
  events.on(["contact.blocked", "chat.muted"], (event) => tellOfFriend(acting, event));

  /** Undefined where it is no request: no client may publish there. */
  function intercept(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
  ): Promise<PublishOutcome> | undefined {
    const topic = parseRequestTopic(publish.topic);
    if (topic === undefined || !session.connected || session.principal.device !== undefined) return undefined;
    if (!opens(session.principal.scoped, topicNeeds.terms)) {
      const why = "a token with scopes opens nothing here";
      parts.notes.refusedByService(session, publish.topic, new DomainError("out_of_scope"));
      return Promise.resolve({ refused: "not_authorized", why });
    }
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
      const { principal } = session;
      const mayAsk = principal.device === undefined && opens(principal.scoped, topicNeeds.terms);
      if (isHearingFilter(filter)) {
        return mayAsk && principal.userId !== undefined && parseHearing(filter) !== undefined ? "service" : "refused";
      }
      const isOwn = mayAsk && isOwnFilter(filter, { clientId: session.clientId, phone: phoneOf(session) });
      return isOwn ? "addressed" : "refused";
    },
    subscribed(session, filter, qos) {
      if (isHearingFilter(filter)) hearing.subscribed(session, filter, qos);
      const phone = phoneOf(session);
      if (phone !== undefined && (filter === phoneTopic(phone) || filter === sessionsTopic(phone))) {
        phones.connected(phone, session);
      }
    },
    unsubscribed(session, filter) {
      if (!isTermTopic(filter)) return false;
      hearing.unsubscribed(session, filter);
      return clientOf(session).unsubscribe(filter);
    },
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
    closed(session) {
      hearing.closed(session);
      logIns.closed(session);
    },
    ended: hearing.ended,
  };
}

/** Clients of the Erlang-term services announce their version by a will, which no client should receive. */
const isVersionHint = (topic: string): boolean => topic.startsWith("version/");
