/** How a user is deactivated: the row stays, since messages and chats name it; whatever logs in by it goes. */
import { eq, sql } from "drizzle-orm";
import { phoneSessions, users } from "../schema.ts";
import type { Tx } from "../tx.ts";
import type { TokenParts } from "./tokens.ts";

export function createUserEndChanges(tx: Tx, tokens: TokenParts) {
  const { orm } = tx;
  const p = sql.placeholder;
  const selectUser = orm
    .select({ userId: users.userId, disabled: users.disabled })
    .from(users)
    .where(eq(users.guid, p("guid")))
    .prepare();
  const disable = tx.db.prepare("UPDATE users SET disabled = 1, updated_at_ms = ?2 WHERE user_id = ?1");
  const deleteSessions = orm
    .delete(phoneSessions)
    .where(eq(phoneSessions.userId, p("userId")))
    .prepare();

  /** Gives the user's id; 0 where there is nobody, or nobody active, with this GUID. */
  function disableUser({ guid }: { guid: string }): number {
    const user = selectUser.get({ guid });
    if (user === undefined || user.disabled) return 0;
    const { userId } = user;
    tx.writes += 1;
    disable.run(userId, tx.nowMs);
    tokens.endAllOf(userId);
    deleteSessions.run({ userId });
    tx.userChanged(userId);
    return userId;
  }

  return { disableUser };
}
