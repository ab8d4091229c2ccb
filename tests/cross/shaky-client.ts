/**
 * A MiniOICQ client on a bad line: it keeps its own log, acknowledges what it has logged, comes back whenever the line
 * breaks, sometimes while its old connection still stands, and says again what was not answered. It checks as it goes
 * that nothing it knows to be confirmed comes again.
 */
import { type Action, MiniClient } from "../minioicq/client.ts";
import type { Random } from "../support/random.ts";

export interface Logged {
  readonly messageId: string;
  readonly seq: number;
  readonly content: string;
}

export interface ShakyAccount {
  readonly userId: string;
  readonly token: string;
  readonly deviceId: string | undefined;
  /** `plain`: an ack for each push, in order; `ids`: by message id, in any order. */
  readonly acks: "plain" | "ids";
}

type Frame = Action & {
  readonly chat_id?: string;
  readonly reason?: string;
  readonly messages?: readonly {
    readonly message_id: string;
    readonly chat_id: string;
    readonly seq: number;
    readonly sender: string;
    readonly content: string;
    readonly client_id?: string;
  }[];
};

/** What one connection said and heard; a new one begins with nothing known to be taken of it. */
interface Visit {
  /** Once it is open. */
  client: MiniClient | undefined;
  /** Acknowledged here, the server's word for it still to come. */
  acked: string[];
  chats: string[];
  /** What each heartbeat under way stands behind. */
  readonly fences: { readonly acked: readonly string[]; readonly chats: readonly string[] }[];
  /** Ids the client has logged and will acknowledge soon. */
  pending: string[];
  /** Confirmed before this login; none of it may come. */
  readonly takenBefore: ReadonlySet<string>;
  readonly chatsBefore: ReadonlySet<string>;
}

export class ShakyClient implements Disposable {
  readonly account: ShakyAccount;
  /** By chat, in the order it was first received. */
  readonly log = new Map<string, Logged[]>();
  readonly chats = new Set<string>();
  readonly faults: string[] = [];
  visits = 0;
  repeats = 0;
  overlaps = 0;
  readonly #port: number;
  readonly #random: Random;
  readonly #seen = new Set<string>();
  #taken = new Set<string>();
  #chatsTaken = new Set<string>();
  /** Not answered yet, in order, by client id. */
  readonly #unsent = new Map<string, { readonly chatId: string; readonly content: string }>();
  readonly #lastForeign = new Map<string, number>();
  readonly #clients = new Set<MiniClient>();
  #visit: Visit | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #sent = 0;

  constructor(parts: { port: number; account: ShakyAccount; random: Random }) {
    this.#port = parts.port;
    this.account = parts.account;
    this.#random = parts.random;
    this.#connect();
  }

  get unanswered(): number {
    return this.#unsent.size;
  }

  count(chatId: string): number {
    return this.log.get(chatId)?.length ?? 0;
  }

  /** Queues a message; it is sent until it is answered. */
  send(chatId: string, content: string): string {
    this.#sent += 1;
    const clientId = `${this.account.userId}-${this.account.deviceId ?? ""}-${this.#sent}`;
    this.#unsent.set(clientId, { chatId, content });
    this.#say(this.#visit, this.#request(clientId));
    return clientId;
  }

  /** Comes back although the old connection still stands, as a phone does that changed its network. */
  moveOn(): void {
    if (this.#visit?.client?.isOpen === true) this.overlaps += 1;
    this.#connect();
  }

  #request(clientId: string) {
    const { chatId, content } = this.#unsent.get(clientId) ?? { chatId: "", content: "" };
    return { action: "message.send", message: { chat_id: chatId, type: "text", content, client_id: clientId } };
  }

  #connect(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const visit: Visit = {
      client: undefined,
      acked: [],
      chats: [],
      fences: [],
      pending: [],
      takenBefore: new Set(this.#taken),
      chatsBefore: new Set(this.#chatsTaken),
    };
    this.#visit = visit;
    this.visits += 1;
    MiniClient.connect(`127.0.0.1:${this.#port}`, "json").then(
      (client) => this.#opened(visit, client),
      () => this.#lost(visit),
    );
  }

  #opened(visit: Visit, client: MiniClient): void {
    if (this.#stopped) {
      client[Symbol.dispose]();
      return;
    }
    this.#clients.add(client);
    visit.client = client;
    client.handOver((frame) => {
      if (this.#visit === visit) this.#heard(visit, frame as Frame);
    });
    void client.closed.then(() => {
      this.#clients.delete(client);
      this.#lost(visit);
    });
    if (this.#visit !== visit) return;
    const { token, deviceId } = this.account;
    this.#say(visit, { action: "auth.login", token, device_id: deviceId, ack: true });
    for (const clientId of this.#unsent.keys()) this.#say(visit, this.#request(clientId));
  }

  #lost(visit: Visit): void {
    if (this.#visit === visit && !this.#stopped) this.#timer = setTimeout(() => this.#connect(), this.#random.int(60));
  }

  #say(visit: Visit | undefined, request: Readonly<Record<string, unknown>>): void {
    if (visit?.client?.isOpen === true) visit.client.say(request);
  }

  #heard(visit: Visit, frame: Frame): void {
    switch (frame.action) {
      case "chat.spawn":
        this.#spawned(visit, frame.chat_id ?? "");
        return;
      case "message.push":
        this.#pushed(visit, frame);
        return;
      case "heartbeat.ack": {
        const fence = visit.fences.shift();
        for (const id of fence?.acked ?? []) this.#taken.add(id);
        for (const chat of fence?.chats ?? []) this.#chatsTaken.add(chat);
        return;
      }
      case "auth.login.success":
        return;
      default:
        this.faults.push(`heard ${JSON.stringify(frame)}`);
    }
  }

  #spawned(visit: Visit, chatId: string): void {
    if (visit.chatsBefore.has(chatId)) this.faults.push(`chat ${chatId} was spawned again`);
    this.chats.add(chatId);
    visit.chats.push(chatId);
  }

  #pushed(visit: Visit, frame: Frame): void {
    for (const message of frame.messages ?? []) {
      const { message_id: messageId, chat_id: chatId, seq, content, sender } = message;
      if (!this.chats.has(chatId)) this.faults.push(`message ${messageId} names chat ${chatId}, never heard of`);
      const answers = message.client_id !== undefined && this.#unsent.delete(message.client_id);
      // An answer to a send repeats what was said, whatever was confirmed.
      if (visit.takenBefore.has(messageId) && !answers)
        this.faults.push(`message ${messageId} came again, though taken`);
      visit.pending.push(messageId);
      if (this.#seen.has(messageId)) {
        this.repeats += 1;
        continue;
      }
      this.#seen.add(messageId);
      if (sender !== this.account.userId) {
        const last = this.#lastForeign.get(chatId) ?? 0;
        if (seq <= last) this.faults.push(`chat ${chatId}: ${seq} came after ${last}`);
        this.#lastForeign.set(chatId, seq);
      }
      const log = this.log.get(chatId) ?? [];
      log.push({ messageId, seq, content });
      this.log.set(chatId, log);
    }
    this.#acknowledge(visit);
  }

  #acknowledge(visit: Visit): void {
    if (this.account.acks === "plain") {
      this.#say(visit, { action: "message.push.ack" });
      this.#fence(visit, visit.pending.splice(0));
      return;
    }
    // By id, some now and some later, in no order.
    if (visit.pending.length < 8 && this.#random.chance(0.7)) return;
    const ids = visit.pending.splice(0).sort(() => this.#random.int(3) - 1);
    const kept = this.#random.int(4) === 0 ? ids.splice(0, Math.floor(ids.length / 3)) : [];
    visit.pending.push(...kept);
    this.#say(visit, { action: "message.push.ack", message_ids: ids });
    this.#fence(visit, ids);
  }

  /** Once a heartbeat is answered, the acknowledgements before it have been taken. */
  #fence(visit: Visit, acked: readonly string[]): void {
    visit.acked.push(...acked);
    if (!this.#random.chance(0.3)) return;
    visit.fences.push({ acked: visit.acked.splice(0), chats: visit.chats.splice(0) });
    this.#say(visit, { action: "heartbeat" });
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const client of this.#clients) client[Symbol.dispose]();
  }
}
