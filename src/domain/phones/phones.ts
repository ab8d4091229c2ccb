/**
 * Phone numbers and PhoneIds. A PhoneId is `<phone>_<userId>`, the string by which other users know a profile's user.
 */
import { safeInteger } from "../keys.ts";
import type { UserId } from "../model.ts";

/** E.164 has at most fifteen digits; fewer than five are no number that can be reached. */
const digits = /^\d{5,15}$/;
const separators = /[\s().-]/g;
const writtenCharactersMax = 64;

/** Gives the digits of a number in any notation (`+44 20 7946-0018`); undefined where the text is no number. */
export function phoneOf(written: string): string | undefined {
  if (written.length > writtenCharactersMax) return undefined;
  const plain = written.replace(separators, "").replace(/^\+/, "");
  return digits.test(plain) ? plain : undefined;
}

export const phoneIdOf = (user: { phone: string | undefined; userId: number }): string =>
  `${user.phone ?? ""}_${user.userId}`;

/**
 * Parses `4479_10001`, `_10001` (a user without a phone) or a bare number, which means the first user of that phone.
 */
export function parsePhoneId(text: string): { phone: string | undefined; userId: UserId | undefined } | undefined {
  const cut = text.lastIndexOf("_");
  const written = cut === -1 ? text : text.slice(0, cut);
  const userId = cut === -1 ? undefined : safeInteger(text.slice(cut + 1));
  if (cut !== -1 && userId === undefined) return undefined;
  const phone = written === "" ? undefined : phoneOf(written);
  if (phone === undefined && (written !== "" || userId === undefined)) return undefined;
  return { phone, userId: userId as UserId | undefined };
}
