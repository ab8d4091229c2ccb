/** Reads the `Room` and `Member` tuples, and what both ask of a room. */
import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import type { ChatRef } from "../../domain/model.ts";
import { atomOf, integerOf, isUnset, listOf, recordOf, textOf } from "../../etf/read.ts";
import { CharList, type Term } from "../../etf/term.ts";
import { readFeed, roomOf } from "./feeds.ts";
import { friendOf } from "./private-record.ts";

const roomRequests = ["create", "get", "add", "remove", "leave", "patch", "mute", "unmute"] as const;
export type RoomRequest = (typeof roomRequests)[number];

export interface RoomRecord {
  readonly request: RoomRequest;
  /** Undefined for a room that is to be made. */
  readonly room: ChatRef | undefined;
  readonly name: string | undefined;
  readonly members: readonly FriendRef[];
  readonly admins: readonly FriendRef[];
  /** Milliseconds; undefined where it is no time. */
  readonly untilMs: number | undefined;
}

const peopleMax = 1000;
/** In milliseconds this is a date in 1973; every real time is later. */
const timeMsMin = 1e11;

/**
 * `{'Room',Id,Name,Links,Description,Settings,Members,Admins,Data,Type,Tos,TosUpdate,Unread,Mentions,Readers,LastMsg,Update,
 * Created,Status}`; undefined where the fields are not that, or not what the request needs.
 */
export function readRoom(fields: readonly Term[]): RoomRecord | undefined {
  const [id, name, , , , memberTerm, adminTerm, , , , , , , , , update, , status] = fields;
  if (fields.length !== 18 || id === undefined || name === undefined || memberTerm === undefined) return undefined;
  if (adminTerm === undefined || update === undefined || status === undefined) return undefined;
  const members = readPeople(memberTerm);
  const admins = readPeople(adminTerm);
  if (members === undefined || admins === undefined || members.length + admins.length > peopleMax) return undefined;
  return checked({
    request: requestOf(status),
    room: isUnset(id) ? undefined : roomOf(id),
    name: isUnset(name) ? undefined : textOf(name),
    members,
    admins,
    untilMs: timeOf(update),
  });
}

/**
 * `{'Member',Id,Container,FeedId,Prev,Next,Feeds,PhoneId,Avatar,Names,Surnames,Alias,Reader,Update,Settings,Services,Presence,
 * Status}`: the same of one member.
 */
export function readMember(fields: readonly Term[]): RoomRecord | undefined {
  const [, , feedTerm, , , , phoneId, , , , , , update, , , , status] = fields;
  if (fields.length !== 17 || feedTerm === undefined || phoneId === undefined) return undefined;
  if (update === undefined || status === undefined) return undefined;
  const feed = readFeed(feedTerm);
  const members = isUnset(phoneId) ? [] : readPeople([phoneId]);
  if (feed === undefined || feed === null || !("room" in feed) || members === undefined) return undefined;
  const request = requestOf(status);
  if (request === "create" || request === "patch") return undefined;
  const untilMs = timeOf(update);
  return checked({ request, room: feed.room, name: undefined, members, admins: [], untilMs });
}

function checked({ request, ...record }: Omit<RoomRecord, "request"> & { request: RoomRequest | undefined }) {
  if (request === undefined || (request === "create") === (record.room !== undefined)) return undefined;
  const namesNone = record.members.length + record.admins.length === 0;
  if ((request === "add" || request === "remove") && namesNone) return undefined;
  if (request === "patch" && record.name === undefined && record.admins.length === 0) return undefined;
  return { request, ...record };
}

function requestOf(term: Term): RoomRequest | undefined {
  const name = atomOf(term) ?? textOf(term);
  return roomRequests.find((request) => request === name);
}

function timeOf(term: Term): number | undefined {
  const time = isUnset(term) ? undefined : integerOf(term);
  return time !== undefined && time >= timeMsMin ? time : undefined;
}

/** A list of PhoneIds, phones, numbers, and `Member` or `Contact` records. Undefined where one cannot be read. */
export function readPeople(term: Term): FriendRef[] | undefined {
  if (isUnset(term)) return [];
  if (term instanceof CharList) return undefined;
  const items = listOf(term);
  if (items === undefined || items.length > peopleMax) return undefined;
  const people = items.map((item) => {
    const record = recordOf(item);
    const named = record?.name === "Member" ? record.fields[6] : record?.name === "Contact" ? record.fields[0] : item;
    return named === undefined ? undefined : friendOf(named);
  });
  return people.every((one) => one !== undefined) ? people : undefined;
}
