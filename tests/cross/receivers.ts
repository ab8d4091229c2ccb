/**
 * Clients that listen while their server is killed under them, and hold what reaches them to what was promised: every
 * message of a chat in order without a gap, and again only what a kill may have left unconfirmed.
 */
import type { BinaryServer } from "./binary-server.ts";
import { MiniOicqClient } from "./minioicq-client.ts";
import { MqttClient } from "./mqtt-client.ts";

/** A confirmation is written within this time; one that a kill took away may be asked for again. */
const confirmedWithinMs = 1000;

interface Received {
  readonly messageId: string;
  readonly content: string;
  /** When it last came, and on which connection. */
  atMs: number;
  on: Link;
}

/** One connection. */
interface Link {
  /** Of the first kill since it was opened, be it on this connection or after it. */
  killedAtMs: number | undefined;
  /** By chat. */
  readonly lastSeq: Map<string, number>;
}

const newLink = (): Link => ({ killedAtMs: undefined, lastSeq: new Map() });

export abstract class Receiver {
  readonly name: string;
  protected readonly token: string;
  /** How often a message came again, as it may. */
  repeats = 0;
  readonly #problems: string[];
  readonly #received = new Map<string, Received[]>();
  #link = newLink();
  readonly #links: Link[] = [this.#link];

  constructor(parts: { name: string; token: string; problems: string[] }) {
    this.name = parts.name;
    this.token = parts.token;
    this.#problems = parts.problems;
  }

  abstract connect(server: BinaryServer): Promise<void>;
  abstract disconnect(): Promise<void>;
  /** The server is dead: resolves when all that it had sent was read. */
  abstract lost(): Promise<void>;

  /** Called the moment the server is killed. */
  killed(): void {
    for (const link of this.#links.splice(0)) link.killedAtMs = performance.now();
  }

  /** The last seq it has of a chat. */
  lastSeq(chat: string): number {
    return this.#received.get(chat)?.length ?? 0;
  }

  contents(chat: string): string[] {
    return (this.#received.get(chat) ?? []).map(({ content }) => content);
  }

  /** A new connection begins. */
  protected connecting(): void {
    this.#link = newLink();
    this.#links.push(this.#link);
  }

  protected received(chat: string, message: { seq: number; messageId: string; content: string }): void {
    const all = this.#received.get(chat) ?? [];
    this.#received.set(chat, all);
    const { seq, messageId, content } = message;
    const where = `${chat} seq ${seq}`;
    const here = this.#link.lastSeq.get(chat);
    this.#link.lastSeq.set(chat, seq);
    if (here !== undefined && seq !== here + 1) this.problem(`${where} came behind ${here}`);
    if (here === undefined && seq > all.length + 1) this.problem(`${where} came first, and ${all.length} was the last`);
    const now = { atMs: performance.now(), on: this.#link };
    const known = all[seq - 1];
    if (known === undefined) {
      all[seq - 1] = { messageId, content, ...now };
      return;
    }
    this.repeats += 1;
    if (known.messageId !== messageId || known.content !== content) this.problem(`${where} came again as another`);
    const { killedAtMs } = known.on;
    if (killedAtMs === undefined) this.problem(`${where} came again though nobody was killed`);
    else if (killedAtMs - known.atMs > confirmedWithinMs) {
      this.problem(`${where} came again, confirmed ${Math.round(killedAtMs - known.atMs)} ms before the kill`);
    }
    Object.assign(known, now);
  }

  protected problem(text: string): void {
    this.#problems.push(`${this.name}: ${text}`);
  }
}

/** A session that outlives its connections, on `chat/+/messages` at QoS 1; confirms with PUBACK. */
export class MqttReceiver extends Receiver {
  #client: MqttClient | undefined;
  #subscribed = false;

  async connect(server: BinaryServer): Promise<void> {
    this.connecting();
    const login = { username: this.name, password: this.token, clientId: `${this.name}-client`, clean: false };
    const client = await MqttClient.connect(server.mqtt, login, {
      onPublish: ({ topic, payload, qos, messageId: packetId }, here) => {
        if (qos !== 1 || packetId === undefined) this.problem(`${topic} came at QoS ${qos}`);
        const message = JSON.parse(payload.toString()) as { message_id: string; seq: number; content: string };
        this.received(topic, { ...message, messageId: message.message_id });
        here.puback(packetId ?? 0);
      },
    });
    this.#client = client;
    if (this.#subscribed) {
      if (!client.sessionPresent) this.problem("its session was forgotten");
      return;
    }
    const granted = await client.subscribe("chat/+/messages");
    if (granted !== 1) throw new Error(`the subscription was answered ${granted}`);
    this.#subscribed = true;
  }

  async disconnect(): Promise<void> {
    await this.#client?.ping(); // its PUBACKs have been read
    await this.#client?.drop();
    this.#client = undefined;
  }

  async lost(): Promise<void> {
    await this.#client?.whenClosed();
    this.#client = undefined;
  }
}

/** Reads its pushes, which is all the confirmation there is. */
export class MiniOicqReceiver extends Receiver {
  #client: MiniOicqClient | undefined;

  async connect(server: BinaryServer): Promise<void> {
    this.connecting();
    const client = await MiniOicqClient.connect(server.http);
    this.#client = client;
    client.onPush = (message) => this.received(message.chatId, message);
    await client.logIn(this.token);
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
