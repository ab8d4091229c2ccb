/**
 * Databases that were made before 0.1.0. They are copied once, row by row, into a new file, which has the first schema of
 * 0.1.0 and gives space back (`auto_vacuum`). The old file is kept. Only names of columns count: a column that the old file does
 * not have gets its default. What old rows need besides is done by the migrations that follow the first one.
 *
 * The copy is written under a name of its own, so that a crash at any moment leaves the old file or the whole new one in its
 * place: `roost.db.partial` while it is incomplete, `roost.db.copied` once the disk has all of it.
 */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { freeBytes } from "./free-bytes.ts";
import { type Migration, migrations, recordOf, SchemaError, statementsOf } from "./migrations.ts";
import { rowsOf } from "./rows.ts";

/** Rows that are copied by one statement. */
const sliceRows = 20_000;

export interface CopyProgress {
  readonly table: string;
  /** Of this table, whole percents. */
  readonly percent: number;
}

export interface CopyOptions {
  readonly nowMs: number;
  onProgress(progress: CopyProgress): void;
}

/** What a crash in the middle of `replaceOldDatabase` left is finished or thrown away. Before the database is opened. */
export function finishReplacing(path: string): void {
  if (existsSync(copyOf(path)) && !existsSync(path)) renameSync(copyOf(path), path);
}

/**
 * Puts a copy in the place of an old database that nothing has open. Gives the name that the old file has now. Throws
 * `SchemaError` where the disk has no room for both, or another program uses the file.
 */
export function replaceOldDatabase(path: string, options: CopyOptions): string {
  const partial = `${path}.partial`;
  for (const left of [partial, copyOf(path)]) rmSync(left, { force: true });
  try {
    leaveWal(path);
    requireRoom(path);
    write(partial, path, options);
    sync(partial);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  renameSync(partial, copyOf(path));
  sync(dirname(path));
  const kept = freeName(`${path}.before-0.1.0`);
  renameSync(path, kept);
  renameSync(copyOf(path), path);
  sync(dirname(path));
  return kept;
}

const copyOf = (path: string): string => `${path}.copied`;

/** Moves what stands in the WAL into the file and removes the WAL: the file is renamed alone. */
function leaveWal(path: string): void {
  const db = new Database(path, { readwrite: true });
  try {
    const [[mode] = []] = rowsOf(db, "PRAGMA journal_mode = DELETE");
    if (mode !== "delete")
      throw new SchemaError(`another program uses ${path}; stop it, so that the data can be copied`);
  } finally {
    db.close();
  }
}

function requireRoom(path: string): void {
  const needed = statSync(path).size;
  const free = freeBytes(dirname(path));
  if (free > needed) return;
  throw new SchemaError(
    `the data of a version before 0.1.0 is copied once into a new file, and ${dirname(path)} has ${mebibytes(free)} MiB free where the copy takes up to ${mebibytes(needed)} MiB; make room and start again`,
  );
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / (1024 * 1024));

/** Nothing waits for this file and a crash throws it away, so that nothing needs a journal or a sync before the end. */
function write(partial: string, path: string, options: CopyOptions): void {
  const [first] = migrations;
  if (first === undefined) throw new Error("there is no migration");
  const db = new Database(partial, { create: true, readwrite: true, strict: true });
  try {
    for (const pragma of [
      "auto_vacuum = INCREMENTAL",
      "journal_mode = OFF",
      "synchronous = OFF",
      "foreign_keys = OFF",
    ]) {
      rowsOf(db, `PRAGMA ${pragma}`);
    }
    rowsOf(db, "ATTACH DATABASE ? AS old", path);
    fill(db, first, options);
    db.run("DETACH DATABASE old");
  } finally {
    db.close();
  }
}

/** Indexes and triggers come after the rows: an index is built faster at once, and no trigger acts on what is only copied. */
function fill(db: Database, first: Migration, { nowMs, onProgress }: CopyOptions): void {
  const statements = statementsOf(first);
  const isTable = (statement: string): boolean => statement.startsWith("CREATE TABLE");
  for (const statement of statements.filter(isTable)) db.run(statement);
  for (const table of tablesOf(db)) {
    if (table !== "migrations") copyTable(db, table, (percent) => onProgress({ table, percent }));
  }
  // Ids that were given are not given again, also those of rows that are gone.
  db.run("DELETE FROM main.sqlite_sequence");
  db.run(
    "INSERT INTO main.sqlite_sequence SELECT name, seq FROM old.sqlite_sequence WHERE name IN (SELECT name FROM main.sqlite_schema)",
  );
  for (const statement of statements.filter((one) => !isTable(one))) db.run(statement);
  db.run(recordOf(first, nowMs));
}

/** In the order of the rows: `rowid` is the order in which members joined and tokens were made. */
function copyTable(db: Database, table: string, onPercent: (percent: number) => void): void {
  const old = columnsOf(db, "old", table);
  if (old.length === 0) return;
  const shared = columnsOf(db, "main", table).filter((name) => old.includes(name));
  const columns = shared.map(quoted).join(", ");
  const from = `FROM old.${quoted(table)} WHERE rowid > ?1 ORDER BY rowid LIMIT ${sliceRows}`;
  using last = db.prepare<{ last: number | null; end: number }, [number]>(
    `SELECT (SELECT max(rowid) FROM old.${quoted(table)}) end, (SELECT max(rowid) FROM (SELECT rowid ${from})) last`,
  );
  using copy = db.prepare(`INSERT INTO main.${quoted(table)} (${columns}) SELECT ${columns} ${from}`);
  for (let done = Number.MIN_SAFE_INTEGER; ; ) {
    const slice = last.get(done);
    if (slice === null || slice.last === null) return;
    copy.run(done);
    done = slice.last;
    onPercent(Math.floor((100 * done) / Math.max(done, slice.end, 1)));
  }
}

const quoted = (name: string): string => `"${name}"`;

const columnsOf = (db: Database, schema: "main" | "old", table: string): string[] =>
  rowsOf(db, "SELECT name FROM pragma_table_info(?, ?)", table, schema).flat().map(String);

const tablesOf = (db: Database): string[] =>
  rowsOf(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .flat()
    .map(String);

function freeName(wanted: string): string {
  let name = wanted;
  for (let number = 2; existsSync(name); number += 1) name = `${wanted}-${number}`;
  return name;
}

/** A file or a folder. */
function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
