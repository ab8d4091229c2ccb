/**
 * Reads the `Profile` tuple of two generations of clients. The older one has no balance, and both write `_` where a
 * request does not need a field. So a field is read only when its request needs it.
 */

import { rostersMax } from "../../domain/bounds.ts";
import { safeInteger } from "../../domain/keys.ts";
import { typedCode } from "../../domain/phones/codes.ts";
import { phoneOf } from "../../domain/phones/phones.ts";
import type { Feature } from "../../domain/profiles/profile-store.ts";
import type { ServiceInput } from "../../domain/profiles/services.ts";
import { atomOf, integerOf, isUnset, listOf, recordOf, textOf } from "../../etf/read.ts";
import { CharList, type Term } from "../../etf/term.ts";

export const profileRequests = ["get", "update", "set", "link", "email", "aws", "remove", "migrate", "phone"] as const;
export type ProfileRequest = (typeof profileRequests)[number];

/** Records that occur within a `Profile`. */
export const innerProfileRecords = ["Service", "Feature", "Roster", "Contact"] as const;

export interface ProfileRecord {
  readonly request: ProfileRequest;
  /** Digits. Undefined: not given; null: given, but no number. */
  readonly phone: string | null | undefined;
  /** Undefined: not given, or not above 0. */
  readonly timeMs: number | undefined;
  readonly services: Term;
  readonly rosters: Term;
  readonly settings: Term;
}

/** What a client sends of one of its users. */
export interface RosterInput {
  /** Undefined: the first user. */
  readonly userId: number | undefined;
  readonly names: string | undefined;
  readonly surnames: string | undefined;
  readonly nick: string | undefined;
  /** A link to a picture. */
  readonly avatarLink: string | undefined;
}

/** The number of fields after the tag: with a balance, and without. */
const arities = new Set([8, 7]);
/** A limit for each field; the domain has closer bounds. */
const itemsMax = 1000;
const textBytesMax = 64 * 1024;
const phoneCharactersMax = 64;
/** In milliseconds this is a date in 1973; every real time is later. */
const timeMsMin = 1e11;

/** Undefined where the fields are no `Profile` of either generation. */
export function readProfile(fields: readonly Term[]): ProfileRecord | undefined {
  const [phone, services, rosters, settings, update, sixth] = fields;
  const status = fields.at(-1);
  if (!arities.has(fields.length) || phone === undefined || services === undefined) return undefined;
  if (rosters === undefined || settings === undefined || update === undefined || status === undefined) return undefined;
  const request = requestOf(status);
  if (request === undefined) return undefined;
  return { request, phone: readPhone(phone), timeMs: timeOf(update, sixth), services, rosters, settings };
}

function requestOf(term: Term): ProfileRequest | undefined {
  const name = atomOf(term) ?? textOf(term);
  return profileRequests.find((request) => request === name);
}

/** Reads a phone or a PhoneId. The user in a PhoneId does not matter, since a profile belongs to its phone. */
function readPhone(term: Term): string | null | undefined {
  if (isUnset(term)) return undefined;
  const text = textOf(term, { integers: true });
  if (text === undefined || text.length > phoneCharactersMax) return null;
  return phoneOf(text.replace(/_\d+$/, "")) ?? null;
}

/** Some clients write the time where the balance is. */
function timeOf(update: Term, sixth: Term | undefined): number | undefined {
  const time = isUnset(update) ? undefined : integerOf(update);
  if (time !== undefined && time > 0) return time;
  const other = sixth === undefined || isUnset(sixth) ? undefined : integerOf(sixth);
  return other !== undefined && other >= timeMsMin ? other : undefined;
}

/** Reads a field's list; one item alone counts as a list of it. Undefined: not given. Null: too long. */
function itemsOf(term: Term, name: string): readonly Term[] | null | undefined {
  if (isUnset(term)) return undefined;
  if (textOf(term, { integers: true }) !== undefined || recordOf(term)?.name === name) return [term];
  const items = listOf(term);
  return items === undefined || items.length > itemsMax ? null : items;
}

/** Reads every item of a field; null where one cannot be read. */
function readItems<Item>(
  term: Term,
  name: string,
  read: (item: Term) => Item | undefined,
): readonly Item[] | null | undefined {
  const items = itemsOf(term, name);
  if (items === undefined || items === null) return items;
  const all: Item[] = [];
  for (const item of items) {
    const one = read(item);
    if (one === undefined) return null;
    all.push(one);
  }
  return all;
}

/** Undefined: not given. Null: no list of services. */
export const readServices = (term: Term): readonly ServiceInput[] | null | undefined =>
  readItems(term, "Service", readService);

/** A text alone is an address or a code. */
function readService(term: Term): ServiceInput | undefined {
  const bare = textOf(term, { integers: true });
  if (bare !== undefined) return Buffer.byteLength(bare) > textBytesMax ? undefined : { id: bare };
  const record = recordOf(term);
  if (record?.name !== "Service" || record.fields.length !== 7) return undefined;
  const [id, type, data, login, password, expiration, status] = record.fields;
  return {
    id: textAt(id),
    type: nameAt(type),
    data: textAt(data),
    login: textAt(login),
    password: textAt(password),
    expiration: integerAt(expiration),
    status: nameAt(status),
  };
}

/** Undefined: not given. Null: no list of settings. */
export const readSettings = (term: Term): readonly Feature[] | null | undefined =>
  readItems(term, "Feature", readFeature);

function readFeature(term: Term): Feature | undefined {
  const record = recordOf(term);
  if (record?.name !== "Feature" || record.fields.length !== 4) return undefined;
  const [id, key, value, group] = record.fields;
  return { id: textAt(id) ?? "", key: textAt(key) ?? "", value: valueAt(value), group: nameAt(group) ?? "" };
}

function valueAt(term: Term | undefined): string | boolean {
  const name = term === undefined ? undefined : atomOf(term);
  if (name === "true" || name === "false") return name === "true";
  return textAt(term) ?? name ?? "";
}

/** Undefined: not given. Null: no list of users' ids or records. */
export function readRosters(term: Term): readonly RosterInput[] | null | undefined {
  if (isUnset(term)) return undefined;
  const one = readRoster(term);
  if (one !== undefined) return [one];
  // A list of small ids is encoded as a string.
  const items = listOf(term, { charLists: true });
  if (items === undefined || items.length > rostersMax) return null;
  const rosters = items.map(readRoster);
  return rosters.every((roster) => roster !== undefined) ? rosters : null;
}

/** What a `Roster` of 14 elements says of how others see its user. */
export function lookIn([, names, surnames, , nick, , , , , , avatar]: readonly Term[]): Omit<RosterInput, "userId"> {
  return { names: textAt(names), surnames: textAt(surnames), nick: textAt(nick), avatarLink: textAt(avatar) };
}

function readRoster(term: Term): RosterInput | undefined {
  const record = recordOf(term);
  if (record === undefined) return rosterOf(term, {});
  const { name, fields } = record;
  const [id] = fields;
  if (name !== "Roster" || id === undefined) return undefined;
  const [, names, surnames] = fields;
  // The older layout has no nick.
  if (fields.length === 11) return rosterOf(id, { names, surnames, avatar: fields[8] });
  return fields.length === 13 ? rosterOf(id, { names, surnames, nick: fields[4], avatar: fields[10] }) : undefined;
}

/** The id is a number, its digits, or a PhoneId; a list is of ids. */
function rosterOf(
  id: Term,
  fields: Readonly<Partial<Record<"names" | "surnames" | "nick" | "avatar", Term | undefined>>>,
): RosterInput | undefined {
  const given = {
    names: textAt(fields.names),
    surnames: textAt(fields.surnames),
    nick: textAt(fields.nick),
    avatarLink: textAt(fields.avatar),
  };
  if (isUnset(id)) return { userId: undefined, ...given };
  if (id instanceof CharList || Array.isArray(id)) return undefined;
  const userId = integerOf(id) ?? safeInteger(/_(\d+)$/.exec(textOf(id) ?? "")?.[1]);
  return userId === undefined ? undefined : { userId, ...given };
}

/**
 * Gives a code among services: the first of password, data and id that is no address. Digits are preferred. A text that
 * cannot be a code is given too, as a wrong code.
 */
export function codeIn(services: readonly ServiceInput[]): string | undefined {
  const texts = services
    .flatMap(({ password, data, id }) => [password, data, id])
    .filter((text) => text !== undefined && !text.includes("@"));
  return texts.find((text) => typedCode(text) !== "") ?? texts[0];
}

/**
 * Gives the code in the confirmation of a new phone, which has no field for one: a service's password or data, a text
 * alone, or a setting called a code. Only digits count, since the fields may hold anything else. Undefined: none is
 * given.
 */
export function readCode({ services, settings }: ProfileRecord): string | undefined {
  const texts = [...codeTexts(services), ...codeTexts(settings)];
  return texts.find((text) => text !== undefined && typedCode(text) !== "");
}

function codeTexts(term: Term): (string | undefined)[] {
  return (itemsOf(term, "Service") ?? []).flatMap((item) => {
    const bare = textAt(item);
    if (bare !== undefined) return [bare];
    const feature = readFeature(item);
    if (feature !== undefined) return /code/i.test(feature.key) ? [String(feature.value)] : [];
    const service = readService(item);
    return [service?.password, service?.data];
  });
}

/** A term that is no text, or too long a text, counts as empty. */
function textAt(term: Term | undefined): string | undefined {
  if (term === undefined || isUnset(term)) return undefined;
  const text = textOf(term, { integers: true });
  return text === undefined || Buffer.byteLength(text) > textBytesMax ? undefined : text;
}

function nameAt(term: Term | undefined): string | undefined {
  if (term === undefined || isUnset(term)) return undefined;
  return atomOf(term) ?? textAt(term);
}

const integerAt = (term: Term | undefined): number | undefined =>
  term === undefined || isUnset(term) ? undefined : integerOf(term);
