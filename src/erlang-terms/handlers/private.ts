/**
 * PRIVATE: requesting, confirming and revoking a friend. The client is answered on its phone's topic, so that every
 * device of the phone knows. Then both sides get the new entries of their contact lists (docs/protocols/resolutions.md).
 */
import type { ContactChange, FriendRef, FriendResult } from "../../domain/contacts/contact-store.ts";
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { User, UserId } from "../../domain/model.ts";
import { echoed, type WireTerm } from "../../etf/encode.ts";
import { atom, Tuple } from "../../etf/term.ts";
import type { Tell } from "../phone-devices.ts";
import { alreadyPresent, error, nothing } from "../records/answers.ts";
import { asStranger, contact8, contact15, phoneIdField } from "../records/contact-records.ts";
import { ownRoster, type PrivateName, type PrivateRecord, readPrivate } from "../records/private-record.ts";
import type { TermRequest } from "../request.ts";

export interface PrivateParts {
  readonly domain: Pick<Domain, "contacts" | "store" | "directory">;
  readonly tell: Tell;
}

/** What is sent on the sender's phone topic, and what changed. */
interface Outcome {
  readonly reply: WireTerm;
  readonly results: readonly FriendResult<string>[];
}

type Contacts = Domain["contacts"];
type RecordOf<Action extends PrivateRecord["action"]> = Extract<PrivateRecord, { action: Action }>;

const rosterNotFound: Outcome = { reply: error("roster_not_found"), results: [] };

/**
 * Gives the answer for the client's own topic. Undefined where the answer went to the phone's topic and all users were
 * told.
 */
export async function handlePrivate(
  { domain, tell }: PrivateParts,
  { client, name, fields }: Pick<TermRequest, "client" | "fields"> & { readonly name: PrivateName },
): Promise<WireTerm | undefined> {
  const record = readPrivate(name, fields);
  if (record === undefined) return error("invalid_data");
  const phone = client.phoneSession?.phone;
  if (phone === undefined) return error("not_authorized");
  const { contacts, store, directory } = domain;
  const users = await store.listUsersOfPhone(phone);
  // The profile was removed while the request was under way.
  if (users.length === 0) return error("not_authorized");
  const known = new Map(users.map((user) => [user.userId, user]));
  try {
    const { reply, results } = await act(contacts, record, { phone, userIds: [...known.keys()] });
    // Nothing is awaited between the change and the last call, so that messages go out in the order of the changes.
    const sending = [tell.phone(phone, reply)];
    for (const { friend, changes } of results) {
      if (friend !== undefined) known.set(friend.userId, friend);
      for (const change of changes) sending.push(...tellChange(tell, change, { known, directory }));
    }
    await Promise.all(sending);
    return undefined;
  } catch (failure) {
    if (failure instanceof DomainError && failure.code === "not_authorized") return error("not_authorized");
    throw failure;
  }
}

async function act(
  contacts: Contacts,
  record: PrivateRecord,
  own: { phone: string; userIds: readonly UserId[] },
): Promise<Outcome> {
  if (record.action === "revoke") return revoke(contacts, record, own);
  const userId = ownRoster(record.roster, own);
  if (userId === undefined) return rosterNotFound;
  return record.action === "request"
    ? request(contacts, userId, record.friends)
    : confirm(contacts, userId, record.friend);
}

/** PRIVATE § Friend Request. A user who is a friend already, or was asked already, is not told again. */
async function request(contacts: Contacts, userId: UserId, friends: readonly FriendRef[]): Promise<Outcome> {
  const results = await contacts.requestFriends(userId, friends);
  const found = results.filter(({ outcome }) => outcome !== "not_found");
  if (found.length === 0) return rosterNotFound;
  // The document has no answer for a full list; the family's general one fits.
  const full = found.every(({ outcome }) => outcome === "too_many");
  return { reply: full ? error("not_authorized") : nothing, results };
}

/** PRIVATE § Confirmation / Authorization. */
async function confirm(contacts: Contacts, userId: UserId, ref: FriendRef | undefined): Promise<Outcome> {
  if (ref === undefined) return rosterNotFound;
  const result = await contacts.confirm(userId, ref);
  const { outcome, friend } = result;
  if (outcome === "confirmed") return { reply: nothing, results: [result] };
  if (outcome !== "already_present" || friend === undefined) return rosterNotFound;
  return { reply: alreadyPresent(phoneIdField(friend)), results: [] };
}

/** PRIVATE § Revoke: the echo is sent whether there was something to revoke or not. */
async function revoke(
  contacts: Contacts,
  { roster, friend, id, user }: RecordOf<"revoke">,
  own: { phone: string; userIds: readonly UserId[] },
): Promise<Outcome> {
  const reply = new Tuple([atom("Revoke"), echoed(id), echoed(user), atom("revoke")]);
  const mine = roster === undefined ? own.userIds : [ownRoster(roster, own)];
  for (const userId of mine) {
    if (userId === undefined || friend === undefined) continue;
    const result = await contacts.revoke(userId, friend);
    if (result.outcome === "revoked") return { reply, results: [result] };
  }
  return { reply, results: [] };
}

/** Statuses that are sent on the phone's topic too: those that the other user causes. */
const onPhoneTopic: ReadonlySet<ContactChange["status"]> = new Set(["authorization", "friend"]);

/** The user who was asked may never have agreed to be known. */
const unconfirmed: ReadonlySet<ContactChange["status"]> = new Set(["request", "revoke"]);

/** A user without a phone is not told. */
function tellChange(
  tell: Tell,
  change: ContactChange,
  { known, directory }: { known: ReadonlyMap<UserId, User>; directory: Domain["directory"] },
): Promise<void>[] {
  const { userId, contactId, status, updatedAtMs } = change;
  const phone = known.get(userId)?.phone;
  const user = known.get(contactId);
  if (phone === undefined || user === undefined) return [];
  const isHidden = directory === "contacts" && unconfirmed.has(status);
  const contact = { user: isHidden ? asStranger(user) : user, status, updatedAtMs };
  const toPhone = onPhoneTopic.has(status) ? [tell.phone(phone, contact8(contact))] : [];
  return [...toPhone, tell.sessions(phone, contact15(contact))];
}
