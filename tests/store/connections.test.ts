/** The settings both connections rely on, and the lock on the data folder. */
import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataFolderLocked, lockDataFolder } from "../../src/store/sqlite/engine/lock.ts";
import { openForReading, openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { temporaryFolder } from "./open-sqlite.ts";

const pragma = (db: Database, name: string): unknown => db.prepare(`PRAGMA ${name}`).values()[0]?.[0];

test.each([
  ["disk", 2],
  ["os", 1],
] as const)("the writing connection syncs as durability %s asks", (durability, synchronous) => {
  using dir = temporaryFolder();
  using db = openForWriting(dir.path, durability);
  expect(pragma(db, "journal_mode")).toBe("wal");
  expect(pragma(db, "synchronous")).toBe(synchronous);
  expect(pragma(db, "foreign_keys")).toBe(1);
  expect(pragma(db, "busy_timeout")).toBe(5000);
  expect(pragma(db, "wal_autocheckpoint")).toBe(0);
});

test("the reading connection cannot write and does not hold up who writes", () => {
  using dir = temporaryFolder();
  using writing = openForWriting(dir.path, "os");
  writing.run("CREATE TABLE t (a integer)");
  using reading = openForReading(dir.path);
  expect(pragma(reading, "query_only")).toBe(1);
  expect(() => reading.run("INSERT INTO t VALUES (1)")).toThrow();
  writing.run("BEGIN IMMEDIATE");
  writing.run("INSERT INTO t VALUES (1)");
  expect(reading.prepare("SELECT count(*) FROM t").values()).toEqual([[0]]);
  writing.run("COMMIT");
  expect(reading.prepare("SELECT count(*) FROM t").values()).toEqual([[1]]);
});

test("one holds a data folder, the next is told who does, until it is released", () => {
  using dir = temporaryFolder();
  const first = lockDataFolder(dir.path);
  let refusal: unknown;
  try {
    lockDataFolder(dir.path);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(DataFolderLocked);
  expect(refusal).toMatchObject({ dir: dir.path, pid: process.pid });
  first.release();
  first.release();
  expect(existsSync(join(dir.path, "roost.pid"))).toBe(false);
  lockDataFolder(dir.path).release();
});
