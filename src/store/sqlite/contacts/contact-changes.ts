/**
 * Changes to which users know each other. Per ordered pair: none → request and authorization → friend and friend; revoking
 * takes both back to none. A user who ignores or banned another one hears nothing of that one, and keeps the own row whatever
 * the other one does. Blocking: the row of the user who blocks says `banned`; the other's row stays as it is, since the other
 * is to notice nothing. Unblocking restores what the other's row still says of the two.
 */
import type {
  ConfirmOutcome,
  ContactChange,
  ContactStatus,
  FriendRef,
  RequestOutcome,
  RevokeOutcome,
} from "../../../domain/contacts/contact-store.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { ChatParts, EnteredParts } from "../chats/chat-parts.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { Revisions } from "../messages/revisions.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { ProfileParts } from "../profiles/profile-parts.ts";

/** Of one user, requests of strangers included. */
export const contactsMax = 10_000;

export interface WireFriendResult<Outcome extends string> {
  readonly outcome: Outcome;
  readonly friendId?: number;
  readonly changes: readonly WireContactChange[];
  readonly entered?: EnteredParts | undefined;
  readonly updatedAtMs: number;
}

type WireContactChange = readonly [
  userId: number,
  contactId: number,
  status: ContactChange["status"],
  wereFriends?: boolean,
];

export type ContactParts = ReturnType<typeof createContactParts>;

/** The rows of a pair, and what befriending takes. */
export function createContactParts(tx: Tx, chats: ChatParts, references: ChatReferences, revisions: Revisions) {
  const { db } = tx;
  const select = db.prepare<{ status: ContactStatus }, [number, number]>(
    "SELECT status FROM contacts WHERE user_id = ? AND contact_id = ?",
  );
  const upsert = db.prepare(
    `INSERT INTO contacts (user_id, contact_id, status, updated_at_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET status = excluded.status, updated_at_ms = excluded.updated_at_ms`,
  );
  const remove = db.prepare("DELETE FROM contacts WHERE user_id = ? AND contact_id = ?");
  const count = db.prepare<{ count: number }, [number]>("SELECT count(*) count FROM contacts WHERE user_id = ?");

  function put(userId: number, contactId: number, status: ContactStatus): void {
    tx.writes += 1;
    upsert.run(userId, contactId, status, tx.nowMs);
    directChanged(userId, contactId);
  }

  /** Their direct chat is cached with its blocked members. */
  function directChanged(userId: number, contactId: number): void {
    const chatId = references.directIdOf(userId, contactId);
    if (chatId === undefined) return;
    tx.chatChanged(chatId);
    revisions.unblocked(chatId);
  }

  return {
    areFriends: (userId: number, contactId: number): boolean =>
      select.get(userId, contactId)?.status === "friend" && select.get(contactId, userId)?.status === "friend",
    statusOf: (userId: number, contactId: number): ContactStatus | undefined => select.get(userId, contactId)?.status,
    put,
    remove(userId: number, contactId: number): void {
      tx.writes += 1;
      remove.run(userId, contactId);
      directChanged(userId, contactId);
    },
    /** Both get their row and, unless they talked before, a direct chat. */
    befriend(userId: number, friendId: number): { changes: WireContactChange[]; entered: EnteredParts | undefined } {
      put(userId, friendId, "friend");
      put(friendId, userId, "friend");
      const known = references.directIdOf(userId, friendId) !== undefined;
      return {
        changes: [
          [friendId, userId, "friend"],
          [userId, friendId, "friend"],
        ],
        entered: known ? undefined : chats.openDirect(userId, friendId),
      };
    },
    hasRoom: (userId: number): boolean => (count.get(userId)?.count ?? 0) < contactsMax,
  };
}

export function createContactChanges(
  tx: Tx,
  {
    contacts: parts,
    people,
    profiles,
    directory,
  }: { contacts: ContactParts; people: UserParts; profiles: ProfileParts; directory: Directory },
) {
  /** Friend/simple and Friend/list. */
  function requestContacts(
    args: DirectoryRule & { userId: number; friends: readonly FriendRef[] },
  ): WireFriendResult<RequestOutcome>[] {
    checkActor(args.userId);
    return args.friends.map((ref) => {
      const friendId = resolve(ref, args.userId);
      return friendId === undefined || !mayAsk(args, friendId, ref)
        ? { outcome: "not_found", changes: [], updatedAtMs: tx.nowMs }
        : { friendId, updatedAtMs: tx.nowMs, ...request(args.userId, friendId) };
    });
  }

  /** A user who knows a phone may ask its users. A user's number alone finds only acquaintances. */
  function mayAsk(args: DirectoryRule & { userId: number }, friendId: number, ref: FriendRef): boolean {
    const { userId } = args;
    const hasPhone = typeof ref !== "number" && ref.phone !== "";
    return hasPhone || parts.statusOf(userId, friendId) !== undefined || directory.mayFind(userId, friendId, args);
  }

  function request(
    userId: number,
    friendId: number,
  ): { outcome: RequestOutcome; changes: WireContactChange[]; entered?: EnteredParts | undefined } {
    const mine = parts.statusOf(userId, friendId);
    const theirs = parts.statusOf(friendId, userId);
    if (mine === "request" || mine === "friend") return { outcome: "already", changes: [] };
    const unheard = theirs === "ignore" || theirs === "banned";
    // The other user asked before, whatever the acting user did about it then.
    if (theirs === "request" || theirs === "friend") {
      return { outcome: "became_friends", ...parts.befriend(userId, friendId) };
    }
    if (mine === undefined && !parts.hasRoom(userId)) return { outcome: "too_many", changes: [] };
    if (theirs === undefined && !parts.hasRoom(friendId)) return { outcome: "too_many", changes: [] };
    parts.put(userId, friendId, "request");
    if (unheard) return { outcome: "requested", changes: [[userId, friendId, "request"]] };
    parts.put(friendId, userId, "authorization");
    return {
      outcome: "requested",
      changes: [
        [friendId, userId, "authorization"],
        [userId, friendId, "request"],
      ],
    };
  }

  /** Confirm/friend: only the side that was asked may. */
  function confirmContact(args: { userId: number; friend: FriendRef }): WireFriendResult<ConfirmOutcome> {
    const { userId } = args;
    checkActor(userId);
    const friendId = resolve(args.friend, userId);
    const updatedAtMs = tx.nowMs;
    if (friendId === undefined) return { outcome: "not_found", changes: [], updatedAtMs };
    const mine = parts.statusOf(userId, friendId);
    if (mine === "friend") return { outcome: "already_present", friendId, changes: [], updatedAtMs };
    if (mine !== "authorization" || parts.statusOf(friendId, userId) !== "request") {
      return { outcome: "nothing_to_confirm", friendId, changes: [], updatedAtMs };
    }
    return { outcome: "confirmed", friendId, updatedAtMs, ...parts.befriend(userId, friendId) };
  }

  /** Revoke. */
  function revokeContact(args: { userId: number; friend: FriendRef }): WireFriendResult<RevokeOutcome> {
    const { userId } = args;
    checkActor(userId);
    const friendId = resolve(args.friend, userId);
    const updatedAtMs = tx.nowMs;
    if (friendId === undefined) return { outcome: "not_found", changes: [], updatedAtMs };
    const wereFriends = parts.areFriends(userId, friendId);
    const changes: WireContactChange[] = [];
    for (const [owner, other] of [
      [friendId, userId],
      [userId, friendId],
    ] as const) {
      const status = parts.statusOf(owner, other);
      if (status === undefined) continue;
      if (owner === friendId && (status === "ignore" || status === "banned")) continue;
      parts.remove(owner, other);
      changes.push(wereFriends ? [owner, other, "revoke", true] : [owner, other, "revoke"]);
    }
    return { outcome: changes.length === 0 ? "nothing_to_revoke" : "revoked", friendId, changes, updatedAtMs };
  }

  function checkActor(userId: number): void {
    const row = people.find(userId);
    if (row === undefined || row.disabled) throw new DomainError("not_authorized");
  }

  /** Undefined for an unknown user, a disabled one, and the acting user. */
  function resolve(ref: FriendRef, userId: number): number | undefined {
    const friendId = idOf(ref);
    if (friendId === undefined || friendId === userId) return undefined;
    const row = people.find(friendId);
    return row === undefined || row.disabled ? undefined : friendId;
  }

  function idOf(ref: FriendRef): number | undefined {
    if (typeof ref === "number") return ref;
    if (ref.userId === undefined) return profiles.usersOf(ref.phone)[0]?.userId;
    // Without a phone it is the PhoneId of a user who has none.
    return (people.find(ref.userId)?.phone ?? "") === ref.phone ? ref.userId : undefined;
  }

  return {
    requestContacts: growing(requestContacts),
    confirmContact: growing(confirmContact),
    revokeContact: freeing(revokeContact),
  };
}

export interface WireBlocked {
  readonly changed: boolean;
  readonly wereFriends: boolean;
  readonly contactId: number;
  readonly updatedAtMs: number;
}

interface Pair extends DirectoryRule {
  readonly userId: number;
  readonly contactId: number;
}

/** What my row says, where the other's says this. */
const mirrored: Readonly<Record<ContactStatus, ContactStatus | undefined>> = {
  friend: "friend",
  request: "authorization",
  authorization: "request",
  ignore: undefined,
  banned: undefined,
};

export function createBlockChanges(
  tx: Tx,
  { contacts, people, directory }: { contacts: ContactParts; people: UserParts; directory: Directory },
) {
  function blockContact(pair: Pair): WireBlocked {
    const { userId, contactId } = pair;
    check(pair);
    const mine = contacts.statusOf(userId, contactId);
    if (mine === "banned") return result(contactId, false);
    if (mine === undefined && !contacts.hasRoom(userId)) throw new DomainError("too_many_contacts");
    const wereFriends = contacts.areFriends(userId, contactId);
    contacts.put(userId, contactId, "banned");
    return { ...result(contactId, true), wereFriends };
  }

  function unblockContact(pair: Pair): WireBlocked {
    const { userId, contactId } = pair;
    check(pair);
    if (contacts.statusOf(userId, contactId) !== "banned") return result(contactId, false);
    const theirs = contacts.statusOf(contactId, userId);
    const before = theirs === undefined ? undefined : mirrored[theirs];
    if (before === undefined) contacts.remove(userId, contactId);
    else contacts.put(userId, contactId, before);
    return result(contactId, true);
  }

  function check(pair: Pair): void {
    const { userId, contactId } = pair;
    const acting = people.find(userId);
    if (acting === undefined || acting.disabled) throw new DomainError("user_disabled");
    // A blocked user is a contact, and so no stranger.
    const found = people.find(contactId) !== undefined && directory.mayFind(userId, contactId, pair);
    if (contactId === userId || !found) throw new DomainError("user_not_found");
  }

  const result = (contactId: number, changed: boolean): WireBlocked => ({
    changed,
    wereFriends: false,
    contactId,
    updatedAtMs: tx.nowMs,
  });

  return { blockContact: growing(blockContact), unblockContact: growing(unblockContact) };
}
