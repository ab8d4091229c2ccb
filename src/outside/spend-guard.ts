/**
 * Whether a message that costs money may be sent. What was admitted is counted per number, per source address (an IPv6 /64)
 * and per country prefix in the last hour, and in all in the last day. A refusal is not counted: somebody who asks a
 * million times uses up nobody else's share, and what is remembered is bounded by the limit of a day. A message whose
 * sending failed stays counted, since a gateway may charge for it all the same.
 */
import type { Clock } from "../lib/clock.ts";
import { networkOf } from "./network.ts";
import { type PhoneNumber, parsePhoneNumber } from "./phone-number.ts";

export interface SpendLimits {
  readonly perNumberHour: number;
  readonly perAddressHour: number;
  readonly perPrefixHour: number;
  readonly perDay: number;
}

export const defaultSpendLimits: SpendLimits = {
  perNumberHour: 5,
  perAddressHour: 20,
  perPrefixHour: 200,
  perDay: 1000,
};

/** Why not, by the limit that was reached; `country` also for premium ranges. */
export type Admission = "ok" | "invalid_number" | "country" | "number" | "address" | "prefix" | "day";

export interface SpendGuard {
  /** `ok` means: send it now, it is counted. `number` is in international form, `address` an IP address. */
  admit(number: string, address: string): Admission;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const compactFrom = 1024;

/** An admitted message. What only the hour needs is let go when it has passed. */
interface Admitted {
  readonly atMs: number;
  hour: { readonly number: string; readonly address: string; readonly prefix: string } | undefined;
}

/**
 * `countries` are two capitals (ISO 3166-1) or a `+` and the digits numbers begin with. Undefined means all countries, and
 * with it neither premium ranges nor numbers of no country (satellites, networks); a premium range is open only to a `+…`.
 */
export function createSpendGuard({
  limits,
  countries,
  clock,
}: {
  limits: SpendLimits;
  countries: readonly string[] | undefined;
  clock: Clock;
}): SpendGuard {
  const isAllowed = allowedBy(countries);
  const admitted = new SlidingWindows();
  return {
    admit(number, address) {
      const phone = parsePhoneNumber(number);
      if (phone === undefined) return "invalid_number";
      if (!isAllowed(phone)) return "country";
      admitted.moveTo(clock.nowMs());
      const hour = { number: phone.digits, address: networkOf(address), prefix: phone.callingCode };
      if (admitted.ofNumber(hour.number) >= limits.perNumberHour) return "number";
      if (admitted.ofAddress(hour.address) >= limits.perAddressHour) return "address";
      if (admitted.ofPrefix(hour.prefix) >= limits.perPrefixHour) return "prefix";
      if (admitted.ofDay >= limits.perDay) return "day";
      admitted.add(hour);
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

/** Codes from 800 on that begin with 8 or 9 and belong to services; a country's own may be unknown within a shared code. */
const codesOfNoCountry = new Set(["800", "808", "870", "878", "881", "882", "883", "888", "979"]);
const isOfACountry = (country: string | undefined, callingCode: string): boolean =>
  country !== undefined || !codesOfNoCountry.has(callingCode);

/** The messages of the last day in order, and counts of those of the last hour; exact at every moment. */
class SlidingWindows {
  readonly #numbers = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  readonly #prefixes = new Map<string, number>();
  readonly #messages: Admitted[] = [];
  #dayStart = 0;
  #hourStart = 0;
  /** Time that has passed since the first message, by a clock that never goes back. */
  #nowMs = 0;
  #clockMs: number | undefined;

  get ofDay(): number {
    return this.#messages.length - this.#dayStart;
  }

  ofNumber = (number: string): number => this.#numbers.get(number) ?? 0;
  ofAddress = (address: string): number => this.#addresses.get(address) ?? 0;
  ofPrefix = (prefix: string): number => this.#prefixes.get(prefix) ?? 0;

  /** A clock that is set back loses that moment and no more: nothing is forgotten early, and nothing is kept for years. */
  moveTo(clockMs: number): void {
    this.#nowMs += Math.max(0, clockMs - (this.#clockMs ?? clockMs));
    this.#clockMs = clockMs;
    const messages = this.#messages;
    for (let oldest = messages[this.#hourStart]; oldest !== undefined; oldest = messages[this.#hourStart]) {
      if (this.#nowMs - oldest.atMs < hourMs) break;
      if (oldest.hour !== undefined) {
        countDown(this.#numbers, oldest.hour.number);
        countDown(this.#addresses, oldest.hour.address);
        countDown(this.#prefixes, oldest.hour.prefix);
        oldest.hour = undefined;
      }
      this.#hourStart++;
    }
    for (let oldest = messages[this.#dayStart]; oldest !== undefined; oldest = messages[this.#dayStart]) {
      if (this.#nowMs - oldest.atMs < dayMs) break;
      this.#dayStart++;
    }
    if (this.#dayStart < compactFrom || this.#dayStart * 2 < messages.length) return;
    messages.splice(0, this.#dayStart);
    this.#hourStart -= this.#dayStart;
    this.#dayStart = 0;
  }

  add(hour: NonNullable<Admitted["hour"]>): void {
    this.#messages.push({ atMs: this.#nowMs, hour });
    countUp(this.#numbers, hour.number);
    countUp(this.#addresses, hour.address);
    countUp(this.#prefixes, hour.prefix);
  }
}

function countUp(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function countDown(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
