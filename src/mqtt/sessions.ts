/**
 * The sessions there are, by (principal, client id): resumed, taken over, ended. Connections that name the same session
 * have their turn one after the other, since opening one may wait for the store.
 */
import type { Connection } from "./connection.ts";
import type { BrokerCore } from "./core.ts";
import type { Principal } from "./hooks.ts";
import { Session, sessionKey } from "./session.ts";

export interface OpenRequest {
  readonly connection: Connection;
  readonly principal: Principal;
  readonly clientId: string;
  readonly persistent: boolean;
}

export class Sessions {
  readonly #core: BrokerCore;
  readonly #sessions = new Map<string, Session>();
  /** The last connection in line for a key. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(core: BrokerCore) {
    this.#core = core;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Finds or makes the session and calls `opened` before anyone else has a turn with the same key. Does not call it if
   * the connection is gone by then. An older connection of the session is closed [MQTT-3.1.4-2].
   */
  async open(request: OpenRequest, opened: (session: Session, resumed: boolean) => void): Promise<void> {
    const key = sessionKey(request.principal.key, request.clientId);
    const before = this.#turns.get(key);
    const turn = Promise.withResolvers<void>();
    this.#turns.set(key, turn.promise);
    try {
      await before;
      await this.#open(key, request, opened);
    } finally {
      turn.resolve();
      if (this.#turns.get(key) === turn.promise) this.#turns.delete(key);
    }
  }

  /** The session's connection is gone. */
  closed(session: Session): void {
    session.detach();
    if (session.storedId === undefined) this.#remove(session);
    this.#core.hooks.closed(session);
  }

  async #open(key: string, request: OpenRequest, opened: (session: Session, resumed: boolean) => void): Promise<void> {
    const { connection, principal } = request;
    this.#sessions.get(key)?.connection?.close("taken_over");
    if (request.persistent) {
      const { session, resumed } = await this.#openStored(key, request);
      if (connection.closed) return;
      session.attach(connection, principal);
      opened(session, resumed);
      return;
    }
    await this.#endStored(key, request);
    if (connection.closed) return;
    const session = new Session(this.#core, { ...request, storedId: undefined });
    this.#sessions.set(key, session);
    session.attach(connection, principal);
    opened(session, false);
  }

  async #openStored(key: string, request: OpenRequest): Promise<{ session: Session; resumed: boolean }> {
    const { principal, clientId } = request;
    const { sessionId, resumed, subscriptions, received } = await this.#core.store.openSession({
      principalKey: principal.key,
      clientId,
      nowMs: this.#core.clock.nowMs(),
    });
    const known = this.#sessions.get(key);
    if (known?.storedId === sessionId) return { session: known, resumed };
    if (known !== undefined) this.#remove(known); // the store ended it without us
    const session = new Session(this.#core, { principal, clientId, storedId: sessionId });
    this.#sessions.set(key, session);
    for (const { filter, qos } of subscriptions) {
      session.subscriptions.set(filter, { qos, routed: false });
    }
    if (received.length > 0) session.incoming.restore(received);
    return { session, resumed };
  }

  /** A clean CONNECT discards what was there [MQTT-3.1.2-6]. */
  async #endStored(key: string, { principal, clientId }: OpenRequest): Promise<void> {
    const known = this.#sessions.get(key);
    const storedId = known?.storedId ?? this.#core.store.findSession(principal.key, clientId);
    if (storedId === undefined) return;
    await this.#core.store.endSession(storedId);
    const ended = known ?? new Session(this.#core, { principal, clientId, storedId });
    this.#remove(ended);
    this.#core.hooks.ended(ended);
  }

  #remove(session: Session): void {
    for (const [filter, { routed }] of session.subscriptions) if (routed) this.#core.routes.remove(filter, session);
    session.subscriptions.clear();
    if (this.#sessions.get(session.key) === session) this.#sessions.delete(session.key);
  }
}
