/** Databases as versions before 0.1.0 made them: their migrations, and a file that has rows in every table. */
import { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Migration, migrate } from "../../src/store/sqlite/engine/migrations.ts";

const folder = join(import.meta.dir, "before-0.1.0");

export const oldMigrations: readonly Migration[] = readdirSync(folder)
  .toSorted()
  .map((file) => ({ name: file.replace(/\.sql$/, ""), sql: readFileSync(join(folder, file), "utf8") }));

interface Column {
  readonly name: string;
  readonly type: string;
}

export const tablesOf = (db: Database): string[] =>
  db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .values()
    .flat()
    .map(String);

export const columnsOf = (db: Database, table: string): Column[] =>
  db.prepare<Column, [string]>("SELECT name, lower(type) type FROM pragma_table_info(?)").all(table);

/**
 * Makes the database of a version that had the first so many migrations, in WAL mode as the server leaves it. Each table has
 * a row whose values tell its columns apart, another one with the ids of a server that has run for long, and an id that was
 * given and is gone.
 */
export function makeOldDatabase(path: string, count: number = oldMigrations.length): void {
  using db = new Database(path, { create: true, readwrite: true });
  db.run("PRAGMA journal_mode = WAL");
  migrate(db, 1, oldMigrations.slice(0, count));
  // As those versions left it.
  db.run("PRAGMA application_id = 0");
  db.run("PRAGMA foreign_keys = OFF");
  for (const table of tablesOf(db)) {
    if (table === "migrations") continue;
    const columns = columnsOf(db, table);
    const names = columns.map(({ name }) => name).join(", ");
    const places = columns.map(() => "?").join(", ");
    const insert = db.prepare(`INSERT INTO ${table} (${names}) VALUES (${places})`);
    for (const row of [1, 70_001, 70_002]) insert.run(...columns.map((column, index) => valueFor(column, row, index)));
    const [first] = columns;
    db.prepare(`DELETE FROM ${table} WHERE ${first?.name} = ?`).run(
      first === undefined ? 0 : valueFor(first, 70_002, 0),
    );
  }
}

/** Distinct by column and by row; blobs and texts also hold what is no text, and signs beyond ASCII. */
function valueFor({ name, type }: Column, row: number, index: number): string | number | Uint8Array {
  if (type === "integer") return row * 100 + index;
  if (type === "blob") return new Uint8Array([0, 255, index, row % 256, row >> 8]);
  return `${name} ${row} ü\u{1f980}`;
}
