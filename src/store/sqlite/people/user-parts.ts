/** The pieces of changing people that several changes share. */
import { DomainError } from "../../../domain/errors.ts";
import { reservedNameOf, userKeyOf } from "../../../domain/keys.ts";
import type { UserKind } from "../../../domain/model.ts";
import { isPerson } from "../../../domain/people/kinds.ts";
import type { NewUser } from "../../../domain/store.ts";
import { friendIdsQuery } from "../contacts/friends.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts, TakenLoginName, WireScramKeys } from "./credential-parts.ts";

/** A user to be made; bytes cross to the Worker as base64. */
export interface WireUser extends Omit<NewUser, "scramKeys" | "nick" | "invite"> {
  /** Without one the user's key stands for it. */
  readonly nick?: string | undefined;
  /** The profile that owns the user; it must be there. */
  readonly phone?: string | undefined;
  readonly scramKeys?: WireScramKeys | undefined;
  /** Without it a person. */
  readonly kind?: UserKind | undefined;
  /** The hash of the invitation that is used up by it, hex. */
  readonly invite?: string | undefined;
}

/** A user who looks different to others from now on, with the friends who are told. */
export interface WireLook {
  readonly userId: number;
  readonly updatedAtMs: number;
  readonly friendIds: readonly number[];
}

/** What changes ask of a user. */
export interface UserRow {
  readonly userId: number;
  readonly guid: string;
  readonly username: string | null;
  readonly phone: string | null;
  readonly nick: string;
  readonly disabled: boolean;
  readonly kind: UserKind;
}

export type UserParts = ReturnType<typeof createUserParts>;

export function createUserParts(tx: Tx, credentials: CredentialParts) {
  const { db } = tx;
  const byId = db.prepare<Omit<UserRow, "disabled"> & { disabled: number }, [number]>(
    "SELECT user_id userId, guid, username, phone, nick, disabled, kind FROM users WHERE user_id = ?",
  );
  const byUsername = db.prepare<{ userId: number }, [string]>("SELECT user_id userId FROM users WHERE username = ?");
  const byGuid = db.prepare<{ userId: number }, [string]>("SELECT user_id userId FROM users WHERE guid = ?");
  const insertUser = db.prepare(
    `INSERT INTO users
     (user_id, guid, username, phone, nick, password_hash, made_by, login_name, kind, created_at_ms, updated_at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)`,
  );
  const updateNick = db.prepare("UPDATE users SET nick = ?2, updated_at_ms = ?3 WHERE user_id = ?1");
  const selectFriends = db.prepare<{ friendId: number }, [number]>(friendIdsQuery);

  function find(userId: number): UserRow | undefined {
    const row = byId.get(userId);
    return row === null ? undefined : { ...row, disabled: row.disabled !== 0 };
  }

  /** Throws `user_not_found` also for a user who is no person, and so has nothing to log in by. */
  function checkPerson(userId: number): void {
    const user = find(userId);
    if (user === undefined || !isPerson(user)) throw new DomainError("user_not_found");
  }

  /**
   * Whether a new user may have the name. Throws `username_taken` where an MQTT device has it, `reserved_key` where it
   * would be taken for another user, or for a chat. A change asks before it writes anything.
   */
  function checkName(username: string): void {
    const reserved = reservedNameOf(username);
    if (reserved !== undefined) throw new DomainError("reserved_key", `${username} is ${reserved}`);
    if (credentials.isDevice(username)) throw new DomainError("username_taken", "an MQTT device has this name");
  }

  /** Throws `username_taken` where another user has it, as username or log-in name, or a device. */
  function checkLoginName(loginName: string, userId?: number): void {
    const holder = credentials.holderOf(loginName);
    const isTaken = byUsername.get(loginName) !== null || credentials.isDevice(loginName);
    if (isTaken || (holder !== undefined && holder.userId !== userId)) throw new DomainError("username_taken");
  }

  /** A new user. No other user has the username, and `checkName` and `checkLoginName` let the names pass. */
  function make(user: WireUser): number {
    const userId = tx.takeId();
    tx.writes += 1;
    insertUser.run(
      userId,
      tx.guid(),
      user.username ?? null,
      user.phone ?? null,
      user.nick ?? userKeyOf({ userId, username: user.username }),
      user.passwordHash ?? null,
      user.madeBy ?? (user.invite === undefined ? "registered" : "invited"),
      user.loginName ?? null,
      user.kind ?? "person",
      tx.nowMs,
    );
    if (user.scramKeys !== undefined) credentials.setScramKeys(`user:${userId}`, user.scramKeys);
    return userId;
  }

  /** False, and the time stays too, where that is the name already. */
  function rename(userId: number, nick: string): boolean {
    if (byId.get(userId)?.nick === nick) return false;
    tx.writes += 1;
    updateNick.run(userId, nick, tx.nowMs);
    return true;
  }

  return {
    find,
    checkPerson,
    findByUsername: (username: string): number | undefined => byUsername.get(username)?.userId,
    findByGuid: (guid: string): number | undefined => byGuid.get(guid)?.userId,
    checkName,
    checkLoginName,
    /** Whose log-in name the username takes. */
    holderOf: (username: string): TakenLoginName | undefined => credentials.holderOf(username),
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
