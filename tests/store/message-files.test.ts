/** Which files lose their last message, inside the writer: told by what a change leaves in `releasedFiles`. */
import { expect, test } from "bun:test";
import type { MessageFile } from "../../src/domain/model.ts";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { Tx } from "../../src/store/sqlite/engine/tx.ts";
import { createMessageFiles } from "../../src/store/sqlite/messages/message-files.ts";
import { at } from "../support/manual-clock.ts";
import { temporaryFolder } from "./open-sqlite.ts";

const fileOf = (digit: string): MessageFile => ({
  hash: digit.repeat(64),
  bytes: 100_000,
  form: "bytes",
  mediaType: "image/png",
});

test("a file is released by the last of its messages, once, and a message without one releases nothing", () => {
  using folder = temporaryFolder();
  const db = openForWriting(folder.path, "os");
  try {
    migrate(db, 0);
    const tx = new Tx(db);
    tx.begin({ nowMs: 0, steadyMs: at(0), seed: "first" });
    const files = createMessageFiles(tx);
    files.refer(1, 10, fileOf("a"));
    files.refer(2, 11, fileOf("a"));
    files.refer(3, 10, fileOf("b"));
    expect(files.isSame(1, fileOf("a"))).toBe(true);
    expect(files.isSame(3, fileOf("a"))).toBe(false);
    expect(files.isSame(3, { ...fileOf("b"), form: "text" })).toBe(false);
    files.releaseContent(9);
    files.releaseContent(1);
    expect(tx.releasedFiles).toEqual([]);
    files.releaseContent(2);
    files.releaseContent(2);
    expect(tx.releasedFiles).toEqual(["a".repeat(64)]);
    files.releaseContent(3);
    expect(tx.releasedFiles).toEqual(["a".repeat(64), "b".repeat(64)]);
    tx.begin({ nowMs: 1, steadyMs: at(1), seed: "second" });
    expect(tx.releasedFiles).toEqual([]);
  } finally {
    db.close();
  }
});
