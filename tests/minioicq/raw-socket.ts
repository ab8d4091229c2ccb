/** A WebSocket client over a bare TCP socket, which can stop reading, and frame as it likes. Speaks JSON text frames. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { inflateRawSync } from "node:zlib";
import { until, withDeadline } from "../support/deadline.ts";
import type { Action, Closed } from "./client.ts";

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Bits beside the opcode: the last frame of a message, and a compressed one. */
export const fin = 0x80;
export const compressed = 0x40;

export class RawSocket implements Disposable {
  readonly received: Action[] = [];
  /** First bytes of all frames, in order: opcode and bits. */
  readonly heads: number[] = [];
  /** What the server answered the upgrade with. */
  greeting = "";
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

  /** @param headers more lines of the request */
  static async connect(port: number, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    const socket = connect({ port, host: "127.0.0.1" });
    const { promise: greeted, resolve, reject } = Promise.withResolvers<string>();
    socket.once("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      if (text.startsWith("HTTP/1.1 101")) resolve(text);
      else reject(new Error(text));
    });
    const key = randomBytes(16).toString("base64");
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${Object.entries(
        headers,
      )
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}\r\n`,
    );
    const greeting = await withDeadline("an upgrade", greeted);
    const raw = new RawSocket(socket);
    raw.greeting = greeting;
    return raw;
  }

  say(action: Readonly<Record<string, unknown>>): void {
    this.frame(opcode.text | fin, Buffer.from(JSON.stringify(action)));
  }

  /** @param first opcode and bits */
  frame(first: number, payload: Uint8Array): void {
    const { length } = payload;
    const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const head = Buffer.alloc(6 + lengthBytes);
    head[0] = first;
    head[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
    if (lengthBytes === 2) head.writeUInt16BE(length, 2);
    if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
    // A mask of zeros leaves the payload as it is.
    this.bytes(Buffer.concat([head, payload]));
  }

  bytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
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
      this.heads.push(first);
      if ((first & 0x0f) === opcode.text) {
        const text = (first & compressed) === 0 ? payload : inflateRawSync(payload, { finishFlush: 2 });
        this.received.push(JSON.parse(text.toString()) as Action);
      }
      if ((first & 0x0f) === opcode.close) {
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
