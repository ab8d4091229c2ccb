/**
 * Which users a user may find by number. With `directory = contacts` a stranger can be neither asked, nor written to, nor
 * added to a chat. A user who was asked and has not answered stays a stranger to the user who asked. Who is no person is
 * found by no one.
 */
import { personCondition } from "../../../domain/people/kinds.ts";
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
  const otherKind = tx.db.prepare<{ one: 1 }, [number]>(
    `SELECT 1 one FROM users WHERE user_id = ? AND NOT (${personCondition})`,
  );
  return {
    mayFind: (userId: number, otherId: number, { hidesStrangers = false }: DirectoryRule): boolean =>
      otherKind.get(otherId) === null &&
      (!hidesStrangers || userId === otherId || known.get(userId, otherId)?.found === 1),
  };
}
