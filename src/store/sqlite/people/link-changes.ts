/** Changes that link a credential to a user, or unlink it. Nothing is merged: who had it before has nothing else to lose. */
import { DomainError } from "../../../domain/errors.ts";
import { userKeyOf } from "../../../domain/keys.ts";
import { isRightCode } from "../../../domain/phones/codes.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { ProfileParts } from "../profiles/profile-parts.ts";
import type { AccountCodeParts } from "./account-code-changes.ts";
import type { CredentialParts, TakenLoginName, WireScramKeys } from "./credential-parts.ts";
import type { LogInParts, WireEnded } from "./log-in-changes.ts";
import type { UserParts, WireLook } from "./user-parts.ts";
import type { UserRemoval, WireUserRemoved } from "./user-removal.ts";

/** A user who lost a credential, with the log-ins that came by it. */
export interface WireUnlinked extends WireEnded {
  readonly userId: number;
  /** Set where others see the user differently. */
  readonly look?: WireLook | undefined;
  /** Connections that came by a password end too. */
  readonly byPassword: boolean;
}

export interface WireLinked {
  readonly look: WireLook;
  readonly unlinked: readonly WireUnlinked[];
  readonly removed: readonly (WireUserRemoved & { readonly userId: number })[];
  /** Whose log-in name the userID was until now. */
  readonly taken?: TakenLoginName | undefined;
}

interface Held {
  readonly phone: string | null;
  readonly username: string | null;
  readonly passwordHash: string | null;
  readonly publicKey: Uint8Array | null;
  readonly disabled: number;
}

const countOf = ({ phone, username, passwordHash }: Held): number =>
  [phone, username, passwordHash].filter((credential) => credential !== null).length;

export function createLinkChanges(
  tx: Tx,
  parts: {
    people: UserParts;
    credentials: CredentialParts;
    profiles: ProfileParts;
    codes: AccountCodeParts;
    logIns: LogInParts;
    removal: UserRemoval;
  },
) {
  const { db } = tx;
  const { people, credentials, profiles, codes, logIns, removal } = parts;
  const selectHeld = db.prepare<Held, [number]>(
    "SELECT phone, username, password_hash passwordHash, public_key publicKey, disabled FROM users WHERE user_id = ?",
  );
  // A message stays with its sender's count of bytes when they have left its chat. Who ignores a stranger is not told of.
  const isUsed = db.prepare<{ used: number }, [number]>(
    `SELECT coalesce((SELECT bytes FROM user_disk WHERE user_id = ?1), 0) > 0
     OR EXISTS (SELECT 1 FROM members WHERE user_id = ?1) OR EXISTS (SELECT 1 FROM contacts WHERE user_id = ?1)
     OR EXISTS (SELECT 1 FROM contacts WHERE contact_id = ?1 AND status NOT IN ('ignore', 'banned')) used`,
  );
  const selectCode = db.prepare<{ salt: Uint8Array; hash: Uint8Array }, [number, number, number]>(
    `SELECT salt, hash FROM account_codes
     WHERE user_id = ? AND purpose = 'phone' AND expires_at_ms > ? AND attempts < ?`,
  );
  const countCode = db.prepare(
    "UPDATE account_codes SET attempts = attempts + 1 WHERE user_id = ? AND purpose = 'phone'",
  );
  const insertProfile = db.prepare("INSERT INTO profiles (phone, updated_at_ms) VALUES (?, ?)");
  const clearProfile = db.prepare(
    "UPDATE profiles SET services = '[]', settings = '[]', updated_at_ms = ?2 WHERE phone = ?1",
  );
  const deleteProfileCodes = db.prepare("DELETE FROM profile_codes WHERE phone = ?");
  const updatePhone = db.prepare("UPDATE users SET phone = ?2, updated_at_ms = ?3 WHERE user_id = ?1");
  const orphanSessions = db.prepare("UPDATE phone_sessions SET orphaned = 1 WHERE phone = ? AND user_id IS NULL");
  const deleteProfile = db.prepare("DELETE FROM profiles WHERE phone = ?");
  const updatePassword = db.prepare("UPDATE users SET password_hash = ?2 WHERE user_id = ?1");
  const updateUsername = db.prepare(
    "UPDATE users SET username = ?2, public_key = ?3, updated_at_ms = ?4 WHERE user_id = ?1",
  );
  const deleteRestDevices = db.prepare("DELETE FROM devices WHERE user_id = ? AND door = 'rest'");

  function heldBy(userId: number): Held {
    people.checkPerson(userId);
    const held = selectHeld.get(userId);
    if (held === null) throw new DomainError("user_not_found");
    return held;
  }

  function checkFree(userId: number, held: Held, kind: "phone" | "username" | "passwordHash"): void {
    if (held.disabled !== 0 || tx.sender(userId)?.disabled !== false) throw new DomainError("user_disabled");
    if (held[kind] !== null) throw new DomainError("already_linked");
  }

  /** The credential may be taken from this user. */
  function checkUnused(userId: number): Held {
    const held = heldBy(userId);
    if (held.disabled !== 0) throw new DomainError("user_disabled");
    if (isUsed.get(userId)?.used !== 0) throw new DomainError("account_in_use");
    return held;
  }

  function checkNotLast(held: Held, kind: "phone" | "username" | "passwordHash"): void {
    if (held[kind] === null) throw new DomainError("not_linked");
    if (countOf(held) === 1) throw new DomainError("last_credential");
  }

  /** Null: the code is not right. */
  function linkPhone(args: { userId: number; phone: string; code: string; attemptsMax: number }): WireLinked | null {
    const { userId, phone, code, attemptsMax } = args;
    const held = heldBy(userId);
    const stored = selectCode.get(userId, tx.steadyMs, attemptsMax);
    if (stored === null || !isRightCode(stored, code)) {
      tx.writes += 1;
      countCode.run(userId);
      return null;
    }
    checkFree(userId, held, "phone");
    const before = profiles.usersOf(phone).map((user) => ({ userId: user.userId, held: checkUnused(user.userId) }));
    tx.writes += 1;
    if (profiles.find(phone) === undefined) insertProfile.run(phone, tx.nowMs);
    else clearProfile.run(phone, tx.nowMs);
    deleteProfileCodes.run(phone);
    updatePhone.run(userId, phone, tx.nowMs);
    codes.end(userId);
    return { look: people.look(userId), ...taken(before, losePhone) };
  }

  /** Who has another credential loses this one; the others are gone. */
  function taken(
    before: readonly { readonly userId: number; readonly held: Held }[],
    lose: (userId: number, held: Held) => WireUnlinked,
  ): Pick<WireLinked, "unlinked" | "removed"> {
    const stay = before.filter(({ held }) => countOf(held) > 1);
    const gone = before.filter(({ held }) => countOf(held) === 1);
    return {
      unlinked: stay.map(({ userId, held }) => lose(userId, held)),
      removed: gone.map(({ userId }) => ({ userId, ...removal.remove(userId) })),
    };
  }

  function losePhone(userId: number): WireUnlinked {
    tx.writes += 1;
    updatePhone.run(userId, null, tx.nowMs);
    // What was sent there for a password.
    codes.end(userId);
    return { userId, ...logIns.endPhones(userId), byPassword: false, look: people.look(userId) };
  }

  /** A profile without a user left is removed too. */
  function unlinkPhone({ userId }: { userId: number }): WireUnlinked {
    const held = heldBy(userId);
    checkNotLast(held, "phone");
    const unlinked = losePhone(userId);
    const { phone } = held;
    if (phone !== null && profiles.usersOf(phone).length === 0) {
      orphanSessions.run(phone);
      deleteProfile.run(phone);
    }
    return unlinked;
  }

  /** False: the code is not right. */
  function linkPassword(args: {
    userId: number;
    code?: string | undefined;
    attemptsMax: number;
    passwordHash: string;
    scramKeys?: WireScramKeys | undefined;
  }): boolean {
    const { userId, code, attemptsMax } = args;
    checkFree(userId, heldBy(userId), "passwordHash");
    if (code !== undefined && !codes.isRight({ userId, code, attemptsMax })) return false;
    tx.writes += 1;
    updatePassword.run(userId, args.passwordHash);
    credentials.setScramKeys(`user:${userId}`, args.scramKeys);
    codes.end(userId);
    return true;
  }

  function unlinkPassword({ userId, oldHash }: { userId: number; oldHash: string }): WireUnlinked {
    const held = heldBy(userId);
    if (held.passwordHash !== oldHash) throw new DomainError("wrong_password");
    checkNotLast(held, "passwordHash");
    tx.writes += 1;
    updatePassword.run(userId, null);
    credentials.setScramKeys(`user:${userId}`, undefined);
    codes.end(userId);
    return { userId, ...logIns.endOfDoor(userId, "minioicq"), byPassword: true };
  }

  function linkUsername({ userId, username }: { userId: number; username: string }): WireLinked {
    checkFree(userId, heldBy(userId), "username");
    const other = people.findByUsername(username);
    if (other === undefined) people.checkName(username);
    const before = other === undefined ? [] : [{ userId: other, held: checkUnused(other) }];
    const holder = people.holderOf(username);
    const publicKey = before[0]?.held.publicKey ?? null;
    tx.writes += 1;
    const moved = taken(before, loseUsername);
    if (people.find(userId)?.nick === userKeyOf({ userId, username: undefined })) people.rename(userId, username);
    updateUsername.run(userId, username, publicKey, tx.nowMs);
    tx.userChanged(userId);
    return { look: people.look(userId), ...moved, taken: holder };
  }

  function loseUsername(userId: number, { passwordHash }: Held): WireUnlinked {
    tx.writes += 1;
    updateUsername.run(userId, null, null, tx.nowMs);
    const ended = logIns.endOfDoor(userId, "rest");
    // Without a password the backend's tokens were the way to those of MiniOICQ.
    const more = passwordHash === null ? logIns.endOfDoor(userId, "minioicq") : undefined;
    deleteRestDevices.run(userId);
    tx.userChanged(userId);
    return {
      userId,
      tokenIds: [...ended.tokenIds, ...(more?.tokenIds ?? [])],
      longTokenIds: [...ended.longTokenIds, ...(more?.longTokenIds ?? [])],
      phoneSessionIds: [],
      byPassword: false,
      look: people.look(userId),
    };
  }

  function unlinkUsername({ userId }: { userId: number }): WireUnlinked {
    const held = heldBy(userId);
    checkNotLast(held, "username");
    return loseUsername(userId, held);
  }

  return {
    linkPhone: growing(linkPhone),
    unlinkPhone: freeing(unlinkPhone),
    linkPassword: growing(linkPassword),
    unlinkPassword: freeing(unlinkPassword),
    linkUsername: growing(linkUsername),
    unlinkUsername: freeing(unlinkUsername),
  };
}
