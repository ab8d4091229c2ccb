/**
 * drizzle and the tables, loaded by the first statement that a thread builds with them. A start builds none: loading them
 * would take a tenth of its time, and 4 MiB. Statements that a start or a message needs are written in SQL.
 */
import type { Database } from "bun:sqlite";
import { lazily } from "../../../lib/lazily.ts";

/** Changes and reads are synchronous, so it cannot be `import`. */
const load = lazily((): typeof import("./drizzle.ts") => require("./drizzle.ts"));

function drizzleOf(db: Database) {
  const { drizzle, ...parts } = load();
  return { ...parts, orm: drizzle({ client: db }), p: parts.sql.placeholder };
}

export type Drizzle = ReturnType<typeof drizzleOf>;

export const lateDrizzle = (db: Database): (() => Drizzle) => lazily(() => drizzleOf(db));

/** Gives what prepares a statement when it is first asked for. */
export function lateStatements(db: Database): <Statement>(build: (drizzle: Drizzle) => Statement) => () => Statement {
  const drizzle = lateDrizzle(db);
  return <Statement>(build: (drizzle: Drizzle) => Statement) => {
    // Not by `lazily`: a start would call it so often that it is optimised, which costs 1 to 2 MiB of memory.
    let statement: Statement | undefined;
    return () => {
      statement ??= build(drizzle());
      return statement;
    };
  };
}
