/** A client of the Erlang-term services: publishes a request, and reads whatever comes of it from its own socket. */
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import type { TestServer } from "../support/server.ts";

let fences = 0;

export interface Answer {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly payload: Buffer;
}

export class RosterClient implements AsyncDisposable {
  readonly clientId: string;
  readonly raw: RawMqtt;
  #packetId = 0;
  /** Came before the acknowledgement of something else, to be told by the next `heard`. */
  readonly #early: Answer[] = [];
  /** The packet ids of QoS 2 messages whose PUBREL has not come. */
  readonly #taken = new Set<number>();

  private constructor(raw: RawMqtt, clientId: string) {
    this.raw = raw;
    this.clientId = clientId;
  }

  static async connect(
    server: TestServer,
    clientId: string,
    fields: Partial<IConnectPacket> = {},
  ): Promise<RosterClient> {
    return new RosterClient(await RawMqtt.connect(server.mqttPort, { username: "api", ...fields, clientId }), clientId);
  }

  /** Everything that came by the time the request was acknowledged (at QoS 0: answered) and a ping behind it was answered. */
  async ask(
    request: WireTerm | Buffer,
    { topic = `events//api/anon/${this.clientId}/`, qos = 1 as 0 | 1 | 2 } = {},
  ): Promise<Answer[]> {
    const messageId = ++this.#packetId;
    const payload = Buffer.isBuffer(request) ? request : Buffer.from(encodeTerm(request));
    this.raw.send({ cmd: "publish", topic, payload, qos, dup: false, retain: false, messageId });
    const answers: Answer[] = [];
    const done = { 0: "publish", 1: "puback", 2: "pubcomp" }[qos];
    for (;;) {
      const packet = await this.raw.next("an answer");
      if (packet.cmd === "pubrec") this.raw.send({ cmd: "pubrel", messageId });
      this.#take(packet, answers);
      if (packet.cmd === done && (qos === 0 || packet.messageId === messageId)) break;
    }
    answers.push(...(await this.heard()));
    return answers;
  }

  /**
   * Whatever came of a request, by a fence: another request goes out right behind it, and its answer, which is left out,
   * shows that nothing more came between, nor comes after.
   */
  async askFenced(request: WireTerm | Buffer, topic = `events//api/anon/${this.clientId}/`): Promise<Answer[]> {
    const mark = `fence-${++fences}`;
    const payloads = [request, new Tuple([atom("init"), binary(mark)])].map((one) =>
      Buffer.isBuffer(one) ? one : Buffer.from(encodeTerm(one)),
    );
    for (const payload of payloads) {
      this.raw.send({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false, messageId: ++this.#packetId });
    }
    const answers: Answer[] = [];
    while (answers.at(-1)?.payload.includes(mark) !== true) this.#take(await this.raw.next("an answer"), answers);
    answers.pop();
    answers.push(...(await this.heard()));
    return answers;
  }

  /** What came meanwhile, each handshake finished: every PUBREC is answered with PUBREL. */
  async heard(): Promise<Answer[]> {
    const answers = this.#early.splice(0);
    for (let quiet = false; !quiet; ) {
      const packets = await this.raw.fence();
      if (packets.length === 0 && this.#taken.size > 0) packets.push(await this.raw.next("PUBREL"));
      for (const packet of packets) this.#take(packet, answers);
      quiet = packets.length === 0;
    }
    return answers;
  }

  /** What SUBACK grants. */
  async subscribe(topic: string, qos: 0 | 1 | 2): Promise<unknown> {
    this.raw.send({ cmd: "subscribe", messageId: ++this.#packetId, subscriptions: [{ topic, qos }] });
    const { granted } = await this.#acknowledgement("suback");
    return granted[0];
  }

  async unsubscribe(...filters: readonly string[]): Promise<void> {
    this.raw.send({ cmd: "unsubscribe", messageId: ++this.#packetId, unsubscriptions: [...filters] });
    await this.#acknowledgement("unsuback");
  }

  async #acknowledgement<C extends Packet["cmd"]>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    for (;;) {
      const packet = await this.raw.next(cmd);
      if (packet.cmd === cmd) return packet as Extract<Packet, { cmd: C }>;
      this.#take(packet, this.#early);
    }
  }

  #take(packet: Packet, answers: Answer[]): void {
    if (packet.cmd === "pubrel") {
      this.#taken.delete(packet.messageId ?? 0);
      this.raw.send({ cmd: "pubcomp", messageId: packet.messageId ?? 0 });
    }
    if (packet.cmd !== "publish") return;
    const { topic, qos, retain, payload, messageId = 0 } = packet as IPublishPacket;
    answers.push({ topic, qos, retain, payload: Buffer.from(payload) });
    if (qos === 1) this.raw.send({ cmd: "puback", messageId });
    if (qos === 2) {
      this.#taken.add(messageId);
      this.raw.send({ cmd: "pubrec", messageId });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}
