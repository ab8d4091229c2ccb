/** What users take of the disk by a look at all that there is, as the migration takes it. */
import type { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { migrations, statementsOf } from "../../src/store/sqlite/engine/migrations.ts";

export const takenOf = (db: Database) => db.prepare("SELECT user_id, bytes FROM user_disk ORDER BY user_id").values();

const counting = migrations
  .filter(({ name }) => name.endsWith("_disk_usage"))
  .flatMap(statementsOf)
  .filter((statement) => statement.startsWith("UPDATE"));

/** `seen`, by statement, adds up how many users had what it counts. */
export function countedAgain(db: Database, seen: number[] = []): ReturnType<typeof takenOf> {
  expect(counting).toHaveLength(5);
  db.run("SAVEPOINT again");
  db.run("UPDATE user_disk SET bytes = 0");
  counting.forEach((statement, index) => {
    seen[index] = (seen[index] ?? 0) + db.run(statement).changes;
  });
  const counted = takenOf(db);
  db.run("ROLLBACK TO again");
  db.run("RELEASE again");
  return counted;
}
