/**
 * A client of bytes: sends exactly what a test says, and reads what comes with mqtt-packet, which the server's publish
 * path does not use.
 */
import { connect, type Socket } from "node:net";
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from "mqtt-packet";
import { withDeadline } from "./deadline.ts";

export class RawMqtt implements AsyncDisposable {
  readonly received: Packet[] = [];
  /** Every received byte, in order, if asked for. */
  bytesReceived = 0;
  closed = false;
  readonly #socket: Socket;
  readonly #gone = Promise.withResolvers<void>();
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const read = parser({ protocolVersion: 4 });
    read.on("packet", (packet: Packet) => {
      this.received.push(packet);
      this.#waiting?.();
    });
    read.on("error", (error: Error) => {
      throw error;
    });
    socket.on("data", (chunk) => {
      this.bytesReceived += chunk.length;
      read.parse(Buffer.from(chunk));
    });
    socket.on("error", () => {}); // a reset shows as closed
    socket.on("close", () => {
      this.closed = true;
      this.#gone.resolve();
      this.#waiting?.();
    });
  }

  /** Opens the TCP connection only, from another address of this machine if one is given. */
  static async open(port: number, from: { readonly localAddress?: string } = {}): Promise<RawMqtt> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...from });
    const raw = new RawMqtt(socket);
    const connected = new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("close", () => reject(new Error("connection refused")));
    });
    await withDeadline("TCP connect", connected);
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

  send(...packets: (Packet | Buffer)[]): void {
    const bytes = packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet)));
    this.#socket.write(Buffer.concat(bytes));
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

  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Whether the kernel still takes what we write. */
  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Resolves when the server has closed. */
  async whenClosed(): Promise<void> {
    await withDeadline("close", this.#gone.promise);
  }

  /** Ends without DISCONNECT and waits until the socket is closed. */
  async drop(): Promise<void> {
    this.#socket.destroy();
    await this.whenClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.closed) await this.drop();
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
