/** Opens the database at a start, whatever the last start left or an older version wrote. */
import type { Database } from "bun:sqlite";
import type { Fields } from "../../../lib/log.ts";
import { type CopyProgress, finishReplacing, replaceOldDatabase } from "./old-database.ts";
import { type Durability, databasePath, openForWriting } from "./open.ts";
import { DatabaseRefused, isOldDatabase, setAside } from "./own-database.ts";

const progressEveryMs = 3000;

export interface Opening {
  readonly dataDir: string;
  readonly durability: Durability;
  readonly nowMs: number;
  /** Where the database is lost or foreign, what is there is set aside; else that is refused. */
  readonly startEmpty: boolean;
}

/** Writes to the log. */
export type Tell = (level: "info" | "warn", message: string, fields: Fields) => void;

/** The schema is that of some migration of this version; `migrate` comes next. Throws `DatabaseRefused`, `SchemaError`. */
export function openDatabase(opening: Opening, tell: Tell): Database {
  const { dataDir, durability, startEmpty } = opening;
  finishReplacing(databasePath(dataDir));
  try {
    const db = openForWriting(dataDir, durability);
    return isOldDatabase(db) ? replaced(db, opening, tell) : db;
  } catch (error) {
    if (!startEmpty || !(error instanceof DatabaseRefused)) throw error;
    tell("warn", "the database is new and empty; what was there is set aside", { folder: setAside(dataDir) });
    return openForWriting(dataDir, durability);
  }
}

function replaced(old: Database, { dataDir, durability, nowMs }: Opening, tell: Tell): Database {
  old.close();
  const kept = replaceOldDatabase(databasePath(dataDir), { nowMs, onProgress: progressTo(tell) });
  tell("info", "the data was copied into a new file; the old one is kept", { kept });
  return openForWriting(dataDir, durability);
}

/** A short copy is not worth a word. */
function progressTo(tell: Tell): (progress: CopyProgress) => void {
  let next = performance.now() + progressEveryMs;
  return (progress) => {
    if (performance.now() < next) return;
    next = performance.now() + progressEveryMs;
    tell("info", "copying the data into a new file", { ...progress });
  };
}
