/**
 * The Erlang-term services over MQTT: requests are terms published to `events/…`, each is answered exactly once on the
 * client's own `actions/…`. PUBACK or PUBREC leaves when the answer is on its way, and on disk if the client may be away
 * when it comes.
 */
import type { Events } from "../delivery/events.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import type { User, UserId } from "../domain/model.ts";
import type { PhoneLogin } from "../domain/phones/phone-login.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { phoneIdOf } from "../domain/phones/phones.ts";
import { decodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { recordOf, textOf } from "../etf/read.ts";
import { type Term, TermError } from "../etf/term.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import {
  acknowledge,
  type InterceptedPublish,
  type PublishOutcome,
  type ServiceSession,
  type SubscribeAnswer,
} from "../mqtt/hooks.ts";
import type { Authenticated } from "../mqtt/identity.ts";
import { RosterClient, type RosterPrincipal } from "./client.ts";
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
import {
  isOwnFilter,
  isRosterTopic,
  parseRequestTopic,
  phoneTopic,
  type RequestTopic,
  sessionsTopic,
} from "./topics.ts";

/** What has no word of its own in these documents; all else that is refused is refused by the broker. */
const refusals: ReadonlySet<DomainErrorCode> = new Set([
  "not_authorized",
  "registration_closed",
  "try_later",
  "user_disabled",
]);

/** Arrays in MessagePack and JSON that begin with one of these are tuples. */
const recordNames = new Set<string>(["Auth", "Friend", "Confirm", "Revoke", "Token", "init", ...profileRecordNames]);

export interface RosterDoorParts<P extends RosterPrincipal> {
  readonly domain: Pick<Domain, "phoneSessions" | "profiles" | "contacts" | "store" | "directory">;
  readonly hub: Pick<Hub, "attach" | "detach" | "isOnline">;
  readonly events: Pick<Events, "on">;
  readonly log: Log;
  readonly clock: Clock;
  /** Undefined where the operator configured none. */
  readonly mint: MintCredentials | undefined;
  /** A plain read. */
  phoneOf(userId: UserId): string | undefined;
  /** A user's sessions that outlive their connections. */
  storedSessions(userId: UserId): Iterable<ServiceSession<P>>;
  /** Who has logged in; undefined: nobody any more. */
  authenticated(login: PhoneLogin): Authenticated<P> | undefined;
  /** What a client is whose log-in ended; undefined where there are no such. */
  readonly nobody: Authenticated<P> | undefined;
}

/** A request as the handlers get it. */
export interface RosterRequest<P extends RosterPrincipal> {
  readonly client: RosterClient<P>;
  readonly session: ServiceSession<P>;
  readonly topic: RequestTopic;
  readonly fields: readonly Term[];
  /** Of the connection, without its port. */
  readonly address: string;
  /** The client has logged in by phone, on this connection or before. */
  loggedIn(phoneSession: PhoneSession, token: string | undefined): Promise<void>;
}

export type RosterDoor<P extends RosterPrincipal> = ReturnType<typeof createRosterDoor<P>>;

export function createRosterDoor<P extends RosterPrincipal>(parts: RosterDoorParts<P>) {
  const { domain, hub, log } = parts;
  const { phoneSessions, store } = domain;
  const clients = new WeakMap<ServiceSession<P>, RosterClient<P>>();
  const sinks = new WeakMap<ServiceSession<P>, Sink>();
  const phones = new PhoneDevices<P>({
    usersOf: (phone) => store.listUserIdsOfPhone(phone),
    storedSessions: parts.storedSessions,
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

  function clientOf(session: ServiceSession<P>): RosterClient<P> {
    const known = clients.get(session);
    if (known !== undefined) return known;
    const client = new RosterClient(session);
    clients.set(session, client);
    return client;
  }

  /** Of whoever has logged in on the session, by phone or as an account that has one. */
  function phoneOf(session: ServiceSession<P>): string | undefined {
    const { userId } = session.principal;
    const { phoneSession, loggedOut } = clientOf(session);
    if (phoneSession !== undefined) return phoneSession.phone;
    return userId === undefined || loggedOut ? undefined : parts.phoneOf(userId);
  }

  /** From here on the session is one of the phone's devices. */
  async function logIn(session: ServiceSession<P>, phoneSession: PhoneSession): Promise<void> {
    logOut(session);
    const { phone, userId, sessionId } = phoneSession;
    const client = clientOf(session);
    client.phoneSession = phoneSession;
    client.loggedOut = false;
    const sink: Sink = {
      userId,
      // A connection that was somebody's from its start is known as that.
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
  function hasOther(session: ServiceSession<P>, userId: UserId): boolean {
    if (session.principal.userId === userId) return false;
    for (const { clientId } of parts.storedSessions(userId)) if (clientId === session.clientId) return true;
    return false;
  }

  function logOut(session: ServiceSession<P>): void {
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
    const stored = userIds.flatMap((userId) => [...parts.storedSessions(userId)]);
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
  function ended(session: ServiceSession<P>): void {
    logOut(session);
    const client = clientOf(session);
    client.token = undefined;
    client.loggedOut = true;
    if (session.principal.roster?.session === undefined) return;
    if (parts.nobody === undefined) session.close("the log-in was ended");
    else session.become(parts.nobody);
  }

  /** Undefined where it is no request: nobody may publish there. */
  function intercept(session: ServiceSession<P>, publish: InterceptedPublish): Promise<PublishOutcome> | undefined {
    const topic = parseRequestTopic(publish.topic);
    if (topic === undefined || !session.connected) return undefined;
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
    session: ServiceSession<P>;
    client: RosterClient<P>;
    topic: RequestTopic;
    payload: Buffer;
  }): Promise<void> {
    const { session, client, topic, payload } = request;
    let answer: WireTerm | undefined;
    let became: Authenticated<P> | undefined;
    try {
      client.dialect = "etf";
      const decoded = decodePayload(payload, (name) => recordNames.has(name));
      client.dialect = decoded.dialect;
      const loggedIn = (phoneSession: PhoneSession, token: string | undefined): Promise<void> => {
        client.token = token;
        // An account stays who it is, whoever it speaks for here.
        if (session.principal.roster !== undefined) became = parts.authenticated({ token, session: phoneSession });
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
  async function handle(request: Omit<RosterRequest<P>, "fields">, term: Term): Promise<WireTerm | undefined> {
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
  async function logInByTopic({ client, topic, address, loggedIn }: Omit<RosterRequest<P>, "fields">): Promise<void> {
    if (client.phoneSession !== undefined || topic.token === undefined) return;
    const phoneSession = await phoneSessions.logInWithToken(topic.token, address);
    if (phoneSession !== undefined) await loggedIn(phoneSession, topic.token);
  }

  return {
    serves: isRosterTopic,
    intercept,
    /** A session is one of its phone's devices from here on, if it logged in by that. */
    opened(session: ServiceSession<P>, before: ServiceSession<P> | undefined): void {
      if (before !== undefined) clients.set(session, new RosterClient(session, clients.get(before)));
      const phoneSession = session.principal.roster?.session;
      if (phoneSession === undefined) return;
      logIn(session, phoneSession).catch((failure: unknown) => {
        log.error("a phone's topics could not be subscribed to", { clientId: session.clientId, error: failure });
      });
    },
    serving: (session: ServiceSession<P>, filter: string): SubscribeAnswer =>
      isOwnFilter(filter, { clientId: session.clientId, phone: phoneOf(session) }) ? "addressed" : "refused",
    subscribed(session: ServiceSession<P>, filter: string): void {
      const phone = phoneOf(session);
      if (phone !== undefined && (filter === phoneTopic(phone) || filter === sessionsTopic(phone))) {
        phones.connected(phone, session);
      }
    },
    unsubscribed: (session: ServiceSession<P>, filter: string): boolean => clientOf(session).unsubscribe(filter),
    /** What a connection knew of itself is not the next one's. */
    closed(session: ServiceSession<P>): void {
      if (!clients.has(session)) return;
      logOut(session);
      clients.delete(session);
    },
  };
}
