/**
 * Terms in JSON (RFC 8259). This is not JSON.parse, so that depth and count are bounded while reading and an integer
 * keeps all its digits.
 */
import { Budget } from "./budget.ts";
import type { WireTerm } from "./encode.ts";
import type { TermLimits } from "./limits.ts";
import { type IsRecordName, printableText, tupleOrList } from "./records.ts";
import { Atom, atom, binary, Float, integerTerm, type Term, TermError, TermMap, Text, Tuple } from "./term.ts";
import { utf8Text } from "./utf8.ts";

/**
 * Decodes bytes that are exactly one value. `null` is `[]`; an object is a map with texts as keys. Throws `TermError`.
 */
export function decodeJson(bytes: Uint8Array, isRecordName: IsRecordName, limits: TermLimits): Term {
  const text = utf8Text(bytes);
  if (text === undefined) throw new TermError("not UTF-8");
  return new JsonDecoder(text, isRecordName, limits).whole();
}

const spaces = /[ \t\n\r]*/y;
const numbers = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const words = /true|false|null/y;
/** Bits in a decimal digit, rounded down. */
const bitsPerDigit = 3.3;

class JsonDecoder {
  readonly #text: string;
  readonly #isRecordName: IsRecordName;
  readonly #budget: Budget;
  #at = 0;

  constructor(text: string, isRecordName: IsRecordName, limits: TermLimits) {
    this.#text = text;
    this.#isRecordName = isRecordName;
    this.#budget = new Budget(limits);
  }

  whole(): Term {
    const term = this.#term();
    this.#match(spaces);
    if (this.#at < this.#text.length) throw new TermError("text after the value");
    return term;
  }

  #term(): Term {
    this.#budget.element();
    this.#match(spaces);
    switch (this.#text[this.#at]) {
      case "[":
        return this.#array();
      case "{":
        return this.#object();
      case '"':
        return this.#string();
      case "t":
      case "f":
      case "n":
        return this.#word();
      default:
        return this.#number();
    }
  }

  #array(): Term {
    const items: Term[] = [];
    this.#members("]", () => items.push(this.#term()));
    return tupleOrList(items, this.#isRecordName);
  }

  #object(): Term {
    const entries: [Term, Term][] = [];
    this.#members("}", () => {
      this.#budget.element();
      this.#match(spaces);
      if (this.#text[this.#at] !== '"') throw new TermError("not a JSON object");
      const key = this.#string();
      this.#match(spaces);
      if (!this.#take(":")) throw new TermError("not a JSON object");
      entries.push([key, this.#term()]);
    });
    return new TermMap(entries);
  }

  /** Reads the items between brackets, and the brackets. */
  #members(closing: string, member: () => void): void {
    this.#budget.enter();
    this.#at += 1;
    this.#match(spaces);
    if (!this.#take(closing)) {
      do {
        member();
        this.#match(spaces);
      } while (this.#take(","));
      if (!this.#take(closing)) throw new TermError("a bracket does not close");
    }
    this.#budget.leave();
  }

  #string(): Text {
    const from = this.#at;
    let quote = from;
    for (;;) {
      quote = this.#text.indexOf('"', quote + 1);
      if (quote === -1) throw new TermError("a string does not end");
      let slashes = 0;
      while (this.#text[quote - 1 - slashes] === "\\") slashes += 1;
      if (slashes % 2 === 0) break;
    }
    this.#at = quote + 1;
    const value = unquoted(this.#text.slice(from, this.#at));
    this.#budget.binaryBytes(Buffer.byteLength(value));
    return new Text(value);
  }

  #word(): Term {
    const word = this.#match(words)?.[0];
    if (word === undefined) throw new TermError("not JSON");
    return word === "null" ? [] : atom(word);
  }

  #number(): Term {
    const [digits, fraction, exponent] = this.#match(numbers) ?? [];
    if (digits === undefined) throw new TermError("not JSON");
    if (fraction === undefined && exponent === undefined) {
      if (digits.length * bitsPerDigit > this.#budget.limits.bigIntegerBytesMax * 8) {
        throw new TermError("an integer too big");
      }
      return integerTerm(BigInt(digits));
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) throw new TermError("a float that is not finite");
    return new Float(value);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }
}

function unquoted(quoted: string): string {
  let value: unknown;
  try {
    value = JSON.parse(quoted);
  } catch (cause) {
    throw new TermError("not a JSON string", { cause });
  }
  if (typeof value !== "string" || !value.isWellFormed()) throw new TermError("a string is not Unicode");
  return value;
}

/** Encodes a term: atoms and printable binaries as strings, other binaries as base64. */
export const encodeJson = (term: WireTerm): Uint8Array<ArrayBuffer> => binary(json(term));

function json(term: WireTerm): string {
  if (typeof term === "number" || typeof term === "bigint") return BigInt(term).toString();
  if (term instanceof Uint8Array) return JSON.stringify(printableText(term) ?? base64(term));
  if (term instanceof Atom) return JSON.stringify(term.name);
  const items = term instanceof Tuple ? term.items : term;
  return `[${items.map(json).join(",")}]`;
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
