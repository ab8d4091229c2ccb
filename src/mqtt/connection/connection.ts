/**
 * One network connection of a client: bytes in, packets to the handlers, answers and deliveries out. It begins before
 * the client is known and ends only through `close`.
 */
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { Outbox, type OutboxOwner, type OutboxParts } from "../../net/outbox.ts";
import type { Transport } from "../../net/transport.ts";
import type { Counters } from "../counters.ts";
import type { Authenticated, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { discardsWill, type Will, type Wills } from "../routing/wills.ts";
import type { ClientConnection } from "../session/client-connection.ts";
import type { Session } from "../session/session.ts";
import {
  type AuthPacket,
  type ClientPacket,
  type ConnackProperties,
  type ConnectPacket,
  type DisconnectPacket,
  encodeConnack,
  encodeConnack5,
  encodeDisconnect5,
  type SubscribePacket,
  type UnsubscribePacket,
} from "../wire/codec.ts";
import {
  type CloseReason,
  type ConnectRefusal,
  connectCodes,
  disconnectReasonCode,
  ProtocolError,
  UnsupportedVersion,
} from "../wire/errors.ts";
import { packetType } from "../wire/packet-bytes.ts";
import type { Kept, PacketReader, PacketSink } from "../wire/packet-reader.ts";
import type { ProtocolVersion } from "../wire/protocol.ts";
import type { PublishView } from "../wire/publish-packet.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import type { Work } from "../work.ts";
import type { Answering } from "./acknowledgements.ts";
import type { Authenticating } from "./authenticating.ts";
import { ClientTerms } from "./client-terms.ts";
import { type AddressCount, uncount } from "./connection-limits.ts";
import { type DeadlineWheel, type Watched, wheelTickMs } from "./keep-alive.ts";

/** The most a packet takes besides its reason string: header, packet id, reason code, lengths of the properties. */
const packetBytesAroundReason = 16;

/** These ends are ordinary; the other reasons are logged for the operator's attention. */
const quietReasons: ReadonlySet<CloseReason> = new Set([
  "disconnected",
  "disconnected_with_will",
  "connection_lost",
  "server_stopping",
]);
/** The peer is gone or does not read, so nothing more is sent to it. */
const abruptReasons: ReadonlySet<CloseReason> = new Set(["connection_lost", "keep_alive_timeout", "slow_reader"]);

/** What remains when the connection ends. */
interface Leaves {
  readonly will: Will | undefined;
  /** How long the session is kept; undefined: as long as the broker's setting says. */
  readonly sessionExpirySeconds: number | undefined;
}

/** How most clients leave; one object for all of them. */
const nothingLeft: Leaves = { will: undefined, sessionExpirySeconds: 0 };

/** Handles complete packets. */
export interface PacketHandlers {
  connect(connection: Connection, packet: ConnectPacket): void;
  auth(connection: Connection, packet: AuthPacket): void;
  publish(connection: Connection, session: Session, view: PublishView): void;
  /** A PUBREL. */
  release(connection: Connection, session: Session, packetId: number): void;
  subscribe(connection: Connection, session: Session, packet: SubscribePacket): void;
  unsubscribe(connection: Connection, session: Session, packet: UnsubscribePacket): void;
}

/** Clients that change their principal within a connection. */
export interface IdentityChanging {
  begin(connection: Connection, who: Authenticated<Principal>): void;
  /** Some work of the connection is done. Gives whether the connection must not be read yet. */
  waits(connection: Connection): boolean;
  isBecoming(connection: Connection): boolean;
  /** The client acknowledged a message. */
  acknowledged(connection: Connection): void;
  /** The connection is gone. */
  forget(connection: Connection): void;
}

export interface ConnectionParts {
  readonly handlers: PacketHandlers;
  readonly identityChanges: IdentityChanging;
  readonly sessions: {
    /** The session's connection is gone; for how long it is kept (undefined: the setting). */
    closed(session: Session, staysSeconds: number | undefined): void;
    /** The number of seconds after which the session ends if its connection ends now. */
    endsInSeconds(session: Session, expirySeconds: number | undefined): number;
  };
  readonly wills: Pick<Wills, "leave" | "discard">;
  readonly limits: BrokerLimits;
  readonly counters: Counters;
  /** All connections; a connection adds and removes itself. */
  readonly connections: Set<Connection>;
  /** Counts open sockets, closing ones included. */
  readonly sockets: Work;
  readonly work: Work;
  readonly reader: PacketReader;
  readonly wheel: DeadlineWheel;
  readonly outboxes: OutboxParts;
  readonly clock: Clock;
  readonly log: Log;
  /** Nothing more is read. */
  readonly stopping: boolean;
}

/**
 * Small fields of every connection are bits of one number, and fields of few connections are in objects of their own:
 * JavaScriptCore allocates objects of 12 and of 18 fields.
 */
const versionBits = 7;
const awaitsConnectBit = 8;
const readingBit = 16;
const closedBit = 32;
/** The keep alive in seconds is stored above the bits; it has sixteen. */
const keepAliveShift = 6;

/** PUBLISH, SUBSCRIBE and UNSUBSCRIBE packets that wait for a service or the store. */
interface Waiting {
  count: number;
  bytes: number;
}

/** Fields of a client that leaves something behind, authenticates in steps, or may send only small packets. */
interface Uncommon {
  leaves: Leaves;
  /** Enhanced authentication, MQTT 5 § 4.12: the method that CONNECT named, and the exchange under way. */
  authenticating: Authenticating | undefined;
  /** The reader of a client with limits of its own. */
  reader: PacketReader | undefined;
}

export class Connection implements Answering, ClientConnection, PacketSink, OutboxOwner, Watched {
  session: Session | undefined;
  deadlineMs: number;
  wheelSlot = -1;
  readonly outbox: Outbox;
  answers: Answering["answers"];
  /** MQTT 5 only. */
  terms: ClientTerms | undefined;
  kept: Kept | undefined;
  readonly #parts: ConnectionParts;
  readonly #addressCount: AddressCount;
  #state = awaitsConnectBit | readingBit | 4;
  #waiting: Waiting | undefined;
  #uncommon: Uncommon | undefined;

  constructor(parts: ConnectionParts, transport: Transport, addressCount: AddressCount) {
    this.#parts = parts;
    this.#addressCount = addressCount;
    this.outbox = new Outbox(transport, parts.outboxes, this);
    this.deadlineMs = parts.clock.nowMs() + parts.limits.connectTimeoutMs;
    parts.connections.add(this);
    parts.sockets.started();
    parts.wheel.watch(this);
  }

  /** The client's version, once CONNECT named it. */
  get protocolVersion(): ProtocolVersion {
    return (this.#state & versionBits) as ProtocolVersion;
  }

  get awaitsConnect(): boolean {
    return (this.#state & awaitsConnectBit) !== 0;
  }

  get reading(): boolean {
    return (this.#state & readingBit) !== 0;
  }

  get closed(): boolean {
    return (this.#state & closedBit) !== 0;
  }

  get authenticating(): Authenticating | undefined {
    return this.#uncommon?.authenticating;
  }

  set authenticating(authenticating: Authenticating | undefined) {
    if (authenticating !== this.authenticating) this.#getUncommon().authenticating = authenticating;
  }

  get #leaves(): Leaves {
    return this.#uncommon?.leaves ?? nothingLeft;
  }

  set #leaves(leaves: Leaves) {
    this.#getUncommon().leaves = leaves;
  }

  get #reader(): PacketReader {
    return this.#uncommon?.reader ?? this.#parts.reader;
  }

  #getUncommon(): Uncommon {
    this.#uncommon ??= { leaves: nothingLeft, authenticating: undefined, reader: undefined };
    return this.#uncommon;
  }

  get #keepAliveMs(): number {
    const seconds = this.#state >> keepAliveShift;
    // One and a half times the keep alive [MQTT-3.1.2-24]; zero turns it off. The wheel's time may lag by a tick, and a
    // client must not be closed early because of that.
    return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 1500 + wheelTickMs;
  }

  #speak(version: ProtocolVersion): void {
    this.#state = (this.#state & ~versionBits) | version;
  }

  get address(): string {
    return this.outbox.transport.remoteAddress;
  }

  get certificateSubject(): string | undefined {
    return this.outbox.transport.certificateSubject;
  }

  /** The number of unacknowledged messages above QoS 0 that the client accepts. */
  get receiveMaximum(): number {
    return this.terms?.receiveMaximum ?? 65_535;
  }

  /** Until an enhanced authentication is over no other packet may come. */
  get awaitsAuth(): boolean {
    return this.session === undefined && this.authenticating !== undefined;
  }

  /** The reason code of a PUBREL for an unknown packet id. */
  get unknownPacketId(): number {
    return this.protocolVersion === 5 ? reasonCodes.packetIdentifierNotFound : 0;
  }

  /** Gives a reason string, where the client wants one and has room for it [MQTT-3.4.2-2]. */
  explanation(text: string | undefined): string | undefined {
    if (text === undefined || this.terms?.explain === false) return undefined;
    return this.hasRoomFor(Buffer.byteLength(text) + packetBytesAroundReason) ? text : undefined;
  }

  /** Whether the client accepts packets of this size [MQTT-3.1.2-24]. */
  hasRoomFor(bytes: number): boolean {
    return this.terms === undefined || bytes <= this.terms.maximumPacketBytes;
  }

  receive(chunk: Buffer): void {
    if (this.closed) return;
    this.#parts.counters.bytesReceived += chunk.length;
    try {
      this.#reader.read(chunk, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The transport received what the peer may not send. */
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
    this.#parts.wheel.unwatch(this);
    if (!this.#parts.connections.delete(this)) return;
    uncount(this.#addressCount);
    this.#parts.counters.packetsSent += this.outbox.appends;
    this.#parts.counters.bytesSent += this.outbox.sentBytes;
    this.#parts.sockets.done();
  }

  /**
   * The only way to end a connection. Appended bytes are still written if the kernel takes them. An MQTT 5 client is
   * sent the reason, with `reasonCode` where that is more exact. Safe to call twice.
   */
  close(reason: CloseReason, detail?: string, reasonCode = disconnectReasonCode(reason)): void {
    if (this.closed) return;
    this.#state = (this.#state | closedBit) & ~readingBit;
    this.kept = undefined;
    this.answers = undefined;
    this.authenticating?.abandon();
    this.#parts.identityChanges.forget(this);
    const { session } = this;
    if (session !== undefined && this.protocolVersion === 5 && reasonCode !== undefined) {
      const bytes = encodeDisconnect5({ reasonCode, reasonString: this.explanation(detail) });
      if (this.hasRoomFor(bytes.length)) this.outbox.append(bytes);
    }
    this.outbox.close();
    const fields = {
      reason,
      detail,
      address: this.address,
      clientId: session?.clientId,
      principal: session?.principal.key,
    };
    if (quietReasons.has(reason)) this.#parts.log.debug("connection closed", fields);
    else this.#parts.log.info("connection closed", fields);
    this.#hangUp(reason);
    this.session = undefined;
    if (session === undefined) return;
    this.#parts.counters.clientsConnected--;
    const { will, sessionExpirySeconds } = this.#leaves;
    const endsInSeconds = this.#parts.sessions.endsInSeconds(session, sessionExpirySeconds);
    this.#guard(() => this.#parts.sessions.closed(session, sessionExpirySeconds));
    if (will === undefined || reason === "server_stopping") return;
    if (discardsWill(reason)) this.#parts.wills.discard(will);
    else this.#guard(() => this.#parts.wills.leave(session, will, endsInSeconds));
  }

  /** CONNECT was read. Nothing more is read until the client is accepted or sent a challenge. */
  admitting(packet: ConnectPacket): void {
    this.#state &= ~awaitsConnectBit;
    this.#speak(packet.protocolVersion);
    if (packet.protocolVersion === 5) {
      const { maximumPacketBytes, receiveMaximum } = packet;
      const topicAliasMaximum = Math.min(packet.topicAliasMaximum, this.#parts.limits.topicAliasesMax);
      const explain = packet.requestProblemInformation;
      this.terms = new ClientTerms({ maximumPacketBytes, receiveMaximum, topicAliasMaximum, explain });
    }
    this.#watchUntil(this.#parts.limits.authenticateTimeoutMs);
    this.#stopReading();
  }

  /** The largest packet the client may send from now on. */
  limitPackets(packetBytesMax: number): void {
    this.#getUncommon().reader = this.#parts.reader.limited(packetBytesMax);
  }

  /** The next message of an enhanced authentication may come. */
  awaitAuth(): void {
    if (this.closed) return;
    this.#resumeReading();
  }

  /** The client is accepted. Calls nothing but the transport, so that CONNACK can follow at once. */
  open(
    session: Session,
    terms: { keepaliveSeconds: number; will: Will | undefined; sessionExpirySeconds: number | undefined },
  ): void {
    this.session = session;
    const { will, sessionExpirySeconds } = terms;
    if (will !== undefined || sessionExpirySeconds !== 0) this.#leaves = { will, sessionExpirySeconds };
    const { counters } = this.#parts;
    counters.clientsConnected++;
    counters.clientsMaximum = Math.max(counters.clientsMaximum, counters.clientsConnected);
    this.#state |= terms.keepaliveSeconds << keepAliveShift;
    this.#watchUntil(this.#keepAliveMs);
  }

  /** Whether no packet of it waits for a service or the store. */
  get idle(): boolean {
    return this.#waiting === undefined || this.#waiting.count === 0;
  }

  /** Whether the client will become another principal within this connection. */
  get isBecoming(): boolean {
    return this.#parts.identityChanges.isBecoming(this);
  }

  become(who: Authenticated<Principal>): void {
    this.#parts.identityChanges.begin(this, who);
  }

  /** For how long the session is kept; undefined: as long as the broker's setting says. */
  get sessionExpirySeconds(): number | undefined {
    return this.#leaves.sessionExpirySeconds;
  }

  /** From now on the connection is this session's. */
  handOver(session: Session, sessionExpirySeconds: number | undefined): void {
    this.session = session;
    this.#leaves = { will: this.#leaves.will, sessionExpirySeconds };
  }

  /** Sends CONNACK for an accepted client, in the form of its version. */
  accept(sessionPresent: boolean, properties: ConnackProperties): void {
    if (this.protocolVersion === 5) {
      this.outbox.append(encodeConnack5({ sessionPresent, reasonCode: reasonCodes.success, properties }));
    } else {
      // The byte that says "session present" is reserved in MQTT 3.1.
      this.outbox.append(
        encodeConnack({ sessionPresent: sessionPresent && this.protocolVersion !== 3, returnCode: 0 }),
      );
    }
  }

  /** Answers CONNECT with a refusal and closes [MQTT-3.2.2-5]. */
  refuse(refusal: ConnectRefusal, why: string): void {
    this.refuseWith(connectCodes(refusal, this.protocolVersion), why);
  }

  refuseWith(code: number, why: string): void {
    if (this.closed) return;
    this.#parts.counters.connectionsRefused++;
    if (this.protocolVersion === 5) {
      const reasonString = this.explanation(why);
      const bytes = encodeConnack5({ sessionPresent: false, reasonCode: code, properties: { reasonString } });
      if (this.hasRoomFor(bytes.length)) this.outbox.append(bytes);
    } else this.outbox.append(encodeConnack({ sessionPresent: false, returnCode: code }));
    this.close("refused", why);
  }

  /** A packet waits for a service or the store. With too many waiting packets the client is not read. */
  workStarted(bytes: number): void {
    this.#parts.work.started();
    this.#waiting ??= { count: 0, bytes: 0 };
    const waiting = this.#waiting;
    waiting.count++;
    waiting.bytes += bytes;
    const { inboundInflightMax, inboundInflightBytesMax } = this.#parts.limits;
    if (waiting.count >= inboundInflightMax || waiting.bytes >= inboundInflightBytesMax) this.#stopReading();
  }

  workDone(bytes: number, count = 1): void {
    this.#parts.work.done(count);
    const waiting = this.#waiting;
    assert(waiting !== undefined, "what is done was begun");
    waiting.count -= count;
    waiting.bytes -= bytes;
    if (this.#parts.identityChanges.waits(this)) return;
    const { inboundInflightMax, inboundInflightBytesMax } = this.#parts.limits;
    if (this.reading || this.session === undefined) return;
    if (2 * waiting.count <= inboundInflightMax && 2 * waiting.bytes <= inboundInflightBytesMax) this.startReading();
  }

  startReading(): void {
    this.#resumeReading();
  }

  #resumeReading(): void {
    if (this.reading || this.closed || this.#parts.stopping) return;
    this.#state |= readingBit;
    this.#alive();
    this.outbox.transport.resume();
    this.#guard(() => this.#reader.resume(this));
  }

  /** The broker stops: nothing more is read, and the work under way is finished. */
  stopReading(): void {
    this.#stopReading();
  }

  readPublish(view: PublishView): void {
    this.#touch();
    const { session } = this;
    if (session === undefined) return;
    if (view.topicAlias > 0) this.#resolveAlias(view);
    this.#parts.handlers.publish(this, session, view);
  }

  readAcknowledgement(type: number, packetId: number, reasonCode: number): void {
    this.#touch();
    const { session } = this;
    if (session === undefined) return;
    if (type === packetType.puback) session.acknowledged(packetId);
    else if (type === packetType.pubrec) session.received(this, packetId, reasonCode);
    else if (type === packetType.pubcomp) session.completed(packetId);
    else this.#parts.handlers.release(this, session, packetId);
    this.#parts.identityChanges.acknowledged(this);
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
      this.#parts.handlers.connect(this, packet);
      return;
    }
    if (packet.type === "auth") {
      this.#parts.handlers.auth(this, packet);
      return;
    }
    const { session } = this;
    if (session === undefined) {
      if (packet.type === "disconnect") this.close("disconnected");
      return;
    }
    switch (packet.type) {
      case "subscribe":
        this.#parts.handlers.subscribe(this, session, packet);
        return;
      case "unsubscribe":
        this.#parts.handlers.unsubscribe(this, session, packet);
        return;
      case "disconnect":
        this.#readDisconnect(packet);
    }
  }

  #readDisconnect({ reasonCode, sessionExpirySeconds }: DisconnectPacket): void {
    if (sessionExpirySeconds !== undefined) {
      // A session that was to end with its connection cannot be kept by DISCONNECT [MQTT-3.14.2-2].
      if (this.#leaves.sessionExpirySeconds === 0 && sessionExpirySeconds > 0) {
        throw new ProtocolError("a session expiry where there was none", reasonCodes.protocolError);
      }
      this.#leaves = { ...this.#leaves, sessionExpirySeconds };
    }
    if (reasonCode === reasonCodes.disconnectWithWillMessage || reasonCode >= 0x80) {
      this.close("disconnected_with_will", `reason code 0x${reasonCode.toString(16)}`);
    } else this.close("disconnected");
  }

  /** MQTT 5 § 3.3.2.3.4: an alias stands for the topic it was last sent with. */
  #resolveAlias(view: PublishView): void {
    const { topicAlias } = view;
    if (topicAlias > this.#parts.limits.topicAliasesMax) {
      throw new ProtocolError("a topic alias above the maximum", reasonCodes.topicAliasInvalid);
    }
    if (view.topic !== "") {
      this.terms?.rememberTopic(topicAlias, view.topic);
      return;
    }
    const topic = this.terms?.topicOf(topicAlias);
    if (topic === undefined) throw new ProtocolError("an unknown topic alias", reasonCodes.protocolError);
    view.topic = topic;
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
      this.outbox.transport.terminate();
    } else if (this.session === undefined) {
      this.close("connect_timeout");
    } else if (!this.reading) {
      this.#watchUntil(this.#keepAliveMs); // the server is not reading
    } else {
      this.close("keep_alive_timeout");
    }
  }

  /** A packet arrived. */
  #touch(): void {
    this.#parts.counters.packetsReceived++;
    this.#alive();
  }

  #alive(): void {
    if (this.session !== undefined) this.deadlineMs = this.#parts.wheel.nowMs + this.#keepAliveMs;
  }

  #watchUntil(ms: number): void {
    this.deadlineMs = this.#parts.clock.nowMs() + ms;
    this.#parts.wheel.watch(this);
  }

  #stopReading(): void {
    if (!this.reading) return;
    this.#state &= ~readingBit;
    this.outbox.transport.pause();
  }

  #hangUp(reason: CloseReason): void {
    if (abruptReasons.has(reason)) {
      this.outbox.transport.terminate();
      return;
    }
    // The server ends its half and gives the peer time to read. Closing with unread bytes would reset the connection
    // and could lose the server's last packet.
    this.outbox.transport.shutdown();
    this.outbox.transport.resume();
    this.#watchUntil(this.#parts.limits.lingerMs);
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
      this.#parts.counters.protocolErrors++;
      this.#refuseOrClose(error);
    } else {
      this.#parts.log.error("a connection failed", { clientId: this.session?.clientId, address: this.address, error });
      this.close("internal_error");
    }
  }

  /** Before CONNACK an MQTT 5 client gets the reason in CONNACK, if its version is known. */
  #refuseOrClose(error: ProtocolError): void {
    const { reasonCode, message, closeReason } = error;
    if (error.protocolVersion !== undefined) this.#speak(error.protocolVersion);
    if (this.session === undefined && this.protocolVersion === 5) this.refuseWith(reasonCode, message);
    else this.close(closeReason, message, reasonCode);
  }

  #refuseVersion(error: UnsupportedVersion): void {
    this.refuse("unacceptable_version", error.message);
  }
}
