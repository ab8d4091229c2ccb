/** Reads the `Search` tuple. */
import { phoneOf } from "../../domain/phones/phones.ts";
import { atomOf, isUnset, listOf, textOf } from "../../etf/read.ts";
import { CharList, type Term } from "../../etf/term.ts";

export type SearchRecord = {
  /** Which of the client's searches it is; sent back. */
  readonly ref: Term;
} & ({ readonly phones: readonly string[] } | { readonly nick: string });

const phonesMax = 100;

/** `{'Search',Id,Ref,Field,Type,Value,Status}`; undefined where the fields are not that, or name nothing. */
export function readSearch(fields: readonly Term[]): SearchRecord | undefined {
  const [, ref, fieldTerm, , value] = fields;
  if (fields.length !== 6 || ref === undefined || fieldTerm === undefined || value === undefined) return undefined;
  const field = atomOf(fieldTerm) ?? textOf(fieldTerm);
  if (isUnset(value)) return undefined;
  if (field === "nick") {
    const nick = textOf(value);
    return nick === undefined ? undefined : { ref, nick };
  }
  if (field !== undefined && textOf(fieldTerm) !== "phone" && field !== "phone") return undefined;
  const items = value instanceof CharList || textOf(value) !== undefined ? [value] : listOf(value);
  if (items === undefined || items.length > phonesMax) return undefined;
  const phones = items.map((item) => phoneOf((textOf(item, { integers: true }) ?? "").replace(/_\d+$/, "")));
  return phones.every((phone) => phone !== undefined) ? { ref, phones } : undefined;
}
