/** The pieces of changing people that several changes share. */
import { DomainError } from "../../../domain/errors.ts";
import { userKeyOf } from "../../../domain/keys.ts";
import type { NewUser } from "../../../domain/store.ts";
import { friendIdsQuery } from "../contacts/friends.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts, WireScramKeys } from "./device-changes.ts";

/** A user to be made; bytes cross to the Worker as base64. */
export interface WireUser extends Omit<NewUser, "scramKeys" | "nick" | "invite"> {
  /** Without one the user's key stands for it. */
  readonly nick?: string | undefined;
  /** The profile that owns the user; it must be there. */
  readonly phone?: string | undefined;
  readonly scramKeys?: WireScramKeys | undefined;
  /** The hash of the invitation that is used up by it, hex. */
  readonly invite?: string | undefined;
}

/** A user who looks different to others from now on, with the friends who are told. */
export interface WireLook {
  readonly userId: number;
  readonly updatedAtMs: number;
  readonly friendIds: readonly number[];
}

export type UserParts = ReturnType<typeof createUserParts>;

export function createUserParts(tx: Tx, credentials: CredentialParts) {
  const { orm, p, eq, sql, users } = tx.drizzle();
  const byId = orm
    .select()
    .from(users)
    .where(eq(users.userId, p("userId")))
    .prepare();
  const byUsername = orm
    .select({ userId: users.userId })
    .from(users)
    .where(eq(users.username, p("username")))
    .prepare();
  const byGuid = orm
    .select({ userId: users.userId })
    .from(users)
    .where(eq(users.guid, p("guid")))
    .prepare();
  const insertUser = orm
    .insert(users)
    .values({
      userId: p("userId"),
      guid: p("guid"),
      username: p("username"),
      phone: p("phone"),
      nick: p("nick"),
      passwordHash: p("passwordHash"),
      createdAtMs: p("nowMs"),
      updatedAtMs: p("nowMs"),
    })
    .prepare();
  const updateNick = orm
    .update(users)
    .set({ nick: sql`${p("nick")}`, updatedAtMs: sql`${p("nowMs")}` })
    .where(eq(users.userId, p("userId")))
    .prepare();

  const selectFriends = tx.db.prepare<{ friendId: number }, [number]>(friendIdsQuery);

  /** Throws `username_taken` where an MQTT device has the name. A change asks before it writes anything. */
  function checkName(username: string): void {
    if (credentials.isDevice(username)) throw new DomainError("username_taken", "an MQTT device has this name");
  }

  /** A new user. No other user has the username, and `checkName` let it pass. */
  function make(user: WireUser): number {
    const userId = tx.takeId();
    tx.writes += 1;
    insertUser.run({
      userId,
      guid: tx.guid(),
      username: user.username ?? null,
      phone: user.phone ?? null,
      nick: user.nick ?? userKeyOf({ userId, username: user.username }),
      passwordHash: user.passwordHash ?? null,
      nowMs: tx.nowMs,
    });
    if (user.scramKeys !== undefined) credentials.setScramKeys(`user:${userId}`, user.scramKeys);
    return userId;
  }

  /** False, and the time stays too, where that is the name already. */
  function rename(userId: number, nick: string): boolean {
    if (byId.get({ userId })?.nick === nick) return false;
    tx.writes += 1;
    updateNick.run({ userId, nick, nowMs: tx.nowMs });
    return true;
  }

  return {
    find: (userId: number) => byId.get({ userId }),
    findByUsername: (username: string): number | undefined => byUsername.get({ username })?.userId,
    findByGuid: (guid: string): number | undefined => byGuid.get({ guid })?.userId,
    checkName,
    make,
    rename,
    /** Asked where the user was changed in this batch. */
    look: (userId: number): WireLook => ({
      userId,
      updatedAtMs: tx.nowMs,
      friendIds: selectFriends.all(userId).map(({ friendId }) => friendId),
    }),
  };
}
