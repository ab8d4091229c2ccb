/** What ends a phone's hold on its users: moving to another phone, and being removed. */
import { isRightCode } from "../../../domain/phones/codes.ts";
import type { ProfileLimits } from "../../../domain/profiles/profile-store.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import type { LeftParts } from "../chats/chat-parts.ts";
import type { ChatEnds } from "../chats/chat-removal.ts";
import { friendIdsQuery } from "../contacts/friends.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts } from "../people/device-changes.ts";
import type { HourlyCounts } from "../phones/hourly-counts.ts";
import { type WireCode, type WirePhoneSession, withoutSecrets } from "../phones/phone-session-changes.ts";
import type { users } from "../schema.ts";
import type { ProfileRow } from "./profile-changes.ts";
import type { ProfileParts } from "./profile-parts.ts";

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

export function createProfileEndChanges(
  tx: Tx,
  parts: { profiles: ProfileParts; chatEnds: ChatEnds; credentials: CredentialParts; counts: HourlyCounts },
) {
  const { db } = tx;
  const {
    orm,
    p,
    and,
    asc,
    eq,
    isNotNull,
    isNull,
    notInArray,
    contacts,
    phoneSessions,
    profileCodes,
    profiles,
    users,
  } = tx.drizzle();
  const isMigration = and(eq(profileCodes.phone, p("phone")), eq(profileCodes.purpose, "migration"));
  const selectPending = orm.select().from(profileCodes).where(isMigration).prepare();
  const deletePending = orm.delete(profileCodes).where(isMigration).prepare();
  const insertPending = orm
    .insert(profileCodes)
    .values({
      phone: p("phone"),
      purpose: "migration",
      target: p("target"),
      salt: p("salt"),
      hash: p("hash"),
      expiresAtMs: p("expiresAtMs"),
    })
    .prepare();
  const countAttempt = db.prepare(
    "UPDATE profile_codes SET attempts = attempts + 1 WHERE phone = ? AND purpose = 'migration'",
  );
  const insertProfile = orm
    .insert(profiles)
    .values({
      phone: p("phone"),
      services: p("services"),
      settings: p("settings"),
      balance: p("balance"),
      updatedAtMs: p("nowMs"),
    })
    .prepare();
  const moveUsers = db.prepare("UPDATE users SET phone = ?2, updated_at_ms = ?3 WHERE phone = ?1");
  const moveSessions = db.prepare("UPDATE phone_sessions SET phone = ?2 WHERE phone = ?1 AND user_id IS NOT NULL");
  const moveCodes = db.prepare("UPDATE profile_codes SET phone = ?2 WHERE phone = ?1 AND purpose = 'email'");
  const deleteProfile = orm
    .delete(profiles)
    .where(eq(profiles.phone, p("phone")))
    .prepare();
  const selectSessions = orm
    .select()
    .from(phoneSessions)
    .where(and(eq(phoneSessions.phone, p("phone")), isNotNull(phoneSessions.userId)))
    .orderBy(asc(phoneSessions.sessionId))
    .prepare();
  const deleteSessions = orm
    .delete(phoneSessions)
    .where(and(eq(phoneSessions.phone, p("phone")), isNotNull(phoneSessions.userId)))
    .prepare();
  const orphanSessions = orm
    .update(phoneSessions)
    .set({ orphaned: true })
    .where(and(eq(phoneSessions.phone, p("phone")), isNull(phoneSessions.userId)))
    .prepare();
  const selectUsers = orm
    .select()
    .from(users)
    .where(eq(users.phone, p("phone")))
    .orderBy(asc(users.userId))
    .prepare();
  const selectFriends = db.prepare<{ friendId: number }, [number]>(friendIdsQuery);
  const selectCounterparties = orm
    .select({ userId: contacts.userId })
    .from(contacts)
    .where(and(eq(contacts.contactId, p("userId")), notInArray(contacts.status, ["ignore", "banned"])))
    .orderBy(asc(contacts.userId))
    .prepare();
  const deleteContacts = db.prepare("DELETE FROM contacts WHERE user_id = ?1 OR contact_id = ?1");
  const releaseUser = db.prepare("UPDATE users SET phone = NULL, updated_at_ms = ?2 WHERE user_id = ?1");
  const deleteUser = orm
    .delete(users)
    .where(eq(users.userId, p("userId")))
    .prepare();

  /** PROFILE § Profile/migrate. */
  function beginMigration(args: { phone: string; newPhone: string; code: WireCode; lifetimeMs: number }): boolean {
    const { phone, newPhone, code } = args;
    if (parts.profiles.find(phone) === undefined || parts.profiles.find(newPhone) !== undefined) return false;
    tx.writes += 1;
    deletePending.run({ phone });
    insertPending.run({
      phone,
      target: newPhone,
      salt: bytesOfHex(code.salt),
      hash: bytesOfHex(code.hash),
      expiresAtMs: tx.nowMs + args.lifetimeMs,
    });
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
    const pending = selectPending.get({ phone });
    if (before === undefined || pending === undefined || pending.target !== newPhone) return undefined;
    if (pending.expiresAtMs <= tx.nowMs || pending.attempts >= limits.attemptsMax) return undefined;
    if (parts.profiles.find(newPhone) !== undefined) return undefined;
    if (args.code === undefined && args.codeRequired) return undefined;
    if (args.code !== undefined) {
      const subject = `migration:${phone}`;
      if (parts.counts.of(subject) >= limits.wrongCodesPerHour) return undefined;
      if (!isRightCode(pending, args.code)) {
        tx.writes += 1;
        countAttempt.run(phone);
        parts.counts.add(subject);
        return undefined;
      }
    }
    tx.writes += 1;
    const { services, settings, balance } = before;
    insertProfile.run({ phone: newPhone, services, settings, balance, nowMs: tx.nowMs });
    moveUsers.run(phone, newPhone, tx.nowMs);
    moveSessions.run(phone, newPhone);
    moveCodes.run(phone, newPhone);
    deleteProfile.run({ phone });
    return {
      profile: { ...before, phone: newPhone, updatedAtMs: tx.nowMs },
      sessions: selectSessions.all({ phone: newPhone }).map(withoutSecrets),
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
    const sessions = selectSessions.all({ phone }).map(withoutSecrets);
    const owned = selectUsers.all({ phone });
    const own = new Set(owned.map((user) => user.userId));
    const told = owned.flatMap(({ userId }) =>
      selectCounterparties
        .all({ userId })
        .filter((row) => !own.has(row.userId))
        .map((row): [number, number] => [row.userId, userId]),
    );
    tx.writes += 1;
    deleteSessions.run({ phone });
    orphanSessions.run({ phone });
    const left: LeftParts[] = [];
    const kept: number[] = [];
    for (const { userId, username, passwordHash } of owned) {
      deleteContacts.run(userId);
      if (username !== null || passwordHash !== null) {
        kept.push(userId);
        releaseUser.run(userId, tx.nowMs);
        continue;
      }
      left.push(...parts.chatEnds.leaveAll(userId));
      parts.credentials.setScramKeys(`user:${userId}`, undefined);
      deleteUser.run({ userId });
    }
    deleteProfile.run({ phone });
    // Senders are remembered too.
    tx.forget();
    return { sessions, users: owned.map(withoutBytes), told, left, kept, updatedAtMs: tx.nowMs };
  }

  return {
    beginMigration: growing(beginMigration),
    finishMigration: growing(finishMigration),
    removeProfile: freeing(removeProfile),
  };
}

function withoutBytes(user: typeof users.$inferSelect): WireFormerUser {
  const { avatar, passwordHash, publicKey, ...shown } = user;
  return shown;
}
