/** Reads the `Roster` tuple as a request of its own. */
import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import { atomOf, isUnset, textOf } from "../../etf/read.ts";
import type { Term } from "../../etf/term.ts";
import { lookIn, type RosterInput } from "./profile-request.ts";
import { readPeople } from "./room-record.ts";

const rosterRequests = ["get", "list", "create", "remove", "nick", "add", "del"] as const;
export type RosterRequest = (typeof rosterRequests)[number];

export interface RosterRecord {
  readonly request: RosterRequest;
  readonly roster: Term;
  readonly nick: string | undefined;
  readonly look: Omit<RosterInput, "userId">;
  readonly people: readonly FriendRef[];
}

/**
 * `{'Roster',Id,Names,Surnames,Email,Nick,UserList,RoomList,Favorite,Tags,Phone,Avatar,Update,Status}`; undefined where the
 * fields are not that.
 */
export function readRosterRequest(fields: readonly Term[]): RosterRecord | undefined {
  const [roster, , , , nick, userList, , , , , , , status] = fields;
  if (
    fields.length !== 13 ||
    roster === undefined ||
    nick === undefined ||
    userList === undefined ||
    status === undefined
  )
    return undefined;
  const name = atomOf(status) ?? textOf(status);
  const request = rosterRequests.find((one) => one === name);
  const people = readPeople(userList);
  if (request === undefined || people === undefined) return undefined;
  if ((request === "add" || request === "del") && people.length === 0) return undefined;
  if (request === "nick" && isUnset(nick)) return undefined;
  // What is new has no id yet, and what is to go is named.
  if ((request === "create" && !isUnset(roster)) || (request === "remove" && isUnset(roster))) return undefined;
  return { request, roster, nick: isUnset(nick) ? undefined : textOf(nick), look: lookIn(fields), people };
}
