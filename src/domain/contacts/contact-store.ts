/** What the store keeps of contacts: a row per ordered pair, what `userId` has noted of `contactId`. */
import type { Entered, User, UserId } from "../model.ts";

/**
 * `request`: this user asked and waits for an answer. `authorization`: this user was asked and has not answered yet.
 */
export const contactStatuses = ["request", "authorization", "friend", "ignore", "banned"] as const;
export type ContactStatus = (typeof contactStatuses)[number];

/** A user by id, by PhoneId, or by a bare phone, which means the first user of that phone. */
export type FriendRef = number | { readonly phone: string; readonly userId?: number | undefined };

export interface Contact {
  readonly user: User;
  readonly status: ContactStatus;
  readonly updatedAtMs: number;
}

/** One side of a pair that changed. `revoke`: the row is gone. `deleted`: the contact's profile is gone. */
export interface ContactChange {
  readonly userId: UserId;
  readonly contactId: UserId;
  readonly status: "request" | "authorization" | "friend" | "revoke" | "deleted";
  /** The same on both sides. */
  readonly updatedAtMs: number;
  /** With `revoke`: they were friends until then. */
  readonly wereFriends?: boolean | undefined;
  /** The contact's PhoneId, where the contact's user is gone. */
  readonly formerPhoneId?: string | undefined;
}

/** The outcome for one friend who was requested, confirmed or revoked. */
export interface FriendResult<Outcome extends string> {
  readonly outcome: Outcome;
  /** Undefined where the reference names no user. */
  readonly friend: User | undefined;
  /** The changes to announce, in order. None where nothing changed; none for a user who ignores the acting user. */
  readonly changes: readonly ContactChange[];
  /** The direct chat that two new friends entered. */
  readonly entered: Entered | undefined;
}

/** `not_found`: no such user, or the acting user. `too_many`: one of the two has the most contacts allowed. */
export type RequestOutcome = "requested" | "became_friends" | "already" | "too_many" | "not_found";
export type ConfirmOutcome = "confirmed" | "already_present" | "nothing_to_confirm" | "not_found";
export type RevokeOutcome = "revoked" | "nothing_to_revoke" | "not_found";

export interface BlockResult {
  readonly changed: boolean;
  /** They were friends until they were blocked. */
  readonly wereFriends: boolean;
  readonly contactId: UserId;
  readonly updatedAtMs: number;
}

export interface ContactReads {
  isBlocked(pair: { by: UserId; contactId: UserId }): Promise<boolean>;
  /** By rising id of the contact. With `changedAfterMs` only contacts whose row or user changed after it. */
  listContacts(of: { userId: UserId; changedAfterMs?: number | undefined }): Promise<Contact[]>;
  /** By rising id of the contact, those left out whose user is disabled. */
  contactPage(of: { userId: UserId; after: number; limit: number }): Promise<Contact[]>;
  findContact(userId: UserId, contactId: UserId): Promise<Contact | undefined>;
  /**
   * The other user is the user themselves, is a contact other than one they only requested, or shares a chat with them.
   */
  isAcquaintance(userId: UserId, otherId: number): Promise<boolean>;
  /** By rising id; the users who are friends on both sides. */
  listFriendIds(userId: UserId): Promise<UserId[]>;
}

export interface ContactStore extends ContactReads {
  /**
   * One answer per friend, in order. Throws `not_authorized` where the acting user is gone or disabled, as the next two
   * do.
   */
  requestContacts(request: { userId: UserId; friends: readonly FriendRef[] }): Promise<FriendResult<RequestOutcome>[]>;
  confirmContact(confirmation: { userId: UserId; friend: FriendRef }): Promise<FriendResult<ConfirmOutcome>>;
  /** Removes both rows, except the row of a contact who ignores or banned the acting user. */
  revokeContact(revocation: { userId: UserId; friend: FriendRef }): Promise<FriendResult<RevokeOutcome>>;
  /**
   * Blocks or unblocks `contactId` for `userId`. Unblocking restores the status from before. False where nothing
   * changes. Throws `user_not_found` for an unknown user and for the acting user, `too_many_contacts`.
   */
  blockContact(request: { userId: UserId; contactId: number }): Promise<BlockResult>;
  unblockContact(request: { userId: UserId; contactId: number }): Promise<BlockResult>;
}
