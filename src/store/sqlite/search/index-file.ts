/**
 * The file of search, `search.db`: an index over the words of messages, cut into shards by message id. It holds nothing that
 * cannot be made again from the messages, so whatever is wrong with it, it is thrown away. It has a file of its own so that
 * commits of messages never wait for it.
 *
 * A shard is an FTS5 table without contents and without positions: which messages have a term, and no more. Shards bound
 * what one query reads, and what must be written again before the words of a deleted message are gone from the file.
 *
 * Nothing is synced while it is written: syncs of this file would hold up those of the messages. A process that is killed
 * leaves the file as it was. After a crash of the machine it is not trusted: it says in which run of the machine it was last
 * open for writing, until it was closed and synced.
 */
import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { rowsOf } from "../engine/rows.ts";
import { indexPath } from "./index-path.ts";
import { Shard } from "./shard.ts";

/** `PRAGMA application_id`: the letters `RoSe`. */
const applicationId = 0x526f5365;
/** Another number: the tables are others, or texts are taken apart in another way (`lib/words.ts`). */
const format = 1;
/** So many of the last messages of slices are kept, to recognise the log that was indexed. */
const anchorsMax = 16;

const tables = `
  CREATE TABLE state (through INTEGER NOT NULL, written_in TEXT NOT NULL);
  INSERT INTO state VALUES (0, '');
  CREATE TABLE anchors (message_id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL, seq INTEGER NOT NULL, sent_at_ms INTEGER NOT NULL);
  CREATE TABLE shards (number INTEGER PRIMARY KEY, untidy INTEGER NOT NULL);`;

/** A message by which the log that was indexed is recognised: its place and time, which no deletion changes. */
export interface Anchor {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly sentAtMs: number;
}

/** Why an index is of no use. */
export class Unusable extends Error {
  override readonly name = "Unusable";
}

export class IndexFile {
  readonly db: Database;
  readonly shardMessages: number;
  readonly #shards = new Map<number, Shard>();
  readonly #statements: ReturnType<Database["prepare"]>[] = [];
  readonly #setThrough;
  readonly #putAnchor;
  readonly #dropAnchors;
  readonly #setUntidy;
  #through: number;
  readonly #path: string;
  /** This run of the machine; undefined where the system does not name it, and then everything is synced. */
  readonly #run = runOfMachine();
  /** The file says so. */
  #isBeingWritten = false;

  /** Throws `Unusable` where the file is not an index of this version, and what SQLite throws. */
  constructor(dataDir: string, shardMessages: number) {
    this.shardMessages = shardMessages;
    this.#path = indexPath(dataDir);
    this.db = new Database(this.#path, { create: true, readwrite: true, strict: true });
    try {
      this.db.run("PRAGMA busy_timeout = 5000");
      this.#open();
      const [[through, writtenIn] = []] = rowsOf(this.db, "SELECT through, written_in FROM state");
      if (writtenIn !== "" && writtenIn !== this.#run) throw new Unusable("the machine stopped while it was written");
      this.#isBeingWritten = writtenIn !== "";
      this.#through = Number(through);
      for (const [number] of rowsOf(this.db, "SELECT number FROM shards")) {
        this.#shards.set(Number(number), new Shard(this.db, Number(number)));
      }
      this.#setThrough = this.#prepare("UPDATE state SET through = ?");
      this.#putAnchor = this.#prepare("INSERT OR REPLACE INTO anchors VALUES (?, ?, ?, ?)");
      this.#dropAnchors = this.#prepare(
        `DELETE FROM anchors WHERE message_id NOT IN (SELECT message_id FROM anchors ORDER BY message_id DESC LIMIT ${anchorsMax})`,
      );
      this.#setUntidy = this.#prepare("UPDATE shards SET untidy = ?2 WHERE number = ?1");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #open(): void {
    const { db } = this;
    const id = Number(rowsOf(db, "PRAGMA application_id")[0]?.[0]);
    const isNew = Number(rowsOf(db, "SELECT count(*) FROM sqlite_schema")[0]?.[0]) === 0;
    if (!isNew && id !== applicationId) throw new Unusable("it is no index of Roost");
    const found = Number(rowsOf(db, "PRAGMA user_version")[0]?.[0]);
    if (!isNew && found !== format)
      throw new Unusable(`it has format ${found}, and this version of Roost has ${format}`);
    if (isNew) db.run("PRAGMA auto_vacuum = INCREMENTAL");
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA synchronous = ${this.#run === undefined ? "FULL" : "OFF"}`);
    // What is removed is overwritten.
    db.run("PRAGMA secure_delete = ON");
    db.run("PRAGMA cache_size = -8192");
    db.run("PRAGMA temp_store = MEMORY");
    db.run(`PRAGMA journal_size_limit = ${8 * 1024 * 1024}`);
    if (!isNew) return;
    const make = db.transaction(() => {
      db.run(tables);
      db.run(`PRAGMA application_id = ${applicationId}`);
      db.run(`PRAGMA user_version = ${format}`);
    });
    make();
  }

  /** Every message up to this one was looked at. */
  get through(): number {
    return this.#through;
  }

  get newest(): number {
    return Math.floor(this.#through / this.shardMessages);
  }

  /** The newest first. */
  anchors(): Anchor[] {
    return rowsOf(this.db, "SELECT message_id, chat_id, seq, sent_at_ms FROM anchors ORDER BY message_id DESC").map(
      ([messageId, chatId, seq, sentAtMs]) => ({
        messageId: Number(messageId),
        chatId: Number(chatId),
        seq: Number(seq),
        sentAtMs: Number(sentAtMs),
      }),
    );
  }

  /** The shard with this message, or the newest one below it that exists. */
  shardAtOrBelow(messageId: number): Shard | undefined {
    const wanted = Math.floor(messageId / this.shardMessages);
    let found: Shard | undefined;
    for (const shard of this.#shards.values()) {
      if (shard.number <= wanted && shard.number > (found?.number ?? -1)) found = shard;
    }
    return found;
  }

  shards(): readonly Shard[] {
    return [...this.#shards.values()];
  }

  firstIdOf = ({ number }: Shard): number => number * this.shardMessages;

  untidy(): Shard[] {
    return rowsOf(this.db, "SELECT number FROM shards WHERE untidy = 1 ORDER BY number DESC").flatMap(
      ([number]) => this.#shards.get(Number(number)) ?? [],
    );
  }

  /** Runs `write` as one transaction. */
  write(write: () => void): void {
    if (!this.#isBeingWritten && this.#run !== undefined) this.#say(this.#run);
    const before = this.#through;
    try {
      this.db.transaction(write).immediate();
    } catch (error) {
      this.#through = before;
      this.#forgetUnmade();
      throw error;
    }
  }

  /** In which run of the machine the file is written; "": it was closed. On the disk when this returns. */
  #say(writtenIn: string): void {
    this.db.run("PRAGMA synchronous = FULL");
    rowsOf(this.db, "UPDATE state SET written_in = ?", writtenIn);
    this.db.run("PRAGMA synchronous = OFF");
    this.#isBeingWritten = writtenIn !== "";
  }

  /** What was written is on the disk, and then the file says so. */
  #sync(): void {
    rowsOf(this.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    const descriptor = openSync(this.#path, "r+");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    this.#say("");
    this.db.run("PRAGMA synchronous = FULL");
  }

  /** Shards that a transaction made which then failed. */
  #forgetUnmade(): void {
    try {
      const made = new Set(rowsOf(this.db, "SELECT number FROM shards").flat().map(Number));
      for (const number of this.#shards.keys()) if (!made.has(number)) this.#shards.delete(number);
    } catch {
      // The error that led here says what is wrong.
    }
  }

  /** Inside `write`. */
  add(messageId: number, terms: Iterable<string>): void {
    const number = Math.floor(messageId / this.shardMessages);
    let shard = this.#shards.get(number);
    if (shard === undefined) {
      shard = Shard.make(this.db, number);
      rowsOf(this.db, "INSERT INTO shards VALUES (?, 0)", number);
      // What was the newest one is complete, and is put together once.
      rowsOf(this.db, "UPDATE shards SET untidy = 1 WHERE number < ? AND number >= ?", number, number - 2);
      this.#shards.set(number, shard);
    }
    shard.add(messageId, terms);
  }

  /** Inside `write`. The words are gone from the file when the shard was tidied. */
  remove(messageId: number): void {
    const shard = this.#shards.get(Math.floor(messageId / this.shardMessages));
    if (shard === undefined || !shard.remove(messageId)) return;
    this.#setUntidy.run(shard.number, 1);
  }

  /** Inside `write`. */
  reach(through: number, last: Anchor | undefined): void {
    this.#setThrough.run(through);
    this.#through = through;
    if (last === undefined) return;
    this.#putAnchor.run(last.messageId, last.chatId, last.seq, last.sentAtMs);
    this.#dropAnchors.run();
  }

  /** Inside `write`. Of the shard nothing is left to be put together; where nothing is left at all, it goes. */
  tidied(shard: Shard): void {
    if (shard.number < this.newest && shard.isEmpty()) {
      shard.drop();
      rowsOf(this.db, "DELETE FROM shards WHERE number = ?", shard.number);
      this.#shards.delete(shard.number);
    } else this.#setUntidy.run(shard.number, 0);
  }

  /** What was overwritten leaves the WAL as well, and free pages go back to the disk. */
  shrink(): void {
    rowsOf(this.db, "PRAGMA incremental_vacuum(256)");
    rowsOf(this.db, "PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** After it the file outlives a crash of the machine. Throws where the disk fails; the file is closed all the same. */
  closeSynced(): void {
    try {
      if (this.#isBeingWritten) this.#sync();
    } finally {
      this.close();
    }
  }

  /** All statements end with it, or SQLite would keep the file open. */
  close(): void {
    for (const shard of this.#shards.values()) shard.close();
    for (const statement of this.#statements) statement.finalize();
    this.db.close();
  }

  #prepare(sql: string) {
    const statement = this.db.prepare(sql);
    this.#statements.push(statement);
    return statement;
  }
}

function runOfMachine(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}
