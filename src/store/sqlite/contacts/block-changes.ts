/**
 * Blocking: the row of the one who blocks says `banned`, the other's row stays as it is, since nothing is to be noticed
 * there. Taking it back restores what the other's row still says of the two.
 */
import type { ContactStatus } from "../../../domain/contacts/contact-store.ts";
import { DomainError } from "../../../domain/errors.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { ContactParts } from "./contact-changes.ts";

export interface WireBlocked {
  readonly changed: boolean;
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
    contacts.put(userId, contactId, "banned");
    return result(contactId, true);
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
    // Who is blocked is a contact, and so no stranger any more.
    const found = people.find(contactId) !== undefined && directory.mayFind(userId, contactId, pair);
    if (contactId === userId || !found) throw new DomainError("user_not_found");
  }

  const result = (contactId: number, changed: boolean): WireBlocked => ({ changed, contactId, updatedAtMs: tx.nowMs });

  return { blockContact: growing(blockContact), unblockContact: growing(unblockContact) };
}
