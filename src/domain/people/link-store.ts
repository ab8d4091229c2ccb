/** What the store keeps of the ways into an account, and how they come and go (`links.ts`). */
import type { UserId } from "../model.ts";
import type { ScramKeys } from "./scram-keys.ts";

/** A phone, a password, and the `userID` of a backend: a user has at most one of each. */
export const credentialKinds = ["phone", "password", "user_id"] as const;
export type CredentialKind = (typeof credentialKinds)[number];

export interface LinkReads {
  /** In the order of `credentialKinds`. */
  credentialsOf(userId: UserId): Promise<readonly CredentialKind[]>;
}

/**
 * What links moves a credential to the user. Another user who has it loses it, with the log-ins that came by it, and is removed
 * where it was their last one. Throws `account_in_use` where one of them has messages, chats or contacts,
 * `user_disabled` where they or the user are disabled, `already_linked` where the user has a credential of this kind. What
 * unlinks throws `not_linked`, or `last_credential` where the user has no other one; the log-ins that came by it end.
 */
export interface LinkStore extends LinkReads {
  /**
   * `code`: as it was added, with purpose `phone`. Throws `code_invalid` too. The profile's services and settings do not
   * come along: the code does not prove its e-mail addresses.
   */
  linkPhone(link: { userId: UserId; phone: string; code: string; attemptsMax: number }): Promise<void>;
  unlinkPhone(userId: UserId): Promise<void>;
  /** `code`: of purpose `sent` or `operator`; without one the caller has proved who the user is. Throws `code_invalid` too. */
  linkPassword(link: {
    userId: UserId;
    code: string | undefined;
    attemptsMax: number;
    passwordHash: string;
    scramKeys: ScramKeys | undefined;
  }): Promise<void>;
  /** Throws `wrong_password` where `oldHash` is no longer the password's. */
  unlinkPassword(link: { userId: UserId; oldHash: string }): Promise<void>;
  /** Throws `reserved_key`, `username_taken` (a device has it) too. */
  linkUsername(link: { userId: UserId; username: string }): Promise<void>;
  unlinkUsername(userId: UserId): Promise<void>;
}
