/** The records of PROFILE as the server writes them: `Profile`, `Service`, `Feature` and `Roster`. */
import type { Contact } from "../../domain/contacts/contact-store.ts";
import type { User } from "../../domain/model.ts";
import type { Feature, Profile, Service } from "../../domain/profiles/profile-store.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";
import { asStranger, contact15, textField } from "./contact-records.ts";

/** A user with the contacts that a client is sent. */
export interface RosterView {
  readonly user: User;
  readonly contacts: readonly Contact[];
  readonly friendIds: ReadonlySet<User["userId"]>;
}

/** What a list shows depends on the server: who is connected, and whether strangers are hidden. */
export interface Shown {
  readonly isOnline: IsOnline;
  readonly hidesStrangers: boolean;
}

export type IsOnline = (user: Pick<User, "userId" | "phone" | "presenceRule">) => boolean;

const unset: WireTerm = [];
const record = (name: string, ...fields: readonly WireTerm[]): WireTerm => new Tuple([atom(name), ...fields]);

/** An atom, where the text can be one. */
const name = (value: string): WireTerm =>
  value === "" ? unset : /^[\0-\xff]{1,255}$/.test(value) ? atom(value) : binary(value);

/** `{'Profile',Phone,Services,Rosters,Settings,Update,Balance,Presence,Status}` */
export function profileRecord(
  profile: Profile,
  {
    rosters,
    updatedAtMs,
    presence,
    status,
  }: { rosters: readonly WireTerm[]; updatedAtMs: number; presence: "online" | "offline" | undefined; status: string },
): WireTerm {
  return record(
    "Profile",
    binary(profile.phone),
    profile.services.map(serviceRecord),
    rosters,
    profile.settings.map(featureRecord),
    updatedAtMs,
    profile.balance,
    presence === undefined ? unset : atom(presence),
    atom(status),
  );
}

/** `{'Profile',Phone,[],[],[],0,0,[],remove}` */
export const removedProfileRecord = (phone: string): WireTerm =>
  record("Profile", binary(phone), unset, unset, unset, 0, 0, unset, atom("remove"));

/** `{'Service',Id,Type,Data,Login,Password,Expiration,Status}`; passwords are never sent. */
const serviceRecord = ({ id, type, data, login, expiration, status }: Service): WireTerm =>
  record(
    "Service",
    textField(id),
    name(type),
    textField(data),
    textField(login),
    unset,
    expiration ?? unset,
    name(status),
  );

/** The credentials with which a client signs its requests to AWS. */
export const credentialsRecord = (credentials: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAtSeconds: number;
}): WireTerm =>
  record(
    "Service",
    binary(credentials.accessKeyId),
    atom("aws"),
    unset,
    binary(credentials.secretAccessKey),
    binary(credentials.sessionToken),
    credentials.expiresAtSeconds,
    atom("verified"),
  );

/** `{'Feature',Id,Key,Value,Group}` */
const featureRecord = ({ id, key, value, group }: Feature): WireTerm =>
  record(
    "Feature",
    textField(id),
    textField(key),
    typeof value === "boolean" ? atom(String(value)) : textField(value),
    textField(group),
  );

/** `{'Roster',Id,Names,Surnames,Email,Nick,UserList,RoomList,Favorite,Tags,Phone,Avatar,Update,Status}` */
export function rosterRecord(
  { user, contacts, friendIds }: RosterView,
  {
    email,
    shown,
    sinceMs = -1,
    rooms = [],
    status,
  }: {
    email: string | undefined;
    shown: Shown;
    sinceMs?: number | undefined;
    rooms?: readonly WireTerm[];
    /** What was asked of the record itself; unset within a Profile. */
    status?: string;
  },
): WireTerm {
  const { userId, names, surnames, nick, phone, avatarLink, updatedAtMs } = user;
  // Clients of this family look for the user among the user's own contacts.
  const self: Contact[] = updatedAtMs > sinceMs ? [{ user, status: "friend", updatedAtMs }] : [];
  const isKnownTo = (other: User["userId"]): boolean => other === userId || friendIds.has(other);
  return record(
    "Roster",
    userId,
    textField(names),
    textField(surnames),
    textField(email),
    textField(nick),
    [...self, ...contacts].map((contact) => contactRecord(contact, isKnownTo, shown)),
    rooms,
    unset,
    unset,
    textField(phone),
    textField(avatarLink),
    updatedAtMs,
    status === undefined ? unset : atom(status),
  );
}

/** What was found, as the list of a Roster of the asking user. */
export const foundRecord = (user: Pick<User, "userId" | "phone">, contacts: readonly WireTerm[]): WireTerm =>
  bareRoster(user, contacts, "search");

/** `{'Roster',Id,[],[],[],[],[],[],[],[],Phone,[],0,remove}` */
export const removedRosterRecord = (user: Pick<User, "userId" | "phone">): WireTerm => bareRoster(user, [], "remove");

const bareRoster = (
  { userId, phone }: Pick<User, "userId" | "phone">,
  contacts: readonly WireTerm[],
  status: string,
): WireTerm =>
  record(
    "Roster",
    userId,
    unset,
    unset,
    unset,
    unset,
    contacts,
    unset,
    unset,
    unset,
    textField(phone),
    unset,
    0,
    atom(status),
  );

/** Presence is sent only of users who are friends on both sides. */
const contactRecord = (
  { user, status, updatedAtMs }: Contact,
  isKnownTo: (userId: User["userId"]) => boolean,
  { isOnline, hidesStrangers }: Shown,
): WireTerm =>
  contact15({
    user: hidesStrangers && status === "request" ? asStranger(user) : user,
    updatedAtMs: Math.max(updatedAtMs, user.updatedAtMs),
    presence: status !== "friend" || !isKnownTo(user.userId) ? undefined : isOnline(user) ? "online" : "offline",
    status,
  });
