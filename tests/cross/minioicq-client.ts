/** A MiniOICQ client of MessagePack that hands over pushes as they come, and knows which frame answers which request. */

import { encode } from "@msgpack/msgpack";
import { type Action, MiniClient, messagesOf, type PushedMessage } from "../minioicq/client.ts";
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
  /** A `message.send.fail`, or anything else that no request asked for. */
  onFrame: (frame: Fields) => void = () => {};
  readonly #client: MiniClient;
  readonly #waiting: { readonly prefix: string; resolve(frame: Fields): void }[] = [];

  private constructor(client: MiniClient) {
    this.#client = client;
    client.handOver((frame) => this.#received(frame));
  }

  /** @param http `host:port` */
  static async connect(http: string): Promise<MiniOicqClient> {
    return new MiniOicqClient(await MiniClient.connect(http));
  }

  send(request: { action: string; [name: string]: unknown }): void {
    this.#client.raw(encode(request, { ignoreUndefined: true }));
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
    await this.#client.bye();
  }

  /** Waits for the server's end of the connection, which comes behind everything it sent. */
  async lost(): Promise<void> {
    await withDeadline("a dead server's WebSocket to end", this.#client.closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #received(frame: Action): void {
    if (this.#client.frames.at(-1) !== "msgpack") throw new Error("a MessagePack client was sent text");
    const { action } = frame;
    if (action === "message.push") {
      for (const message of messagesOf(frame)) this.onPush(pushedOf(message));
      return;
    }
    const at = this.#waiting.findIndex(({ prefix }) => action === prefix || action.startsWith(`${prefix}.`));
    const [waiting] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (waiting === undefined) this.onFrame(frame);
    else waiting.resolve(frame);
  }

  async #refuseWhenClosed(): Promise<never> {
    const { code, reason } = await this.#client.closed;
    throw new Error(`the WebSocket was closed: ${code} ${reason}`);
  }
}

const pushedOf = (message: PushedMessage): Pushed => ({
  chatId: String(message.chat_id),
  messageId: String(message.message_id),
  seq: message.seq,
  content: message.content,
  clientId: message.client_id === undefined ? undefined : String(message.client_id),
});
