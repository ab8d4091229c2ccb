/**
 * The generated migrations, embedded in the program, and the small runner that applies them at start. A file written by
 * a newer Roost is refused rather than guessed at.
 */
import type { Database } from "bun:sqlite";
import first from "../../../../drizzle/0000_first.sql" with { type: "text" };
import logInNetworks from "../../../../drizzle/0001_log_in_networks.sql" with { type: "text" };
import rights from "../../../../drizzle/0002_rights.sql" with { type: "text" };
import steadyTimes from "../../../../drizzle/0003_steady_times.sql" with { type: "text" };
import deviceLastSeen from "../../../../drizzle/0004_device_last_seen.sql" with { type: "text" };
import longLivedTokens from "../../../../drizzle/0005_long_lived_tokens.sql" with { type: "text" };
import loginNames from "../../../../drizzle/0006_login_names.sql" with { type: "text" };
import messageChanges from "../../../../drizzle/0007_message_changes.sql" with { type: "text" };
import searchMarks from "../../../../drizzle/0008_search_marks.sql" with { type: "text" };
import receipts from "../../../../drizzle/0009_receipts.sql" with { type: "text" };
import uploads from "../../../../drizzle/0010_uploads.sql" with { type: "text" };
import hooks from "../../../../drizzle/0011_hooks.sql" with { type: "text" };
import addressedMessages from "../../../../drizzle/0012_addressed_messages.sql" with { type: "text" };
import nicks from "../../../../drizzle/0013_nicks.sql" with { type: "text" };
import presence from "../../../../drizzle/0014_presence.sql" with { type: "text" };
import deviceMembers from "../../../../drizzle/0015_device_members.sql" with { type: "text" };
import moves from "../../../../drizzle/0016_moves.sql" with { type: "text" };
import diskUsage from "../../../../drizzle/0017_disk_usage.sql" with { type: "text" };
import termsHearing from "../../../../drizzle/0018_terms_hearing.sql" with { type: "text" };
import chatAvatars from "../../../../drizzle/0019_chat_avatars.sql" with { type: "text" };
import accountCodes from "../../../../drizzle/0020_account_codes.sql" with { type: "text" };
import invitesOfUsers from "../../../../drizzle/0021_invites_of_users.sql" with { type: "text" };
import { applicationId } from "./own-database.ts";

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** In order. A test holds this list to the files in `drizzle/`. */
export const migrations: readonly Migration[] = [
  { name: "0000_first", sql: first },
  { name: "0001_log_in_networks", sql: logInNetworks },
  { name: "0002_rights", sql: rights },
  { name: "0003_steady_times", sql: steadyTimes },
  { name: "0004_device_last_seen", sql: deviceLastSeen },
  { name: "0005_long_lived_tokens", sql: longLivedTokens },
  { name: "0006_login_names", sql: loginNames },
  { name: "0007_message_changes", sql: messageChanges },
  { name: "0008_search_marks", sql: searchMarks },
  { name: "0009_receipts", sql: receipts },
  { name: "0010_uploads", sql: uploads },
  { name: "0011_hooks", sql: hooks },
  { name: "0012_addressed_messages", sql: addressedMessages },
  { name: "0013_nicks", sql: nicks },
  { name: "0014_presence", sql: presence },
  { name: "0015_device_members", sql: deviceMembers },
  { name: "0016_moves", sql: moves },
  { name: "0017_disk_usage", sql: diskUsage },
  { name: "0018_terms_hearing", sql: termsHearing },
  { name: "0019_chat_avatars", sql: chatAvatars },
  { name: "0020_account_codes", sql: accountCodes },
  { name: "0021_invites_of_users", sql: invitesOfUsers },
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
      // All at once: a hundred calls would load the optimiser at the first start (docs/decisions/build.md).
      db.run(`${migration.sql};\n${recordOf(migration, nowMs)}`);
    })();
  }
  return missing.map((migration) => migration.name);
}

/** To SQLite the breakpoints are comments. */
export const statementsOf = ({ sql }: Migration): string[] =>
  sql.split("--> statement-breakpoint").map((statement) => statement.trim());

/** Statements that say that the database has it, and is ours. */
export const recordOf = ({ name, sql }: Migration, nowMs: number): string =>
  `INSERT INTO migrations (name, checksum, applied_at_ms) VALUES ('${name}', '${checksum(sql)}', ${nowMs});
PRAGMA application_id = ${applicationId};`;

function appliedMigrations(db: Database): Map<string, string> {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").get();
  if (table === null) return new Map();
  const rows = db.prepare("SELECT name, checksum FROM migrations").values() as [string, string][];
  return new Map(rows);
}

const checksum = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
