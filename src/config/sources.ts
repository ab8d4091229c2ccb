/** Where settings are given: flags, `ROOST_*` variables and roost.toml, as text that is not understood yet. */
import { resolve } from "node:path";
import { nearest } from "../lib/nearest.ts";
import { isDenied } from "../lib/system-errors.ts";
import { type SettingKey, settingKeys, settings, settingsTable, variableOf } from "./settings.ts";
import type { Raw } from "./values.ts";

const prefix = "ROOST_";
const fileVariable = "ROOST_CONFIG";

export type Origin =
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  /** A secret read from the file that the variable names. */
  | { readonly kind: "environment file"; readonly name: string; readonly path: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "default" };

/** Flags by the setting they stand for; `config` names the file. */
export type Flags = { readonly [Key in SettingKey | "config"]?: string | undefined };

export interface ConfigSources {
  readonly flags?: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; undefined where there is none. Throws where it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
  /** Relative paths start here. */
  readonly cwd?: string;
}

export interface Given {
  readonly raw: Raw;
  readonly origin: Origin;
}

/** Where the settings file is: named by flag or variable, else `roost.toml` in the data folder. Absolute. */
export function locateFile({ flags = {}, env, cwd = process.cwd() }: Omit<ConfigSources, "readFile">): {
  file: string;
  /** A flag or a variable named it, so it must exist. */
  named: boolean;
} {
  const name = flags.config ?? (env[fileVariable] || undefined);
  if (name !== undefined) return { file: resolve(cwd, name), named: true };
  const data = flags.data ?? (env[variableOf("data")] || settings.data.fallback);
  return { file: resolve(cwd, String(data), "roost.toml"), named: false };
}

/** Kubernetes and Docker put such variables beside a service that is called roost; they are not a typing error. */
const serviceLink = /^ROOST_(?:SERVICE_(?:HOST|PORT(?:_.*)?)|PORT(?:_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)?|NAME)$/;

export function readVariables(
  env: ConfigSources["env"],
  readFile: ConfigSources["readFile"],
  problems: string[],
): Map<SettingKey, Given> {
  const found = new Map<SettingKey, Given>();
  const names = Object.keys(env).filter((name) => name.startsWith(prefix));
  // Usual, and then a start need not make the names of all settings.
  if (names.length === 0) return found;
  const known = new Set<string>([fileVariable]);
  for (const key of settingKeys) {
    const name = variableOf(key);
    known.add(name);
    // An empty variable is what `NAME=${UNSET}` leaves behind, so it counts as not set.
    const raw = env[name] || undefined;
    if (raw !== undefined) found.set(key, { raw, origin: { kind: "environment", name } });
    if (!settingsTable[key].secret) continue;
    const twin = `${name}_FILE`;
    known.add(twin);
    const file = env[twin] || undefined;
    if (file === undefined) continue;
    if (raw !== undefined) {
      problems.push(`${name} and ${twin} are both set; keep one of them`);
      continue;
    }
    const text = readText(file, readFile, (reason) => problems.push(`${twin}: ${file} ${reason}`));
    if (text === undefined) continue;
    found.set(key, { raw: text.replace(/\r?\n$/, ""), origin: { kind: "environment file", name: twin, path: file } });
  }
  for (const name of names) {
    if (known.has(name) || serviceLink.test(name)) continue;
    problems.push(`${name}: there is no such setting${suggestVariable(name, known)}`);
  }
  return found;
}

/** In a variable the prefix says nothing: `ROOST_HTTP` is not near `ROOST_DATA`. */
const suggestVariable = (name: string, known: Iterable<string>): string =>
  suggestion(
    name.slice(prefix.length),
    [...known].map((one) => one.slice(prefix.length)),
    prefix,
  );

function suggestion(word: string, known: readonly string[], before = ""): string {
  const meant =
    known.find((one) => isPartOf(word, one)) ??
    known.find((one) => isPartOf(one, word)) ??
    nearestInSection(word, known) ??
    nearest(word, known);
  return meant === undefined ? "" : `; did you mean ${before}${meant}?`;
}

/** `http` of `http.listen`, `HTTP` of `HTTP_LISTEN`. */
const isPartOf = (part: string, whole: string): boolean =>
  part !== "" && whole.startsWith(part) && /[._]/.test(whole.charAt(part.length));

/** Where the section exists: the nearest setting in it, else its first one. */
function nearestInSection(word: string, known: readonly string[]): string | undefined {
  const section = known.filter((one) => isPartOf(sectionOf(word), one));
  return nearest(word, section) ?? section[0];
}

const sectionOf = (word: string): string => word.split(/[._]/, 1)[0] ?? "";

function readText(
  path: string,
  readFile: ConfigSources["readFile"],
  problem: (reason: string) => void,
): string | undefined {
  try {
    const text = readFile(path);
    if (text === undefined) problem("does not exist");
    return text;
  } catch (error) {
    if (isDenied(error))
      problem("may not be read by this system user; run the command as the user that roost serve runs as");
    else problem(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

export function readSettingsFile(source: {
  file: string;
  mustExist: boolean;
  readFile: ConfigSources["readFile"];
  problems: string[];
}): Map<SettingKey, Given> {
  const { file, problems } = source;
  const found = new Map<SettingKey, Given>();
  const text = readText(file, source.readFile, (reason) => {
    if (source.mustExist || reason !== "does not exist") problems.push(`${file} ${reason}`);
  });
  if (text === undefined) return found;
  let parsed: unknown;
  try {
    parsed = Bun.TOML.parse(text);
  } catch (error) {
    problems.push(`${file}:${lineOfFault(text)}: ${error instanceof Error ? error.message : String(error)}`);
    return found;
  }
  for (const [name, value] of leaves(parsed, "")) {
    const key = settingKeys.find((one) => one === name);
    if (key === undefined) problems.push(`${file}: ${name}: there is no such setting${suggestion(name, settingKeys)}`);
    else if (isRaw(value, settingsTable[key].list)) {
      found.set(key, { raw: value, origin: { kind: "file", path: file } });
    } else problems.push(`${file}: ${name}: expected ${settingsTable[key].form}`);
  }
  return found;
}

const isRaw = (value: unknown, list: boolean | undefined): value is Raw =>
  typeof value === "string" ||
  typeof value === "number" ||
  typeof value === "boolean" ||
  (list === true && Array.isArray(value) && value.every((one) => typeof one === "string"));

/** The parser does not tell the line: it is the last one of the shortest beginning that does not parse either. */
function lineOfFault(text: string): number {
  const lines = text.split("\n");
  let good = 0;
  let bad = lines.length;
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    try {
      Bun.TOML.parse(lines.slice(0, middle).join("\n"));
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return bad;
}

/** `[http] listen = …` and `http.listen = …` are the same leaf; an empty table is one too, so that it is not overlooked. */
function* leaves(value: unknown, name: string): Generator<[string, unknown]> {
  const isTable = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const entries = isTable ? Object.entries(value) : [];
  const isSection = name === "" || settingKeys.some((key) => key.startsWith(`${name}.`));
  if (!isTable || (entries.length === 0 && !isSection)) yield [name, value];
  for (const [key, inner] of entries) yield* leaves(inner, name === "" ? key : `${name}.${key}`);
}
