/**
 * Who may find whom by number. With `directory = contacts` strangers are nobody to each other: neither asked for, nor written
 * to, nor drawn into a chat. A user who was asked and has not answered stays a stranger to the one who asked.
 */
import { acquaintanceQuery } from "../contacts/friends.ts";
import type { Tx } from "../engine/tx.ts";

/** The setting, as it comes with a change's arguments. */
export interface DirectoryRule {
  /** Users find only those by number whom they know. */
  readonly hidesStrangers?: boolean | undefined;
}

export type Directory = ReturnType<typeof createDirectory>;

export function createDirectory(tx: Tx) {
  const known = tx.db.prepare<{ found: number }, [number, number]>(acquaintanceQuery);
  return {
    mayFind: (userId: number, otherId: number, { hidesStrangers = false }: DirectoryRule): boolean =>
      !hidesStrangers || userId === otherId || known.get(userId, otherId)?.found === 1,
  };
}
