import { MqttClient } from "../mqtt-client.ts";
import type { Act, Chat } from "./model.ts";
import type { Wires } from "./wires.ts";
import {
  type Changes,
  type Client,
  done,
  type Fields,
  type Outcome,
  pageMax,
  refused,
  type Told,
  type Words,
} from "./words.ts";

/** An MQTT session that outlives its connections. */
export class PacketClient implements Client {
  readonly door = "mqtt";
  readonly got = new Set<string>();
  readonly told: Told[] = [];
  readonly #words: Words;
  readonly #wires: Wires;
  readonly #who: number;
  readonly #packetIds = new Map<string, number>();
  readonly #acknowledged = new Set<number>();
  readonly #answers: Fields[] = [];
  #asks = false;
  #client: MqttClient | undefined;
  #lastId = 0;

  private constructor(words: Words, wires: Wires, who: number) {
    this.#words = words;
    this.#wires = wires;
    this.#who = who;
  }

  static async connect(
    { words, wires, who }: { words: Words; wires: Wires; who: number },
    session: { readonly clientId: string; readonly isNew: boolean },
  ): Promise<PacketClient> {
    const client = new PacketClient(words, wires, who);
    const { userID, token } = words.person(who);
    const login = { username: userID, password: token, clientId: session.clientId, clean: false };
    const connected = await MqttClient.connect(await wires.packets(), login, {
      onPublish: ({ topic, payload, messageId }) => client.#take(topic, JSON.parse(String(payload)), messageId ?? 0),
      onPuback: (id) => client.#acknowledged.add(id),
    });
    client.#client = connected;
    if (connected.sessionPresent === session.isNew) throw new Error(`the session is new: ${!session.isNew}`);
    if (session.isNew) {
      await connected.subscribe("chat/+/changes", 1);
      await connected.subscribe("chat/+/messages", 2);
      client.#lastId = 2;
    }
    return client;
  }

  get isOpen(): boolean {
    return this.#client?.isClosed === false;
  }

  #take(topic: string, fields: Fields, packetId: number): void {
    if (topic.endsWith("/messages")) {
      const told = this.#words.told("message", fields);
      if (this.got.has(told.id)) throw new Error(`${told.content} came twice on one connection`);
      this.got.add(told.id);
      this.#packetIds.set(told.id, packetId);
      this.told.push(told);
    } else if (fields["changes"] !== undefined) {
      // One that a kill did not let be confirmed comes again when the session does, before anything is asked.
      if (this.#asks) this.#answers.push(fields);
      this.#client?.puback(packetId);
    } else this.told.push(this.#words.change(fields));
  }

  async act(act: Act, clientId: string): Promise<Outcome> {
    switch (act.does) {
      case "send":
        return this.#publish(act.chat, "send", { content: act.content, client_id: clientId });
      case "edit":
        return this.#publish(act.message.chat, "changes", { edit: act.message.id, content: act.content });
      case "delete":
        return this.#publish(act.message.chat, "changes", { delete: act.message.id });
      case "react": {
        const change = { react: act.message.id, reaction: act.kind };
        return this.#publish(act.message.chat, "changes", act.added ? change : { ...change, remove: true });
      }
      case "read":
        return this.#publish(act.message.chat, "receipts", { read: act.message.seq });
      default:
        throw new Error(`MQTT has no word for ${act.does}`);
    }
  }

  /** Before MQTT 5 a refusal closes the connection. */
  async #publish(chat: Chat, level: string, payload: object): Promise<Outcome> {
    const client = this.#open;
    this.#lastId += 1;
    const packetId = this.#lastId;
    client.publish(`chat/${this.#words.chatID(chat, this.#who)}/${level}`, JSON.stringify(payload), { packetId });
    await this.#wires.until("PUBACK", () => this.#acknowledged.has(packetId) || client.isClosed);
    return this.#acknowledged.has(packetId) ? done() : refused;
  }

  async changesAfter(chat: Chat, after: number): Promise<Changes | undefined> {
    this.#asks = true;
    const { is } = await this.#publish(chat, "changes", { after, limit: pageMax });
    if (is === "refused") return undefined;
    await this.#wires.until("the changes", () => this.#answers.length > 0 || !this.isOpen);
    this.#asks = false;
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error("closed before the changes");
    return this.#words.changes(answer);
  }

  confirm(ids: readonly string[]): void {
    for (const id of ids) this.#client?.puback(this.#packetIds.get(id) ?? 0);
  }

  fence(): Promise<void> {
    return this.#open.ping();
  }

  get #open(): MqttClient {
    if (this.#client === undefined) throw new Error("not connected");
    return this.#client;
  }

  async drop(): Promise<void> {
    await this.#client?.drop();
  }
}
