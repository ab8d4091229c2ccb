/**
 * Who is online, told to those friends who listen. A user is online while a client of theirs is connected at any door. That one
 * came is told after a moment, that they are gone after some seconds, so who comes back meanwhile has never been away.
 *
 * Nothing is done for users while no client listens. Then each coming and going costs one look at the user's friends,
 * however many others come at once, and friendship is as it is at that moment: nothing of it is kept here.
 */
import type { User, UserId } from "../domain/model.ts";
import type { Reads } from "../domain/store.ts";
import type { Clock, MonotonicMs } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Hub, Presence } from "./hub.ts";

const onlineAfterMs = 100;
const offlineAfterMs = 5000;
/** After so many users other work gets its turn. */
const usersBetweenTurns = 64;
/** A friend learns the minute and no more. */
const lastSeenStepMs = 60_000;

export interface ShownPresence {
  readonly userId: UserId;
  readonly online: boolean;
  /** Undefined while the user is online, and where it is not known. */
  readonly lastSeenAtMs: number | undefined;
}

/** A client of a user who wants to know. */
export interface PresenceListener {
  /** As which user it listens. */
  readonly userId: UserId;
  wants(userId: UserId): boolean;
  tell(presence: ShownPresence): void;
}

export type PresenceNews = ReturnType<typeof createPresenceNews>;

export function createPresenceNews(parts: {
  store: Pick<Reads, "listFriendIds" | "findUser" | "findContact">;
  hub: Pick<Hub, "isOnline">;
  /** When the user's last client went, where that is not stored yet. */
  lastSeenOfUser(userId: UserId): number | undefined;
  clock: Pick<Clock, "nowMs" | "monotonicMs">;
  log: Log;
}) {
  const { store, hub, clock, log } = parts;
  const listeners = new Map<UserId, Set<PresenceListener>>();
  /** Since when users are here, or gone, whose friends have not been told so; the oldest first. */
  const came = new Map<UserId, MonotonicMs>();
  const went = new Map<UserId, MonotonicMs>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** From here on the listener is told of what changes. Gives what ends that. */
  function listen(listener: PresenceListener): () => void {
    const own = listeners.get(listener.userId) ?? new Set();
    own.add(listener);
    listeners.set(listener.userId, own);
    return () => {
      own.delete(listener);
      if (own.size === 0 && listeners.get(listener.userId) === own) listeners.delete(listener.userId);
      if (listeners.size === 0) stop();
    };
  }

  /** A user's first client came, or the last one went. */
  function changed({ userId, online }: Presence): void {
    if (online) {
      // Friends were not told that the user was gone.
      if (went.delete(userId)) return;
      if (listeners.size > 0) came.set(userId, clock.monotonicMs());
    } else {
      if (came.delete(userId)) return;
      if (listeners.size > 0) went.set(userId, clock.monotonicMs());
    }
    wake();
  }

  function wake(): void {
    if (timer === undefined && came.size + went.size > 0)
      timer = setTimeout(() => void tellDue(), onlineAfterMs).unref();
  }

  async function tellDue(): Promise<void> {
    const nowMs = clock.monotonicMs();
    let told = 0;
    for (const userId of [...takeDue(came, nowMs - onlineAfterMs), ...takeDue(went, nowMs - offlineAfterMs)]) {
      try {
        await tellFriends(userId);
      } catch (error) {
        log.error("presence could not be told", { userId, error });
      }
      told += 1;
      if (told % usersBetweenTurns === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    timer = undefined;
    wake();
  }

  /** The user's own clients, and those of friends who may know. */
  async function tellFriends(userId: UserId): Promise<void> {
    const own = hearingOf(userId, userId);
    const friends: PresenceListener[] = [];
    for (const friend of await store.listFriendIds(userId)) friends.push(...hearingOf(friend, userId));
    if (own.length + friends.length === 0) return;
    const user = await store.findUser(userId);
    if (user === undefined) return;
    const shown = presenceOf(user);
    for (const listener of user.presenceRule === "none" ? own : [...own, ...friends]) listener.tell(shown);
  }

  const hearingOf = (by: UserId, other: UserId): PresenceListener[] =>
    [...(listeners.get(by) ?? [])].filter((listener) => listener.wants(other));

  /** As friends see it. Who may not log in is gone. */
  function presenceOf(user: User): ShownPresence {
    const { userId } = user;
    if (user.disabled) return gone(userId);
    if (hub.isOnline(userId) || went.has(userId)) return { userId, online: true, lastSeenAtMs: undefined };
    return { userId, online: false, lastSeenAtMs: shownTime(parts.lastSeenOfUser(userId) ?? user.lastSeenAtMs) };
  }

  /** The user themselves and those of their friends who let them know, of whom `wants` says so, as they are now. */
  async function* current(by: UserId, wants: (userId: UserId) => boolean): AsyncGenerator<ShownPresence> {
    let read = 0;
    for (const userId of [by, ...(await store.listFriendIds(by))]) {
      if (!wants(userId)) continue;
      const user = await store.findUser(userId);
      if (user !== undefined && !user.disabled && (userId === by || user.presenceRule !== "none")) {
        yield presenceOf(user);
      }
      read += 1;
      if (read % usersBetweenTurns === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** How `by` sees one other user now; undefined where they may not know. */
  async function seenBy(by: UserId, other: UserId): Promise<ShownPresence | undefined> {
    const [mine, theirs] = await Promise.all([store.findContact(by, other), store.findContact(other, by)]);
    if (mine?.status !== "friend" || theirs?.status !== "friend") return undefined;
    return mine.user.disabled || mine.user.presenceRule === "none" ? undefined : presenceOf(mine.user);
  }

  /** The two may be friends from now on: the listeners of `by` are shown the other user. */
  const befriended = (by: UserId, other: UserId): void => inTime(by, show(by, other));

  async function show(by: UserId, other: UserId): Promise<void> {
    if (!listeners.has(by)) return;
    const hearing = hearingOf(by, other);
    if (hearing.length === 0 || !(await store.listFriendIds(by)).includes(other)) return;
    const user = await store.findUser(other);
    if (user === undefined || user.disabled || user.presenceRule === "none") return;
    const shown = presenceOf(user);
    for (const listener of hearing) listener.tell(shown);
  }

  /**
   * The two were friends: the listeners of `by` must not go on taking the other user for online. `quietly`: to them it is
   * as if the other user left, since they are not to notice more.
   */
  const parted = (by: UserId, other: UserId, quietly = false): void => inTime(by, hide(by, other, quietly));

  async function hide(by: UserId, other: UserId, quietly: boolean): Promise<void> {
    if (!listeners.has(by)) return;
    const hearing = hearingOf(by, other);
    if (hearing.length === 0 || (await store.listFriendIds(by)).includes(other)) return;
    const user = await store.findUser(other);
    // What was never shown does not end.
    if (user?.presenceRule === "none") return;
    if (quietly && user !== undefined && !presenceOf(user).online) return;
    const shown = quietly ? { ...gone(other), lastSeenAtMs: shownTime(clock.nowMs()) } : gone(other);
    for (const listener of hearing) listener.tell(shown);
  }

  /** The user lets friends know from now on, or no one: friends who listen are told what they see from now on. */
  const ruleChanged = (userId: UserId): void => {
    if (listeners.size > 0) inTime(userId, retell(userId));
  };

  async function retell(userId: UserId): Promise<void> {
    const user = await store.findUser(userId);
    if (user === undefined) return;
    const shown = user.presenceRule === "none" ? gone(userId) : presenceOf(user);
    for (const friend of await store.listFriendIds(userId)) {
      for (const listener of hearingOf(friend, userId)) listener.tell(shown);
    }
  }

  function inTime(userId: UserId, telling: Promise<void>): void {
    telling.catch((error: unknown) => log.error("presence could not be told", { userId, error }));
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
    came.clear();
    went.clear();
  }

  return {
    listen,
    changed,
    current,
    seenBy,
    befriended,
    parted,
    ruleChanged,
    stop,
    size: (): { listeners: number; waiting: number } => ({ listeners: listeners.size, waiting: came.size + went.size }),
  };
}

const gone = (userId: UserId): ShownPresence => ({ userId, online: false, lastSeenAtMs: undefined });

const shownTime = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : ms - (ms % lastSeenStepMs);

function takeDue(since: Map<UserId, MonotonicMs>, untilMs: number): UserId[] {
  const due: UserId[] = [];
  for (const [userId, atMs] of since) {
    if (atMs > untilMs) break;
    due.push(userId);
  }
  for (const userId of due) since.delete(userId);
  return due;
}
