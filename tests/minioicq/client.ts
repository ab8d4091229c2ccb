/** A MiniOICQ client for tests: speaks one encoding, keeps what it received, and waits for things with a deadline. */
import { setDefaultTimeout } from "bun:test";
import { decode, encode } from "@msgpack/msgpack";
import { withDeadline } from "../support/deadline.ts";
import type { Closed } from "../support/raw-websocket.ts";

// Each wait has a deadline of its own; a whole test on a busy machine may take longer than Bun's five seconds.
setDefaultTimeout(30_000);

export type Encoding = "msgpack" | "json";
export const encodings = ["msgpack", "json"] as const;

export type Action = { readonly action: string } & Readonly<Record<string, unknown>>;
export interface PushedMessage {
  readonly chat_id: string | number;
  readonly message_id: string | number;
  readonly sender: string | number;
  readonly sender_id: string | number;
  readonly time: string;
  readonly type: string;
  readonly content: string;
  readonly seq: number;
  readonly client_id?: string;
}

export interface ConnectOptions {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  /** The test is about `receipt.push`; other tests do not see it. */
  readonly receipts?: boolean;
}

export class MiniClient implements Disposable {
  /** Everything received, in order, not yet taken. */
  readonly received: Action[] = [];
  /** The opcode each frame came in. */
  readonly frames: Encoding[] = [];
  readonly #socket: WebSocket;
  readonly #encoding: Encoding;
  readonly closed: Promise<Closed>;
  #wake: (() => void) | undefined;
  #listener: ((frame: Action) => void) | undefined;
  #isClosed = false;

  private constructor(socket: WebSocket, encoding: Encoding, hearsReceipts: boolean) {
    this.#socket = socket;
    this.#encoding = encoding;
    const { promise, resolve } = Promise.withResolvers<Closed>();
    this.closed = promise;
    socket.onmessage = ({ data }) => {
      this.frames.push(typeof data === "string" ? "json" : "msgpack");
      const frame = (typeof data === "string" ? JSON.parse(data) : decode(new Uint8Array(data))) as Action;
      // They come whenever somebody else's client has got something, between any two frames of a conversation.
      if (frame.action === "receipt.push" && !hearsReceipts) return;
      if (this.#listener === undefined) this.received.push(frame);
      else this.#listener(frame);
      this.#wake?.();
    };
    socket.onclose = ({ code, reason }) => {
      this.#isClosed = true;
      resolve({ code, reason });
      this.#wake?.();
    };
  }

  static async connect(
    http: string,
    encoding: Encoding = "msgpack",
    { path = "/ws", headers = {}, receipts = false }: ConnectOptions = {},
  ): Promise<MiniClient> {
    const socket = new WebSocket(`ws://${http}${path}`, { headers });
    socket.binaryType = "arraybuffer";
    const client = new MiniClient(socket, encoding, receipts);
    const opened = new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("the WebSocket did not open"));
    });
    try {
      await withDeadline("a WebSocket to open", opened);
    } catch (error) {
      socket.terminate();
      throw error;
    }
    return client;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** From now on frames are not kept but told to `listener`, in the tick of their arrival. */
  handOver(listener: (frame: Action) => void): void {
    this.#listener = listener;
    for (const frame of this.received.splice(0)) listener(frame);
  }

  say(action: Readonly<Record<string, unknown>>): void {
    this.raw(this.#encoding === "json" ? JSON.stringify(action) : encode(action));
  }

  raw(frame: string | Uint8Array): void {
    this.#socket.send(frame as string);
  }

  /** The next thing received, whatever it is. */
  async next(ms = 15_000): Promise<Action> {
    await this.#until("a frame", () => this.received.length > 0, ms);
    const first = this.received.shift();
    if (first === undefined) throw new Error("closed while waiting for a frame");
    return first;
  }

  async ask(action: Readonly<Record<string, unknown>>, ms?: number): Promise<Action> {
    this.say(action);
    return this.next(ms);
  }

  /** Everything received until the answer to a heartbeat, which comes after all that was due before. */
  async fence(ms = 15_000): Promise<Action[]> {
    this.say({ action: "heartbeat" });
    const isFence = (one: Action) => one.action === "heartbeat.ack";
    await this.#until("heartbeat.ack", () => this.received.some(isFence), ms);
    const before = this.received.splice(0, this.received.findIndex(isFence) + 1);
    before.pop();
    return before;
  }

  /** Takes frames until `count` pushed messages have come; anything else among them is an error. */
  async pushes(count: number, ms = 10_000): Promise<PushedMessage[]> {
    const messages: PushedMessage[] = [];
    while (messages.length < count) {
      const frame = await this.next(ms);
      if (frame.action !== "message.push") throw new Error(`not a push: ${JSON.stringify(frame)}`);
      messages.push(...messagesOf(frame));
    }
    return messages;
  }

  async #until(what: string, condition: () => boolean, ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (!condition()) {
      if (this.#isClosed) throw new Error(`closed while waiting for ${what}`);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const left = Math.max(1, end - performance.now());
      await withDeadline(`${what} (so far: ${JSON.stringify(this.received).slice(0, 500)})`, woken, left);
    }
  }

  register(name: string, password = "secret"): Promise<Action> {
    return this.ask({ action: "auth.register", user_name: name, password });
  }

  login(userId: unknown, password = "secret", extra: Readonly<Record<string, unknown>> = {}): Promise<Action> {
    return this.ask({ action: "auth.login", user_id: userId, password, ...extra });
  }

  send(chatId: unknown, content: unknown, extra: Readonly<Record<string, unknown>> = {}): void {
    this.say({ action: "message.send", message: { chat_id: chatId, type: "text", content, ...extra } });
  }

  /** Closes, and waits until the server knows. */
  async bye(): Promise<void> {
    this.#socket.close(1000);
    await withDeadline("the socket to close", this.closed);
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

export const messagesOf = (frame: Action): PushedMessage[] => frame["messages"] as PushedMessage[];

/** A connected client of a new user. */
export async function newUser(
  http: string,
  name: string,
  encoding: Encoding = "msgpack",
  options: ConnectOptions = {},
) {
  const client = await MiniClient.connect(http, encoding, options);
  const { action, user_id: id, ...rest } = await client.register(name);
  if (action !== "auth.register.success") throw new Error(`not registered: ${JSON.stringify(rest)}`);
  return { client, id: String(id) };
}
