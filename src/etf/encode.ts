/**
 * Encodes the terms that the server sends, with only the tags that every known client reads: 97, 98, 100, 104, 106,
 * 108, 109 and 110 (docs/protocols/erlang-terms.md § Encodings). A term without such a tag is no `WireTerm`.
 */
import { assert } from "../lib/assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import { integerMagnitude, writeInteger } from "./integers.ts";
import {
  Atom,
  BitString,
  binary,
  CharList,
  Float,
  ImproperList,
  Opaque,
  type Term,
  TermMap,
  Text,
  Tuple,
} from "./term.ts";

/**
 * A `number` is an integer. An atom has at most 255 characters of Latin-1, a tuple at most 255 items, an integer at
 * most 255 bytes. Encoding throws for a term beyond these bounds, which is a defect of its caller. `echoed` keeps to
 * the bounds by itself.
 */
export type WireTerm = number | bigint | Atom | Uint8Array | Tuple<WireTerm> | readonly WireTerm[];

export function encodeTerm(term: WireTerm): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.uint8(131);
  write(writer, term);
  return writer.written();
}

function write(writer: ByteWriter, term: WireTerm): void {
  if (typeof term === "number" || typeof term === "bigint") {
    assert(isWireInteger(term), "an integer with a tag of the wire");
    writeInteger(writer, term);
  } else if (term instanceof Uint8Array) {
    writer.uint8(109);
    writer.uint32(term.byteLength);
    writer.bytes(term);
  } else if (term instanceof Atom) {
    assert(isWireAtom(term), "an atom with a tag of the wire");
    writer.uint8(100);
    writer.uint16(term.name.length);
    writer.bytes(Buffer.from(term.name, "latin1"));
  } else if (term instanceof Tuple) {
    assert(isWireTuple(term), "a tuple with a tag of the wire");
    writer.uint8(104);
    writer.uint8(term.items.length);
    for (const item of term.items) write(writer, item);
  } else {
    if (term.length > 0) {
      writer.uint8(108);
      writer.uint32(term.length);
      for (const item of term) write(writer, item);
    }
    writer.uint8(106);
  }
}

const isWireInteger = (term: number | bigint): boolean =>
  typeof term === "number" ? Number.isSafeInteger(term) : integerMagnitude(term).byteLength <= 255;

const latin1 = /^[\0-\xff]{0,255}$/;
const isWireAtom = (term: Atom): boolean => latin1.test(term.name);

const isWireTuple = (term: Tuple<unknown>): boolean => term.items.length <= 255;

/**
 * Converts a peer's own term to send it back. A string of the other dialects becomes a binary, a char list a list; a
 * term without a tag of the wire becomes `[]` (V10).
 */
export function echoed(term: Term): WireTerm {
  if (typeof term === "number" || typeof term === "bigint") return isWireInteger(term) ? term : [];
  if (term instanceof Uint8Array) return term;
  if (term instanceof Text) return binary(term.value);
  if (term instanceof Atom) return isWireAtom(term) ? term : [];
  if (term instanceof CharList) return [...term.bytes];
  if (term instanceof Tuple) return isWireTuple(term) ? new Tuple(term.items.map(echoed)) : [];
  if (isOther(term)) return [];
  return term.map(echoed);
}

const isOther = (term: Term): term is Float | ImproperList | BitString | TermMap | Opaque =>
  term instanceof Float ||
  term instanceof ImproperList ||
  term instanceof BitString ||
  term instanceof TermMap ||
  term instanceof Opaque;
