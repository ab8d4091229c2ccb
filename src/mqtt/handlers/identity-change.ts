/**
 * A client that becomes another principal within its connection, when a service says so. The session of the new
 * principal replaces the session of the connection. Requests on the old session are answered first; nothing more is
 * read meanwhile.
 */
import type { Log } from "../../lib/log.ts";
import type { Connection, IdentityChanging } from "../connection/connection.ts";
import type { Authenticated, Identity, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import type { Subscription } from "../routing/subscription.ts";
import type { Services } from "../services.ts";
import type { Session } from "../session/session.ts";
import { SessionRefused, type Sessions, tooManyWebSockets } from "../session/sessions.ts";
import type { BrokerStore, StoredSubscription } from "../store.ts";
import type { Work } from "../work.ts";
import { type Lifetime, type RestoreParts, restoreSubscriptions } from "./connect.ts";
import { type InstallParts, installSubscription } from "./subscribe.ts";

export interface IdentityChangeParts extends RestoreParts {
  readonly identity: Pick<Identity, "principalOf" | "refused" | "nameOf">;
  readonly logConnections: Log["debug"];
  readonly services: InstallParts["services"] & Pick<Services, "opened">;
  readonly sessions: Pick<Sessions, "find" | "handOver" | "closed">;
  readonly store: RestoreParts["store"] & Pick<BrokerStore, "subscribe">;
  readonly limits: Pick<BrokerLimits, "packetBytesMax">;
  readonly work: Work;
  readonly log: Log;
}

type SessionLifetime = Pick<Lifetime, "persistent" | "expirySeconds">;

interface Change {
  who: Authenticated<Principal>;
  /** Its session is being opened. */
  opening: boolean;
  /** The client must first acknowledge what is under way: both sessions use the same packet ids. */
  awaitsClient: boolean;
}

export class IdentityChanges implements IdentityChanging {
  readonly #parts: IdentityChangeParts;
  /** The session that CONNECT asked for, where the client may have none until its user is known. */
  readonly #lifetimes = new WeakMap<Connection, SessionLifetime>();
  readonly #waiting = new Map<Connection, Change>();

  constructor(parts: IdentityChangeParts) {
    this.#parts = parts;
  }

  remember(connection: Connection, { persistent, expirySeconds }: Lifetime): void {
    if (persistent) this.#lifetimes.set(connection, { persistent, expirySeconds });
  }

  begin(connection: Connection, who: Authenticated<Principal>): void {
    const { session } = connection;
    const { principal } = who;
    if (session === undefined) return;
    const waiting = this.#waiting.get(connection);
    if (waiting !== undefined) {
      waiting.who = who; // the last request counts
      return;
    }
    if (session.principal.key === principal.key) return;
    this.#waiting.set(connection, { who, opening: false, awaitsClient: false });
    connection.stopReading();
    this.waits(connection);
  }

  /** Some work of the connection is done, perhaps the last. Gives whether the connection must not be read yet. */
  waits(connection: Connection): boolean {
    if (this.#waiting.size === 0) return false;
    const change = this.#waiting.get(connection);
    if (change === undefined) return false;
    if (!change.opening && connection.idle) void this.#open(connection, change);
    return !change.awaitsClient;
  }

  /** Whether the connection will be another principal's. */
  isBecoming(connection: Connection): boolean {
    return this.#waiting.has(connection);
  }

  /** The client acknowledged a message. */
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
      else if (done) this.waits(connection); // it became another principal again meanwhile
    } catch (error) {
      this.#waiting.delete(connection);
      if (error instanceof SessionRefused) {
        const { principal, reason } = error;
        this.#parts.identity.refused({
          asked: "connect",
          topic: undefined,
          principal,
          clientId: undefined,
          address,
          reason,
        });
      } else log.error("a session could not be attached", { address, error });
      connection.close("internal_error", "no session for the user who logged in");
    } finally {
      work.done();
    }
    if (this.#waiting.get(connection)?.opening !== true) connection.startReading();
  }

  async #handOver(connection: Connection, who: Authenticated<Principal>): Promise<boolean> {
    const { session: before } = connection;
    const { principal } = who;
    if (before === undefined || before.principal.key === principal.key) return true;
    if (!connection.identify(who)) throw new SessionRefused(tooManyWebSockets, who.principal);
    const { clientId } = before;
    const { persistent, expirySeconds } = this.#lifetimeOf(connection, who, clientId);
    return this.#parts.sessions.handOver(
      { connection, principal, clientId, cleanStart: false, persistent, expirySeconds },
      (session, resumed) => this.#welcome(connection, who, { session, resumed, before, expirySeconds }),
    );
  }

  /** As CONNECT asked for. Where it asked for no lifetime, an existing session keeps its own. */
  #lifetimeOf(
    connection: Connection,
    { principal, persistent }: Authenticated<Principal>,
    clientId: string,
  ): SessionLifetime {
    const { sessionExpirySeconds } = connection;
    const lifetime = this.#lifetimes.get(connection) ?? {
      persistent: sessionExpirySeconds !== 0,
      expirySeconds: sessionExpirySeconds,
    };
    if (!persistent) {
      if (lifetime.persistent) this.#lifetimes.set(connection, lifetime);
      return { persistent: false, expirySeconds: 0 };
    }
    if (lifetime.persistent) return lifetime;
    const { expiry } = this.#parts.sessions.find(principal.key, clientId) ?? {};
    return expiry === undefined ? lifetime : { persistent: true, expirySeconds: expiry.seconds };
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
    parts.logConnections("a client became another account", {
      clientId,
      address: connection.address,
      resumed,
      get account() {
        return parts.identity.nameOf(principal);
      },
    });
    const asked = before.subscriptions();
    // Nothing is kept of a principal that no longer exists.
    const gone = parts.identity.principalOf(before.principal.key, clientId) === undefined;
    const beforeExpirySeconds = gone ? 0 : connection.sessionExpirySeconds;
    connection.handOver(session, expirySeconds);
    connection.limitPackets(Math.min(packetBytesMax ?? Number.POSITIVE_INFINITY, parts.limits.packetBytesMax));
    session.resume(); // before a service delivers anything, so that the session keeps its packet ids
    parts.services.opened(session, { resumed, before });
    restoreSubscriptions(parts, session);
    this.#subscribe(session, asked);
    parts.sessions.closed(before, beforeExpirySeconds);
  }

  /** Keeps the subscriptions made on this connection, as far as the new principal may have them. */
  #subscribe(session: Session, asked: readonly (readonly [string, Subscription])[]): void {
    const parts = this.#parts;
    const { storedId, clientId } = session;
    const stored: StoredSubscription[] = [];
    for (const [filter, wanted] of asked) {
      const subscription = installSubscription(parts, session, filter, wanted);
      if (subscription === undefined) {
        session.forgetRetained(filter);
        continue;
      }
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
