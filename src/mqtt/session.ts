/**
 * A session: what a client is to the broker, from its first CONNECT to the end of its connection or, if it is
 * persistent, until a clean CONNECT ends it. Identified by (principal, client id). The connection comes and goes.
 */
import type { Connection } from "./connection.ts";
import type { BrokerCore } from "./core.ts";
import type { Principal, ProtocolVersion, Qos, ServiceSession } from "./hooks.ts";
import { Incoming } from "./incoming.ts";
import { answerPubrec, Outgoing } from "./outgoing.ts";
import { appendPublish, type PreparedPublish, type Sendable } from "./prepared-publish.ts";
import type { Route } from "./routes.ts";

/** U+0000 cannot occur in a client id [MQTT-1.5.3-2], so no two pairs share a key. */
export function sessionKey(principalKey: string, clientId: string): string {
  return `${principalKey}\0${clientId}`;
}

/** How a filter is served: by the trie, by the service, or both. */
export interface SessionSubscription {
  readonly qos: Qos;
  readonly routed: boolean;
}

export class Session implements ServiceSession {
  /** Replaced by an equal one when the client comes back. */
  principal: Principal;
  readonly clientId: string;
  readonly key: string;
  readonly storedId: number | undefined;
  protocolVersion: ProtocolVersion = 4;
  connection: Connection | undefined;
  readonly subscriptions = new Map<string, SessionSubscription>();
  readonly #core: BrokerCore;
  #incoming: Incoming | undefined;
  #outgoing: Outgoing | undefined;
  /** The route last asked about, and the answer. */
  #publishSerial = 0;
  #publishAllowed = false;

  constructor(core: BrokerCore, who: { principal: Principal; clientId: string; storedId: number | undefined }) {
    this.#core = core;
    this.principal = who.principal;
    this.clientId = who.clientId;
    this.storedId = who.storedId;
    this.key = sessionKey(who.principal.key, who.clientId);
  }

  get connected(): boolean {
    return this.connection !== undefined;
  }

  /** The QoS 2 publishes taken over from the client. */
  get incoming(): Incoming {
    this.#incoming ??= new Incoming();
    return this.#incoming;
  }

  attach(connection: Connection, principal: Principal): void {
    this.principal = principal;
    this.connection = connection;
    this.protocolVersion = connection.protocolVersion;
    this.#publishSerial = 0;
  }

  detach(): void {
    this.connection = undefined;
    if (this.storedId === undefined) this.#outgoing = undefined;
    else this.#outgoing?.detached();
  }

  /** Sends again what the client has not acknowledged, and what waited. */
  resume(): void {
    this.#outgoing?.resume();
  }

  /** Whether the principal may publish to the route's topic; publishers mostly repeat a topic, so one answer is kept. */
  mayPublish(route: Route): boolean {
    if (this.#publishSerial !== route.serial) {
      this.#publishSerial = route.serial;
      this.#publishAllowed = this.#core.hooks.authorize(this.principal, "publish", route.topic);
    }
    return this.#publishAllowed;
  }

  /** What is retained on the topics of a filter just subscribed to. */
  sendRetained(filter: string, qos: Qos): void {
    if (this.connection !== undefined && this.#core.retained.count > 0) this.#getOutgoing().sendRetained(filter, qos);
  }

  forgetRetained(filter: string): void {
    this.#outgoing?.forgetRetained(filter);
  }

  /** An ordinary message for this session. */
  forward(message: Sendable, qos: Qos): void {
    const { connection } = this;
    if (connection === undefined) {
      this.#core.counters.droppedAbsent++;
    } else if (qos > 0) {
      this.#getOutgoing().forward(message, qos as 1 | 2);
    } else if (connection.outbox.full) {
      this.#core.counters.droppedSlow++;
    } else {
      appendPublish(connection.outbox, message.form(this.protocolVersion, 0), 0, 0);
      this.#core.counters.publishesSent++;
    }
  }

  deliver(packet: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full" {
    const { connection } = this;
    return connection === undefined ? "full" : this.#getOutgoing().deliver(connection, packet, qos, ref);
  }

  forget(ref: number): void {
    this.#outgoing?.forget(ref);
  }

  close(why: string): void {
    this.connection?.close("service", why);
  }

  acknowledged(packetId: number): void {
    this.#outgoing?.acknowledged(packetId);
  }

  /** A PUBREC. */
  received(connection: Connection, packetId: number): void {
    if (this.#outgoing === undefined) answerPubrec(connection.outbox, packetId);
    else this.#outgoing.received(connection, packetId);
  }

  /** A PUBCOMP. */
  completed(packetId: number): void {
    this.#outgoing?.completed(packetId);
  }

  sent(connection: Connection, sentBytes: number): void {
    this.#outgoing?.sent(connection, sentBytes);
  }

  writable(): void {
    this.#outgoing?.pump();
  }

  #getOutgoing(): Outgoing {
    this.#outgoing ??= new Outgoing(this.#core, this);
    return this.#outgoing;
  }
}
