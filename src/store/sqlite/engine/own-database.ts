/**
 * Whether the database in the data folder is Roost's own. Roost makes an empty database in a new folder alone: where the
 * folder shows that there was another database, or where the file is another program's, Roost refuses and says what it
 * found.
 */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { rowsOf } from "./rows.ts";

/** `PRAGMA application_id` of Roost's databases: the letters `Roos`. */
export const applicationId = 0x526f6f73;

/** What Roost puts beside a database that it has opened. */
const companions = ["files", "reserve"];
/** The database and what belongs to it. */
const belongings = ["roost.db", "roost.db-wal", "roost.db-shm", "files"];

/** They hold nothing, or nothing but what they were made from. */
const madeAgain = ["reserve", "search.db", "search.db-wal", "search.db-shm"];

/** The database is lost, or is not Roost's. The message says what was found and what to do. */
export class DatabaseRefused extends Error {
  override readonly name = "DatabaseRefused";
}

/** Opens Roost's database, or makes an empty one where the folder is new. Throws `DatabaseRefused`. */
export function openOwnDatabase(path: string): Database {
  const left = companionsOf(path);
  if (sizeOf(path) === 0 && left.length > 0) {
    throw new DatabaseRefused(`${path} is missing, and beside it ${are(left)}; put the database back`);
  }
  const db = new Database(path, { create: true, readwrite: true, strict: true });
  try {
    checkOwner(db, path);
    if (left.length > 0 && tablesOf(db).length === 0) {
      throw new DatabaseRefused(
        `${path} is empty, as a copy of the file alone is if the server ran, and beside it ${are(left)}; put the database back`,
      );
    }
    return db;
  } catch (error) {
    db.close();
    if (!isNoDatabase(error)) throw error;
    throw new DatabaseRefused(`${path} is not a database; put the database back`);
  }
}

function companionsOf(path: string): string[] {
  const found = companions.filter((name) => existsSync(join(dirname(path), name)));
  // SQLite makes it after the database, and would delete it beside an empty one.
  if (sizeOf(path) === 0 && existsSync(`${path}-wal`)) found.push(`${basename(path)}-wal`);
  return found;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const are = (names: readonly string[]): string => `${names.length > 1 ? "are" : "is"} ${names.join(" and ")}`;

function checkOwner(db: Database, path: string): void {
  const id = Number(rowsOf(db, "PRAGMA application_id")[0]?.[0]);
  if (id === applicationId) return;
  const tables = tablesOf(db);
  if (id === 0 && (tables.length === 0 || isOldDatabase(db))) return;
  const named = tables.length === 0 ? "no table" : `the tables ${tables.slice(0, 5).join(", ")}`;
  throw new DatabaseRefused(
    `${path} is a database of another program (application_id ${id}, ${named}); move it away, name another folder with --data`,
  );
}

/** Made before 0.1.0, by the migrations of that time. Most of these databases have no id. */
export function isOldDatabase(db: Database): boolean {
  const tables = tablesOf(db);
  return (
    tables.includes("migrations") &&
    tables.includes("mqtt_sessions") &&
    rowsOf(db, "SELECT 1 FROM migrations WHERE name = '0000_start'").length > 0
  );
}

const tablesOf = (db: Database): string[] =>
  rowsOf(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").flat().map(String);

const isNoDatabase = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "SQLITE_NOTADB";

/** Moves what is there into a new folder beside it, and gives that folder. */
export function setAside(dataDir: string): string {
  let number = 1;
  while (existsSync(join(dataDir, `set-aside-${number}`))) number += 1;
  const folder = join(dataDir, `set-aside-${number}`);
  mkdirSync(folder, { mode: 0o700 });
  for (const name of belongings) {
    if (existsSync(join(dataDir, name))) renameSync(join(dataDir, name), join(folder, name));
  }
  for (const name of madeAgain) rmSync(join(dataDir, name), { force: true });
  return folder;
}
