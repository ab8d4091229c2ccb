/** Erlang itself as a phone: requests are written as Erlang reads them, and what comes is printed as docs/protocols/erlang-terms.md prints it. */
import { join } from "node:path";
import { LineReader } from "../cross/matrix/line-reader.ts";
import { bytes, shownTerm, type Term, textOf, tupleOf } from "../cross/matrix/terms.ts";

type Printed =
  | readonly ["connack", number]
  | readonly ["puback", number]
  | readonly ["publish", number, string, Term]
  | readonly ["closed"];

const script = join(import.meta.dir, "../cross/matrix/terms_client.escript");
/** By what they are printed as. */
export type Names = Map<string, string>;

export class ErlangPhone implements AsyncDisposable {
  readonly phone: string;
  readonly #names: Names;
  readonly #program: LineReader;
  readonly #clientId: string;
  #heard: string[] = [];
  #waiting: (() => void)[] = [];
  #acks = new Map<number, () => void>();
  #last: Term = [];
  #connack = Promise.withResolvers<void>();
  #packetId = 0;

  private constructor(phone: string, names: Names) {
    this.phone = phone;
    this.#names = names;
    this.#clientId = `emqttd_${phone}`;
    this.#program = new LineReader(["escript", script], (line) => this.#printed(JSON.parse(line) as Printed));
  }

  /** Logs in by AUTH, and asks for what no document has, so that it hears of chats from then on. */
  static async logIn(mqtt: string, { phone, code, names }: { phone: string; code: string; names: Names }) {
    const client = new ErlangPhone(phone, names);
    const colon = mqtt.lastIndexOf(":");
    client.#program.write(
      `{connect,"${mqtt.slice(0, colon)}",${mqtt.slice(colon + 1)},${bytes(client.#clientId)},<<>>,1}.`,
    );
    await client.#program.whileRunning("CONNACK", client.#connack.promise);
    await client.ask(`{'Auth',<<"dev-${phone}">>,[],<<"${phone}">>,[],[],[],[],[],[]}`);
    const token = textOf(tupleOf(tupleOf(client.#last)?.[1])?.[2]) ?? "";
    await client.ask(`{'Auth',[],[],[],<<"${token}">>,[],verify,<<"${code}">>,[],[]}`);
    await client.ask(`{'Roster',${Array.from({ length: 12 }, () => "[]").join(",")},list}`);
    return { client, userId: Number(tupleOf((client.#last as readonly Term[])[0])?.[1]) };
  }

  /** The answer, and whatever else had come by the time the request was acknowledged: PUBACK leaves behind the answer. */
  async ask(term: string): Promise<string[]> {
    this.#packetId += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#acks.set(this.#packetId, resolve);
    this.#program.write(`{publish,${this.#packetId},<<"events/1//api/anon//">>,${term}}.`);
    await this.#program.whileRunning("PUBACK", promise);
    return this.#heard.splice(0);
  }

  /** The answer alone; what else comes is left for `hears`. */
  async answer(term: string): Promise<string> {
    const came = await this.ask(term);
    const own = came.filter((one) => one.startsWith("own "));
    this.#heard.push(...came.filter((one) => !one.startsWith("own ")));
    if (own.length !== 1) throw new Error(`${own.length} answers to ${term}`);
    return own[0]?.slice(4) ?? "";
  }

  /** The next that comes, in whatever time. Who is there is told again whenever it may be news, so it is left out unless asked for. */
  async hears({ presenceToo = false } = {}): Promise<string> {
    for (;;) {
      while (this.#heard.length === 0) {
        await this.#program.whileRunning("a message", new Promise<void>((resolve) => this.#waiting.push(resolve)));
      }
      const next = this.#heard.shift() ?? "";
      if (presenceToo || !next.startsWith("ac/")) return next;
    }
  }

  #printed(printed: Printed): void {
    if (printed[0] === "connack") this.#connack.resolve();
    if (printed[0] === "puback") this.#acks.get(printed[1])?.();
    if (printed[0] !== "publish") return;
    const [, , topic, term] = printed;
    const isOwn = topic === `actions/1/api/${this.#clientId}`;
    if (isOwn) this.#last = term;
    this.#heard.push(this.#named(`${isOwn ? "own" : topic} ${shownTerm(term)}`));
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #named(text: string): string {
    let shown = text.replace(/\b1[6-9]\d{11}\b/g, "Time");
    for (const [name, value] of this.#names) shown = shown.replaceAll(value, name);
    return shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.end("SIGKILL");
  }
}
