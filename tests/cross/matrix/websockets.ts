/** python3-websockets with python3-msgpack: an extended MiniOICQ client that acknowledges its pushes. */
import { join } from "node:path";
import { withDeadline } from "../../support/deadline.ts";
import {
  type Client,
  Ear,
  type Found,
  type Heard,
  newClientId,
  type Place,
  type Position,
  type Said,
  type Sent,
  type User,
} from "./client.ts";
import { CutLine } from "./cut-line.ts";
import { LineReader } from "./line-reader.ts";
import type { Reach } from "./programs.ts";

const longMs = 30_000;

interface Message {
  readonly chat_id: string;
  readonly message_id: string;
  readonly seq: number;
  readonly sender_id: string;
  readonly type: string;
  readonly content?: string;
  readonly file?: { readonly hash: string };
  readonly client_id?: string;
  readonly reply_to?: string;
  readonly reactions?: readonly { readonly reaction: string }[];
}

type Frame = { readonly action: string; readonly reason?: string } & Readonly<Record<string, unknown>>;

export class Websockets implements Client {
  readonly door = "websockets";
  readonly user: User;
  readonly ear = new Ear();
  readonly #python: string;
  readonly #line: CutLine;
  /** Requests are answered in order, each by its own action. */
  readonly #waiting: { readonly action: string; readonly clientId: string | undefined; resolve(frame: Frame): void }[] =
    [];
  #program: LineReader | undefined;
  #closed = Promise.withResolvers<void>();

  private constructor(user: User, python: string, line: CutLine) {
    this.user = user;
    this.#python = python;
    this.#line = line;
  }

  static async of(user: User, reach: Reach, python: string): Promise<Websockets> {
    return new Websockets(user, python, await CutLine.to(reach.http));
  }

  async start(): Promise<void> {
    this.#closed = Promise.withResolvers();
    const script = join(import.meta.dir, "../ws_client.py");
    const command = [this.#python, script, `ws://${this.#line.address}/ws`];
    this.#program = new LineReader(command, (line) => this.#received(JSON.parse(line)));
    const login = { token: this.user.token, device_id: "desk", ack: true, extensions: true };
    await this.#ask("auth.login", login);
  }

  async stop(): Promise<void> {
    this.#program?.write(JSON.stringify({ python: "close" }));
    await this.#program?.ended();
  }

  cut(): void {
    this.#line.cut();
  }

  /** The program says that its line broke, and is started again. */
  async resume(): Promise<void> {
    this.#line.mend();
    await withDeadline("python notices", this.#closed.promise, longMs);
    await this.#program?.end();
    await this.start();
  }

  async send(place: Place, said: Said): Promise<Sent> {
    const message = await this.#send(place, said);
    if (message.action !== "message.push") throw new Error(`message.send was answered ${JSON.stringify(message)}`);
    const [own] = message["messages"] as Message[];
    return { id: own?.message_id ?? "", seq: own?.seq };
  }

  async refused(place: Place): Promise<string> {
    const answer = await this.#send(place, { type: "text", content: Buffer.from("must be refused") });
    if (answer.action !== "message.send.fail") throw new Error("a message that must be refused was not");
    return `${answer.action} ${answer.reason}`;
  }

  async #send(place: Place, { type, content, replyTo }: Said): Promise<Frame> {
    const clientId = newClientId(this.door);
    const body = type === "text" ? content.toString() : { base64: content.toString("base64") };
    const message = { chat_id: idOf(place), type, content: body, client_id: clientId, reply_to: replyTo };
    return await this.#answer("message.send", { message }, clientId);
  }

  async edit(_: Place, id: string, content: string): Promise<void> {
    await this.#ask("message.edit", { message_id: id, content });
  }

  async remove(_: Place, id: string): Promise<void> {
    await this.#ask("message.delete", { message_id: id });
  }

  async react(_: Place, id: string, reaction: string): Promise<void> {
    await this.#ask("message.react", { message_id: id, reaction });
  }

  async read(place: Place, { seq }: { readonly seq: number }): Promise<void> {
    await this.#ask("message.read", { chat_id: idOf(place), seq });
  }

  async typing(place: Place, on: boolean): Promise<void> {
    await this.#ask("chat.typing", { chat_id: idOf(place), typing: on });
  }

  async changes(place: Place, revision: number): Promise<Found[]> {
    const answer = await this.#ask("changes.get", { chat_id: idOf(place), after: revision });
    const changes = answer["changes"] as { change: string; message?: Message; message_id?: string }[];
    return changes.map(({ change, message, message_id: id }) => ({
      as: `changes.get ${change}`,
      id: message?.message_id ?? id ?? "",
      deleted: change === "deleted",
      content: message === undefined ? undefined : bytesOf(message),
      reactions: (message?.reactions ?? []).map(({ reaction }) => reaction),
    }));
  }

  async positions(place: Place): Promise<Position[]> {
    const answer = await this.#ask("receipt.list", { chat_id: place.chat });
    const receipts = answer["receipts"] as { user_id: string; delivered: number; read: number }[];
    return receipts.map(({ user_id: user, delivered, read }) => ({ as: "receipt.list", user, delivered, read }));
  }

  readonly groups = {
    make: async (members: readonly User[]): Promise<Place> => {
      const request = { members: members.map(({ userId }) => userId) };
      const chat = String((await this.#ask("chat.create", request, "chat.spawn"))["chat_id"]);
      return { peer: undefined, chat, name: `chat.${chat}` };
    },
    add: async ({ chat }: Place, { userId }: User): Promise<void> => {
      await this.#ask("chat.add", { chat_id: chat, members: [userId] });
    },
    leave: async ({ chat }: Place): Promise<void> => {
      await this.#ask("chat.leave", { chat_id: chat });
    },
    members: async ({ chat }: Place): Promise<string[]> => {
      const answer = await this.#ask("chat.get", { chat_id: chat });
      return (answer["members"] as { user_id: string }[]).map(({ user_id: user }) => user);
    },
  };

  async block({ userId }: User): Promise<void> {
    await this.#ask("contact.block", { user_id: userId });
  }

  async unblock({ userId }: User): Promise<void> {
    await this.#ask("contact.unblock", { user_id: userId });
  }

  /** What must succeed. */
  async #ask(action: string, fields: object, answered = `${action}.success`): Promise<Frame> {
    const answer = await this.#answer(action, fields, undefined, answered);
    if (answer.action !== answered) throw new Error(`${action} was answered ${JSON.stringify(answer)}`);
    return answer;
  }

  async #answer(
    action: string,
    fields: object,
    clientId: string | undefined,
    answered = `${action}.success`,
  ): Promise<Frame> {
    const { promise, resolve } = Promise.withResolvers<Frame>();
    this.#waiting.push({ action: clientId === undefined ? answered : "message.push", clientId, resolve });
    const program = this.#program;
    if (program === undefined) throw new Error("not started");
    program.write(JSON.stringify({ action, ...fields }));
    return await program.whileRunning(`an answer to ${action}`, promise);
  }

  #received(frame: Frame | { readonly closed: number }): void {
    if ("closed" in frame) {
      this.#closed.resolve();
      return;
    }
    this.ear.push(...heardIn(frame, this.user.userId));
    if (frame.action === "message.push") {
      const messages = frame["messages"] as Message[];
      const ids = messages.map(({ message_id: id }) => id);
      this.#program?.write(JSON.stringify({ action: "message.push.ack", message_ids: ids }));
    } else if (frame.action === "chat.spawn") {
      this.#program?.write(JSON.stringify({ action: "message.push.ack", chat_ids: [frame["chat_id"]] }));
    }
    const at = this.#waiting.findIndex((one) => answers(frame, one));
    if (at !== -1) this.#waiting.splice(at, 1)[0]?.resolve(frame);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.end("SIGKILL");
    await this.#line[Symbol.asyncDispose]();
  }
}

function answers(frame: Frame, { action, clientId }: { action: string; clientId: string | undefined }): boolean {
  if (clientId === undefined) {
    const request = action === "chat.spawn" ? "chat.create" : action.replace(/\.success$/, "");
    return frame.action === action || frame.action === `${request}.fail`;
  }
  if (frame.action === "message.send.fail") return frame["client_id"] === clientId;
  const messages = frame.action === "message.push" ? (frame["messages"] as Message[]) : [];
  return messages.some((message) => message.client_id === clientId);
}

const idOf = ({ peer, chat }: Place): string => peer?.userId ?? chat;

const bytesOf = ({ type, content }: Message): Buffer | undefined =>
  content === undefined ? undefined : Buffer.from(content, type === "text" ? "utf8" : "base64");

const messageHeard = (message: Message, as: string, what: "message" | "edited"): Heard => ({
  what,
  as,
  chat: message.chat_id,
  id: message.message_id,
  seq: message.seq,
  type: message.type,
  content: bytesOf(message),
  file: message.file?.hash,
  replyTo: message.reply_to,
  clientId: message.client_id,
  user: message.sender_id,
});

export function heardIn(frame: Frame, own: string): Heard[] {
  const { action: as } = frame;
  const chat = String(frame["chat_id"]);
  const place = { as, chat, id: String(frame["message_id"]), seq: Number(frame["seq"]) };
  switch (as) {
    case "message.push":
      return (frame["messages"] as Message[]).map((message) => messageHeard(message, as, "message"));
    case "message.edited":
      return [messageHeard(frame["message"] as Message, as, "edited")];
    case "message.deleted":
      return [{ what: "deleted", ...place }];
    case "message.reacted":
      return [{ what: "reacted", ...place, user: String(frame["user_id"]), reaction: String(frame["reaction"]) }];
    case "receipt.push":
      return (frame["receipts"] as { chat_id: string; user_id: string; delivered: number; read?: number }[]).map(
        ({ chat_id, user_id: user, delivered, read }) => ({
          what: "receipt",
          as,
          chat: chat_id,
          user,
          delivered,
          read,
        }),
      );
    case "chat.typing":
      return [{ what: "typing", as, chat, user: String(frame["user_id"]), typing: frame["typing"] === true }];
    case "chat.spawn":
      return [{ what: "entered", as, chat, users: [own] }];
    case "chat.joined": {
      const members = frame["members"] as { user_id: string }[];
      return [{ what: "entered", as, chat, users: members.map(({ user_id: user }) => user) }];
    }
    case "chat.left":
      return [{ what: "left", as, chat, users: (frame["members"] as string[]).map(String) }];
    default:
      return [];
  }
}
