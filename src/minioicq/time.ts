/** Times as MiniOICQ clients write them (O12): ISO 8601 with or without a zone, or epoch numbers. */

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?[ ]?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;
const epochPattern = /^\d{1,16}(?:\.\d{1,9})?$/;
/** Epoch numbers below this are seconds: in milliseconds it is March 1973, in seconds the year 5138. */
const secondsBelow = 100_000_000_000;
/** The last millisecond of the year 9999. */
const timeMsMax = 253_402_300_799_999;

/** UTC epoch milliseconds; a time without a zone is UTC. Undefined for what is no time from 1970 on. */
export function parseTimeMs(value: unknown): number | undefined {
  if (typeof value === "number") return fromEpoch(value);
  if (typeof value !== "string" || value.length > 64) return undefined;
  const text = value.trim();
  if (epochPattern.test(text)) return fromEpoch(Number(text));
  const parts = isoPattern.exec(text);
  if (parts === null) return undefined;
  const [, year = "", month = "", day = "", hours = "00", minutes = "00", seconds = "00", fraction = "", zone = "Z"] =
    parts;
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const ms = Date.parse(
    `${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${milliseconds}${zonePart(zone.toUpperCase())}`,
  );
  return inRange(ms);
}

/** Date.parse wants `Z` or `±hh:mm`. */
function zonePart(zone: string): string {
  if (zone === "Z") return zone;
  const digits = zone.replace(":", "").padEnd(5, "0");
  return `${digits.slice(0, 3)}:${digits.slice(3)}`;
}

function fromEpoch(value: number): number | undefined {
  return inRange(Math.trunc(value < secondsBelow ? value * 1000 : value));
}

const inRange = (ms: number): number | undefined => (ms >= 0 && ms <= timeMsMax ? ms : undefined);
