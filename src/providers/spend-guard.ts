/**
 * Decides whether a message that costs money may be sent. Admitted messages are counted per number, per source address
 * (an IPv6 /64) and per country prefix in the last hour, and in all in the last day. The last quarter of the day is for
 * prefixes that have had little of it. A refusal is not counted: a client that asks a million times does not use up the
 * share of others, and what is kept is bounded by the day's limit. A message that failed to be sent stays counted,
 * since a gateway may charge for it even so.
 */

import { networkOf } from "../lib/client-network.ts";
import type { Clock } from "../lib/clock.ts";
import { type PhoneNumber, parsePhoneNumber } from "./phone-number.ts";
import { type CountedMessage, SpendWindows } from "./spend-windows.ts";

export interface SpendLimits {
  readonly perNumberHour: number;
  readonly perAddressHour: number;
  readonly perPrefixHour: number;
  readonly perDay: number;
}

/** Why not: the limit that was reached. `country` also stands for premium ranges. */
export type Admission = "ok" | "invalid_number" | "country" | "number" | "address" | "prefix" | "day";

export interface SpendGuard {
  /**
   * `ok` means: send it now, it is counted. `number` is in international form, `address` an IP address. `counted` gets
   * what must be known after a restart.
   */
  admit(number: string, address: string, counted?: (message: CountedMessage) => void): Admission;
}

/** The part of the day's limit that a prefix above its share leaves to the others. */
const keptOfDay = 1 / 4;
/** The share of the rest that one prefix may use. */
const shareOfRest = 1 / 10;

/**
 * `countries` are two capitals (ISO 3166-1) or a `+` and the first digits of numbers. Undefined means all countries,
 * without premium ranges and numbers of no country (satellites, networks). Only a `+…` allows a premium range.
 */
export function createSpendGuard({
  limits,
  countries,
  clock,
  earlier = [],
}: {
  limits: SpendLimits;
  countries: readonly string[] | undefined;
  clock: Clock;
  /** What was counted before a restart, in order. */
  earlier?: readonly CountedMessage[];
}): SpendGuard {
  const isAllowed = allowedBy(countries);
  const admitted = new SpendWindows(clock.steadyMs(), earlier);
  // With one country alone nothing is kept for others.
  const kept = countries?.length === 1 ? 0 : Math.floor(limits.perDay * keptOfDay);
  return {
    admit(number, address, counted) {
      const phone = parsePhoneNumber(number);
      if (phone === undefined) return "invalid_number";
      if (!isAllowed(phone)) return "country";
      const atMs = clock.steadyMs();
      admitted.moveTo(atMs);
      const message = { number: phone.digits, network: networkOf(address), prefix: phone.callingCode };
      if (admitted.ofNumber(message.number) >= limits.perNumberHour) return "number";
      if (admitted.ofNetwork(message.network) >= limits.perAddressHour) return "address";
      if (admitted.ofPrefix(message.prefix) >= limits.perPrefixHour) return "prefix";
      const left = limits.perDay - admitted.ofDay;
      if (left <= 0) return "day";
      if (left <= kept && admitted.ofPrefixInDay(message.prefix) >= Math.ceil(left * shareOfRest)) return "day";
      admitted.add(message);
      counted?.({ ...message, atMs });
      return "ok";
    },
  };
}

function allowedBy(countries: readonly string[] | undefined): (phone: PhoneNumber) => boolean {
  if (countries === undefined)
    return ({ country, premium, callingCode }) => !premium && isOfACountry(country, callingCode);
  const prefixes = countries.filter((one) => one.startsWith("+")).map((one) => one.slice(1));
  const names = new Set(countries.filter((one) => !one.startsWith("+")));
  return ({ digits, country, premium }) =>
    prefixes.some((prefix) => digits.startsWith(prefix)) || (!premium && country !== undefined && names.has(country));
}

/**
 * Codes from 800 on that begin with 8 or 9 and belong to services; libphonenumber may not know a country within a
 * shared code.
 */
const codesOfNoCountry = new Set(["800", "808", "870", "878", "881", "882", "883", "888", "979"]);
const isOfACountry = (country: string | undefined, callingCode: string): boolean =>
  country !== undefined || !codesOfNoCountry.has(callingCode);
