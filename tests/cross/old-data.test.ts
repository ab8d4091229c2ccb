/**
 * A server that finds the data of a version before 0.1.0 copies it before it serves (docs/operations.md § Upgrades). It may be
 * killed in the middle of that, and the next start has everything.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { oldMigrations } from "../store/old-schema.ts";
import { compiledBinary } from "../support/binary.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { startBinary } from "./binary-server.ts";

const messages = 150_000;

/** A chat of two with many messages, as the last version before left it. */
function makeOldData(path: string): void {
  using db = new Database(path, { create: true });
  db.run("PRAGMA journal_mode = WAL");
  migrate(db, 1, oldMigrations);
  db.run("PRAGMA application_id = 0");
  db.run(
    "INSERT INTO users (user_id, guid, username, nick, created_at_ms) VALUES (1, 'a', 'ann', 'Ann', 1), (2, 'b', 'bob', 'Bob', 1)",
  );
  db.run(
    "INSERT INTO chats (chat_id, chat_key, kind, name, owner_id, last_seq, last_message_id, created_at_ms, updated_at_ms) VALUES (3, 'team', 'group', 'Team', 1, ?1, ?1, 1, 1)",
    [messages],
  );
  db.run(
    "INSERT INTO members (chat_id, user_id, ordinal, joined_seq, delivered_seq, read_seq) VALUES (3, 1, 1, 0, 0, 0), (3, 2, 2, 0, 7, 7)",
  );
  db.run(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, content, client_id, sent_at_ms)
     SELECT i, 3, i, 1, 0, 'message ' || i, 'client ' || i, i FROM n`,
    [messages],
  );
}

const digestOf = (path: string): unknown[][] => {
  using db = new Database(path, { readonly: true });
  return db
    .prepare(
      "SELECT count(*), sum(message_id), sum(length(content)), max(client_id), group_concat(DISTINCT sender_id) FROM messages",
    )
    .values();
};

test("killed in the middle of the copy, it has everything at the next start", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-old-data-"));
  try {
    const data = join(folder, "data");
    mkdirSync(data);
    const path = join(data, "roost.db");
    makeOldData(path);
    const before = digestOf(path);
    const cut = Bun.spawn([await compiledBinary(), "serve", "--data", data, "--http", "127.0.0.1:0", "--mqtt", "off"], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const partialBytes = (): number => statSync(`${path}.partial`, { throwIfNoEntry: false })?.size ?? 0;
    await until("the copy to be under way", () => partialBytes() > 1024 * 1024 || cut.exitCode !== null, 20_000);
    cut.kill("SIGKILL");
    await withDeadline("the killed server to end", cut.exited);
    // On a busy machine the copy may be done before the kill; then the new file may be in place.
    const inPlace = [path, `${path}.copied`].find((file) => existsSync(file)) ?? "";
    expect(digestOf(inPlace)).toEqual(before);

    await using server = await startBinary(data);
    expect((await fetch(`http://${server.http}/readyz`)).status).toBe(200);
    expect(digestOf(path)).toEqual(before);
    expect(digestOf(`${path}.before-0.1.0`)).toEqual(before);
    expect(readdirSync(data).filter((name) => /partial|copied/.test(name))).toEqual([]);
    using db = new Database(path, { readonly: true });
    expect(
      db
        .prepare("SELECT seq, content FROM messages WHERE chat_id = 3 AND seq IN (1, 20001, ?) ORDER BY seq")
        .values(messages),
    ).toEqual([
      [1, "message 1"],
      [20_001, "message 20001"],
      [messages, `message ${messages}`],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
