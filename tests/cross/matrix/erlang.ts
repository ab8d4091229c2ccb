/** Erlang itself, as a phone that has logged in by AUTH and holds conversations in terms. */
import { join } from "node:path";
import { withDeadline } from "../../support/deadline.ts";
import { type Client, Ear, type Found, newClientId, type Place, type Said, type Sent, type User } from "./client.ts";
import { CutLine } from "./cut-line.ts";
import { LineReader } from "./line-reader.ts";
import { curlJson, type Reach, upload } from "./programs.ts";
import {
  bytes,
  type ChatNamed,
  list,
  listOf,
  membersOf,
  messageHeard,
  nameOf,
  record,
  shownTerm,
  type Term,
  termHeard,
  textOf,
  tupleOf,
  unset,
} from "./terms.ts";

const longMs = 30_000;
const pageSize = 1000;

type Printed =
  | readonly ["connack", number]
  | readonly ["puback", number]
  | readonly ["publish", number, string, Term]
  | readonly ["closed"];

export interface PhoneLogin {
  readonly phone: string;
  /** Of a test number. */
  readonly code: string;
  readonly backendKey: string;
  readonly chatNamed: ChatNamed;
}

export class Erlang implements Client {
  readonly door = "erlang";
  user: User = { userId: "", userID: "", token: "", phone: undefined };
  readonly ear = new Ear();
  readonly #reach: Reach;
  readonly #line: CutLine;
  readonly #login: PhoneLogin;
  readonly #clientId: string;
  readonly #program: LineReader;
  #password = "";
  #connack = Promise.withResolvers<void>();
  #closed = Promise.withResolvers<void>();
  #puback = new Map<number, () => void>();
  #packetId = 0;
  /** What came on the client's own topic since the request. */
  #answers: Term[] = [];
  #requests: Promise<unknown> = Promise.resolve();

  private constructor(login: PhoneLogin, reach: Reach, line: CutLine) {
    this.#login = login;
    this.#reach = reach;
    this.#line = line;
    this.#clientId = `emqttd_${login.phone}`;
    this.#program = new LineReader(["escript", join(import.meta.dir, "terms_client.escript")], (text) => {
      this.#printed(JSON.parse(text) as Printed);
    });
  }

  /** Registers by phone, and asks for what no document has, so that it hears of chats from then on. */
  static async of(login: PhoneLogin, reach: Reach): Promise<Erlang> {
    const client = new Erlang(login, reach, await CutLine.to(reach.mqtt));
    await client.#register();
    return client;
  }

  async #register(): Promise<void> {
    const { phone, code, backendKey } = this.#login;
    await this.#connect(1);
    const auth = (fields: readonly string[]) => this.#request(record("Auth", ...fields));
    const device = bytes(`dev-${phone}`);
    const issued = await auth([device, unset, bytes(phone), unset, unset, unset, unset, unset, unset]);
    this.#password = textOf(tupleOf(tupleOf(issued)?.[1])?.[2]) ?? "";
    const verified = await auth([
      unset,
      unset,
      unset,
      bytes(this.#password),
      unset,
      "verify",
      bytes(code),
      unset,
      unset,
    ]);
    const [result] = tupleOf(tupleOf(verified)?.[1]) ?? [];
    if (nameOf(result) !== "ok") throw new Error(`AUTH was answered ${shownTerm(verified)}`);
    await this.stop();
    await this.start();
    const rosters = await this.#request(record("Roster", ...Array.from({ length: 12 }, () => unset), "list"));
    const userId = String(tupleOf(listOf(rosters)[0])?.[1]);
    const body = { userID: `user.${userId}`, name: "matrix" };
    const made = await curlJson<{ token: string }>(this.#reach.http, "/tokens", {
      token: backendKey,
      method: "POST",
      body,
    });
    this.user = { userId, userID: `user.${userId}`, token: made.token, phone };
  }

  async #connect(clean: 0 | 1): Promise<void> {
    const [host, port] = this.#line.address.split(":");
    this.#connack = Promise.withResolvers();
    this.#closed = Promise.withResolvers();
    this.#program.write(`{connect,"${host}",${port},${bytes(this.#clientId)},${bytes(this.#password)},${clean}}.`);
    await this.#program.whileRunning("CONNACK", this.#connack.promise);
  }

  async start(): Promise<void> {
    await this.#connect(0);
  }

  async stop(): Promise<void> {
    this.#program.write("disconnect.");
    await this.#program.whileRunning("Erlang disconnects", this.#closed.promise);
  }

  cut(): void {
    this.#line.cut();
  }

  async resume(): Promise<void> {
    this.#line.mend();
    await this.#program.whileRunning("Erlang notices", this.#closed.promise);
    await this.#connect(0);
  }

  async send(place: Place, said: Said): Promise<Sent> {
    const { type, content } = said;
    const isFile = type === "application/octet-stream";
    const file = isFile ? await upload(this.#reach.http, this.user.token, content, type) : undefined;
    const clientId = newClientId(this.door);
    const desc = record(
      "Desc",
      ...(file === undefined ? [unset, bytes(type), bytes(content)] : [bytes(file), unset, unset]),
      unset,
      unset,
    );
    const answer = await this.#request(this.#message(place, { files: list([desc]), clientId, link: said.replyTo }));
    if (shownTerm(answer) !== `{Ack,Message,<<${clientId}>>}`)
      throw new Error(`Message was answered ${shownTerm(answer)}`);
    const own = await this.ear.hears("its own message", (one) => one.clientId === clientId);
    return { id: own.id ?? "", seq: undefined };
  }

  async refused(place: Place): Promise<string> {
    const desc = record("Desc", unset, bytes("text"), bytes("must be refused"), unset, unset);
    const answer = await this.#request(this.#message(place, { files: list([desc]) }));
    if (nameOf(tupleOf(answer)?.[0]) === "Ack") throw new Error("a message that must be refused was not");
    return shownTerm(answer);
  }

  async edit(place: Place, id: string, content: string): Promise<void> {
    const desc = record("Desc", unset, bytes("text"), bytes(content), unset, unset);
    await this.#must(`{Ack,Message,${id}}`, this.#message(place, { id, files: list([desc]), status: "edit" }));
  }

  async remove(place: Place, id: string): Promise<void> {
    await this.#must(`{Ack,Message,${id}}`, this.#message(place, { id, status: "delete" }));
  }

  async read(place: Place, { id }: { readonly id: string }): Promise<void> {
    const answer = await this.#request(record("History", unset, this.#feed(place), "0", id, unset, "update"));
    if (nameOf(tupleOf(answer)?.[6]) !== "update") throw new Error(`History was answered ${shownTerm(answer)}`);
  }

  async typing(place: Place, on: boolean): Promise<void> {
    await this.#request(record("Typing", this.#feed(place), on ? bytes("typing") : unset), false);
  }

  /** Terms have no changes: the history shows what is so now. */
  async changes(place: Place): Promise<Found[]> {
    const answer = await this.#request(
      record("History", unset, this.#feed(place), String(-pageSize), "0", unset, "get"),
    );
    return listOf(tupleOf(answer)?.[5]).map((term) => {
      const { id = "", what, content } = messageHeard(tupleOf(term) ?? [], "", this.#login.chatNamed);
      return { as: "'History' get", id, deleted: what === "deleted", content, reactions: [] };
    });
  }

  readonly groups = {
    make: async (members: readonly User[]): Promise<Place> => {
      const room = await this.#room("create", unset, members);
      const chat = textOf(room[1]) ?? "";
      return { peer: undefined, chat, name: `chat.${chat}` };
    },
    add: async ({ chat }: Place, user: User): Promise<void> => {
      await this.#room("add", bytes(chat), [user]);
    },
    leave: async ({ chat }: Place): Promise<void> => {
      await this.#room("leave", bytes(chat), []);
    },
    members: async ({ chat }: Place): Promise<readonly string[]> => membersOf(await this.#room("get", bytes(chat), [])),
  };

  async #room(status: string, id: string, members: readonly User[]): Promise<readonly Term[]> {
    const before = [unset, unset, unset, unset, list(members.map((user) => bytes(phoneId(user))))];
    const answer = await this.#request(
      record("Room", id, ...before, ...Array.from({ length: 11 }, () => unset), status),
    );
    const room = tupleOf(answer) ?? [];
    if (nameOf(room[18]) !== status) throw new Error(`Room ${status} was answered ${shownTerm(answer)}`);
    return room;
  }

  async block(peer: User): Promise<void> {
    await this.#must(
      "{io,{ok,banned},<<>>}",
      record("Friend", bytes(phoneId(this.user)), bytes(phoneId(peer)), unset, "ban"),
    );
  }

  async unblock(peer: User): Promise<void> {
    await this.#must(
      "{io,{ok,unbanned},<<>>}",
      record("Friend", bytes(phoneId(this.user)), bytes(phoneId(peer)), unset, "unban"),
    );
  }

  #feed({ peer, chat }: Place): string {
    return peer === undefined
      ? record("muc", bytes(chat))
      : record("p2p", bytes(phoneId(this.user)), bytes(phoneId(peer)));
  }

  #message(
    place: Place,
    given: { id?: string; files?: string; clientId?: string; link?: string | undefined; status?: string },
  ): string {
    const { id = unset, files = unset, clientId, link = unset, status = unset } = given;
    const named = clientId === undefined ? unset : bytes(clientId);
    const head = [id, unset, this.#feed(place), unset, unset, named, unset, unset, unset, files];
    return record("Message", ...head, unset, link, unset, unset, unset, status);
  }

  async #must(answered: string, request: string): Promise<void> {
    const answer = shownTerm(await this.#request(request));
    if (answer !== answered) throw new Error(`${request.slice(0, 60)} was answered ${answer}`);
  }

  /** One at a time: PUBACK leaves behind the answer. */
  #request(term: string, isAnswered = true): Promise<Term> {
    const done = this.#requests.then(async () => {
      this.#answers = [];
      this.#packetId = (this.#packetId % 65_535) + 1;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#puback.set(this.#packetId, resolve);
      this.#program.write(`{publish,${this.#packetId},${bytes("events/1//api/anon//")},${term}}.`);
      await this.#program.whileRunning("PUBACK", promise);
      const [answer] = this.#answers;
      if (answer === undefined && isAnswered) throw new Error(`no answer to ${term.slice(0, 60)}`);
      return answer ?? [];
    });
    this.#requests = done.catch(() => {});
    return withDeadline("an answer in terms", done, longMs);
  }

  #printed(printed: Printed): void {
    switch (printed[0]) {
      case "connack":
        if (printed[1] === 0) this.#connack.resolve();
        else this.#connack.reject(new Error(`CONNACK ${printed[1]}`));
        return;
      case "puback":
        this.#puback.get(printed[1])?.();
        return;
      case "closed":
        this.#closed.resolve();
        return;
      default: {
        const [, qos, topic, term] = printed;
        if (topic === `actions/1/api/${this.#clientId}`) this.#answers.push(term);
        else this.ear.push(...termHeard(`${topic}@${qos}`, tupleOf(term) ?? [], this.#login.chatNamed));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.end("SIGKILL");
    await this.#line[Symbol.asyncDispose]();
  }
}

const phoneId = ({ phone = "", userId }: User): string => `${phone}_${userId}`;
