/** The space put aside for a full disk: made once, given back, made again. */
import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createReserve } from "../../src/store/sqlite/engine/reserve.ts";
import { temporaryFolder } from "./open-sqlite.ts";

const sixteenMiB = 16 * 1024 * 1024;

test("it is put aside once, in real blocks, and kept", async () => {
  using folder = temporaryFolder();
  const reserve = createReserve(folder.path);
  expect(await reserve.prepare()).toBe(true);
  const made = statSync(join(folder.path, "reserve"));
  expect([made.size, made.blocks * 512 >= sixteenMiB]).toEqual([sixteenMiB, true]);
  expect(await createReserve(folder.path).prepare()).toBe(true);
  expect(statSync(join(folder.path, "reserve")).ino).toBe(made.ino);
  expect([reserve.intact, readdirSync(folder.path)]).toEqual([true, ["reserve"]]);
});

test("spent, it is gone and writing is refused until it could be put aside and a trial write worked", () => {
  using folder = temporaryFolder();
  let writable = false;
  const reserve = createReserve(folder.path, () => {
    if (!writable) throw new Error("still full");
  });
  expect(reserve.restore()).toBe(true);
  reserve.spend("disk full");
  expect([reserve.intact, reserve.reason, readdirSync(folder.path)]).toEqual([false, "disk full", []]);
  expect(reserve.restore()).toBe(false);
  expect(reserve.reason).toBe("disk full");
  writable = true;
  expect(reserve.restore()).toBe(true);
  expect([reserve.intact, reserve.reason]).toEqual([true, null]);
});

test("without room for it the reason is said", async () => {
  const reserve = createReserve("/proc/no-such-folder");
  expect(await reserve.prepare()).toBe(false);
  expect(reserve.intact).toBe(false);
  expect(reserve.reason).toContain("no-such-folder");
});
