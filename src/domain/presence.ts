/** Online is a fact of the hub's attachments, not a column; what is kept is when a user was last seen. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { UserId } from "./model.ts";
import type { Store } from "./store.ts";

export type PresenceKeeper = ReturnType<typeof createPresence>;

export function createPresence(parts: { store: Store; clock: Clock; log: Log; isOnline(userId: UserId): boolean }) {
  /** The user's last client went: remember when. */
  function wentOffline(userId: UserId): void {
    parts.store
      .touchUser(userId, parts.clock.nowMs())
      .catch((error: unknown) => parts.log.warn("last seen could not be written", { userId, error }));
  }

  return { wentOffline, isOnline: parts.isOnline };
}
