/**
 * `Roster`: a user of the phone with their contacts and rooms, their nick, and whom their list has; one user more of the phone, or
 * one less.
 */

import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { EventOf } from "../../domain/events.ts";
import type { User, UserId } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, type Term } from "../../etf/term.ts";
import type { Log } from "../../lib/log.ts";
import { type ActingParts, actorOf } from "../acting.ts";
import type { Farewells } from "../farewells.ts";
import type { Tell } from "../phone-devices.ts";
import { error, ok } from "../records/answers.ts";
import { namedRoster, ownRoster } from "../records/private-record.ts";
import { removedRosterRecord, rosterRecord, type Shown } from "../records/profile-answer.ts";
import { roomRecord } from "../records/room-answer.ts";
import { type RosterRecord, readRosterRequest } from "../records/roster-record.ts";
import type { TermRequest } from "../request.ts";
import { handlePrivate, type PrivateParts } from "./private.ts";
import { tellCounterparties } from "./profile.ts";

export interface RosterParts extends ActingParts {
  readonly domain: Pick<Domain, "contacts" | "store" | "nicks" | "profiles">;
  readonly tell: PrivateParts["tell"] & Pick<Tell, "hearing" | "sessions">;
  readonly friendNews: PrivateParts["friendNews"];
  readonly shown: Shown;
  readonly farewells: Farewells;
  readonly log: Log;
}

/** Rooms in one record, in pages. */
const roomsMax = 1000;
const pageRows = 200;

export async function handleRoster(parts: RosterParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readRosterRequest(request.fields);
  if (record === undefined) return error("invalid_data");
  const acting = actorOf(request);
  if (acting === undefined) return error("not_authorized");
  if (record.request === "create") return create(parts, request, record);
  if (record.request === "remove") return removeUser(parts, request, record);
  const users = await usersOf(parts, acting);
  const phone = users[0]?.phone ?? "";
  const userId = ownRoster(record.roster, { phone, userIds: users.map((user) => user.userId) });
  const user = users.find((one) => one.userId === (record.request === "list" ? acting : userId));
  if (user === undefined) return error("roster_not_found");
  switch (record.request) {
    case "get":
      return whole(parts, user, "get");
    case "list":
      return users.map((one) => rosterOf(parts, one, bare("list")));
    case "nick":
      return rename(parts, user, record);
    case "add":
      return add(parts, request, record);
    case "del":
      return remove(parts, request, record);
  }
}

/** Of the phone, the acting user among them; that user alone where there is no phone. */
async function usersOf({ domain, findUserNow }: RosterParts, userId: UserId): Promise<readonly User[]> {
  const own = findUserNow(userId);
  if (own?.phone === undefined) return own === undefined ? [] : [own];
  return domain.store.listUsersOfPhone(own.phone);
}

async function whole(parts: RosterParts, user: User, status: string): Promise<WireTerm> {
  const [contacts, rooms] = await Promise.all([parts.domain.contacts.list(user.userId), roomsOf(parts, user.userId)]);
  const friendIds = new Set(await parts.domain.contacts.friendsOf(user.userId));
  return rosterOf(parts, user, { contacts, friendIds, rooms, status });
}

const rosterOf = (
  { shown }: RosterParts,
  user: User,
  of: {
    contacts: Awaited<ReturnType<Domain["contacts"]["list"]>>;
    friendIds?: ReadonlySet<UserId>;
    rooms: readonly WireTerm[];
    status: string;
  },
): WireTerm => {
  const { contacts, friendIds = new Set<UserId>(), rooms, status } = of;
  return rosterRecord({ user, contacts, friendIds }, { email: undefined, shown, rooms, status });
};

/** Groups, without their members. */
async function roomsOf({ domain }: RosterParts, userId: UserId): Promise<WireTerm[]> {
  const rooms: WireTerm[] = [];
  for (let after = 0; rooms.length < roomsMax; ) {
    const page = await domain.store.chatPage(userId, { after, limit: pageRows });
    const groups = page.filter(({ chat }) => chat.kind === "group");
    rooms.push(...groups.map(({ chat, unread }) => roomRecord({ chat, members: [], status: "get", unread })));
    const last = page.at(-1);
    if (page.length < pageRows || last === undefined) break;
    after = last.chat.chatId;
  }
  return rooms.slice(0, roomsMax);
}

async function rename(parts: RosterParts, user: User, { nick = "" }: RosterRecord): Promise<WireTerm> {
  try {
    await parts.domain.nicks.set(user.userId, nick);
  } catch (failure) {
    if (failure instanceof DomainError && failure.code === "invalid_name") return error("invalid_nick");
    throw failure;
  }
  const renamed = parts.findUserNow(user.userId) ?? user;
  return rosterOf(parts, renamed, bare("nick"));
}

const bare = (status: string) => ({ contacts: [], rooms: [], status });

/** Only a log-in by phone acts for its phone as a whole, as in PROFILE. */
async function create(parts: RosterParts, { client }: TermRequest, { look }: RosterRecord): Promise<WireTerm> {
  const phone = client.phoneSession?.phone;
  if (phone === undefined) return error("not_authorized");
  const outcome = await parts.domain.profiles.addRoster({ phone, roster: look });
  return outcome.result === "done" ? rosterOf(parts, outcome.user, bare("create")) : error(outcome.result);
}

/** The answer goes out before log-ins of the user end: see `rosterRemoved`. */
async function removeUser(
  parts: RosterParts,
  request: TermRequest,
  record: RosterRecord,
): Promise<WireTerm | undefined> {
  const phone = request.client.phoneSession?.phone;
  if (phone === undefined) return error("not_authorized");
  const userIds = await parts.store.listUserIdsOfPhone(phone);
  const userId = namedRoster(record.roster, { phone, userIds });
  if (userId === undefined) return error("roster_not_found");
  const outcome = await parts.farewells.during(request, {
    key: farewellKey(userId),
    answer: removedRosterRecord({ userId, phone }),
    remove: () => parts.domain.profiles.removeRoster({ phone, userId }),
  });
  if (outcome === "not_found") return error("roster_not_found");
  return outcome === "last" ? error("permission_denied") : undefined;
}

/** No phone is written so. */
const farewellKey = (userId: UserId): string => `_${userId}`;

/** The phone's devices that hear of chats. */
export async function rosterAdded(parts: RosterParts, { phone, userId }: EventOf<"roster.added">): Promise<void> {
  const user = parts.findUserNow(userId);
  if (user !== undefined) await parts.tell.hearing([phone], rosterOf(parts, user, bare("create")));
}

/** The device that asked is answered; then the phone's devices that hear of chats are told, and the users who knew this one. */
export async function rosterRemoved(parts: RosterParts, { removed }: EventOf<"roster.removed">): Promise<void> {
  const [user] = removed.users;
  const farewell = user && parts.farewells.first(farewellKey(user.userId));
  try {
    await farewell?.answer();
    if (user !== undefined) await parts.tell.hearing([removed.phone], removedRosterRecord(user));
    const { domain, tell, shown } = parts;
    await tellCounterparties({ store: domain.store, tell, hidesStrangers: shown.hidesStrangers }, removed);
    await farewell?.finished();
  } catch (failure) {
    parts.log.error("users who knew a removed user were not told", { error: failure });
  }
}

/** As PRIVATE does it: both sides are told there. */
async function add(parts: RosterParts, request: TermRequest, record: RosterRecord): Promise<WireTerm> {
  const fields = [[], record.roster, record.people.map(termOf), atom("list")];
  return (await handlePrivate(parts, { client: request.client, name: "Friend", fields })) ?? ok("added");
}

async function remove(parts: RosterParts, request: TermRequest, record: RosterRecord): Promise<WireTerm> {
  for (const one of record.people) {
    const fields = [[], termOf(one), atom("revoke")];
    const refused = await handlePrivate(parts, { client: request.client, name: "Revoke", fields });
    if (refused !== undefined) return refused;
  }
  return ok("deleted");
}

function termOf(ref: FriendRef): Term {
  if (typeof ref === "number") return ref;
  return binary(ref.userId === undefined ? ref.phone : `${ref.phone}_${ref.userId}`);
}
