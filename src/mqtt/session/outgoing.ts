/**
 * What is on its way to one client beyond the bytes already appended: the inflight window, what waits for room, and
 * what a resumed session sends again. Messages of a persistent session are in the store (`SessionQueue`). Those of a
 * session that ends with its connection wait here as bytes, bounded. A service's messages are only numbers here, since
 * the service can deliver them again.
 */
import type { Counters } from "../counters.ts";
import type { Authorize, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { type PreparedPublish, preparePublish } from "../publish/prepared-publish.ts";
import type { PublishForm, Sendable } from "../publish/publish-form.ts";
import { lowerQos } from "../routing/qos.ts";
import type { Retained, RetainedMessage } from "../routing/retained.ts";
import type { Subscription } from "../routing/subscription.ts";
import type { Deliverer } from "../service.ts";
import type { Sending } from "../store.ts";
import { appendAnswer, dupBit, packetType } from "../wire/packet-bytes.ts";
import type { Qos } from "../wire/protocol.ts";
import type { ClientConnection } from "./client-connection.ts";
import { type DeliveryTerms, SharedCopy, type Sharing } from "./delivery-terms.ts";
import { awaited, Inflight, inflightWindowMax } from "./inflight.ts";
import { Queued } from "./queued-message.ts";
import { type QueueWriting, SessionQueue, type SessionQueueParts, type Window } from "./session-queue.ts";

const qos1Flags = 1 << 1;

/** A message that waits for room, in a session that ends with its connection. */
interface Waiting {
  readonly topic: string;
  readonly form: PublishForm;
  readonly retain: 0 | 1;
  readonly subscriptionIds: readonly number[] | undefined;
  readonly group: Sharing | undefined;
}

/** A service's QoS 0 message, and its end position in the connection's stream. */
interface SentMark {
  readonly position: number;
  readonly ref: number;
}

const answerAt = (qos: Qos) => (qos === 2 ? awaited.pubrec : awaited.puback);

export interface OutgoingParts extends SessionQueueParts {
  readonly authorize: Authorize;
  readonly limits: Pick<BrokerLimits, "inflightMax" | "queuedMessagesMax" | "queuedBytesMax">;
  readonly counters: Pick<Counters, "publishesSent" | "droppedQueueFull">;
  readonly queueWriter: QueueWriting & { begin(): void };
  readonly retained: Pick<Retained, "match">;
}

/** The session whose client receives it. */
export interface Receiver {
  readonly connection: ClientConnection | undefined;
  readonly principal: Principal;
  readonly storedId: number | undefined;
  readonly deliverer: Deliverer | undefined;
}

export class Outgoing implements Window {
  readonly inflight = new Inflight();
  unsent = 0;
  readonly #parts: OutgoingParts;
  readonly #session: Receiver;
  readonly #queue: SessionQueue | undefined;
  #max: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Refs that were unacknowledged on an earlier connection, with their packet ids. */
  readonly #unacknowledgedRefs = new Map<number, number>();
  #sentMarks: SentMark[] = [];
  #serviceWaits = false;
  /** Filters whose retained messages are still to be sent. */
  readonly #retainedFilters = new Map<string, Subscription>();
  /** Whether there are any of these two. */
  #retainedWaits = false;
  /** What remains to be sent for the current filter. */
  #retained:
    | {
        readonly filter: string;
        readonly subscription: Subscription;
        readonly messages: Iterator<RetainedMessage, undefined>;
      }
    | undefined;

  constructor(parts: OutgoingParts, session: Receiver, sending: readonly Sending[]) {
    this.#parts = parts;
    this.#session = session;
    this.#max = parts.limits.inflightMax;
    const { storedId, connection } = session;
    this.#queue = storedId === undefined ? undefined : new SessionQueue(parts, storedId, this);
    if (connection !== undefined) this.attach(connection, sending);
  }

  get open(): boolean {
    return this.mayResend && this.inflight.count < inflightWindowMax;
  }

  get mayResend(): boolean {
    return this.inflight.count - this.unsent < this.#max;
  }

  /** Messages that the store keeps for the client. */
  get queuedMessages(): number {
    return this.#queue?.messages ?? 0;
  }

  /** An ordinary message at QoS 1 or 2. */
  forward(message: Sendable, qos: 1 | 2, terms: DeliveryTerms): void {
    const { connection } = this.#session;
    if (this.#queue !== undefined) {
      if (!this.#queue.add(message, qos, terms)) this.#parts.counters.droppedQueueFull++;
      return;
    }
    if (connection === undefined) return;
    const { protocolVersion } = connection;
    const { retain, subscriptionIds, group } = terms;
    const { sender } = this.#parts;
    if (this.#waiting.length > 0 || !this.#hasRoom(connection)) {
      const form = message.kept(protocolVersion, qos);
      this.#wait(connection, { topic: message.topic, form, retain, subscriptionIds, group });
      return;
    }
    const form = message.form(protocolVersion, qos);
    if (!sender.accepts(connection.terms, form, subscriptionIds)) return;
    const copy = group && new SharedCopy(group, message.topic, message.kept(protocolVersion, qos));
    const packetId = this.inflight.add(copy, answerAt(qos));
    sender.send(connection, message.topic, form, { flags: (qos << 1) | retain, packetId, subscriptionIds });
  }

  /**
   * Sends the retained messages of a new or repeated subscription [MQTT-3.3.1-6] [MQTT-3.8.4-3]. They are looked up
   * when there is room for them: however many match, none of them waits here, and none that is sent is outdated.
   */
  sendRetained(filter: string, subscription: Subscription): void {
    this.forgetRetained(filter);
    this.#retainedFilters.set(filter, subscription);
    this.#retainedWaits = true;
    this.pump();
  }

  /** The subscription ended. */
  forgetRetained(filter: string): void {
    this.#retainedFilters.delete(filter);
    if (this.#retained?.filter === filter) this.#retained = undefined;
  }

  #pumpRetained(): void {
    const { connection } = this.#session;
    if (connection === undefined) return;
    // Messages beyond the session's limit fit later.
    const queue = this.#queue;
    while (this.#waiting.length === 0 && queue?.behind !== true && queue?.full !== true && this.#hasRoom(connection)) {
      if (this.#retained === undefined) {
        const [next] = this.#retainedFilters;
        if (next === undefined) {
          this.#retainedWaits = false;
          return;
        }
        const [filter, subscription] = next;
        this.#retainedFilters.delete(filter);
        this.#retained = { filter, subscription, messages: this.#parts.retained.match(filter) };
      }
      const next = this.#retained.messages.next();
      if (next.done === true) this.#retained = undefined;
      else this.#sendRetained(connection, next.value, this.#retained.subscription);
    }
    if (connection.outbox.full) connection.outbox.notifyWhenWritable();
  }

  #sendRetained(connection: ClientConnection, retained: RetainedMessage, subscription: Subscription): void {
    const { topic, payload, properties, expiresAtMs } = retained;
    const { sender, queueWriter } = this.#parts;
    if (!this.#parts.authorize(this.#session.principal, "deliver", topic)) return;
    const qos = lowerQos(retained.qos, subscription.qos);
    const message = preparePublish(topic, payload, { properties, expiresAtMs });
    const { subscriptionId } = subscription;
    const subscriptionIds = subscriptionId === undefined ? undefined : [subscriptionId];
    if (qos > 0) {
      queueWriter.begin();
      this.forward(message, qos as 1 | 2, { retain: 1, subscriptionIds, group: undefined }); // [MQTT-3.3.1-8]
      return;
    }
    const form = message.form(connection.protocolVersion, 0);
    if (!sender.accepts(connection.terms, form, subscriptionIds)) return;
    sender.send(connection, topic, form, { flags: 1, packetId: 0, subscriptionIds });
  }

  /** A service's message; see `ServiceSession.deliver`. */
  deliver(connection: ClientConnection, message: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full" {
    const { outbox, terms } = connection;
    const { sender } = this.#parts;
    if (outbox.full) return this.#waitForRoom(connection);
    const form = message.form(connection.protocolVersion, qos);
    // A message that the client cannot accept counts as delivered; otherwise it would be offered for ever.
    const accepted = sender.accepts(terms, form, undefined);
    if (qos === 0) {
      if (accepted) sender.send(connection, message.topic, form, { flags: 0, packetId: 0, subscriptionIds: undefined });
      this.#sentMarks.push({ position: outbox.appendedBytes, ref });
      if (this.#sentMarks.length === 1) outbox.notifyWhenSent(outbox.appendedBytes);
      return "queued";
    }
    let packetId = this.#unacknowledgedRefs.get(ref);
    if (packetId === undefined ? !this.open : !this.mayResend) return this.#waitForRoom(connection);
    let flags = qos1Flags;
    if (packetId !== undefined) {
      this.#unacknowledgedRefs.delete(ref);
      this.unsent--;
      flags |= dupBit; // [MQTT-4.4.0-1]
    }
    if (!accepted) {
      if (packetId !== undefined) this.inflight.remove(packetId);
      queueMicrotask(() => this.#session.deliverer?.acknowledged(ref, 1));
      return "queued";
    }
    packetId ??= this.inflight.add(ref, awaited.puback);
    sender.send(connection, message.topic, form, { flags, packetId, subscriptionIds: undefined });
    return "queued";
  }

  forget(ref: number): void {
    const packetId = this.#unacknowledgedRefs.get(ref);
    if (packetId === undefined) return;
    this.#unacknowledgedRefs.delete(ref);
    this.unsent--;
    this.inflight.remove(packetId);
    this.pump();
  }

  /** A PUBACK. One for an unknown packet id is ignored: after a takeover the two sides may differ. */
  acknowledged(packetId: number): void {
    if (!this.inflight.has(packetId) || this.inflight.awaits(packetId) !== awaited.puback) return;
    this.#done(this.inflight.remove(packetId));
  }

  /**
   * A PUBREC: the client has the message, so it is never sent again [MQTT-4.3.3-1]. PUBREL answers each in turn
   * [MQTT-4.6.0-4]. It also answers an unknown packet id; otherwise a client that remembers more than the server would
   * ask for ever.
   */
  received(connection: ClientConnection, packetId: number, reasonCode: number): void {
    const known = this.inflight.has(packetId);
    if (known && this.inflight.awaits(packetId) === awaited.pubrec) {
      // A refusal ends it [MQTT-4.3.3-4].
      if (reasonCode >= 0x80) {
        this.#done(this.inflight.remove(packetId));
        return;
      }
      const content = this.inflight.get(packetId);
      this.inflight.release(packetId);
      if (content instanceof Queued) {
        this.#queue?.released(connection, content);
        return;
      }
    } else if (reasonCode >= 0x80) return;
    else if (known) {
      const content = this.inflight.get(packetId);
      if (content instanceof Queued && !content.released) return; // PUBREL waits for the store
    }
    appendAnswer(connection.outbox, packetType.pubrel, packetId, known ? 0 : connection.unknownPacketId);
  }

  /** A PUBCOMP: the packet id is free. */
  completed(packetId: number): void {
    if (!this.inflight.has(packetId) || this.inflight.awaits(packetId) !== awaited.pubcomp) return;
    this.#done(this.inflight.remove(packetId));
  }

  /** The client has what the packet id stood for, or refused it. */
  #done(content: unknown): void {
    if (typeof content === "number") {
      if (this.#unacknowledgedRefs.delete(content)) this.unsent--;
      this.#session.deliverer?.acknowledged(content, 1);
    } else if (content instanceof Queued) this.#queue?.acknowledged(content);
    if (this.#waiting.length > 0 || this.#serviceWaits || this.#retainedWaits || this.#queue?.waits === true) {
      this.pump();
    }
  }

  /** The kernel took the connection's stream up to `sentBytes`. */
  sent(connection: ClientConnection, sentBytes: number): void {
    let done = 0;
    for (const mark of this.#sentMarks) {
      if (mark.position > sentBytes) break;
      done++;
    }
    const marks = this.#sentMarks.splice(0, done);
    const next = this.#sentMarks[0];
    if (next !== undefined) connection.outbox.notifyWhenSent(next.position);
    for (const mark of marks) this.#session.deliverer?.acknowledged(mark.ref, 0);
  }

  /** Sends what has waited, as far as there is room, and then calls a waiting service. */
  pump(): void {
    const { connection } = this.#session;
    if (connection === undefined) return;
    this.#queue?.pump();
    this.#pumpWaiting(connection);
    if (this.#retainedWaits) this.#pumpRetained();
    if (!this.#serviceWaits || connection.outbox.full) return;
    // Half a window at once, rather than a call for every PUBACK.
    if (2 * (this.inflight.count - this.unsent) > this.#max) return;
    this.#serviceWaits = false;
    this.#session.deliverer?.writable();
  }

  #pumpWaiting(connection: ClientConnection): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#hasRoom(connection)) {
      const { topic, form, retain, subscriptionIds, group } = this.#waiting[sent++] as Waiting;
      this.#waitingBytes -= form.byteLength;
      if (!this.#parts.sender.accepts(connection.terms, form, subscriptionIds)) continue;
      const packetId = this.inflight.add(group && new SharedCopy(group, topic, form), answerAt(form.qos));
      this.#parts.sender.send(connection, topic, form, { flags: (form.qos << 1) | retain, packetId, subscriptionIds });
    }
    if (sent > 0) this.#waiting.splice(0, sent);
    if (connection.outbox.full && this.#waiting.length > 0) connection.outbox.notifyWhenWritable();
  }

  /**
   * A client is connected. What it has not acknowledged is sent again, with DUP and its old packet id; for what it has
   * received at QoS 2, PUBREL is sent [MQTT-4.4.0-1]. `resume` follows once CONNACK is on its way.
   */
  attach(connection: ClientConnection, sending: readonly Sending[]): void {
    this.#max = Math.min(this.#parts.limits.inflightMax, connection.receiveMaximum);
    this.unsent = 0;
    for (const packetId of this.inflight.inOrder()) {
      const content = this.inflight.get(packetId);
      if (typeof content !== "number") continue;
      this.#unacknowledgedRefs.set(content, packetId);
      this.unsent++;
    }
    this.#queue?.attach(connection, sending);
  }

  /** The connection is gone. Gives what the store must keep for a session that may come back. */
  detached(): { sending: Sending[]; waiting: number[] } | undefined {
    this.#sentMarks = [];
    this.#serviceWaits = false;
    this.#unacknowledgedRefs.clear();
    return this.#queue?.detach();
  }

  /**
   * The session has ended: messages for which a share group chose it go to another member, unless QoS 2 was sent
   * [MQTT-4.8.2-5].
   */
  redistribute(): void {
    const copies: SharedCopy[] = [];
    for (const packetId of this.inflight.inOrder()) {
      const content = this.inflight.get(packetId);
      if (content instanceof SharedCopy && this.inflight.awaits(packetId) === awaited.puback) copies.push(content);
    }
    for (const { group, topic, form } of this.#waiting) {
      if (group !== undefined) copies.push(new SharedCopy(group, topic, form));
    }
    this.#waiting = [];
    for (const copy of copies) copy.group.forwardCopy(copy);
  }

  #hasRoom(connection: ClientConnection): boolean {
    return this.open && !connection.outbox.full;
  }

  #waitForRoom(connection: ClientConnection): "full" {
    this.#serviceWaits = true;
    if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    return "full";
  }

  /** A client for which too many messages wait is closed. */
  #wait(connection: ClientConnection, waiting: Waiting): void {
    const { queuedMessagesMax, queuedBytesMax } = this.#parts.limits;
    const bytes = this.#waitingBytes + waiting.form.byteLength;
    if (this.#waiting.length >= queuedMessagesMax) connection.close("slow_reader", "queued messages");
    else if (bytes > queuedBytesMax) connection.close("slow_reader", "queued bytes");
    else {
      this.#waitingBytes = bytes;
      this.#waiting.push(waiting);
      if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    }
  }
}
