/**
 * Contacts: request, confirm, revoke (docs/protocols/erlang-terms.md § PRIVATE). Every answer says which users the door
 * has to tell of which change. Events say the same: a `contact.changed` for each side, and `chat.entered` where two
 * friends got their direct chat.
 */

import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import { phoneOf } from "../phones/phones.ts";
import type { Store } from "../store.ts";
import type {
  ConfirmOutcome,
  Contact,
  FriendRef,
  FriendResult,
  RequestOutcome,
  RevokeOutcome,
} from "./contact-store.ts";

/** The most friends in one request. */
export const friendsPerRequestMax = 1000;

export type Contacts = ReturnType<typeof createContacts>;

/** What a door that names its contacts by id answers: what the contact is from then on. */
export type AskedStatus = "request" | "friend";

export function createContacts({ store, directory }: { store: Store; directory: "all" | "contacts" }) {
  /**
   * Requests a friend. Idempotent; two crossed requests make friends. Throws `not_authorized` where `userId` is gone or
   * disabled, as all below do.
   */
  async function requestFriend(userId: UserId, friend: FriendRef): Promise<FriendResult<RequestOutcome>> {
    const [result] = await requestFriends(userId, [friend]);
    if (result === undefined) throw new Error("a friend request has no outcome");
    return result;
  }

  /** One answer per friend, in order. Throws `too_many_members` too. */
  async function requestFriends(
    userId: UserId,
    friends: readonly FriendRef[],
  ): Promise<FriendResult<RequestOutcome>[]> {
    if (friends.length > friendsPerRequestMax) {
      throw new DomainError("too_many_members", `at most ${friendsPerRequestMax} friends at once`);
    }
    return store.requestContacts({ userId, friends: friends.map(checked) });
  }

  /** Confirms a request. Only the user who was asked may confirm it. */
  async function confirm(userId: UserId, friend: FriendRef): Promise<FriendResult<ConfirmOutcome>> {
    return store.confirmContact({ userId, friend: checked(friend) });
  }

  /** Revokes a friendship or a request, whichever side asked for it. */
  async function revoke(userId: UserId, friend: FriendRef): Promise<FriendResult<RevokeOutcome>> {
    return store.revokeContact({ userId, friend: checked(friend) });
  }

  /**
   * Asks a user to be friends, or agrees where they asked. Idempotent. Throws `user_not_found`, `too_many_contacts`, and
   * `not_authorized` as above.
   */
  async function ask(userId: UserId, contactId: number): Promise<AskedStatus> {
    const { outcome } = await requestFriend(userId, contactId);
    if (outcome === "not_found") throw new DomainError("user_not_found");
    if (outcome === "too_many") throw new DomainError("too_many_contacts");
    if (outcome !== "already") return outcome === "became_friends" ? "friend" : "request";
    return (await store.findContact(userId, contactId as UserId))?.status === "friend" ? "friend" : "request";
  }

  /** Idempotent. Throws `user_not_found` where that user did not ask, whether there is one or not. */
  async function agree(userId: UserId, contactId: number): Promise<void> {
    const { outcome } = await confirm(userId, contactId);
    if (outcome === "not_found" || outcome === "nothing_to_confirm") throw new DomainError("user_not_found");
  }

  /** Ends whatever there is. Throws `user_not_found` where there is nothing, whether there is such a user or not. */
  async function end(userId: UserId, contactId: number): Promise<void> {
    const { outcome } = await revoke(userId, contactId);
    if (outcome !== "revoked") throw new DomainError("user_not_found");
  }

  /** A user who was asked and has not answered stays a stranger where the directory hides strangers. */
  async function mayBeNamed(userId: UserId, { status, user }: Contact): Promise<boolean> {
    return directory === "all" || status !== "request" || store.isAcquaintance(userId, user.userId);
  }

  /**
   * Blocks a contact. From the commit on `contactId` cannot send direct messages to `userId` and does not see their
   * presence. Each keeps what they noted of the other; `unblock` restores it. Throws `user_not_found`,
   * `too_many_contacts`.
   */
  async function block(userId: UserId, contactId: number): Promise<void> {
    await store.blockContact({ userId, contactId });
  }

  async function unblock(userId: UserId, contactId: number): Promise<void> {
    await store.unblockContact({ userId, contactId });
  }

  return {
    requestFriend,
    requestFriends,
    confirm,
    revoke,
    ask,
    agree,
    end,
    mayBeNamed,
    block,
    unblock,
    /** Whether `by` blocked `contactId`. If so, neither sees the other's presence and typing. */
    isBlocked: (by: UserId, contactId: UserId): Promise<boolean> => store.isBlocked({ by, contactId }),
    /** By rising id. With `changedAfterMs` only contacts whose row or user changed after it. */
    list: (userId: UserId, changedAfterMs?: number): Promise<Contact[]> =>
      store.listContacts({ userId, changedAfterMs }),
    find: (userId: UserId, contactId: UserId): Promise<Contact | undefined> => store.findContact(userId, contactId),
    /** The users to tell when this user's presence or profile changes. */
    friendsOf: (userId: UserId): Promise<UserId[]> => store.listFriendIds(userId),
  };
}

/** An id that no user has. */
const noUserId = 0;

/** Reduces phones to their digits. A reference that cannot name a user becomes the id that no user has. */
function checked(friend: FriendRef): FriendRef {
  const id = typeof friend === "number" ? friend : friend.userId;
  if (id !== undefined && !Number.isSafeInteger(id)) return noUserId;
  if (typeof friend === "number") return friend;
  const phone = friend.phone === "" ? "" : phoneOf(friend.phone);
  // Without a number and an id the reference would match every user without a number.
  return phone === undefined || (phone === "" && id === undefined) ? noUserId : { phone, userId: id };
}
