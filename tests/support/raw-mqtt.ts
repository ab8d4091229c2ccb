/** A client that sends exactly what a test says, and is asked for what has come. */
import { once } from "node:events";
import type { Socket } from "node:net";
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { withDeadline } from "./deadline.ts";
import { dial, MqttLink } from "./mqtt-link.ts";

export class RawMqtt extends MqttLink {
  /** What has come and was not asked for yet. */
  readonly received: Packet[] = [];
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket) {
    super(socket);
    void this.ended.then(() => this.#waiting?.());
  }

  /** Opens the TCP connection only, from another address of this machine if one is given. */
  static async open(port: number, from: { readonly localAddress?: string } = {}): Promise<RawMqtt> {
    const socket = dial(port, from);
    const raw = new RawMqtt(socket);
    await withDeadline("TCP connect", Promise.race([once(socket, "connect"), raw.ended]));
    if (raw.closed) throw new Error("connection refused");
    return raw;
  }

  /** Opens and logs in; fails the test unless it is accepted. */
  static async connect(
    port: number,
    fields: Partial<IConnectPacket> = {},
    from: { readonly localAddress?: string } = {},
  ): Promise<RawMqtt> {
    const raw = await RawMqtt.open(port, from);
    raw.send(connectPacket(fields));
    const connack = await raw.expect("connack");
    if (connack.returnCode !== 0) throw new Error(`refused: ${connack.returnCode}`);
    return raw;
  }

  get closed(): boolean {
    return this.isClosed;
  }

  protected take(packet: Packet): void {
    this.received.push(packet);
    this.#waiting?.();
  }

  /** Takes the next packet, which must be a `cmd`. */
  async expect<C extends Packet["cmd"]>(cmd: C, ms?: number): Promise<Extract<Packet, { cmd: C }>> {
    const packet = await this.next(`${cmd}`, ms);
    if (packet.cmd !== cmd) throw new Error(`expected ${cmd}, got ${JSON.stringify(packet)}`);
    return packet as Extract<Packet, { cmd: C }>;
  }

  async next(what = "a packet", ms?: number): Promise<Packet> {
    const packet = this.received.shift();
    if (packet !== undefined) return packet;
    if (this.closed) throw new Error(`closed while waiting for ${what}`);
    const arrived = new Promise<void>((resolve) => {
      this.#waiting = resolve;
    });
    await withDeadline(what, arrived, ms);
    return this.next(what, ms);
  }

  async subscribe(filter: string, qos: 0 | 1 | 2 = 0, packetId = 1): Promise<unknown> {
    this.send({ cmd: "subscribe", messageId: packetId, subscriptions: [{ topic: filter, qos }] });
    const { granted } = await this.expect("suback");
    return granted[0];
  }

  /** Everything that was on its way before the answer to a ping sent now. */
  async fence(): Promise<Packet[]> {
    this.send({ cmd: "pingreq" });
    const before: Packet[] = [];
    for (;;) {
      const packet = await this.next("PINGRESP");
      if (packet.cmd === "pingresp") return before;
      before.push(packet);
    }
  }
}

let clientNumber = 0;

export function connectPacket(fields: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 4,
    clean: true,
    clientId: `raw-${++clientNumber}`,
    keepalive: 0,
    ...fields,
  };
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  fields: Partial<IPublishPacket> = {},
): IPublishPacket {
  return { cmd: "publish", topic, payload, qos: 0, dup: false, retain: false, ...fields };
}
