/** A broker's store that forgets with the process, for tests of the broker alone. Its pages are short, so that they are turned. */
import type { SteadyMs } from "../../src/lib/clock.ts";
import {
  type BrokerStore,
  type OpenedSession,
  type QueueChange,
  type QueuedMessage,
  queueColumnCount,
  queueColumns,
  type RetainedChange,
  type Sending,
  type StoredRetained,
  type StoredSession,
  type StoredSubscription,
  type StoredWill,
  type SuspendedSession,
} from "../../src/mqtt/store.ts";
import { at } from "./manual-clock.ts";

interface MemorySession {
  readonly principalKey: string;
  readonly clientId: string;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly received: Set<number>;
  expirySeconds: number | undefined;
  /** Undefined while its client is connected. */
  disconnectedAtMs: SteadyMs | undefined;
}

interface MemoryQueued extends QueuedMessage {
  readonly sessionId: number;
  readonly live: boolean;
}

const retainedPageMax = 2;
const sessionsPageMax = 2;
const queuedPageMax = 100;
const queuedPageBytesMax = 256 * 1024;

export class MemoryBrokerStore implements BrokerStore {
  readonly sessions = new Map<number, MemorySession>();
  readonly retained = new Map<string, StoredRetained>();
  /** By queue id, in the order they came. */
  readonly queued = new Map<number, MemoryQueued>();
  readonly storedWills = new Map<number, StoredWill>();
  /** Names of the changes made, to prove which never were. */
  readonly changes: string[] = [];
  /** What every change waits for before it resolves: lets a test hold a commit back. */
  commit: (change: string) => Promise<void> = () => Promise.resolve();
  readonly #listeners: (() => void)[] = [];
  #committing = false;
  #nextSessionId = 1;
  #nextWillId = 1;

  async restart(nowMs: SteadyMs): Promise<void> {
    await this.#change("restart");
    for (const session of this.sessions.values()) session.disconnectedAtMs ??= nowMs;
    for (const [queueId, row] of this.queued) {
      if (this.sessions.has(row.sessionId)) this.#update(queueId, { live: false });
      else this.queued.delete(queueId);
    }
  }

  sessionsPage(after: number): StoredSession[] {
    return [...this.sessions]
      .filter(([sessionId]) => sessionId > after)
      .slice(0, sessionsPageMax)
      .map(([sessionId, session]) => ({
        sessionId,
        principalKey: session.principalKey,
        clientId: session.clientId,
        expirySeconds: session.expirySeconds,
        disconnectedAtMs: session.disconnectedAtMs ?? at(0),
        subscriptions: [...session.subscriptions.values()],
        queued: [...this.queued.values()].filter((row) => row.sessionId === sessionId && !row.live).length,
      }));
  }

  wills(): StoredWill[] {
    return [...this.storedWills.values()];
  }

  lastQueueId(): number {
    let last = 0;
    for (const queueId of this.queued.keys()) last = Math.max(last, queueId);
    return last;
  }

  retainedPage(after: string): StoredRetained[] {
    const topics = [...this.retained.keys()].sort().filter((topic) => topic > after);
    return topics.slice(0, retainedPageMax).flatMap((topic) => this.retained.get(topic) ?? []);
  }

  hasDiskFor(): boolean {
    return true;
  }

  async retain(changes: readonly RetainedChange[]): Promise<void> {
    await this.#change("retain");
    this.#retain(changes);
  }

  findSession(principalKey: string, clientId: string): number | undefined {
    for (const [id, session] of this.sessions) {
      if (session.principalKey === principalKey && session.clientId === clientId) return id;
    }
    return undefined;
  }

  async openSession(session: {
    principalKey: string;
    clientId: string;
    nowMs: number;
    expirySeconds: number | undefined;
  }): Promise<OpenedSession> {
    await this.#change("openSession");
    const { principalKey, clientId, expirySeconds } = session;
    const found = this.findSession(principalKey, clientId);
    const sessionId = found ?? this.#nextSessionId++;
    const stored: MemorySession = this.sessions.get(sessionId) ?? {
      principalKey,
      clientId,
      subscriptions: new Map(),
      received: new Set(),
      expirySeconds,
      disconnectedAtMs: undefined,
    };
    stored.expirySeconds = expirySeconds;
    stored.disconnectedAtMs = undefined;
    this.sessions.set(sessionId, stored);
    return {
      sessionId,
      resumed: found !== undefined,
      subscriptions: [...stored.subscriptions.values()],
      received: [...stored.received],
      sending: this.#waitingOf(sessionId)
        .filter((row) => row.packetId !== 0)
        .map(({ queueId, packetId, qos, released }): Sending => ({ queueId, packetId, qos, released })),
    };
  }

  async suspendSession(suspended: SuspendedSession): Promise<void> {
    await this.#change("suspendSession");
    const session = this.sessions.get(suspended.sessionId);
    if (session !== undefined) {
      session.disconnectedAtMs = suspended.disconnectedAtMs;
      session.expirySeconds = suspended.expirySeconds;
    }
    for (const { queueId, packetId, released } of suspended.sending) {
      const only = released ? { released, packet: new Uint8Array(0) } : {};
      this.#update(queueId, { live: false, packetId, ...only });
    }
    for (const queueId of suspended.waiting) this.#update(queueId, { live: false, packetId: 0 });
  }

  async endSession(sessionId: number): Promise<void> {
    await this.#change("endSession");
    this.sessions.delete(sessionId);
    for (const { queueId } of this.#waitingOf(sessionId)) this.queued.delete(queueId);
  }

  async subscribe(sessionId: number, subscriptions: readonly StoredSubscription[]): Promise<void> {
    await this.#change("subscribe");
    for (const each of subscriptions) this.sessions.get(sessionId)?.subscriptions.set(each.filter, { ...each });
  }

  async unsubscribe(sessionId: number, filters: readonly string[]): Promise<void> {
    await this.#change("unsubscribe");
    for (const filter of filters) this.sessions.get(sessionId)?.subscriptions.delete(filter);
  }

  async received(sessionId: number, packetId: number): Promise<void> {
    await this.#change("received");
    this.sessions.get(sessionId)?.received.add(packetId);
  }

  async released(sessionId: number, packetId: number): Promise<void> {
    await this.#change("released");
    this.sessions.get(sessionId)?.received.delete(packetId);
  }

  async enqueue({ rows, packets, shares, received, retained }: QueueChange): Promise<void> {
    await this.#change("enqueue");
    const shareOf = new Map(shares);
    const added: MemoryQueued[] = [];
    for (let row = 0; row < rows.length / queueColumnCount; row += 1) {
      const number = (column: keyof typeof queueColumns): number =>
        rows[row * queueColumnCount + queueColumns[column]] ?? 0;
      const queueId = number("queueId");
      if (this.queued.has(queueId)) throw new Error(`queue id ${queueId} is there already`);
      added.push({
        queueId,
        sessionId: number("sessionId"),
        qos: number("qos") === 2 ? 2 : 1,
        packetId: number("packetId"),
        released: false,
        live: number("live") !== 0,
        expiresAtMs: at(number("expiresAtMs")),
        share: shareOf.get(row),
        packet: new Uint8Array(packets.subarray(number("start"), number("end"))),
      });
    }
    for (const row of added) this.queued.set(row.queueId, row);
    for (const [sessionId, packetId] of received) this.sessions.get(sessionId)?.received.add(packetId);
    this.#retain(retained);
  }

  async wait(queueIds: readonly number[]): Promise<void> {
    await this.#change("wait");
    for (const queueId of queueIds) this.#update(queueId, { live: false, packetId: 0 });
  }

  async send(sent: readonly (readonly [queueId: number, packetId: number])[]): Promise<void> {
    await this.#change("send");
    for (const [queueId, packetId] of sent) this.#update(queueId, { packetId });
  }

  async release(queueId: number): Promise<void> {
    await this.#change("release");
    this.#update(queueId, { released: true, packet: new Uint8Array(0) });
  }

  async dequeue(queueIds: readonly number[]): Promise<void> {
    await this.#change("dequeue");
    for (const queueId of queueIds) this.queued.delete(queueId);
  }

  beforeCommit(listener: () => void): void {
    this.#listeners.push(listener);
  }

  queuedPage(sessionId: number, after: number): QueuedMessage[] {
    const page: QueuedMessage[] = [];
    let bytes = 0;
    for (const { sessionId: _, live: __, ...message } of this.#waitingOf(sessionId)) {
      if (message.queueId <= after) continue;
      page.push(message);
      bytes += message.packet.length;
      if (page.length >= queuedPageMax || bytes >= queuedPageBytesMax) break;
    }
    return page;
  }

  queuedOf(sessionId: number): { messages: number; bytes: number } {
    const rows = this.#waitingOf(sessionId);
    return { messages: rows.length, bytes: rows.reduce((bytes, row) => bytes + row.packet.length, 0) };
  }

  async putWill(will: Omit<StoredWill, "willId" | "publishAtMs">): Promise<number> {
    await this.#change("putWill");
    const willId = this.#nextWillId++;
    this.storedWills.set(willId, { ...will, packet: will.packet.slice(), willId, publishAtMs: undefined });
    return willId;
  }

  async scheduleWill(willId: number, publishAtMs: SteadyMs): Promise<void> {
    await this.#change("scheduleWill");
    const will = this.storedWills.get(willId);
    if (will !== undefined) this.storedWills.set(willId, { ...will, publishAtMs });
  }

  async removeWill(willId: number): Promise<void> {
    await this.#change("removeWill");
    this.storedWills.delete(willId);
  }

  /** What the listeners ask for joins this commit; `dequeue` makes none of its own. */
  async #change(name: string): Promise<void> {
    this.changes.push(name);
    if (!this.#committing && name !== "dequeue") {
      this.#committing = true;
      for (const listener of this.#listeners) listener();
      this.#committing = false;
    }
    await this.commit(name);
  }

  #retain(changes: readonly RetainedChange[]): void {
    for (const { topic, message } of changes) {
      if (message === undefined) this.retained.delete(topic);
      else this.retained.set(topic, message);
    }
  }

  #update(queueId: number, change: Partial<MemoryQueued>): void {
    const row = this.queued.get(queueId);
    if (row !== undefined) this.queued.set(queueId, { ...row, ...change });
  }

  #waitingOf(sessionId: number): MemoryQueued[] {
    return [...this.queued.values()]
      .filter((row) => row.sessionId === sessionId && !row.live)
      .sort((a, b) => a.queueId - b.queueId);
  }
}
