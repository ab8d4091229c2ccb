/**
 * Reads the `Friend`, `Confirm` and `Revoke` tuples of all generations of clients. A field is read leniently as long as
 * it has only one reading. A reference that names no user is left out, and the answer is that no user was found.
 */
import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import { friendsPerRequestMax } from "../../domain/contacts/contacts.ts";
import type { UserId } from "../../domain/model.ts";
import { parsePhoneId } from "../../domain/phones/phones.ts";
import { atomOf, integerOf, isUnset, listOf, textOf } from "../../etf/read.ts";
import { Float, type Term } from "../../etf/term.ts";

export type PrivateName = "Friend" | "Confirm" | "Revoke";

export type PrivateRecord =
  | { readonly action: "request"; readonly roster: Term; readonly friends: readonly FriendRef[] }
  | { readonly action: "confirm"; readonly roster: Term; readonly friend: FriendRef | undefined }
  /** Without `roster` it is any user of the sender's phone. `id` and `user` are kept as received, to be sent back. */
  | {
      readonly action: "revoke";
      readonly roster: Term | undefined;
      readonly friend: FriendRef | undefined;
      readonly id: Term;
      readonly user: Term;
    };

const friendExtras = ["ban", "unban", "ignore", "mute", "unmute"] as const;
export type FriendExtra = (typeof friendExtras)[number];

/** By the status; the empty one is an unset status. */
const friendActions: Readonly<Record<string, "request" | "confirm" | "revoke">> = {
  "": "request",
  simple: "request",
  list: "request",
  request: "request",
  confirm: "confirm",
  revoke: "revoke",
};
const confirmStatuses = new Set(["", "friend", "confirm", "roster"]);
const revokeStatuses = new Set(["", "revoke"]);
/** Statuses that request one friend only. */
const singular = new Set(["simple", "request"]);

/** Undefined where the fields are not the record's, or name more friends than one request may. */
export function readPrivate(name: PrivateName, fields: readonly Term[]): PrivateRecord | undefined {
  const last = fields.at(-1);
  const status = last === undefined ? undefined : statusOf(last);
  if (status === undefined) return undefined;
  if (name === "Revoke") return readRevoke(fields, status);
  const places = placesOf(name, fields);
  if (places === undefined) return undefined;
  const { roster, friend } = places;
  if (name === "Confirm") {
    return confirmStatuses.has(status) ? { action: "confirm", roster, friend: oneFriend(friend) } : undefined;
  }
  const action = Object.hasOwn(friendActions, status) ? friendActions[status] : undefined;
  switch (action) {
    case "request": {
      const friends = singular.has(status) ? [oneFriend(friend) ?? []].flat() : manyFriends(friend);
      return friends === undefined ? undefined : { action, roster, friends };
    }
    case "confirm":
      return { action, roster, friend: oneFriend(friend) };
    case "revoke":
      return { action, roster, friend: oneFriend(friend), id: [], user: friend };
    case undefined:
      return undefined;
  }
}

/**
 * What a `Friend` of later generations asks besides; undefined where it does not, or names no friend, and for the document's
 * own layout.
 */
export function readFriendExtra(
  fields: readonly Term[],
): { readonly action: FriendExtra; readonly roster: Term; readonly friend: FriendRef } | undefined {
  const last = fields.at(-1);
  const status = last === undefined ? undefined : statusOf(last);
  const action = friendExtras.find((one) => one === status);
  const places = placesOf("Friend", fields);
  const isLater = fields.length === 3 || places?.friend === fields[1];
  const friend = places && isLater ? oneFriend(places.friend) : undefined;
  return action === undefined || friend === undefined ? undefined : { action, roster: places?.roster ?? [], friend };
}

function readRevoke(fields: readonly Term[], status: string): PrivateRecord | undefined {
  const [id, user] = fields;
  if (fields.length !== 3 || id === undefined || user === undefined || !revokeStatuses.has(status)) return undefined;
  return { action: "revoke", roster: undefined, friend: oneFriend(user), id, user };
}

/**
 * `{PhoneId,FriendId,Status}`, `{PhoneId,FriendId,Settings,Status}` or the document's `{Id,UserId,FriendId,Status}`.
 * The second begins with a PhoneId and names no user where the third has its friends.
 */
function placesOf(name: PrivateName, fields: readonly Term[]): { roster: Term; friend: Term } | undefined {
  const [first, second, third] = fields;
  if (first === undefined || second === undefined || third === undefined) return undefined;
  if (fields.length === 3) return { roster: first, friend: second };
  if (fields.length !== 4) return undefined;
  const isLater = name === "Friend" && isPhoneId(first) && !namesUser(third);
  return isLater ? { roster: first, friend: second } : { roster: second, friend: third };
}

/** Reads an atom, or text instead of one; "" where it is unset. */
const statusOf = (term: Term): string | undefined => (isUnset(term) ? "" : (atomOf(term) ?? textOf(term)));

function isPhoneId(term: Term): boolean {
  const text = isUnset(term) ? undefined : textOf(term);
  return text !== undefined && parsePhoneId(text)?.userId !== undefined;
}

const namesUser = (term: Term): boolean => friendTerms(term).some((one) => friendOf(one) !== undefined);

/** A list of one item counts as that item. */
function oneFriend(term: Term): FriendRef | undefined {
  const [one, ...others] = friendTerms(term);
  return one === undefined || others.length > 0 ? undefined : friendOf(one);
}

function manyFriends(term: Term): readonly FriendRef[] | undefined {
  const terms = friendTerms(term);
  return terms.length > friendsPerRequestMax ? undefined : terms.flatMap((one) => friendOf(one) ?? []);
}

function friendTerms(term: Term): readonly Term[] {
  const items = listOf(term);
  return items === undefined || areCharacters(items) ? [term] : items;
}

/** Whether the items are the characters of one id: no user has so low a number. */
const areCharacters = (items: readonly Term[]): boolean =>
  items.length > 1 && items.every((item) => typeof item === "number" && item <= 0xff);

/** A number is a user id; digits in a text are a phone. */
export function friendOf(term: Term): FriendRef | undefined {
  if (isUnset(term)) return undefined;
  if (typeof term === "number" || term instanceof Float) return integerOf(term);
  const text = textOf(term);
  const parsed = text === undefined ? undefined : parsePhoneId(text);
  return parsed && { phone: parsed.phone ?? "", userId: parsed.userId };
}

/**
 * Which of the sender's users the field means: a number, its digits, or a PhoneId. Unset, or the phone alone, means the
 * first user. The phone of a user who has none is empty.
 */
export function ownRoster(term: Term, own: OwnUsers): UserId | undefined {
  if (isUnset(term)) return own.userIds[0];
  const text = textOf(term);
  const parsed = text === undefined ? undefined : parsePhoneId(text);
  const isPhone = parsed !== undefined && parsed.userId === undefined && parsed.phone === own.phone;
  return namedRoster(term, own) ?? (isPhone ? own.userIds[0] : undefined);
}

/** The same where the field must name a user. */
export function namedRoster(term: Term, { phone, userIds }: OwnUsers): UserId | undefined {
  if (isUnset(term)) return undefined;
  const number = integerOf(term);
  const text = textOf(term);
  const parsed = text === undefined ? undefined : parsePhoneId(text);
  const byPhoneId = (parsed?.phone ?? "") === phone ? parsed?.userId : undefined;
  return userIds.find((userId) => userId === number || userId === byPhoneId);
}

/** A phone, which is empty for a user who has none, and its users. */
export interface OwnUsers {
  readonly phone: string;
  readonly userIds: readonly UserId[];
}
