/**
 * A storage that may be full, or refuse to work: then the caches on it are given up, so that there is room for what is
 * unsent, and the client goes on in memory.
 */
import { MemoryStorage } from "./memory-storage.ts";
import type { Batch, Cover, Identity, Storage, TableName, Tables } from "./storage.ts";

export class SafeStorage implements Storage {
  readonly #disk: Storage;
  readonly #memory = new MemoryStorage();
  readonly #full: (kept: readonly Cover[]) => void;
  isFull = false;

  /** `full`: called once; of the caches no more than `kept` is there from then on. */
  constructor(disk: Storage, full: (kept: readonly Cover[]) => void) {
    this.#disk = disk;
    this.#full = full;
  }

  get lasting(): boolean {
    return this.#disk.lasting && !this.isFull;
  }

  identity(): Promise<Identity | undefined> {
    return this.#disk.identity().catch(() => this.#memory.identity());
  }

  async all<T extends TableName>(table: T): Promise<Tables[T][]> {
    const kept = this.isFull ? await this.#memory.all(table) : [];
    // What waits on the disk is of this tab and of others.
    if (this.isFull && table !== "queue") return kept;
    const onDisk = await this.#disk.all(table).catch(() => []);
    return table === "queue" ? [...kept, ...onDisk] : onDisk;
  }

  messages(chatId: string, range: { from: number; to: number; limit: number }) {
    return this.isFull ? this.#memory.messages(chatId, range) : this.#disk.messages(chatId, range).catch(() => []);
  }

  async write(batch: Batch): Promise<void> {
    if (!this.isFull) {
      try {
        await this.#disk.write(batch);
        return;
      } catch {
        if (!this.isFull) {
          this.isFull = true;
          this.#full(batch.covers ?? []);
          await this.#disk.clear("caches").catch(() => {});
        }
      }
    }
    const { identity, queue, unqueue } = batch;
    await this.#memory.write(batch);
    const small = { ...(identity === undefined ? {} : { identity }), queue: queue ?? [], unqueue: unqueue ?? [] };
    await this.#disk.write(small).catch(() => {});
  }

  async clear(what: "caches" | "everything"): Promise<void> {
    await this.#memory.clear(what);
    await this.#disk.clear(what).catch(() => {});
  }
}
