/**
 * What an Erlang term is here, whatever bytes it came in (PROTOCOLS § 1.8). The classes carry a `kind`, so that two of
 * the same shape are still two types and a `switch` over them is exhaustive.
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

/** The bytes are no term, or more of one than the limits allow. */
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

/** Only ever an object of its own: a peer's atoms fill no table. */
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

/** A binary whose last byte counts only by its upper `bits` (1 to 7); the others are 0. */
export class BitString {
  readonly kind = "bit-string";
  readonly bytes: Uint8Array;
  readonly bits: number;
  constructor(bytes: Uint8Array, bits: number) {
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** In the order they came; a key that comes twice is kept twice. */
export class TermMap {
  readonly kind = "map";
  readonly entries: readonly (readonly [key: Term, value: Term])[];
  constructor(entries: readonly (readonly [key: Term, value: Term])[]) {
    this.entries = entries;
  }
}

/** A reference, pid, port, fun or export: its encoded bytes, tag first, good for nothing but being sent back. */
export class Opaque {
  readonly kind = "opaque";
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A string of the MessagePack and JSON dialects: an atom or a binary, as its reader expects. */
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

/** The text as a binary, in UTF-8. */
export const binary = (text: string): Uint8Array<ArrayBuffer> => utf8.encode(text);

/** An integer in the form every term has it: a `number` where that is exact. */
export function integerTerm(value: bigint): number | bigint {
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value;
}
