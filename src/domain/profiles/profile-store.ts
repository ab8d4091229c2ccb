/** What the store keeps of profiles: a phone, the users it owns, and the services it is linked to. */

import type { ContactChange } from "../contacts/contact-store.ts";
import type { Left, User, UserId } from "../model.ts";
import type { HashedCode } from "../phones/codes.ts";
import type { StoredPhoneSession } from "../phones/phone-store.ts";

/** An external service that a profile is linked to. Its passwords, and AWS credentials, are never stored. */
export interface Service {
  readonly id: string;
  /** `email`, `vox`, `aws`, `wallet`, … */
  readonly type: string;
  readonly data: string | undefined;
  /** The address, for an e-mail service. */
  readonly login: string | undefined;
  readonly expiration: number | undefined;
  /** `verified` only where this server verified it; otherwise as the client gave it, usually `added`. */
  readonly status: string;
}

/** A setting of a client; the server only stores it. */
export interface Feature {
  readonly id: string;
  readonly key: string;
  readonly value: string | boolean;
  readonly group: string;
}

export interface Profile {
  readonly phone: string;
  readonly services: readonly Service[];
  readonly settings: readonly Feature[];
  /** Never set by a client. */
  readonly balance: number;
  readonly updatedAtMs: number;
}

/** What others see of a user; an undefined field stays unchanged. */
export interface RosterChange {
  readonly userId: UserId;
  readonly names?: string | undefined;
  readonly surnames?: string | undefined;
  readonly nick?: string | undefined;
  readonly avatarLink?: string | undefined;
}

/** What others see of a user who is to be made. */
export type NewRoster = Omit<RosterChange, "userId">;

export interface ProfileChange {
  readonly phone: string;
  readonly services?: readonly Service[] | undefined;
  readonly settings?: readonly Feature[] | undefined;
  readonly rosters?: readonly RosterChange[] | undefined;
  /** The profile's time moves even if nothing else changes. */
  readonly touch: boolean;
}

export interface ProfileChanged {
  readonly profile: Profile;
  /** The users whom others see differently now. */
  readonly userIds: readonly UserId[];
  readonly changed: boolean;
  /** The new entries in their friends' contact lists; empty where friends are not told. */
  readonly friendChanges: readonly ContactChange[];
}

/** A code for one address of a profile. */
export interface EmailCode {
  readonly address: string;
  readonly code: HashedCode;
}

export interface ProfileLimits {
  readonly codeLifetimeMs: number;
  /** Wrong codes per address and code. */
  readonly attemptsMax: number;
  /** Mails per profile and hour. */
  readonly mailsPerHour: number;
}

/** A profile is gone, or a user of one. */
export interface ProfileRemoved {
  readonly phone: string;
  /** The verified sessions; they have ended. */
  readonly sessions: readonly StoredPhoneSession[];
  /** The users, as they were before. */
  readonly users: readonly User[];
  /** `deleted`, for each counterparty and removed user. */
  readonly changes: readonly ContactChange[];
  readonly left: readonly Left[];
  /** The users who have other credentials: they stay, without the phone. */
  readonly kept: readonly UserId[];
}

export interface ProfileMigrated {
  readonly fromPhone: string;
  readonly profile: Profile;
  /** These sessions keep their tokens. */
  readonly sessions: readonly StoredPhoneSession[];
  /** With the friends who knew the users by the old phone. */
  readonly users: readonly { readonly userId: UserId; readonly friendIds: readonly UserId[] }[];
}

export interface ProfileReads {
  findProfile(phone: string): Promise<Profile | undefined>;
  /** By rising id. */
  listUsersOfPhone(phone: string): Promise<User[]>;
}

export interface ProfileStore extends ProfileReads {
  /**
   * Undefined where there is no such profile. Throws `not_authorized` for a user of another profile; then nothing
   * changes.
   */
  changeProfile(change: ProfileChange): Promise<ProfileChanged | undefined>;
  /**
   * Stores the services with a new code per address, and gives the addresses to send them to. Undefined where there is
   * no such profile.
   */
  addEmailCodes(request: {
    phone: string;
    services: readonly Service[];
    codes: readonly EmailCode[];
    limits: ProfileLimits;
  }): Promise<{ addresses: readonly string[] } | undefined>;
  /** Without an address any pending code counts. Gives the profile where the code was right. */
  verifyEmailCode(request: {
    phone: string;
    address: string | undefined;
    code: string;
    limits: ProfileLimits;
  }): Promise<Profile | undefined>;
  /** A profile has one pending migration, the latest. False where there is no such profile or the new phone has one. */
  beginMigration(request: { phone: string; newPhone: string; code: HashedCode; lifetimeMs: number }): Promise<boolean>;
  /** Undefined where none is pending to this phone, the code is wrong, or another profile has the phone by now. */
  finishMigration(request: {
    phone: string;
    newPhone: string;
    code: string | undefined;
    codeRequired: boolean;
    limits: ProfileLimits;
  }): Promise<ProfileMigrated | undefined>;
  /** Makes one more user of the phone. Undefined where there is no such profile. Throws `too_many_members` at `rostersMax`. */
  addRoster(request: { phone: string; roster: NewRoster; rostersMax: number }): Promise<User | undefined>;
  /**
   * Removes one user of the phone, as `removeProfile` all of them. `last`: no other one who may log in would be left, or the
   * operator disabled this one. `not_found`: it is none of the phone's.
   */
  removeRoster(request: { phone: string; userId: UserId }): Promise<ProfileRemoved | "last" | "not_found">;
  /** Undefined where there is no such profile. */
  removeProfile(phone: string): Promise<ProfileRemoved | undefined>;
}
