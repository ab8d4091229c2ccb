/** curl: a stream of Server-Sent Events that stays, and a request for everything that is said. */
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
import { curl, curlJson, type Reach } from "./programs.ts";
import { type ChangeJson, changeFound, changeHeard, type MessageJson, messageHeard } from "./shapes.ts";

interface EventJson {
  readonly type: string;
  readonly event_id?: string;
  readonly chat_id: string;
  readonly through?: number;
  readonly users?: readonly { readonly user_id: string }[];
}

export class Curl implements Client {
  readonly door = "curl";
  readonly user: User;
  readonly ear = new Ear();
  readonly #http: string;
  readonly #line: CutLine;
  #stream: LineReader | undefined;
  #streaming = Promise.withResolvers<void>();
  /** Of the event that is being read. */
  #fields: Record<string, string> = {};
  #lastId = "";
  /** To be confirmed, which goes on one request at a time. */
  readonly #got: string[] = [];
  #confirming: Promise<void> = Promise.resolve();

  private constructor(user: User, { http }: Reach, line: CutLine) {
    this.user = user;
    this.#http = http;
    this.#line = line;
  }

  static async of(user: User, reach: Reach): Promise<Curl> {
    return new Curl(user, reach, await CutLine.to(reach.http));
  }

  /** The cursor of an empty answer is where receipts begin. */
  async start(): Promise<void> {
    if (this.#lastId === "") {
      const page = await curlJson<{ next: string }>(this.#http, "/messages?format=simple&receipts=true", this.#as());
      this.#lastId = page.next;
    }
    this.#streaming = Promise.withResolvers();
    const url = `http://${this.#line.address}/messages?format=simple&receipts=true&limit=100`;
    const headers = [
      "Accept: text/event-stream",
      `Authorization: Bearer ${this.user.token}`,
      `Last-Event-ID: ${this.#lastId}`,
    ];
    const command = ["curl", "-sS", "-N", ...headers.flatMap((header) => ["-H", header]), url];
    this.#stream = new LineReader(command, (line) => this.#heard(line));
    await this.#stream.whileRunning("the stream begins", this.#streaming.promise);
  }

  #heard(line: string): void {
    if (line.startsWith("retry:")) this.#streaming.resolve();
    const colon = line.indexOf(":");
    if (colon > 0) this.#fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    if (line !== "") return;
    const { event, data, id } = this.#fields;
    this.#fields = {};
    if (id !== undefined) this.#lastId = id;
    if (data === undefined) return;
    const value = JSON.parse(data);
    if (event === "message") {
      this.#confirm(value.message_id);
      this.ear.push(messageHeard(value as MessageJson, "SSE message"));
      return;
    }
    const { type, event_id: eventId } = value as EventJson;
    if (eventId !== undefined) this.#confirm(eventId);
    const as = `SSE event ${type}`;
    if (type === "change") this.ear.push(changeHeard(value as ChangeJson, `${as} ${value.change}`));
    else this.ear.push(...eventHeard(value as EventJson, as));
  }

  /** What came while a request was on its way goes with the next one. */
  #confirm(messageID: string): void {
    this.#got.push(messageID);
    if (this.#got.length > 1) return;
    this.#confirming = this.#confirming.then(async () => {
      const statuses = this.#got.splice(0).map((one) => ({ messageID: one, messageStatus: "delivered" }));
      await this.#post({ statuses });
    });
  }

  async stop(): Promise<void> {
    await this.#stream?.end();
    await this.#confirming;
  }

  cut(): void {
    this.#line.cut();
  }

  /** curl ends when its line breaks, and is started again behind the last event that it printed whole. */
  async resume(): Promise<void> {
    this.#line.mend();
    await this.#stream?.ended();
    await this.#confirming;
    this.#fields = {};
    await this.start();
  }

  async send(place: Place, said: Said): Promise<Sent> {
    const { message_id: id, seq } = await this.#post<{ message_id: string; seq: number }>(messageOf(place, said));
    return { id, seq };
  }

  async refused(place: Place): Promise<string> {
    const body = messageOf(place, { type: "text", content: Buffer.from("must be refused") });
    const { status, text } = await curl(this.#http, "/messages", { ...this.#as(), method: "POST", body });
    if (status === 200) throw new Error("a message that must be refused was not");
    return `${status} ${JSON.parse(text).error}`;
  }

  async edit(_: Place, id: string, content: string): Promise<void> {
    await curlJson(this.#http, `/messages/${id}`, { ...this.#as(), method: "PATCH", body: { content } });
  }

  async remove(_: Place, id: string): Promise<void> {
    await curlJson(this.#http, `/messages/${id}`, { ...this.#as(), method: "DELETE" });
  }

  async react(_: Place, id: string, reaction: string): Promise<void> {
    const path = `/messages/${id}/reactions/${encodeURIComponent(reaction)}`;
    await curlJson(this.#http, path, { ...this.#as(), method: "PUT" });
  }

  async read(place: Place, { seq }: { readonly seq: number }): Promise<void> {
    await this.#post({ statuses: [{ chatID: nameOf(place), through: seq, messageStatus: "read" }] });
  }

  async typing(place: Place, on: boolean): Promise<void> {
    const path = `/chats/${nameOf(place)}/typing`;
    await curlJson(this.#http, path, { ...this.#as(), method: "PUT", body: { typing: on } });
  }

  async changes(place: Place, revision: number): Promise<Found[]> {
    const path = `/chats/${nameOf(place)}/changes`;
    const answer = await curlJson<{ changes: ChangeJson[] }>(this.#http, `${path}?after=${revision}`, this.#as());
    return answer.changes.map((change) => changeFound(change, `GET ${path}`));
  }

  async positions(_: Place, { id }: { readonly id: string }): Promise<Position[]> {
    const path = `/messages/${id}/receipts`;
    const { receipts } = await curlJson<{ receipts: { user_id: string; delivered: number; read: number }[] }>(
      this.#http,
      path,
      this.#as(),
    );
    return receipts.map(({ user_id: user, delivered, read }) => ({ as: `GET ${path}`, user, delivered, read }));
  }

  async #post<T>(body: object): Promise<T> {
    return await curlJson<T>(this.#http, "/messages", { ...this.#as(), method: "POST", body });
  }

  #as(): { readonly token: string } {
    return { token: this.user.token };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream?.end("SIGKILL");
    await this.#confirming.catch(() => {});
    await this.#line[Symbol.asyncDispose]();
  }
}

const nameOf = ({ peer, name }: Place): string => (peer === undefined ? name : `user.${peer.userId}`);

function messageOf(place: Place, { type, content, replyTo }: Said): object {
  const bytes =
    type === "text" ? { content: content.toString() } : { content: content.toString("base64"), encoding: "base64" };
  return { chatID: nameOf(place), type, ...bytes, clientID: newClientId("curl"), reply_to: replyTo };
}

function eventHeard({ type, chat_id: chat, through, users = [] }: EventJson, as: string): Heard[] {
  const ids = users.map(({ user_id: user }) => user);
  const [user = ""] = ids;
  switch (type) {
    case "chat_enter":
      return [{ what: "entered", as, chat, users: ids }];
    case "chat_leave":
      return [{ what: "left", as, chat, users: ids }];
    case "chat_typing":
    case "chat_typingEnd":
      return [{ what: "typing", as, chat, user, typing: type === "chat_typing" }];
    case "delivered":
    case "read":
      return [{ what: "receipt", as, chat, user, [type]: through }];
    default:
      throw new Error(`not expected: ${as}`);
  }
}
