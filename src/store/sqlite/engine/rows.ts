/** Rows of a statement that is used once. Its end is not left to the collector: until then the connection is not closed. */
import type { Database } from "bun:sqlite";

type Value = string | number | null;

export function rowsOf(db: Database, sql: string, ...values: readonly Value[]): unknown[][] {
  using statement = db.prepare(sql);
  return statement.values(...values);
}
