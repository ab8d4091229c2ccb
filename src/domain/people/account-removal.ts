/** How an account ends, for a while or for good: whoever is connected as the user is nobody then. */
import type { Publish } from "../events.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { EndedLogIns } from "./log-in-store.ts";

/** Enough for whoever was logging in when his account ended. */
const rememberedMax = 10_000;

export type AccountEnds = ReturnType<typeof createAccountEnds>;

export function createAccountEnds({ store, publish }: { store: Store; publish: Publish }) {
  const listeners: ((userId: UserId) => void)[] = [];
  /** Accounts that ended while the server ran, the oldest first. */
  const ended = new Set<UserId>();

  /** His connections end with the promise, and every log-in of his. Throws `user_not_found`. */
  async function disable(userId: UserId): Promise<void> {
    revoke(userId, await store.setUserDisabled({ userId, disabled: true }));
  }

  /** He may log in again, with his password or by a new token. Throws `user_not_found`. */
  async function enable(userId: UserId): Promise<void> {
    await store.setUserDisabled({ userId, disabled: false });
    ended.delete(userId);
  }

  /** For good; what he said stays in the chats others are in, and what he owned is their longest member's. Throws `user_not_found`. */
  async function remove(userId: UserId): Promise<void> {
    const removed = await store.removeUser(userId);
    for (const change of removed.changes) publish({ type: "contact.changed", change, to: [change.userId] });
    for (const left of removed.left) publish({ type: "chat.left", left, to: left.rows.map((row) => row.userId) });
    revoke(userId, removed);
  }

  function revoke(userId: UserId, { phoneSessionIds }: EndedLogIns): void {
    // First, so that whoever is connected by one of them is nobody when his account goes.
    if (phoneSessionIds.length > 0) publish({ type: "session.ended", sessionIds: phoneSessionIds, to: [userId] });
    announce([userId]);
  }

  /** After the commit that ended the accounts. */
  function announce(userIds: readonly UserId[]): void {
    if (userIds.length === 0) return;
    for (const userId of userIds) remember(userId);
    publish({ type: "user.revoked", to: userIds });
    for (const listener of listeners) for (const userId of userIds) listener(userId);
  }

  function remember(userId: UserId): void {
    for (const oldest of ended) {
      if (ended.size < rememberedMax) break;
      ended.delete(oldest);
    }
    ended.add(userId);
  }

  return {
    disable,
    enable,
    remove,
    announce,
    /** Whether a user ended while he was logging in; the store is not asked. */
    hasEnded: (userId: UserId): boolean => ended.has(userId),
    /** Told after the commit; must not throw. */
    onRevoked: (listener: (userId: UserId) => void): void => void listeners.push(listener),
  };
}
