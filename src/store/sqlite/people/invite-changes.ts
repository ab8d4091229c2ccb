/** Invitations: made by the operator or by users, used up in the same change that makes the user. */
import { DomainError } from "../../../domain/errors.ts";
import { later } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** One of a user who is disabled is not valid, and one of a user who is gone is gone. */
export const validInvite = `SELECT 1 one FROM invites LEFT JOIN users USING (user_id)
  WHERE hash = ? AND uses_left > 0 AND expires_at_ms > ? AND coalesce(disabled, 0) = 0`;

export type InviteParts = ReturnType<typeof createInviteParts>;

export function createInviteParts(tx: Tx) {
  const useOne = tx.db.prepare("UPDATE invites SET uses_left = uses_left - 1 WHERE hash = ?");
  const find = tx.db.prepare<{ one: 1 }, [Buffer, number]>(validInvite);

  /** `hash`: hex. Throws `invite_invalid` where it is used up, too old, or none. */
  function check(hash: string): void {
    if (find.get(bytesOfHex(hash), tx.steadyMs) === null) throw new DomainError("invite_invalid");
  }

  function use(hash: string): void {
    tx.writes += 1;
    useOne.run(bytesOfHex(hash));
  }

  return { check, use };
}

export function createInviteChanges(tx: Tx) {
  const insert = tx.db.prepare(
    "INSERT INTO invites (hash, uses_left, created_at_ms, expires_at_ms, user_id) VALUES (?, ?, ?, ?, ?)",
  );
  const countOf = tx.db.prepare<{ count: number }, [number, number]>(
    "SELECT count(*) count FROM invites WHERE user_id = ? AND expires_at_ms > ?",
  );
  const deleteExpired = tx.db.prepare("DELETE FROM invites WHERE expires_at_ms <= ?");

  function addInvite(invite: {
    hash: string;
    uses: number;
    lifetimeMs: number;
    by?: { readonly userId: number; readonly invitesMax: number } | undefined;
  }): null {
    const { by } = invite;
    if (by !== undefined) {
      if (tx.sender(by.userId)?.disabled !== false) throw new DomainError("user_disabled");
      // Those that are used up count until their time is over.
      const made = countOf.get(by.userId, tx.steadyMs)?.count ?? 0;
      if (made >= by.invitesMax) throw new DomainError("too_many_invites", `at most ${by.invitesMax} at a time`);
    }
    tx.writes += 1;
    deleteExpired.run(tx.steadyMs);
    const expiresAtMs = later(tx.steadyMs, invite.lifetimeMs);
    insert.run(bytesOfHex(invite.hash), invite.uses, tx.nowMs, expiresAtMs, by?.userId ?? null);
    return null;
  }

  return { addInvite: growing(addInvite) };
}
