/**
 * Which chat a record means: `{p2p,From,To}` with two PhoneIds, `{muc,Room}` with a room's number or its string id, and the
 * topics that are named after them. Filters of these topics say what a client hears.
 */
import type { ChatFilter, ChatPlace, PresenceFilter } from "../../access/chat-form.ts";
import { heard } from "../../access/chat-form.ts";
import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import { isKey, parseChatKey, safeInteger } from "../../domain/keys.ts";
import type { ChatId, ChatRef, User, UserId } from "../../domain/model.ts";
import { parsePhoneId, phoneIdOf } from "../../domain/phones/phones.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { integerOf, isUnset, recordOf, textOf } from "../../etf/read.ts";
import { atom, binary, type Term, Tuple } from "../../etf/term.ts";
import { friendOf } from "./private-record.ts";

/** The users of a direct chat, one of whom may be left out, or a room. */
export type Feed = { readonly people: readonly FriendRef[] } | { readonly room: ChatRef };

/** A user as it is now; undefined where there is none of that number. */
export type FindUser = (userId: number) => Pick<User, "userId" | "phone"> | undefined;

/** Undefined where the term names no chat; null where it is unset. */
export function readFeed(term: Term): Feed | null | undefined {
  if (isUnset(term)) return null;
  const record = recordOf(term);
  if (record === undefined) return readAddressee(term);
  const [first, second] = record.fields;
  if (record.name === "p2p" && first !== undefined && second !== undefined && record.fields.length === 2) {
    const people = [first, second].filter((one) => !isUnset(one)).map(friendOf);
    return people.length > 0 && people.every((one) => one !== undefined) ? { people } : undefined;
  }
  if (record.name !== "muc" || first === undefined || record.fields.length !== 1) return undefined;
  const room = roomOf(first);
  return room === undefined ? undefined : { room };
}

/** A PhoneId means the direct chat with that user, anything else a room. */
export function readAddressee(term: Term): Feed | undefined {
  const text = textOf(term);
  const person = text?.includes("_") === true ? friendOf(term) : undefined;
  if (person !== undefined) return { people: [person] };
  const room = roomOf(term);
  return room === undefined ? undefined : { room };
}

/** By its number, as an integer or as digits, or by its string id. */
export function roomOf(term: Term): ChatRef | undefined {
  const id = integerOf(term);
  if (id !== undefined) return id > 0 ? { id } : undefined;
  const text = textOf(term);
  return text !== undefined && isKey(text) ? { key: text } : undefined;
}

/** The PhoneIds of a direct chat's users, the sender's first; undefined for a group. */
export function pairOf(
  chatKey: string,
  findUser: FindUser,
  from?: UserId,
): readonly [first: string, second: string] | undefined {
  const pair = chatKey.startsWith("direct.") ? parseChatKey(chatKey) : undefined;
  if (pair === undefined || !("low" in pair)) return undefined;
  const [first, second] = pair.high === from ? [pair.high, pair.low] : [pair.low, pair.high];
  return [phoneIdNow(first, findUser), phoneIdNow(second, findUser)];
}

/** A user who is gone has a PhoneId without a phone. */
export const phoneIdNow = (userId: number, findUser: FindUser): string =>
  phoneIdOf({ phone: findUser(userId)?.phone, userId });

export const roomId = (chatId: ChatId): WireTerm => binary(String(chatId));

/** `{p2p,From,To}` or `{muc,Room}`. */
export function feedRecord({ chatId, chatKey }: ChatPlace, findUser: FindUser, from?: UserId): WireTerm {
  const pair = pairOf(chatKey, findUser, from);
  return pair === undefined ? new Tuple([atom("muc"), roomId(chatId)]) : new Tuple([atom("p2p"), ...pair.map(binary)]);
}

/** `p2p/{a}/{b}`, the PhoneIds in order, or `room/{room}`. */
export function feedTopic({ chatId, chatKey }: ChatPlace, findUser: FindUser): string {
  const pair = pairOf(chatKey, findUser);
  return pair === undefined ? `room/${chatId}` : `p2p/${pair.toSorted().join("/")}`;
}

export const presenceTopic = (phoneId: string): string => `ac/${phoneId}`;

/** What a client hears without a subscription, once it asked for more than the three documents have. */
export const hearingFilters = ["p2p/#", "room/#", "ac/#"] as const;

const noPresence: PresenceFilter = { wants: "nothing" };
const noChat: ChatFilter = { wants: "nothing" };

/** What a filter of `p2p/…`, `room/…` and `ac/…` asks for; undefined for any other. */
export function parseHearing(filter: string): { chat: ChatFilter; presence: PresenceFilter } | undefined {
  const [first, second = "", third, ...more] = filter.split("/");
  const isAll = second === "#" && third === undefined;
  if (first === "p2p") {
    if (isAll || (second === "+" && (third === "+" || third === "#") && more.length === 0)) return every("direct");
    const [one, other] = [userIdIn(second), userIdIn(third ?? "")];
    if (one === undefined || other === undefined || more.length > 0) return undefined;
    const chatKey = `direct.${Math.min(one, other)}.${Math.max(one, other)}`;
    return { chat: { wants: "one", chatKey, hears: heard }, presence: noPresence };
  }
  if (third !== undefined) return undefined;
  if (first === "room") {
    if (isAll || second === "+") return every("group");
    const chatId = safeInteger(second);
    if (chatId === undefined) return undefined;
    return { chat: { wants: "numbered", chatId: chatId as ChatId, hears: heard }, presence: noPresence };
  }
  if (first !== "ac") return undefined;
  if (isAll || second === "+") return { chat: noChat, presence: { wants: "every" } };
  const userId = userIdIn(second);
  return userId === undefined ? undefined : { chat: noChat, presence: { wants: "one", userId } };
}

const every = (of: "direct" | "group"): { chat: ChatFilter; presence: PresenceFilter } => ({
  chat: { wants: "every", of, ordinaryToo: false, hears: heard },
  presence: noPresence,
});

const userIdIn = (level: string): UserId | undefined => parsePhoneId(level)?.userId;
