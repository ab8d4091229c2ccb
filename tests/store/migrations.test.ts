/** The schema's history is embedded, in order, and data that does not fit it is refused rather than guessed at. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Migration, migrate, migrations, SchemaError } from "../../src/store/sqlite/engine/migrations.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { openIn, temporaryFolder } from "./open-sqlite.ts";

const folder = join(import.meta.dir, "../../drizzle");
const tablesOf = (db: Database) =>
  db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").values().flat();

const added: Migration = {
  name: "9001_added",
  sql: "CREATE TABLE one (a integer);\n--> statement-breakpoint\nCREATE TABLE two (b integer);",
};

/** How opening the store in `dataDir` fails, and that it leaves the file as it was. */
async function failureOf(dataDir: string): Promise<unknown> {
  return openIn(dataDir, createManualClock()).then(
    async (store) => {
      await store.close();
      return "opened";
    },
    (error: unknown) => error,
  );
}

test("every file in drizzle/ is embedded, in the order of its journal", () => {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort();
  const journal = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as {
    entries: { tag: string }[];
  };
  expect(migrations.map((migration) => `${migration.name}.sql`)).toEqual(files);
  expect(migrations.map((migration) => migration.name)).toEqual(journal.entries.map((entry) => entry.tag));
  for (const { name, sql } of migrations) expect(sql).toBe(readFileSync(join(folder, `${name}.sql`), "utf8"));
});

test("what is missing is applied once, in order, and remembered", () => {
  using db = new Database(":memory:");
  expect(migrate(db, 1)).toEqual(migrations.map((migration) => migration.name));
  expect(migrate(db, 2)).toEqual([]);
  expect(migrate(db, 3, [...migrations, added])).toEqual(["9001_added"]);
  expect(tablesOf(db)).toContain("two");
  expect(db.prepare("SELECT name, applied_at_ms FROM migrations ORDER BY name").values()).toEqual([
    ...migrations.map((migration) => [migration.name, 1]),
    ["9001_added", 3],
  ]);
});

test("a migration that fails leaves nothing of itself", () => {
  using db = new Database(":memory:");
  migrate(db, 1);
  const before = tablesOf(db);
  const broken: Migration = { name: "9001_broken", sql: `${added.sql}\n--> statement-breakpoint\nNOT SQL;` };
  expect(() => migrate(db, 2, [...migrations, broken])).toThrow("syntax error");
  expect(tablesOf(db)).toEqual(before);
  expect(migrate(db, 3, [...migrations, added])).toEqual(["9001_added"]);
});

test("data of a newer Roost is refused, naming the migration", async () => {
  using dir = temporaryFolder();
  {
    using db = openStopped(databasePath(dir.path));
    migrate(db, 1, [...migrations, added]);
  }
  const failure = await failureOf(dir.path);
  expect(failure).toBeInstanceOf(SchemaError);
  expect(String(failure)).toContain("newer version of Roost (migration 9001_added)");
  using db = openStopped(databasePath(dir.path));
  expect(tablesOf(db)).toContain("two");
});

test("data made with an altered migration is refused, naming it", async () => {
  using dir = temporaryFolder();
  {
    using db = openStopped(databasePath(dir.path));
    const [first, ...rest] = migrations;
    migrate(db, 1, [{ name: first?.name ?? "", sql: `${first?.sql}\n` }, ...rest]);
  }
  const failure = await failureOf(dir.path);
  expect(failure).toBeInstanceOf(SchemaError);
  expect(String(failure)).toContain("migration 0000_first differs");
});
