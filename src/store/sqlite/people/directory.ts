/**
 * Which users a user may find by number. With `directory = contacts` a stranger can be neither asked, nor written to, nor
 * added to a chat. A user who was asked and has not answered stays a stranger to the user who asked.
 */
import { acquaintanceQuery } from "../contacts/friends.ts";
import type { Tx } from "../engine/tx.ts";

/** The setting, as it comes with a change's arguments. */
export interface DirectoryRule {
  /** Users find only their acquaintances by number. */
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
