/**
 * How the MessagePack and JSON dialects write terms (docs/protocols/erlang-terms.md § Encodings). An array that begins
 * with a record's name is a tuple, any other array is a list; a string is an atom or a binary.
 */
import { atom, type Term, Text, Tuple } from "./term.ts";
import { utf8Text } from "./utf8.ts";

/** Whether an array that begins with this string is a tuple. `io`, `ok` and `error` always are. */
export type IsRecordName = (name: string) => boolean;

const answers: ReadonlySet<string> = new Set(["io", "ok", "error"]);

export function tupleOrList(items: readonly Term[], isRecordName: IsRecordName): Tuple | readonly Term[] {
  const [first, ...rest] = items;
  const named = first instanceof Text && (answers.has(first.value) || isRecordName(first.value));
  return named ? new Tuple([atom(first.value), ...rest]) : items;
}

/** Control characters other than tab, line feed and carriage return. */
const unprintable = /[^\P{Cc}\t\n\r]/u;

/** Gives the text as which a binary is sent; undefined where the binary must stay bytes. */
export function printableText(bytes: Uint8Array): string | undefined {
  const text = utf8Text(bytes);
  return text === undefined || unprintable.test(text) ? undefined : text;
}
