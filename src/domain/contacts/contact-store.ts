/** What the store remembers of who knows whom: a row per ordered pair, `userId`'s about `contactId`. */
import type { Entered, User, UserId } from "../model.ts";

/** `request`: asked, and not answered yet. `authorization`: was asked, and has not answered yet. */
export const contactStatuses = ["request", "authorization", "friend", "ignore", "banned"] as const;
export type ContactStatus = (typeof contactStatuses)[number];

/** A user by id, by PhoneId, or by a bare phone, which means its first user. */
export type FriendRef = number | { readonly phone: string; readonly userId?: number | undefined };

export interface Contact {
  readonly user: User;
  readonly status: ContactStatus;
  readonly updatedAtMs: number;
}

/** One side of a pair that changed; `revoke`: the row is gone, `deleted`: the contact's profile is. */
export interface ContactChange {
  readonly userId: UserId;
  readonly contactId: UserId;
  readonly status: "request" | "authorization" | "friend" | "revoke" | "deleted";
  /** The same on both sides. */
  readonly updatedAtMs: number;
  /** The contact's, where its user is gone. */
  readonly formerPhoneId?: string | undefined;
}

/** What became of one friend that was asked for, confirmed or revoked. */
export interface FriendResult<Outcome extends string> {
  readonly outcome: Outcome;
  /** Undefined where the reference leads to nobody. */
  readonly friend: User | undefined;
  /** Who is to be told what, in order; nobody where nothing changed, nor who ignores the acting user. */
  readonly changes: readonly ContactChange[];
  /** The direct chat that two new friends got. */
  readonly entered: Entered | undefined;
}

/** `not_found`: nobody, or the user himself. `too_many`: one of the two has as many contacts as there may be. */
export type RequestOutcome = "requested" | "became_friends" | "already" | "too_many" | "not_found";
export type ConfirmOutcome = "confirmed" | "already_present" | "nothing_to_confirm" | "not_found";
export type RevokeOutcome = "revoked" | "nothing_to_revoke" | "not_found";

export interface BlockResult {
  readonly changed: boolean;
  readonly contactId: UserId;
  readonly updatedAtMs: number;
}

export interface ContactReads {
  isBlocked(pair: { by: UserId; contactId: UserId }): Promise<boolean>;
  /** By rising id of the contact; those that changed after `changedAfterMs`, they or the users themselves. */
  listContacts(of: { userId: UserId; changedAfterMs?: number | undefined }): Promise<Contact[]>;
  findContact(userId: UserId, contactId: UserId): Promise<Contact | undefined>;
  /** The other is the user himself, among his contacts but for those he only asked, or shares a chat with him. */
  isAcquaintance(userId: UserId, otherId: number): Promise<boolean>;
  /** By rising id; those who are friends on both sides. */
  listFriendIds(userId: UserId): Promise<UserId[]>;
}

export interface ContactStore extends ContactReads {
  /** One answer per friend, in order. Throws `not_authorized` where the user is gone or disabled, as the next two do. */
  requestContacts(request: { userId: UserId; friends: readonly FriendRef[] }): Promise<FriendResult<RequestOutcome>[]>;
  confirmContact(confirmation: { userId: UserId; friend: FriendRef }): Promise<FriendResult<ConfirmOutcome>>;
  /** Both rows go, but not the one of somebody who ignores or banned the acting user. */
  revokeContact(revocation: { userId: UserId; friend: FriendRef }): Promise<FriendResult<RevokeOutcome>>;
  /**
   * `userId` wants to hear nothing of `contactId` any more, or again what he did before. False where that is so already.
   * Throws `user_not_found` for nobody and for oneself, `too_many_contacts`.
   */
  blockContact(request: { userId: UserId; contactId: number }): Promise<BlockResult>;
  unblockContact(request: { userId: UserId; contactId: number }): Promise<BlockResult>;
}
