/** The client's records in IndexedDB, which all tabs of a browser share. */
import type { MessageRecord } from "../client/records.ts";
import {
  type Batch,
  type Cover,
  type Identity,
  mergedCover,
  type Storage,
  type TableName,
  type Tables,
} from "../client/storage.ts";

const databaseName = "roost";
const version = 1;
const keys = { chats: "chatId", people: "userId", queue: "clientId", covers: "chatId", messages: ["chatId", "seq"] };
const caches = ["chats", "people", "covers", "messages"];
const everything = [...caches, "queue", "identity"];

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const committed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** Rejects where the browser has no IndexedDB, or does not let the page use it. */
export async function openIndexedStorage(): Promise<Storage> {
  const request = indexedDB.open(databaseName, version);
  request.onupgradeneeded = () => {
    for (const [name, keyPath] of Object.entries(keys)) request.result.createObjectStore(name, { keyPath });
    request.result.createObjectStore("identity");
  };
  const database = await result(request);
  // A tab with a newer client wants to change the tables.
  database.onversionchange = () => database.close();
  return new IndexedStorage(database);
}

class IndexedStorage implements Storage {
  readonly lasting = true;
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  async identity(): Promise<Identity | undefined> {
    return await result(this.#read("identity").get("it"));
  }

  async all<T extends TableName>(table: T): Promise<Tables[T][]> {
    return await result(this.#read(table).getAll());
  }

  async messages(chatId: string, { from, to, limit }: { from: number; to: number; limit: number }) {
    const range = IDBKeyRange.bound([chatId, from], [chatId, to]);
    const found: MessageRecord[] = await result(this.#read("messages").getAll(range));
    return found.slice(-limit);
  }

  async write(batch: Batch): Promise<void> {
    // What waits to be sent is to outlive a power cut; the caches are fetched again.
    const durability = batch.queue === undefined || batch.queue.length === 0 ? "relaxed" : "strict";
    const transaction = this.#database.transaction(everything, "readwrite", { durability });
    const done = committed(transaction);
    try {
      this.#put(transaction, batch);
    } catch (error) {
      transaction.abort();
      await done.catch(() => {});
      throw error;
    }
    await done;
  }

  async clear(what: "caches" | "everything"): Promise<void> {
    const transaction = this.#database.transaction(everything, "readwrite");
    for (const name of what === "caches" ? caches : everything) transaction.objectStore(name).clear();
    await committed(transaction);
  }

  #read(name: string): IDBObjectStore {
    return this.#database.transaction(name).objectStore(name);
  }

  #put(transaction: IDBTransaction, batch: Batch): void {
    const table = (name: string) => transaction.objectStore(name);
    if (batch.identity === null) table("identity").delete("it");
    else if (batch.identity !== undefined) table("identity").put(batch.identity, "it");
    for (const chatId of [...(batch.forget ?? []), ...(batch.empty ?? [])]) {
      table("covers").delete(chatId);
      table("messages").delete(messagesBefore(chatId, Number.POSITIVE_INFINITY));
    }
    for (const chatId of batch.forget ?? []) table("chats").delete(chatId);
    for (const name of ["chats", "people", "queue", "messages"] as const)
      for (const record of batch[name] ?? []) table(name).put(record);
    for (const clientId of batch.unqueue ?? []) table("queue").delete(clientId);
    for (const cover of batch.covers ?? []) mergeCover(table("covers"), table("messages"), cover);
  }
}

const messagesBefore = (chatId: string, seq: number) => IDBKeyRange.bound([chatId, 0], [chatId, seq], false, true);

/** Within the transaction, since another tab may have written another cover meanwhile. */
function mergeCover(covers: IDBObjectStore, messages: IDBObjectStore, cover: Cover): void {
  const request: IDBRequest<Cover | undefined> = covers.get(cover.chatId);
  request.onsuccess = () => {
    const merged = mergedCover(request.result, cover);
    covers.put(merged);
    messages.delete(messagesBefore(cover.chatId, merged.from));
  };
}
