/** Whom some names mean, for a check of the configuration: with or without a running server, changing nothing. */
import { existsSync } from "node:fs";
import { userIdOfKey } from "../../../domain/keys.ts";
import type { MadeBy } from "../../../domain/model.ts";
import { databasePath, openForReading } from "../engine/open.ts";

type Row = { readonly madeBy: MadeBy };

/** The users of these names, usernames or `user.<userId>`; undefined where the data cannot be read. */
export function namedUsers(dataDir: string, names: readonly string[]): Map<string, Row | undefined> | undefined {
  if (names.length === 0 || !existsSync(databasePath(dataDir))) return undefined;
  try {
    using db = openForReading(dataDir);
    const named = db.query<Row, [string]>("SELECT made_by madeBy FROM users WHERE username = ?");
    const numbered = db.query<Row, [number]>("SELECT made_by madeBy FROM users WHERE user_id = ?");
    const find = (name: string): Row | undefined => {
      const userId = userIdOfKey(name);
      return named.get(name) ?? (userId === undefined ? undefined : (numbered.get(userId) ?? undefined));
    };
    return new Map(names.map((name) => [name, find(name)]));
  } catch {
    return undefined; // Of another version, or being replaced: the start says more.
  }
}
