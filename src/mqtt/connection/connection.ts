/**
 * One network connection of a client: bytes in, packets to the handlers, answers and deliveries out. It begins before
 * the client is known and ends only through `close`.
 */
import { assert } from "../../lib/assert.ts";
import { networkOf } from "../../lib/client-network.ts";
import { type Clock, later, type MonotonicMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { MinuteLog } from "../../lib/minute-log.ts";
import { withoutMapping } from "../../lib/networks.ts";
import { begunStepBytes, type Holder, type MemoryBudget } from "../../net/memory-budget.ts";
import { Outbox, type OutboxOwner, type OutboxParts } from "../../net/outbox.ts";
import type { Transport } from "../../net/transport.ts";
import type { Counters } from "../counters.ts";
import { type Authenticated, type BrokersReason, type Identity, ownerOf, type Principal } from "../identity.ts";
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
import { freeKept, type Kept, type PacketReader, type PacketSink } from "../wire/packet-reader.ts";
import type { ProtocolVersion } from "../wire/protocol.ts";
import type { PublishView } from "../wire/publish-packet.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import type { Work } from "../work.ts";
import type { Answering } from "./acknowledgements.ts";
import type { Authenticating } from "./authenticating.ts";
import { ClientTerms } from "./client-terms.ts";
import { type AddressCount, inTurn, restAfter, uncount } from "./connection-limits.ts";
import { type DeadlineWheel, type Watched, wheelTickMs } from "./keep-alive.ts";
import { common, type Leaves, nothingLeft, type Uncommon, withReader } from "./uncommon.ts";

/** The most a packet takes besides its reason string: header, packet id, reason code, lengths of the properties. */
const packetBytesAroundReason = 16;

/** These ends are ordinary, or what was refused is in the log already. The others are for the operator's attention. */
const quietReasons: ReadonlySet<CloseReason> = new Set([
  "disconnected",
  "disconnected_with_will",
  "connection_lost",
  "refused",
  "server_stopping",
]);
/** The peer is gone or does not read, so nothing more is sent to it. */
const abruptReasons: ReadonlySet<CloseReason> = new Set(["connection_lost", "keep_alive_timeout", "slow_reader"]);

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

/** As far as it is known. */
interface RefusedClient {
  readonly principal?: Principal | undefined;
  readonly clientId?: string | undefined;
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
  readonly identity: Pick<Identity, "refused" | "nameOf">;
  readonly limits: BrokerLimits;
  readonly counters: Counters;
  /** All connections, each with its beginning; a connection adds and removes itself. */
  readonly connections: Map<Connection, MonotonicMs>;
  /** Counts open sockets, closing ones included. */
  readonly sockets: Work;
  readonly work: Work;
  readonly reader: PacketReader;
  readonly wheel: DeadlineWheel;
  readonly outboxes: OutboxParts;
  /** Of clients that are not logged in. */
  readonly strangerOutboxes: OutboxParts;
  readonly memory: Pick<MemoryBudget, "grew">;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes that clients come and go. */
  readonly logConnections: Log["debug"];
  /** Why connections were cut off. */
  readonly ends: MinuteLog;
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
const bridgeBit = 64;
/** Not logged in. */
const strangerBit = 128;
/** A stranger that is not read, since those of its address sent much. */
const restingBit = 256;
/** The keep alive in seconds is stored above the bits; it has sixteen. */
const keepAliveShift = 9;

/** PUBLISH, SUBSCRIBE and UNSUBSCRIBE packets that wait for a service or the store. */
interface Waiting {
  count: number;
  bytes: number;
}

const nothingWaits: Waiting = { count: 0, bytes: 0 };

export class Connection implements Answering, ClientConnection, PacketSink, OutboxOwner, Watched, Holder {
  session: Session | undefined;
  deadlineMs: MonotonicMs;
  wheelPlace = -1;
  readonly outbox: Outbox;
  answers: Answering["answers"];
  /** MQTT 5 only. */
  terms: ClientTerms | undefined;
  kept: Kept | undefined;
  readonly #parts: ConnectionParts;
  readonly #addressCount: AddressCount;
  #state = awaitsConnectBit | readingBit | strangerBit | 4;
  #waiting: Waiting | undefined;
  #uncommon: Uncommon | undefined;

  constructor(parts: ConnectionParts, transport: Transport, addressCount: AddressCount) {
    this.#parts = parts;
    this.#addressCount = addressCount;
    this.outbox = new Outbox(transport, parts.strangerOutboxes, this);
    this.deadlineMs = later(parts.clock.monotonicMs(), parts.limits.connectTimeoutMs);
    parts.connections.set(this, parts.clock.monotonicMs());
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

  /** Whether it is a broker that passes on what it gets. */
  get bridge(): boolean {
    return (this.#state & bridgeBit) !== 0;
  }

  /** Whether the client is not logged in. */
  get isStranger(): boolean {
    return (this.#state & strangerBit) !== 0;
  }

  get authenticating(): Authenticating | undefined {
    return this.#uncommon?.authenticating;
  }

  set authenticating(authenticating: Authenticating | undefined) {
    if (authenticating !== this.authenticating) this.#uncommon = { ...(this.#uncommon ?? common), authenticating };
  }

  get #leaves(): Leaves {
    return this.#uncommon?.leaves ?? nothingLeft;
  }

  set #leaves(leaves: Leaves) {
    this.#uncommon = { ...(this.#uncommon ?? common), leaves };
  }

  get #reader(): PacketReader {
    return this.#uncommon?.reader ?? this.#parts.reader;
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
    return withoutMapping(this.outbox.transport.remoteAddress);
  }

  get certificateSubject(): string | undefined {
    return this.outbox.transport.certificateSubject;
  }

  /** How long ago a packet came; undefined where the client has no keep alive, since the time is not kept then. */
  get idleMs(): number | undefined {
    if (this.#state >> keepAliveShift === 0) return undefined;
    return Math.max(0, this.#parts.clock.monotonicMs() - (this.deadlineMs - this.#keepAliveMs));
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

  /** Whether the client accepts only packets of some size. */
  get boundsPackets(): boolean {
    return this.terms !== undefined && this.terms.maximumPacketBytes !== Number.POSITIVE_INFINITY;
  }

  /** Whether the client accepts packets of this size [MQTT-3.1.2-24]. */
  hasRoomFor(bytes: number): boolean {
    return this.terms === undefined || bytes <= this.terms.maximumPacketBytes;
  }

  receive(chunk: Buffer): void {
    if (this.closed) return;
    const bytes = chunk.length; // it is empty once it was read
    this.#parts.counters.bytesReceived += bytes;
    try {
      this.#reader.read(chunk, this);
    } catch (error) {
      this.#fail(error);
    }
    // Before CONNECT it may be anyone, and sends little.
    if (this.isStranger && this.session !== undefined && this.#rests(bytes)) this.#stopReading();
  }

  /** A stranger sent so many bytes more: whether it is to be read no further for now. */
  #rests(bytes: number): boolean {
    if (this.closed) return false;
    const restMs = restAfter(this.#addressCount, bytes, this.#parts.clock.monotonicMs());
    if (restMs === 0) return false;
    if ((this.#state & restingBit) === 0) {
      this.#state |= restingBit;
      setTimeout(() => this.#rested(), restMs).unref();
    }
    return true;
  }

  #rested(): void {
    this.#state &= ~restingBit;
    if (this.session !== undefined && !this.isBecoming && this.#hasInboundRoom) this.startReading();
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
    this.#parts.sockets.done();
  }

  /**
   * The only way to end a connection. Appended bytes are still written if the kernel takes them. An MQTT 5 client is
   * sent the reason, with `reasonCode` where that is more exact. Safe to call twice.
   */
  close(reason: CloseReason, detail?: string, reasonCode = disconnectReasonCode(reason)): void {
    if (this.closed) return;
    this.#state = (this.#state | closedBit) & ~readingBit;
    if (this.kept !== undefined) freeKept(this.kept);
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
    this.#noteEnd(reason, detail);
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

  #noteEnd(reason: CloseReason, detail: string | undefined): void {
    const { session, address } = this;
    const { identity, logConnections, ends } = this.#parts;
    const fields = {
      door: "mqtt",
      reason,
      ...(detail === undefined ? {} : { detail }),
      address,
      ...(session === undefined ? {} : { clientId: session.clientId }),
      // Asked for only where the line is written.
      get account() {
        return session === undefined ? undefined : identity.nameOf(session.principal);
      },
    };
    logConnections("connection closed", fields);
    if (quietReasons.has(reason)) return;
    ends.note(`${session?.principal.key ?? networkOf(address)} ${reason}`, "a connection was cut off", () => fields);
  }

  /** CONNECT was read. Nothing more is read until the client is accepted or sent a challenge. */
  admitting(packet: ConnectPacket): void {
    this.#state &= ~awaitsConnectBit;
    this.#speak(packet.protocolVersion);
    if (packet.bridge) this.#state |= bridgeBit;
    if (packet.protocolVersion === 5) {
      const { maximumPacketBytes, receiveMaximum } = packet;
      const topicAliasMaximum = Math.min(packet.topicAliasMaximum, this.#parts.limits.topicAliasesMax);
      const explain = packet.requestProblemInformation;
      this.terms = new ClientTerms({ maximumPacketBytes, receiveMaximum, topicAliasMaximum, explain });
    }
    this.#watchUntil(this.#parts.limits.authenticateTimeoutMs);
    this.#stopReading();
  }

  /** Serves CONNECT when it is the turn of this connection among those of its address. */
  inTurn(serve: () => void): void {
    inTurn(this.#parts, this.#addressCount, this, serve);
  }

  /** The largest packet the client may send from now on. */
  limitPackets(packetBytesMax: number): void {
    this.#uncommon = withReader(this.#uncommon, this.#parts.reader.limited(packetBytesMax));
  }

  /** The next message of an enhanced authentication may come. */
  awaitAuth(): void {
    if (this.closed) return;
    this.#resumeReading();
  }

  /** It is known who the client is. False where that account has as many WebSockets as it may; then nothing changes. */
  identify({ principal, isStranger = false }: Authenticated<Principal>): boolean {
    const { place } = this.outbox.transport;
    if (isStranger) {
      this.#state |= strangerBit;
      this.outbox.useParts(this.#parts.strangerOutboxes);
      return true;
    }
    if (place?.logIn(ownerOf(principal)) === false) return false;
    this.#state &= ~strangerBit;
    this.outbox.useParts(this.#parts.outboxes);
    return true;
  }

  /** A WebSocket whose client is not logged in may stay for so long from now. */
  mayStay(ms: number): void {
    this.outbox.transport.place?.stay(ms);
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
  refuse(refusal: ConnectRefusal, reason: BrokersReason, client: RefusedClient = {}): void {
    this.#refuse(connectCodes(refusal, this.protocolVersion), reason, client);
  }

  /** The same for a log-in: the identity has noted why. */
  refuseCredentials(refusal: ConnectRefusal): void {
    this.refuseWith(connectCodes(refusal, this.protocolVersion), refusal);
  }

  /** Many others of its account were just ended for room. What it has sent already is not even read. */
  refuseForRoom(client: RefusedClient): void {
    const text = "many connections of this account were just ended, since too much waited for them";
    this.refuse("busy", { text }, client);
    this.outbox.transport.pause();
  }

  #refuse(code: number, reason: BrokersReason, { principal, clientId }: RefusedClient = {}): void {
    if (this.closed) return;
    const { address } = this;
    this.#parts.identity.refused({ asked: "connect", topic: undefined, principal, clientId, address, reason });
    this.refuseWith(code, reason.text);
  }

  /** `why` is sent to an MQTT 5 client. */
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
    if (waiting.count >= this.#parts.limits.inboundInflightMax || waiting.bytes >= this.#inboundBytesMax) {
      this.#stopReading();
    }
  }

  get #inboundBytesMax(): number {
    const { inboundInflightBytesMax, strangerBytesMax } = this.#parts.limits;
    return this.isStranger ? strangerBytesMax : inboundInflightBytesMax;
  }

  workDone(bytes: number, count = 1): void {
    this.#parts.work.done(count);
    const waiting = this.#waiting;
    assert(waiting !== undefined, "what is done was begun");
    waiting.count -= count;
    waiting.bytes -= bytes;
    if (this.#parts.identityChanges.waits(this)) return;
    if (this.reading || this.session === undefined) return;
    if (this.#hasInboundRoom) this.startReading();
  }

  get #hasInboundRoom(): boolean {
    const { inboundInflightMax } = this.#parts.limits;
    const { count, bytes } = this.#waiting ?? nothingWaits;
    return 2 * count <= inboundInflightMax && 2 * bytes <= this.#inboundBytesMax;
  }

  startReading(): void {
    // Those of its address may have sent more than strangers may.
    if (this.isStranger && this.session !== undefined && this.#rests(0)) return;
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
    if (view.topicAlias > 0) this.terms?.resolveAlias(view, this.#parts.limits.topicAliasesMax);
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

  outboxSent(sentBytes: number): void {
    this.#guard(() => this.session?.sent(this, sentBytes));
  }

  outboxWritable(): void {
    this.#guard(() => this.session?.writable());
  }

  outboxOverflowed(): void {
    this.close("slow_reader", "outbox");
  }

  outboxGrew(bytes: number): void {
    this.#parts.memory.grew(this, bytes);
  }

  keptGrew(bytes: number): void {
    if (bytes >= begunStepBytes) this.#parts.memory.grew(this, bytes);
  }

  /** What waits for the client, what it has begun to send, and what it sent that waits for a service or the store. */
  get heldBytes(): number {
    if (this.closed) return 0;
    const { kept, session } = this;
    return (
      this.outbox.queuedBytes +
      (kept?.partial?.length ?? 0) +
      (kept?.unread?.length ?? 0) +
      (this.#waiting?.bytes ?? 0) +
      (session?.waitingBytes ?? 0)
    );
  }

  get holder(): string | undefined {
    return this.isStranger || this.session === undefined ? undefined : ownerOf(this.session.principal);
  }

  endForRoom(): void {
    this.close("slow_reader", "memory");
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
    if (this.session !== undefined) this.deadlineMs = later(this.#parts.wheel.nowMs, this.#keepAliveMs);
  }

  #watchUntil(ms: number): void {
    this.deadlineMs = later(this.#parts.clock.monotonicMs(), ms);
    this.#parts.wheel.watch(this);
  }

  #stopReading(): void {
    if (!this.reading) return;
    this.#state &= ~readingBit;
    this.outbox.transport.pause();
  }

  #hangUp(reason: CloseReason): void {
    // A client that is not connected yet has nothing to read.
    if (abruptReasons.has(reason) || (reason === "server_stopping" && this.session === undefined)) {
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
    if (this.session === undefined && this.protocolVersion === 5) this.#refuse(reasonCode, { text: message });
    else this.close(closeReason, message, reasonCode);
  }

  #refuseVersion(error: UnsupportedVersion): void {
    this.refuse("unacceptable_version", { text: error.message });
  }
}
