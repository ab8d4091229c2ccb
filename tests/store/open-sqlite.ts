/** Opens the SQLite store in a temporary folder of its own, for the contract and for what is SQLite's alone. */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type Durability, databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openStore, type SqliteStore } from "../../src/store/sqlite/store.ts";
import { putEmptyDatabase } from "../support/empty-database.ts";
import { createManualClock } from "../support/manual-clock.ts";
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

export function openIn(dataDir: string, clock: Clock, durability: Durability = "os"): Promise<SqliteStore> {
  return openStore({
    dataDir,
    durability,
    clock,
    log: silentLog,
    onStorage: () => {},
    onDeath: (error) => {
      throw error;
    },
  });
}

export async function openSqlite(durability: Durability = "os"): Promise<OpenedSqlite> {
  const folder = temporaryFolder();
  const clock = createManualClock();
  await putEmptyDatabase(folder.path);
  let store = await openIn(folder.path, clock, durability);
  /** By a connection of its own, beside the writer. */
  const insert = (statement: string, values: (string | number)[]): void => {
    using db = new Database(databasePath(folder.path));
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
      const session = { principalKey: "user:1", clientId, nowMs: clock.nowMs(), expirySeconds: undefined };
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
