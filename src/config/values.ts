/** What a setting is, and the kinds of values there are: each understands what an operator writes, or says what it wanted. */
import { isUserKey } from "../domain/keys.ts";
import { type Address, parseAddress, type SocketPath } from "../lib/address.ts";

/** As it stands in a flag, a variable or the file, before it is understood. */
export type Raw = string | number | boolean | readonly string[];

export interface Setting<Value> {
  /** Understands a value, or throws `Unusable` saying what was expected. */
  readonly parse: (raw: Raw) => Value;
  /** The value where none is given; undefined means "not set". */
  readonly fallback: Raw | undefined;
  /** One sentence for the operator. */
  readonly about: string;
  /** The values it may have, for help texts. */
  readonly form: string;
  /** As a person reads it, where a bare number would leave out the unit. */
  readonly format?: (value: number) => string;
  /** Never shown, and readable from a file named by the variable with `_FILE` behind it. */
  readonly secret?: true;
  /** The file may give it as an array of strings, a flag or variable with commas between. */
  readonly list?: true;
  readonly flag?: string;
  /** The default is no more than this share of `limits.memory_bytes`. */
  readonly memoryShare?: number;
  /** SIGHUP applies a new value; the others need a restart. */
  readonly live?: true;
}

/** How a file of settings gets at their values. */
export interface Reading<Settings extends Readonly<Record<string, Setting<unknown>>>> {
  /** Undefined where a setting is not set. */
  readonly optional: { readonly [Key in keyof Settings]: ValueOf<Settings[Key]> | undefined };
  /** For settings with a default. */
  readonly needed: { readonly [Key in keyof Settings]: ValueOf<Settings[Key]> };
  /** Absolute, from where the setting was given. */
  readonly absolute: (key: keyof Settings, path: string) => string;
  /** What is wrong, a sentence each. */
  readonly problems: string[];
}

/** In bytes or seconds where it is either; null is "not set". */
export type ShownValue = string | number | boolean | null;

/** What is in force, for a reader. */
export type Shown<Settings> = { readonly [Key in keyof Settings]: ShownValue };

/** How a secret is shown. */
export const hidden = (value: unknown): ShownValue => (value === undefined ? null : "(set)");

export class Unusable extends Error {}

export const path = { form: "DIR", parse: (raw: Raw) => String(raw) };
export const pemFile = { form: "FILE", parse: (raw: Raw) => String(raw) };
export const pictureFile = {
  form: "FILE",
  parse: (raw: Raw): string => {
    const path = String(raw);
    if (!/\.(?:svg|png)$/i.test(path)) throw new Unusable("expected a file that ends in .svg or .png");
    return path;
  },
};

export const address = {
  form: "HOST:PORT",
  parse: (raw: Raw): Address => {
    const parsed = parseAddress(String(raw));
    if (parsed === undefined)
      throw new Unusable("expected HOST:PORT, [IPV6]:PORT or PORT, with a port from 0 to 65535");
    return parsed;
  },
};

/** The path may be relative still. */
export const addressOrSocket = {
  form: "HOST:PORT | unix:PATH",
  parse: (raw: Raw): Address | SocketPath => {
    const text = String(raw);
    if (!text.startsWith("unix:")) return address.parse(raw);
    const path = text.slice("unix:".length);
    if (path === "" || path.includes("\0")) throw new Unusable("expected a path behind unix:");
    return { path };
  },
};

/** `off` means: do not listen. */
export const addressOrOff = {
  form: "HOST:PORT | off",
  parse: (raw: Raw): Address | null => (raw === "off" || raw === false ? null : address.parse(raw)),
};

/** `auto` means: the customary port where there is a certificate, else not at all. */
export const addressAutoOrOff = {
  form: "HOST:PORT | auto | off",
  parse: (raw: Raw): Address | null | "auto" => (raw === "auto" ? "auto" : addressOrOff.parse(raw)),
};

export function oneOf<const Name extends string>(...names: readonly Name[]) {
  return {
    form: names.join(" | "),
    parse: (raw: Raw): Name => {
      const name = names.find((one) => one === raw);
      if (name === undefined) throw new Unusable(`expected ${names.join(" or ")}`);
      return name;
    },
  };
}

export function count(min: number, max: number) {
  return {
    form: "NUMBER",
    parse: (raw: Raw): number => {
      const value = typeof raw === "number" ? raw : /^\d{1,15}$/.test(String(raw)) ? Number(raw) : Number.NaN;
      if (!Number.isInteger(value) || value < min || value > max) {
        throw new Unusable(`expected a whole number from ${min} to ${max}`);
      }
      return value;
    },
  };
}

export const kib = 1024;
export const mib = 1024 * kib;
const unitBytes: Readonly<Record<string, number>> = { "": 1, B: 1, KIB: kib, MIB: mib, GIB: 1024 * mib };

/** In the largest of the units that leaves a whole number. */
function inUnits(units: readonly (readonly [name: string, size: number])[]) {
  return (value: number): string => {
    const [name, size] = units.find(([, one]) => value >= one && value % one === 0) ?? ["", 1];
    return `${value / size} ${name}`.trim();
  };
}

const formatBytes = inUnits([
  ["GiB", 1024 * mib],
  ["MiB", mib],
  ["KiB", kib],
  ["B", 1],
]);

/** Bytes as a number, or with a unit: `16 MiB`. */
export function bytes(min: number, max: number) {
  return {
    form: "BYTES",
    format: formatBytes,
    parse: (raw: Raw): number => {
      const match = /^(\d{1,15})\s*([a-z]*)$/i.exec(String(raw).trim());
      const unit = unitBytes[(match?.[2] ?? "").toUpperCase()];
      const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
      if (!(value >= min && value <= max)) {
        throw new Unusable(`expected a size from ${min} to ${max} bytes, such as ${min}, 512 KiB or 16 MiB`);
      }
      return value;
    },
  };
}

const unitSeconds: Readonly<Record<string, number>> = { "": 1, s: 1, min: 60, h: 3600, d: 86_400 };

const formatDuration = inUnits([
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
]);

/** Seconds as a number, or with a unit: `30 d`. */
export function duration(minSeconds: number, maxSeconds: number) {
  return {
    form: "DURATION",
    format: formatDuration,
    parse: (raw: Raw): number => {
      const match = /^(\d{1,10})\s*([a-z]*)$/.exec(String(raw).trim());
      const unit = unitSeconds[match?.[2] ?? ""];
      const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
      if (!(value >= minSeconds && value <= maxSeconds)) {
        throw new Unusable(
          `expected a time from ${minSeconds} to ${maxSeconds} seconds, such as ${minSeconds}, 30 min, 12 h or 30 d`,
        );
      }
      return value;
    },
  };
}

/** Names of people: `anna, user.10001`. */
export const names = {
  form: "NAMES",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = items(raw);
    if (!given.every(isUserKey)) {
      throw new Unusable("expected usernames, or user.<userId>, with commas between");
    }
    return given;
  },
};

export const yesOrNo = {
  form: "true | false",
  parse: (raw: Raw): boolean => {
    if (raw === true || raw === "true") return true;
    if (raw === false || raw === "false") return false;
    throw new Unusable("expected true or false");
  },
};

/** Long enough not to be guessed, and printable, since it travels in a header. */
export const secretText = {
  form: "TEXT",
  parse: (raw: Raw): string => {
    if (typeof raw !== "string" || !/^[\x21-\x7e]{16,512}$/.test(raw)) {
      throw new Unusable("expected 16 to 512 printable ASCII characters without spaces");
    }
    return raw;
  },
};

/** A list, with commas between where it is one text. */
export const items = (raw: Raw): readonly string[] =>
  (typeof raw === "object" ? raw : String(raw).split(",")).map((one) => one.trim()).filter((one) => one !== "");

/** One line that a pattern describes. */
export function line(form: string, pattern: RegExp, expected: string) {
  return {
    form,
    parse: (raw: Raw): string => {
      const text = String(raw);
      if (!pattern.test(text)) throw new Unusable(`expected ${expected}`);
      return text;
    },
  };
}

export const webUrl = {
  form: "URL",
  parse: (raw: Raw): string => {
    const text = String(raw);
    if (!/^https?:\/\/[^\s{}/?#]/i.test(text) || !URL.canParse(text) || text.length > 4096) {
      throw new Unusable("expected a URL that begins with https:// or http://");
    }
    return text;
  },
};

/** Throws where a place to fill in is none of `names`, since it would be sent as it stands. */
export function checkPlaces(text: string, names: readonly string[]): string {
  for (const [place, name = ""] of text.matchAll(/\{([a-z_]+)\}/g)) {
    if (!names.includes(name))
      throw new Unusable(`${place} is not one of ${names.map((one) => `{${one}}`).join(", ")}`);
  }
  return text;
}

export const secretLine = line("TEXT", /^[\x20-\x7e]{1,512}$/, "up to 512 printable ASCII characters");
export const keyId = line("TEXT", /^\w{2,128}$/, "letters and digits");

/** A table of settings, with the type of each value. */
export function settingsOf<Values>(table: { readonly [Key in keyof Values]: Setting<Values[Key]> }) {
  return table;
}

/** What a setting gives once it is understood. */
export type ValueOf<Given> = Given extends Setting<infer Value> ? Value : never;
