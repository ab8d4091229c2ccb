import type { Action } from "../../minioicq/client.ts";
import type { Act, Chat } from "./model.ts";
import type { FrameLine, Wires } from "./wires.ts";
import {
  type Changes,
  type Client,
  done,
  type Fields,
  type Outcome,
  otherOf,
  pageMax,
  refused,
  type Told,
  type Words,
} from "./words.ts";

/** A MiniOICQ log-in of a device, which confirms what it has. */
export class FrameClient implements Client {
  readonly door = "minioicq";
  readonly got = new Set<string>();
  readonly told: Told[] = [];
  readonly #words: Words;
  readonly #wires: Wires;
  readonly #answers: Action[] = [];
  #line: FrameLine | undefined;
  #sent: ((outcome: Outcome) => void) | undefined;

  private constructor(words: Words, wires: Wires) {
    this.#words = words;
    this.#wires = wires;
  }

  static async connect(
    { words, wires, who }: { words: Words; wires: Wires; who: number },
    device: string,
  ): Promise<FrameClient> {
    const client = new FrameClient(words, wires);
    client.#line = await wires.frames((frame) => client.#take(frame));
    const { token } = words.person(who);
    const answer = await client.#ask({
      action: "auth.login",
      token,
      ack: true,
      extensions: true,
      device_id: device,
    });
    if (answer.action !== "auth.login.success") throw new Error(`not logged in: ${JSON.stringify(answer)}`);
    return client;
  }

  get isOpen(): boolean {
    return this.#line?.isClosed === false;
  }

  #take(frame: Action): void {
    switch (frame.action) {
      case "message.push":
        for (const fields of frame["messages"] as Fields[]) this.#pushed(fields);
        return;
      case "message.edited":
      case "message.deleted":
      case "message.reacted":
        this.told.push(this.#words.change({ ...frame, change: frame.action.slice("message.".length) }));
        return;
      case "message.send.fail":
        this.#sent?.(refused);
        return;
      case "chat.spawn":
        this.#line?.say({ action: "message.push.ack", chat_ids: [frame["chat_id"]] });
        return;
      case "receipt.push":
      case "chat.joined":
      case "chat.left":
      case "contact.blocked":
      case "contact.unblocked":
        return;
      default:
        this.#answers.push(frame);
    }
  }

  #pushed(fields: Fields): void {
    const told = this.#words.told("message", fields);
    if (this.got.has(told.id)) throw new Error(`${told.content} came twice on one connection`);
    this.got.add(told.id);
    this.told.push(told);
    if (fields["client_id"] === this.#sending) this.#sent?.(done(told.id));
  }

  /** The `client_id` of what was sent and not answered. */
  #sending: string | undefined;

  async act(act: Act, clientId: string): Promise<Outcome> {
    if (act.does === "send") return this.#send(act, clientId);
    const answer = await this.#ask(this.#frameOf(act));
    return answer.action.endsWith(".success") ? done() : refused;
  }

  async #send({ chat, content }: Extract<Act, { does: "send" }>, clientId: string): Promise<Outcome> {
    let outcome: Outcome | undefined;
    this.#sending = clientId;
    this.#sent = (came) => {
      outcome = came;
    };
    const message = { chat_id: this.#words.chatId(chat), type: "text", content, client_id: clientId };
    this.#line?.say({ action: "message.send", message });
    await this.#wires.until("the sender's own push", () => outcome !== undefined || !this.isOpen);
    this.#sent = undefined;
    this.#sending = undefined;
    if (outcome === undefined) throw new Error("closed before the sender's own push");
    return outcome;
  }

  #frameOf(act: Exclude<Act, { does: "send" }>): Action {
    const words = this.#words;
    switch (act.does) {
      case "edit":
        return { action: "message.edit", message_id: act.message.id, content: act.content };
      case "delete":
        return { action: "message.delete", message_id: act.message.id };
      case "react":
        return { action: "message.react", message_id: act.message.id, reaction: act.kind, remove: !act.added };
      case "read":
        return { action: "message.read", chat_id: words.chatId(act.message.chat), seq: act.message.seq };
      case "block":
      case "unblock":
        return { action: `contact.${act.does}`, user_id: words.person(otherOf(act.by)).userId };
      case "leave":
        return { action: "chat.leave", chat_id: words.chatId(act.chat) };
      case "join":
        return { action: "chat.add", chat_id: words.chatId(act.chat), members: [words.person(act.by).userId] };
    }
  }

  async #ask(action: Action): Promise<Action> {
    this.#line?.say(action);
    await this.#wires.until(action.action, () => this.#answers.length > 0 || !this.isOpen);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error(`closed before the answer to ${action.action}`);
    return answer;
  }

  async changesAfter(chat: Chat, after: number): Promise<Changes | undefined> {
    const answer = await this.#ask({
      action: "changes.get",
      chat_id: this.#words.chatId(chat),
      after,
      limit: pageMax,
    });
    return answer.action === "changes.get.success" ? this.#words.changes(answer) : undefined;
  }

  confirm(ids: readonly string[]): void {
    if (ids.length > 0) this.#line?.say({ action: "message.push.ack", message_ids: ids });
  }

  async fence(): Promise<void> {
    await this.#ask({ action: "heartbeat" });
  }

  async drop(): Promise<void> {
    this.#line?.drop();
  }
}
