import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataFolderError, prepareDataFolder, requireDataFolder } from "../../../src/ops/data-folder.ts";
import { DataFolderLocked, lockDataFolder } from "../../../src/store/sqlite/engine/lock.ts";

const root = mkdtempSync(join(tmpdir(), "roost-folder-"));
afterAll(() => rmSync(root, { recursive: true }));

const mode = (dir: string): number => statSync(dir).mode & 0o777;

test("a new folder is for this user alone", () => {
  const dir = join(root, "deep", "new");
  prepareDataFolder(dir);
  expect(mode(dir)).toBe(0o700);
});

test("an empty folder, and one that is Roost's, are tightened", () => {
  for (const content of [undefined, "roost.toml", "lost+found"]) {
    const dir = join(root, `ours-${content}`);
    mkdirSync(dir);
    if (content !== undefined) writeFileSync(join(dir, content), "");
    chmodSync(dir, 0o755);
    prepareDataFolder(dir);
    expect(mode(dir)).toBe(0o700);
  }
});

test("a folder with other data is refused and left as it is", () => {
  const dir = join(root, "home");
  mkdirSync(dir);
  writeFileSync(join(dir, "letter.txt"), "dear");
  chmodSync(dir, 0o755);
  expect(() => prepareDataFolder(dir)).toThrow(DataFolderError);
  expect(mode(dir)).toBe(0o755);
});

test("commands that read refuse a folder without data of a server", () => {
  expect(() => requireDataFolder(join(root, "nowhere"))).toThrow("there is no Roost data in");
  const dir = join(root, "kept");
  prepareDataFolder(dir);
  expect(() => requireDataFolder(dir)).toThrow("there is no Roost data in");
  lockDataFolder(dir).release();
  requireDataFolder(dir);
});

test("one holder at a time, and the second one learns who it is", () => {
  const dir = join(root, "locked");
  prepareDataFolder(dir);
  const lock = lockDataFolder(dir);
  expect(() => lockDataFolder(dir)).toThrow(new DataFolderLocked(dir, process.pid));
  lock.release();
  lock.release();
  lockDataFolder(dir).release();
});

test("the lock of a process that was killed is free", async () => {
  const dir = join(root, "killed");
  prepareDataFolder(dir);
  const lockModule = join(import.meta.dir, "../../../src/store/sqlite/engine/lock.ts");
  const script = `const { lockDataFolder } = await import(${JSON.stringify(lockModule)});
    globalThis.held = lockDataFolder(${JSON.stringify(dir)});
    console.log("held");
    setInterval(() => {}, 1000);`;
  await using holder = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  expect(() => lockDataFolder(dir)).toThrow(`(pid ${holder.pid})`);
  holder.kill("SIGKILL");
  await holder.exited;
  lockDataFolder(dir).release();
});
