/**
 * Reads the value of a field in any era's form and any dialect (docs/protocols/erlang-terms.md § Encodings). A reader
 * gives undefined for a term of another type. An unset field is `[]`, which is also a list, or `<<>>`, which is also
 * text: ask `isUnset` first.
 */
import { Atom, CharList, Float, type Term, Text, Tuple } from "./term.ts";
import { latin1Text, utf8Text } from "./utf8.ts";

/** The documents print `_` for a field that a request does not need, and clients send what they print. */
const unsetAtoms: ReadonlySet<string> = new Set(["", "undefined", "nil", "_"]);

/**
 * Unset are `[]`, `''`, `undefined`, `nil`, `'_'`, `<<>>`, and the other dialects' `null` (decoded to `[]`) and empty string.
 */
export function isUnset(term: Term): boolean {
  if (Array.isArray(term)) return term.length === 0;
  if (term instanceof Uint8Array) return term.byteLength === 0;
  if (term instanceof Atom) return unsetAtoms.has(term.name);
  return term instanceof Text && term.value === "";
}

/**
 * Reads text: a binary of UTF-8, a string, a char list, a list of bytes (UTF-8, else Latin-1) or of code points; with
 * `integers` also an integer, as its decimal digits. Never the empty list.
 */
export function textOf(term: Term, options: { readonly integers?: boolean } = {}): string | undefined {
  if (term instanceof Text) return term.value;
  if (term instanceof Uint8Array) return utf8Text(term);
  if (term instanceof CharList) return utf8Text(term.bytes) ?? latin1Text(term.bytes);
  if (Array.isArray(term)) return listText(term);
  if (typeof term === "number" || typeof term === "bigint") return options.integers ? term.toString() : undefined;
  return undefined;
}

function listText(items: readonly Term[]): string | undefined {
  if (items.length === 0) return undefined;
  let largest = 0;
  for (const item of items) {
    if (typeof item !== "number" || !isScalarValue(item)) return undefined;
    largest = Math.max(largest, item);
  }
  const codePoints = items as readonly number[];
  if (largest > 0xff) return codePoints.map((codePoint) => String.fromCodePoint(codePoint)).join("");
  const bytes = Uint8Array.from(codePoints);
  return utf8Text(bytes) ?? latin1Text(bytes);
}

/** True for what Unicode may have a character for: no surrogates. */
const isScalarValue = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);

/** Reads the name of an atom, or a string of the other dialects. */
export function atomOf(term: Term): string | undefined {
  if (term instanceof Atom) return term.name;
  return term instanceof Text ? term.value : undefined;
}

const decimal = /^-?\d{1,16}$/;

/** Reads an integer, a float without a fraction, or text of digits; only where it is exact as a `number`. */
export function integerOf(term: Term): number | undefined {
  const value = term instanceof Float ? term.value : typeof term === "number" ? term : textInteger(term);
  // Adding 0 removes a negative zero.
  return value !== undefined && Number.isSafeInteger(value) ? value + 0 : undefined;
}

function textInteger(term: Term): number | undefined {
  if (Array.isArray(term) && term.length > 17) return undefined;
  const text = textOf(term);
  return text !== undefined && decimal.test(text) ? Number(text) : undefined;
}

/** Reads a list. A char list, which is usually text, counts only with `charLists`, as its integers. */
export function listOf(term: Term, options: { readonly charLists?: boolean } = {}): readonly Term[] | undefined {
  if (Array.isArray(term)) return term;
  return options.charLists && term instanceof CharList ? [...term.bytes] : undefined;
}

/** Reads a tuple, or a list sent instead of one, that begins with an atom: gives its name and its fields. */
export function recordOf(term: Term): { readonly name: string; readonly fields: readonly Term[] } | undefined {
  const items = term instanceof Tuple ? term.items : listOf(term);
  const first = items?.[0];
  const name = first === undefined ? undefined : atomOf(first);
  return items === undefined || name === undefined ? undefined : { name, fields: items.slice(1) };
}
