/**
 * Who may find whom by number. With `directory = contacts` strangers are nobody to each other: neither asked for, nor written
 * to, nor drawn into a chat. Whoever was asked and has not answered stays a stranger to the one who asked.
 */
import { acquaintanceQuery } from "../contacts/friends.ts";
import type { Tx } from "../engine/tx.ts";

export type Directory = ReturnType<typeof createDirectory>;

export function createDirectory(tx: Tx) {
  const known = tx.db.prepare<{ found: number }, [number, number]>(acquaintanceQuery);
  return {
    mayFind: (userId: number, otherId: number): boolean =>
      !tx.hidesStrangers || userId === otherId || known.get(userId, otherId)?.found === 1,
  };
}
