/** A client that sends exactly what a test says, and is asked for what has come. */
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { withDeadline } from "./deadline.ts";
import { dial, type Line } from "./line.ts";
import { MqttLink, type Version } from "./mqtt-link.ts";

export class RawMqtt extends MqttLink {
  /** What has come and was not asked for yet. */
  readonly received: Packet[] = [];
  #waiting: (() => void) | undefined;

  private constructor(line: Line, version: Version) {
    super(line, version);
    void this.ended.then(() => this.#waiting?.());
  }

  /** Opens the connection only (see `dial`), from another address of this machine if one is given. */
  static open(at: number | string, from: { readonly localAddress?: string } = {}, version?: Version): Promise<RawMqtt> {
    return RawMqtt.over(dial(at, from), version);
  }

  /** Waits until the line is open, or throws. */
  static async over(line: Line, version: Version = 4): Promise<RawMqtt> {
    const raw = new RawMqtt(line, version);
    await withDeadline("an open connection", line.opened);
    return raw;
  }

  /** Opens and logs in; fails the test unless it is accepted. */
  static async connect(
    at: number | string,
    fields: Partial<IConnectPacket> = {},
    from: { readonly localAddress?: string } = {},
  ): Promise<RawMqtt> {
    const raw = await RawMqtt.open(at, from, fields.protocolVersion === 5 ? 5 : 4);
    raw.send(connectPacket(fields));
    const { returnCode, reasonCode } = await raw.expect("connack");
    if ((reasonCode ?? returnCode) !== 0) throw new Error(`refused: ${reasonCode ?? returnCode}`);
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
