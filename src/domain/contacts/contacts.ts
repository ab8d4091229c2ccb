/**
 * Who knows whom: asking, confirming, taking back (PRIVATE.md). Every answer says whom the door has to tell what; events say
 * the same, a `contact.changed` for each side, and `chat.entered` where two friends got their direct chat.
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

/** Asked for at once. */
export const friendsPerRequestMax = 1000;

export type Contacts = ReturnType<typeof createContacts>;

export function createContacts({ store }: { store: Store }) {
  /** Idempotent; crossed requests make friends. Throws `not_authorized` where `userId` may not be here, as all below do. */
  async function requestFriend(userId: UserId, friend: FriendRef): Promise<FriendResult<RequestOutcome>> {
    const [result] = await requestFriends(userId, [friend]);
    if (result === undefined) throw new Error("a friend was asked for without an answer");
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

  /** Only the side that was asked may confirm. */
  async function confirm(userId: UserId, friend: FriendRef): Promise<FriendResult<ConfirmOutcome>> {
    return store.confirmContact({ userId, friend: checked(friend) });
  }

  /** Friendship or request, whichever side asked. */
  async function revoke(userId: UserId, friend: FriendRef): Promise<FriendResult<RevokeOutcome>> {
    return store.revokeContact({ userId, friend: checked(friend) });
  }

  /**
   * From the commit on `contactId` can say nothing to `userId` alone, and does not see whether he is there. What either knew
   * of the other stays, and is back with `unblock`. Throws `user_not_found`, `too_many_contacts`.
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
    block,
    unblock,
    /** Whether `by` blocked `contactId`: then presence and typing of either are not shown to the other. */
    isBlocked: (by: UserId, contactId: UserId): Promise<boolean> => store.isBlocked({ by, contactId }),
    /** By rising id; those that changed after a time, they or the users themselves. */
    list: (userId: UserId, changedAfterMs?: number): Promise<Contact[]> =>
      store.listContacts({ userId, changedAfterMs }),
    find: (userId: UserId, contactId: UserId): Promise<Contact | undefined> => store.findContact(userId, contactId),
    /** Who is told when the user's presence or profile changes. */
    friendsOf: (userId: UserId): Promise<UserId[]> => store.listFriendIds(userId),
  };
}

/** An id that nobody has. */
const nobody = 0;

/** Phones are compared by their digits; what cannot be a reference leads to nobody. */
function checked(friend: FriendRef): FriendRef {
  const id = typeof friend === "number" ? friend : friend.userId;
  if (id !== undefined && !Number.isSafeInteger(id)) return nobody;
  if (typeof friend === "number") return friend;
  const phone = friend.phone === "" ? "" : phoneOf(friend.phone);
  // Without a number and an id it would be anybody who has no number.
  return phone === undefined || (phone === "" && id === undefined) ? nobody : { phone, userId: id };
}
