/**
 * String ids at all doors. A backend gives its own ids (`John.Doe-mobile1`, `team`). Users and chats created elsewhere
 * have `user.<userId>`, `chat.<chatId>` and `direct.<low>.<high>`. Those forms are reserved: no client may create one.
 */
import type { ChatKind } from "./model.ts";

/** [a-zA-Z0-9.-], case-sensitive, as in the REST document; at most 256 characters. */
export const keyPattern = /^[a-zA-Z0-9.-]{1,256}$/;
/** A userID, case-sensitive (R7). Users who exist may have names that no new user gets (`reservedNameOf`). */
export const userKeyPattern = /^[a-zA-Z0-9.@_:-]{1,256}$/;
/** What a user may choose to log in by. */
export const loginNamePattern = /^[a-z][a-z0-9._-]{2,31}$/;
/** In place of a user name it says that the password is a token. */
export const tokenUsername = "api";
const phoneId = /^\d*_\d+$/;
const reservedUser = /^user\.\d+$/;
const reservedChat = /^(?:chat\.\d+|direct\.\d+\.\d+|user\.\d+)$/;

export const isKey = (text: string): boolean => keyPattern.test(text);
export const isUserKey = (text: string): boolean => userKeyPattern.test(text);
export const isReservedUserKey = (text: string): boolean => reservedUser.test(text);
/** As a name it would be taken for the user with that id. */
export const isPlainNumber = (text: string): boolean => /^\d+$/.test(text);
export const isReservedChatKey = (text: string): boolean => reservedChat.test(text);
/** Why no new user may have this userID; undefined where one may (R7). It would be taken for another user, or for a chat. */
export function reservedNameOf(name: string): string | undefined {
  if (isPlainNumber(name)) return "a plain number, which is no name";
  if (phoneId.test(name)) return "a PhoneId, which is no name";
  return isReservedChatKey(name) ? "of a reserved form" : undefined;
}
/** Whether the text has the form of a log-in name. Of these, `isReservedLoginName` are not to be had. */
export const isLoginName = (text: string): boolean => loginNamePattern.test(text);
export const isReservedLoginName = (text: string): boolean => text === tokenUsername || isReservedChatKey(text);

export const userKeyOf = (user: { userId: number; username: string | null | undefined }): string =>
  user.username ?? `user.${user.userId}`;

export const chatKeyOf = (chat: {
  chatId: number;
  chatKey: string | null | undefined;
  kind: ChatKind;
  directLow: number | null | undefined;
  directHigh: number | null | undefined;
}): string =>
  chat.chatKey ?? (chat.kind === "direct" ? `direct.${chat.directLow}.${chat.directHigh}` : `chat.${chat.chatId}`);

/** `user.10001` → 10001; undefined for anything else. */
export function userIdOfKey(key: string): number | undefined {
  return reservedUser.test(key) ? safeInteger(key.slice(5)) : undefined;
}

/** Parses one of our string ids: a chat, the pair of a direct chat, or a user (the direct chat with that user). */
export function parseChatKey(
  key: string,
): { chatId: number } | { low: number; high: number } | { userId: number } | undefined {
  if (!reservedChat.test(key)) return undefined;
  const [kind, first, second] = key.split(".");
  const a = safeInteger(first);
  if (a === undefined) return undefined;
  if (kind === "chat") return { chatId: a };
  if (kind === "user") return { userId: a };
  const b = safeInteger(second);
  return b === undefined || b < a ? undefined : { low: a, high: b };
}

/** The user with whom `userId` has the direct chat of this key, which may be themselves; undefined for other chats. */
export function otherInDirect(chatKey: string, userId: number): number | undefined {
  if (!chatKey.startsWith("direct.")) return undefined;
  const pair = parseChatKey(chatKey);
  if (pair === undefined || !("low" in pair)) return undefined;
  return pair.low === userId ? pair.high : pair.low;
}

/** Parses a decimal id from a wire: digits only, within 2^53. */
export function safeInteger(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
