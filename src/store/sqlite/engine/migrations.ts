/**
 * The generated migrations, embedded in the program, and the small runner that applies them at start. A file written by
 * a newer Roost is refused rather than guessed at.
 */
import type { Database } from "bun:sqlite";
import start from "../../../../drizzle/0000_start.sql" with { type: "text" };
import retained from "../../../../drizzle/0001_retained.sql" with { type: "text" };
import received from "../../../../drizzle/0002_received.sql" with { type: "text" };
import queue from "../../../../drizzle/0003_queue.sql" with { type: "text" };
import turns from "../../../../drizzle/0004_turns.sql" with { type: "text" };
import phoneSessions from "../../../../drizzle/0005_phone_sessions.sql" with { type: "text" };
import userNames from "../../../../drizzle/0006_user_names.sql" with { type: "text" };
import profileCodes from "../../../../drizzle/0007_profile_codes.sql" with { type: "text" };
import avatarLinks from "../../../../drizzle/0008_avatar_links.sql" with { type: "text" };
import deviceChats from "../../../../drizzle/0009_device_chats.sql" with { type: "text" };
import paidMessages from "../../../../drizzle/0010_paid_messages.sql" with { type: "text" };
import signedAndFiles from "../../../../drizzle/0011_signed_and_files.sql" with { type: "text" };
import rest from "../../../../drizzle/0012_rest.sql" with { type: "text" };
import logIns from "../../../../drizzle/0013_log_ins.sql" with { type: "text" };

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** In order. A test holds this list to the files in `drizzle/`. */
export const migrations: readonly Migration[] = [
  { name: "0000_start", sql: start },
  { name: "0001_retained", sql: retained },
  { name: "0002_received", sql: received },
  { name: "0003_queue", sql: queue },
  { name: "0004_turns", sql: turns },
  { name: "0005_phone_sessions", sql: phoneSessions },
  { name: "0006_user_names", sql: userNames },
  { name: "0007_profile_codes", sql: profileCodes },
  { name: "0008_avatar_links", sql: avatarLinks },
  { name: "0009_device_chats", sql: deviceChats },
  { name: "0010_paid_messages", sql: paidMessages },
  { name: "0011_signed_and_files", sql: signedAndFiles },
  { name: "0012_rest", sql: rest },
  { name: "0013_log_ins", sql: logIns },
];

export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** Applies what is missing, each migration in a transaction of its own; gives the names it applied. */
export function migrate(db: Database, nowMs: number, list: readonly Migration[] = migrations): string[] {
  const applied = appliedMigrations(db);
  const known = new Map(list.map((migration) => [migration.name, checksum(migration.sql)]));
  for (const [name, sum] of applied) {
    if (!known.has(name)) {
      throw new SchemaError(`the data was written by a newer version of Roost (migration ${name}); use that version`);
    }
    if (known.get(name) !== sum) throw new SchemaError(`migration ${name} differs from the one the data was made with`);
  }
  const missing = list.filter((migration) => !applied.has(migration.name));
  for (const migration of missing) {
    db.transaction(() => {
      for (const statement of migration.sql.split("--> statement-breakpoint")) db.run(statement);
      db.prepare("INSERT INTO migrations (name, checksum, applied_at_ms) VALUES (?, ?, ?)").run(
        migration.name,
        checksum(migration.sql),
        nowMs,
      );
    })();
  }
  return missing.map((migration) => migration.name);
}

function appliedMigrations(db: Database): Map<string, string> {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").get();
  if (table === null) return new Map();
  const rows = db.prepare("SELECT name, checksum FROM migrations").values() as [string, string][];
  return new Map(rows);
}

const checksum = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
