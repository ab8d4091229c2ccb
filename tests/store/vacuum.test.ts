/** What was deleted is given back to the disk while the server runs, in slices, and nothing of what is left is lost. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { databasePath, openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { createVacuum } from "../../src/store/sqlite/engine/vacuum.ts";
import { until } from "../support/deadline.ts";
import { people, text } from "./contract/stage.ts";
import { openSqlite, temporaryFolder } from "./open-sqlite.ts";

function openFilled(dataDir: string, rows: number) {
  const db = openForWriting(dataDir, "disk");
  db.run("CREATE TABLE filled (id INTEGER PRIMARY KEY, content TEXT)");
  db.run(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO filled SELECT i, i || printf('%.500c', 'x') FROM n`,
    [rows],
  );
  return db;
}

test("after four of five rows are deleted, little more than the fifth is left, slice by slice", () => {
  using folder = temporaryFolder();
  using db = openFilled(folder.path, 50_000);
  const vacuum = createVacuum(db);
  const size = (): number => {
    db.prepare("PRAGMA wal_checkpoint(PASSIVE)").values();
    return statSync(databasePath(folder.path)).size;
  };
  const full = size();
  expect(vacuum.isWorth()).toBe(false);
  db.run("DELETE FROM filled WHERE id % 100 < 80");
  let slices = 0;
  for (; vacuum.isWorth(); slices += 1) vacuum.slice(0);
  // A slice without time gives back eight pages: the work can be cut as small as that.
  expect(slices).toBeGreaterThan(100);
  expect(size()).toBeLessThan(full * 0.35);
  expect(db.prepare("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  expect(db.prepare("SELECT count(*), count(DISTINCT content), sum(id % 100 >= 80) FROM filled").values()).toEqual([
    [10_000, 10_000, 10_000],
  ]);
  // A commit waits for the disk as before.
  expect(db.prepare("PRAGMA synchronous").values()).toEqual([[2]]);
});

test("what new rows take up soon is not worth it, and everything is given back where the disk is full", () => {
  using folder = temporaryFolder();
  using db = openFilled(folder.path, 50_000);
  const vacuum = createVacuum(db);
  db.run("DELETE FROM filled WHERE id < 4000");
  expect(vacuum.isWorth()).toBe(false);
  let more = true;
  while (more) more = vacuum.slice(1);
  expect(db.prepare("PRAGMA freelist_count").values()).toEqual([[0]]);
  expect(vacuum.slice(1)).toBe(false);
});

test("a running server's file shrinks after a chat was deleted", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  await store.putMembers({ chatKey: "one", people: [{ username: "dora" }], chatName: undefined });
  const dora = (await store.findUserByKey("dora")) ?? ann;
  for (let round = 0; round < 10; round += 1) {
    const drafts = Array.from({ length: 200 }, () => text(dora, { key: "one" }, "x".repeat(8000)));
    await store.appendMessages(drafts);
  }
  const size = (): number => statSync(databasePath(dataDir)).size;
  await until("the messages to reach the file", () => size() > 8_000_000);
  await store.deleteChat("one");
  await until("the file to shrink", () => size() < 2_000_000, 20_000);
  expect((await store.findUser(dora.userId))?.username).toBe("dora");
});
