/** How an account ends, for a while or for good: a client that is connected as the user is nobody then. */
import type { DomainEvent } from "../events.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";

/** Enough for clients that were logging in when their account ended. */
const rememberedMax = 10_000;

export type AccountEnds = ReturnType<typeof createAccountEnds>;

export function createAccountEnds({ store }: { store: Store }) {
  /** Accounts that ended while the server ran, the oldest first. */
  const ended = new Set<UserId>();

  store.onCommitted({
    hears: (type) => type === "user.revoked" || type === "user.enabled",
    committed(events) {
      for (const event of events) hear(event);
      return undefined;
    },
  });

  function hear(event: DomainEvent): void {
    if (event.type === "user.revoked") for (const userId of event.to) remember(userId);
    else if (event.type === "user.enabled") for (const userId of event.to) ended.delete(userId);
  }

  /** The user's connections end with the promise, and every log-in of theirs. Throws `user_not_found`. */
  async function disable(userId: UserId): Promise<void> {
    await store.setUserDisabled({ userId, disabled: true });
  }

  /** The user may log in again, with their password or by a new token. Throws `user_not_found`. */
  async function enable(userId: UserId): Promise<void> {
    await store.setUserDisabled({ userId, disabled: false });
  }

  /** For good; what the user said stays in the chats others are in, and what they owned is the longest member's. Throws `user_not_found`. */
  async function remove(userId: UserId): Promise<void> {
    await store.removeUser(userId);
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
    /** Whether a user ended while a client was logging in; the store is not asked. */
    hasEnded: (userId: UserId): boolean => ended.has(userId),
  };
}
