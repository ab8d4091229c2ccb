/**
 * Publishers and subscribers on ordinary topics that remember what MQTT asks a client to remember, over connections that
 * break at any moment. Subscribers hold the server to its word: every message once at QoS 2, at least once at QoS 1, each
 * stream in order without a gap, packet ids and DUP as the specification wants them.
 */
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { withDeadline } from "../support/deadline.ts";
import { dial, type Line } from "../support/line.ts";
import { MqttLink, type Version } from "../support/mqtt-link.ts";
import type { Random } from "../support/random.ts";
import { connectPacket } from "../support/raw-mqtt.ts";

interface ClientParts {
  readonly name: string;
  readonly token: string;
  readonly version: Version;
  readonly random: Random;
  /** What the server did wrong. */
  readonly problems: string[];
}

const sessionExpirySeconds = 3600;

interface Heard {
  opened(link: Link): void;
  received(packet: Packet): void;
}

/** One connection. */
class Link extends MqttLink {
  sessionPresent = false;
  readonly #connack = Promise.withResolvers<void>();
  readonly #parts: ClientParts;
  readonly #heard: Heard;
  #isOpen = false;

  private constructor(line: Line, parts: ClientParts, heard: Heard) {
    super(line, parts.version);
    this.#parts = parts;
    this.#heard = heard;
  }

  /** Gives nothing where the server is gone. `received` is called from the first packet behind CONNACK on. */
  static async open(
    mqtt: string,
    parts: ClientParts,
    properties: NonNullable<IConnectPacket["properties"]>,
    heard: Heard,
  ): Promise<Link | undefined> {
    const { name, token, version } = parts;
    const link = new Link(dial(mqtt), parts, heard);
    link.send(
      connectPacket({
        protocolVersion: version,
        clean: false,
        clientId: `${name}.client`,
        username: name,
        password: Buffer.from(token),
        ...(version === 5 ? { properties: { sessionExpiryInterval: sessionExpirySeconds, ...properties } } : {}),
      }),
    );
    await withDeadline(`${name}: CONNACK or the end`, Promise.race([link.#connack.promise, link.ended]), 10_000);
    return link.#isOpen && !link.isClosed ? link : undefined;
  }

  protected take(packet: Packet): void {
    if (this.#isOpen) {
      this.#heard.received(packet);
      return;
    }
    const code = packet.cmd === "connack" ? (packet.reasonCode ?? packet.returnCode) : undefined;
    if (packet.cmd !== "connack" || code !== 0) {
      this.#parts.problems.push(`${this.#parts.name}: CONNECT was answered with ${JSON.stringify(packet)}`);
      void this.drop();
      return;
    }
    this.#isOpen = true;
    this.sessionPresent = packet.sessionPresent;
    this.#heard.opened(this);
    this.#connack.resolve();
  }
}

/** What was published. A stream is what one publisher says on one topic at one QoS, numbered from 1. */
export class Said {
  /** By stream the number of its last message. */
  readonly last = new Map<string, number>();
  /** Messages that were published again, with DUP. */
  readonly again = new Set<string>();

  next(stream: string): string {
    const number = (this.last.get(stream) ?? 0) + 1;
    this.last.set(stream, number);
    return `${stream} ${number}`;
  }

  get count(): number {
    return [...this.last.values()].reduce((sum, last) => sum + last, 0);
  }
}

abstract class QueueClient {
  readonly name: string;
  protected readonly parts: ClientParts;
  protected link: Link | undefined;
  #server: { readonly mqtt: string } | undefined;
  #hasSession = false;
  #connecting: Promise<void> = Promise.resolve();

  constructor(parts: ClientParts) {
    this.name = parts.name;
    this.parts = parts;
  }

  /** Resolves once CONNACK came, or the server is gone. */
  connect(server: { readonly mqtt: string }): Promise<void> {
    this.#server = server;
    this.#connecting = this.#open(server);
    return this.#connecting;
  }

  /** No connection is made any more. */
  stop(): void {
    this.#server = undefined;
  }

  /** Waits for a dead server's end of the connection, which comes behind everything it sent. */
  async lost(): Promise<void> {
    this.stop();
    await this.#connecting;
    if (this.link !== undefined) await withDeadline(`${this.name} to lose a dead server`, this.link.ended);
  }

  /** Leaves by DISCONNECT, or without it. */
  async leave(): Promise<void> {
    this.stop();
    await this.#connecting;
    const { link } = this;
    if (link === undefined) return;
    if (this.parts.random.chance(0.5)) link.end();
    else void link.drop();
    await withDeadline(`${this.name} to leave`, link.ended);
  }

  /** The connection breaks and the client returns at once, maybe before the server knows. */
  protected reconnect(): void {
    const server = this.#server;
    if (server === undefined || this.link === undefined || this.link.isClosed) return;
    void this.link.drop();
    this.#connecting = this.#open(server);
  }

  protected abstract properties(): NonNullable<IConnectPacket["properties"]>;
  protected abstract opened(): void;
  protected abstract received(packet: Packet): void;

  protected problem(what: string): void {
    this.parts.problems.push(`${this.name}: ${what}`);
  }

  async #open(server: { readonly mqtt: string }): Promise<void> {
    try {
      await Link.open(server.mqtt, this.parts, this.properties(), {
        opened: (link) => {
          this.link = link;
          if (this.#hasSession && !link.sessionPresent) this.problem("the session is gone");
          this.#hasSession = true;
          this.opened();
        },
        received: (packet) => this.received(packet),
      });
    } catch (error) {
      this.problem(`${error}`);
    }
  }
}

interface Publishing {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 1 | 2;
  /** PUBREC came: only PUBREL is sent from now on [MQTT-4.3.3-1]. */
  released: boolean;
  /** The PUBLISH or PUBREL went out on this connection. */
  sent: boolean;
  /** The PUBREL went out before: its packet id may be free already. */
  releasedAgain: boolean;
}

/** Publishes at QoS 1 and 2 in turn, and repeats what is not acknowledged when it is back. */
export class QueuePublisher extends QueueClient {
  readonly #said: Said;
  readonly #topics: readonly string[];
  /** By packet id, in the order of their first sending. */
  readonly #unacknowledged = new Map<number, Publishing>();
  /** PUBRELs that are still held back: half a handshake. */
  #releases: number[] = [];
  #nextId = 1;
  #left = 0;

  constructor(parts: ClientParts & { said: Said; topics: readonly string[] }) {
    super(parts);
    this.#said = parts.said;
    this.#topics = parts.topics;
  }

  get pending(): number {
    return this.#unacknowledged.size;
  }

  /** Publishes so many messages when it is connected; 0: only what is in doubt is settled, with nothing held back. */
  talk(messages: number): void {
    this.#left = messages;
  }

  protected properties(): NonNullable<IConnectPacket["properties"]> {
    return {};
  }

  protected opened(): void {
    this.#releases = [];
    // In the order of the first sending [MQTT-4.6.0-1].
    for (const [packetId, publishing] of this.#unacknowledged) {
      publishing.releasedAgain = publishing.released && (publishing.releasedAgain || publishing.sent);
      publishing.sent = true;
      if (publishing.released) this.link?.send({ cmd: "pubrel", messageId: packetId });
      else {
        this.#said.again.add(head(publishing.payload));
        this.#send(packetId, publishing, true);
      }
    }
    this.#fill();
  }

  protected received(packet: Packet): void {
    const packetId = "messageId" in packet ? (packet.messageId ?? 0) : 0;
    const publishing = this.#unacknowledged.get(packetId);
    const code = "reasonCode" in packet ? (packet.reasonCode ?? 0) : 0;
    const isFree = packet.cmd === "pubcomp" && code === packetIdentifierNotFound && publishing?.releasedAgain === true;
    if (publishing === undefined || (code >= 0x80 && !isFree)) {
      this.problem(`unexpected ${JSON.stringify(packet)}`);
      return;
    }
    const { random } = this.parts;
    if (packet.cmd === "puback" && publishing.qos === 1) {
      this.#unacknowledged.delete(packetId);
    } else if (packet.cmd === "pubrec" && publishing.qos === 2 && !publishing.released) {
      publishing.released = true;
      publishing.sent = false;
      this.#releases.push(packetId);
    } else if (packet.cmd === "pubcomp" && publishing.released && publishing.sent) {
      this.#unacknowledged.delete(packetId);
    } else {
      this.problem(`unexpected ${JSON.stringify(packet)}`);
      return;
    }
    if (this.#left > 0 && random.chance(0.004)) {
      this.reconnect();
      return;
    }
    if (this.#left === 0 || random.chance(0.3)) this.#release();
    this.#fill();
  }

  #fill(): void {
    while (this.#left > 0 && this.#unacknowledged.size < windowMax) {
      this.#left -= 1;
      this.#publish();
    }
    // A window full of held back PUBRELs would be the end of it.
    if (this.#releases.length > windowMax / 2 || this.#left === 0) this.#release();
  }

  #publish(): void {
    const { random, name } = this.parts;
    const qos = random.chance(0.5) ? 1 : 2;
    const topic = random.pick(this.#topics);
    const text = this.#said.next(`${name} ${topic} ${qos}`);
    const payload = random.chance(0.05) ? `${text} ${"x".repeat(5000)}` : `${text} `;
    while (this.#unacknowledged.has(this.#nextId)) this.#nextId = (this.#nextId % packetIdMax) + 1;
    const publishing: Publishing = { topic, payload, qos, released: false, sent: true, releasedAgain: false };
    this.#unacknowledged.set(this.#nextId, publishing);
    this.#send(this.#nextId, publishing, false);
    this.#nextId = (this.#nextId % packetIdMax) + 1;
  }

  #send(messageId: number, { topic, payload, qos }: Publishing, dup: boolean): void {
    this.link?.send({ cmd: "publish", topic, payload, qos, dup, retain: false, messageId });
  }

  /** In the order of the PUBRECs [MQTT-4.6.0-3]. */
  #release(): void {
    for (const messageId of this.#releases) {
      const publishing = this.#unacknowledged.get(messageId);
      if (publishing !== undefined) publishing.sent = true;
      this.link?.send({ cmd: "pubrel", messageId });
    }
    this.#releases = [];
  }
}

const packetIdentifierNotFound = 0x92;
const windowMax = 24;
/** Small, so that packet ids are used again and again. */
const packetIdMax = 60;

/** Hears everything, and acknowledges it sooner or later or, when the connection breaks, never. */
export class QueueSubscriber extends QueueClient {
  /** QoS 1 messages that came more than once. */
  repeats = 0;
  /** Acknowledges everything at once, and stays. */
  calm = false;
  readonly #said: Said;
  readonly #filters: readonly string[];
  readonly #qos: 1 | 2;
  /** By stream the number of the last message. */
  readonly #heard = new Map<string, number>();
  /** The same when the server was last killed. */
  #heardBefore = new Map<string, number>();
  /** Packet ids that are not released, with their messages. */
  readonly #held = new Map<number, string>();
  /** Answers not sent yet, in the order they are due [MQTT-4.6.0-2]. */
  #answers: Packet[] = [];
  #aliases = new Map<number, string>();
  #subscribed = false;

  constructor(parts: ClientParts & { said: Said; filters: readonly string[]; qos: 1 | 2 }) {
    super(parts);
    this.#said = parts.said;
    this.#filters = parts.filters;
    this.#qos = parts.qos;
  }

  /** At QoS 1 a server that was killed may have forgotten that it sent what was on its disk. */
  killed(): void {
    this.#heardBefore = new Map(this.#heard);
  }

  get subscribed(): boolean {
    return this.#subscribed;
  }

  /** The streams of which it has not heard all. */
  missing(): string[] {
    return [...this.#said.last].flatMap(([stream, last]) => {
      const heard = this.#heard.get(stream) ?? 0;
      return heard === last ? [] : [`${this.name}: ${heard} of ${last} in ${stream}`];
    });
  }

  protected properties(): NonNullable<IConnectPacket["properties"]> {
    const { random } = this.parts;
    return {
      ...(random.chance(0.5) ? { receiveMaximum: 1 + random.int(10) } : {}),
      ...(random.chance(0.5) ? { topicAliasMaximum: 2 } : {}),
    };
  }

  protected opened(): void {
    this.#answers = [];
    this.#aliases = new Map();
    if (this.#subscribed) return;
    const subscriptions = this.#filters.map((topic) => ({ topic, qos: this.#qos }));
    this.link?.send({ cmd: "subscribe", messageId: 1, subscriptions });
  }

  protected received(packet: Packet): void {
    const { random } = this.parts;
    if (packet.cmd === "suback") {
      this.#subscribed = true;
      return;
    }
    if (packet.cmd === "publish") this.#receivedPublish(packet);
    else if (packet.cmd === "pubrel") {
      // Also where it is unknown: our PUBCOMP may not have arrived.
      this.#held.delete(packet.messageId ?? 0);
      this.#answers.push({ cmd: "pubcomp", messageId: packet.messageId ?? 0 });
    } else this.problem(`unexpected ${JSON.stringify(packet)}`);
    if (!this.calm && random.chance(0.002)) {
      this.reconnect();
      return;
    }
    if (this.calm || random.chance(0.2)) {
      for (const answer of this.#answers.splice(0)) this.link?.send(answer);
    }
  }

  #receivedPublish(packet: IPublishPacket): void {
    const messageId = packet.messageId ?? 0;
    const text = head(String(packet.payload));
    const [publisher = "", topic = "", saidQos = "", number = ""] = text.split(" ");
    const stream = `${publisher} ${topic} ${saidQos}`;
    if (this.#topicOf(packet) !== topic) this.problem(`${text} came on ${packet.topic}`);
    if (packet.qos !== Math.min(Number(saidQos), this.#qos)) this.problem(`${text} came at QoS ${packet.qos}`);
    if (packet.qos === 1) {
      this.#answers.push({ cmd: "puback", messageId });
    } else {
      this.#answers.push({ cmd: "pubrec", messageId });
      const held = this.#held.get(messageId);
      if (held !== undefined) {
        if (held !== text) this.problem(`${text} came with packet id ${messageId}, which ${held} still has`);
        if (!packet.dup) this.problem(`${text} came again without DUP`);
        return;
      }
      this.#held.set(messageId, text);
    }
    const last = this.#heard.get(stream) ?? 0;
    if (Number(number) === last + 1) {
      this.#heard.set(stream, last + 1);
      return;
    }
    if (Number(number) > last) this.problem(`${text} came after ${last}`);
    else if (packet.qos === 2) this.problem(`${text} came twice, DUP ${packet.dup}, last was ${last}`);
    else {
      this.repeats += 1;
      const saidAgain = saidQos === "1" && this.#said.again.has(text);
      const sentByThisRun = Number(number) > (this.#heardBefore.get(stream) ?? 0);
      if (!packet.dup && !saidAgain && sentByThisRun) this.problem(`${text} came again without DUP, last was ${last}`);
    }
  }

  /** MQTT 5 § 3.3.2.3.4. */
  #topicOf({ topic, properties }: IPublishPacket): string | undefined {
    const alias = properties?.topicAlias;
    if (alias === undefined) return topic;
    if (topic !== "") this.#aliases.set(alias, topic);
    return this.#aliases.get(alias);
  }
}

/** Stream and number. */
const head = (payload: string): string => payload.split(" ", 4).join(" ");
