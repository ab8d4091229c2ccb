/**
 * One MQTT connection whose packets are read and written by mqtt-packet, which the server's publish path does not use. The
 * clients that check what a server does are built on it; those that choose every byte are `wire.ts` and, for MQTT 5, `wire-v5.ts`.
 */
import { generate, type Packet, parser } from "mqtt-packet";
import { withDeadline } from "./deadline.ts";
import type { Line } from "./line.ts";

export type Version = 4 | 5;

export abstract class MqttLink implements AsyncDisposable {
  isClosed = false;
  bytesReceived = 0;
  /** The connection is over, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #line: Line;
  readonly #version: Version;

  protected constructor(line: Line, version: Version = 4) {
    this.#line = line;
    this.#version = version;
    const read = parser({ protocolVersion: version });
    read.on("packet", (packet: Packet) => {
      if (!this.isClosed) this.take(packet);
    });
    read.on("error", (error: Error) => {
      throw error;
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    line.listen({
      bytes: (chunk) => {
        this.bytesReceived += chunk.length;
        read.parse(chunk);
      },
      closed: () => {
        this.isClosed = true;
        resolve();
      },
    });
  }

  /** Called in the tick of the packet's arrival; several may come in one piece. */
  protected abstract take(packet: Packet): void;

  send(...packets: (Packet | Buffer)[]): void {
    if (this.isClosed) return;
    const options = { protocolVersion: this.#version };
    const bytes = packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet, options)));
    this.#line.write(Buffer.concat(bytes));
  }

  stopReading(): void {
    this.#line.pause();
  }

  resumeReading(): void {
    this.#line.resume();
  }

  /** Bytes that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#line.unsentBytes;
  }

  /** Waits for the server's end of the connection, which comes behind everything it sent. */
  async whenClosed(): Promise<void> {
    await withDeadline("close", this.ended);
  }

  /** With DISCONNECT. */
  end(): void {
    this.send({ cmd: "disconnect" });
    this.#line.end();
  }

  /** Without DISCONNECT; what was received and not read yet is lost. */
  async drop(): Promise<void> {
    this.isClosed = true;
    this.#line.drop();
    await this.whenClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
