/** A broker's store that forgets with the process, for tests of the broker alone. */
import type {
  BrokerStore,
  OpenedSession,
  RetainedChange,
  StoredRetained,
  StoredSubscription,
} from "../../src/mqtt/store.ts";

interface StoredSession {
  readonly key: string;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly received: Set<number>;
}

export class MemoryBrokerStore implements BrokerStore {
  readonly sessions = new Map<number, StoredSession>();
  /** Names of the changes made, to prove which never were. */
  readonly changes: string[] = [];
  /** What every change waits for before it resolves: lets a test hold a commit back. */
  commit: () => Promise<void> = () => Promise.resolve();
  #nextId = 1;

  readonly retained = new Map<string, StoredRetained>();

  retainedPage(after: string): StoredRetained[] {
    const topics = [...this.retained.keys()].sort().filter((topic) => topic > after);
    return topics.slice(0, 2).flatMap((topic) => this.retained.get(topic) ?? []);
  }

  async retain(changes: readonly RetainedChange[]): Promise<void> {
    await this.#change("retain");
    for (const { topic, message } of changes) {
      if (message === undefined) this.retained.delete(topic);
      else this.retained.set(topic, message);
    }
  }

  findSession(principalKey: string, clientId: string): number | undefined {
    const key = JSON.stringify([principalKey, clientId]);
    for (const [id, session] of this.sessions) if (session.key === key) return id;
    return undefined;
  }

  async openSession(session: { principalKey: string; clientId: string }): Promise<OpenedSession> {
    await this.#change("openSession");
    const found = this.findSession(session.principalKey, session.clientId);
    const sessionId = found ?? this.#nextId++;
    const key = JSON.stringify([session.principalKey, session.clientId]);
    const stored = this.sessions.get(sessionId) ?? { key, subscriptions: new Map(), received: new Set<number>() };
    this.sessions.set(sessionId, stored);
    const { subscriptions, received } = stored;
    return {
      sessionId,
      resumed: found !== undefined,
      subscriptions: [...subscriptions.values()],
      received: [...received],
    };
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

  async endSession(sessionId: number): Promise<void> {
    await this.#change("endSession");
    this.sessions.delete(sessionId);
  }

  async #change(name: string): Promise<void> {
    this.changes.push(name);
    await this.commit();
  }
}
