/** A MiniOICQ client as small as a test needs: MessagePack over Bun's WebSocket, pushes handed over as they arrive. */
import { decode, encode } from "@msgpack/msgpack";
import { withDeadline } from "../support/deadline.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** One entry of a `message.push`. */
export interface Pushed {
  readonly chatId: string;
  readonly messageId: string;
  readonly seq: number;
  readonly content: string;
  /** Only of own messages. */
  readonly clientId: string | undefined;
}

export class MiniOicqClient implements AsyncDisposable {
  /** Called in the tick of the frame's arrival. */
  onPush: (message: Pushed) => void = () => {};
  /** A `message.send.fail`, or anything else nobody asked for. */
  onFrame: (frame: Fields) => void = () => {};
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #waiting: { readonly prefix: string; resolve(frame: Fields): void }[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof ArrayBuffer)) throw new Error("a MessagePack client was sent text");
      this.#received(decode(new Uint8Array(data)) as Fields);
    };
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
    this.closed = promise;
    socket.onclose = ({ code, reason }) => resolve({ code, reason });
  }

  /** @param http `host:port` */
  static async connect(http: string): Promise<MiniOicqClient> {
    const client = new MiniOicqClient(new WebSocket(`ws://${http}/ws`));
    const opened = new Promise<void>((resolve, reject) => {
      client.#socket.onopen = () => resolve();
      client.#socket.onerror = () => reject(new Error("the WebSocket could not be opened"));
    });
    await withDeadline("a WebSocket to open", opened);
    return client;
  }

  send(request: { action: string; [name: string]: unknown }): void {
    this.#socket.send(encode(request, { ignoreUndefined: true }));
  }

  /** Sends, and waits for the answer to this action, whatever it says: `<action>`, `<action>.success`, `….fail`. */
  ask(request: { action: string; [name: string]: unknown }, prefix = request.action): Promise<Fields> {
    const { promise, resolve } = Promise.withResolvers<Fields>();
    this.#waiting.push({ prefix, resolve });
    this.send(request);
    return withDeadline(`an answer to ${request.action}`, Promise.race([promise, this.#refuseWhenClosed()]));
  }

  async logIn(token: string): Promise<Fields> {
    const answer = await this.ask({ action: "auth.login", token });
    if (answer["action"] !== "auth.login.success") throw new Error(`not logged in: ${JSON.stringify(answer)}`);
    return answer;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await withDeadline("a WebSocket to close", this.closed);
  }

  /** Waits for the server's end of the connection, which comes behind everything it sent. */
  async lost(): Promise<void> {
    await withDeadline("a dead server's WebSocket to end", this.closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #received(frame: Fields): void {
    const action = String(frame["action"]);
    if (action === "message.push") {
      for (const message of frame["messages"] as Fields[]) this.onPush(pushedOf(message));
      return;
    }
    const at = this.#waiting.findIndex(({ prefix }) => action === prefix || action.startsWith(`${prefix}.`));
    const [waiting] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (waiting === undefined) this.onFrame(frame);
    else waiting.resolve(frame);
  }

  async #refuseWhenClosed(): Promise<never> {
    const { code, reason } = await this.closed;
    throw new Error(`the WebSocket was closed: ${code} ${reason}`);
  }
}

const pushedOf = (message: Fields): Pushed => ({
  chatId: String(message["chat_id"]),
  messageId: String(message["message_id"]),
  seq: Number(message["seq"]),
  content: String(message["content"]),
  clientId: message["client_id"] === undefined ? undefined : String(message["client_id"]),
});
