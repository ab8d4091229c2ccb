/**
 * One network connection of a client: bytes in, packets to the handlers, answers and deliveries out. It begins before
 * anyone knows who is there and has one way out, `close`.
 */
import { Outbox, type OutboxOwner } from "../net/outbox.ts";
import type { Transport } from "../net/transport.ts";
import { leave, type Place } from "./admission.ts";
import type { ClientPacket, WillMessage } from "./codec.ts";
import { encodeConnack, encodeConnack5 } from "./codec.ts";
import type { BrokerCore } from "./core.ts";
import {
  type CloseReason,
  connectReturnCode,
  ProtocolError,
  UnsupportedVersion,
  unsupportedVersionReasonCode,
} from "./errors.ts";
import { handleConnect } from "./handlers/connect.ts";
import { handlePublish, handleRelease } from "./handlers/publish.ts";
import { handleSubscribe } from "./handlers/subscribe.ts";
import { handleUnsubscribe } from "./handlers/unsubscribe.ts";
import type { ProtocolVersion } from "./hooks.ts";
import { type Watched, wheelTickMs } from "./keep-alive.ts";
import { PacketReader, type PacketSink } from "./packet-reader.ts";
import type { PublishView } from "./publish-packet.ts";
import { Replies } from "./replies.ts";
import type { Session } from "./session.ts";
import { discardsWill, publishWill } from "./will.ts";
import { packetType } from "./wire.ts";

/** Logged as a matter of course; the other reasons are worth an operator's look. */
const quietReasons: ReadonlySet<CloseReason> = new Set(["disconnected", "connection_lost", "server_stopping"]);
/** The peer is not there or not reading: nothing more is to be said to it. */
const abruptReasons: ReadonlySet<CloseReason> = new Set(["connection_lost", "keep_alive_timeout", "slow_reader"]);

export class Connection implements PacketSink, OutboxOwner, Watched {
  /** The client's, once CONNECT named it. */
  protocolVersion: ProtocolVersion = 4;
  awaitsConnect = true;
  reading = true;
  closed = false;
  session: Session | undefined;
  deadlineMs: number;
  wheelSlot = -1;
  readonly outbox: Outbox;
  readonly replies: Replies;
  readonly #core: BrokerCore;
  readonly #transport: Transport;
  readonly #place: Place;
  readonly #reader: PacketReader;
  #will: WillMessage | undefined;
  #keepAliveMs = Number.POSITIVE_INFINITY;
  /** PUBLISH, SUBSCRIBE and UNSUBSCRIBE packets waiting for a service or the store. */
  #workCount = 0;
  #workBytes = 0;

  constructor(core: BrokerCore, transport: Transport, place: Place) {
    this.#core = core;
    this.#transport = transport;
    this.#place = place;
    this.#reader = new PacketReader(core.limits);
    this.outbox = new Outbox(transport, core.limits, core.flushQueue, this);
    this.replies = new Replies(this.outbox);
    this.deadlineMs = core.clock.nowMs() + core.limits.connectTimeoutMs;
    core.connections.add(this);
    core.sockets.started();
    core.wheel.watch(this);
  }

  get address(): string {
    return this.#transport.remoteAddress;
  }

  receive(chunk: Buffer): void {
    if (this.closed) return;
    this.#core.counters.bytesReceived += chunk.length;
    try {
      this.#reader.read(chunk, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The transport met what the peer may not send. */
  reject(error: ProtocolError): void {
    if (!this.closed) this.#fail(error);
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.outbox.drained();
  }

  /** The socket is closed. */
  gone(): void {
    this.close("connection_lost");
    this.#core.wheel.unwatch(this);
    if (!this.#core.connections.delete(this)) return;
    leave(this.#place);
    this.#core.counters.packetsSent += this.outbox.appends;
    this.#core.counters.bytesSent += this.outbox.sentBytes;
    this.#core.sockets.done();
  }

  /** The one way out. What was appended is still written if the kernel takes it. Safe to call twice. */
  close(reason: CloseReason, detail?: string): void {
    if (this.closed) return;
    this.closed = true;
    this.reading = false;
    this.#reader.clear();
    this.replies.close();
    this.outbox.close();
    const { session } = this;
    const fields = {
      reason,
      detail,
      address: this.address,
      clientId: session?.clientId,
      principal: session?.principal.key,
    };
    if (quietReasons.has(reason)) this.#core.log.debug("connection closed", fields);
    else this.#core.log.info("connection closed", fields);
    this.#hangUp(reason);
    this.session = undefined;
    if (session === undefined) return;
    session.connection = undefined;
    this.#core.counters.clientsConnected--;
    if (this.#will !== undefined && !discardsWill(reason)) this.#publishWill(session, this.#will);
    this.#guard(() => this.#core.sessions.closed(session));
  }

  /** CONNECT was read; nothing more is until `open`. */
  authenticating(): void {
    this.awaitsConnect = false;
    this.#watchUntil(this.#core.limits.authenticateTimeoutMs);
    this.#stopReading();
  }

  /** The client is in. Calls nothing but the transport, so that CONNACK can follow at once. */
  open(session: Session, terms: { keepaliveSeconds: number; will: WillMessage | undefined }): void {
    this.session = session;
    this.#will = terms.will;
    const { counters } = this.#core;
    counters.clientsConnected++;
    counters.clientsMaximum = Math.max(counters.clientsMaximum, counters.clientsConnected);
    // One and a half times the keep alive [MQTT-3.1.2-24]; zero turns it off.
    // The wheel's time may lag by a tick, and a client must not be closed early for it.
    if (terms.keepaliveSeconds > 0) this.#keepAliveMs = terms.keepaliveSeconds * 1500 + wheelTickMs;
    this.#watchUntil(this.#keepAliveMs);
  }

  /** Answers CONNECT with a return code and closes [MQTT-3.2.2-5]. */
  refuse(returnCode: number, why: string): void {
    if (this.closed) return;
    this.#core.counters.connectionsRefused++;
    this.outbox.append(encodeConnack({ sessionPresent: false, returnCode }));
    this.close("refused", why);
  }

  /** Something is waiting for a service or the store; with too much of it the client is not read. */
  workStarted(bytes: number): void {
    this.#core.work.started();
    this.#workCount++;
    this.#workBytes += bytes;
    const { inboundInflightMax, inboundInflightBytesMax } = this.#core.limits;
    if (this.#workCount >= inboundInflightMax || this.#workBytes >= inboundInflightBytesMax) this.#stopReading();
  }

  workDone(bytes: number): void {
    this.#core.work.done();
    this.#workCount--;
    this.#workBytes -= bytes;
    const { inboundInflightMax, inboundInflightBytesMax } = this.#core.limits;
    if (this.reading || this.session === undefined) return;
    if (2 * this.#workCount <= inboundInflightMax && 2 * this.#workBytes <= inboundInflightBytesMax)
      this.startReading();
  }

  startReading(): void {
    if (this.reading || this.closed || this.#core.stopping) return;
    this.reading = true;
    this.#alive();
    this.#transport.resume();
    this.#guard(() => this.#reader.resume(this));
  }

  /** The broker stops: nothing more is read, what is under way is finished. */
  stopReading(): void {
    this.#stopReading();
  }

  readPublish(view: PublishView): void {
    this.#touch();
    const { session } = this;
    if (session !== undefined) handlePublish(this.#core, { connection: this, session }, view);
  }

  readAcknowledgement(type: number, packetId: number): void {
    this.#touch();
    const { session } = this;
    if (session === undefined) return;
    if (type === packetType.puback) session.acknowledged(packetId);
    else if (type === packetType.pubrec) session.received(this, packetId);
    else if (type === packetType.pubcomp) session.completed(packetId);
    else handleRelease(this.#core, { connection: this, session }, packetId);
  }

  readPingreq(): void {
    this.#touch();
    const at = this.outbox.reserve(2);
    this.outbox.buffer[at] = packetType.pingresp << 4;
    this.outbox.buffer[at + 1] = 0;
  }

  readPacket(packet: ClientPacket): void {
    this.#touch();
    if (packet.type === "connect") {
      handleConnect(this.#core, this, packet);
      return;
    }
    const { session } = this;
    if (session === undefined) return;
    switch (packet.type) {
      case "subscribe":
        handleSubscribe(this.#core, { connection: this, session }, packet);
        return;
      case "unsubscribe":
        handleUnsubscribe(this.#core, { connection: this, session }, packet);
        return;
      case "disconnect":
        this.close("disconnected");
    }
  }

  outboxSent(sentBytes: number): void {
    this.#guard(() => this.session?.sent(this, sentBytes));
  }

  outboxWritable(): void {
    this.#guard(() => this.session?.writable());
  }

  outboxOverflowed(): void {
    this.close("slow_reader", "outbox");
  }

  deadlinePassed(): void {
    if (this.closed) {
      this.#transport.terminate();
    } else if (this.session === undefined) {
      this.close("connect_timeout");
    } else if (!this.reading) {
      this.#watchUntil(this.#keepAliveMs); // it is us who do not read
    } else {
      this.close("keep_alive_timeout");
    }
  }

  /** A packet arrived. */
  #touch(): void {
    this.#core.counters.packetsReceived++;
    this.#alive();
  }

  #alive(): void {
    if (this.session !== undefined) this.deadlineMs = this.#core.wheel.nowMs + this.#keepAliveMs;
  }

  #watchUntil(ms: number): void {
    this.deadlineMs = this.#core.clock.nowMs() + ms;
    this.#core.wheel.watch(this);
  }

  #stopReading(): void {
    if (!this.reading) return;
    this.reading = false;
    this.#transport.pause();
  }

  #hangUp(reason: CloseReason): void {
    if (abruptReasons.has(reason)) {
      this.#transport.terminate();
      return;
    }
    // We end our half and give the peer time to read it: closing with bytes unread would reset the connection and
    // could take our last packet with it.
    this.#transport.shutdown();
    this.#transport.resume();
    this.#watchUntil(this.#core.limits.lingerMs);
  }

  #publishWill(session: Session, will: WillMessage): void {
    this.#will = undefined;
    this.#guard(() => publishWill(this.#core, session, will));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof UnsupportedVersion) {
      this.#refuseVersion(error);
    } else if (error instanceof ProtocolError) {
      this.#core.counters.protocolErrors++;
      this.close(error.closeReason, error.message);
    } else {
      this.#core.log.error("a connection failed", { clientId: this.session?.clientId, address: this.address, error });
      this.close("internal_error");
    }
  }

  #refuseVersion(error: UnsupportedVersion): void {
    if (error.protocolLevel !== 5) {
      this.refuse(connectReturnCode.unacceptable_version, error.message);
      return;
    }
    this.#core.counters.connectionsRefused++;
    this.outbox.append(encodeConnack5(unsupportedVersionReasonCode));
    this.close("refused", error.message);
  }
}
