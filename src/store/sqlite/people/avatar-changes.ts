/** The picture of a user. */
import { DomainError } from "../../../domain/errors.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { UserParts, WireLook } from "./user-parts.ts";

export function createAvatarChanges(tx: Tx, people: UserParts) {
  const update = tx.db.prepare("UPDATE users SET avatar = ?, updated_at_ms = ? WHERE user_id = ?");

  /** `avatar`: base64. */
  function setAvatar({ userId, avatar }: { userId: number; avatar?: string | undefined }): WireLook {
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    tx.writes += 1;
    update.run(avatar === undefined ? null : Buffer.from(avatar, "base64"), tx.nowMs, userId);
    return people.look(userId);
  }

  return { setAvatar: growing(setAvatar) };
}
