/**
 * A part of the index: an FTS5 table over the terms of messages with neighbouring ids. Its tokenizer only cuts at spaces, as
 * `lib/words.ts` has taken the text apart already; no term holds a character that means anything to FTS5.
 */
import type { Database } from "bun:sqlite";
import type { Needle } from "../../../lib/words.ts";
import { rowsOf } from "../engine/rows.ts";

/** Marks a chat's id among the terms; no word begins with it. */
const chatSign = "#";
/** Pages of the index written again at once. */
const tidyPages = 16;

const chatTerm = (chatId: number): string => `${chatSign}${chatId.toString(36)}`;

/** The terms of a message of this chat. */
export function* withChat(chatId: number, terms: Iterable<string>): Generator<string> {
  yield chatTerm(chatId);
  yield* terms;
}

/** The messages of any of these chats that have all of the terms; without chats, of any chat. */
export function queryFor(chatIds: readonly number[], needles: readonly Needle[]): string {
  const wanted = needles.map(({ term, begins }) => (begins ? `"${term}" *` : `"${term}"`));
  if (chatIds.length > 0) wanted.unshift(`(${chatIds.map((chatId) => `"${chatTerm(chatId)}"`).join(" OR ")})`);
  return wanted.join(" AND ");
}

export class Shard {
  readonly number: number;
  readonly #db: Database;
  readonly #table: string;
  readonly #statements = new Map<string, ReturnType<Database["prepare"]>>();
  #isMerging = false;
  /** Since the merge under way began, which may have passed it. */
  #removedSince = false;

  constructor(db: Database, number: number) {
    this.#db = db;
    this.number = number;
    this.#table = `words_${number}`;
  }

  /** Inside a transaction. */
  static make(db: Database, number: number): Shard {
    const shard = new Shard(db, number);
    db.run(
      `CREATE VIRTUAL TABLE ${shard.#table} USING fts5(terms, content='', contentless_delete=1, detail=none, prefix='2 3', tokenize="ascii tokenchars '${chatSign}'")`,
    );
    return shard;
  }

  #statement(sql: string) {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  add(messageId: number, terms: Iterable<string>): void {
    this.#statement(`INSERT INTO ${this.#table} (rowid, terms) VALUES (?, ?)`).run(messageId, [...terms].join(" "));
  }

  /** False where the message is not in it. */
  remove(messageId: number): boolean {
    const isRemoved = this.#statement(`DELETE FROM ${this.#table} WHERE rowid = ?`).run(messageId).changes > 0;
    if (isRemoved) this.#removedSince = true;
    return isRemoved;
  }

  /** Ids that match, below `before`, the newest first. End the iteration within the tick. */
  *newest(query: string, before: number): Generator<number> {
    const sql = `SELECT rowid FROM ${this.#table} WHERE ${this.#table} MATCH ? AND rowid < ? ORDER BY rowid DESC`;
    for (const row of this.#statement(sql).iterate(query, before)) yield (row as { rowid: number }).rowid;
  }

  /** Ids of a chat, the oldest first. */
  *ofChat(chatId: number): Generator<number> {
    const sql = `SELECT rowid FROM ${this.#table} WHERE ${this.#table} MATCH ? ORDER BY rowid`;
    for (const row of this.#statement(sql).iterate(`"${chatTerm(chatId)}"`)) yield (row as { rowid: number }).rowid;
  }

  isEmpty(): boolean {
    return this.#statement(`SELECT 1 FROM ${this.#table}_docsize LIMIT 1`).get() === null;
  }

  /** Inside a transaction. Writes some pages of the index again, without what was removed; false where all of that is done. */
  tidy(): boolean {
    if (!this.#isMerging) this.#removedSince = false;
    const before = this.#changes();
    this.#statement(`INSERT INTO ${this.#table} (${this.#table}, rank) VALUES ('merge', ?)`).run(
      this.#isMerging ? tidyPages : -tidyPages,
    );
    // As FTS5 documents it: a merge that did something changes two rows or more.
    this.#isMerging = this.#changes() - before >= 2;
    return this.#isMerging || this.#removedSince;
  }

  #changes(): number {
    return Number(rowsOf(this.#db, "SELECT total_changes()")[0]?.[0]);
  }

  drop(): void {
    this.close();
    this.#db.run(`DROP TABLE ${this.#table}`);
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
  }
}
