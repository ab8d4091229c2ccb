import type { IPublishPacket } from "mqtt-packet";
import { encodeTerm, type WireTerm } from "../../../src/etf/encode.ts";
import { atom, binary, message, muc, p2p, text, tuple } from "../../erlang-terms/conversation-stage.ts";
import { MqttClient } from "../mqtt-client.ts";
import type { Act, Chat } from "./model.ts";
import type { Wires } from "./wires.ts";
import { done, type Outcome, otherOf, refused, type Words } from "./words.ts";

/** Erlang terms of a user who is logged in by MQTT and hears nothing but answers. */
export class TermClient {
  readonly #words: Words;
  readonly #wires: Wires;
  readonly #clientId: string;
  readonly #answers: Buffer[] = [];
  #client: MqttClient | undefined;
  #lastId = 1;

  private constructor(words: Words, wires: Wires, clientId: string) {
    this.#words = words;
    this.#wires = wires;
    this.#clientId = clientId;
  }

  static async connect({ words, wires, who }: { words: Words; wires: Wires; who: number }): Promise<TermClient> {
    const { userID: username, token: password } = words.person(who);
    const client = new TermClient(words, wires, `terms-${username}`);
    const onPublish = ({ payload, messageId }: IPublishPacket, here: MqttClient): void => {
      client.#answers.push(Buffer.from(payload));
      here.puback(messageId ?? 0);
    };
    const login = { username, password, clientId: client.#clientId, clean: true };
    client.#client = await MqttClient.connect(await wires.packets(), login, { onPublish });
    await client.#client.subscribe(`actions/api/${client.#clientId}`, 1);
    return client;
  }

  get isOpen(): boolean {
    return this.#client?.isClosed === false;
  }

  async act(act: Act, clientId: string): Promise<Outcome> {
    this.#lastId += 1;
    this.#client?.send({
      cmd: "publish",
      topic: `events//api/anon/${this.#clientId}/`,
      payload: Buffer.from(encodeTerm(termOf(this.#words, act, clientId))),
      qos: 1,
      dup: false,
      retain: false,
      messageId: this.#lastId,
    });
    await this.#wires.until(`the answer to ${act.does}`, () => this.#answers.length > 0 || !this.isOpen);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error("closed before the answer");
    return answer.includes("error") ? refused : done();
  }

  async drop(): Promise<void> {
    await this.#client?.drop();
  }
}

const unset: WireTerm = [];
const blanks = (count: number): WireTerm[] => Array.from({ length: count }, () => unset);

function termOf(words: Words, act: Act, clientId: string): WireTerm {
  const phoneId = (who: number): WireTerm => binary(`_${words.person(who).userId}`);
  const feedOf = (chat: Chat): WireTerm =>
    chat.name === "group" ? muc(binary(words.chatId(chat))) : p2p(phoneId(act.by), phoneId(otherOf(act.by)));
  switch (act.does) {
    case "send":
      return message({ feed: feedOf(act.chat), msgId: binary(clientId), files: text(act.content) });
    case "edit": {
      const id = Number(act.message.id);
      return message({ id, feed: feedOf(act.message.chat), files: text(act.content), status: atom("edit") });
    }
    case "delete":
      return message({ id: Number(act.message.id), feed: feedOf(act.message.chat), status: atom("delete") });
    case "read":
      return tuple("History", [], feedOf(act.message.chat), 0, Number(act.message.id), [], atom("update"));
    case "block":
    case "unblock":
      return tuple(
        "Friend",
        phoneId(act.by),
        phoneId(otherOf(act.by)),
        [],
        atom(act.does === "block" ? "ban" : "unban"),
      );
    case "leave":
      return tuple("Room", binary(words.chatId(act.chat)), ...blanks(16), atom("leave"));
    case "join":
      return tuple("Room", binary(words.chatId(act.chat)), ...blanks(4), [phoneId(act.by)], ...blanks(11), atom("add"));
    case "react":
      throw new Error("Erlang terms have no word for a reaction");
  }
}
