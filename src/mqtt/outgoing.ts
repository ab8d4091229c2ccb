/**
 * What is on its way to one client beyond the bytes already appended: the inflight window, QoS 1 messages waiting for
 * room, and what a resumed session sends again. Ordinary messages are kept here as bytes, bounded; a service's are only
 * numbers, since the service can deliver them again.
 */
import type { Outbox } from "../net/outbox.ts";
import type { Connection } from "./connection.ts";
import type { BrokerCore } from "./core.ts";
import type { Qos } from "./hooks.ts";
import { awaited, Inflight } from "./inflight.ts";
import { appendPublish, encodePublish, type PreparedPublish, type Sendable, WireForm } from "./prepared-publish.ts";
import { lowerQos } from "./qos.ts";
import type { RetainedMessage } from "./retained.ts";
import type { Session } from "./session.ts";
import { appendAnswer, dupBit, packetType } from "./wire.ts";

const qos1Flags = 1 << 1;
const qos2Flags = 2 << 1;

/** A service's QoS 0 message and where it ends in the connection's stream. */
interface SentMark {
  readonly position: number;
  readonly ref: number;
}

const answerAt = (qos: Qos) => (qos === 2 ? awaited.pubrec : awaited.puback);

export function answerPubrec(outbox: Outbox, packetId: number): void {
  appendAnswer(outbox, packetType.pubrel, packetId);
}

export class Outgoing {
  readonly #core: BrokerCore;
  readonly #session: Session;
  readonly #inflight: Inflight;
  #queue: WireForm[] = [];
  /** Of the queue and the kept inflight packets together. */
  #keptBytes = 0;
  /** Kept inflight packets still to be sent again on this connection, oldest first. */
  #resend: number[] = [];
  /** Refs unacknowledged on an earlier connection, with their packet ids. */
  #unacknowledgedRefs = new Map<number, number>();
  #sentMarks: SentMark[] = [];
  #serviceWaits = false;
  /** Filters whose retained messages are still to be sent, with the granted QoS. */
  readonly #retainedFilters = new Map<string, Qos>();
  /** Whether either of these has anything. */
  #retainedWaits = false;
  /** What the filter at work still has to send. */
  #retained:
    | { readonly filter: string; readonly qos: Qos; readonly messages: Iterator<RetainedMessage, undefined> }
    | undefined;

  constructor(core: BrokerCore, session: Session) {
    this.#core = core;
    this.#session = session;
    this.#inflight = new Inflight(core.limits.inflightMax);
  }

  /** An ordinary message at QoS 1 or 2. */
  forward(message: Sendable, qos: 1 | 2): void {
    const { connection, protocolVersion, storedId } = this.#session;
    if (connection === undefined) return;
    if (this.#queue.length > 0 || this.#resend.length > 0 || !this.#hasRoom(connection)) {
      this.#enqueue(connection, message.kept(protocolVersion, qos));
      return;
    }
    const kept = storedId === undefined ? undefined : message.kept(protocolVersion, qos);
    if (kept !== undefined && !this.#keep(connection, kept)) return;
    const packetId = this.#inflight.add(kept, answerAt(qos));
    this.#append(connection, message.form(protocolVersion, qos), qos << 1, packetId);
  }

  /**
   * The retained messages of a new subscription, also of a repeated one [MQTT-3.3.1-6] [MQTT-3.8.4-3]. They are looked up
   * when there is room for them: however many match, none of them waits here, and what is sent is never outdated.
   */
  sendRetained(filter: string, qos: Qos): void {
    this.forgetRetained(filter);
    this.#retainedFilters.set(filter, qos);
    this.#retainedWaits = true;
    this.#pumpRetained();
  }

  /** The subscription ended. */
  forgetRetained(filter: string): void {
    this.#retainedFilters.delete(filter);
    if (this.#retained?.filter === filter) this.#retained = undefined;
  }

  #pumpRetained(): void {
    const { connection } = this.#session;
    if (connection === undefined) return;
    // Kept bytes beyond half of what may wait are left to live messages.
    const keptMax = this.#core.limits.queuedBytesMax / 2;
    while (
      this.#queue.length === 0 &&
      this.#resend.length === 0 &&
      this.#hasRoom(connection) &&
      this.#keptBytes <= keptMax
    ) {
      if (this.#retained === undefined) {
        const [next] = this.#retainedFilters;
        if (next === undefined) {
          this.#retainedWaits = false;
          return;
        }
        const [filter, qos] = next;
        this.#retainedFilters.delete(filter);
        this.#retained = { filter, qos, messages: this.#core.retained.match(filter) };
      }
      const next = this.#retained.messages.next();
      if (next.done === true) this.#retained = undefined;
      else this.#appendRetained(connection, next.value, this.#retained.qos);
    }
    if (connection.outbox.full) connection.outbox.notifyWhenWritable();
  }

  #appendRetained(connection: Connection, message: RetainedMessage, granted: Qos): void {
    const { principal, storedId } = this.#session;
    if (!this.#core.hooks.authorize(principal, "deliver", message.topic)) return;
    const qos = lowerQos(message.qos, granted);
    const form = encodePublish(message.topic, message.payload, qos);
    form.retain = 1; // [MQTT-3.3.1-8]
    if (qos === 0) {
      this.#append(connection, form, 0, 0);
      return;
    }
    const kept = storedId === undefined ? undefined : form;
    this.#keptBytes += kept?.byteLength ?? 0;
    this.#append(connection, form, qos << 1, this.#inflight.add(kept, answerAt(qos)));
  }

  /** A service's message; see `ServiceSession.deliver`. */
  deliver(connection: Connection, message: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full" {
    const { outbox } = connection;
    const form = message.form(this.#session.protocolVersion, qos);
    if (outbox.full) return this.#wait(connection);
    if (qos === 0) {
      this.#append(connection, form, 0, 0);
      this.#sentMarks.push({ position: outbox.appendedBytes, ref });
      if (this.#sentMarks.length === 1) outbox.notifyWhenSent(outbox.appendedBytes);
      return "queued";
    }
    const earlierId = this.#unacknowledgedRefs.get(ref);
    if (earlierId !== undefined) {
      this.#unacknowledgedRefs.delete(ref);
      this.#append(connection, form, qos1Flags | dupBit, earlierId); // [MQTT-4.4.0-1]
      return "queued";
    }
    if (this.#inflight.full) return this.#wait(connection);
    this.#append(connection, form, qos1Flags, this.#inflight.add(ref, awaited.puback));
    return "queued";
  }

  forget(ref: number): void {
    const packetId = this.#unacknowledgedRefs.get(ref);
    if (packetId === undefined) return;
    this.#unacknowledgedRefs.delete(ref);
    this.#inflight.remove(packetId);
    this.pump();
  }

  /** A PUBACK. One for an unknown packet id is ignored: after a takeover both sides may remember differently. */
  acknowledged(packetId: number): void {
    if (!this.#inflight.has(packetId) || this.#inflight.awaits(packetId) !== awaited.puback) return;
    const content = this.#inflight.remove(packetId);
    if (typeof content === "number") {
      if (this.#unacknowledgedRefs.size > 0) this.#unacknowledgedRefs.delete(content);
      this.#core.hooks.acknowledged(this.#session, content, 1);
    } else if (content !== undefined) {
      this.#keptBytes -= content.byteLength;
    }
    this.#pumpIfWaiting();
  }

  /**
   * A PUBREC: the client has the message, so it is never sent again [MQTT-4.3.3-1]. PUBREL answers each in turn
   * [MQTT-4.6.0-4], also for an unknown packet id, or a client that remembers more than we do would ask for ever.
   */
  received(connection: Connection, packetId: number): void {
    if (this.#inflight.has(packetId) && this.#inflight.awaits(packetId) === awaited.pubrec) {
      const content = this.#inflight.release(packetId);
      if (content instanceof WireForm) this.#keptBytes -= content.byteLength;
    }
    answerPubrec(connection.outbox, packetId);
  }

  /** A PUBCOMP: the packet id is free. */
  completed(packetId: number): void {
    if (!this.#inflight.has(packetId) || this.#inflight.awaits(packetId) !== awaited.pubcomp) return;
    this.#inflight.remove(packetId);
    this.#pumpIfWaiting();
  }

  #pumpIfWaiting(): void {
    if (this.#queue.length > 0 || this.#resend.length > 0 || this.#serviceWaits || this.#retainedWaits) this.pump();
  }

  /** The kernel took the connection's stream up to `sentBytes`. */
  sent(connection: Connection, sentBytes: number): void {
    let done = 0;
    for (const mark of this.#sentMarks) {
      if (mark.position > sentBytes) break;
      done++;
    }
    const marks = this.#sentMarks.splice(0, done);
    const next = this.#sentMarks[0];
    if (next !== undefined) connection.outbox.notifyWhenSent(next.position);
    for (const mark of marks) this.#core.hooks.acknowledged(this.#session, mark.ref, 0);
  }

  /** Sends what has waited, as far as there is room, and then tells a waiting service. */
  pump(): void {
    const { connection } = this.#session;
    if (connection === undefined) return;
    this.#pumpResend(connection);
    let sent = 0;
    while (this.#resend.length === 0 && sent < this.#queue.length && this.#hasRoom(connection)) {
      const form = this.#queue[sent++] as WireForm;
      if (this.#session.storedId === undefined) this.#keptBytes -= form.byteLength;
      const kept = this.#session.storedId === undefined ? undefined : form;
      this.#append(connection, form, form.qos << 1, this.#inflight.add(kept, answerAt(form.qos)));
    }
    if (sent > 0) this.#queue.splice(0, sent);
    if (connection.outbox.full && this.#queue.length + this.#resend.length > 0) connection.outbox.notifyWhenWritable();
    if (this.#retainedWaits) this.#pumpRetained();
    if (!this.#serviceWaits || connection.outbox.full) return;
    // Half a window at once, not a call for every PUBACK.
    if (2 * this.#inflight.count > this.#core.limits.inflightMax) return;
    this.#serviceWaits = false;
    this.#core.hooks.writable(this.#session);
  }

  /**
   * A client came back to the session: what it has not acknowledged is sent again, with DUP and its old packet id; of
   * what it has received at QoS 2, the PUBREL [MQTT-4.4.0-1].
   */
  resume(): void {
    for (const packetId of this.#inflight.inOrder()) {
      const content = this.#inflight.get(packetId);
      if (typeof content === "number") this.#unacknowledgedRefs.set(content, packetId);
      else this.#resend.push(packetId);
    }
    this.pump();
  }

  /** The connection is gone; the session may come back. */
  detached(): void {
    this.#sentMarks = [];
    this.#resend = [];
    this.#serviceWaits = false;
  }

  #pumpResend(connection: Connection): void {
    let sent = 0;
    while (sent < this.#resend.length && !connection.outbox.full) {
      const packetId = this.#resend[sent++] as number;
      if (!this.#inflight.has(packetId)) continue;
      const answer = this.#inflight.awaits(packetId);
      const content = this.#inflight.get(packetId);
      if (answer === awaited.pubcomp) answerPubrec(connection.outbox, packetId);
      else if (content instanceof WireForm) {
        this.#append(connection, content, (answer === awaited.puback ? qos1Flags : qos2Flags) | dupBit, packetId);
      }
    }
    this.#resend.splice(0, sent);
  }

  #hasRoom(connection: Connection): boolean {
    return !this.#inflight.full && !connection.outbox.full;
  }

  #wait(connection: Connection): "full" {
    this.#serviceWaits = true;
    if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    return "full";
  }

  #enqueue(connection: Connection, form: WireForm): void {
    if (this.#queue.length >= this.#core.limits.queuedMessagesMax) connection.close("slow_reader", "queued messages");
    else if (this.#keep(connection, form)) {
      this.#queue.push(form);
      if (connection.outbox.full) connection.outbox.notifyWhenWritable();
    }
  }

  /** Accounts for bytes kept; a client that lets too many gather is closed, and false is given. */
  #keep(connection: Connection, form: WireForm): boolean {
    if (this.#keptBytes + form.byteLength > this.#core.limits.queuedBytesMax) {
      connection.close("slow_reader", "queued bytes");
      return false;
    }
    this.#keptBytes += form.byteLength;
    return true;
  }

  #append(connection: Connection, form: WireForm, flags: number, packetId: number): void {
    appendPublish(connection.outbox, form, flags, packetId);
    this.#core.counters.publishesSent++;
  }
}
