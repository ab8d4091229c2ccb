/**
 * A client of a stepped broker, on a line within this process: it reads what its kernel took, and answers when the test says
 * so. It remembers its session over many connections.
 */
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { Connection } from "../../src/mqtt/connection/connection.ts";
import { packetType } from "../../src/mqtt/wire/packet-bytes.ts";
import type { Qos } from "../../src/mqtt/wire/protocol.ts";
import type { Line, LineListener } from "./line.ts";
import { MqttLink, type Version } from "./mqtt-link.ts";
import { connectPacket, publishPacket } from "./raw-mqtt.ts";
import type { SteppedBroker } from "./stepped-broker.ts";

export interface ClientPublish {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly packetId: number;
}

export interface ClientWill {
  readonly topic: string;
  readonly payload: string;
  readonly qos?: Qos;
  readonly retain?: boolean;
  readonly delaySeconds?: number;
}

export interface ConnectOptions {
  readonly protocolVersion?: Version;
  readonly cleanStart?: boolean;
  /** MQTT 5; 0xffffffff if it is not given and the start is not clean. */
  readonly expirySeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketBytes?: number;
  readonly topicAliasMaximum?: number;
  readonly will?: ClientWill;
}

/** Ends where a connection of the broker begins. */
class SteppedLine implements Line {
  readonly opened: Promise<void> = Promise.resolve();
  readonly connection: Connection;
  readonly unsentBytes = 0;
  /** How many bytes the kernel takes. */
  room = Number.POSITIVE_INFINITY;
  #listener: LineListener | undefined;

  constructor(broker: SteppedBroker) {
    const transport = {
      remoteAddress: "127.0.0.1",
      write: (bytes: Uint8Array, from: number, length: number) => this.#take(bytes, from, length),
      shutdown() {},
      terminate() {},
      pause() {},
      resume() {},
    };
    const addressCount = broker.parts.addressCounts.of("127.0.0.1", broker.clock.monotonicMs());
    this.connection = new Connection(broker.parts, transport, addressCount);
  }

  listen(listener: LineListener): void {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): void {
    this.connection.receive(Buffer.from(bytes));
  }

  pause(): void {
    this.room = 0;
  }

  resume(bytes = Number.POSITIVE_INFINITY): void {
    this.room += bytes;
    this.connection.drained();
  }

  end(): void {
    this.drop();
  }

  drop(): void {
    this.connection.gone();
    this.#listener?.closed();
  }

  #take(bytes: Uint8Array, from: number, length: number): number {
    const count = Math.min(this.room, length);
    this.room -= count;
    this.#listener?.bytes(Buffer.from(bytes.subarray(from, from + count)));
    return count;
  }
}

class SteppedLink extends MqttLink {
  readonly #taken: (packet: Packet) => void;

  constructor(line: Line, version: Version, taken: (packet: Packet) => void) {
    super(line, version);
    this.#taken = taken;
  }

  protected take(packet: Packet): void {
    this.#taken(packet);
  }
}

export class SteppedClient {
  /** Every PUBLISH, repeats too. */
  readonly publishes: ClientPublish[] = [];
  /** Those it took, at QoS 2 without repeats [MQTT-4.3.3-2]. */
  readonly taken: ClientPublish[] = [];
  /** The type of every other packet, in order, with its packet id and, where it says no, its reason code. */
  readonly others: { readonly type: number; readonly packetId: number; readonly reasonCode?: number }[] = [];
  /** Answers it owes, in order. */
  answers: Packet[] = [];
  /** Packet ids received at QoS 2 and not released. */
  readonly unreleased = new Set<number>();
  readonly clientId: string;
  #broker: SteppedBroker;
  /** What it has just now. */
  #line: SteppedLine | undefined;
  #link: SteppedLink | undefined;

  constructor(broker: SteppedBroker, clientId: string) {
    this.#broker = broker;
    this.clientId = clientId;
  }

  get connected(): boolean {
    return this.#line?.connection.session !== undefined;
  }

  /** The texts it took. */
  get texts(): string[] {
    return this.taken.map(({ payload }) => payload);
  }

  connect(options: ConnectOptions = {}, broker = this.#broker): void {
    this.#broker = broker;
    this.answers = [];
    if (options.cleanStart === true) this.unreleased.clear();
    const line = new SteppedLine(broker);
    this.#line = line;
    this.#link = new SteppedLink(line, options.protocolVersion ?? 4, (packet) => {
      if (line === this.#line) this.#take(packet);
    });
    this.#link.send(connectOf(this.clientId, options));
  }

  send(packet: Packet): void {
    this.#link?.send(packet);
  }

  subscribe(filter: string, qos: Qos): void {
    this.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: filter, qos }] });
  }

  publish(topic: string, payload: string, qos: Qos = 0, retain = false): void {
    this.send(publishPacket(topic, payload, { qos, retain, messageId: 7 }));
  }

  disconnect(): void {
    this.send({ cmd: "disconnect" });
  }

  /** The connection breaks. */
  lose(): void {
    void this.#link?.drop();
    this.#link = undefined;
    this.#line = undefined;
    this.answers = [];
  }

  /** Gives the next answers it owes; how many it gave. */
  answer(count = Number.POSITIVE_INFINITY): number {
    const given = this.answers.splice(0, count);
    for (const answer of given) this.send(answer);
    return given.length;
  }

  /** The kernel takes nothing more. */
  stall(): void {
    this.#link?.stopReading();
  }

  /** The kernel takes so many more bytes. */
  drain(bytes?: number): void {
    this.#line?.resume(bytes);
  }

  #take(packet: Packet): void {
    if (packet.cmd !== "publish") {
      this.#takeOther(packet);
      return;
    }
    const publish = publishOf(packet);
    this.publishes.push(publish);
    const { qos, packetId } = publish;
    if (qos > 0) this.answers.push({ cmd: qos === 1 ? "puback" : "pubrec", messageId: packetId });
    if (qos === 2 && this.unreleased.has(packetId)) return;
    if (qos === 2) this.unreleased.add(packetId);
    this.taken.push(publish);
  }

  #takeOther(packet: Exclude<Packet, IPublishPacket>): void {
    const packetId = packet.messageId ?? 0;
    const reasonCode = "reasonCode" in packet ? (packet.reasonCode ?? 0) : 0;
    this.others.push({ type: packetType[packet.cmd], packetId, ...(reasonCode === 0 ? {} : { reasonCode }) });
    if (packet.cmd !== "pubrel") return;
    this.unreleased.delete(packetId);
    this.answers.push({ cmd: "pubcomp", messageId: packetId });
  }
}

function publishOf({ topic, payload, qos, dup, retain, messageId = 0 }: IPublishPacket): ClientPublish {
  return { topic, payload: String(payload), qos, dup, retain, packetId: messageId };
}

function connectOf(clientId: string, options: ConnectOptions): IConnectPacket {
  const { protocolVersion = 4, cleanStart = false, will } = options;
  const five = protocolVersion === 5;
  return connectPacket({
    protocolVersion,
    clean: cleanStart,
    clientId,
    ...(five && {
      properties: {
        sessionExpiryInterval: options.expirySeconds ?? (cleanStart ? 0 : 0xffffffff),
        ...(options.receiveMaximum !== undefined && { receiveMaximum: options.receiveMaximum }),
        ...(options.maximumPacketBytes !== undefined && { maximumPacketSize: options.maximumPacketBytes }),
        ...(options.topicAliasMaximum !== undefined && { topicAliasMaximum: options.topicAliasMaximum }),
      },
    }),
    ...(will && {
      will: {
        topic: will.topic,
        payload: Buffer.from(will.payload),
        qos: will.qos ?? 0,
        retain: will.retain ?? false,
        ...(five && will.delaySeconds !== undefined && { properties: { willDelayInterval: will.delaySeconds } }),
      },
    }),
  });
}
