/** What an operator must know of a migration, besides that it was made. */
import type { Database } from "bun:sqlite";
import type { Tell } from "./opening.ts";
import { rowsOf } from "./rows.ts";

/** Since then it is known who made a user. Those who were there before count as registered. */
const madeByMigration = "0002_rights";

export function tellOfMigrations(db: Database, migrated: readonly string[], tell: Tell): void {
  if (!migrated.includes(madeByMigration)) return;
  const [[users] = []] = rowsOf(db, "SELECT count(*) FROM users");
  if (Number(users) === 0) return;
  tell(
    "warn",
    "users of earlier versions count as registered and may no longer use ordinary MQTT topics; " +
      "roost user trust NAME gives a user all of them, roost user topics NAME those of patterns, " +
      "roost group those of patterns to many",
    { users: Number(users) },
  );
}
