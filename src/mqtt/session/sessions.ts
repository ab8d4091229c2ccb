/**
 * All sessions, by (principal, client id): read back at the start, resumed, taken over, expired, ended. Connections
 * that name the same session are served one after the other, since opening one may wait for the store.
 */

import { type Clock, later, type SteadyMs } from "../../lib/clock.ts";
import type { MinuteLog } from "../../lib/minute-log.ts";
import type { Connection } from "../connection/connection.ts";
import type { DeadlineWheel } from "../connection/keep-alive.ts";
import type { Counters } from "../counters.ts";
import { type Authorize, type BrokersReason, type Identity, ownerOf, type Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import type { Routes } from "../routing/routes.ts";
import { isRouted, type Subscription, storedServingOf, subscriptionOf } from "../routing/subscription.ts";
import type { Services } from "../services.ts";
import type { BrokerStore, Sending, StoredSession, StoredSubscription, SuspendedSession } from "../store.ts";
import { Expiry, Session, type SessionParts, sessionKey } from "./session.ts";
import { SessionIndex } from "./session-index.ts";

export interface OpenRequest {
  readonly connection: Connection;
  readonly principal: Principal;
  readonly clientId: string;
  /** Discard the existing session [MQTT-3.1.2-4]. */
  readonly cleanStart: boolean;
  /** Whether the session outlives its connection. */
  readonly persistent: boolean;
  /** For how long; undefined: the broker's setting. Ignored without `persistent`. */
  readonly expirySeconds: number | undefined;
}

/** For `SessionRefused`, where an account has as many WebSockets as it may. */
export const tooManyWebSockets: BrokersReason = { text: "too many WebSockets of one account" };

/** Why a client gets no session. */
export class SessionRefused extends Error {
  override readonly name = "SessionRefused";
  readonly reason: BrokersReason;
  readonly principal: Principal;

  constructor(reason: BrokersReason, principal: Principal) {
    super(reason.text);
    this.reason = reason;
    this.principal = principal;
  }
}

export interface SessionsParts extends SessionParts {
  readonly authorize: Authorize;
  readonly identity: Pick<Identity, "principalOf" | "nameOf">;
  readonly ends: MinuteLog;
  readonly services: Pick<Services, "serving" | "closed" | "ended">;
  readonly store: SessionParts["store"] &
    Pick<
      BrokerStore,
      "sessionsPage" | "findSession" | "openSession" | "suspendSession" | "endSession" | "received" | "released"
    >;
  readonly wills: {
    /** The client is back: a delayed will is dropped. */
    cancel(key: string): void;
    /** The session has ended: a delayed will is due. */
    sessionEnded(key: string): void;
  };
  readonly routes: Pick<Routes, "add" | "remove" | "group" | "hasGroups">;
  readonly counters: SessionParts["counters"] & Pick<Counters, "sessionsExpired">;
  readonly limits: SessionParts["limits"] & Pick<BrokerLimits, "sessionExpirySecondsMax" | "sessionsPerPrincipalMax">;
  readonly wheel: DeadlineWheel;
  readonly clock: Clock;
}

/** The session whose client is away for longer. */
const olderOf = (session: Session, other: Session | undefined): Session =>
  other?.expiry === undefined || (session.expiry?.sinceMs ?? 0) < other.expiry.sinceMs ? session : other;

/** A clean CONNECT ends a session, with what waits for it. */
const endCommand = (clientId: string): string =>
  `mosquitto_sub -u NAME -P PASSWORD -i '${clientId.replaceAll("'", "'\\''")}' -t end -E`;

interface Found {
  readonly session: Session;
  readonly resumed: boolean;
  readonly sending: readonly Sending[];
}

const noSessions: ReadonlySet<Session> = new Set();

export class Sessions {
  readonly #parts: SessionsParts;
  readonly #sessions = new SessionIndex();
  /** The persistent sessions of a principal and of those that use its shares, by its key. */
  readonly #storedOf = new Map<string, Set<Session>>();
  /** Sessions of removed principals, until their connections are other principals'. */
  readonly #lastOf = new WeakSet<Session>();
  #endFailed = false;
  /** The last connection waiting for the key of a session. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#sessions.count;
  }

  /** The sessions of a principal, and of those that use its shares, that outlive their connections. */
  storedOf(owner: string): ReadonlySet<Session> {
    return this.#storedOf.get(owner) ?? noSessions;
  }

  find(principalKey: string, clientId: string): Session | undefined {
    return this.#sessions.find(principalKey, clientId);
  }

  /**
   * Makes a session that is not in the index. Only a will is left of it, since it ended with an earlier run of the
   * server.
   */
  makeUnknown(principal: Principal, clientId: string): Session {
    return new Session(this.#parts, { principal, clientId, storedId: undefined });
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions[Symbol.iterator]();
  }

  /** Loads what an earlier run left: the clients are away, and their subscriptions are active. */
  load(): void {
    const { store, identity } = this.#parts;
    for (let after = 0; ; ) {
      const page = store.sessionsPage(after);
      for (const stored of page) {
        const principal = identity.principalOf(stored.principalKey, stored.clientId);
        if (principal === undefined) this.#attempt("end", this.#endRow(stored.sessionId));
        else this.#restore(stored, principal);
      }
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.sessionId;
    }
  }

  /**
   * Finds or makes the session and calls `opened` before another connection is served with the same key. Does not call
   * it if the connection is gone by then. An older connection of the session is closed [MQTT-3.1.4-2]. Throws
   * `SessionRefused`.
   */
  open(request: OpenRequest, opened: (session: Session, resumed: boolean) => void): Promise<void> {
    return this.#inTurn(request, () => this.#open(request, opened));
  }

  /**
   * Replaces the session of `request.connection` by that of (principal, client id), and calls `opened`. False where the
   * client still has packet ids in use that both need, or asked for more. Throws `SessionRefused`.
   */
  async handOver(request: OpenRequest, opened: (session: Session, resumed: boolean) => void): Promise<boolean> {
    const { connection, principal, expirySeconds } = request;
    let done = false;
    await this.#inTurn(request, async () => {
      if (connection.closed) return;
      await this.#takeOver(request);
      const stored = request.persistent || this.#storedId(request) !== undefined;
      const { session, resumed, sending } = stored ? await this.#openStored(request) : this.#openFresh(request);
      const before = connection.session;
      const clashes = before === undefined || sending.some((message) => before.usesOtherwise(message));
      if (clashes || !connection.idle) {
        if (session.storedId === undefined) this.#remove(session);
        else this.closed(session, expirySeconds);
        return;
      }
      if (session.expiry !== undefined) this.#parts.wheel.unwatch(session.expiry);
      before.connection = undefined;
      this.#continue(session, before);
      session.attach(connection, principal, resumed ? sending : undefined);
      opened(session, resumed);
      done = true;
    });
    return done;
  }

  /** The client has not resumed it: of the packet ids of its publishes only those of the connection mean a repeat. */
  #continue(session: Session, before: Session): void {
    const { taken, forgotten } = session.continueFrom(before);
    const { storedId } = session;
    if (storedId === undefined) return;
    const { store } = this.#parts;
    for (const packetId of forgotten) this.#attempt("release", store.released(storedId, packetId));
    for (const packetId of taken) this.#attempt("receive", store.received(storedId, packetId));
  }

  async #inTurn(
    { principal, clientId }: { readonly principal: Principal; readonly clientId: string },
    work: () => Promise<void>,
  ): Promise<void> {
    const key = sessionKey(principal.key, clientId);
    const before = this.#turns.get(key);
    const turn = Promise.withResolvers<void>();
    this.#turns.set(key, turn.promise);
    try {
      await before;
      await work();
    } finally {
      turn.resolve();
      if (this.#turns.get(key) === turn.promise) this.#turns.delete(key);
    }
  }

  /** The session's connection is gone; the session is kept for `staysSeconds` (undefined: the setting). */
  closed(session: Session, staysSeconds: number | undefined): void {
    const left = session.detach();
    const expirySeconds = this.#lastOf.has(session) ? 0 : staysSeconds;
    const { storedId, expiry } = session;
    if (storedId === undefined || expiry === undefined) {
      this.#remove(session);
      this.#parts.services.closed(session);
      session.redistribute();
      return;
    }
    this.#parts.services.closed(session);
    const { sending, waiting } = left ?? { sending: [], waiting: [] };
    const disconnectedAtMs = this.#parts.clock.steadyMs();
    this.#parts.queueWriter.flush(); // messages it was being sent are stored before they are set aside
    this.#suspend(expiry, { sessionId: storedId, disconnectedAtMs, expirySeconds, sending, waiting });
    expiry.seconds = expirySeconds;
    if (this.#endsAfter(expirySeconds) === 0) this.end(session);
    else this.#watch(session, disconnectedAtMs);
  }

  #suspend(expiry: Expiry, left: SuspendedSession): void {
    expiry.suspended = left;
    const done = (): void => {
      if (expiry.suspended === left) expiry.suspended = undefined;
    };
    this.#attempt("suspend", this.#parts.store.suspendSession(left).then(done));
  }

  /** Ends a session for good, with its connection. Messages for which a share group chose it go to other members. */
  end(session: Session): void {
    session.connection?.close("session_ended");
    const { storedId } = session;
    this.#remove(session);
    this.#parts.wills.sessionEnded(session.key);
    if (storedId === undefined) return;
    this.#attempt("end", this.#endStored(storedId));
    this.#parts.services.ended(session);
  }

  /** The principal was removed: all its sessions end, and those of principals that use its shares. A client that becomes another principal keeps its connection. */
  endAllOf(principalKey: string): void {
    for (const session of [...this.#sessions]) {
      const { principal } = session;
      if (principal.key !== principalKey && principal.owner !== principalKey) continue;
      if (session.connection?.isBecoming === true) this.#lastOf.add(session);
      else this.end(session);
    }
  }

  /** Of the principals that use a principal's shares, some were removed. Their stored sessions end, with their connections. */
  endStoredOf(owner: string, principalKeys: ReadonlySet<string>): void {
    for (const session of [...this.storedOf(owner)]) if (principalKeys.has(session.principal.key)) this.end(session);
  }

  /** The number of seconds after which a session ends once its connection has ended. */
  #endsAfter(expirySeconds: number | undefined): number {
    return Math.min(expirySeconds ?? Number.POSITIVE_INFINITY, this.#parts.limits.sessionExpirySecondsMax);
  }

  /** The same for the session of a connection that ends now. */
  endsInSeconds(session: Session, expirySeconds: number | undefined): number {
    return session.storedId === undefined ? 0 : this.#endsAfter(expirySeconds);
  }

  async #open(request: OpenRequest, opened: (session: Session, resumed: boolean) => void): Promise<void> {
    const { connection, principal, cleanStart, persistent } = request;
    await this.#takeOver(request);
    // A client whose session ends with this connection still gets what waits for it.
    const stored = persistent || (!cleanStart && this.#storedId(request) !== undefined);
    const found = stored ? await this.#openStored(request) : this.#openFresh(request);
    if (connection.closed) {
      if (found.session.storedId !== undefined)
        this.closed(found.session, request.persistent ? request.expirySeconds : 0);
      else this.#remove(found.session);
      return;
    }
    const { session, resumed } = found;
    if (session.expiry !== undefined) this.#parts.wheel.unwatch(session.expiry);
    session.attach(connection, principal, resumed ? found.sending : undefined);
    opened(session, resumed);
  }

  /** Ends the older connection of the session, and the session too where it is not to be continued. */
  async #takeOver(request: OpenRequest): Promise<void> {
    const { principal, clientId, cleanStart } = request;
    const known = this.find(principal.key, clientId);
    known?.connection?.close("taken_over");
    const isOver = known?.expiry?.isOver === true; // and only the wheel is late
    if (isOver) this.#parts.counters.sessionsExpired++;
    if (cleanStart || isOver) await this.#discard(request);
    else this.#parts.wills.cancel(sessionKey(principal.key, clientId)); // [MQTT-3.1.3-9]
  }

  /** All sessions were read at the start; the store is asked only if it may have kept one that was to end. */
  #storedId({ principal, clientId }: OpenRequest): number | undefined {
    const known = this.find(principal.key, clientId)?.storedId;
    return known ?? (this.#endFailed ? this.#parts.store.findSession(principal.key, clientId) : undefined);
  }

  #openFresh({ principal, clientId }: OpenRequest): Found {
    const session = new Session(this.#parts, { principal, clientId, storedId: undefined });
    this.#sessions.add(session);
    return { session, resumed: false, sending: [] };
  }

  async #openStored(request: OpenRequest): Promise<Found> {
    const { principal, clientId } = request;
    if (this.#storedId(request) === undefined) this.#makeRoom(principal);
    this.#parts.queueWriter.flush(); // acknowledged messages must not be read back
    // Under way, or the store failed to take it: the session cannot be resumed before it is stored.
    const left = this.find(principal.key, clientId)?.expiry?.suspended;
    if (left !== undefined) await this.#parts.store.suspendSession(left);
    const { sessionId, resumed, subscriptions, received, sending } = await this.#parts.store.openSession({
      principalKey: principal.key,
      clientId,
      nowMs: this.#parts.clock.steadyMs(),
      expirySeconds: request.persistent ? request.expirySeconds : 0,
    });
    const known = this.find(principal.key, clientId);
    if (known?.storedId === sessionId) {
      if (received.length > 0) known.incoming.restore(received); // read back when the broker started, without these
      return { session: known, resumed, sending };
    }
    if (known !== undefined) this.#remove(known); // the store ended it by itself
    const session = this.#add({ principal, clientId, sessionId });
    for (const stored of subscriptions) this.#subscribe(session, stored);
    if (received.length > 0) session.incoming.restore(received);
    return { session, resumed, sending };
  }

  /** A clean CONNECT discards what was there [MQTT-3.1.2-4]; resolves when that is on disk. */
  async #discard(request: OpenRequest): Promise<void> {
    const { principal, clientId } = request;
    const known = this.find(principal.key, clientId);
    const storedId = this.#storedId(request);
    if (known !== undefined) this.#remove(known);
    this.#parts.wills.sessionEnded(sessionKey(principal.key, clientId));
    if (storedId === undefined) return;
    await this.#endStored(storedId);
    this.#parts.services.ended(known ?? new Session(this.#parts, { principal, clientId, storedId }));
  }

  #add(who: { principal: Principal; clientId: string; sessionId: number }): Session {
    const { principal, clientId, sessionId } = who;
    const session = new Session(this.#parts, { principal, clientId, storedId: sessionId });
    session.expiry = new Expiry(this.#parts.clock, () => {
      this.#parts.counters.sessionsExpired++;
      this.end(session);
    });
    this.#sessions.add(session);
    const owner = ownerOf(principal);
    const others = this.#storedOf.get(owner);
    if (others === undefined) this.#storedOf.set(owner, new Set([session]));
    else others.add(session);
    return session;
  }

  #restore(stored: StoredSession, principal: Principal): void {
    const { sessionId, clientId, expirySeconds, disconnectedAtMs } = stored;
    const session = this.#add({ principal, clientId, sessionId });
    for (const subscription of stored.subscriptions) this.#subscribe(session, subscription);
    if (session.expiry !== undefined) {
      session.expiry.seconds = expirySeconds;
      session.expiry.queuedBefore = stored.queued;
    }
    this.#watch(session, disconnectedAtMs);
  }

  /** Active from now on; the service is told when the client comes back. */
  #subscribe(session: Session, { filter, qos, options, subscriptionId }: StoredSubscription): void {
    const { answer } = storedServingOf(this.#parts, session, filter);
    if (answer === "refused") return;
    const routed = isRouted(answer);
    const subscription: Subscription = subscriptionOf({ qos, options, subscriptionId, routed });
    session.setSubscription(filter, subscription);
    if (routed) this.#parts.routes.add(filter, session, subscription);
  }

  /**
   * A principal has a limited number of sessions: a new one replaces the one whose client has been away for longest, of
   * those for which no message waits. Messages that were acknowledged are not given up for it.
   */
  #makeRoom(principal: Principal): void {
    const { sessionsPerPrincipalMax } = this.#parts.limits;
    const stored = this.storedOf(ownerOf(principal));
    if (stored.size < sessionsPerPrincipalMax) return;
    let oldest: Session | undefined;
    let waiting: Session | undefined;
    for (const session of stored) {
      if (session.connected || session.expiry === undefined) continue;
      if (session.queuedMessages > 0) waiting = olderOf(session, waiting);
      else oldest = olderOf(session, oldest);
    }
    if (oldest === undefined) {
      const text = "the account has as many sessions as one may, and messages wait in each that is away";
      const command = waiting && endCommand(waiting.clientId);
      throw new SessionRefused({ text, limit: "sessionsPerPrincipal", command }, principal);
    }
    const { identity, ends } = this.#parts;
    const { clientId } = oldest;
    ends.note(`${principal.key} made room`, "a session made room for another", () => ({
      clientId,
      account: identity.nameOf(principal),
    }));
    this.end(oldest);
  }

  async #endStored(storedId: number): Promise<void> {
    const { routes, store, queueWriter } = this.#parts;
    queueWriter.flush();
    if (routes.hasGroups) {
      await store.wait([]); // what its connection left is on disk then
      this.#redistribute(storedId);
      queueWriter.flush();
    }
    await this.#endRow(storedId);
  }

  async #endRow(sessionId: number): Promise<void> {
    try {
      await this.#parts.store.endSession(sessionId);
    } catch (error) {
      this.#endFailed = true;
      throw error;
    }
  }

  /**
   * Messages for which a share group chose an ending session go to another member, unless sent at QoS 2 [MQTT-4.8.2-5].
   */
  #redistribute(storedId: number): void {
    const { routes, store } = this.#parts;
    for (let after = 0; ; ) {
      const page = store.queuedPage(storedId, after);
      for (const { queueId, share, released, packetId, qos, packet, expiresAtMs } of page) {
        after = queueId;
        if (share === undefined || released || (packetId !== 0 && qos === 2)) continue;
        routes.group(share)?.forwardStored(packet, expiresAtMs);
      }
      if (page.length === 0) return;
    }
  }

  #watch({ expiry }: Session, disconnectedAtMs: SteadyMs): void {
    if (expiry === undefined) return;
    expiry.sinceMs = disconnectedAtMs;
    expiry.endsAtMs = later(disconnectedAtMs, this.#endsAfter(expiry.seconds) * 1000);
    this.#parts.wheel.watch(expiry);
  }

  #remove(session: Session): void {
    for (const [filter, { routed }] of session.subscriptions()) if (routed) this.#parts.routes.remove(filter, session);
    session.clearSubscriptions();
    if (session.expiry !== undefined) this.#parts.wheel.unwatch(session.expiry);
    if (!this.#sessions.remove(session) || session.storedId === undefined) return;
    const owner = ownerOf(session.principal);
    const stored = this.#storedOf.get(owner);
    stored?.delete(session);
    if (stored?.size === 0) this.#storedOf.delete(owner);
  }

  #attempt(what: string, change: Promise<void>): void {
    const { work, log } = this.#parts;
    work.started();
    change
      .catch((error: unknown) => log.error("the store of sessions failed", { what, error }))
      .finally(() => work.done());
  }
}
