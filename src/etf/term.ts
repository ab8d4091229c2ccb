/**
 * The Erlang terms as this program holds them, whatever their encoding (docs/protocols/erlang-terms.md § Encodings).
 * The classes have a `kind`, so that two classes of the same shape are different types and a `switch` over them is
 * exhaustive.
 */

export type Term =
  | number
  | bigint
  | Float
  | Atom
  | Uint8Array
  | Tuple
  | readonly Term[]
  | CharList
  | ImproperList
  | BitString
  | TermMap
  | Opaque
  | Text;

/** The bytes are not a term, or exceed the limits. */
export class TermError extends Error {
  override readonly name = "TermError";
}

/** Always finite. An integer is a `number` where that is exact and a `bigint` elsewhere. */
export class Float {
  readonly kind = "float";
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Always an object of its own: no table keeps a peer's atoms. */
export class Atom {
  readonly kind = "atom";
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Tuple<Item = Term> {
  readonly kind = "tuple";
  readonly items: readonly Item[];
  constructor(items: readonly Item[]) {
    this.items = items;
  }
}

/** STRING_EXT: a list of bytes, which is text where text is expected. Never empty; the empty list is `[]`. */
export class CharList {
  readonly kind = "char-list";
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** `[a, b | tail]`: at least one item, and a tail that is no list. */
export class ImproperList {
  readonly kind = "improper-list";
  readonly items: readonly Term[];
  readonly tail: Term;
  constructor(items: readonly Term[], tail: Term) {
    this.items = items;
    this.tail = tail;
  }
}

/** A binary of whose last byte only the upper `bits` (1 to 7) count; the lower ones are 0. */
export class BitString {
  readonly kind = "bit-string";
  readonly bytes: Uint8Array;
  readonly bits: number;
  constructor(bytes: Uint8Array, bits: number) {
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** Entries in the order received; a key that occurs twice is kept twice. */
export class TermMap {
  readonly kind = "map";
  readonly entries: readonly (readonly [key: Term, value: Term])[];
  constructor(entries: readonly (readonly [key: Term, value: Term])[]) {
    this.entries = entries;
  }
}

/** A reference, pid, port, fun or export as its encoded bytes, tag first. It can only be sent back. */
export class Opaque {
  readonly kind = "opaque";
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A string of the MessagePack and JSON dialects: its reader takes it as an atom or as a binary. */
export class Text {
  readonly kind = "text";
  readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
}

export const atom = (name: string): Atom => new Atom(name);

export const tuple = <Items extends readonly Term[]>(...items: Items): Tuple<Items[number]> => new Tuple(items);

const utf8 = new TextEncoder();

/** Gives the text as a binary, in UTF-8. */
export const binary = (text: string): Uint8Array<ArrayBuffer> => utf8.encode(text);

/** Gives an integer in the form of all terms: a `number` where that is exact. */
export function integerTerm(value: bigint): number | bigint {
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value;
}
