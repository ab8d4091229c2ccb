/** What ends a phone's hold on its users: moving to another phone, and the end of the profile or of one of its users. */

import { isRightCode } from "../../../domain/phones/codes.ts";
import type { ProfileLimits } from "../../../domain/profiles/profile-store.ts";
import { later } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import type { LeftParts } from "../chats/chat-parts.ts";
import type { ChatRemoval } from "../chats/chat-removal.ts";
import { friendIdsQuery } from "../contacts/friends.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MessageFiles } from "../messages/message-files.ts";
import type { CredentialParts } from "../people/credential-parts.ts";
import { shownSessionColumns, type WireCode, type WirePhoneSession } from "../phones/phone-session-changes.ts";
import type { users } from "../schema.ts";
import type { PendingCode, ProfileParts, ProfileRow } from "./profile-parts.ts";

/** A user as they were, without bytes and secrets. */
export type WireFormerUser = Omit<typeof users.$inferSelect, "avatar" | "passwordHash" | "publicKey">;

export interface WireMigrated {
  readonly profile: ProfileRow;
  readonly sessions: readonly WirePhoneSession[];
  readonly users: readonly { readonly userId: number; readonly friendIds: readonly number[] }[];
}

export interface WireRemoved {
  readonly sessions: readonly WirePhoneSession[];
  readonly users: readonly WireFormerUser[];
  /** `[counterparty, removed user]`. */
  readonly told: readonly (readonly [number, number])[];
  readonly left: readonly LeftParts[];
  readonly kept: readonly number[];
  readonly updatedAtMs: number;
}

export function createProfileRemovalChanges(
  tx: Tx,
  parts: {
    profiles: ProfileParts;
    chatRemoval: ChatRemoval;
    credentials: CredentialParts;
    files: () => MessageFiles;
  },
) {
  const { db } = tx;
  const selectPending = db.prepare<PendingCode, [string]>(
    `SELECT target, salt, hash, attempts, expires_at_ms expiresAtMs FROM profile_codes
     WHERE phone = ? AND purpose = 'migration'`,
  );
  const deletePending = db.prepare("DELETE FROM profile_codes WHERE phone = ? AND purpose = 'migration'");
  const insertPending = db.prepare(
    `INSERT INTO profile_codes (phone, purpose, target, salt, hash, expires_at_ms)
     VALUES (?, 'migration', ?, ?, ?, ?)`,
  );
  const countAttempt = db.prepare(
    "UPDATE profile_codes SET attempts = attempts + 1 WHERE phone = ? AND purpose = 'migration'",
  );
  const insertProfile = db.prepare(
    `INSERT INTO profiles (phone, services, settings, balance, updated_at_ms)
     SELECT ?2, services, settings, balance, ?3 FROM profiles WHERE phone = ?1`,
  );
  const moveUsers = db.prepare("UPDATE users SET phone = ?2, updated_at_ms = ?3 WHERE phone = ?1");
  const moveSessions = db.prepare("UPDATE phone_sessions SET phone = ?2 WHERE phone = ?1 AND user_id IS NOT NULL");
  const moveCodes = db.prepare("UPDATE profile_codes SET phone = ?2 WHERE phone = ?1 AND purpose = 'email'");
  const deleteProfile = db.prepare("DELETE FROM profiles WHERE phone = ?");
  const selectSessions = db.prepare<WirePhoneSession, [string]>(
    `SELECT ${shownSessionColumns} FROM phone_sessions WHERE phone = ? AND user_id IS NOT NULL ORDER BY session_id`,
  );
  const selectSessionsOf = db.prepare<WirePhoneSession, [number]>(
    `SELECT ${shownSessionColumns} FROM phone_sessions WHERE user_id = ? ORDER BY session_id`,
  );
  const deleteSessionsOf = db.prepare("DELETE FROM phone_sessions WHERE user_id = ?");
  const deleteSessions = db.prepare("DELETE FROM phone_sessions WHERE phone = ? AND user_id IS NOT NULL");
  const orphanSessions = db.prepare("UPDATE phone_sessions SET orphaned = 1 WHERE phone = ? AND user_id IS NULL");
  const selectUsers = db.prepare<StoredUser, [string]>(
    `SELECT user_id userId, guid, username, phone, nick, names, surnames, avatar_link avatarLink, disabled, kind, presence,
     made_by madeBy, created_at_ms createdAtMs, last_seen_at_ms lastSeenAtMs, updated_at_ms updatedAtMs,
     password_hash IS NOT NULL hasPassword FROM users WHERE phone = ? ORDER BY user_id`,
  );
  const selectFriends = db.prepare<{ friendId: number }, [number]>(friendIdsQuery);
  const selectCounterparties = db.prepare<{ userId: number }, [number]>(
    `SELECT user_id userId FROM contacts WHERE contact_id = ? AND status NOT IN ('ignore', 'banned') ORDER BY user_id`,
  );
  const deleteContacts = db.prepare("DELETE FROM contacts WHERE user_id = ?1 OR contact_id = ?1");
  const releaseUser = db.prepare("UPDATE users SET phone = NULL, updated_at_ms = ?2 WHERE user_id = ?1");
  const deleteUser = db.prepare("DELETE FROM users WHERE user_id = ?");

  /** PROFILE § Profile/migrate. */
  function beginMigration(args: { phone: string; newPhone: string; code: WireCode; lifetimeMs: number }): boolean {
    const { phone, newPhone, code } = args;
    if (parts.profiles.find(phone) === undefined || parts.profiles.find(newPhone) !== undefined) return false;
    tx.writes += 1;
    deletePending.run(phone);
    const expiresAtMs = later(tx.steadyMs, args.lifetimeMs);
    insertPending.run(phone, newPhone, bytesOfHex(code.salt), bytesOfHex(code.hash), expiresAtMs);
    return true;
  }

  /** PROFILE § Profile/phone. */
  function finishMigration(args: {
    phone: string;
    newPhone: string;
    code?: string | undefined;
    codeRequired: boolean;
    limits: ProfileLimits;
  }): WireMigrated | undefined {
    const { phone, newPhone, limits } = args;
    const before = parts.profiles.find(phone);
    const pending = selectPending.get(phone);
    if (before === undefined || pending === null || pending.target !== newPhone) return undefined;
    if (pending.expiresAtMs <= tx.steadyMs || pending.attempts >= limits.attemptsMax) return undefined;
    if (parts.profiles.find(newPhone) !== undefined) return undefined;
    if (args.code === undefined && args.codeRequired) return undefined;
    if (args.code !== undefined && !isRightCode(pending, args.code)) {
      tx.writes += 1;
      countAttempt.run(phone);
      return undefined;
    }
    tx.writes += 1;
    insertProfile.run(phone, newPhone, tx.nowMs);
    moveUsers.run(phone, newPhone, tx.nowMs);
    moveSessions.run(phone, newPhone);
    moveCodes.run(phone, newPhone);
    deleteProfile.run(phone);
    return {
      profile: { ...before, phone: newPhone, updatedAtMs: tx.nowMs },
      sessions: selectSessions.all(newPhone),
      users: parts.profiles.usersOf(newPhone).map(({ userId }) => ({
        userId,
        friendIds: selectFriends.all(userId).map((row) => row.friendId),
      })),
    };
  }

  /**
   * PROFILE § Profile/remove. Users who have other credentials stay what they are at other doors; the others are gone,
   * and leave their chats. Sessions that wait for a code are told when they show it.
   */
  function removeProfile({ phone }: { phone: string }): WireRemoved | undefined {
    if (parts.profiles.find(phone) === undefined) return undefined;
    const sessions = selectSessions.all(phone);
    tx.writes += 1;
    deleteSessions.run(phone);
    orphanSessions.run(phone);
    const removed = removeUsers(selectUsers.all(phone));
    deleteProfile.run(phone);
    // Senders are remembered too.
    tx.forget();
    return { sessions, ...removed };
  }

  /** A user of the phone goes as all of them do with the profile. The last one goes with it alone. */
  function removeRoster({ phone, userId }: { phone: string; userId: number }): WireRemoved | "last" | "not_found" {
    const owned = selectUsers.all(phone);
    const user = owned.find((one) => one.userId === userId);
    if (user === undefined) return "not_found";
    const othersStay = owned.some((one) => one.userId !== userId && one.disabled === 0);
    // What the operator disabled stays.
    if (!othersStay || user.disabled !== 0) return "last";
    const sessions = selectSessionsOf.all(userId);
    tx.writes += 1;
    deleteSessionsOf.run(userId);
    const removed = removeUsers([user]);
    tx.userChanged(userId);
    return { sessions, ...removed };
  }

  function removeUsers(owned: readonly StoredUser[]): Omit<WireRemoved, "sessions"> {
    const own = new Set(owned.map((user) => user.userId));
    const told = owned.flatMap(({ userId }) =>
      selectCounterparties
        .all(userId)
        .filter((row) => !own.has(row.userId))
        .map((row): [number, number] => [row.userId, userId]),
    );
    const left: LeftParts[] = [];
    const kept: number[] = [];
    for (const { userId, username, hasPassword } of owned) {
      deleteContacts.run(userId);
      if (username !== null || hasPassword !== 0) {
        kept.push(userId);
        releaseUser.run(userId, tx.nowMs);
        continue;
      }
      left.push(...parts.chatRemoval.leaveAll(userId));
      parts.credentials.remove(`user:${userId}`);
      parts.files().endUploadsOf(userId);
      deleteUser.run(userId);
    }
    return { users: owned.map(toFormer), told, left, kept, updatedAtMs: tx.nowMs };
  }

  return {
    beginMigration: growing(beginMigration),
    finishMigration: growing(finishMigration),
    removeProfile: freeing(removeProfile),
    removeRoster: freeing(removeRoster),
  };
}

/** As SQLite gives it, which knows no booleans. */
type StoredUser = Omit<WireFormerUser, "disabled"> & { readonly disabled: number; readonly hasPassword: number };

function toFormer({ hasPassword, disabled, ...user }: StoredUser): WireFormerUser {
  return { ...user, disabled: disabled !== 0 };
}
