/** A WebSocket client over a bare TCP socket, which can stop reading. Speaks JSON text frames. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { until, withDeadline } from "../support/deadline.ts";
import type { Action, Closed } from "./client.ts";

export class RawSocket implements Disposable {
  readonly received: Action[] = [];
  closed: Closed | undefined;
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#take();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#ended = true;
    });
  }

  static async connect(port: number): Promise<RawSocket> {
    const socket = connect({ port, host: "127.0.0.1" });
    const greeted = new Promise<void>((resolve) => {
      socket.once("data", (chunk: Buffer) => {
        if (!chunk.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(chunk.toString());
        resolve();
      });
    });
    const key = randomBytes(16).toString("base64");
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await withDeadline("an upgrade", greeted);
    return new RawSocket(socket);
  }

  say(action: Readonly<Record<string, unknown>>): void {
    const payload = Buffer.from(JSON.stringify(action));
    const head = Buffer.alloc(payload.length < 126 ? 6 : 8);
    head[0] = 0x81;
    head[1] = 0x80 | Math.min(payload.length, 126);
    if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
    // A mask of zeros leaves the payload as it is.
    this.#socket.write(Buffer.concat([head, payload]));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Bytes said that the server has not taken. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  async next(ms = 10_000): Promise<Action> {
    await until("a frame", () => this.received.length > 0 || this.#ended, ms);
    const first = this.received.shift();
    if (first === undefined) throw new Error("closed while waiting for a frame");
    return first;
  }

  async end(ms = 10_000): Promise<Closed> {
    await until("a close", () => this.closed !== undefined || this.#ended, ms);
    return this.closed ?? { code: 1006, reason: "" };
  }

  #take(): void {
    for (;;) {
      const [first, second] = this.#bytes;
      if (first === undefined || second === undefined) return;
      const lengthBytes = second === 126 ? 2 : second === 127 ? 8 : 0;
      const start = 2 + lengthBytes;
      if (this.#bytes.length < start) return;
      const length =
        lengthBytes === 0
          ? second
          : lengthBytes === 2
            ? this.#bytes.readUInt16BE(2)
            : Number(this.#bytes.readBigUInt64BE(2));
      if (this.#bytes.length < start + length) return;
      const payload = this.#bytes.subarray(start, start + length);
      this.#bytes = this.#bytes.subarray(start + length);
      if ((first & 0x0f) === 1) this.received.push(JSON.parse(payload.toString()) as Action);
      if ((first & 0x0f) === 8) {
        this.closed = {
          code: payload.length >= 2 ? payload.readUInt16BE() : 1005,
          reason: payload.toString("utf8", 2),
        };
      }
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
