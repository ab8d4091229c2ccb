/** Opens the SQLite store in a temporary folder of its own, for the contract and for what is SQLite's alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UserId } from "../../src/domain/model.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type Durability, databasePath } from "../../src/store/sqlite/engine/open.ts";
import { rowsOf } from "../../src/store/sqlite/engine/rows.ts";
import { indexPath } from "../../src/store/sqlite/search/index-path.ts";
import { openStore, type SqliteStore, type StoreOptions } from "../../src/store/sqlite/store.ts";
import { withDeadline } from "../support/deadline.ts";
import { putEmptyDatabase } from "../support/empty-database.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import type { OpenedForTest } from "./contract.ts";

export interface OpenedSqlite extends OpenedForTest, AsyncDisposable {
  readonly store: SqliteStore;
  readonly dataDir: string;
  reopen(): Promise<SqliteStore>;
}

/** A folder that is gone at the end of the test. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "roost-store-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Resolves when the index of search has all messages of `store`, and nothing is marked. */
export async function indexed(store: SqliteStore, dataDir: string): Promise<void> {
  const last = await store.lastMessageId();
  // A search has the Worker look at once.
  await store.searchMessages({ userId: 0 as UserId, chatId: undefined, query: "any", before: undefined, limit: 1 });
  const isThere = (): boolean => {
    try {
      using index = openStopped(indexPath(dataDir), { readonly: true });
      using messages = openStopped(databasePath(dataDir), { readonly: true });
      const [[through] = []] = rowsOf(index, "SELECT through FROM state");
      const [[marks] = []] = rowsOf(messages, "SELECT count(*) FROM search_marks");
      return Number(through) >= last && marks === 0;
    } catch {
      return false; // It is being made.
    }
  };
  const look = async (): Promise<void> => {
    while (!isThere()) await Bun.sleep(2);
  };
  await withDeadline("the index has all messages", look());
}

export function openIn(
  dataDir: string,
  clock: Clock,
  durability: Durability = "os",
  others: Partial<StoreOptions> = {},
): Promise<SqliteStore> {
  return openStore({
    dataDir,
    durability,
    clock,
    log: silentLog,
    search: "on",
    onStorage: () => {},
    onFiles: () => {},
    onDeath: (error) => {
      throw error;
    },
    ...others,
  });
}

export async function openSqlite(durability: Durability = "os"): Promise<OpenedSqlite> {
  const folder = temporaryFolder();
  const clock = createManualClock();
  await putEmptyDatabase(folder.path);
  let store = await openIn(folder.path, clock, durability);
  /** By a connection of its own, beside the writer. */
  const insert = (statement: string, values: (string | number)[]): void => {
    using db = openStopped(databasePath(folder.path));
    db.run("PRAGMA busy_timeout = 5000");
    db.run(statement, values);
  };
  return {
    get store() {
      return store;
    },
    clock,
    dataDir: folder.path,
    async openMqttSession(clientId) {
      const session = { principalKey: "user:1", clientId, nowMs: clock.steadyMs(), expirySeconds: undefined };
      return (await store.mqtt.openSession(session)).sessionId;
    },
    plant: {
      contact: (userId, contactId, status) =>
        insert("INSERT OR REPLACE INTO contacts (user_id, contact_id, status, updated_at_ms) VALUES (?, ?, ?, 0)", [
          userId,
          contactId,
          status,
        ]),
      emptyProfile: (phone) => insert("INSERT INTO profiles (phone, updated_at_ms) VALUES (?, 0)", [phone]),
    },
    indexed: () => indexed(store, folder.path),
    async bytesOnDisk() {
      const names = await Array.fromAsync(new Bun.Glob("*").scan(folder.path));
      return Buffer.concat(await Promise.all(names.map((name) => Bun.file(join(folder.path, name)).bytes())));
    },
    async reopen() {
      await store.close();
      store = await openIn(folder.path, clock, durability);
      return store;
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      folder[Symbol.dispose]();
    },
  };
}
