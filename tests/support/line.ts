/**
 * What carries a client's bytes: a TCP connection, or a WebSocket, where each piece that is written is a frame. The clients
 * of `wire.ts` and `mqtt-link.ts` stand on it, so that they speak over either.
 */
import { connect, type Socket } from "node:net";

export interface LineListener {
  bytes(chunk: Buffer): void;
  /** Called once, whichever side ended it. */
  closed(): void;
}

export interface Line {
  /** Rejects where the connection ends before it is open. */
  readonly opened: Promise<void>;
  /** Called before anything may come. */
  listen(listener: LineListener): void;
  /** `taken` is called once the kernel has the bytes. */
  write(bytes: Uint8Array, taken?: () => void): void;
  pause(): void;
  resume(): void;
  /** Bytes that the kernel has not taken. */
  readonly unsentBytes: number;
  /** Ends this side behind what was written. */
  end(): void;
  /** Ends both sides at once; what was received and not read yet is lost. */
  drop(): void;
}

/** @param at a port of this machine, `host:port`, or the path of a Unix socket */
export function dial(at: number | string, from: { readonly localAddress?: string } = {}): Line {
  if (typeof at === "string" && at.startsWith("/")) return new TcpLine(connect({ path: at }));
  const [host, port] = typeof at === "number" ? ["127.0.0.1", at] : [at.slice(0, at.lastIndexOf(":")), portOf(at)];
  return new TcpLine(connect({ host, port, noDelay: true, ...from }));
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

class TcpLine implements Line {
  readonly opened: Promise<void>;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {}); // a reset shows as closed
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("close", () => reject(new Error("connection refused")));
    promise.catch(() => {}); // not every client waits for it
    this.opened = promise;
  }

  listen({ bytes, closed }: LineListener): void {
    this.#socket.on("data", (chunk) => bytes(Buffer.from(chunk)));
    this.#socket.on("close", () => closed());
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    this.#socket.write(bytes, taken);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }
}

/** A WebSocket reads whatever comes, so it is not to be paused. */
export class WebSocketLine implements Line {
  readonly opened: Promise<void>;
  readonly closeCode: Promise<number>;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onerror = () => {}; // shows as closed
    const open = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<number>();
    socket.addEventListener("open", () => open.resolve());
    socket.addEventListener("close", ({ code }) => {
      open.reject(new Error("connection refused"));
      closed.resolve(code);
    });
    open.promise.catch(() => {}); // not every client waits for it
    this.opened = open.promise;
    this.closeCode = closed.promise;
  }

  static dial(url: string, protocols: string[] = ["mqtt"]): WebSocketLine {
    return new WebSocketLine(new WebSocket(url, protocols));
  }

  listen({ bytes, closed }: LineListener): void {
    this.#socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) throw new Error("the server sent a text frame");
      bytes(Buffer.from(data));
    };
    this.#socket.onclose = () => closed();
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes);
    taken?.();
  }

  /** In a text frame. */
  writeText(text: string): void {
    this.#socket.send(text);
  }

  pause(): never {
    throw new Error("a WebSocket cannot be paused");
  }

  resume(): never {
    throw new Error("a WebSocket cannot be paused");
  }

  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  end(): void {
    this.#socket.close();
  }

  drop(): void {
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.terminate();
  }
}
