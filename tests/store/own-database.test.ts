/** A start with an empty database is for a new folder: elsewhere it would hide, and then remove, what is there. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { DatabaseRefused, openOwnDatabase } from "../../src/store/sqlite/engine/own-database.ts";
import { putEmptyDatabase } from "../support/empty-database.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { people } from "./contract/stage.ts";
import { openIn, temporaryFolder } from "./open-sqlite.ts";

/** Why the database of this folder is refused; undefined where it is opened. */
function refusalIn(folder: string): string | undefined {
  try {
    openOwnDatabase(databasePath(folder)).close();
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseRefused) return error.message;
    throw error;
  }
}

const put = (folder: string, name: string): void =>
  name === "files" ? mkdirSync(join(folder, name)) : writeFileSync(join(folder, name), "x");

describe("a database that is lost", () => {
  test("is made in a folder without traces of another one", () => {
    using folder = temporaryFolder();
    for (const name of ["roost.toml", "lock.db", "roost.pid"]) put(folder.path, name);
    expect(refusalIn(folder.path)).toBeUndefined();
  });

  for (const traces of [["files"], ["reserve"], ["files", "reserve"], ["roost.db-wal"]]) {
    test(`is not made anew beside ${traces.join(" and ")}`, () => {
      using folder = temporaryFolder();
      for (const name of traces) put(folder.path, name);
      expect(refusalIn(folder.path)).toContain(
        `roost.db is missing, and beside it ${traces.length > 1 ? "are" : "is"}`,
      );
      expect(refusalIn(folder.path)).toContain(traces.join(" and "));
      expect(readdirSync(folder.path).toSorted()).toEqual(traces.toSorted());
      writeFileSync(databasePath(folder.path), "");
      expect(refusalIn(folder.path)).toContain("roost.db is missing");
    });
  }

  test("is not taken for one that a file without tables replaced, such as a copy of the file alone", async () => {
    using folder = temporaryFolder();
    using copy = temporaryFolder();
    const store = await openIn(folder.path, createManualClock());
    await people(store, "Ann");
    copyFileSync(databasePath(folder.path), databasePath(copy.path));
    await store.close();
    expect(refusalIn(copy.path)).toBeUndefined();
    put(copy.path, "reserve");
    expect(refusalIn(copy.path)).toContain("roost.db is empty, as a copy of the file alone is if the server ran");
  });
});

describe("a file that is not ours", () => {
  test("is refused by its id or its tables, and stays as it is", async () => {
    for (const statements of [
      ["CREATE TABLE notes (a)", "CREATE TABLE tags (a)"],
      ["PRAGMA application_id = 252006675"],
      ["CREATE TABLE migrations (name TEXT)", "CREATE TABLE sequence (name TEXT)"],
    ]) {
      using folder = temporaryFolder();
      {
        using other = openStopped(databasePath(folder.path));
        for (const statement of statements) other.run(statement);
      }
      const before = await Bun.file(databasePath(folder.path)).bytes();
      expect(refusalIn(folder.path)).toContain("is a database of another program (application_id ");
      expect(await Bun.file(databasePath(folder.path)).bytes()).toEqual(before);
      expect(readdirSync(folder.path)).toEqual(["roost.db"]);
    }
  });

  test("is refused where it is no database at all", () => {
    using folder = temporaryFolder();
    writeFileSync(databasePath(folder.path), "only a text that stands where a database should be".repeat(20));
    expect(refusalIn(folder.path)).toContain("roost.db is not a database");
  });
});

test("our own is marked as ours, and opened whatever stands beside it", async () => {
  using folder = temporaryFolder();
  await putEmptyDatabase(folder.path);
  for (const name of ["files", "reserve"]) put(folder.path, name);
  expect(refusalIn(folder.path)).toBeUndefined();
  using db = openStopped(databasePath(folder.path));
  expect(db.prepare("PRAGMA application_id").values()).toEqual([[0x526f6f73]]);
});

test("started empty on request, the server deletes nothing: what was there is set aside", async () => {
  using folder = temporaryFolder();
  const inAside = (name: string): boolean => existsSync(join(folder.path, "set-aside-1", name));
  for (const name of ["files", "reserve", "roost.db-wal"]) put(folder.path, name);
  mkdirSync(join(folder.path, "files", "ab"));
  writeFileSync(join(folder.path, "files", "ab", "c".repeat(62)), "a picture");
  await expect(openIn(folder.path, createManualClock())).rejects.toBeInstanceOf(DatabaseRefused);

  const store = await openIn(folder.path, createManualClock(), "os", { startEmpty: true });
  const [ann] = await people(store, "Ann");
  await store.close();
  expect(["roost.db-wal", `files/ab/${"c".repeat(62)}`].map(inAside)).toEqual([true, true]);

  // Asked for again, the database is there and stays.
  const again = await openIn(folder.path, createManualClock(), "os", { startEmpty: true });
  expect((await again.findUser(ann.userId))?.nick).toBe("Ann");
  await again.close();
  expect(existsSync(join(folder.path, "set-aside-2"))).toBe(false);

  rmSync(databasePath(folder.path));
  const third = await openIn(folder.path, createManualClock(), "os", { startEmpty: true });
  expect(await third.findUser(ann.userId)).toBeUndefined();
  await third.close();
  expect(existsSync(join(folder.path, "set-aside-2"))).toBe(true);
});
