/**
 * A user is online while the hub has a sink of theirs; there is no column for it. Stored is when a user was last seen.
 * Clients connect and disconnect every second (a long poll is a connection), so these times are gathered. A little
 * later they are written for the users who are still offline.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";

const writtenAfterMs = 5000;
const gatheredMax = 10_000;

export type PresenceKeeper = ReturnType<typeof createPresence>;

export function createPresence(parts: { store: Store; clock: Clock; log: Log; isOnline(userId: UserId): boolean }) {
  let gone = new Map<UserId, number>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** The user's last client disconnected; the time is noted. */
  function wentOffline(userId: UserId): void {
    gone.set(userId, parts.clock.nowMs());
    if (gone.size >= gatheredMax) void flush();
    else timer ??= setTimeout(() => void flush(), writtenAfterMs);
  }

  /** Writes the gathered times. A failure is logged; it loses no message. */
  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const seen = [...gone].filter(([userId]) => !parts.isOnline(userId));
    gone = new Map();
    if (seen.length === 0) return;
    try {
      await parts.store.touchUsers(seen.map(([userId, lastSeenAtMs]) => ({ userId, lastSeenAtMs })));
    } catch (error) {
      parts.log.warn("last seen could not be written", { users: seen.length, error });
    }
  }

  return { wentOffline, flush };
}
