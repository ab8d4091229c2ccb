/** Invitations: made by the operator, used up in the same change that makes the user. */
import { DomainError } from "../../../domain/errors.ts";
import { later } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

export type InviteParts = ReturnType<typeof createInviteParts>;

export function createInviteParts(tx: Tx) {
  const useOne = tx.db.prepare("UPDATE invites SET uses_left = uses_left - 1 WHERE hash = ?");
  const find = tx.db.prepare<{ one: 1 }, [Buffer, number]>(
    "SELECT 1 one FROM invites WHERE hash = ? AND uses_left > 0 AND expires_at_ms > ?",
  );

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
    "INSERT INTO invites (hash, uses_left, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?)",
  );
  const deleteExpired = tx.db.prepare("DELETE FROM invites WHERE expires_at_ms <= ?");

  function addInvite(invite: { hash: string; uses: number; lifetimeMs: number }): null {
    tx.writes += 1;
    deleteExpired.run(tx.steadyMs);
    insert.run(bytesOfHex(invite.hash), invite.uses, tx.nowMs, later(tx.steadyMs, invite.lifetimeMs));
    return null;
  }

  return { addInvite: growing(addInvite) };
}
