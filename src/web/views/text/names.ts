/** What a person and a chat are called. A name may be hostile: empty to the eye, or very long. */
import type { Chat, Id, Person } from "../../state/model.ts";
import type { Words } from "../../words/en.ts";

/** A name longer than this is cut: no list becomes slow by it. */
const nameLengthMax = 128;

/** Signs without a shape that turn the reading direction or join nothing. The joiners of emoji and of Persian stay. */
const unseen = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

/** `name` where a reader sees anything of it, at most 128 characters; else undefined. */
export function visibleName(name: string): string | undefined {
  const cut = name
    .slice(0, nameLengthMax)
    .replace(unseen, "")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(cut.replace(/[\u115f\u1160\u2800\u3164\uffa0]/g, "")) ? cut : undefined;
}

export const personName = (words: Words, person: Pick<Person, "name"> | undefined, userId: Id): string =>
  visibleName(person?.name ?? "") ?? words.personNamed(userId);

export function chatName(words: Words, chat: Pick<Chat, "name" | "chatId">, ownId?: Id): string {
  if (ownId !== undefined && chat.chatId === ownId) return words.notebook;
  return visibleName(chat.name) ?? words.chatNamed(chat.chatId);
}

/** One or two signs for a place where the picture is missing. */
export function initials(name: string): string {
  const parts = name.split(/[\s._-]+/u).filter((part) => /[\p{L}\p{N}]/u.test(part));
  const [first = "", last = ""] = [parts[0], parts.length > 1 ? parts.at(-1) : ""];
  return [first, last]
    .map((part) => /[\p{L}\p{N}]/u.exec(part)?.[0] ?? "")
    .join("")
    .toUpperCase();
}

/** 0 to 5: which of the quiet colours stands behind the initials and on the name in a group. */
export const hueOf = (id: Id): number => [...id].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) % 997, 7) % 6;
