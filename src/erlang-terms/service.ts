/**
 * The Erlang-term services over MQTT: requests are terms published to `events/…`, each is answered exactly once on the
 * client's own `actions/…`. PUBACK or PUBREC leaves when the answer is on its way, and on disk if the client may be away
 * when it comes.
 */
import { type Account, type Accounts, userPrincipalKey } from "../access/accounts.ts";
import type { Events } from "../delivery/events.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import type { User, UserId } from "../domain/model.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { phoneIdOf } from "../domain/phones/phones.ts";
import { decodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { recordOf, textOf } from "../etf/read.ts";
import { type Term, TermError } from "../etf/term.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Authenticated } from "../mqtt/identity.ts";
import {
  acknowledge,
  type InterceptedPublish,
  type PublishOutcome,
  type Service,
  type ServiceBroker,
  type ServiceSession,
} from "../mqtt/service.ts";
import { TermClient } from "./client.ts";
import { handleAuth } from "./handlers/auth.ts";
import { handlePrivate } from "./handlers/private.ts";
import {
  handleProfile,
  type MintCredentials,
  type ProfileParts,
  profileRemoved,
  tellFriends,
} from "./handlers/profile.ts";
import { PhoneDevices } from "./phone-devices.ts";
import { error, initAnswer } from "./records/answers.ts";
import { profileRecordNames } from "./records/profile-request.ts";
import type { TermRequest } from "./request.ts";
import { isOwnFilter, isTermTopic, parseRequestTopic, phoneTopic, type RequestTopic, sessionsTopic } from "./topics.ts";

/** What has no word of its own in these documents; all else that is refused is refused by the broker. */
const refusals: ReadonlySet<DomainErrorCode> = new Set([
  "not_authorized",
  "registration_closed",
  "try_later",
  "user_disabled",
]);

/** Arrays in MessagePack and JSON that begin with one of these are tuples. */
const recordNames = new Set<string>(["Auth", "Friend", "Confirm", "Revoke", "Token", "init", ...profileRecordNames]);

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
  const { domain, hub, log, accounts } = parts;
  const { phoneSessions, store } = domain;
  /** A user's sessions that outlive their connections. */
  const storedSessions = (userId: UserId): Iterable<ServiceSession<Account>> =>
    broker.storedSessions(userPrincipalKey(userId));
  const clients = new WeakMap<ServiceSession<Account>, TermClient>();
  const sinks = new WeakMap<ServiceSession<Account>, Sink>();
  const phones = new PhoneDevices({
    usersOf: (phone) => store.listUserIdsOfPhone(phone),
    storedSessions,
    clientOf,
    phoneOf,
  });

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
    moved,
    farewells: new Map(),
  };

  // Friends who have a phone hear of it there, those who are away too.
  parts.events.on("user.changed", ({ changes }) => tellFriends(profileParts, changes));
  parts.events.on("profile.removed", ({ removed }) => profileRemoved(profileParts, removed));

  function clientOf(session: ServiceSession<Account>): TermClient {
    const known = clients.get(session);
    if (known !== undefined) return known;
    const client = new TermClient(session);
    clients.set(session, client);
    return client;
  }

  /** Of the user who has logged in on the session, by phone or as an account that has one. */
  function phoneOf(session: ServiceSession<Account>): string | undefined {
    const { userId } = session.principal;
    const { phoneSession, loggedOut } = clientOf(session);
    if (phoneSession !== undefined) return phoneSession.phone;
    return userId === undefined || loggedOut ? undefined : accounts.findUserNow(userId)?.phone;
  }

  /** From here on the session is one of the phone's devices. */
  async function logIn(session: ServiceSession<Account>, phoneSession: PhoneSession): Promise<void> {
    logOut(session);
    const { phone, userId, sessionId } = phoneSession;
    const client = clientOf(session);
    client.phoneSession = phoneSession;
    client.loggedOut = false;
    const sink: Sink = {
      userId,
      // A connection that was a user's from its start is known as that user's.
      client: () =>
        session.principal.userId === undefined
          ? {
              door: "mqtt",
              name: session.clientId,
              address: session.address,
              tokenId: undefined,
              phoneSessionId: sessionId,
              end: () => ended(session),
            }
          : undefined,
      deliver(event) {
        if (event.type === "session.ended" && event.sessionIds.includes(sessionId)) ended(session);
      },
    };
    sinks.set(session, sink);
    hub.attach(sink);
    if (hasOther(session, userId)) return;
    phones.connected(phone, session);
    await Promise.all([phoneTopic(phone), sessionsTopic(phone)].map((topic) => client.listen(topic)));
  }

  /** What is for the phone waits in a stored session of the same client, until that takes this one's place. */
  function hasOther(session: ServiceSession<Account>, userId: UserId): boolean {
    if (session.principal.userId === userId) return false;
    for (const { clientId } of storedSessions(userId)) if (clientId === session.clientId) return true;
    return false;
  }

  function logOut(session: ServiceSession<Account>): void {
    const phone = phoneOf(session);
    if (phone !== undefined) phones.gone(phone, session);
    const sink = sinks.get(session);
    if (sink !== undefined) hub.detach(sink);
    sinks.delete(session);
    clientOf(session).phoneSession = undefined;
  }

  /** A phone became another one: what listened to its topics, connected or away, listens to the other's. */
  async function moved(move: { fromPhone: string; toPhone: string; userIds: readonly UserId[] }): Promise<void> {
    const { fromPhone, toPhone, userIds } = move;
    const connected = phones.take(fromPhone);
    const stored = userIds.flatMap((userId) => [...storedSessions(userId)]);
    const listening: Promise<void>[] = [];
    for (const session of new Set([...connected, ...stored])) {
      const client = clientOf(session);
      const { phoneSession } = client;
      if (phoneSession?.phone === fromPhone) {
        const { userId } = phoneSession;
        client.phoneSession = { ...phoneSession, phone: toPhone, phoneId: phoneIdOf({ phone: toPhone, userId }) };
      }
      if (connected.has(session)) phones.connected(toPhone, session);
      for (const topicOf of [phoneTopic, sessionsTopic]) {
        const qos = session.qosOf(topicOf(fromPhone));
        if (qos !== undefined) listening.push(session.listen(topicOf(toPhone), qos));
      }
    }
    await Promise.all(listening);
  }

  /** The log-in is over: the connection is nobody's from here on. */
  function ended(session: ServiceSession<Account>): void {
    logOut(session);
    const client = clientOf(session);
    client.token = undefined;
    client.loggedOut = true;
    if (session.principal.phoneLogin?.session !== undefined) accounts.endLogIn(session, "the log-in was ended");
  }

  /** Undefined where it is no request: nobody may publish there. */
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

  async function answerTo(request: {
    session: ServiceSession<Account>;
    client: TermClient;
    topic: RequestTopic;
    payload: Buffer;
  }): Promise<void> {
    const { session, client, topic, payload } = request;
    let answer: WireTerm | undefined;
    let became: Authenticated<Account> | undefined;
    try {
      client.dialect = "etf";
      const decoded = decodePayload(payload, (name) => recordNames.has(name));
      client.dialect = decoded.dialect;
      const loggedIn = (phoneSession: PhoneSession, token: string | undefined): Promise<void> => {
        client.token = token;
        // A client that logged in otherwise keeps its account, whichever phone it speaks for here.
        if (session.principal.phoneLogin !== undefined)
          became = accounts.ofPhoneLogin({ token, session: phoneSession });
        return logIn(session, phoneSession);
      };
      answer = await handle({ session, client, topic, address: session.address, loggedIn }, decoded.term);
    } catch (failure) {
      if (failure instanceof DomainError && refusals.has(failure.code)) answer = error("not_authorized");
      else if (failure instanceof TermError) answer = error("invalid_data");
      else throw failure;
      log.debug("a request was refused", { clientId: session.clientId, why: failure.message });
    }
    if (answer !== undefined) await client.answer(topic.version, answer);
    if (became !== undefined) session.become(became);
  }

  /** The answer on the client's own topic; undefined where all was said elsewhere. */
  async function handle(request: Omit<TermRequest, "fields">, term: Term): Promise<WireTerm | undefined> {
    const record = recordOf(term);
    if (record === undefined) return error("invalid_data");
    const { name, fields } = record;
    if (name === "Auth") return (await handleAuth(phoneSessions, { ...request, fields })) ?? error("invalid_data");
    if (name === "Friend" || name === "Confirm" || name === "Revoke") {
      await logInByTopic(request);
      return handlePrivate({ domain, tell: phones }, { ...request, name, fields });
    }
    if (name === "Profile") {
      await logInByTopic(request);
      return handleProfile(profileParts, { ...request, fields });
    }
    if (name === "init" && fields.length === 1) return initAnswer(Buffer.from(textOf(fields[0] as Term) ?? ""));
    return error("invalid_data");
  }

  /** Where nobody has logged in on the connection, a token in the topic does so as it would in AUTH. */
  async function logInByTopic({ client, topic, address, loggedIn }: Omit<TermRequest, "fields">): Promise<void> {
    if (client.phoneSession !== undefined || topic.token === undefined) return;
    const phoneSession = await phoneSessions.logInWithToken(topic.token, address);
    if (phoneSession !== undefined) await loggedIn(phoneSession, topic.token);
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
    // What is a topic of theirs with a slash before it too, is so for their clients only.
    forbids: ({ phoneLogin }, action, topic) =>
      action === "publish" && phoneLogin?.session !== undefined && (isVersionHint(topic) || isTermTopic(topic)),
    /** A session is one of its phone's devices from here on, if it logged in by that. */
    opened(session, { before }) {
      if (before !== undefined) clients.set(session, new TermClient(session, clients.get(before)));
      const phoneSession = session.principal.phoneLogin?.session;
      if (phoneSession === undefined) return;
      logIn(session, phoneSession).catch((failure: unknown) => {
        log.error("a phone's topics could not be subscribed to", { clientId: session.clientId, error: failure });
      });
    },
    /** What a connection knew of itself is not the next one's. */
    closed(session) {
      if (!clients.has(session)) return;
      logOut(session);
      clients.delete(session);
    },
  };
}

/** Clients of the Erlang-term services announce their version by a will: nobody is to hear of it. */
const isVersionHint = (topic: string): boolean => topic.startsWith("version/");
