/**
 * Which user acts on an MQTT session through the Erlang-term services, and so which phone's device it is: the user of a
 * log-in on its connection, or of the account that the session has anyway.
 */
import { type Account, type Accounts, userPrincipalKey } from "../access/accounts.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import type { UserId } from "../domain/model.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { phoneIdOf } from "../domain/phones/phones.ts";
import type { Reads } from "../domain/store.ts";
import type { ServiceBroker, ServiceSession } from "../mqtt/service.ts";
import { TermClient } from "./client.ts";
import { PhoneDevices } from "./phone-devices.ts";
import { phoneTopic, sessionsTopic } from "./topics.ts";

export interface TermLogInsParts {
  readonly store: Pick<Reads, "listUserIdsOfPhone">;
  readonly hub: Pick<Hub, "attach" | "detach">;
  readonly accounts: Pick<Accounts, "endLogIn" | "findUserNow">;
  readonly broker: Pick<ServiceBroker<Account>, "storedSessions">;
  /** Called where the client of a log-in that hears of chats is there. */
  listenToChats(session: ServiceSession<Account>): Promise<void>;
}

export type TermLogIns = ReturnType<typeof createTermLogIns>;

export function createTermLogIns({ store, hub, accounts, broker, listenToChats }: TermLogInsParts) {
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

  function clientOf(session: ServiceSession<Account>): TermClient {
    const known = clients.get(session);
    if (known !== undefined) return known;
    const client = new TermClient(session);
    clients.set(session, client);
    return client;
  }

  /** The phone of the user who has logged in on the session, by phone or with an account that has one. */
  function phoneOf(session: ServiceSession<Account>): string | undefined {
    const { userId } = session.principal;
    const { phoneSession, loggedOut } = clientOf(session);
    if (phoneSession !== undefined) return phoneSession.phone;
    return userId === undefined || loggedOut ? undefined : accounts.findUserNow(userId)?.phone;
  }

  /** From now on the session is one of the phone's devices. */
  async function logIn(session: ServiceSession<Account>, phoneSession: PhoneSession): Promise<void> {
    logOut(session);
    const { phone, userId, sessionId } = phoneSession;
    const client = clientOf(session);
    client.phoneSession = phoneSession;
    client.loggedOut = false;
    const sink: Sink = {
      userId,
      // A connection that had a user from its start is listed as that user's.
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
    if (phoneSession.hearsChats) await listenToChats(session);
  }

  /** A stored session of the same client queues the phone's messages until that session takes this one's place. */
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

  /**
   * A phone was replaced by another one: sessions that received its topics, connected or away, receive the new phone's.
   */
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

  /** The log-in ended: the connection has no user from now on. */
  function ended(session: ServiceSession<Account>): void {
    logOut(session);
    const client = clientOf(session);
    client.token = undefined;
    client.loggedOut = true;
    if (session.principal.phoneLogin?.session !== undefined) accounts.endLogIn(session, "the log-in was ended");
  }

  /** `before` is the session that this one replaces on its connection. */
  function opened(session: ServiceSession<Account>, before: ServiceSession<Account> | undefined): void {
    if (before !== undefined) clients.set(session, new TermClient(session, clients.get(before)));
  }

  /** What is known of a connection does not pass to the next one. */
  function closed(session: ServiceSession<Account>): void {
    if (!clients.has(session)) return;
    logOut(session);
    clients.delete(session);
  }

  return { phones, clientOf, phoneOf, logIn, moved, opened, closed };
}
