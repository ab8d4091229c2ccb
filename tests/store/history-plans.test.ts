/** Reads of history seek where they begin and stop where they end: SQLite's own word for it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { historyStatements } from "../../src/store/sqlite/messages/history-reader.ts";

const { stretch, idOf, timeFrom, bySenders, isOdd } = historyStatements;
const byPlace = "(chat_id=? AND seq>? AND seq<?)";

test.each([
  ["a stretch, upwards", stretch("", "ASC", ""), `SEARCH messages USING INDEX messages_chat_seq ${byPlace}`],
  ["a stretch, downwards", stretch("", "DESC", ""), `SEARCH messages USING INDEX messages_chat_seq ${byPlace}`],
  ["of two people", stretch(bySenders, "DESC", ""), `SEARCH messages USING INDEX messages_chat_seq ${byPlace}`],
  ["odd times", stretch(isOdd, "ASC", "LIMIT 9"), `SEARCH messages USING INDEX messages_odd_time ${byPlace}`],
  [
    "odd times of two people",
    stretch(`${isOdd} ${bySenders}`, "DESC", "LIMIT 9"),
    `SEARCH messages USING INDEX messages_odd_time ${byPlace}`,
  ],
  ["an id", idOf, "SEARCH messages USING COVERING INDEX messages_chat_seq (chat_id=? AND seq=?)"],
  ["a time", timeFrom, "SEARCH messages USING INTEGER PRIMARY KEY (rowid>?)"],
])("%s", (_, sql, plan) => {
  using db = new Database(":memory:");
  migrate(db, 1);
  const steps = db.prepare<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
  expect(steps.map((step) => step.detail)).toEqual([plan]);
});
