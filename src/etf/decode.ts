/**
 * Decodes the External Term Format: every tag a peer may send (docs/protocols/erlang-terms.md § Encodings), old ones
 * included. Tags that refer to a table shared by two Erlang nodes (67-69, 72-76, 82, 121) have no meaning here and are
 * refused.
 */
import { Budget } from "./budget.ts";
import { ByteReader } from "./byte-reader.ts";
import { inflate } from "./inflate.ts";
import { type TermLimits, termLimits } from "./limits.ts";
import {
  Atom,
  BitString,
  CharList,
  Float,
  ImproperList,
  integerTerm,
  Opaque,
  type Term,
  TermError,
  TermMap,
  Tuple,
} from "./term.ts";
import { latin1Text, utf8Text } from "./utf8.ts";

/** The longest Erlang atom. */
const atomCharactersMax = 255;
/** The most words in a reference. */
const referenceWordsMax = 5;
/** What FLOAT_EXT prints with "%.20e", up to the byte 0 that ends it. */
const printedFloat = /^([-+]?\d+\.\d+(?:[eE][-+]?\d+)?)(?:\0|$)/;

/**
 * Decodes bytes that are exactly one term, its version byte (131) first. Throws `TermError`. Keeps no part of `bytes`.
 */
export function decodeTerm(bytes: Uint8Array, limits: TermLimits = termLimits): Term {
  const reader = new ByteReader(bytes);
  if (reader.uint8() !== 131) throw new TermError("not an external term");
  if (bytes[1] !== 80) return decodeWhole(reader, limits);
  reader.skip(1);
  const inflatedBytes = reader.uint32();
  if (inflatedBytes > limits.inflatedBytesMax) throw new TermError("too long once inflated");
  return decodeWhole(new ByteReader(inflate(reader.view(reader.left), inflatedBytes)), limits);
}

function decodeWhole(reader: ByteReader, limits: TermLimits): Term {
  const term = new TermDecoder(reader, limits).term();
  if (reader.left > 0) throw new TermError("bytes after the term");
  return term;
}

class TermDecoder {
  readonly #reader: ByteReader;
  readonly #budget: Budget;

  constructor(reader: ByteReader, limits: TermLimits) {
    this.#reader = reader;
    this.#budget = new Budget(limits);
  }

  term(): Term {
    this.#budget.element();
    const from = this.#reader.at;
    const tag = this.#reader.uint8();
    switch (tag) {
      case 97: // SMALL_INTEGER_EXT
        return this.#reader.uint8();
      case 98: // INTEGER_EXT
        return this.#reader.int32();
      case 110: // SMALL_BIG_EXT
        return this.#bigInteger(this.#reader.uint8());
      case 111: // LARGE_BIG_EXT
        return this.#bigInteger(this.#reader.uint32());
      case 70: // NEW_FLOAT_EXT
        return float(this.#reader.float64());
      case 99: // FLOAT_EXT
        return this.#printedFloat();
      case 100: // ATOM_EXT
        return this.#latin1Atom(this.#reader.uint16());
      case 115: // SMALL_ATOM_EXT
        return this.#latin1Atom(this.#reader.uint8());
      case 118: // ATOM_UTF8_EXT
        return this.#utf8Atom(this.#reader.uint16());
      case 119: // SMALL_ATOM_UTF8_EXT
        return this.#utf8Atom(this.#reader.uint8());
      case 104: // SMALL_TUPLE_EXT
        return new Tuple(this.#items(this.#reader.uint8()));
      case 105: // LARGE_TUPLE_EXT
        return new Tuple(this.#items(this.#reader.uint32()));
      case 106: // NIL_EXT
        return [];
      case 107: // STRING_EXT
        return this.#charList(this.#reader.uint16());
      case 108: // LIST_EXT
        return this.#list(this.#reader.uint32());
      case 109: // BINARY_EXT
        return this.#binary(this.#reader.uint32());
      case 77: // BIT_BINARY_EXT
        return this.#bitString(this.#reader.uint32(), this.#reader.uint8());
      case 116: // MAP_EXT
        return this.#map(this.#reader.uint32());
      case 88: // NEW_PID_EXT
      case 89: // NEW_PORT_EXT
      case 90: // NEWER_REFERENCE_EXT
      case 101: // REFERENCE_EXT
      case 102: // PORT_EXT
      case 103: // PID_EXT
      case 112: // NEW_FUN_EXT
      case 113: // EXPORT_EXT
      case 114: // NEW_REFERENCE_EXT
      case 117: // FUN_EXT
      case 120: // V4_PORT_EXT
        this.#budget.enter();
        this.#passOpaque(tag);
        this.#budget.leave();
        return new Opaque(this.#reader.copySince(from));
      default:
        throw new TermError(`tag ${tag} is no term`);
    }
  }

  #items(count: number): Term[] {
    this.#budget.claim(count, this.#reader.left);
    this.#budget.enter();
    const items: Term[] = [];
    for (let left = count; left > 0; left -= 1) items.push(this.term());
    this.#budget.leave();
    return items;
  }

  /** Reads a little-endian magnitude after a sign byte. Any sign byte but 0 is negative, as in Erlang. */
  #bigInteger(count: number): number | bigint {
    if (count > this.#budget.limits.bigIntegerBytesMax) throw new TermError("an integer too big");
    const negative = this.#reader.uint8() !== 0;
    const digits = Buffer.from(this.#reader.copy(count)).reverse().toString("hex");
    const magnitude = digits === "" ? 0n : BigInt(`0x${digits}`);
    return integerTerm(negative ? -magnitude : magnitude);
  }

  #printedFloat(): Float {
    const printed = printedFloat.exec(latin1Text(this.#reader.view(31)))?.[1];
    if (printed === undefined) throw new TermError("not a float");
    return float(Number(printed));
  }

  #latin1Atom(count: number): Atom {
    if (count > atomCharactersMax) throw new TermError("an atom too long");
    return new Atom(latin1Text(this.#reader.view(count)));
  }

  #utf8Atom(count: number): Atom {
    if (count > atomCharactersMax * 4) throw new TermError("an atom too long");
    const name = utf8Text(this.#reader.view(count));
    if (name === undefined) throw new TermError("an atom is not UTF-8");
    if (count > atomCharactersMax && [...name].length > atomCharactersMax) throw new TermError("an atom too long");
    return new Atom(name);
  }

  #charList(count: number): Term {
    this.#budget.binaryBytes(count);
    return count === 0 ? [] : new CharList(this.#reader.copy(count));
  }

  /** A tail that is a list continues the list; without items the tail is the whole list. */
  #list(count: number): Term {
    const items = this.#items(count);
    this.#budget.enter();
    const tail = this.term();
    this.#budget.leave();
    if (items.length === 0) return tail;
    if (Array.isArray(tail)) return append(items, tail);
    if (tail instanceof CharList) return append(items, [...tail.bytes]);
    if (tail instanceof ImproperList) return new ImproperList(append(items, tail.items), tail.tail);
    return new ImproperList(items, tail);
  }

  #binary(count: number): Uint8Array {
    this.#budget.binaryBytes(count);
    return this.#reader.copy(count);
  }

  #bitString(count: number, bits: number): BitString | Uint8Array {
    if (bits > 8 || (bits === 0) !== (count === 0)) throw new TermError("not a bit string");
    const bytes = this.#binary(count);
    const last = bytes[count - 1];
    if (last === undefined || bits === 8) return bytes;
    bytes[count - 1] = last & (0xff << (8 - bits));
    return new BitString(bytes, bits);
  }

  #map(count: number): TermMap {
    this.#budget.claim(count * 2, this.#reader.left);
    this.#budget.enter();
    const entries: [Term, Term][] = [];
    for (let left = count; left > 0; left -= 1) entries.push([this.term(), this.term()]);
    this.#budget.leave();
    return new TermMap(entries);
  }

  /** Checks what follows the tag of an opaque term, so that the kept bytes are complete. */
  #passOpaque(tag: number): void {
    switch (tag) {
      case 88:
        this.#atomThen(4 + 4 + 4);
        return;
      case 103:
        this.#atomThen(4 + 4 + 1);
        return;
      case 89:
        this.#atomThen(4 + 4);
        return;
      case 102:
        this.#atomThen(4 + 1);
        return;
      case 120:
        this.#atomThen(8 + 4);
        return;
      case 101:
        this.#atomThen(4 + 1);
        return;
      case 90:
        this.#reference(4);
        return;
      case 114:
        this.#reference(1);
        return;
      case 113:
        this.#atomThen(0);
        this.#atomThen(0);
        this.#integer();
        return;
      case 117: {
        const freeVariables = this.#reader.uint32();
        this.#pid();
        this.#atomThen(0);
        this.#integer();
        this.#integer();
        this.#freeVariables(freeVariables);
        return;
      }
      default:
        this.#newFun();
    }
  }

  #atomThen(bytes: number): void {
    if (!(this.term() instanceof Atom)) throw new TermError("not an atom where one must be");
    this.#reader.skip(bytes);
  }

  #integer(): void {
    if (typeof this.term() !== "number") throw new TermError("not an integer where one must be");
  }

  #pid(): void {
    const term = this.term();
    const tag = term instanceof Opaque ? term.bytes[0] : undefined;
    if (tag !== 88 && tag !== 103) throw new TermError("not a pid where one must be");
  }

  #reference(creationBytes: number): void {
    const words = this.#reader.uint16();
    if (words > referenceWordsMax) throw new TermError("a reference too long");
    this.#atomThen(creationBytes + words * 4);
  }

  /** Its size counts from the size field itself to the last free variable. */
  #newFun(): void {
    const from = this.#reader.at;
    const size = this.#reader.uint32();
    this.#reader.skip(1 + 16 + 4);
    const freeVariables = this.#reader.uint32();
    this.#atomThen(0);
    this.#integer();
    this.#integer();
    this.#pid();
    this.#freeVariables(freeVariables);
    if (this.#reader.at - from !== size) throw new TermError("a fun of another size than it says");
  }

  #freeVariables(count: number): void {
    this.#budget.claim(count, this.#reader.left);
    for (let left = count; left > 0; left -= 1) this.term();
  }
}

function float(value: number): Float {
  if (!Number.isFinite(value)) throw new TermError("a float that is not finite");
  return new Float(value);
}

function append(items: Term[], more: readonly Term[]): Term[] {
  for (const item of more) items.push(item);
  return items;
}
