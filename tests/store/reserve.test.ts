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
  const reserve = createReserve(folder.path, {
    trial() {
      if (!writable) throw new Error("still full");
    },
  });
  expect(reserve.restore()).toBe(true);
  reserve.spend("disk full");
  expect([reserve.intact, reserve.reason]).toEqual([false, "disk full"]);
  // The last part stays for checkpoints, until one of them finds no room.
  expect(statSync(join(folder.path, "reserve")).blocks * 512).toBeLessThan(sixteenMiB / 2);
  expect([reserve.spendLast("no room"), readdirSync(folder.path)]).toEqual([true, []]);
  expect([reserve.spendLast("no room"), reserve.reason]).toEqual([false, "disk full"]);
  expect(reserve.restore()).toBe(false);
  expect(reserve.reason).toBe("disk full");
  writable = true;
  expect(reserve.restore()).toBe(true);
  expect([reserve.intact, reserve.reason]).toEqual([true, null]);
});

test("a process without a free descriptor refuses nothing, and puts it aside once it has one", async () => {
  using folder = temporaryFolder();
  const script = join(import.meta.dir, "few-descriptors.ts");
  const command = `ulimit -n 256 && exec "${process.execPath}" "${script}" "${folder.path}"`;
  const child = Bun.spawn(["sh", "-c", command], { stdout: "pipe", stderr: "inherit" });
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
    meanwhile: { prepared: "later", intact: true, file: "out of descriptors" },
    after: { prepared: true, intact: true, file: "put" },
    isThere: true,
  });
});

test("without room for it the reason is said", async () => {
  const reserve = createReserve("/proc/no-such-folder");
  expect(await reserve.prepare()).toBe(false);
  expect(reserve.intact).toBe(false);
  expect(reserve.reason).toContain("no-such-folder");
});
