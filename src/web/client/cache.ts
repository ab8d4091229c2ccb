/**
 * What is known of chats and people: all of it in memory but the messages, and all of it in the storage. Memory changes
 * at once, the storage behind it.
 */
import type { ChatRecord, MessageRecord, PersonRecord } from "./records.ts";
import { type Batch, type Cover, type Identity, mergedCover, type Storage } from "./storage.ts";

/** What changed, for those who show it. */
export type Topic =
  | "line"
  | "identity"
  | "server"
  | "chats"
  | "people"
  | "presence"
  | "typing"
  | "window"
  | "queue"
  | "storage";

export class Cache {
  identity: Identity | undefined;
  readonly chats = new Map<string, ChatRecord>();
  readonly people = new Map<string, PersonRecord>();
  readonly covers = new Map<string, Cover>();
  readonly #storage: Storage;
  readonly #changed: (topic: Topic) => void;

  constructor(parts: { storage: Storage; changed: (topic: Topic) => void }) {
    this.#storage = parts.storage;
    this.#changed = parts.changed;
  }

  async load(): Promise<void> {
    const storage = this.#storage;
    const [identity, chats, people, covers] = await Promise.all([
      storage.identity(),
      storage.all("chats"),
      storage.all("people"),
      storage.all("covers"),
    ]);
    this.identity = identity;
    for (const chat of chats) this.chats.set(chat.chatId, chat);
    for (const person of people) this.people.set(person.userId, person);
    for (const cover of covers) this.covers.set(cover.chatId, cover);
    for (const topic of ["identity", "chats", "people"] as const) this.#changed(topic);
  }

  /** Resolves when the storage has it. */
  write(batch: Batch): Promise<void> {
    if (batch.identity !== undefined) {
      this.identity = batch.identity ?? undefined;
      this.#changed("identity");
    }
    for (const chatId of [...(batch.forget ?? []), ...(batch.empty ?? [])]) this.covers.delete(chatId);
    for (const chatId of batch.forget ?? []) this.chats.delete(chatId);
    for (const chat of batch.chats ?? []) this.chats.set(chat.chatId, chat);
    for (const cover of batch.covers ?? [])
      this.covers.set(cover.chatId, mergedCover(this.covers.get(cover.chatId), cover));
    for (const person of batch.people ?? []) this.people.set(person.userId, person);
    if (batch.chats || batch.forget) this.#changed("chats");
    if (batch.people?.length) this.#changed("people");
    return this.#storage.write(batch);
  }

  /** A message that is covered, if it is there. */
  async message(chatId: string, seq: number): Promise<MessageRecord | undefined> {
    const [found] = await this.#storage.messages(chatId, { from: seq, to: seq, limit: 1 });
    return found;
  }

  /** Where `id` is a user: the direct chat with them, if there is one. */
  chatIdOf(id: string): string {
    if (this.chats.has(id)) return id;
    for (const chat of this.chats.values()) if (chat.peerId === id) return chat.chatId;
    return id;
  }

  /** Of all messages the storage has these alone. */
  keepCovers(kept: readonly Cover[]): void {
    this.covers.clear();
    for (const cover of kept) this.covers.set(cover.chatId, cover);
  }

  async clear(what: "caches" | "everything"): Promise<void> {
    this.chats.clear();
    this.people.clear();
    this.covers.clear();
    if (what === "everything") this.identity = undefined;
    for (const topic of ["identity", "chats", "people"] as const) this.#changed(topic);
    await this.#storage.clear(what);
  }
}
