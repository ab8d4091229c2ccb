/** A WebSocket client over a bare TCP socket, which can stop reading, and frame as it likes. */
import { randomBytes } from "node:crypto";
import { until, withDeadline } from "./deadline.ts";
import { dial, type Line } from "./line.ts";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Bits beside the opcode: the last frame of a message, and a compressed one. */
export const fin = 0x80;
export const compressed = 0x40;

export class RawWebSocket implements Disposable {
  /** First bytes of all frames, in order: opcode and bits. */
  readonly heads: number[] = [];
  /** What the server answered the upgrade with. */
  greeting = "";
  closed: Closed | undefined;
  readonly #line: Line;
  readonly #greeted = Promise.withResolvers<void>();
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;

  protected constructor(line: Line) {
    this.#line = line;
    this.#greeted.promise.catch(() => {}); // who upgrades hears of it
    line.listen({
      bytes: (chunk) => {
        this.#bytes = Buffer.concat([this.#bytes, chunk]);
        if (this.greeting !== "" || this.#greet()) this.#take();
      },
      closed: () => {
        this.#ended = true;
        this.#greeted.reject(new Error(this.#bytes.toString("latin1")));
      },
    });
  }

  /** @param headers more lines of the request */
  static connect(port: number, headers: Readonly<Record<string, string>> = {}, path = "/ws"): Promise<RawWebSocket> {
    return new RawWebSocket(dial(port)).upgrade(path, headers);
  }

  /** Throws what the server answers instead of an upgrade. */
  protected async upgrade(path: string, headers: Readonly<Record<string, string>>): Promise<this> {
    const lines = {
      Host: "x",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      "Sec-WebSocket-Version": "13",
      ...headers,
    };
    const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
    this.bytes(Buffer.from(`GET ${path} HTTP/1.1\r\n${text.join("")}\r\n`));
    await withDeadline("an upgrade", this.#greeted.promise);
    return this;
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
    this.#line.write(bytes);
  }

  pause(): void {
    this.#line.pause();
  }

  resume(): void {
    this.#line.resume();
  }

  /** Bytes said that the server has not taken. */
  get unsent(): number {
    return this.#line.unsentBytes;
  }

  async end(ms = 10_000): Promise<Closed> {
    await until("a close", () => this.closed !== undefined || this.#ended, ms);
    return this.closed ?? { code: 1006, reason: "" };
  }

  /** Nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A whole frame that came, with its opcode and bits. */
  protected take(_first: number, _payload: Buffer): void {}

  #greet(): boolean {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end === -1) return false;
    const text = this.#bytes.toString("latin1", 0, end);
    if (!text.startsWith("HTTP/1.1 101")) {
      this.#greeted.reject(new Error(text));
      return false;
    }
    this.greeting = text;
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#greeted.resolve();
    return true;
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
      this.take(first, payload);
      if ((first & 0x0f) === opcode.close) {
        this.closed = {
          code: payload.length >= 2 ? payload.readUInt16BE() : 1005,
          reason: payload.toString("utf8", 2),
        };
      }
    }
  }

  [Symbol.dispose](): void {
    this.#line.drop();
  }
}
