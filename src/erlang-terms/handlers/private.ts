/**
 * PRIVATE: requesting, confirming and revoking a friend. The client is answered on its phone's topic, so that every
 * device of the phone knows. Then both sides get the new entries of their contact lists (`friend-news.ts`).
 */
import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { UserId } from "../../domain/model.ts";
import { echoed, type WireTerm } from "../../etf/encode.ts";
import { atom, Tuple } from "../../etf/term.ts";
import type { FriendNews } from "../friend-news.ts";
import type { Tell } from "../phone-devices.ts";
import { alreadyPresent, error, nothing } from "../records/answers.ts";
import { phoneIdField } from "../records/contact-records.ts";
import { ownRoster, type PrivateName, type PrivateRecord, readPrivate } from "../records/private-record.ts";
import type { TermRequest } from "../request.ts";

export interface PrivateParts {
  readonly domain: Pick<Domain, "contacts" | "store">;
  readonly tell: Pick<Tell, "phone">;
  readonly friendNews: Pick<FriendNews, "hold">;
}

type Contacts = Domain["contacts"];
type RecordOf<Action extends PrivateRecord["action"]> = Extract<PrivateRecord, { action: Action }>;

const rosterNotFound = error("roster_not_found");

/**
 * Gives the answer for the client's own topic. Undefined where the answer went to the phone's topic and all users were
 * told.
 */
export async function handlePrivate(
  { domain, tell, friendNews }: PrivateParts,
  { client, name, fields }: Pick<TermRequest, "client" | "fields"> & { readonly name: PrivateName },
): Promise<WireTerm | undefined> {
  const record = readPrivate(name, fields);
  if (record === undefined) return error("invalid_data");
  const phone = client.phoneSession?.phone;
  if (phone === undefined) return error("not_authorized");
  const { contacts, store } = domain;
  const userIds = await store.listUserIdsOfPhone(phone);
  // The profile was removed while the request was under way.
  if (userIds.length === 0) return error("not_authorized");
  const release = friendNews.hold(userIds);
  try {
    const reply = await act(contacts, record, { phone, userIds });
    // Nothing is awaited between the change and the last call, so that messages go out in the order of the changes.
    await Promise.all([tell.phone(phone, reply), release()]);
    return undefined;
  } catch (failure) {
    if (failure instanceof DomainError && failure.code === "not_authorized") return error("not_authorized");
    throw failure;
  } finally {
    await release();
  }
}

async function act(
  contacts: Contacts,
  record: PrivateRecord,
  own: { phone: string; userIds: readonly UserId[] },
): Promise<WireTerm> {
  if (record.action === "revoke") return revoke(contacts, record, own);
  const userId = ownRoster(record.roster, own);
  if (userId === undefined) return rosterNotFound;
  return record.action === "request"
    ? request(contacts, userId, record.friends)
    : confirm(contacts, userId, record.friend);
}

/** PRIVATE § Friend Request. A user who is a friend already, or was asked already, is not told again. */
async function request(contacts: Contacts, userId: UserId, friends: readonly FriendRef[]): Promise<WireTerm> {
  const results = await contacts.requestFriends(userId, friends);
  const found = results.filter(({ outcome }) => outcome !== "not_found");
  if (found.length === 0) return rosterNotFound;
  // The document has no answer for a full list; the family's general one fits.
  const full = found.every(({ outcome }) => outcome === "too_many");
  return full ? error("not_authorized") : nothing;
}

/** PRIVATE § Confirmation / Authorization. */
async function confirm(contacts: Contacts, userId: UserId, ref: FriendRef | undefined): Promise<WireTerm> {
  if (ref === undefined) return rosterNotFound;
  const { outcome, friend } = await contacts.confirm(userId, ref);
  if (outcome === "confirmed") return nothing;
  if (outcome !== "already_present" || friend === undefined) return rosterNotFound;
  return alreadyPresent(phoneIdField(friend));
}

/** PRIVATE § Revoke: the echo is sent whether there was something to revoke or not. */
async function revoke(
  contacts: Contacts,
  { roster, friend, id, user }: RecordOf<"revoke">,
  own: { phone: string; userIds: readonly UserId[] },
): Promise<WireTerm> {
  const reply = new Tuple([atom("Revoke"), echoed(id), echoed(user), atom("revoke")]);
  const mine = roster === undefined ? own.userIds : [ownRoster(roster, own)];
  for (const userId of mine) {
    if (userId === undefined || friend === undefined) continue;
    if ((await contacts.revoke(userId, friend)).outcome === "revoked") break;
  }
  return reply;
}
