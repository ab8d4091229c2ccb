/** Times and sizes in the words of a language. */
import type { Words } from "../../words/en.ts";

type TimeWords = Pick<Words, "tag" | "today" | "yesterday">;

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format is dear to make, and each bubble needs one. */
function format(tag: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = tag + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(tag, options);
  formats.set(key, known);
  return known;
}

/** The day of `time` where the reader is, as a number that rises by one from day to day. */
export const dayOf = (time: Date): number =>
  Math.round(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / 86_400_000);

export const clockTime = (words: TimeWords, time: Date): string =>
  format(words.tag, { hour: "numeric", minute: "2-digit" }).format(time);

/** "Today", "Yesterday", a weekday of the last week, else the date; with the year unless it is this one. */
export function dayName(words: TimeWords, time: Date, now: Date): string {
  const ago = dayOf(now) - dayOf(time);
  if (ago === 0) return words.today;
  if (ago === 1) return words.yesterday;
  if (ago > 1 && ago < 7) return format(words.tag, { weekday: "long" }).format(time);
  const sameYear = now.getFullYear() === time.getFullYear();
  return format(words.tag, {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(sameYear ? {} : { year: "numeric" }),
  }).format(time);
}

/** Short enough for a row of a list: the time of today, a weekday, or a date. */
export function shortTime(words: TimeWords, time: Date, now: Date): string {
  const ago = dayOf(now) - dayOf(time);
  if (ago === 0) return clockTime(words, time);
  if (ago === 1) return words.yesterday;
  if (ago > 1 && ago < 7) return format(words.tag, { weekday: "short" }).format(time);
  const sameYear = now.getFullYear() === time.getFullYear();
  return format(words.tag, sameYear ? { day: "numeric", month: "short" } : { dateStyle: "short" }).format(time);
}

/** The whole of it, for a title and for readers of the screen. */
export const fullTime = (words: TimeWords, time: Date): string =>
  format(words.tag, { dateStyle: "full", timeStyle: "short" }).format(time);

/** `1.4 MB`: powers of 1,000, as files are shown elsewhere. */
export function sizeWords(tag: string, bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return new Intl.NumberFormat(tag, {
    style: "unit",
    unit: units[unit] ?? "byte",
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: unit > 1 && value < 10 ? 1 : 0,
  }).format(value);
}
