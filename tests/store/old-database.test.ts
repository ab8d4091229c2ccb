/** Data of versions before 0.1.0 is copied once into a new file, whatever version wrote it, and whenever the copy is cut off. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { tellOfMigrations } from "../../src/store/sqlite/engine/migration-notices.ts";
import { migrate, migrations } from "../../src/store/sqlite/engine/migrations.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openDatabase } from "../../src/store/sqlite/engine/opening.ts";
import { columnsOf, makeOldDatabase, oldMigrations, tablesOf } from "./old-schema.ts";
import { temporaryFolder } from "./open-sqlite.ts";

const keptName = "roost.db.before-0.1.0";

interface Content {
  /** By table, what it holds, in the order of its rows. */
  readonly tables: Readonly<Record<string, readonly unknown[]>>;
  /** The last id that was given, by table. */
  readonly sequences: unknown[][];
}

/** Of the columns that an old database has. */
function contentOf(path: string, columns: (table: string) => readonly string[] | undefined): Content {
  using db = new Database(path, { readonly: true });
  const tables = tablesOf(db).flatMap((table) => {
    const names = table === "migrations" ? undefined : columns(table);
    if (names === undefined) return [];
    return [[table, db.prepare(`SELECT ${names.join(", ")} FROM ${table} ORDER BY rowid`).values()] as const];
  });
  const sequences = db.prepare("SELECT name, seq FROM sqlite_sequence ORDER BY name").values();
  return { tables: Object.fromEntries(tables), sequences };
}

function columnsIn(path: string): ReadonlyMap<string, readonly string[]> {
  using db = new Database(path, { readonly: true });
  return new Map(tablesOf(db).map((table) => [table, columnsOf(db, table).map(({ name }) => name)]));
}

const oldContentOf = (path: string): Content => {
  const columns = columnsIn(path);
  return contentOf(path, (table) => columns.get(table));
};

/** As a start does. Gives what the log is told of the migrations. */
function openAndClose(dataDir: string): unknown[] {
  using db = openDatabase({ dataDir, durability: "os", nowMs: 1, startEmpty: false }, () => {});
  const told: unknown[] = [];
  tellOfMigrations(db, migrate(db, 1), (level, _message, fields) => told.push([level, fields]));
  return told;
}

/** The copy holds what the old file held, and was migrated like any other database. */
function expectCopied(path: string, kept: string): void {
  const columns = columnsIn(kept);
  const after = contentOf(path, (table) => columns.get(table));
  expect(after).toEqual(oldContentOf(kept));
  expect(Object.keys(after.tables).length).toBeGreaterThan(15);
  using db = new Database(path, { readonly: true });
  expect(db.prepare("SELECT name FROM migrations ORDER BY name").values().flat()).toEqual(
    migrations.map(({ name }) => name),
  );
  expect(db.prepare("PRAGMA auto_vacuum").values()).toEqual([[2]]);
  expect(db.prepare("PRAGMA application_id").values()).toEqual([[0x526f6f73]]);
  expect(db.prepare("PRAGMA integrity_check").values()).toEqual([["ok"]]);
}

describe("a folder of an older version", () => {
  for (const count of oldMigrations.keys()) {
    test(`with the migrations up to ${oldMigrations[count]?.name} is copied whole, and the old file kept`, () => {
      using folder = temporaryFolder();
      const path = databasePath(folder.path);
      makeOldDatabase(path, count + 1);
      const before = oldContentOf(path);
      const told = openAndClose(folder.path);
      const kept = `${path}.before-0.1.0`;
      expect(oldContentOf(kept)).toEqual(before);
      expectCopied(path, kept);
      // The users count as registered, and the operator hears of it.
      {
        using db = new Database(path, { readonly: true });
        expect(db.prepare("SELECT DISTINCT made_by FROM users").values()).toEqual([["registered"]]);
        const [[users] = []] = db.prepare("SELECT count(*) FROM users").values();
        expect(told).toEqual([["warn", { users }]]);
      }
      expect(readdirSync(folder.path).filter((name) => name.startsWith(`${keptName}-`))).toEqual([]);

      // The second start copies nothing.
      const { ino } = statSync(path);
      expect(openAndClose(folder.path)).toEqual([]);
      expect(statSync(path).ino).toBe(ino);
      expect(existsSync(`${kept}-2`)).toBe(false);
    });
  }

  test("has what still stands in the WAL of a killed server", () => {
    using folder = temporaryFolder();
    using crashed = temporaryFolder();
    const path = databasePath(folder.path);
    makeOldDatabase(path);
    {
      using db = new Database(path);
      db.run("PRAGMA wal_autocheckpoint = 0");
      db.run("INSERT INTO sweeps VALUES (77)");
      for (const ending of ["", "-wal"]) copyFileSync(`${path}${ending}`, `${databasePath(crashed.path)}${ending}`);
    }
    openAndClose(crashed.path);
    const copy = databasePath(crashed.path);
    using db = new Database(`${copy}.before-0.1.0`, { readonly: true });
    expect(db.prepare("SELECT count(*) FROM sweeps WHERE chat_id = 77").values()).toEqual([[1]]);
    expect(contentOf(copy, () => undefined).sequences.length).toBeGreaterThan(0);
    using copied = new Database(copy, { readonly: true });
    expect(copied.prepare("SELECT auto_vacuum FROM pragma_auto_vacuum").values()).toEqual([[2]]);
  });

  test("is copied again if the copy was cut off while it was written, or before it took the place", () => {
    for (const left of ["roost.db.partial", "roost.db.copied"]) {
      using folder = temporaryFolder();
      const path = databasePath(folder.path);
      makeOldDatabase(path);
      writeFileSync(`${folder.path}/${left}`, "the beginning of a copy");
      openAndClose(folder.path);
      expectCopied(path, `${path}.before-0.1.0`);
      expect(existsSync(`${folder.path}/${left}`)).toBe(false);
    }
  });

  test("is complete if the copy was cut off between the two renames", () => {
    using folder = temporaryFolder();
    const path = databasePath(folder.path);
    makeOldDatabase(path);
    openAndClose(folder.path);
    const kept = `${path}.before-0.1.0`;
    for (const ending of ["-wal", "-shm"])
      if (existsSync(`${path}${ending}`)) renameSync(`${path}${ending}`, `${kept}.x`);
    renameSync(path, `${path}.copied`);
    openAndClose(folder.path);
    expectCopied(path, kept);
    expect(existsSync(`${kept}-2`)).toBe(false);
  });

  test("that was put back is copied again, and no kept file is overwritten", () => {
    using folder = temporaryFolder();
    const path = databasePath(folder.path);
    makeOldDatabase(path);
    openAndClose(folder.path);
    const kept = `${path}.before-0.1.0`;
    for (const ending of ["-wal", "-shm"])
      if (existsSync(`${path}${ending}`)) renameSync(`${path}${ending}`, `${kept}.x`);
    copyFileSync(kept, path);
    openAndClose(folder.path);
    expectCopied(path, `${kept}-2`);
    expect(existsSync(kept)).toBe(true);
  });
});

test("a new database gives space back from its first table on", () => {
  using folder = temporaryFolder();
  openAndClose(folder.path);
  using db = new Database(databasePath(folder.path), { readonly: true });
  expect(db.prepare("PRAGMA auto_vacuum").values()).toEqual([[2]]);
});
