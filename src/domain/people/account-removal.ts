/** How an account is disabled or removed. A client that is connected as the user is disconnected. */
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";

/** Enough for the clients that were logging in when their account ended. */
const rememberedMax = 10_000;

export type AccountRemoval = ReturnType<typeof createAccountRemoval>;

export function createAccountRemoval({ store }: { store: Store }) {
  /** Accounts that were disabled or removed while the server ran, the oldest first. */
  const ended = new Set<UserId>();

  store.onEvent("user.revoked", ({ to }) => to.forEach(remember));
  store.onEvent("user.enabled", ({ to }) => {
    for (const userId of to) ended.delete(userId);
  });

  /**
   * Disables an account. Once the promise resolves, the user's connections and log-ins are ended. Throws
   * `user_not_found`.
   */
  async function disable(userId: UserId): Promise<void> {
    await store.setUserDisabled({ userId, disabled: true });
  }

  /** Enables an account. The user may log in again, with their password or a new token. Throws `user_not_found`. */
  async function enable(userId: UserId): Promise<void> {
    await store.setUserDisabled({ userId, disabled: false });
  }

  /**
   * Removes an account for good. The user's messages stay in chats with other members; what they owned passes to the
   * longest-standing member. `retainedToo`: the messages that they retained on MQTT topics go too. Throws
   * `user_not_found`.
   */
  async function remove(userId: UserId, how?: { readonly retainedToo?: boolean }): Promise<void> {
    await store.removeUser(userId, how);
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
    /** Whether an account ended while a client was logging in. Does not read the store. */
    hasEnded: (userId: UserId): boolean => ended.has(userId),
  };
}
