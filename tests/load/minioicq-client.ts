/** One WebSocket connection of the load generator to the MiniOICQ door. */
import { decodeFrame, type Encodable, encodeMessagePack } from "./minioicq-wire.ts";
import { textField } from "./provision.ts";
import { nowUs } from "./stamp.ts";

export type Encoding = "msgpack" | "json";

const ANSWER_TIMEOUT_MS = 30_000;

export class MinioicqClient {
  /** Every frame, as bytes, after whoever waits for one has seen it. */
  onFrame: ((bytes: Buffer, isText: boolean) => void) | undefined;
  onClosed: ((problem: Error) => void) | undefined;
  receivedUs = 0;
  readonly encoding: Encoding;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<(frame: unknown) => void>();
  readonly #failed = Promise.withResolvers<never>();
  #closing = false;

  private constructor(socket: WebSocket, encoding: Encoding) {
    this.#socket = socket;
    this.encoding = encoding;
    socket.binaryType = "nodebuffer";
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#received(data);
    socket.onclose = ({ code, reason }) => this.#ended(new Error(`the server closed the WebSocket: ${code} ${reason}`));
    this.#failed.promise.catch(() => {}); // whoever waits hears of it; nobody has to
  }

  /** Opens a WebSocket at `url`, for example ws://127.0.0.1:8080/ws. */
  static async connect(url: string, encoding: Encoding): Promise<MinioicqClient> {
    const socket = new WebSocket(url);
    const client = new MinioicqClient(socket, encoding);
    const opened = new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`cannot open ${url}`));
    });
    await Promise.race([opened, client.#failed.promise]);
    return client;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  encode(frame: Encodable): Buffer {
    return this.encoding === "msgpack" ? encodeMessagePack(frame) : Buffer.from(JSON.stringify(frame));
  }

  send(bytes: Buffer): void {
    if (this.encoding === "msgpack") this.#socket.send(bytes);
    else this.#socket.send(bytes.toString("utf8"));
  }

  /** Sends a frame and waits for the first one whose action is among `answers`; a `….fail` of the same action throws. */
  async ask(frame: { action: string; [name: string]: Encodable }, answers: string[]): Promise<unknown> {
    const pending = Promise.withResolvers<unknown>();
    const listen = (answer: unknown) => {
      const action = actionOf(answer);
      if (answers.includes(action)) pending.resolve(answer);
      else if (action.endsWith(".fail")) pending.reject(new Error(`${action}: ${JSON.stringify(answer)}`));
    };
    this.#waiting.add(listen);
    const timer = setTimeout(
      () => pending.reject(new Error(`no ${answers.join(" or ")} within ${ANSWER_TIMEOUT_MS} ms`)),
      ANSWER_TIMEOUT_MS,
    );
    try {
      this.send(this.encode(frame));
      return await Promise.race([pending.promise, this.#failed.promise]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(listen);
    }
  }

  close(): void {
    this.#closing = true;
    this.#socket.close();
  }

  #received(data: unknown): void {
    this.receivedUs = nowUs();
    if (typeof data !== "string" && !Buffer.isBuffer(data)) return;
    if (this.#waiting.size > 0) {
      const frame = decodeFrame(data);
      for (const listen of this.#waiting) listen(frame);
    }
    this.onFrame?.(typeof data === "string" ? Buffer.from(data) : data, typeof data === "string");
  }

  #ended(problem: Error): void {
    this.#failed.reject(problem);
    if (!this.#closing) this.onClosed?.(problem);
  }
}

export function actionOf(frame: unknown): string {
  return textField(frame, "action");
}
