/** Phones in conversation, and what they hear, written as docs/protocols/erlang-terms.md prints it. */
import { decodePayload } from "../../src/etf/dialects.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { Atom, atom, binary, type Term, Text, Tuple } from "../../src/etf/term.ts";
import { withDeadline } from "../support/deadline.ts";
import type { TestServerOptions } from "../support/server.ts";
import type { Answer, RosterClient } from "./client.ts";
import { type PhoneName, Phones, phoneNumbers, tuple } from "./phones.ts";

const unset: WireTerm = [];
const isRecord = (name: string): boolean => /^(?:[A-Z]|p2p$|muc$)/.test(name);

/** `{'Message',…}` of 2018 or of November 2017; what is not given is unset. */
export function message({
  layout = 16,
  id = unset,
  feed = unset,
  msgId = unset,
  from = unset,
  to = unset,
  created = unset,
  files = unset,
  link = unset,
  seenBy = unset,
  mentioned = unset,
  status = unset,
}: Partial<Record<"id" | "feed" | "from" | "to" | "created" | "files" | "link" | "seenBy" | "mentioned", WireTerm>> & {
  layout?: 13 | 16;
  msgId?: WireTerm;
  status?: WireTerm;
}): WireTerm {
  const more = layout === 16 ? [unset, link, seenBy, unset, mentioned] : [unset, unset];
  return tuple("Message", id, unset, feed, unset, unset, msgId, from, to, created, files, ...more, status);
}

export const text = (content: string): WireTerm => [
  tuple("Desc", unset, binary("text"), binary(content), unset, unset),
];
export const text2017 = (content: string): WireTerm => [
  tuple("Desc", binary("text"), binary(content), content.length, unset, unset),
];
export const p2p = (from: WireTerm, to: WireTerm): WireTerm => tuple("p2p", from, to);
export const muc = (room: WireTerm): WireTerm => tuple("muc", room);

export class Conversation implements AsyncDisposable {
  readonly phones: Phones;
  readonly ids = new Map<PhoneName, Uint8Array>();
  readonly #names = new Map<string, string>();

  private constructor(phones: Phones) {
    this.phones = phones;
  }

  static async start(options: TestServerOptions = {}): Promise<Conversation> {
    return new Conversation(await Phones.start(options));
  }

  get server() {
    return this.phones.server;
  }

  /** A phone that has logged in; its PhoneId is printed as its name. */
  async phone(name: PhoneName, clientId = `emqttd_${name}`, clean = true): Promise<RosterClient> {
    const { client } = await this.phones.device(name, clientId, { clean });
    const phoneId = await this.phones.phoneId(name);
    this.ids.set(name, binary(phoneId));
    this.name(phoneId, name);
    return client;
  }

  name(text: string, name: string): void {
    this.#names.set(text, name);
  }

  id(name: PhoneName): Uint8Array {
    const id = this.ids.get(name);
    if (id === undefined) throw new Error(`${name} has not logged in`);
    return id;
  }

  async ask(client: RosterClient, request: WireTerm | Buffer): Promise<string[]> {
    return this.show(await client.ask(request));
  }

  /** Waits until at least so much has come. */
  async hears(client: RosterClient, count: number): Promise<string[]> {
    const answers: Answer[] = [];
    const come = async (): Promise<void> => {
      while (answers.length < count) answers.push(...(await client.heard()));
    };
    await withDeadline(`${count} messages`, come());
    return this.show(answers);
  }

  /** `own <term>` for an answer, else `<topic>@<qos> <term>`; a large number is `Time`. */
  show(answers: readonly Answer[]): string[] {
    return answers.map(({ topic, qos, payload }) => {
      const { term } = decodePayload(payload, isRecord);
      if (/^actions\//.test(topic)) return `own ${this.print(term)}`;
      const named = topic.split("/").map((level) => this.#names.get(level) ?? level);
      return `${named.join("/")}@${qos} ${this.print(term)}`;
    });
  }

  print(term: Term): string {
    if (term instanceof Tuple) return `{${term.items.map((item) => this.print(item)).join(",")}}`;
    if (term instanceof Atom) return term.name;
    if (Array.isArray(term)) return `[${term.map((item) => this.print(item)).join(",")}]`;
    if (typeof term === "number") return term > 1_600_000_000_000 ? "Time" : String(term);
    if (term instanceof Text) return this.#names.get(term.value) ?? `"${term.value}"`;
    const content = String(Buffer.from(term as Uint8Array));
    return this.#names.get(content) ?? `<<${content}>>`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.phones[Symbol.asyncDispose]();
  }
}

export { atom, binary, phoneNumbers, tuple };
