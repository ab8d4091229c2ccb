/**
 * A session: the broker's state of a client, from its first CONNECT to the end of its connection or, if it is
 * persistent, until it expires or a clean CONNECT ends it. Identified by (principal, client id). Connections come and
 * go.
 */
import { type Clock, dueAt, forever, longAgo, type MonotonicMs, type SteadyMs } from "../../lib/clock.ts";
import type { Watched } from "../connection/keep-alive.ts";
import type { Counters } from "../counters.ts";
import { type Authenticated, type Authorize, ownerOf, type Principal } from "../identity.ts";
import type { PreparedPublish } from "../publish/prepared-publish.ts";
import type { Sendable } from "../publish/publish-form.ts";
import type { Retained } from "../routing/retained.ts";
import { type Subscription, subscriptionOf } from "../routing/subscription.ts";
import type { Deliverer, ServiceSession } from "../service.ts";
import type { BrokerStore, Sending, SuspendedSession } from "../store.ts";
import { appendAnswer, packetType } from "../wire/packet-bytes.ts";
import type { ProtocolVersion, Qos } from "../wire/protocol.ts";
import type { ClientConnection } from "./client-connection.ts";
import { type DeliveryTerms, plainDelivery } from "./delivery-terms.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing, type OutgoingParts } from "./outgoing.ts";
import type { QueueWriting } from "./session-queue.ts";
import { filterBytes, type SubscriptionBudget } from "./subscription-budget.ts";

/** U+0000 cannot occur in a client id [MQTT-1.5.3-2], so no two pairs share a key. */
export function sessionKey(principalKey: string, clientId: string): string {
  return `${principalKey}\0${clientId}`;
}

export interface SessionParts extends OutgoingParts {
  readonly authorize: Authorize;
  readonly store: Pick<BrokerStore, "subscribe"> & OutgoingParts["store"];
  readonly counters: Pick<Counters, "publishesSent" | "droppedQueueFull" | "droppedAbsent" | "droppedSlow">;
  readonly queueWriter: QueueWriting & {
    begin(): void;
    /** Messages added since the start. */
    readonly count: number;
    /** Resolves when everything added so far is on disk. */
    readonly settled: Promise<undefined>;
  };
  readonly retained: Pick<Retained, "match" | "count">;
  readonly subscriptionBudget: Pick<SubscriptionBudget, "hasRoom" | "changed">;
}

/** The subscriptions of a session that has several, by their filters, and what the filters take in memory. */
class Filters extends Map<string, Subscription> {
  bytes = 0;

  override set(filter: string, subscription: Subscription): this {
    if (!this.has(filter)) this.bytes += filterBytes(filter);
    return super.set(filter, subscription);
  }

  override delete(filter: string): boolean {
    if (!super.delete(filter)) return false;
    this.bytes -= filterBytes(filter);
    return true;
  }
}

/** What a session uses of a route: whether its principal may publish there. */
interface PublishTarget {
  readonly topic: string;
  /** Changes where permission must be checked again. */
  readonly serial: number;
}

/**
 * There is one for each client, and JavaScriptCore has objects of 12 fields and of 18: so what belongs together is one
 * field here, and what few sessions need stands in an object of its own.
 */
export class Session implements ServiceSession {
  /** Replaced by an equal one when the client comes back. */
  principal: Principal;
  readonly clientId: string;
  readonly storedId: number | undefined;
  connection: ClientConnection | undefined;
  /** For a persistent session: when it ends. */
  expiry: Expiry | undefined;
  deliverer: Deliverer | undefined;
  readonly #parts: SessionParts;
  #incoming: Incoming | undefined;
  #outgoing: Outgoing | undefined;
  /** The filter of the only subscription, which `#subscription` is, or all subscriptions by their filters. */
  #filters: string | Filters | undefined;
  #subscription: Subscription | undefined;
  /** The serial of the route that was checked last; negative where the principal may not publish to it. */
  #checked = 0;

  constructor(parts: SessionParts, who: { principal: Principal; clientId: string; storedId: number | undefined }) {
    this.#parts = parts;
    this.principal = who.principal;
    this.clientId = who.clientId;
    this.storedId = who.storedId;
  }

  get key(): string {
    return sessionKey(this.principal.key, this.clientId);
  }

  get protocolVersion(): ProtocolVersion {
    return this.connection?.protocolVersion ?? 4;
  }

  get address(): string {
    return this.connection?.address ?? "";
  }

  get connected(): boolean {
    return this.connection !== undefined;
  }

  /** 2: connected, with room for a message; 1: connected; 0: away. */
  get readiness(): 0 | 1 | 2 {
    if (this.connection === undefined) return 0;
    if (this.connection.outbox.full || this.#outgoing?.open === false) return 1;
    return 2;
  }

  /** Messages that the store keeps for it. */
  get queuedMessages(): number {
    return this.#outgoing?.queuedMessages ?? this.expiry?.queuedBefore ?? 0;
  }

  /** Of these messages. They are looked at once. */
  get queuedBytes(): number {
    return this.queuedMessages === 0 ? 0 : this.#getOutgoing().queuedBytes;
  }

  /** Of messages in memory for its client that have not been sent. */
  get waitingBytes(): number {
    return this.#outgoing?.waitingBytes ?? 0;
  }

  /** The QoS 2 publishes taken over from the client. */
  get incoming(): Incoming {
    this.#incoming ??= new Incoming();
    return this.#incoming;
  }

  /** Whether the client has yet to acknowledge the message with this packet id. */
  isSending(packetId: number): boolean {
    return this.#outgoing?.inflight.has(packetId) === true;
  }

  /** Whether the client has yet to acknowledge the packet id of this message as that of another one. */
  usesOtherwise(sending: Sending): boolean {
    return this.#outgoing?.usesOtherwise(sending) === true;
  }

  /**
   * Replaces another session on its connection, before `attach`: the exchanges that the client has begun go on. Gives
   * the packet ids of its publishes that the store must know of this session from now on, and those that it need not.
   */
  continueFrom(before: Session): { taken: readonly number[]; forgotten: readonly number[] } {
    if (before.#outgoing !== undefined) this.#getOutgoing().continueFrom(before.#outgoing);
    const own = this.#incoming;
    const incoming = before.#incoming;
    before.#incoming = undefined;
    this.#incoming = incoming;
    const taken = incoming?.passOn(before.storedId, this.storedId) ?? [];
    return { taken, forgotten: own?.packetIds.filter((packetId) => incoming?.has(packetId) !== true) ?? [] };
  }

  /** `sending` is what was on its way according to the store; undefined for a session that did not exist before. */
  attach(connection: ClientConnection, principal: Principal, sending: readonly Sending[] | undefined): void {
    this.principal = principal;
    this.connection = connection;
    this.#checked = 0;
    if (this.#outgoing !== undefined) this.#outgoing.attach(connection, sending ?? []);
    else if (sending !== undefined) this.#outgoing = new Outgoing(this.#parts, this, sending);
  }

  /** The connection is gone. Gives what the store must keep. */
  detach(): { sending: Sending[]; waiting: number[] } | undefined {
    this.connection = undefined;
    return this.#outgoing?.detached();
  }

  /** What waits for the client and it may no longer hear is dropped. */
  permissionsChanged(): void {
    this.#outgoing?.permissionsChanged();
  }

  /** The session has ended: messages that others of a share group can have go to them. */
  redistribute(): void {
    this.#outgoing?.redistribute();
    this.#outgoing = undefined;
  }

  /** Sends again what the client has not acknowledged, then what waited. */
  resume(): void {
    this.#outgoing?.pump();
  }

  /**
   * Whether the principal may publish to the route's topic. Publishers mostly repeat a topic, so one answer is kept.
   */
  mayPublish(route: PublishTarget): boolean {
    const { serial } = route;
    if (this.#checked === serial) return true;
    if (this.#checked === -serial) return false;
    const allowed = this.#parts.authorize(this.principal, "publish", route.topic);
    this.#checked = allowed ? serial : -serial;
    return allowed;
  }

  get subscriptionCount(): number {
    if (this.#filters === undefined) return 0;
    return typeof this.#filters === "string" ? 1 : this.#filters.size;
  }

  subscriptionTo(filter: string): Subscription | undefined {
    if (this.#filters === filter) return this.#subscription;
    return this.#filters instanceof Filters ? this.#filters.get(filter) : undefined;
  }

  /** Whether another subscription fits the shares of the session, of its principal, and of all. */
  hasRoomFor(filter: string): boolean {
    const { subscriptionBudget } = this.#parts;
    return subscriptionBudget.hasRoom(ownerOf(this.principal), this.#subscriptionBytes, filterBytes(filter));
  }

  get #subscriptionBytes(): number {
    if (this.#filters === undefined) return 0;
    return typeof this.#filters === "string" ? filterBytes(this.#filters) : this.#filters.bytes;
  }

  /** Replaces an earlier subscription to the same filter. */
  setSubscription(filter: string, subscription: Subscription): void {
    const before = this.#subscriptionBytes;
    if (this.#filters instanceof Filters) this.#filters.set(filter, subscription);
    else if (this.#filters === undefined || this.#filters === filter || this.#subscription === undefined) {
      this.#filters = filter;
      this.#subscription = subscription;
    } else {
      const filters = new Filters();
      filters.set(this.#filters, this.#subscription);
      filters.set(filter, subscription);
      this.#filters = filters;
      this.#subscription = undefined;
    }
    this.#subscriptionsChanged(before);
  }

  /** Safe to call for a filter without a subscription. */
  deleteSubscription(filter: string): void {
    const before = this.#subscriptionBytes;
    if (this.#filters === filter) this.clearSubscriptions();
    else if (this.#filters instanceof Filters && this.#filters.delete(filter)) this.#subscriptionsChanged(before);
  }

  clearSubscriptions(): void {
    const before = this.#subscriptionBytes;
    this.#filters = undefined;
    this.#subscription = undefined;
    this.#subscriptionsChanged(before);
  }

  #subscriptionsChanged(before: number): void {
    this.#parts.subscriptionBudget.changed(ownerOf(this.principal), before, this.#subscriptionBytes);
  }

  /** The subscriptions by their filters, as they are now. */
  subscriptions(): [filter: string, subscription: Subscription][] {
    if (this.#filters instanceof Filters) return [...this.#filters];
    return this.#filters === undefined || this.#subscription === undefined ? [] : [[this.#filters, this.#subscription]];
  }

  /** Sends what is retained on the topics of a filter just subscribed to. */
  sendRetained(filter: string, subscription: Subscription): void {
    if (this.connection !== undefined && this.#parts.retained.count > 0) {
      this.#getOutgoing().sendRetained(filter, subscription);
    }
  }

  forgetRetained(filter: string): void {
    this.#outgoing?.forgetRetained(filter);
  }

  /** An ordinary message for this session. */
  forward(message: Sendable, qos: Qos): void {
    if (qos > 0) {
      this.#getOutgoing().forward(message, qos as 1 | 2, plainDelivery);
      return;
    }
    const { connection } = this;
    if (connection === undefined) {
      this.#parts.counters.droppedAbsent++;
    } else if (connection.outbox.full) {
      this.#parts.counters.droppedSlow++;
    } else {
      const form = message.form(connection.protocolVersion, 0);
      const { sender } = this.#parts;
      if (sender.accepts(connection.terms, form, undefined)) sender.send(connection, message.topic, form, qos0);
    }
  }

  /** The same for a subscription that asked for more than a QoS. */
  forwardWith(message: Sendable, qos: Qos, terms: DeliveryTerms): void {
    if (qos > 0) {
      this.#getOutgoing().forward(message, qos as 1 | 2, terms);
      return;
    }
    const { connection } = this;
    if (connection === undefined) {
      this.#parts.counters.droppedAbsent++;
      return;
    }
    if (connection.outbox.full) {
      this.#parts.counters.droppedSlow++;
      return;
    }
    const form = message.form(connection.protocolVersion, 0);
    const { retain, subscriptionIds } = terms;
    const { sender } = this.#parts;
    if (!sender.accepts(connection.terms, form, subscriptionIds)) return;
    sender.send(connection, message.topic, form, { flags: retain, packetId: 0, subscriptionIds });
  }

  send(message: PreparedPublish, qos: Qos): Promise<undefined> | undefined {
    const { queueWriter } = this.#parts;
    queueWriter.begin();
    const before = queueWriter.count;
    this.forward(message, qos);
    return queueWriter.count === before ? undefined : queueWriter.settled;
  }

  async listen(filter: string, qos: Qos): Promise<void> {
    if (this.subscriptionTo(filter) !== undefined) return;
    this.setSubscription(filter, subscriptionOf({ qos, options: 0, subscriptionId: undefined, routed: false }));
    if (this.storedId === undefined) return;
    await this.#parts.store.subscribe(this.storedId, [{ filter, qos, options: 0, subscriptionId: undefined }]);
  }

  qosOf(filter: string): Qos | undefined {
    return this.subscriptionTo(filter)?.qos;
  }

  deliver(packet: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full" {
    const { connection } = this;
    return connection === undefined ? "full" : this.#getOutgoing().deliver(connection, packet, qos, ref);
  }

  forget(ref: number): void {
    this.#outgoing?.forget(ref);
  }

  become(who: Authenticated<Principal>): void {
    this.connection?.become(who);
  }

  mayStay(ms: number): void {
    this.connection?.mayStay(ms);
  }

  close(why: string): void {
    this.connection?.close("service", why);
  }

  acknowledged(packetId: number): void {
    this.#outgoing?.acknowledged(packetId);
  }

  /** A PUBREC. */
  received(connection: ClientConnection, packetId: number, reasonCode: number): void {
    if (this.#outgoing !== undefined) this.#outgoing.received(connection, packetId, reasonCode);
    else if (reasonCode < 0x80) {
      appendAnswer(connection.outbox, packetType.pubrel, packetId, connection.unknownPacketId);
    }
  }

  /** A PUBCOMP. */
  completed(packetId: number): void {
    this.#outgoing?.completed(packetId);
  }

  sent(connection: ClientConnection, sentBytes: number): void {
    this.#outgoing?.sent(connection, sentBytes);
  }

  writable(): void {
    this.#outgoing?.pump();
  }

  #getOutgoing(): Outgoing {
    this.#outgoing ??= new Outgoing(this.#parts, this, []);
    return this.#outgoing;
  }
}

const qos0 = { flags: 0, packetId: 0, subscriptionIds: undefined };

/** What is kept of a persistent session while its client is away, and when it ends. */
export class Expiry implements Watched {
  wheelPlace = -1;
  /** When its client disconnected. */
  sinceMs: SteadyMs = longAgo;
  endsAtMs: SteadyMs = forever;
  /** For how long; undefined: the broker's setting. */
  seconds: number | undefined;
  /** Messages that waited for it when the broker started. */
  queuedBefore = 0;
  /** What the last connection left, until the store has it. */
  suspended: SuspendedSession | undefined;
  readonly #clock: Clock;
  readonly #passed: () => void;

  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  get deadlineMs(): MonotonicMs {
    return dueAt(this.#clock, this.endsAtMs);
  }

  get isOver(): boolean {
    return this.endsAtMs <= this.#clock.steadyMs();
  }

  deadlinePassed(): void {
    this.#passed();
  }
}
