/**
 * Who knows whom: asking, confirming, taking back (PRIVATE.md). Every answer says whom the door has to tell what; the same
 * is published, a `contact.changed` for each side, and `chat.entered` where two friends got their direct chat.
 */

import { DomainError } from "../errors.ts";
import type { Publish } from "../events.ts";
import type { UserId } from "../model.ts";
import { phoneOf } from "../phones/phones.ts";
import type { Store } from "../store.ts";
import type {
  BlockResult,
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

export function createContacts({ store, publish }: { store: Store; publish: Publish }) {
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
    const results = await store.requestContacts({ userId, friends: friends.map(checked) });
    for (const result of results) announce(result);
    return results;
  }

  /** Only the side that was asked may confirm. */
  async function confirm(userId: UserId, friend: FriendRef): Promise<FriendResult<ConfirmOutcome>> {
    const result = await store.confirmContact({ userId, friend: checked(friend) });
    announce(result);
    return result;
  }

  /** Friendship or request, whichever side asked. */
  async function revoke(userId: UserId, friend: FriendRef): Promise<FriendResult<RevokeOutcome>> {
    const result = await store.revokeContact({ userId, friend: checked(friend) });
    announce(result);
    return result;
  }

  /**
   * From the commit on `contactId` can say nothing to `userId` alone, and does not see whether he is there. What either knew
   * of the other stays, and is back with `unblock`. Throws `user_not_found`, `too_many_contacts`.
   */
  async function block(userId: UserId, contactId: number): Promise<void> {
    announceBlock(userId, true, await store.blockContact({ userId, contactId }));
  }

  async function unblock(userId: UserId, contactId: number): Promise<void> {
    announceBlock(userId, false, await store.unblockContact({ userId, contactId }));
  }

  /** Told to his own clients alone: the other one is to notice as little as may be. */
  function announceBlock(userId: UserId, blocked: boolean, result: BlockResult): void {
    const { changed, contactId, updatedAtMs } = result;
    if (changed) publish({ type: "contact.blocked", userId, contactId, blocked, updatedAtMs, to: [userId] });
  }

  function announce({ changes, entered }: FriendResult<string>): void {
    for (const change of changes) publish({ type: "contact.changed", change, to: [change.userId] });
    if (entered === undefined) return;
    publish({ type: "chat.entered", entered, to: entered.rows.map((row) => row.userId) });
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
