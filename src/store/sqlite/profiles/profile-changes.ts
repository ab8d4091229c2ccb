/** Changes to a profile: what it is linked to, its settings, what others see of its users, and codes for its addresses. */

import { nickCharactersMax } from "../../../domain/bounds.ts";
import { DomainError } from "../../../domain/errors.ts";
import { userKeyOf } from "../../../domain/keys.ts";
import type { UserId } from "../../../domain/model.ts";
import { isRightCode } from "../../../domain/phones/codes.ts";
import type {
  Feature,
  NewRoster,
  ProfileLimits,
  RosterChange,
  Service,
} from "../../../domain/profiles/profile-store.ts";
import { addServices, replaceServices, servicesMax, verifyAddress } from "../../../domain/profiles/services.ts";
import { later } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { UserParts, WireLook } from "../people/user-parts.ts";
import type { HourlyCounts } from "../phones/hourly-counts.ts";
import type { WireCode } from "../phones/phone-session-changes.ts";
import type { PendingCode, ProfileParts, ProfileRow } from "./profile-parts.ts";

export interface WireEmailVerified {
  readonly profile: ProfileRow;
  /** All users of the profile, by rising id. */
  readonly ownedIds: readonly number[];
}

export interface WireProfileChanged extends WireEmailVerified {
  /** Users of the profile that are not what they were. */
  readonly userIds: readonly number[];
  readonly changed: boolean;
  readonly looks: readonly WireLook[];
}

export function createProfileChanges(
  tx: Tx,
  { profiles: parts, people, counts }: { profiles: ProfileParts; people: UserParts; counts: HourlyCounts },
) {
  const { db } = tx;
  const save = db.prepare("UPDATE profiles SET services = ?2, settings = ?3, updated_at_ms = ?4 WHERE phone = ?1");
  const selectUsers = db.prepare<NamedUser, [string]>(
    "SELECT user_id userId, username, nick, names, surnames, avatar_link avatarLink FROM users WHERE phone = ?",
  );
  const saveUser = db.prepare(
    "UPDATE users SET nick = ?2, names = ?3, surnames = ?4, avatar_link = ?5, updated_at_ms = ?6 WHERE user_id = ?1",
  );
  const upsertCode = db.prepare(
    `INSERT INTO profile_codes (phone, purpose, target, salt, hash, expires_at_ms) VALUES (?, 'email', ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET salt = excluded.salt, hash = excluded.hash, attempts = 0, expires_at_ms = excluded.expires_at_ms`,
  );
  const selectCodes = db.prepare<PendingCode, [string]>(
    `SELECT target, salt, hash, attempts, expires_at_ms expiresAtMs FROM profile_codes
     WHERE phone = ? AND purpose = 'email'`,
  );
  const countAttempt = db.prepare(
    "UPDATE profile_codes SET attempts = attempts + 1 WHERE phone = ? AND purpose = 'email' AND target = ?",
  );
  const deleteCode = db.prepare("DELETE FROM profile_codes WHERE phone = ? AND purpose = 'email' AND target = ?");
  const deleteExpired = db.prepare("DELETE FROM profile_codes WHERE phone = ? AND expires_at_ms <= ?");

  function changeProfile(args: {
    phone: string;
    services?: readonly Service[] | undefined;
    settings?: readonly Feature[] | undefined;
    rosters?: readonly RosterChange[] | undefined;
    touch: boolean;
  }): WireProfileChanged | undefined {
    const { phone } = args;
    const before = parts.find(phone);
    if (before === undefined) return undefined;
    const own = new Map(selectUsers.all(phone).map((user) => [user.userId, user]));
    if (args.rosters?.some((roster) => !own.has(roster.userId))) throw new DomainError("not_authorized");
    const changedUsers = (args.rosters ?? []).flatMap((roster) => {
      const user = own.get(roster.userId);
      const after = user === undefined ? undefined : changeUser(user, roster);
      return after === undefined ? [] : [after];
    });
    const stored = before.services as Service[];
    const services = args.services === undefined ? stored : replaceServices(stored, args.services);
    const settings = args.settings ?? (before.settings as Feature[]);
    const changed = changedUsers.length > 0 || !isSame(services, before.services) || !isSame(settings, before.settings);
    if (!changed && !args.touch) return { profile: before, userIds: [], changed, looks: [], ownedIds: [] };
    for (const user of changedUsers) saveLook(user);
    const profile = saved(before, { services, settings });
    const userIds = changedUsers.map((user) => user.userId);
    // Setting a profile as a whole (`touch`) does not tell the friends.
    const looks = args.touch ? [] : userIds.map((userId) => people.look(userId));
    return { profile, userIds, changed, looks, ownedIds: ownedBy(phone) };
  }

  function saved(
    before: ProfileRow,
    after: { services: readonly Service[]; settings: readonly Feature[] },
  ): ProfileRow {
    tx.writes += 1;
    save.run(before.phone, JSON.stringify(after.services), JSON.stringify(after.settings), tx.nowMs);
    return { ...before, ...after, updatedAtMs: tx.nowMs };
  }

  /** The new user; null where there is no such profile. */
  function addRoster(args: { phone: string; roster: NewRoster; rostersMax: number }): number | null {
    const { phone, roster, rostersMax } = args;
    if (parts.find(phone) === undefined) return null;
    if (parts.usersOf(phone).length >= rostersMax) {
      throw new DomainError("too_many_members", `at most ${rostersMax} users of a phone`);
    }
    const userId = people.make({ phone });
    const made = selectUsers.all(phone).find((user) => user.userId === userId);
    const named = made === undefined ? undefined : changeUser(made, { ...roster, userId: userId as UserId });
    if (named !== undefined) saveLook(named);
    return userId;
  }

  function saveLook({ userId, nick, names, surnames, avatarLink }: NamedUser): void {
    tx.writes += 1;
    saveUser.run(userId, nick, names, surnames, avatarLink, tx.nowMs);
  }

  function addEmailCodes(args: {
    phone: string;
    services: readonly Service[];
    codes: readonly { readonly address: string; readonly code: WireCode }[];
    limits: ProfileLimits;
  }): { addresses: string[] } | undefined {
    const { phone, limits } = args;
    const before = parts.find(phone);
    if (before === undefined) return undefined;
    const services = addServices(before.services as Service[], args.services);
    if (services.length > servicesMax) throw new DomainError("too_many_members", `at most ${servicesMax} services`);
    if (!isSame(services, before.services)) saved(before, { services, settings: before.settings as Feature[] });
    tx.writes += 1;
    deleteExpired.run(phone, tx.steadyMs);
    counts.sweep();
    const addresses: string[] = [];
    for (const { address, code } of args.codes) {
      if (counts.of(`mail:${phone}`) >= limits.mailsPerHour) break;
      counts.add(`mail:${phone}`);
      const expiresAtMs = later(tx.steadyMs, limits.codeLifetimeMs);
      upsertCode.run(phone, address, bytesOfHex(code.salt), bytesOfHex(code.hash), expiresAtMs);
      addresses.push(address);
    }
    return { addresses };
  }

  function verifyEmailCode(args: {
    phone: string;
    address?: string | undefined;
    code: string;
    limits: ProfileLimits;
  }): WireEmailVerified | undefined {
    const { phone, limits } = args;
    const before = parts.find(phone);
    if (before === undefined) return undefined;
    const pending = selectCodes
      .all(phone)
      .filter((row) => args.address === undefined || row.target === args.address)
      .filter((row) => row.expiresAtMs > tx.steadyMs && row.attempts < limits.attemptsMax);
    const right = pending.filter((row) => isRightCode(row, args.code))[0];
    tx.writes += 1;
    if (right === undefined) {
      for (const row of pending) countAttempt.run(phone, row.target);
      return undefined;
    }
    deleteCode.run(phone, right.target);
    const services = verifyAddress(before.services as Service[], right.target);
    return { profile: saved(before, { services, settings: before.settings as Feature[] }), ownedIds: ownedBy(phone) };
  }

  const ownedBy = (phone: string): number[] => parts.usersOf(phone).map(({ userId }) => userId);

  return {
    changeProfile: growing(changeProfile),
    addRoster: growing(addRoster),
    addEmailCodes: growing(addEmailCodes),
    verifyEmailCode: growing(verifyEmailCode),
  };
}

interface NamedUser {
  readonly userId: number;
  readonly username: string | null;
  readonly nick: string;
  readonly names: string;
  readonly surnames: string;
  readonly avatarLink: string;
}

/** Undefined where nothing changes. A user who never had a nick is known at other doors by their names. */
function changeUser(user: NamedUser, change: RosterChange): NamedUser | undefined {
  const names = change.names ?? user.names;
  const surnames = change.surnames ?? user.surnames;
  const full = `${names} ${surnames}`.trim().slice(0, nickCharactersMax).trim();
  const unnamed = user.nick === userKeyOf(user) || user.nick === `${user.names} ${user.surnames}`.trim();
  const nick = change.nick ?? (unnamed && full !== "" ? full : user.nick);
  const after = { ...user, names, surnames, nick, avatarLink: change.avatarLink ?? user.avatarLink };
  return isSame(after, user) ? undefined : after;
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
