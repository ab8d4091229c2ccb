/**
 * A user is online while the hub has a sink of theirs, and a device while a client of it is connected; there is no column
 * for that. Stored is when they were last seen. Clients come and go every second (a long poll is a connection), so these
 * times are gathered, and written a little later: a user's once they are offline, a device's at most every few minutes.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { PresenceRule, UserId } from "../model.ts";
import type { Store } from "../store.ts";

const usersAfterMs = 5000;
const devicesAfterMs = 300_000;
const gatheredMax = 10_000;

export type PresenceKeeper = ReturnType<typeof createPresence>;

export function createPresence(parts: {
  store: Pick<Store, "touchUsers" | "touchMqttDevices" | "setPresenceRule">;
  clock: Pick<Clock, "nowMs">;
  log: Log;
  isOnline(userId: UserId): boolean;
}) {
  const { store, clock, log } = parts;
  const users = createGathering<UserId>({
    log,
    afterMs: usersAfterMs,
    isDue: (userId) => !parts.isOnline(userId),
    write: (seen) => store.touchUsers(seen.map(([userId, lastSeenAtMs]) => ({ userId, lastSeenAtMs }))),
  });
  const devices = createGathering<string>({
    log,
    afterMs: devicesAfterMs,
    isDue: () => true,
    write: (seen) => store.touchMqttDevices(seen.map(([name, lastSeenAtMs]) => ({ name, lastSeenAtMs }))),
  });

  return {
    /** The user's last client disconnected; the time is noted. */
    wentOffline: (userId: UserId): void => users.note(userId, clock.nowMs()),
    /** A client of the device came or went. */
    deviceSeen: (name: string): void => devices.note(name, clock.nowMs()),
    /** When the user was last seen, where that is not written yet. */
    lastSeenOfUser: (userId: UserId): number | undefined => users.noted(userId),
    /** When the device was last seen, where that is not written yet. */
    lastSeenOfDevice: (name: string): number | undefined => devices.noted(name),
    /** Who sees whether the user is online. Throws `user_disabled`. */
    setRule: (userId: UserId, rule: PresenceRule): Promise<void> => store.setPresenceRule(userId, rule),
    /** Writes the gathered times. A failure is logged; it loses no message. */
    async flush(): Promise<void> {
      await Promise.all([users.flush(), devices.flush()]);
    },
  };
}

function createGathering<Key>(parts: {
  log: Log;
  afterMs: number;
  /** What is not due is not written: a later time will be noted. */
  isDue(key: Key): boolean;
  write(seen: readonly (readonly [Key, number])[]): Promise<void>;
}) {
  let seenAtMs = new Map<Key, number>();
  let writing: ReadonlyMap<Key, number> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function note(key: Key, atMs: number): void {
    seenAtMs.set(key, atMs);
    if (seenAtMs.size >= gatheredMax) void flush();
    else timer ??= setTimeout(() => void flush(), parts.afterMs).unref();
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const seen = [...seenAtMs].filter(([key]) => parts.isDue(key));
    seenAtMs = new Map();
    if (seen.length === 0) return;
    const batch = new Map(seen);
    writing = batch;
    try {
      await parts.write(seen);
    } catch (error) {
      parts.log.warn("last seen could not be written", { times: seen.length, error });
    } finally {
      if (writing === batch) writing = undefined;
    }
  }

  return { note, flush, noted: (key: Key): number | undefined => seenAtMs.get(key) ?? writing?.get(key) };
}
