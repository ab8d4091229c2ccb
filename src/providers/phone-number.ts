/**
 * What is known of a phone number before money is spent on it. libphonenumber's small metadata says whether it exists.
 * A table of our own (`premium-ranges.json`, made by `tests/support/premium-ranges.ts`) says whether it costs more than
 * others.
 */
import { loadPhone } from "./libraries.ts";
import premiumRanges from "./premium-ranges.json" with { type: "json" };

const { parsePhoneNumberFromString } = await loadPhone();

export interface PhoneNumber {
  /** With country code, without `+`. */
  readonly digits: string;
  /** `380` of `+380 50 …`. */
  readonly callingCode: string;
  /**
   * Two capitals (ISO 3166-1); undefined where the number belongs to no country, such as a satellite telephone's
   * number.
   */
  readonly country: string | undefined;
  /** Premium rate or shared cost: the number's owner earns on each message. */
  readonly premium: boolean;
}

/** Parses a number in international form, with or without `+`; undefined where no such number can exist. */
export function parsePhoneNumber(text: string): PhoneNumber | undefined {
  // ITU-T E.164 § 6.1: at most 15 digits; no country code begins with 0.
  if (!/^\+?[1-9]\d{4,14}$/.test(text)) return undefined;
  const digits = text.replace("+", "");
  const parsed = parsePhoneNumberFromString(`+${digits}`);
  if (parsed === undefined || !parsed.isValid()) return undefined;
  // A number with a national prefix in it would be a second spelling with limits of its own.
  if (parsed.number !== `+${digits}`) return undefined;
  const { countryCallingCode: callingCode, nationalNumber } = parsed;
  return { digits, callingCode, country: parsed.country, premium: isPremium(callingCode, nationalNumber) };
}

const patterns = new Map<string, RegExp>();

function isPremium(callingCode: string, nationalNumber: string): boolean {
  let pattern = patterns.get(callingCode);
  if (pattern === undefined) {
    const source = Object.entries(premiumRanges).find(([code]) => code === callingCode)?.[1];
    pattern = source === undefined ? /^(?!)/ : new RegExp(`^(?:${source})$`);
    patterns.set(callingCode, pattern);
  }
  return pattern.test(nationalNumber);
}
