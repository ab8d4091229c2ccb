/**
 * The messages that one persistent session has yet to get. All of them are on disk. While its client is connected and
 * keeps up, they are also in memory and are sent as soon as they are stored. A client that is away or too slow gets
 * them from the store, in order, as it has room. A short stall bounds what is in memory.
 */
import { forever } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Counters } from "../counters.ts";
import type { BrokerLimits } from "../limits.ts";
import { StoredPublish } from "../publish/prepared-publish.ts";
import type { Sendable } from "../publish/publish-form.ts";
import type { PublishSender } from "../publish/publish-sender.ts";
import { appendStored, storedTopic } from "../publish/stored-publish.ts";
import type { BrokerStore, QueuedMessage, Sending } from "../store.ts";
import { appendAnswer, dupBit, packetType } from "../wire/packet-bytes.ts";
import type { Work } from "../work.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { DeliveryTerms } from "./delivery-terms.ts";
import { awaited, type Inflight } from "./inflight.ts";
import { type Keeper, Queued } from "./queued-message.ts";

/** Reading a message back costs more than holding it, so this much of a stall is held. */
const heldMessagesMax = 1024;
const heldBytesMax = 128 * 1024;
/** The number of QoS 2 messages read back whose packet ids go to the store together. */
const announcedAtOnce = 100;

/** The packets that may be unacknowledged at a time. The queue shares them with everything else sent to the client. */
export interface Window {
  readonly inflight: Inflight;
  /** Of the inflight packets, those that this connection has not been sent yet. */
  unsent: number;
  /** Whether another packet may be sent before one is acknowledged. */
  readonly open: boolean;
  /** The same for a packet that is inflight already. */
  readonly mayResend: boolean;
  /** Whether the client may still be sent a message that waited. */
  mayHear(topic: string): boolean;
  /** Sends what there is room for, this queue's messages included. */
  pump(): void;
}

/** Stores the queue's messages and removes them. */
export interface QueueWriting {
  nextId(): number;
  /** Gives the bytes of the packet; `queued` undefined: it will be read back. */
  add(
    to: { sessionId: number; queueId: number; queue: Keeper },
    queued: Queued | undefined,
    message: Sendable,
    qos: 1 | 2,
    terms: DeliveryTerms,
  ): number;
  sent(queueId: number, packetId: number): void;
  remove(queueId: number): void;
  /** Hands everything gathered to the store, so that a change submitted now comes after it. */
  flush(): void;
}

export interface SessionQueueParts {
  readonly store: Pick<BrokerStore, "queuedOf" | "queuedPage" | "release" | "send" | "wait" | "hasDiskFor">;
  readonly sessions: { storedOf(owner: string): Iterable<{ readonly queuedBytes: number }> };
  readonly queueWriter: QueueWriting;
  readonly sender: Pick<PublishSender, "accepts" | "fits" | "send">;
  readonly routes: {
    group(
      sharedFilter: string,
    ): { forwardStored(packet: Uint8Array, expiresAtMs: QueuedMessage["expiresAtMs"]): void } | undefined;
  };
  readonly counters: Pick<Counters, "publishesSent">;
  readonly limits: Pick<BrokerLimits, "queuedMessagesMax" | "queuedBytesMax">;
  readonly work: Work;
  readonly log: Log;
}

const noMessages: readonly QueuedMessage[] = [];
const noneLent: Queued[] = [];
const answerAt = (qos: 1 | 2) => (qos === 2 ? awaited.pubrec : awaited.puback);

export class SessionQueue implements Keeper {
  readonly #parts: SessionQueueParts;
  readonly #sessionId: number;
  /** The key of the principal whose share of the disk it uses. */
  readonly #owner: string;
  readonly #window: Window;
  /** The messages on disk for the session; read once, then counted. */
  #messages: number;
  #bytes: number;
  /** In memory and not sent yet, in order; the first of them have packet ids. */
  #live: Queued[] = [];
  #unassigned = 0;
  #heldBytes = 0;
  /** Whether the store must be read before anything newer is sent. */
  #behind = false;
  #readUpTo = 0;
  #page = noMessages;
  #pageAt = 0;
  /** Rows on their way to the store that must be read back. */
  #storing = 0;
  /** Messages on their way from `#live` to the store, older than what a read would find. */
  #leaving = 0;
  /** Left to the store, but the store failed to record that. */
  #strays: number[] = [];
  /** What the last connection was sent and may still acknowledge, although it serves another session now. */
  #lent: Queued[] = noneLent;
  #connection: ClientConnection | undefined;

  constructor(parts: SessionQueueParts, { sessionId, owner }: { sessionId: number; owner: string }, window: Window) {
    this.#parts = parts;
    this.#sessionId = sessionId;
    this.#owner = owner;
    this.#window = window;
    const { messages, bytes } = parts.store.queuedOf(sessionId);
    this.#messages = messages;
    this.#bytes = bytes;
  }

  /** The number of messages on disk or on their way to it. */
  get messages(): number {
    return this.#messages;
  }

  /** Of these messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether anything is still to be sent. */
  get waits(): boolean {
    return this.#live.length > 0 || this.#behind;
  }

  /** Whether the store is being read. */
  get behind(): boolean {
    return this.#behind;
  }

  /** Whether the session has the most messages allowed. */
  get full(): boolean {
    const { queuedMessagesMax, queuedBytesMax } = this.#parts.limits;
    return this.#messages >= queuedMessagesMax || this.#bytes >= queuedBytesMax;
  }

  /** Adds a message; false if the session has the most messages allowed, or its owner no room on the disk for one that waits. */
  add(message: Sendable, qos: 1 | 2, terms: DeliveryTerms): boolean {
    const { queueWriter, limits } = this.#parts;
    if (this.full) return false;
    const bytes = message.storable().byteLength;
    if (this.#bytes + bytes > limits.queuedBytesMax) return false;
    if ((this.#connection === undefined || this.#behind) && !this.#ownerHasDiskFor(bytes)) return false;
    this.#messages++;
    const to = { sessionId: this.#sessionId, queueId: queueWriter.nextId(), queue: this };
    if (this.#connection === undefined || this.#behind) {
      this.#storing++;
      this.#bytes += queueWriter.add(to, undefined, message, qos, terms);
      return true;
    }
    const queued = new Queued(to.queueId, qos, this);
    if (this.#unassigned === 0 && this.#window.open) this.#assign(queued);
    else this.#unassigned++;
    this.#live.push(queued);
    queued.bytes = queueWriter.add(to, queued, message, qos, terms);
    this.#bytes += queued.bytes;
    return true;
  }

  #ownerHasDiskFor(bytes: number): boolean {
    const { store, sessions } = this.#parts;
    return store.hasDiskFor(this.#owner, () => {
      let all = bytes;
      for (const { queuedBytes } of sessions.storedOf(this.#owner)) all += queuedBytes;
      return all;
    });
  }

  /** What was added in a turn is on disk. */
  turnStored(): void {
    if (this.#connection === undefined) return;
    this.#window.pump();
    // Messages that stay must not keep the memory of the whole turn.
    for (const queued of this.#live) {
      const { packet, start, end } = queued;
      if (packet === undefined || queued.held) continue;
      queued.held = true;
      queued.packet = Buffer.allocUnsafeSlow(end - start);
      packet.copy(queued.packet, 0, start, end);
      queued.start = 0;
      queued.end = end - start;
      this.#heldBytes += queued.bytes;
    }
    if (this.#live.length > heldMessagesMax || this.#heldBytes > heldBytesMax) this.fallBehind();
  }

  rowStored(): void {
    this.#storing--;
  }

  rowLost(bytes: number): void {
    this.#storing--;
    this.#messages--;
    this.#bytes -= bytes;
    this.#window.pump();
  }

  /** The message could not be stored. */
  lost(queued: Queued): void {
    if (!queued.left) {
      this.#live.splice(this.#live.indexOf(queued), 1);
      if (queued.packetId === 0) this.#unassigned--;
      else this.#window.inflight.remove(queued.packetId);
    }
    this.#uncount(queued);
  }

  /** The client is connected: messages that an earlier connection sent are taken up again, and the store is read. */
  attach(connection: ClientConnection, sending: readonly Sending[]): void {
    this.#connection = connection;
    this.#behind = this.#messages > 0 || sending.length > 0;
    this.#readUpTo = 0;
    const { inflight } = this.#window;
    for (const queued of this.#lent) {
      const isBack = inflight.has(queued.packetId) && inflight.get(queued.packetId) === queued;
      if (!isBack) queued.queue = undefined; // this connection sends it again
    }
    this.#lent = noneLent;
    for (const { queueId, packetId, qos, released } of sending) {
      if (inflight.has(packetId)) {
        const earlier = inflight.get(packetId);
        if (!(earlier instanceof Queued) || earlier.queue !== this || earlier.queueId >= queueId) continue;
        // Its packet id was given again, so the client has acknowledged it, and a crash kept its row from being removed.
        inflight.remove(packetId);
        this.acknowledged(earlier);
      }
      const queued = new Queued(queueId, qos, this);
      queued.packetId = packetId;
      queued.stored = true;
      queued.dup = true;
      queued.released = released;
      inflight.restore(packetId, queued, released ? awaited.pubcomp : answerAt(qos));
      queued.releasedBefore = released;
      this.#window.unsent++;
    }
  }

  /** The connection serves another session from now on, which keeps the packet id until the client has answered. */
  lend(queued: Queued): void {
    if (this.#lent === noneLent) this.#lent = [];
    this.#lent.push(queued);
    queued.releasedBefore = false; // the other session counts it in its window
  }

  /** The connection is gone. Gives the messages it was being sent, and those it was to be sent. */
  detach(): { sending: Sending[]; waiting: number[] } {
    this.#connection = undefined;
    const { inflight } = this.#window;
    const sending: Sending[] = [];
    for (const packetId of inflight.inOrder()) {
      const queued = inflight.get(packetId);
      if (!(queued instanceof Queued) || queued.queue !== this) continue;
      const released = inflight.awaits(packetId) === awaited.pubcomp;
      sending.push({ queueId: queued.queueId, packetId, qos: queued.qos, released });
      inflight.remove(packetId);
      queued.left = true;
      queued.packet = undefined;
    }
    const waiting = this.#live.filter(({ packetId }) => packetId === 0).map(({ queueId }) => queueId);
    for (const queued of this.#live) queued.left = true;
    waiting.push(...this.#strays);
    this.#strays = [];
    this.#live = [];
    this.#unassigned = 0;
    this.#heldBytes = 0;
    this.#page = noMessages;
    this.#pageAt = 0;
    return { sending, waiting };
  }

  acknowledged(queued: Queued): void {
    if (queued.releasedBefore) this.#window.unsent--;
    else this.#resent(queued);
    this.#parts.queueWriter.remove(queued.queueId);
    this.#uncount(queued);
  }

  released(connection: ClientConnection, queued: Queued): void {
    this.#resent(queued);
    this.#bytes -= queued.bytes;
    queued.bytes = 0;
    const done = (): void => {
      queued.released = true;
      // The connection may serve another session by now. A client that sent PUBCOMP already needs no PUBREL.
      const isAwaited = connection.session?.isSending(queued.packetId) === true;
      if (isAwaited) appendAnswer(connection.outbox, packetType.pubrel, queued.packetId);
    };
    this.#ask(connection, "a PUBREC", this.#parts.store.release(queued.queueId), { done });
  }

  /** Sends what there is room for. */
  pump(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#pumpLive(connection);
    if (this.#behind && this.#live.length === 0) this.#pumpStored(connection);
  }

  #pumpLive(connection: ClientConnection): void {
    let done = 0;
    while (done < this.#live.length) {
      const queued = this.#live[done] as Queued;
      if (!queued.stored || connection.outbox.full) break;
      // It waited for its packet id since it was read back.
      const { packet, start, end } = queued;
      if (this.#behind && packet !== undefined && !this.#window.mayHear(storedTopic(packet.subarray(start, end)))) {
        done++;
        this.#dropLive(queued);
        continue;
      }
      if (queued.packetId === 0) {
        if (!this.#window.open) break;
        if (queued.qos === 2) {
          this.#announce(connection, done);
          break;
        }
        this.#assign(queued);
        this.#unassigned--;
        this.#parts.queueWriter.sent(queued.queueId, queued.packetId);
      }
      done++;
      this.#send(connection, queued);
    }
    if (done > 0) this.#live.splice(0, done);
    if (this.#live.length > 0 && connection.outbox.full) connection.outbox.notifyWhenWritable();
  }

  #assign(queued: Queued): void {
    queued.packetId = this.#window.inflight.add(queued, answerAt(queued.qos));
  }

  /**
   * Assigns packet ids to QoS 2 messages that were stored without. None is sent before the store has the id: after a
   * crash a message must not come again under another one.
   */
  #announce(connection: ClientConnection, from: number): void {
    const announced: Queued[] = [];
    for (let at = from; at < this.#live.length && this.#window.open; at++) {
      const queued = this.#live[at] as Queued;
      if (queued.qos !== 2 || !queued.stored || queued.packetId !== 0) break;
      this.#assign(queued);
      this.#unassigned--;
      queued.stored = false;
      announced.push(queued);
    }
    const packetIds = announced.map(({ queueId, packetId }) => [queueId, packetId] as const);
    const done = (): void => {
      if (this.#connection !== connection) return;
      for (const queued of announced) queued.stored = true;
      this.#window.pump();
    };
    this.#ask(connection, "packet ids", this.#parts.store.send(packetIds), { done });
  }

  #send(connection: ClientConnection, queued: Queued): void {
    const { packet, packetId, qos, dup, expiresAtMs } = queued;
    queued.packet = undefined;
    queued.sent = true;
    if (queued.held) this.#heldBytes -= queued.bytes;
    if (packet === undefined) return;
    const { sender, counters } = this.#parts;
    const { terms } = connection;
    if (expiresAtMs === forever && (terms === undefined || terms.plain)) {
      const flags = (qos << 1) | (dup ? dupBit : 0);
      appendStored(connection.outbox, packet, queued, { before5: terms === undefined, flags, packetId });
      counters.publishesSent++;
      return;
    }
    const message = new StoredPublish(packet.subarray(queued.start, queued.end), expiresAtMs);
    const form = message.form(connection.protocolVersion, qos);
    // A message that an earlier connection began to deliver no longer expires [MQTT-4.3.3-7].
    if (dup ? sender.fits(terms, form, undefined) : sender.accepts(terms, form, undefined)) {
      const flags = (qos << 1) | (dup ? dupBit : 0);
      sender.send(connection, message.topic, form, { flags, packetId, subscriptionIds: undefined });
      return;
    }
    this.#window.inflight.remove(packetId);
    this.acknowledged(queued);
  }

  /** Everything that is not sent is left to the store: the client is too slow, or may hear other topics than before. */
  fallBehind(): void {
    const [first] = this.#live;
    const connection = this.#connection;
    if (first === undefined || connection === undefined || this.#behind) return;
    this.#parts.queueWriter.flush(); // their rows come before the change that sets them aside
    this.#behind = true;
    this.#readUpTo = first.queueId - 1;
    for (const queued of this.#live) {
      queued.packet = undefined;
      queued.left = true;
      if (queued.packetId !== 0) this.#window.inflight.remove(queued.packetId);
    }
    const queueIds = this.#live.map(({ queueId }) => queueId);
    this.#live = [];
    this.#unassigned = 0;
    this.#heldBytes = 0;
    this.#leaving++;
    this.#ask(connection, "a slow client's messages", this.#parts.store.wait(queueIds), {
      done: () => this.#window.pump(),
      always: (failed) => {
        this.#leaving--;
        if (failed) this.#strays.push(...queueIds);
      },
    });
  }

  #pumpStored(connection: ClientConnection): void {
    while (!connection.outbox.full) {
      const message = this.#next();
      if (message === undefined) {
        // What is still on its way wakes this queue again.
        if (this.#leaving === 0 && this.#storing === 0) this.#behind = false;
        break;
      }
      if (!this.#mayHear(message)) this.#drop(message);
      else if (message.packetId === 0 && message.qos === 2) {
        if (!this.#window.open || this.#live.length >= announcedAtOnce) break;
        const queued = new Queued(message.queueId, 2, this);
        read(queued, message);
        this.#live.push(queued);
        this.#unassigned++;
      } else if (this.#live.length > 0 || !this.#sendStored(connection, message)) break;
      this.#pageAt++;
      this.#readUpTo = message.queueId;
    }
    if (this.#live.length > 0) this.#pumpLive(connection);
    else if (connection.outbox.full) connection.outbox.notifyWhenWritable();
  }

  /** Its permission may have ended since it was queued. A message that the client has already is only completed. */
  #mayHear({ packet, released }: QueuedMessage): boolean {
    return released || this.#window.mayHear(storedTopic(packet));
  }

  /** It is not sent. If it was for any member of a share group, another member gets it. */
  #drop({ queueId, packetId, qos, share, packet, expiresAtMs }: QueuedMessage): void {
    const { inflight } = this.#window;
    const known = packetId !== 0 && inflight.has(packetId) ? inflight.get(packetId) : undefined;
    if (packetId !== 0 && (!(known instanceof Queued) || known.queueId !== queueId)) return; // acknowledged meanwhile
    if (packetId === 0 || qos < 2) this.#passOn({ share, packet, expiresAtMs });
    const queued = known instanceof Queued ? known : new Queued(queueId, qos, this);
    queued.bytes = packet.length;
    if (packetId !== 0) inflight.remove(packetId);
    this.acknowledged(queued);
  }

  #dropLive(queued: Queued): void {
    if (queued.packetId === 0) this.#unassigned--;
    else this.#window.inflight.remove(queued.packetId);
    const [message] = this.#parts.store.queuedPage(this.#sessionId, queued.queueId - 1);
    if (message?.queueId === queued.queueId) this.#passOn(message);
    this.acknowledged(queued);
  }

  #passOn({ share, packet, expiresAtMs }: Pick<QueuedMessage, "share" | "packet" | "expiresAtMs">): void {
    if (share === undefined) return;
    this.#parts.routes.group(share)?.forwardStored(packet, expiresAtMs);
    this.#parts.queueWriter.flush(); // it is stored for the other member before it is removed here
  }

  #next(): QueuedMessage | undefined {
    if (this.#pageAt >= this.#page.length) {
      this.#page = this.#leaving > 0 ? noMessages : this.#parts.store.queuedPage(this.#sessionId, this.#readUpTo);
      this.#pageAt = 0;
    }
    return this.#page[this.#pageAt];
  }

  /** False if there is no room for it now. */
  #sendStored(connection: ClientConnection, message: QueuedMessage): boolean {
    const { inflight } = this.#window;
    const { queueId, packetId, qos } = message;
    if (packetId !== 0) {
      const known = inflight.has(packetId) ? inflight.get(packetId) : undefined;
      // Otherwise it was acknowledged meanwhile.
      if (!(known instanceof Queued) || known.queueId !== queueId) return true;
      if (known.released) {
        if (!known.sent) appendAnswer(connection.outbox, packetType.pubrel, packetId);
        known.sent = true;
        return true;
      }
      if (known.sent) return true;
      if (!this.#window.mayResend) return false;
      this.#resent(known);
      read(known, message);
      this.#send(connection, known);
      return true;
    }
    if (!this.#window.open) return false;
    const queued = new Queued(queueId, qos, this);
    read(queued, message);
    this.#assign(queued);
    this.#parts.queueWriter.sent(queueId, queued.packetId);
    this.#send(connection, queued);
    return true;
  }

  /** The others wait for the store. If that fails the connection ends, and what it leaves is stored again. */
  #ask(
    connection: ClientConnection,
    what: string,
    change: Promise<void>,
    { done, always = () => {} }: { done: () => void; always?: (failed: boolean) => void },
  ): void {
    const { work, log } = this.#parts;
    work.started();
    change
      .then(
        () => {
          always(false);
          done();
        },
        (error: unknown) => {
          always(true);
          log.error("the store failed", { what, error });
          connection.close("internal_error");
        },
      )
      .finally(() => work.done());
  }

  /** A message of an earlier connection was sent again, or acknowledged without that. */
  #resent(queued: Queued): void {
    if (queued.dup && !queued.sent && !queued.released) this.#window.unsent--;
    queued.sent = true;
  }

  #uncount(queued: Queued): void {
    this.#messages = Math.max(0, this.#messages - 1);
    this.#bytes = Math.max(0, this.#bytes - queued.bytes);
    queued.queue = undefined;
  }
}

function read(queued: Queued, { packet, expiresAtMs }: QueuedMessage): void {
  queued.stored = true;
  queued.bytes = packet.length;
  queued.packet = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  queued.start = 0;
  queued.end = packet.length;
  queued.expiresAtMs = expiresAtMs === 0 ? forever : expiresAtMs;
}
