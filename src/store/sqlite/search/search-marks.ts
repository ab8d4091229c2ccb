/** How a change tells the index of search that a text it holds is gone or another one, in the same commit. */
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

export type SearchMarks = ReturnType<typeof createSearchMarks>;

export function createSearchMarks(tx: Tx) {
  const insert = tx.db.prepare(
    "INSERT INTO search_marks (chat_id, message_id) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM sequence WHERE name = 'search_off')",
  );

  return {
    /** The message was deleted, or has another text. The one thing to call where a stored message changes. */
    message(messageId: number, chatId: number): void {
      tx.writes += 1;
      insert.run(chatId, messageId);
    },
    /** Messages of the chat are gone, the oldest ones or all. */
    chat(chatId: number): void {
      tx.writes += 1;
      insert.run(chatId, null);
    },
  };
}

export function createSearchChanges(tx: Tx) {
  const clear = tx.db.prepare("DELETE FROM search_marks WHERE mark_id <= ?");
  const turnOff = tx.db.prepare("INSERT OR IGNORE INTO sequence (name, next) VALUES ('search_off', 1)");
  const turnOn = tx.db.prepare("DELETE FROM sequence WHERE name = 'search_off'");

  /** The index no longer holds what was marked up to this one. */
  function clearSearchMarks({ through }: { through: number }): null {
    tx.writes += 1;
    clear.run(through);
    return null;
  }

  /** Whether changes leave marks. An index from before search was off is worth nothing. */
  function keepSearch({ on }: { on: boolean }): null {
    tx.writes += 1;
    if (on) turnOn.run();
    else turnOff.run();
    clear.run(Number.MAX_SAFE_INTEGER);
    return null;
  }

  return { clearSearchMarks: freeing(clearSearchMarks), keepSearch: freeing(keepSearch) };
}
