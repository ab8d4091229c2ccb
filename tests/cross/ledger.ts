/** What the senders of a test said and what was acknowledged to them, held against what the server gives back. */
import type { Random } from "../support/random.ts";

/** One message as its sender knows it. */
export interface Said {
  readonly sender: string;
  readonly chatID: string;
  /** Rises by one with every message of this sender. */
  readonly number: number;
  readonly content: string;
  /** Undefined where only MQTT's DUP tells a repeat. */
  readonly clientId: string | undefined;
  acknowledged: boolean;
  /** Where the acknowledgement told them. */
  messageId: string | undefined;
  seq: number | undefined;
}

/** A message of `GET /chats/{chatID}/messages`. */
export interface Stored {
  readonly message_id: string;
  readonly seq: number;
  readonly chatID: string;
  readonly sender: string;
  readonly content: string;
  readonly client_id?: string;
}

const alphabet = [..."abcdefghijklmnopqrstuvwxyz  \n\"'\\{}<>äß€λ中🙂"];

export class Ledger {
  readonly #said = new Map<string, Said[]>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get count(): number {
    let count = 0;
    for (const of of this.#said.values()) count += of.length;
    return count;
  }

  say(sender: string, chatID: string, withClientId: boolean): Said {
    const all = this.#said.get(sender) ?? [];
    this.#said.set(sender, all);
    const number = all.length;
    const length = this.#random.chance(0.02) ? this.#random.int(6000) : this.#random.int(80);
    const filler = Array.from({ length }, () => this.#random.pick(alphabet)).join("");
    const said: Said = {
      sender,
      chatID,
      number,
      content: `${sender} ${number} ${filler}`,
      clientId: withClientId ? `${sender}-${number}` : undefined,
      acknowledged: false,
      messageId: undefined,
      seq: undefined,
    };
    all.push(said);
    return said;
  }

  /**
   * Holds a chat's whole history against everything said in it: each message once and unchanged, in its sender's order,
   * with the ids that were acknowledged; seq 1, 2, 3… and rising message ids. Gives what is wrong, in words.
   */
  check(chatID: string, history: readonly Stored[]): string[] {
    const wrong: string[] = [];
    const lastNumbers = new Map<string, number>();
    const found = new Set<Said>();
    let lastId = 0;
    history.forEach((stored, index) => {
      const where = `${chatID} seq ${stored.seq} (${stored.content.slice(0, 24)})`;
      const id = Number(stored.message_id);
      if (stored.seq !== index + 1) wrong.push(`${where}: stands at place ${index + 1}`);
      if (stored.chatID !== chatID) wrong.push(`${where}: says it is of ${stored.chatID}`);
      if (id <= lastId) wrong.push(`${where}: message_id ${id} after ${lastId}`);
      lastId = id;
      const said = this.#find(stored);
      if (said === undefined) {
        wrong.push(`${where}: nobody said this`);
        return;
      }
      if (said.chatID !== chatID) wrong.push(`${where}: was said in ${said.chatID}`);
      if (stored.content !== said.content) wrong.push(`${where}: its content was changed`);
      if (stored.client_id !== said.clientId) wrong.push(`${where}: client_id ${stored.client_id}`);
      if (found.has(said)) wrong.push(`${where}: stored twice`);
      found.add(said);
      const before = lastNumbers.get(said.sender) ?? -1;
      if (said.number <= before) wrong.push(`${where}: behind the sender's ${before}`);
      lastNumbers.set(said.sender, said.number);
      if (said.seq !== undefined && said.seq !== stored.seq) wrong.push(`${where}: acknowledged as seq ${said.seq}`);
      if (said.messageId !== undefined && said.messageId !== stored.message_id) {
        wrong.push(`${where}: acknowledged as ${said.messageId}, stored as ${stored.message_id}`);
      }
    });
    for (const all of this.#said.values()) {
      for (const said of all) {
        if (said.chatID !== chatID || !said.acknowledged || found.has(said)) continue;
        wrong.push(`${chatID}: ${said.sender} ${said.number} was acknowledged (seq ${said.seq}) and is not there`);
      }
    }
    return wrong;
  }

  #find({ sender, content }: Stored): Said | undefined {
    const [name = "", number = ""] = content.split(" ", 2);
    return name === sender ? this.#said.get(sender)?.[Number(number)] : undefined;
  }
}
