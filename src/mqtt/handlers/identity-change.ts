/**
 * A client that becomes another principal within its connection, by a service's word: that principal's session takes the
 * place of the one the connection had. What was asked on that one is answered first; nothing more is read meanwhile.
 */
import type { Log } from "../../lib/log.ts";
import type { Connection, IdentityChanging } from "../connection/connection.ts";
import type { Authenticated, Identity, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import type { Subscription } from "../routing/subscription.ts";
import type { Services } from "../services.ts";
import type { Session } from "../session/session.ts";
import { SessionRefused, type Sessions } from "../session/sessions.ts";
import type { BrokerStore, StoredSubscription } from "../store.ts";
import type { Work } from "../work.ts";
import { type Lifetime, type RestoreParts, restoreSubscriptions } from "./connect.ts";
import { type InstallParts, installSubscription } from "./subscribe.ts";

export interface IdentityChangeParts extends RestoreParts {
  readonly identity: Pick<Identity, "principalOf">;
  readonly services: InstallParts["services"] & Pick<Services, "opened">;
  readonly sessions: Pick<Sessions, "find" | "handOver" | "closed">;
  readonly store: RestoreParts["store"] & Pick<BrokerStore, "subscribe">;
  readonly limits: Pick<BrokerLimits, "packetBytesMax">;
  readonly work: Work;
  readonly log: Log;
}

type Wanted = Pick<Lifetime, "persistent" | "expirySeconds">;

interface Change {
  who: Authenticated<Principal>;
  /** Its session is being opened. */
  opening: boolean;
  /** The client has to acknowledge first what is on its way: both sessions use the same packet ids. */
  awaitsClient: boolean;
}

export class IdentityChanges implements IdentityChanging {
  readonly #parts: IdentityChangeParts;
  /** What CONNECT asked for where nobody may have it until it is known who it is. */
  readonly #wanted = new WeakMap<Connection, Wanted>();
  readonly #waiting = new Map<Connection, Change>();

  constructor(parts: IdentityChangeParts) {
    this.#parts = parts;
  }

  remember(connection: Connection, { persistent, expirySeconds }: Lifetime): void {
    if (persistent) this.#wanted.set(connection, { persistent, expirySeconds });
  }

  begin(connection: Connection, who: Authenticated<Principal>): void {
    const { session } = connection;
    const { principal } = who;
    if (session === undefined) return;
    const waiting = this.#waiting.get(connection);
    if (waiting !== undefined) {
      waiting.who = who; // the last word counts
      return;
    }
    if (session.principal.key === principal.key) return;
    this.#waiting.set(connection, { who, opening: false, awaitsClient: false });
    connection.stopReading();
    this.waits(connection);
  }

  /** Something of the connection is done, perhaps the last. Whether it is not to be read yet. */
  waits(connection: Connection): boolean {
    if (this.#waiting.size === 0) return false;
    const change = this.#waiting.get(connection);
    if (change === undefined) return false;
    if (!change.opening && connection.idle) void this.#open(connection, change);
    return !change.awaitsClient;
  }

  /** The connection will be another principal's. */
  isBecoming(connection: Connection): boolean {
    return this.#waiting.has(connection);
  }

  /** The client acknowledged something. */
  acknowledged(connection: Connection): void {
    if (this.#waiting.size > 0) this.waits(connection);
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.#waiting.delete(connection);
  }

  async #open(connection: Connection, change: Change): Promise<void> {
    const { work, log } = this.#parts;
    const { address } = connection;
    change.opening = true;
    work.started();
    try {
      const { who } = change;
      const done = await this.#handOver(connection, who);
      change.opening = false;
      change.awaitsClient = !done;
      if (done && change.who === who) this.#waiting.delete(connection);
      else if (done) this.waits(connection); // it became yet another principal meanwhile
    } catch (error) {
      this.#waiting.delete(connection);
      if (error instanceof SessionRefused) log.info("a session was refused", { address, why: error.message });
      else log.error("a session could not be attached", { address, error });
      connection.close("internal_error", "no session for who logged in");
    } finally {
      work.done();
    }
    if (this.#waiting.get(connection)?.opening !== true) connection.startReading();
  }

  async #handOver(connection: Connection, who: Authenticated<Principal>): Promise<boolean> {
    const { session: before } = connection;
    const { principal } = who;
    if (before === undefined || before.principal.key === principal.key) return true;
    const { clientId } = before;
    const { persistent, expirySeconds } = this.#lifetimeOf(connection, who, clientId);
    return this.#parts.sessions.handOver(
      { connection, principal, clientId, cleanStart: false, persistent, expirySeconds },
      (session, resumed) => this.#welcome(connection, who, { session, resumed, before, expirySeconds }),
    );
  }

  /** As CONNECT asked for; a session that is there stays as long as it would have, where that asked for none. */
  #lifetimeOf(connection: Connection, { principal, persistent }: Authenticated<Principal>, clientId: string): Wanted {
    const { sessionExpirySeconds } = connection;
    const wanted = this.#wanted.get(connection) ?? {
      persistent: sessionExpirySeconds !== 0,
      expirySeconds: sessionExpirySeconds,
    };
    if (!persistent) {
      if (wanted.persistent) this.#wanted.set(connection, wanted);
      return { persistent: false, expirySeconds: 0 };
    }
    if (wanted.persistent) return wanted;
    const { expiry } = this.#parts.sessions.find(principal.key, clientId) ?? {};
    return expiry === undefined ? wanted : { persistent: true, expirySeconds: expiry.seconds };
  }

  #welcome(
    connection: Connection,
    { packetBytesMax }: Authenticated<Principal>,
    opened: {
      readonly session: Session;
      readonly resumed: boolean;
      readonly before: Session;
      readonly expirySeconds: number | undefined;
    },
  ): void {
    const parts = this.#parts;
    const { session, resumed, before, expirySeconds } = opened;
    const { clientId, principal } = session;
    parts.log.debug("client became another", {
      clientId,
      principal: principal.key,
      address: connection.address,
      resumed,
    });
    const asked = [...before.subscriptions];
    // Of a principal that is no more nothing is kept.
    const gone = parts.identity.principalOf(before.principal.key, clientId) === undefined;
    const beforeExpirySeconds = gone ? 0 : connection.sessionExpirySeconds;
    connection.handOver(session, expirySeconds);
    connection.limitPackets(Math.min(packetBytesMax ?? Number.POSITIVE_INFINITY, parts.limits.packetBytesMax));
    session.resume(); // before a service delivers anything, so that it keeps its packet ids
    parts.services.opened(session, { resumed, before });
    restoreSubscriptions(parts, session);
    this.#subscribe(session, asked);
    parts.sessions.closed(before, beforeExpirySeconds);
  }

  /** What was subscribed to on this connection still is, as far as it may be. */
  #subscribe(session: Session, asked: readonly (readonly [string, Subscription])[]): void {
    const parts = this.#parts;
    const { storedId, clientId } = session;
    const stored: StoredSubscription[] = [];
    for (const [filter, wanted] of asked) {
      const subscription = installSubscription(parts, session, filter, wanted);
      if (subscription === undefined) continue;
      const { qos, options, subscriptionId } = subscription;
      stored.push({ filter, qos, options, subscriptionId });
    }
    if (storedId === undefined || stored.length === 0) return;
    parts.work.started();
    parts.store
      .subscribe(storedId, stored)
      .catch((error: unknown) => {
        parts.log.error("storing subscriptions failed", { clientId, error });
        session.close("its subscriptions could not be stored");
      })
      .finally(() => parts.work.done());
  }
}
