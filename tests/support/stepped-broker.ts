/**
 * The broker's parts without sockets: every commit waits until the test lets it through, and a client reads and answers
 * what its kernel took, step by step.
 */
import { type Log, silentLog } from "../../src/lib/log.ts";
import { Connection } from "../../src/mqtt/connection/connection.ts";
import type { Identity } from "../../src/mqtt/identity.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../../src/mqtt/limits.ts";
import { type BrokerParts, createParts } from "../../src/mqtt/parts.ts";
import { preparePublish } from "../../src/mqtt/publish/prepared-publish.ts";
import { packetType } from "../../src/mqtt/wire/packet-bytes.ts";
import type { ProtocolVersion, Qos } from "../../src/mqtt/wire/protocol.ts";
import { MemoryBrokerStore } from "./memory-broker-store.ts";
import { bytesOf, field, packet, properties, uint16, uint32 } from "./packet-bytes.ts";
import { ManualClock, openIdentity } from "./test-broker.ts";

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A few turns: what one step sets off has happened, as far as no commit is waited for. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await turn();
}

interface Commit {
  readonly change: string;
  readonly settled: PromiseWithResolvers<void>;
}

/** A store whose commits, once `holds`, go through one by one, in order, or fail. */
export class HeldStore extends MemoryBrokerStore {
  holds = false;
  /** In the order they were asked for. */
  readonly waiting: Commit[] = [];
  /** Whether a change that nothing holds back fails. */
  fails: (change: string) => boolean = () => false;

  constructor() {
    super();
    this.commit = (change) => {
      const settled = Promise.withResolvers<void>();
      settled.promise.catch(() => {});
      this.waiting.push({ change, settled });
      if (!this.holds) this.let(this.waiting.length);
      return settled.promise;
    };
  }

  /** What a later run finds if this one ends now: without what was not committed. */
  crash(): HeldStore {
    this.waiting.splice(0);
    this.holds = true;
    const left = new HeldStore();
    for (const [id, session] of this.sessions) left.sessions.set(id, session);
    for (const [id, row] of this.queued) left.queued.set(id, row);
    return left;
  }

  /** Lets the next commits through, those that `fails` names aside. */
  let(count: number, fails = this.fails): void {
    for (const { change, settled } of this.waiting.splice(0, count)) {
      if (fails(change)) settled.reject(new Error(`${change} failed`));
      else settled.resolve();
    }
  }
}

export interface SteppedOptions {
  readonly store?: MemoryBrokerStore;
  readonly identity?: Partial<Identity>;
  readonly limits?: Partial<BrokerLimits>;
  readonly clock?: ManualClock;
  readonly log?: Log;
}

/** The broker's own parts on a store and a clock of the test's. */
export class SteppedBroker {
  readonly store: MemoryBrokerStore;
  readonly clock: ManualClock;
  readonly parts: BrokerParts;

  constructor({ store, identity, limits, clock, log }: SteppedOptions = {}) {
    this.store = store ?? new MemoryBrokerStore();
    this.clock = clock ?? new ManualClock();
    this.parts = createParts({
      identity: { ...openIdentity, ...identity },
      services: [],
      store: this.store,
      limits: { ...defaultBrokerLimits, ...limits },
      clock: this.clock,
      log: log ?? silentLog,
      sys: { version: "test", intervalSeconds: 10 },
    });
  }

  /** As `Broker.start`. */
  async start(): Promise<this> {
    const { sessions, wills } = this.parts;
    await this.store.restart(this.clock.nowMs());
    sessions.load();
    wills.load();
    return this;
  }

  /** A message of the broker's own; what had to be stored for it. */
  publish(topic: string, payload: string | Uint8Array, qos: Qos): Promise<undefined> | undefined {
    const { routes } = this.parts;
    return routes.forward(routes.find(topic), preparePublish(topic, Buffer.from(payload)), qos);
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    this.parts.wheel.turn();
  }
}

export interface ClientPublish {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly packetId: number;
  /** With everything, the header too. */
  readonly bytes: number;
  readonly properties: Buffer;
}

export interface ClientWill {
  readonly topic: string;
  readonly payload: string;
  readonly qos?: Qos;
  readonly retain?: boolean;
  readonly delaySeconds?: number;
}

export interface ConnectOptions {
  readonly protocolVersion?: ProtocolVersion;
  readonly cleanStart?: boolean;
  /** MQTT 5; 0xffffffff if it is not given and the start is not clean. */
  readonly expirySeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketBytes?: number;
  readonly topicAliasMaximum?: number;
  readonly will?: ClientWill;
}

/** One client: what it remembers of its session, and the connection it has just now. */
export class TestClient {
  /** Every PUBLISH, repeats too. */
  readonly publishes: ClientPublish[] = [];
  /** Those it took, at QoS 2 without repeats [MQTT-4.3.3-2]. */
  readonly taken: ClientPublish[] = [];
  /** The type of every other packet, in order, with its packet id and, where it says one, its reason code. */
  readonly others: { readonly type: number; readonly packetId: number; readonly reasonCode?: number }[] = [];
  /** Answers it owes, in order. */
  answers: Buffer[] = [];
  /** Packet ids received at QoS 2 and not released. */
  readonly unreleased = new Set<number>();
  connection: Connection | undefined;
  terminated = false;
  /** How many bytes the kernel takes. */
  room = Number.POSITIVE_INFINITY;
  readonly clientId: string;
  #broker: SteppedBroker;
  #unread: Buffer = Buffer.alloc(0);
  #protocolVersion: ProtocolVersion = 4;

  constructor(broker: SteppedBroker, clientId: string) {
    this.#broker = broker;
    this.clientId = clientId;
  }

  get connected(): boolean {
    return this.connection?.session !== undefined;
  }

  /** The texts it took. */
  get texts(): string[] {
    return this.taken.map(({ payload }) => payload);
  }

  connect(options: ConnectOptions = {}, broker = this.#broker): void {
    this.#broker = broker;
    this.#protocolVersion = options.protocolVersion ?? 4;
    this.#unread = Buffer.alloc(0);
    this.answers = [];
    this.room = Number.POSITIVE_INFINITY;
    this.terminated = false;
    if (options.cleanStart === true) this.unreleased.clear();
    const transport = {
      remoteAddress: "127.0.0.1",
      write: (bytes: Uint8Array, from: number, length: number) => this.#take(bytes, from, length, connection),
      shutdown() {},
      terminate: () => {
        this.terminated = true;
      },
      pause() {},
      resume() {},
    };
    const addressCount = broker.parts.addressCounts.of("127.0.0.1", broker.clock.nowMs());
    const connection: Connection = new Connection(broker.parts, transport, addressCount);
    this.connection = connection;
    connection.receive(connectBytes(this.clientId, options));
  }

  /** MQTT 5 options above the QoS in their places. */
  subscribe(filter: string, qos: Qos, options = 0): void {
    const head = this.#protocolVersion === 5 ? properties() : [];
    this.connection?.receive(packet(0x82, uint16(1), head, field(filter), qos | options));
  }

  publish(topic: string, payload: string, qos: Qos = 0, retain = false): void {
    const head = this.#protocolVersion === 5 ? properties() : [];
    const id = qos === 0 ? [] : uint16(7);
    this.connection?.receive(
      packet(0x30 | (qos << 1) | (retain ? 1 : 0), field(topic), id, head, Buffer.from(payload)),
    );
  }

  disconnect(): void {
    this.connection?.receive(Buffer.from([0xe0, 0]));
  }

  /** The connection breaks. */
  lose(): void {
    this.connection?.gone();
    this.connection = undefined;
    this.answers = [];
    this.#unread = Buffer.alloc(0);
  }

  /** Gives the next answers it owes; how many it gave. */
  answer(count = Number.POSITIVE_INFINITY): number {
    const given = this.answers.splice(0, count);
    for (const answer of given) this.connection?.receive(answer);
    return given.length;
  }

  /** The kernel takes so many more bytes. */
  drain(bytes = Number.POSITIVE_INFINITY): void {
    this.room += bytes;
    this.connection?.drained();
  }

  #take(bytes: Uint8Array, from: number, length: number, connection: Connection): number {
    const count = Math.min(this.room, length);
    this.room -= count;
    if (connection !== this.connection) return count;
    this.#unread = Buffer.concat([this.#unread, bytes.subarray(from, from + count)]);
    this.#read();
    return count;
  }

  #read(): void {
    for (;;) {
      const whole = varintAt(this.#unread, 1);
      if (whole === undefined || whole.end + whole.value > this.#unread.length) return;
      const end = whole.end + whole.value;
      const bytes = this.#unread.subarray(0, end);
      this.#unread = this.#unread.subarray(end);
      this.#readPacket(bytes, whole.end);
    }
  }

  #readPacket(bytes: Buffer, bodyStart: number): void {
    const type = (bytes[0] as number) >> 4;
    if (type !== packetType.publish) {
      const packetId = bytes.length >= bodyStart + 2 ? bytes.readUInt16BE(bodyStart) : 0;
      const reasonCode = bytes.length > bodyStart + 2 ? { reasonCode: bytes[bodyStart + 2] as number } : {};
      this.others.push({ type, packetId, ...reasonCode });
      if (type === packetType.pubrel) {
        this.unreleased.delete(packetId);
        this.answers.push(packet(packetType.pubcomp << 4, uint16(packetId)));
      }
      return;
    }
    const publish = readPublish(bytes, bodyStart, this.#protocolVersion);
    this.publishes.push(publish);
    const { qos, packetId } = publish;
    if (qos === 1) this.answers.push(packet(packetType.puback << 4, uint16(packetId)));
    if (qos === 2) this.answers.push(packet(packetType.pubrec << 4, uint16(packetId)));
    if (qos === 2 && this.unreleased.has(packetId)) return;
    if (qos === 2) this.unreleased.add(packetId);
    this.taken.push(publish);
  }
}

function readPublish(bytes: Buffer, bodyStart: number, protocolVersion: ProtocolVersion): ClientPublish {
  const first = bytes[0] as number;
  const qos = ((first >> 1) & 3) as Qos;
  let at = bodyStart + 2 + bytes.readUInt16BE(bodyStart);
  const topic = bytes.toString("utf8", bodyStart + 2, at);
  const packetId = qos === 0 ? 0 : bytes.readUInt16BE(at);
  if (qos > 0) at += 2;
  const length = protocolVersion === 5 ? varintAt(bytes, at) : { value: 0, end: at };
  if (length === undefined) throw new Error("no properties");
  const end = length.end + length.value;
  return {
    topic,
    payload: bytes.toString("utf8", end),
    qos,
    dup: (first & 8) !== 0,
    retain: (first & 1) !== 0,
    packetId,
    bytes: bytes.length,
    properties: Buffer.from(bytes.subarray(length.end, end)),
  };
}

function varintAt(bytes: Buffer, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start, shift = 0; at < bytes.length; at++, shift += 7) {
    const byte = bytes[at] as number;
    value |= (byte & 127) << shift;
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

function connectBytes(clientId: string, options: ConnectOptions): Buffer {
  const { protocolVersion = 4, cleanStart = false, will } = options;
  const five = protocolVersion === 5;
  const expirySeconds = options.expirySeconds ?? (cleanStart ? 0 : 0xffffffff);
  const about = five
    ? properties(
        [0x11],
        uint32(expirySeconds),
        options.receiveMaximum === undefined ? [] : bytesOf(0x21, uint16(options.receiveMaximum)),
        options.maximumPacketBytes === undefined ? [] : bytesOf(0x27, uint32(options.maximumPacketBytes)),
        options.topicAliasMaximum === undefined ? [] : bytesOf(0x22, uint16(options.topicAliasMaximum)),
      )
    : [];
  const willFlags = will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain === true ? 32 : 0);
  const left = will && [
    five ? properties(will.delaySeconds === undefined ? [] : bytesOf(0x18, uint32(will.delaySeconds))) : [],
    field(will.topic),
    field(will.payload),
  ];
  return packet(
    0x10,
    field("MQTT"),
    protocolVersion,
    (cleanStart ? 2 : 0) | willFlags,
    uint16(0),
    about,
    field(clientId),
    ...(left ?? []),
  );
}
