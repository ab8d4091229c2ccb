/** Records in memory: for tests, for programs, and for a browser without IndexedDB. */
import type { MessageRecord } from "./records.ts";
import { type Batch, type Identity, mergedCover, type Storage, type TableName, type Tables } from "./storage.ts";

export class MemoryStorage implements Storage {
  readonly lasting: boolean = false;
  #identity: Identity | undefined;
  readonly #tables: { readonly [T in TableName]: Map<string, Tables[T]> } = {
    chats: new Map(),
    people: new Map(),
    queue: new Map(),
    covers: new Map(),
  };
  readonly #messages = new Map<string, Map<number, MessageRecord>>();

  async identity(): Promise<Identity | undefined> {
    return this.#identity;
  }

  async all<T extends TableName>(table: T): Promise<Tables[T][]> {
    return [...this.#tables[table].values()];
  }

  async messages(chatId: string, { from, to, limit }: { from: number; to: number; limit: number }) {
    const found: MessageRecord[] = [];
    for (const message of this.#messages.get(chatId)?.values() ?? [])
      if (message.seq >= from && message.seq <= to) found.push(message);
    return found.sort((a, b) => a.seq - b.seq).slice(-limit);
  }

  async write(batch: Batch): Promise<void> {
    const { chats, people, queue, covers } = this.#tables;
    if (batch.identity !== undefined) this.#identity = batch.identity ?? undefined;
    for (const chatId of [...(batch.forget ?? []), ...(batch.empty ?? [])]) {
      covers.delete(chatId);
      this.#messages.delete(chatId);
    }
    for (const chatId of batch.forget ?? []) chats.delete(chatId);
    for (const chat of batch.chats ?? []) chats.set(chat.chatId, chat);
    for (const person of batch.people ?? []) people.set(person.userId, person);
    for (const message of batch.queue ?? []) queue.set(message.clientId, message);
    for (const clientId of batch.unqueue ?? []) queue.delete(clientId);
    for (const message of batch.messages ?? []) {
      const kept = this.#messages.get(message.chatId) ?? new Map<number, MessageRecord>();
      this.#messages.set(message.chatId, kept.set(message.seq, message));
    }
    for (const cover of batch.covers ?? []) {
      const merged = mergedCover(covers.get(cover.chatId), cover);
      covers.set(cover.chatId, merged);
      const kept = this.#messages.get(cover.chatId);
      for (const seq of kept?.keys() ?? []) if (seq < merged.from) kept?.delete(seq);
    }
  }

  async clear(what: "caches" | "everything"): Promise<void> {
    const { chats, people, queue, covers } = this.#tables;
    for (const table of [chats, people, covers, this.#messages]) table.clear();
    if (what === "caches") return;
    queue.clear();
    this.#identity = undefined;
  }
}
