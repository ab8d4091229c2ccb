/**
 * Clients that keep talking while their server is killed under them. Each numbers its messages, keeps several in flight,
 * and after a reconnect first sends again, in order, whatever was not acknowledged.
 */
import type { Random } from "../support/random.ts";
import type { BinaryServer } from "./binary-server.ts";
import type { Ledger, Said } from "./ledger.ts";
import { type Fields, MiniOicqClient } from "./minioicq-client.ts";
import { MqttClient } from "./mqtt-client.ts";

export interface SenderParts {
  /** Its `userID`. */
  readonly name: string;
  readonly token: string;
  readonly ledger: Ledger;
  readonly random: Random;
  /** Chats it talks in, with their numbers. */
  readonly chats: readonly { readonly chatID: string; readonly chatId: string }[];
  /** What a server must never do; the test fails with these. */
  readonly problems: string[];
}

export abstract class Sender {
  /** Not acknowledged, oldest first. */
  readonly pending: Said[] = [];
  protected readonly parts: SenderParts;
  #talking = false;

  constructor(parts: SenderParts) {
    this.parts = parts;
  }

  /** How many it keeps in flight. */
  protected abstract readonly window: number;
  /** Logs in; throws where the server went away meanwhile. */
  protected abstract connect(server: BinaryServer): Promise<void>;
  protected abstract transmit(said: readonly Said[], again: boolean): void;
  abstract disconnect(): Promise<void>;
  /** The server is dead: resolves when all that it had sent was read. */
  abstract lost(): Promise<void>;

  /** Connects and sends what is pending; goes on with new messages until `stop`. */
  async start(server: BinaryServer, talk: boolean): Promise<void> {
    await this.connect(server);
    this.#talking = talk;
    if (this.pending.length > 0) this.transmit([...this.pending], true);
    this.talk();
  }

  stop(): void {
    this.#talking = false;
  }

  protected talk(): void {
    if (!this.#talking) return;
    const fresh: Said[] = [];
    while (this.pending.length < this.window) {
      const said = this.say();
      this.pending.push(said);
      fresh.push(said);
    }
    if (fresh.length > 0) this.transmit(fresh, false);
  }

  protected say(): Said {
    const { name, ledger, random, chats } = this.parts;
    return ledger.say(name, random.pick(chats).chatID, true);
  }

  protected acknowledged(said: Said, told?: { messageId: string; seq: number }): void {
    said.acknowledged = true;
    if (told !== undefined) {
      if (said.messageId !== undefined && said.messageId !== told.messageId) {
        this.problem(`${said.content.slice(0, 24)}: acknowledged as ${said.messageId} and as ${told.messageId}`);
      }
      said.messageId = told.messageId;
      said.seq = told.seq;
    }
    const at = this.pending.indexOf(said);
    if (at !== -1) this.pending.splice(at, 1);
    this.talk();
  }

  protected problem(text: string): void {
    this.parts.problems.push(`${this.parts.name}: ${text}`);
  }
}

/** MiniOICQ: a message is acknowledged by the sender's own push, which carries its `client_id`. */
export class MiniOicqSender extends Sender {
  protected readonly window = 10;
  #client: MiniOicqClient | undefined;
  readonly #byClientId = new Map<string, Said>();

  protected async connect(server: BinaryServer): Promise<void> {
    const client = await MiniOicqClient.connect(server.http);
    this.#client = client;
    client.onPush = ({ clientId, messageId, seq }) => {
      const said = clientId === undefined ? undefined : this.#byClientId.get(clientId);
      if (said !== undefined) this.acknowledged(said, { messageId, seq });
      else if (clientId !== undefined) this.problem(`pushed as its own: ${clientId}`);
    };
    client.onFrame = (frame: Fields) => {
      if (frame["action"] !== "chat.spawn") this.problem(`was answered ${JSON.stringify(frame)}`);
    };
    await client.logIn(this.parts.token);
  }

  protected transmit(all: readonly Said[]): void {
    for (const said of all) {
      const { content, clientId, chatID } = said;
      this.#byClientId.set(clientId ?? "", said);
      const chat = this.parts.chats.find((one) => one.chatID === chatID);
      const message = { chat_id: chat?.chatId, type: "text", content, client_id: clientId };
      this.#client?.send({ action: "message.send", message });
    }
  }

  async disconnect(): Promise<void> {
    await this.#client?.close();
    this.#client = undefined;
  }

  async lost(): Promise<void> {
    await this.#client?.lost();
    this.#client = undefined;
  }
}

/**
 * MQTT at QoS 1 or 2. PUBACKs and PUBRECs come in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3]. Packet ids are the lowest free ones, so they
 * come again soon, as some client libraries choose them.
 *
 * `clean`: a new session each time; the message is known by its `client_id`. `kept`: the session outlives the
 * connection and repeats with DUP and the old packet id [MQTT-4.4.0-1]. `plain`: like `kept`, and DUP is all there is.
 * `exact`: like `plain` at QoS 2; what got its PUBREC is only released again.
 */
export class MqttSender extends Sender {
  protected readonly window = 16;
  readonly #kind: "clean" | "kept" | "plain" | "exact";
  #client: MqttClient | undefined;
  /** By packet id. */
  readonly #inFlight = new Map<number, Said>();
  /** Sent on this connection and not acknowledged, in order. */
  #sent: number[] = [];

  /** Packet ids with a PUBREC and without PUBCOMP. */
  readonly #received = new Set<number>();

  constructor(parts: SenderParts, kind: "clean" | "kept" | "plain" | "exact") {
    super(parts);
    this.#kind = kind;
  }

  protected async connect(server: BinaryServer): Promise<void> {
    this.#sent = [];
    const { name, token } = this.parts;
    const login = { username: name, password: token, clientId: `${name}-client`, clean: this.#kind === "clean" };
    const client = await MqttClient.connect(server.mqtt, login, {
      onPuback: (packetId) => this.#acknowledgement(packetId),
      onPubrec: (packetId) => {
        this.#received.add(packetId);
        this.#client?.pubrel(packetId);
        this.#acknowledgement(packetId);
      },
      onPubcomp: (packetId) => this.#received.delete(packetId),
    });
    this.#client = client;
    for (const packetId of this.#received) client.pubrel(packetId);
  }

  #acknowledgement(packetId: number): void {
    const said = this.#inFlight.get(packetId);
    const expected = this.#sent.shift();
    if (said === undefined || packetId !== expected) {
      this.problem(`an acknowledgement of ${packetId} where ${expected} was due`);
      return;
    }
    this.#inFlight.delete(packetId);
    this.acknowledged(said);
  }

  protected override say(): Said {
    if (this.#kind !== "plain" && this.#kind !== "exact") return super.say();
    const { name, ledger, random, chats } = this.parts;
    return ledger.say(name, random.pick(chats).chatID, false);
  }

  protected transmit(all: readonly Said[], again: boolean): void {
    const dup = again && this.#kind !== "clean";
    if (again && !dup) this.#inFlight.clear();
    for (const said of all) {
      const packetId = dup ? this.#packetIdOf(said) : this.#freePacketId();
      this.#inFlight.set(packetId, said);
      this.#sent.push(packetId);
      const { content, clientId, chatID } = said;
      const payload = clientId === undefined ? content : JSON.stringify({ content, client_id: clientId });
      this.#client?.publish(`chat/${chatID}/send`, payload, { packetId, dup, qos: this.#kind === "exact" ? 2 : 1 });
    }
  }

  #packetIdOf(said: Said): number {
    for (const [packetId, inFlight] of this.#inFlight) if (inFlight === said) return packetId;
    throw new Error("a message in flight has no packet id");
  }

  #freePacketId(): number {
    for (let packetId = 1; ; packetId += 1)
      if (!this.#inFlight.has(packetId) && !this.#received.has(packetId)) return packetId;
  }

  async disconnect(): Promise<void> {
    await this.#client?.drop();
    this.#client = undefined;
  }

  async lost(): Promise<void> {
    await this.#client?.whenClosed();
    this.#client = undefined;
  }
}

/** REST: one request at a time, of one message or an array of them, so that there is an order to keep. */
export class RestSender extends Sender {
  protected readonly window = 6;
  #server: BinaryServer | undefined;
  #queue: Said[] = [];
  #request: Promise<void> | undefined;

  protected async connect(server: BinaryServer): Promise<void> {
    this.#server = server;
    this.#queue = [];
  }

  protected transmit(all: readonly Said[]): void {
    this.#queue.push(...all);
    this.#request ??= this.#work();
  }

  async #work(): Promise<void> {
    try {
      while (this.#queue.length > 0 && this.#server !== undefined) {
        const some = this.#queue.splice(0, 1 + this.parts.random.int(this.window));
        if (!(await this.#post(this.#server, some))) return;
      }
    } finally {
      this.#request = undefined;
    }
  }

  /** False where the server went away. */
  async #post(server: BinaryServer, some: readonly Said[]): Promise<boolean> {
    const body = some.map(({ chatID, content, clientId }) => ({ chatID, content, clientID: clientId }));
    let answers: { message_id: string; seq: number }[];
    try {
      const response = await fetch(`http://${server.http}/messages`, {
        method: "POST",
        headers: { Authorization: `Bearer ${this.parts.token}` },
        body: JSON.stringify(body.length === 1 ? body[0] : body),
      });
      const answer: unknown = await response.json();
      if (response.status !== 200) {
        this.problem(`was answered ${response.status} ${JSON.stringify(answer)}`);
        return false;
      }
      answers = (body.length === 1 ? [answer] : answer) as typeof answers;
    } catch {
      return false; // The server was killed: the messages stay pending.
    }
    some.forEach((said, index) => {
      const answer = answers[index];
      if (answer === undefined) this.problem("an array was answered with fewer messages");
      else this.acknowledged(said, { messageId: answer.message_id, seq: answer.seq });
    });
    return true;
  }

  async disconnect(): Promise<void> {
    this.#server = undefined;
    await this.#request;
  }

  lost(): Promise<void> {
    return this.disconnect();
  }
}
