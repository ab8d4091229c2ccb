/** The pieces that log-ins by phone and changes to profiles share: a phone's profile and the users it owns. */

import type { HashedCode } from "../../../domain/phones/codes.ts";
import type { SteadyMs } from "../../../lib/clock.ts";
import type { Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { profiles } from "../schema.ts";

export type ProfileRow = typeof profiles.$inferSelect;

/** A code on its way to an address or a new phone. */
export interface PendingCode extends HashedCode {
  readonly target: string;
  readonly attempts: number;
  readonly expiresAtMs: SteadyMs;
}

/** With lists as the JSON text that they are stored as. */
type StoredProfile = Omit<ProfileRow, "services" | "settings"> & {
  readonly services: string;
  readonly settings: string;
};

export type ProfileParts = ReturnType<typeof createProfileParts>;

export function createProfileParts(tx: Tx, people: UserParts) {
  const { db } = tx;
  const select = db.prepare<StoredProfile, [string]>(
    "SELECT phone, services, settings, balance, updated_at_ms updatedAtMs FROM profiles WHERE phone = ?",
  );
  const insert = db.prepare("INSERT INTO profiles (phone, updated_at_ms) VALUES (?, ?)");
  const selectUsers = db.prepare<{ userId: number; disabled: number }, [string]>(
    "SELECT user_id userId, disabled FROM users WHERE phone = ? ORDER BY user_id",
  );

  function find(phone: string): ProfileRow | undefined {
    const row = select.get(phone);
    if (row === null) return undefined;
    return { ...row, services: JSON.parse(row.services), settings: JSON.parse(row.settings) };
  }

  /** A profile with its first user; there is none of this phone. */
  function make(phone: string): number {
    tx.writes += 1;
    insert.run(phone, tx.nowMs);
    return people.make({ phone });
  }

  return {
    find,
    /** By rising id; the first is the one a bare phone means. */
    usersOf: (phone: string) =>
      selectUsers.all(phone).map(({ userId, disabled }) => ({ userId, disabled: disabled !== 0 })),
    make,
  };
}
