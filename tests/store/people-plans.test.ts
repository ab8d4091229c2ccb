/** Searching for people seeks where the names begin, and an overview of chats looks at no message: SQLite's own word for it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { recentPlacesQuery } from "../../src/store/sqlite/chats/chat-reader.ts";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { beginningQuery } from "../../src/store/sqlite/people/people-reader.ts";

test("names that begin with a text are found by their index, in its order", () => {
  using db = new Database(":memory:");
  migrate(db, 1);
  const steps = db.prepare<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${beginningQuery}`).all();
  expect(steps.map(({ detail }) => detail)).toEqual([
    "SEARCH users USING COVERING INDEX users_nick (nick>? AND nick<?)",
  ]);
});

test("a user's chats by their newest messages cost a look at each chat, and none at a message", () => {
  using db = new Database(":memory:");
  migrate(db, 1);
  const steps = db.prepare<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${recentPlacesQuery}`).all();
  expect(steps.map(({ detail }) => detail)).toEqual([
    "SEARCH m USING COVERING INDEX members_user (user_id=?)",
    "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)",
    "USE TEMP B-TREE FOR ORDER BY",
  ]);
});
