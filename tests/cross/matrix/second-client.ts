/**
 * Another client of a user, beside the one under test: it says what that user's door has no word for, and hears the same
 * news in the same moment, so that the absence of news elsewhere can be told. It confirms nothing, so it moves no position.
 */
import { type Action, MiniClient, messagesOf } from "../../minioicq/client.ts";
import { withDeadline } from "../../support/deadline.ts";
import { Ear, newClientId, type Place, type Said, type Sent, type User } from "./client.ts";
import { heardIn } from "./websockets.ts";

const longMs = 30_000;
let devices = 0;

export class SecondClient implements Disposable {
  readonly ear = new Ear();
  readonly #client: MiniClient;
  readonly #waiting: { readonly fits: (frame: Action) => boolean; resolve(frame: Action): void }[] = [];

  private constructor(client: MiniClient, user: User) {
    this.#client = client;
    client.handOver((frame) => {
      this.ear.push(...heardIn(frame, user.userId));
      const at = this.#waiting.findIndex(({ fits }) => fits(frame));
      if (at !== -1) this.#waiting.splice(at, 1)[0]?.resolve(frame);
    });
  }

  static async of(http: string, user: User): Promise<SecondClient> {
    devices += 1;
    const client = new SecondClient(await MiniClient.connect(http, "json", { receipts: true }), user);
    const login = { token: user.token, device_id: `second-${devices}`, ack: true, extensions: true };
    await client.#ask({ action: "auth.login", ...login }, ({ action }) => action.startsWith("auth.login."));
    return client;
  }

  async send({ peer, chat }: Place, { content }: Said): Promise<Sent> {
    const clientId = newClientId("websockets");
    const message = { chat_id: peer?.userId ?? chat, type: "text", content: content.toString(), client_id: clientId };
    const push = await this.#ask(
      { action: "message.send", message },
      (frame) => frame.action === "message.push" && messagesOf(frame)[0]?.client_id === clientId,
    );
    const [own] = messagesOf(push);
    return { id: String(own?.message_id), seq: own?.seq };
  }

  async block({ userId }: User): Promise<void> {
    await this.#ask({ action: "contact.block", user_id: userId }, ({ action }) => action === "contact.block.success");
  }

  async unblock({ userId }: User): Promise<void> {
    await this.#ask(
      { action: "contact.unblock", user_id: userId },
      ({ action }) => action === "contact.unblock.success",
    );
  }

  async #ask(request: Action, fits: (frame: Action) => boolean): Promise<Action> {
    const { promise, resolve } = Promise.withResolvers<Action>();
    this.#waiting.push({ fits, resolve });
    this.#client.say(request);
    return await withDeadline(`an answer to ${request.action}`, promise, longMs);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
