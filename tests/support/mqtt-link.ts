/**
 * One MQTT connection whose packets are read and written by mqtt-packet, which the server's publish path does not use. The
 * clients that check what a server does are built on it; those that choose every byte are `wire.ts` and, for MQTT 5, `wire-v5.ts`.
 */
import { connect, type Socket } from "node:net";
import { generate, type Packet, parser } from "mqtt-packet";
import { withDeadline } from "./deadline.ts";

export type Version = 4 | 5;

/** @param at a port of this machine, or `host:port` */
export function dial(at: number | string, from: { readonly localAddress?: string } = {}): Socket {
  const [host, port] = typeof at === "number" ? ["127.0.0.1", at] : [at.slice(0, at.lastIndexOf(":")), portOf(at)];
  return connect({ host, port, noDelay: true, ...from });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

export abstract class MqttLink implements AsyncDisposable {
  isClosed = false;
  bytesReceived = 0;
  /** The connection is over, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #version: Version;

  protected constructor(socket: Socket, version: Version = 4) {
    this.#socket = socket;
    this.#version = version;
    const read = parser({ protocolVersion: version });
    read.on("packet", (packet: Packet) => {
      if (!this.isClosed) this.take(packet);
    });
    read.on("error", (error: Error) => {
      throw error;
    });
    socket.on("data", (chunk) => {
      this.bytesReceived += chunk.length;
      read.parse(Buffer.from(chunk));
    });
    socket.on("error", () => {}); // a reset shows as closed
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    socket.on("close", () => {
      this.isClosed = true;
      resolve();
    });
  }

  /** Called in the tick of the packet's arrival; several may come in one piece. */
  protected abstract take(packet: Packet): void;

  send(...packets: (Packet | Buffer)[]): void {
    if (this.isClosed) return;
    const options = { protocolVersion: this.#version };
    const bytes = packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet, options)));
    this.#socket.write(Buffer.concat(bytes));
  }

  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Bytes that the kernel has not taken. */
  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Waits for the server's end of the connection, which comes behind everything it sent. */
  async whenClosed(): Promise<void> {
    await withDeadline("close", this.ended);
  }

  /** With DISCONNECT. */
  end(): void {
    this.send({ cmd: "disconnect" });
    this.#socket.end();
  }

  /** Without DISCONNECT; what was received and not read yet is lost. */
  async drop(): Promise<void> {
    this.isClosed = true;
    this.#socket.destroy();
    await this.whenClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
