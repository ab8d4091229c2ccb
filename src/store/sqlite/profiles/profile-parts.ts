/** The pieces that log-ins by phone and changes to profiles share: a phone's profile and the users it owns. */
import type { Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";

export type ProfileParts = ReturnType<typeof createProfileParts>;

export function createProfileParts(tx: Tx, people: UserParts) {
  const { orm, p, asc, eq, profiles, users } = tx.drizzle();
  const select = orm
    .select()
    .from(profiles)
    .where(eq(profiles.phone, p("phone")))
    .prepare();
  const insert = orm
    .insert(profiles)
    .values({ phone: p("phone"), updatedAtMs: p("nowMs") })
    .prepare();
  const selectUsers = orm
    .select({ userId: users.userId, disabled: users.disabled })
    .from(users)
    .where(eq(users.phone, p("phone")))
    .orderBy(asc(users.userId))
    .prepare();

  /** A profile with its first user; there is none of this phone. */
  function make(phone: string): number {
    tx.writes += 1;
    insert.run({ phone, nowMs: tx.nowMs });
    return people.make({ phone });
  }

  return {
    find: (phone: string) => select.get({ phone }),
    /** By rising id; the first is the one a bare phone means. */
    usersOf: (phone: string) => selectUsers.all({ phone }),
    make,
  };
}
