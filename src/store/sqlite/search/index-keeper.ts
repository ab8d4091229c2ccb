/** Opens the index for this log, or makes it anew where what is there is of no use, and tells so in the log. */
import type { Tell } from "../engine/opening.ts";
import { IndexFile, Unusable } from "./index-file.ts";
import { removeIndex } from "./index-path.ts";
import { isOfThisLog } from "./indexer.ts";
import type { TextRows } from "./text-rows.ts";

/** Throws SQLite's error where the disk, not the file, is at fault. */
export function openIndex(parts: { dataDir: string; shardMessages: number; rows: TextRows; tell: Tell }): IndexFile {
  const { dataDir, shardMessages, rows, tell } = parts;
  try {
    const index = new IndexFile(dataDir, shardMessages);
    if (isOfThisLog(index, rows)) return index;
    index.close();
    throw new Unusable("it was made from other messages");
  } catch (error) {
    if (!(error instanceof Unusable) && !isBroken(error)) throw error;
    throwAway({ dataDir, tell, error });
    return new IndexFile(dataDir, shardMessages);
  }
}

/** No statement may use it any more. */
export function throwAway({ dataDir, tell, error }: { dataDir: string; tell: Tell; error: unknown }): void {
  const reason = error instanceof Error ? error.message : String(error);
  tell("warn", "the index of search is made anew; search.db was of no use", { reason });
  removeIndex(dataDir);
}

/** The file is damaged, or is no database. */
export function isBroken(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}
