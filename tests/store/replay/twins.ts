/**
 * Two databases that execute the same batches, one of them with every cache cold before each: what a change does may
 * depend on the database, on its batch and on its arguments, and on nothing else.
 */
import { Database } from "bun:sqlite";
import {
  type Committer,
  createCommitter,
  type Outcome,
  type ParsedBatch,
} from "../../../src/store/sqlite/engine/committer.ts";
import { migrate } from "../../../src/store/sqlite/engine/migrations.ts";
import type { Reserve } from "../../../src/store/sqlite/engine/reserve.ts";

/** The disk of the twins is never full. */
const reserve: Reserve = {
  intact: true,
  reason: null,
  spendLast: () => false,
  spend(reason) {
    throw new Error(`the disk failed: ${reason}`);
  },
  prepare: async () => true,
  restore: () => true,
};

export interface Twins extends Disposable {
  /** The database with warm caches. */
  readonly db: Database;
  /** Commits to both. */
  commit(batch: ParsedBatch): {
    readonly outcomes: readonly Outcome[];
    /** Which of them the second database contradicts. */
    readonly different: readonly number[];
    /** Whether the writer had to forget what it knew. */
    readonly forgot: boolean;
  };
  /** The first forgets what it knows, as at a restart. */
  restart(): void;
  /** Tables whose contents differ. */
  differentTables(): string[];
}

export function openTwins(nowMs: number): Twins {
  const [warm, cold] = [openInMemory(nowMs), openInMemory(nowMs)];
  let committer: Committer = createCommitter(warm, reserve);
  createCommitter(cold, reserve); // A database that no batch comes to has its sequences too.
  return {
    db: warm,
    commit(batch) {
      const before = committer.commit({ ...batch, changes: [] }).generation;
      const { outcomes, generation } = committer.commit(batch);
      const others = createCommitter(cold, reserve).commit(batch).outcomes;
      const different = outcomes.flatMap((outcome, index) => (sayOf(outcome) === sayOf(others[index]) ? [] : [index]));
      return { outcomes, different, forgot: generation !== before };
    },
    restart() {
      committer = createCommitter(warm, reserve);
    },
    differentTables() {
      const [one, other] = [contentsOf(warm), contentsOf(cold)];
      return [...one.keys()].filter((table) => one.get(table) !== other.get(table));
    },
    [Symbol.dispose]() {
      warm.close();
      cold.close();
    },
  };
}

function openInMemory(nowMs: number): Database {
  const db = new Database(":memory:", { strict: true });
  db.run("PRAGMA foreign_keys = ON");
  migrate(db, nowMs);
  return db;
}

/** As text, without member lists: they go along only where the receiver has not got them. Of a fault, that it is one. */
function sayOf(outcome: Outcome | undefined): string {
  if (outcome?.[0] === 2) return "a fault";
  return JSON.stringify(outcome, (_, value: unknown) =>
    isEncodedAppend(value) ? value.map((part, place) => (place === 7 ? "members" : part)) : value,
  );
}

const isEncodedAppend = (value: unknown): value is unknown[] =>
  Array.isArray(value) &&
  value.length >= 9 &&
  value.length <= 11 &&
  typeof value[4] === "string" &&
  typeof value[5] === "string";

/** Every row of every table, with the order in which rows were made. */
function contentsOf(db: Database): Map<string, string> {
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").values().flat();
  return new Map(
    tables.map((table) => {
      const rows = db.prepare(`SELECT * FROM "${String(table)}"`).values();
      const text = rows.map((row) =>
        JSON.stringify(row.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value))),
      );
      return [String(table), text.toSorted().join("\n")];
    }),
  );
}
