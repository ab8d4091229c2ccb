/**
 * What is on its way to one client beyond the bytes already appended: the inflight window, what waits for room, and
 * what a resumed session sends again. Messages of a persistent session are in the store (`SessionQueue`). Those of a
 * session that ends with its connection wait here as bytes, bounded. A service's messages are only numbers here, since
 * the service can deliver them again.
 */
import { heldStepBytes } from "../../net/memory-budget.ts";
import type { Counters } from "../counters.ts";
import { type Authorize, ownerOf, type Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { type PreparedPublish, preparePublish } from "../publish/prepared-publish.ts";
import type { PublishForm, Sendable } from "../publish/publish-form.ts";
import { lowerQos } from "../routing/qos.ts";
import type { Retained, RetainedMessage } from "../routing/retained.ts";
import type { Subscription } from "../routing/subscription.ts";
import type { Deliverer } from "../service.ts";
import type { Sending } from "../store.ts";
import { ProtocolError } from "../wire/errors.ts";
import { appendAnswer, dupBit, packetType } from "../wire/packet-bytes.ts";
import type { Qos } from "../wire/protocol.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import type { ClientConnection } from "./client-connection.ts";
import { type DeliveryTerms, SharedCopy, type Sharing } from "./delivery-terms.ts";
import { awaited, Inflight, inflightWindowMax } from "./inflight.ts";
import { Queued } from "./queued-message.ts";
import { type QueueWriting, SessionQueue, type SessionQueueParts, type Window } from "./session-queue.ts";

const qos1Flags = 1 << 1;
/** As many smaller ones as may be under way are not worth a look. */
const largeCopyBytes = 4096;

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
/** The client acknowledged a message as one of another QoS, § 4.3. */
const wrongAnswer = (what: string) => new ProtocolError(what, reasonCodes.protocolError);

export interface OutgoingParts extends SessionQueueParts {
  readonly authorize: Authorize;
  /** Whether a message that waits may still be delivered. What a service sends is for the service to decide. */
  mayHear(principal: Principal, topic: string): boolean;
  readonly limits: Pick<BrokerLimits, "inflightMax" | "queuedMessagesMax" | "queuedBytesMax" | "strangerBytesMax">;
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
    this.#queue =
      storedId === undefined
        ? undefined
        : new SessionQueue(parts, { sessionId: storedId, owner: ownerOf(session.principal) }, this);
    if (connection !== undefined) this.attach(connection, sending);
  }

  get open(): boolean {
    return this.mayResend && this.inflight.count < inflightWindowMax;
  }

  get mayResend(): boolean {
    return this.inflight.count - this.unsent < this.#max;
  }

  /** Of messages in memory alone. Where messages are on disk too, few are in memory. */
  get waitingBytes(): number {
    let bytes = this.#waitingBytes;
    for (const packetId of this.inflight.inOrder()) {
      const content = this.inflight.get(packetId);
      if (content instanceof SharedCopy) bytes += content.form.byteLength;
    }
    return bytes;
  }

  /** Messages that the store keeps for the client. */
  get queuedMessages(): number {
    return this.#queue?.messages ?? 0;
  }

  /** Of these messages. */
  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
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
    // Until it is acknowledged another member may have to get it.
    if (copy !== undefined && form.byteLength >= largeCopyBytes) connection.outboxGrew(form.byteLength);
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
    if (!this.inflight.has(packetId)) return;
    if (this.inflight.awaits(packetId) !== awaited.puback) throw wrongAnswer("PUBACK for a QoS 2 message");
    this.#done(this.inflight.remove(packetId));
  }

  /**
   * A PUBREC: the client has the message, so it is never sent again [MQTT-4.3.3-1]. PUBREL answers each in turn
   * [MQTT-4.6.0-4]. It also answers an unknown packet id; otherwise a client that remembers more than the server would
   * ask for ever.
   */
  received(connection: ClientConnection, packetId: number, reasonCode: number): void {
    const known = this.inflight.has(packetId);
    const answer = known ? this.inflight.awaits(packetId) : undefined;
    if (answer === awaited.puback) throw wrongAnswer("PUBREC for a QoS 1 message");
    if (answer === awaited.pubrec) {
      // A refusal ends it [MQTT-4.3.3-4].
      if (reasonCode >= 0x80) {
        this.#done(this.inflight.remove(packetId));
        return;
      }
      const content = this.inflight.get(packetId);
      this.inflight.release(packetId);
      if (content instanceof Queued && content.queue !== undefined) {
        content.queue.released(connection, content);
        return;
      }
    } else if (reasonCode >= 0x80) return;
    else if (known) {
      const content = this.inflight.get(packetId);
      if (content instanceof Queued && content.queue !== undefined && !content.released) return; // it waits for the store
    }
    appendAnswer(connection.outbox, packetType.pubrel, packetId, known ? 0 : connection.unknownPacketId);
  }

  /** A PUBCOMP: the packet id is free. */
  completed(packetId: number): void {
    if (!this.inflight.has(packetId)) return;
    if (this.inflight.awaits(packetId) !== awaited.pubcomp) throw wrongAnswer("PUBCOMP before PUBREC");
    this.#done(this.inflight.remove(packetId));
  }

  /** The client has what the packet id stood for, or refused it. */
  #done(content: unknown): void {
    if (typeof content === "number") {
      if (this.#unacknowledgedRefs.delete(content)) this.unsent--;
      this.#session.deliverer?.acknowledged(content, 1);
    } else if (content instanceof Queued) content.queue?.acknowledged(content);
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
    this.#pumpWaiting(connection);
    this.#queue?.pump();
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

  /**
   * Replaces another session on its connection, before `attach`. What the client has been sent and has yet to answer
   * keeps its packet id here until it is answered, and the answer counts for the session that sent it. What waits in
   * memory for a session that ends with the connection waits here, as far as this principal may receive it.
   */
  continueFrom(before: Outgoing): void {
    for (const packetId of before.inflight.inOrder()) {
      const content = before.inflight.get(packetId);
      if (content instanceof Queued ? !content.sent : before.#awaitsService(content)) continue;
      if (this.inflight.has(packetId)) this.inflight.remove(packetId); // a service's message, which it delivers again
      const isOwn = typeof content === "number" || (content instanceof Queued && content.queue === before.#queue);
      if (content instanceof Queued && isOwn) before.#queue?.lend(content);
      this.inflight.restore(
        packetId,
        typeof content === "number" ? undefined : content,
        before.inflight.awaits(packetId),
      );
      if (!isOwn) before.inflight.remove(packetId);
    }
    this.inflight.continueFrom(before.inflight);
    const { authorize } = this.#parts;
    const { principal } = this.#session;
    for (const waiting of before.#waiting) {
      if (!authorize(principal, "deliver", waiting.topic)) continue;
      this.#waiting.push(waiting);
      this.#waitingBytes += waiting.form.byteLength;
    }
    before.#waiting = [];
    for (const [filter, subscription] of before.#retainedFilters) this.#retainedFilters.set(filter, subscription);
    const current = this.#retained;
    if (before.#retained !== undefined) {
      if (current !== undefined) this.#retainedFilters.set(current.filter, current.subscription);
      this.#retained = before.#retained;
    }
    this.#retainedWaits ||= before.#retainedWaits;
  }

  /** Whether the client has yet to acknowledge the packet id of this message as that of another one. */
  usesOtherwise({ queueId, packetId }: Sending): boolean {
    if (!this.inflight.has(packetId)) return false;
    const content = this.inflight.get(packetId);
    return !(content instanceof Queued && content.queue !== undefined && content.queueId === queueId);
  }

  /** Whether it is a service's message that this connection has not been sent. */
  #awaitsService(content: unknown): boolean {
    return typeof content === "number" && this.#unacknowledgedRefs.has(content);
  }

  /** The connection is gone. Gives what the store must keep for a session that may come back. */
  detached(): { sending: Sending[]; waiting: number[] } | undefined {
    this.#sentMarks = [];
    this.#serviceWaits = false;
    this.#unacknowledgedRefs.clear();
    if (this.#queue === undefined) return undefined;
    const left = this.#queue.detach();
    if (this.inflight.count > 0 || this.#waiting.length > 0) this.#forgetOthers();
    return left;
  }

  /** What this session only sent on for the session before it ends with the connection. */
  #forgetOthers(): void {
    const copies = this.#copies();
    for (const packetId of this.inflight.inOrder()) {
      if (typeof this.inflight.get(packetId) !== "number") this.inflight.remove(packetId);
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const copy of copies) copy.group.forwardCopy(copy);
  }

  /**
   * The session has ended: messages for which a share group chose it go to another member, unless QoS 2 was sent
   * [MQTT-4.8.2-5].
   */
  redistribute(): void {
    const copies = this.#copies();
    this.#waiting = [];
    for (const copy of copies) copy.group.forwardCopy(copy);
  }

  /** Messages that another member of a share group could have. */
  #copies(): SharedCopy[] {
    const copies: SharedCopy[] = [];
    for (const packetId of this.inflight.inOrder()) {
      const content = this.inflight.get(packetId);
      if (content instanceof SharedCopy && this.inflight.awaits(packetId) === awaited.puback) copies.push(content);
    }
    for (const { group, topic, form } of this.#waiting) {
      if (group !== undefined) copies.push(new SharedCopy(group, topic, form));
    }
    return copies;
  }

  #hasRoom(connection: ClientConnection): boolean {
    return this.open && !connection.outbox.full;
  }

  #waitForRoom(connection: ClientConnection): "full" {
    this.#serviceWaits = true;
    if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    return "full";
  }

  mayHear(topic: string): boolean {
    return this.#parts.mayHear(this.#session.principal, topic);
  }

  /** The principal may hear other topics than before: what waits is looked at again. */
  permissionsChanged(): void {
    this.#queue?.fallBehind();
    const refused = this.#waiting.filter(({ topic }) => !this.mayHear(topic));
    if (refused.length > 0) {
      this.#waiting = this.#waiting.filter(({ topic }) => this.mayHear(topic));
      for (const { topic, form, group } of refused) {
        this.#waitingBytes -= form.byteLength;
        if (group !== undefined) group.forwardCopy(new SharedCopy(group, topic, form));
      }
    }
    this.pump();
  }

  /** A client for which too many messages wait is closed. */
  #wait(connection: ClientConnection, waiting: Waiting): void {
    const { queuedMessagesMax, queuedBytesMax, strangerBytesMax } = this.#parts.limits;
    const bytes = this.#waitingBytes + waiting.form.byteLength;
    const bytesMax = connection.isStranger ? strangerBytesMax : queuedBytesMax;
    if (this.#waiting.length >= queuedMessagesMax) connection.close("slow_reader", "queued messages");
    else if (bytes > bytesMax) connection.close("slow_reader", "queued bytes");
    else {
      const step = Math.floor(bytes / heldStepBytes) - Math.floor(this.#waitingBytes / heldStepBytes);
      if (step > 0) connection.outboxGrew(step * heldStepBytes);
      this.#waitingBytes = bytes;
      this.#waiting.push(waiting);
      if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    }
  }
}
