/** What the store remembers of profiles: a phone, the users it owns, and what it is linked to. */

import type { ContactChange } from "../contacts/contact-store.ts";
import type { Left, User, UserId } from "../model.ts";
import type { HashedCode } from "../phones/codes.ts";
import type { StoredPhoneSession } from "../phones/phone-store.ts";

/** Something outside that a profile is linked to. Its passwords, and AWS credentials, are never stored. */
export interface Service {
  readonly id: string;
  /** `email`, `vox`, `aws`, `wallet`, … */
  readonly type: string;
  readonly data: string | undefined;
  /** Of an e-mail service: the address. */
  readonly login: string | undefined;
  readonly expiration: number | undefined;
  /** `verified` only where we found it so; else as the client gave it, `added` as a rule. */
  readonly status: string;
}

/** A setting of a client's own; we only keep it. */
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

/** What others see of a user; what is undefined stays. */
export interface RosterChange {
  readonly userId: UserId;
  readonly names?: string | undefined;
  readonly surnames?: string | undefined;
  readonly nick?: string | undefined;
  readonly avatarLink?: string | undefined;
}

export interface ProfileChange {
  readonly phone: string;
  readonly services?: readonly Service[] | undefined;
  readonly settings?: readonly Feature[] | undefined;
  readonly rosters?: readonly RosterChange[] | undefined;
  /** Its time moves even if nothing else does. */
  readonly touch: boolean;
}

export interface ProfileChanged {
  readonly profile: Profile;
  /** Users others see differently now. */
  readonly userIds: readonly UserId[];
  readonly changed: boolean;
  /** What the lists of their friends say now; empty where friends are not told. */
  readonly told: readonly ContactChange[];
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
  /** Wrong codes per profile and hour. */
  readonly wrongCodesPerHour: number;
  /** Mails per profile and hour. */
  readonly mailsPerHour: number;
}

export interface ProfileRemoved {
  readonly phone: string;
  /** Those that were verified; they are over. */
  readonly sessions: readonly StoredPhoneSession[];
  /** The users of the profile as they were. */
  readonly users: readonly User[];
  /** `deleted`, per counterparty and removed user. */
  readonly changes: readonly ContactChange[];
  readonly left: readonly Left[];
  /** Users who have other credentials: they stay, without the phone. */
  readonly kept: readonly UserId[];
}

export interface ProfileMigrated {
  readonly fromPhone: string;
  readonly profile: Profile;
  /** They keep their tokens. */
  readonly sessions: readonly StoredPhoneSession[];
  /** With the friends who knew them by the old phone. */
  readonly users: readonly { readonly userId: UserId; readonly friendIds: readonly UserId[] }[];
}

export interface ProfileReads {
  findProfile(phone: string): Promise<Profile | undefined>;
  /** By rising id. */
  listUsersOfPhone(phone: string): Promise<User[]>;
}

export interface ProfileStore extends ProfileReads {
  /** Undefined where there is no such profile. Throws `not_authorized` for a user of another one; then nothing changes. */
  changeProfile(change: ProfileChange): Promise<ProfileChanged | undefined>;
  /** Stores the services with a new code per address; gives the addresses that are to get theirs. Undefined: no such profile. */
  addEmailCodes(request: {
    phone: string;
    services: readonly Service[];
    codes: readonly EmailCode[];
    limits: ProfileLimits;
  }): Promise<{ addresses: readonly string[] } | undefined>;
  /** Without an address any code that is pending counts. Gives the profile where the code was right. */
  verifyEmailCode(request: {
    phone: string;
    address: string | undefined;
    code: string;
    limits: ProfileLimits;
  }): Promise<Profile | undefined>;
  /** One is pending per profile, the latest. False where there is no such profile or the new phone has one. */
  beginMigration(request: { phone: string; newPhone: string; code: HashedCode; lifetimeMs: number }): Promise<boolean>;
  /** Undefined where none is pending to this phone, the code is wrong, or somebody has the phone by now. */
  finishMigration(request: {
    phone: string;
    newPhone: string;
    code: string | undefined;
    codeRequired: boolean;
    limits: ProfileLimits;
  }): Promise<ProfileMigrated | undefined>;
  /** Undefined where there is no such profile. */
  removeProfile(phone: string): Promise<ProfileRemoved | undefined>;
}
