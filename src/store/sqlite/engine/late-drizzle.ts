/**
 * Drizzle and the tables, loaded by the first read that is built with them. A start builds none: loading them would take a
 * tenth of its time, and 4 MiB. Drizzle reads whole rows, and only on the main thread; every other statement is SQL text.
 */
import type { Database } from "bun:sqlite";
import { lazily } from "../../../lib/lazily.ts";

/** Reads are synchronous, so it cannot be `import`. */
const load = lazily((): typeof import("./drizzle.ts") => require("./drizzle.ts"));

function drizzleOf(db: Database) {
  const { drizzle, ...parts } = load();
  return { ...parts, orm: drizzle({ client: db }), p: parts.sql.placeholder };
}

/** Gives what prepares a statement when it is first asked for. */
export function lateStatements(
  db: Database,
): <Statement>(build: (drizzle: ReturnType<typeof drizzleOf>) => Statement) => () => Statement {
  const drizzle = lazily(() => drizzleOf(db));
  return <Statement>(build: (drizzle: ReturnType<typeof drizzleOf>) => Statement) => {
    // Not by `lazily`: a start would call it so often that it is optimised, which costs 1 to 2 MiB of memory.
    let statement: Statement | undefined;
    return () => {
      statement ??= build(drizzle());
      return statement;
    };
  };
}
